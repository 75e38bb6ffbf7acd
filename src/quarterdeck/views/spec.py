"""What a view is to those who serve it.

Rule: a view is a pure function. What it needs of memory is fetched by its ``recall`` first and passed in as data, so
that the same page can be made of the present, of a past moment, or of invented data in a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall

Make: TypeAlias = Callable[[Judged, Asked, Any], View]
Fetch: TypeAlias = Callable[[Recall, Asked, datetime], Any]
NO_PARAMS: Mapping[str, Param] = MappingProxyType({})


class Spec(NamedTuple):
    """A view: how it is called, made, fed and addressed."""

    title: str
    make: Make
    """``make(judged, asked, recalled)``; ``recalled`` is None when there is no ``recall`` or no memory."""
    key: str = ""
    """The letter after ``g`` that leads here; none for pages that are reached through others."""
    recall: Fetch | None = None
    """``recall(memory, asked, now)`` fetches what the view needs of memory. Runs outside the event loop."""
    params: Mapping[str, Param] = NO_PARAMS
    template: str = "list.html"
