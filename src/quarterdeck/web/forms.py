"""What is sent by a form: the one place where it is seen that it was made here, for whoever sends it.

Rule: whatever changes anything is a route that is made by ``posted``. It runs for a person, with the fields of a form
that a page of ours made for that very person, and for nobody and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from quarterdeck.access.armour import Header
from quarterdeck.access.csrf import Forms
from quarterdeck.access.identity import Person
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.web.address import Refusal
from quarterdeck.web.answers import TEXT, Answer, answer
from quarterdeck.web.app import Ask, Handler

Fields = dict[str, str]
Work = Callable[[Ask, Person, Fields], Awaitable[Answer]]


def posted(forms: Forms, work: Work) -> Handler:
    """Return what answers a form."""

    async def handler(ask: Ask) -> Answer:
        fields = None if ask.person is None else forms.read(ask.person, ask.body)
        if ask.person is None or fields is None:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "This form was not made for you as you are now, or before Quarterdeck was started anew. "
                "Go back, load its page again, and send it from there.",
            )
        try:
            return await work(ask, ask.person, fields)
        except LedgerUnavailableError as trouble:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was changed. {trouble}") from None

    return handler


def see(place: str, *more: Header) -> Answer:
    """Return the answer that sends a browser on to look at a page."""
    return answer(b"", TEXT, status=HTTPStatus.SEE_OTHER, more=((b"location", place.encode()), *more))
