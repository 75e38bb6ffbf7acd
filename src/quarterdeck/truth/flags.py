"""What there is to know of a pull request beside its class.

Rule 1: a change is sensitive when a path of it is, and also when not all of its paths are known.
Rule 2: a flag says only what is seen. What hangs on what is not known is no flag: the conditions say that it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from quarterdeck.truth import checks
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.judgement import Facts, ask, listed, words
from quarterdeck.truth.opinions import opinions, outstanding, requested
from quarterdeck.truth.reading import AnyReading


class Flag(NamedTuple):
    """Something to know of a pull request, whatever its class."""

    id: str
    text: str
    readings: tuple[AnyReading, ...]


def is_sensitive(f: Facts) -> bool:
    """Whether the change takes judgement: a path of it is sensitive, or not all of them are known."""
    files = f.get(G.PULL_FILES)
    return files is None or not files.whole or len(files.sensitive) > 0


def _sensitive(f: Facts) -> str:
    found = f[G.PULL_FILES].sensitive
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    return f"changes {found[0].path} ({SENSITIVE[found[0].why]} {found[0].by}){more}" if found else ""


SENSITIVE: Final = {"setting": "sensitive by the settings:", "protected": "protected:", "owned": "owned:"}


def _of_unknown_paths(f: Facts) -> str:
    files = f.get(G.PULL_FILES)
    return "" if files is not None and files.whole else "not all it changes is known: it counts as sensitive"


def _still(f: Facts) -> str:
    return f"nobody has moved it for {words(f.age(stirred_at(f)))}" if is_still(f) else ""


def stirred_at(f: Facts) -> datetime:
    """Return when somebody last did something to it; where nobody has, when it was opened."""
    return f[G.PULL_STIRRED_AT] or f[G.PULL_OPENED_AT]


def is_still(f: Facts) -> bool:
    """Whether nobody has done anything to it for too long; what bots do does not count."""
    return f.age(stirred_at(f)) > f.thresholds.work_still_s


def _unchecked(f: Facts) -> str:
    return "no check has looked at it" if checks.none_ran(f) else ""


def _failing_besides(f: Facts) -> str:
    found = [check.context for check in checks.besides(f)]
    return f"{listed(found)} {'fails' if len(found) == 1 else 'fail'}, though the branch does not ask" if found else ""


def _untold(f: Facts) -> str:
    rule = f[G.PULL_RULE]
    told = rule.whole and rule.stale_approvals_ignored is not None
    return "" if told or not rule.protected else "what its branch asks for is told only to an admin of the repository"


def _objects_besides(f: Facts) -> str:
    asked = (each for each in opinions(f[G.PULL_REVIEWS]) if each.state == "changes requested" and not each.dismissed)
    found = [each.who for each in asked if not each.official]
    return f"{listed(found)} asked for changes, which does not count for the branch" if found else ""


def _asked_besides(f: Facts) -> str:
    must = {each.who for each in requested(f)}
    found = [each.who for each in outstanding(f[G.PULL_REVIEWS]) if each.who not in must]
    return f"a review by {listed(found)} was asked for, and does not keep it from being merged" if found else ""


def _scheduled(f: Facts) -> str:
    return "the forge merges it by itself as soon as it may" if f[G.PULL_AUTO_MERGE] else ""


FLAGS: Final[Mapping[str, Callable[[Facts], str]]] = MappingProxyType(
    {
        "sensitive": _sensitive,
        "files not known": _of_unknown_paths,
        "stale": _still,
        "no checks": _unchecked,
        "other checks failing": _failing_besides,
        "rule not told": _untold,
        "objection that does not count": _objects_besides,
        "review asked for": _asked_besides,
        "auto-merge": _scheduled,
    }
)
"""What there is to know, by its name: the words for it, and none where it is not so."""


def flags(f: Facts) -> tuple[Flag, ...]:
    """Return what there is to know of it beside its class; what hangs on what is not known is no flag."""
    found = ((name, ask(f, look)) for name, look in FLAGS.items())
    return tuple(Flag(name, answer.value, answer.readings) for name, answer in found if answer.value)
