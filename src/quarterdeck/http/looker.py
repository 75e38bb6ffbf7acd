"""Those who may only look."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.http.addresses import resolved
from quarterdeck.http.client import Answer, Client
from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import Deadline
from quarterdeck.http.line import Line


class Looker(Client):
    """Somebody who can only look: there is no method that writes."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for what is at an address.

        Raises:
            HttpError: when there is no answer.
        """
        return self._twice("GET", url, headers or {})

    def head(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for the head of what is at an address.

        Raises:
            HttpError: when there is no answer.
        """
        return self._twice("HEAD", url, headers or {})

    def reach(self, host: str, port: int) -> float:
        """Open a connection and close it again; return the seconds it took.

        Raises:
            HttpError: when it cannot be opened.
        """
        deadline = Deadline(self._limits.total_s, self._monotonic)
        line = Line(resolved(host, port, self._resolve, deadline, self._limits), deadline, self._limits)
        try:
            line.connect_tcp(host, port)
            return deadline.took_s
        finally:
            line.close()

    def _twice(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            return self._ask(method, url, headers=headers)
        except HttpError as error:
            if error.fault is not Fault.CUT:
                raise
        return self._ask(method, url, headers=headers)
