"""``quarterdeck evidence VIEW --out FILE``: one view as a file that can be kept, handed on and checked anywhere.

Rule 1: nothing is overwritten, and nothing half-written lies under the name that was asked for.
Rule 2: what leaves this machine says nothing of its folders: commands to paste are left out, homes are named by their
        instance. Readings are those that the policy of each instance lets through; there are no others. Whatever looks
        like a credential is masked once more, whoever let it in.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck import __version__
from quarterdeck.errors import UsageError
from quarterdeck.redaction import clean

if TYPE_CHECKING:
    from quarterdeck.cli.evidence_key import Signer
    from quarterdeck.cli.look import Remember, Wanted
    from quarterdeck.redaction.scanner import SecretScanner
    from quarterdeck.views.model import View

ABOUT = "Write a view, with every reading behind it, into one signed file that anybody can check offline."


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the view cannot be made, or the file not written.
    """
    from quarterdeck.cli.show_command import parsed, view_parser
    from quarterdeck.views import VIEWS

    parser = view_parser("evidence", ABOUT, VIEWS)
    parser.add_argument("--out", metavar="FILE", type=_file, required=True, help="the file to write; it must not exist")
    parser.add_argument(
        "--scanner",
        choices=["gitleaks"],
        help="write it only when this program, too, finds no secret in it (else it is not asked)",
    )
    given, wanted = parsed(parser, argv, VIEWS)
    return evidence(wanted, given.out, scanner=_scanner(given.scanner))


def _scanner(name: str | None) -> SecretScanner | None:
    if name is None:
        return None
    from quarterdeck.sources.outside_scanner import Gitleaks

    return Gitleaks()


def _file(name: str) -> Path:
    if not name:
        raise argparse.ArgumentTypeError("is empty; name a file")
    return Path(name)


def evidence(
    wanted: Wanted,
    out: Path,
    *,
    remember: Remember | None = None,
    state: Path | None = None,
    scanner: SecretScanner | None = None,
) -> int:
    """Make evidence of a view, say what it is, and return the exit code.

    Raises:
        QuarterdeckError: when the view cannot be made, or the file not written.
    """
    from quarterdeck import wiring
    from quarterdeck.cli.evidence_file import build
    from quarterdeck.cli.evidence_key import Signer
    from quarterdeck.cli.look import look
    from quarterdeck.views.contract import as_json

    if out.exists():
        raise UsageError(f"{out} exists already", "Evidence overwrites nothing: name another file.")
    seen = look(wanted, remember)
    view, signer = seen.view, Signer(state or state_folder())
    data = without_places(as_json(view), seen.homes)
    if scanner is not None:
        must_be_clean(data, scanner)
    about = about_of(view, seen.known_since, wiring.utc_now(), signer)
    content, chain = build(about, data, signer.sign)
    write(out, content)
    signer.note(chain)
    sys.stdout.write(
        f"{out}: {view.title}, {'as known' if view.past else 'known'} at {about['at']}, {len(view.rows)} rows.\n"
        f"Signed by {signer.public}\n"
        f"Check it anywhere: quarterdeck verify {out} --key {signer.public}\n"
    )
    return 0


def must_be_clean(data: Mapping[str, Any], scanner: SecretScanner) -> None:
    """Refuse what a second opinion takes for a secret.

    Raises:
        UsageError: when it does, or when it gives no opinion.
    """
    from quarterdeck.cli.evidence_file import canonical
    from quarterdeck.sources.files import SourceError

    try:
        found = scanner.scan(canonical(data).decode())
    except SourceError as error:
        raise UsageError(
            f"The evidence is not written: the scanner gave no answer ({error.detail})",
            "See to that program, or leave out --scanner.",
        ) from None
    if found:
        raise UsageError(
            f"The evidence is not written: the scanner takes something in it for a secret ({', '.join(found)})",
            "Look at the view for it; leave out --scanner if it is none.",
        )


def about_of(view: View, known_since: datetime | None, now: datetime, signer: Signer) -> dict[str, Any]:
    """Say what the evidence is about."""
    from quarterdeck.cli.evidence_file import FORMAT
    from quarterdeck.truth.shapes import dump

    return {
        "format": FORMAT,
        "release": __version__,
        "made_at": dump(now),
        "view": view.name,
        "title": view.title,
        "instance": view.instance,
        "words": dict(view.asked.words),
        "at": dump(view.at),
        "past": view.past,
        "history_since": dump(known_since),
        "previous": signer.last,
        "key": signer.public,
    }


def without_places(data: Any, homes: Mapping[str, str]) -> Any:  # noqa: ANN401 -- JSON
    """Return data without commands to paste, with homes named by their instance and credentials masked."""
    if isinstance(data, dict):
        kept = {key: without_places(value, homes) for key, value in data.items() if key != "links"}
        if "links" in data:
            links = [link for link in data["links"] if link.get("kind") != "command"]
            kept["links"] = [without_places(link, homes) for link in links]
        return kept
    if isinstance(data, list):
        return [without_places(each, homes) for each in data]
    if isinstance(data, str):
        for home, name in homes.items():
            data = data.replace(home, name)
        return clean(data)
    return data


def write(out: Path, content: bytes) -> None:
    """Write a file whole, under a name that nothing has yet.

    Raises:
        UsageError: when it cannot be written, or something has that name by now.
    """
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        os.link(draft, out)
    except FileExistsError:
        raise UsageError(f"{out} exists already", "Evidence overwrites nothing: name another file.") from None
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written ({os.strerror(error.errno or 0)})", "Name a file in a folder of yours."
        ) from None
    finally:
        with suppress(OSError):
            draft.unlink()


def state_folder() -> Path:
    """Return where this user's programs keep what must last."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "quarterdeck"
