"""How the exporter keeps its file of session summaries, to which it only ever adds.

Rule 1: what a reader has read stays where it is. Records are appended, and a full file becomes a numbered segment. Only
        a change of what may be told (or of the instance) begins anew, and then nothing of the old remains.
Rule 2: records are durable before the cursor moves. A writer killed between the two repeats records, which does no harm
        (``quarterdeck.sources.exporter.sessions``); one killed within a record leaves a torn line, which goes.
Rule 3: one writer at a time. A second one leaves the file to the first.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from quarterdeck.cli.export_place import OWN, READABLE, Place, write
from quarterdeck.errors import UsageError
from quarterdeck.sources.exporter.sessions import (
    HEADER_LIMIT,
    Header,
    encode_header,
    encode_record,
    parse_header,
    segment_name,
)

SEGMENT_BYTES: Final = 16_000_000
SEGMENTS_KEPT: Final = 16
"""Full segments that stay readable beside the one that grows."""

CHUNK: Final = 65_536
CURSOR_LIMIT: Final = 4_000_000
MARK: Final = b'{"schema":"quarterdeck/sessions/'
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
APPENDED: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

Cursor = Mapping[str, Any] | None
Gather = Callable[[Cursor], tuple[Iterable[Mapping[str, Any]], Cursor]]
"""Asks for everything after a cursor; gives the records and where to go on."""


class Saved(NamedTuple):
    """What the writer remembers from one run to the next, in a file of its own."""

    epoch: str
    segment: int
    bytes: int
    records: int
    withheld: int
    """Sessions whose very name was not fit to be told."""
    cursor: Cursor


class BusyError(Exception):
    """Another writer has the stream."""


class Stream(NamedTuple):
    """The stream called ``name`` in a folder: whose it is, and what may be told in it."""

    place: Place
    name: str
    instance: str
    titles: bool
    segment_bytes: int = SEGMENT_BYTES

    def extend(self, gather: Gather) -> dict[str, Any] | None:
        """Append what is new; return what the snapshot says of the stream, or nothing while another writer has it."""
        with ExitStack() as stack:
            try:
                descriptor, header = self._settle(stack)
            except BusyError:
                return None
            saved = self._saved(descriptor, header)
            records, cursor = gather(saved.cursor)
            lines = [encode_record(record, titles=self.titles) for record in records]
            data = b"".join(filter(None, lines))
            if data:
                write(descriptor, data)
                os.fsync(descriptor)
            now = saved._replace(
                bytes=_size(descriptor),
                records=saved.records + len(lines) - lines.count(None),
                withheld=saved.withheld + lines.count(None),
                cursor=cursor,
            )
            if now != saved:
                self.place.replace(self._cursor, json.dumps(now._asdict()).encode(), OWN)
        about = now._asdict()
        del about["cursor"]
        return {"file": self.name, **about}

    @property
    def _cursor(self) -> str:
        return f"{self.name}.cursor"

    def _settle(self, stack: ExitStack) -> tuple[int, Header]:
        """Open the segment that grows; see that it is of this stream, has room, and ends with a whole line."""
        self.place.require_own(self.name)
        descriptor = self._open(stack)
        header = self._header(descriptor)
        if header and not self._owns(header):
            self.place.remove(self.name)
            return self._begin(stack)
        if header and _size(descriptor) < self.segment_bytes:
            _mend(descriptor)
            return descriptor, header
        if header:
            full = segment_name(self.name, header.segment)
            os.rename(self.name, full, src_dir_fd=self.place.descriptor, dst_dir_fd=self.place.descriptor)
        else:
            self.place.remove(self.name)  # nothing was in it, or half of a first line
        return self._begin(stack)

    def _owns(self, header: Header) -> bool:
        return (header.instance, header.titles) == (self.instance, self.titles)

    def _open(self, stack: ExitStack, how: int = os.O_CREAT) -> int:
        """Open the file for this writer alone."""
        try:
            descriptor = os.open(self.name, APPENDED | how, READABLE, dir_fd=self.place.descriptor)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = os.stat(self.name, dir_fd=self.place.descriptor, follow_symlinks=False)
        except (BlockingIOError, FileExistsError, FileNotFoundError):
            raise BusyError from None
        if there.st_ino != os.fstat(descriptor).st_ino:
            raise BusyError
        os.fchmod(descriptor, READABLE)
        return descriptor

    def _header(self, descriptor: int) -> Header | None:
        """Read the first line; nothing when it is not there yet, or was left unfinished."""
        start = os.pread(descriptor, HEADER_LIMIT, 0)
        line, end, _ = start.partition(b"\n")
        if not MARK.startswith(start[: len(MARK)]):
            raise UsageError(f"{self.name} beside --out was written by something else", "Move it away.")
        return parse_header(line) if end else None

    def _begin(self, stack: ExitStack) -> tuple[int, Header]:
        """Begin the next segment of the stream, or a new stream where the old one cannot go on."""
        segments = self._segments()
        last = self._header_of_segment(segments[-1]) if segments else None
        if last and self._owns(last):
            oldest = max(segments[0], last.segment + 1 - SEGMENTS_KEPT)
            header = last._replace(segment=last.segment + 1, oldest=oldest)
        else:
            header = Header(self.instance, self.titles, os.urandom(8).hex())
            oldest = segments[-1] + 1 if segments else 1
        for segment in segments:
            if segment < oldest:
                self.place.remove(segment_name(self.name, segment))
        descriptor = self._open(stack, os.O_CREAT | os.O_EXCL)
        write(descriptor, encode_header(header))
        os.fsync(descriptor)
        os.fsync(self.place.descriptor)
        return descriptor, header

    def _segments(self) -> list[int]:
        """Return the numbers of the full segments that are there."""
        stem, _, ending = self.name.rpartition(".")
        pattern = re.compile(rf"{re.escape(stem)}\.(\d{{6,}})\.{re.escape(ending)}")
        return sorted(int(found[1]) for name in self.place.names() if (found := pattern.fullmatch(name)))

    def _header_of_segment(self, segment: int) -> Header | None:
        name = segment_name(self.name, segment)
        self.place.require_own(name)
        descriptor = os.open(name, READ, dir_fd=self.place.descriptor)
        try:
            return self._header(descriptor)
        finally:
            os.close(descriptor)

    def _saved(self, descriptor: int, header: Header) -> Saved:
        """Return what was remembered. What does not fit the file is forgotten: then everything is told again."""
        size = _size(descriptor)
        saved = self._remembered()
        if saved is None or saved.epoch != header.epoch or (saved.segment, saved.bytes) > (header.segment, size):
            saved = NOTHING._replace(epoch=header.epoch)
        if (saved.segment, saved.bytes) == (header.segment, size):
            return saved
        return saved._replace(segment=header.segment, bytes=size, records=_lines(descriptor) - 1)

    def _remembered(self) -> Saved | None:
        try:
            descriptor = os.open(self._cursor, READ, dir_fd=self.place.descriptor)
        except OSError:
            return None
        try:
            return _understood(json.loads(os.read(descriptor, CURSOR_LIMIT)))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # it is made anew, and what was told is told again
        finally:
            os.close(descriptor)


def _understood(found: Mapping[str, Any]) -> Saved | None:
    epoch, cursor = found["epoch"], found["cursor"]
    segment, size, records, withheld = (found[name] for name in ("segment", "bytes", "records", "withheld"))
    counts = (segment, size, records, withheld)
    if not all(isinstance(count, int) for count in counts) or not isinstance(cursor, dict | None):
        return None
    return Saved(str(epoch), segment, size, records, withheld, cursor)


NOTHING: Final = Saved("", 0, 0, 0, 0, None)


def _size(descriptor: int) -> int:
    return os.fstat(descriptor).st_size


def _mend(descriptor: int) -> None:
    """Cut off a last line without its end: its writer died, and nobody has read it."""
    end = size = _size(descriptor)
    while end > 0:
        start = max(0, end - CHUNK)
        last = os.pread(descriptor, end - start, start).rfind(b"\n")
        if last >= 0:
            end = start + last + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)


def _lines(descriptor: int) -> int:
    count, offset = 0, 0
    while chunk := os.pread(descriptor, CHUNK, offset):
        count += chunk.count(b"\n")
        offset += len(chunk)
    return count
