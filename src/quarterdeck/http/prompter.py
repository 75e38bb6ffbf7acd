"""Those who may send a document to a service that answers it: a model that is asked to say a word."""

from __future__ import annotations

import json

from quarterdeck.http.client import Answer, Client


class Prompter(Client):
    """Somebody who may send a document. Given only to what the operator has switched on; never asks twice."""

    def post(self, url: str, document: object) -> Answer:
        """Send a document as JSON.

        Raises:
            HttpError: when there is no answer.
        """
        content = json.dumps(document).encode()
        return self._ask("POST", url, content=content, headers={"Content-Type": "application/json"})
