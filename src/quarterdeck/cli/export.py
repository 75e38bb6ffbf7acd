"""``quarterdeck export``: look at one home as its own user, and write down what may be known of it.

Rule 1: the home is only read, and only by its owner. What is written goes where ``--out`` says, outside of it, or to
        standard output.
Rule 2: what could not be learnt is written down as that; it is no reason to write nothing. Exit codes: 0 written,
        1 not written (the disk is full, the folder may not be written), 2 asked for wrongly, 70 our own mistake.
Rule 3: nothing is written in which a secret of the agent stands. What is told of it has been masked before; this is
        the wall behind that.
Rule 4: this runs every 30 seconds on somebody's machine, so it imports nothing that it does not need, neither the web
        nor the terminal, and settings only where they are asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quarterdeck import __version__
from quarterdeck.errors import QuarterdeckError, UsageError
from quarterdeck.truth.instance import Instance

if TYPE_CHECKING:
    from quarterdeck.cli.export_place import Place
    from quarterdeck.cli.export_stream import Cursor
    from quarterdeck.sources.hermes.keys import Keys

PROGRAM: Final = "quarterdeck export"
PROFILES: Final = "profiles"
WIDTH: Final = 100
WRITTEN, NOT_WRITTEN, WRONG, OUR_MISTAKE = 0, 1, 2, 70


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when it was asked for wrongly.
    """
    began = time.perf_counter()
    wanted = _parser().parse_args(argv)
    _require_own(wanted.home)
    instance = _instance(wanted.home, wanted.id, wanted.config)
    now = datetime.now(UTC)
    try:
        if wanted.out is None:
            sys.stdout.buffer.write(_snapshot(instance, now, began))
            sys.stdout.buffer.flush()
            return WRITTEN
        return _put(wanted.out, instance, now, began)
    except OSError as error:
        return _not_written("snapshot", error)


def _parser() -> argparse.ArgumentParser:
    about = "Look at one home, and write down what may be known of it: one JSON document, and no texts."
    form = partial(argparse.HelpFormatter, width=WIDTH)  # else argparse loads much only to measure the terminal
    parser = argparse.ArgumentParser(prog=PROGRAM, description=about, allow_abbrev=False, formatter_class=form)
    parser.add_argument("--home", metavar="DIR", type=_path, required=True, help="the home to look at")
    parser.add_argument("--out", metavar="FILE", type=_path, help="the snapshot to write (else standard output)")
    parser.add_argument("--id", metavar="ID", type=_id, help="the instance's id (else as its home suggests)")
    parser.add_argument("--config", metavar="FILE", type=_path, help="settings that hold its policy (else none)")
    return parser


def _path(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 -- takes out ".." without following


def _id(text: str) -> str:
    from quarterdeck.truth.shapes import Ident, ShapeError

    try:
        return Ident().load(text)
    except ShapeError:
        raise argparse.ArgumentTypeError("not an id: use small letters, digits and hyphens") from None


def _require_own(home: Path) -> None:
    from quarterdeck.sources.own import stranger

    owner = stranger(home)
    if owner is not None:
        raise UsageError(f"The home belongs to {owner}", "Run the exporter as its owner; quarterdeck units says how.")


def _instance(home: Path, identity: str | None, config: Path | None) -> Instance:
    """Return who is exported, and under which policy."""
    if identity is not None and config is None:
        is_profile = home.parent.name == PROFILES
        root, profile = (home.parent.parent, home.name) if is_profile else (None, None)
        return Instance(identity, identity, home=home, root=root, profile=profile)
    from quarterdeck import settings

    found = settings.load(config, (home,)).instances
    instance = next(one for one in found if one.home is not None and Path(one.home).samefile(home))
    return instance if identity is None else replace(instance, id=identity, label=identity)


def _put(out: Path, instance: Instance, now: datetime, began: float) -> int:
    from quarterdeck.cli.export_place import READABLE, Place
    from quarterdeck.sources.hermes.keys import Keys

    keys = Keys(instance)
    with Place(out.parent, [Path(home) for home in (instance.home, instance.root) if home]) as place:
        place.require_own(out.name)
        sessions, code = _sessions(place, f"{out.name}.sessions.jsonl", instance, now, keys)
        place.replace(out.name, _snapshot(instance, now, began, sessions, keys), READABLE)
    return code


def _snapshot(
    instance: Instance,
    now: datetime,
    began: float,
    sessions: Mapping[str, Any] | None = None,
    keys: Keys | None = None,
) -> bytes:
    from quarterdeck.sources.exporter.document import encode, render
    from quarterdeck.sources.hermes import HermesSource

    source = HermesSource(instance, secret=keys)
    readings = list(source.look(now))
    took_ms = (time.perf_counter() - began) * 1000
    host = os.uname().nodename
    data = encode(render(instance, readings, now, version=__version__, host=host, took_ms=took_ms, sessions=sessions))
    if source.secrets.stand_in(data.decode()):
        raise UsageError(
            "The snapshot is not written: a secret of the agent stands in it where masking does not reach",
            "See which value of its secret files is the same as a name or a word that is no secret, and change it.",
        )
    return data


def _sessions(
    place: Place, name: str, instance: Instance, now: datetime, keys: Keys
) -> tuple[Mapping[str, Any] | None, int]:
    """Tell the sessions that changed. Whatever goes wrong with them, the snapshot is still written, without them."""
    from quarterdeck.cli.export_stream import Stream

    stream = Stream(place, name, instance.id, instance.policy.session_titles)
    try:
        return stream.extend(lambda cursor: _changes(instance, cursor, now, keys)), WRITTEN
    except OSError as error:
        return None, _not_written("sessions", error)
    except QuarterdeckError as error:
        return None, _say(str(error), WRONG)
    except Exception as error:  # noqa: BLE001 -- said below, by its place: its words may quote the home
        from quarterdeck.cli.discreet import where

        said = f"The sessions could not be told, and that is our own mistake: {where(error)}. Please report this line."
        return None, _say(said, OUR_MISTAKE)


def _changes(instance: Instance, cursor: Cursor, now: datetime, keys: Keys) -> tuple[list[dict[str, Any]], Cursor]:
    """Ask the home for sessions that changed. A database that cannot be read has none; the snapshot says why."""
    from quarterdeck.sources.files import SourceError
    from quarterdeck.sources.hermes import stream

    before = stream.Cursor.from_json(cursor)
    try:
        told, after = stream.changes(Path(str(instance.home)), instance, before, now, keys=keys)
    except SourceError:
        return [], cursor
    if not told and after._replace(revision=before.revision) == before:
        return [], cursor  # the next revision has moved with the clock, and nothing else has
    return [summary.as_record() for summary in told], after.as_json()


def _not_written(what: str, error: OSError) -> int:
    why = os.strerror(error.errno).lower() if error.errno else type(error).__name__
    return _say(f"The {what} could not be written: {why}. See to the folder of --out.", NOT_WRITTEN)


def _say(words: str, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {words}\n")
    return code
