"""Picks a few values out of a YAML file, and makes nothing of the rest.

Rule 1: such a file holds keys and addresses beside what is wanted. It is read as a stream of events, and a value that
        is not asked for is never made.
Rule 2: the stream is left as soon as it is deeper or longer than a configuration can be. A file cannot make its reader
        work more than it is worth.
Rule 3: aliases and merges are not followed. A value that hides behind one is not known, rather than taken for unset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import yaml
from yaml import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.resolver import Resolver

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

DEPTH_LIMIT = 50
EVENTS_LIMIT = 50_000
"""Thirty times what the agent's own full configuration takes."""

TAG = "tag:yaml.org,2002:"
TRUE = {"yes", "true", "on"}
MERGE = "<<"
INT_DIGITS = 18
NO_KEYS: Mapping[str, Any] = MappingProxyType({})
RESOLVER = Resolver()

STEPS: dict[type[Event], int] = {
    MappingStartEvent: 1,
    SequenceStartEvent: 1,
    MappingEndEvent: -1,
    SequenceEndEvent: -1,
}
"""How each event changes the depth."""

Value: TypeAlias = "str | int | bool | SourceError | Other | dict[str, Value] | list[Value] | None"
"""What may stand in a place of the file; an error where it is there and cannot be told."""


class Other:
    """Something is there: of another type than can be wanted, or not asked for."""


OTHER = Other()


class Wanted(NamedTuple):
    """What may be taken from one place of the file: a plain value, and what is named here."""

    keys: Mapping[str, Wanted] = NO_KEYS
    others: Wanted | None = None
    """What may be taken from keys that are not named."""
    items: Wanted | None = None
    plain: bool = True


def pick(data: bytes, wanted: Wanted) -> Value:
    """Return what is wanted of a YAML document.

    Raises:
        SourceError: when it is not one document of YAML, or larger than a configuration can be.
    """
    return _Picker(events(data)).document(wanted)


def events(data: bytes) -> Iterator[Event]:
    """Return what a YAML document is made of, piece by piece.

    Raises:
        SourceError: as ``pick`` does, when it comes to what is wrong.
    """
    if not data:
        raise SourceError(Reason.CORRUPT, "empty")
    try:
        yield from _bounded(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SourceError(Reason.CORRUPT, f"not YAML{where}") from None
    except (yaml.YAMLError, UnicodeError):
        raise SourceError(Reason.CORRUPT, "not YAML: it holds characters that text cannot have") from None


def _bounded(events: Iterator[Event]) -> Iterator[Event]:
    """Pass events on until there are too many or they nest too deeply."""
    depth = documents = 0
    for number, event in enumerate(events):
        depth += STEPS.get(type(event), 0)
        if depth > DEPTH_LIMIT:
            raise SourceError(Reason.CORRUPT, f"nested more than {DEPTH_LIMIT} deep: no configuration is")
        if number > EVENTS_LIMIT:
            raise SourceError(Reason.CORRUPT, "holds more values than a configuration can have")
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise SourceError(Reason.CORRUPT, "holds more than one document")
        elif not isinstance(event, DocumentEndEvent):
            yield event


class _Picker:
    """Goes through the events once, from the first to the last."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def document(self, wanted: Wanted) -> Value:
        """Return what is wanted of the one document; None when there is nothing but comments."""
        next(self._events)  # the start of the stream
        first = next(self._events)
        found = None if isinstance(first, StreamEndEvent) else self._value(first, wanted)
        for _ in self._events:  # to the end: a file that breaks further down is broken
            pass
        return found

    def _value(self, event: Event, wanted: Wanted | None) -> Value:
        if wanted is None:
            return self._passed_over(event)
        if isinstance(event, ScalarEvent):
            return _scalar(event) if wanted.plain else OTHER
        if isinstance(event, MappingStartEvent):
            return self._mapping(wanted) if wanted.keys or wanted.others else self._passed_over(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(wanted.items) if wanted.items else self._passed_over(event)
        return SourceError(Reason.SCHEMA, "set by reference to another place of the file, which is not followed")

    def _passed_over(self, event: Event) -> Value:
        depth = STEPS.get(type(event), 0)
        while depth:
            depth += STEPS.get(type(next(self._events)), 0)
        return OTHER

    def _mapping(self, wanted: Wanted) -> Value:
        found: dict[str, Value] = {}
        merged = False
        while not isinstance(key := next(self._events), MappingEndEvent):
            name = key.value if isinstance(key, ScalarEvent) else None
            if name is None:
                self._passed_over(key)
            merged = merged or name == MERGE
            sub = None if name is None else wanted.keys.get(name, wanted.others)
            value = self._value(next(self._events), sub)
            if sub is not None and name is not None:
                found[name] = value
        if merged:
            return SourceError(Reason.SCHEMA, "set by merging another place of the file, which is not followed")
        return found

    def _sequence(self, wanted: Wanted) -> Value:
        found = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            found.append(self._value(event, wanted))
        return found


def _scalar(event: ScalarEvent) -> Value:
    """Give a plain value the type that YAML means, as far as one of those is wanted."""
    tag = event.tag or (_implied(event.value) if event.implicit[0] else f"{TAG}str")
    if tag == f"{TAG}str":
        return event.value
    if tag == f"{TAG}null":
        return None
    if tag == f"{TAG}bool":
        return event.value.lower() in TRUE
    if tag == f"{TAG}int" and event.value.isdecimal() and len(event.value) < INT_DIGITS:
        return int(event.value)
    return OTHER


def _implied(value: str) -> str:
    """Return the type that YAML gives a plain value by its looks."""
    return str(RESOLVER.resolve(yaml.ScalarNode, value, (True, False)))  # type: ignore[no-untyped-call]
