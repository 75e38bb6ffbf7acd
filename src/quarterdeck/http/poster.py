"""Those who may send something: each to one address, which is fixed when it is made.

Rule: nothing else in the program sends anything over the network. What is sent goes to exactly that address, once: a
      redirect is an answer and is not followed, and nothing that was cut off is sent again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from urllib.parse import urlencode

from quarterdeck.http.addresses import Resolve, system_resolve
from quarterdeck.http.client import Answer, Client, parts_of
from quarterdeck.http.limits import LIMITS, Limits


class Poster(Client):
    """Somebody who may send to one address."""

    def __init__(
        self,
        address: str,
        limits: Limits = LIMITS,
        *,
        authorities: PurePath | None = None,
        resolve: Resolve = system_resolve,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``authorities`` is a file with the certificates to trust instead of the system's.

        Raises:
            HttpError: when the address is none that may be asked.
        """
        super().__init__(limits, authorities=authorities, resolve=resolve, monotonic=monotonic)
        parts_of(address)
        self._address = address

    def send_form(self, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Send fields as a browser sends a form.

        Raises:
            HttpError: when there is no answer.
        """
        return self._post("application/x-www-form-urlencoded", urlencode(fields).encode("ascii"), headers)

    def send_document(self, document: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a document as JSON.

        Raises:
            HttpError: when there is no answer.
        """
        return self._post("application/json", json.dumps(document).encode(), headers)

    def _post(self, kind: str, content: bytes, headers: Mapping[str, str] | None) -> Answer:
        return self._ask("POST", self._address, content=content, headers={**(headers or {}), "Content-Type": kind})
