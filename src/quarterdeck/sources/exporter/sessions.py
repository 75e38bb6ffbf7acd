"""The stream of session summaries beside a snapshot: its form, and how it is read.

Rule 1: one line of JSON for one session in one revision. Whoever reads keeps the highest revision of each session, so
        that reading a line twice, or lines of several runs, changes nothing.
Rule 2: what may stand in a record is the table below and nothing else, checked on the way out and on the way in. A
        title is let through only where the instance's policy says so.
Rule 3: the file only grows, and a full one becomes a numbered segment beside it. A reader remembers the epoch, the
        segment and the byte up to which it has read; a new epoch means that everything is told anew.
Rule 4: a line without its end is not read: it is being written, or its writer died and will remove it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Bool, Count, Ident, Instant, Number, Optional, Shape, ShapeError, Text, Word, dump

SCHEMA = "quarterdeck/sessions/1"
HEADER_LIMIT = 1_000
READ_LIMIT = 4_000_000

RECORD: dict[str, Shape[Any]] = {
    "id": Ident(),
    "revision": Count(),
    "source": Optional(Ident()),
    "parent": Optional(Ident()),
    "model": Optional(Ident()),
    "started_at": Optional(Instant()),
    "ended_at": Optional(Instant()),
    "end_reason": Optional(Word()),
    "messages": Optional(Count()),
    "tool_calls": Optional(Count()),
    "api_calls": Optional(Count()),
    "input_tokens": Optional(Count()),
    "output_tokens": Optional(Count()),
    "cache_read_tokens": Optional(Count()),
    "cache_write_tokens": Optional(Count()),
    "reasoning_tokens": Optional(Count()),
    "cost_usd": Optional(Number("USD")),
    "cost_status": Optional(Word()),
    "side_tokens": Optional(Count()),
    "side_cost_usd": Optional(Number("USD")),
}
"""What a record may say; ``null`` where the agent does not say it."""
HEADER: dict[str, Shape[Any]] = {
    "instance": Ident(),
    "titles": Bool(),
    "epoch": Ident(),
    "segment": Count(),
    "oldest": Count(),
}
TITLE: dict[str, Shape[Any]] = {"title": Optional(Text())}

UNFIT = object()
"""A value that has not the shape it should have."""

Record = Mapping[str, Any]
Path: TypeAlias = str | os.PathLike[str]

_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Header(NamedTuple):
    """The first line of every segment: whose sessions these are, and which part of the stream this is."""

    instance: str
    titles: bool
    epoch: str = ""
    segment: int = 1
    oldest: int = 1
    """The first segment that was still there when this one was begun."""


class Position(NamedTuple):
    """Up to where somebody has read. The default is before everything."""

    epoch: str = ""
    segment: int = 0
    offset: int = 0


class Batch(NamedTuple):
    """What was read, and where to go on."""

    records: tuple[Record, ...]
    position: Position
    refused: int
    """Lines that are not records this release understands."""
    more: bool
    """Whether there is more to read at once."""


def encode_header(header: Header) -> bytes:
    """Return the first line of a segment."""
    return _line({"schema": SCHEMA} | {name: getattr(header, name) for name in HEADER})


def parse_header(line: bytes) -> Header | None:
    """Understand the first line of a segment; None when it is not one of this format."""
    found = _object(line)
    if found.get("schema") != SCHEMA:
        return None
    parts = {name: _fit(shape, found.get(name)) for name, shape in HEADER.items()}
    return None if UNFIT in parts.values() else Header(**cast("dict[str, Any]", parts))


def encode_record(found: Record, *, titles: bool) -> bytes | None:
    """Return a record as a line; None when it cannot even be named."""
    record = told(found, titles=titles)
    return None if record is None else _line({name: dump(value) for name, value in record.items()})


def told(found: Record, *, titles: bool) -> Record | None:
    """Return what may be told of a session. What does not have its shape is null, and named under ``unfit``."""
    table = RECORD | TITLE if titles else RECORD
    record = {name: _fit(shape, found.get(name)) for name, shape in table.items()}
    if UNFIT in (record["id"], record["revision"]):
        return None
    before = found.get("unfit")
    before = before if isinstance(before, list | tuple) else ()
    unfit = [name for name in table if record[name] is UNFIT or name in before]
    return record | dict.fromkeys(unfit) | ({"unfit": unfit} if unfit else {})


def segment_name(name: str, segment: int) -> str:
    """Return the name of a full segment: of ``a.jsonl``, the first is ``a.000001.jsonl``."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{segment:06d}{dot}{ending}"


def sessions_since(path: Path, instance: Instance, position: Position, *, limit: int = READ_LIMIT) -> Batch:
    """Read on in the stream of an instance, at most ``limit`` bytes.

    Raises:
        SourceError: when there is no stream, or what is there is not one of this instance.
    """
    descriptor = files.open_regular(path)
    try:
        growing = _header_of(descriptor, instance)
        if position.epoch != growing.epoch:
            position = Position(growing.epoch, growing.oldest)
        if position.segment >= growing.segment:
            return _read(descriptor, growing, position._replace(segment=growing.segment), limit, full=False)
    finally:
        os.close(descriptor)
    return _read_full(path, growing, position, limit)


def _read_full(path: Path, growing: Header, position: Position, limit: int) -> Batch:
    """Read in a segment that no longer grows; one that was removed meanwhile is passed over."""
    try:
        descriptor = files.open_regular(segment_name(os.fspath(path), position.segment))
    except SourceError as error:
        if error.reason is not Reason.MISSING:
            raise
        return Batch((), Position(growing.epoch, position.segment + 1), 0, more=True)
    try:
        return _read(descriptor, growing, position, limit, full=True)
    finally:
        os.close(descriptor)


def _read(descriptor: int, growing: Header, position: Position, limit: int, *, full: bool) -> Batch:
    with files.translated():
        size = os.fstat(descriptor).st_size
        start = position.offset if position.offset <= size else 0
        data = os.pread(descriptor, limit, start)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == limit:
        raise SourceError(Reason.CORRUPT, "holds a line longer than any record; remove it and the exporter starts anew")
    lines = whole.splitlines()[1 if start == 0 else 0 :]
    parsed = [told(_object(line), titles=growing.titles) for line in lines]
    records = tuple(record for record in parsed if record is not None)
    end = start + len(whole)
    at_end = len(data) < limit
    beyond = Position(position.epoch, position.segment + 1) if full and at_end else position._replace(offset=end)
    return Batch(records, beyond, len(parsed) - len(records), more=full or not at_end)


def _header_of(descriptor: int, instance: Instance) -> Header:
    with files.translated():
        line, end, _ = os.pread(descriptor, HEADER_LIMIT, 0).partition(b"\n")
    header = parse_header(line) if end else None
    if header is None:
        raise SourceError(Reason.SCHEMA, f"does not begin as a stream of sessions of the form {SCHEMA}")
    if header.instance != instance.id:
        raise SourceError(Reason.SCHEMA, "it is the stream of another instance; give each exporter its own --out")
    return header._replace(titles=header.titles and instance.policy.session_titles)


def _fit(shape: Shape[object], value: object) -> object:
    try:
        return shape.load(value)
    except (ShapeError, OverflowError):
        return UNFIT


def _line(value: Mapping[str, Any]) -> bytes:
    return _json.encode(value).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
