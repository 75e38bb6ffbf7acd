"""Those who may send a document to a service that answers it: a model that is asked to say a word."""

from __future__ import annotations

from quarterdeck.http.client import Answer
from quarterdeck.http.limits import LIMITS, Limits
from quarterdeck.http.poster import Poster


class Prompter:
    """Somebody who may send a document. Given only to what the operator has switched on; never asks twice."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits

    def post(self, url: str, document: object) -> Answer:
        """Send a document as JSON.

        Raises:
            HttpError: when there is no answer.
        """
        return Poster(url, self._limits).send_document(document)
