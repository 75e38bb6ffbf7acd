"""Which checks a pull request must pass, and how each of them stands.

Rule 1: what counts is what the branch asks for. It asks by globs; one that nothing has answered to is still to come,
        and one that several checks answer to is met by all of them together.
Rule 2: where the branch asks for no check, every check that has reported counts. Where none has, there is none: that
        is never a success.
Rule 3: what was skipped did not fail. What warns counts as success for some releases of a forge and as failure for
        others, so that here it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.forge import Check
from quarterdeck.truth.judgement import Facts, words

FAILED: Final = frozenset({"failure", "error", "warning"})
PASSED: Final = frozenset({"success", "skipped"})
ANY: Final = "any check"
"""What is asked for where the branch wants checks and names none."""
ALTERNATIVES: Final = 64
"""A glob that stands for more than so many is not understood: nothing answers to it."""


REMEMBERED: Final = 1 << 13
"""The table asks several times, at each page, what is the same until a check moves: of so many it is remembered."""


class Wanted(NamedTuple):
    """A check that must pass: the glob or context by which it is asked for, and all that answers to it."""

    name: str
    state: str
    """``passed``, ``failed``, ``pending``, or ``missing`` when nothing has answered to it."""
    since: datetime | None
    """When the oldest of those checks came into that state; None where that is not told."""
    checks: tuple[Check, ...]


def wanted(f: Facts) -> tuple[Wanted, ...]:
    """Return all checks that must pass, in the order they are asked for."""
    return _wanted(f[G.PULL_RULE].checks, f[G.PULL_CHECKS])


@lru_cache(maxsize=REMEMBERED)
def _wanted(asked: tuple[str, ...] | None, checks: tuple[Check, ...]) -> tuple[Wanted, ...]:
    if asked:
        return tuple(_stands(glob, [check for check in checks if answers(glob, check.context)]) for glob in asked)
    if checks:
        return tuple(_stands(check.context, [check]) for check in checks)
    return () if asked is None else (_stands(ANY, []),)


def _stands(name: str, checks: Iterable[Check]) -> Wanted:
    """Say how what is asked for stands: as the worst of what answers to it."""
    checks = tuple(checks)
    for state, among in (("failed", FAILED), ("pending", frozenset({"pending"})), ("passed", PASSED)):
        found = [check.at for check in checks if check.state in among]
        if found:
            return Wanted(name, state, min((at for at in found if at is not None), default=None), checks)
    return Wanted(name, "missing", None, checks)


def failing(f: Facts) -> tuple[Wanted, ...]:
    """Return the checks that have failed."""
    return tuple(each for each in wanted(f) if each.state == "failed")


def open_ones(f: Facts) -> tuple[Wanted, ...]:
    """Return the checks that have not ended, or not even begun."""
    return tuple(each for each in wanted(f) if each.state in ("pending", "missing"))


def open_since(f: Facts, check: Wanted) -> datetime | None:
    """Say since when a check is waited for: since it said so itself, else since the head is there."""
    return check.since or f[G.PULL_PUSHED_AT]


def stuck(f: Facts) -> tuple[Wanted, ...]:
    """Return the checks that are waited for longer than they may take."""
    return tuple(each for each in open_ones(f) if _is_late(f, each))


def _is_late(f: Facts, check: Wanted) -> bool:
    since = open_since(f, check)
    return since is not None and f.age(since) > f.thresholds.checks_stuck_s


def none_ran(f: Facts) -> bool:
    """Whether no check has run: none has reported, or none but what was skipped."""
    return all(check.state == "skipped" for check in f[G.PULL_CHECKS])


def besides(f: Facts) -> tuple[Check, ...]:
    """Return the checks that fail and are not asked for."""
    counted = {check.context for each in wanted(f) for check in each.checks}
    return tuple(check for check in f[G.PULL_CHECKS] if check.state in FAILED and check.context not in counted)


SAYS: Final = {
    "passed": "has succeeded",
    "failed": "has failed",
    "pending": "has not ended",
    "missing": "has not reported",
}


def say(f: Facts, check: Wanted) -> str:
    """Say in words how a check stands."""
    said = f"{check.name} {SAYS[check.state]}"
    if check.state == "passed" and all(each.state == "skipped" for each in check.checks):
        return f"{check.name} was skipped"
    if check.state == "failed" and all(each.state != "failure" for each in check.checks if each.state in FAILED):
        return f"{check.name} ended in {next(each.state for each in check.checks if each.state in FAILED)}"
    if check.state in ("pending", "missing"):
        since = check.since or f.get(G.PULL_PUSHED_AT)
        return f"{said} for {words(f.age(since))}" if since else said
    return said


def answers(glob: str, context: str) -> bool:
    """Whether a context answers to a glob; a slash is a character like any other, as it is for the forge."""
    return glob == context or any(fnmatchcase(context, each) for each in _plain(glob))


@lru_cache(maxsize=1 << 10)
def _plain(glob: str) -> tuple[str, ...]:
    """Return the globs without alternatives (``{a,b}``) and escapes that a glob stands for; none when too many."""
    found, rest = [""], list(_tokens(glob))
    while rest:
        token = rest.pop(0)
        options = _plain_options(token)
        found = [head + tail for head in found for tail in options]
        if len(found) > ALTERNATIVES:
            return ()
    return tuple(found)


def _tokens(glob: str) -> Iterable[str]:
    """Take a glob apart: escapes, alternatives without others within, and all else by the character."""
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "\\":
            end = at + 2
        elif glob[at] == "{" and "}" in glob[at:]:
            end = glob.index("}", at) + 1
        yield glob[at:end]
        at = end


def _plain_options(token: str) -> tuple[str, ...]:
    if token.startswith("\\"):
        return (f"[{token[1:]}]" if token[1:] in ("*", "?", "[") else token[1:],)
    if token.startswith("{") and token.endswith("}"):
        return tuple(token[1:-1].split(","))
    return (token,)
