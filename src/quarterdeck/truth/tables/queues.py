"""What may be said of all pull requests of a forge together, and of all its cards.

Rule 1: the queue stands for its rows, which are no trouble one by one. It names the first few that need somebody.
Rule 2: while one of them cannot be judged, or a list is not whole, nothing is said to be well: there may be more.
Rule 3: all that needs somebody is said at once. The worst of it gives the verdict its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.judgement import Facts, Rule, Status, ask, counted, listed, words


class Trouble(NamedTuple):
    """Something among the rows of a queue that needs somebody."""

    id: str
    status: Status
    when: Callable[[Facts], bool]
    say: Callable[[Facts], str]


def _rules(troubles: tuple[Trouble, ...]) -> tuple[Rule, ...]:
    """Make a row of each, that tells of all of them."""
    return tuple(Rule(each.id, each.status, each.when, lambda f: _all_of(troubles, f)) for each in troubles)


def _all_of(troubles: tuple[Trouble, ...], f: Facts) -> str:
    return "; ".join(each.say(f) for each in troubles if ask(f, each.when).value)


# --- pull requests ---------------------------------------------------------------------------------------------------


def _waits(f: Facts, long: tuple[str, ...]) -> str:
    verb = "has" if len(long) == 1 else "have"
    span = words(f.thresholds.review_wait_s)
    return f"{counted(len(long), 'pull request')} {verb} waited for your judgement for over {span}: {listed(long)}"


def _of_open(f: Facts, number: int) -> str:
    """Say how many of the open pull requests; of those whose number is not known, only how many."""
    of = f.get(G.REVIEWS_OPEN)
    return counted(number, "pull request") if of is None else f"{number:,} of {counted(of, 'pull request')}"


def _at_least(f: Facts) -> str:
    """Say what is known to wait for the operator, where there may be more."""
    yours = f.get(G.REVIEWS_YOURS)
    known = f"{len(yours):,} are" if yours and len(yours) > 1 else "one is" if yours else "none is"
    named = f": {listed(yours)}" if yours else ""
    return f"{known} known to be for your judgement, and there may be more{named}"


IN_REVIEW: Final = (
    Trouble(
        "waiting too long",
        Status.DEGRADED,
        lambda f: len(f[G.REVIEWS_LONG]) > 0,
        lambda f: _waits(f, f.get(G.REVIEWS_LONG) or ()),
    ),
    Trouble(
        "not judged",
        Status.UNKNOWN,
        lambda f: f[G.REVIEWS_UNKNOWN] > 0,
        lambda f: f"{_of_open(f, f.get(G.REVIEWS_UNKNOWN) or 0)} cannot be judged now",
    ),
    Trouble(
        "not whole",
        Status.UNKNOWN,
        lambda f: not f[G.REVIEWS_WHOLE],
        lambda f: f"not every list of pull requests was whole: {_at_least(f)}",
    ),
)


def _yours(f: Facts) -> str:
    yours = f.get(G.REVIEWS_YOURS) or ()
    return (
        f"{len(yours):,} of {counted(f.get(G.REVIEWS_OPEN) or 0, 'pull request')} for your judgement: {listed(yours)}"
    )


REVIEWS: tuple[Rule, ...] = (
    *_rules(IN_REVIEW),
    Rule(
        "waiting for you",
        Status.OK,
        lambda f: len(f[G.REVIEWS_YOURS]) > 0,
        _yours,
        since=lambda f: f.get(G.REVIEWS_OLDEST_AT),
    ),
    Rule(
        "calm",
        Status.OK,
        lambda f: f[G.REVIEWS_OPEN] >= 0,
        lambda f: f"{counted(f.get(G.REVIEWS_OPEN) or 0, 'pull request')} open, none for your judgement",
    ),
)


# --- cards -----------------------------------------------------------------------------------------------------------


def _named(refs: tuple[str, ...], one: str, many: str) -> str:
    return f"{len(refs):,} {one if len(refs) == 1 else many}: {listed(refs)}"


def _still(f: Facts) -> str:
    """Too long is longer than a lease where a branch claims it, and than work may stand still where none does."""
    long = "that nobody has moved for too long"
    return _named(f.get(G.BOARD_STILL) or (), f"card in progress {long}", f"cards in progress {long}")


ON_BOARD: Final = (
    Trouble(
        "blocked in silence",
        Status.DEGRADED,
        lambda f: len(f[G.BOARD_SILENT]) > 0,
        lambda f: _named(
            f.get(G.BOARD_SILENT) or (),
            "card is blocked, and nothing says by what",
            "cards are blocked, and nothing says by what",
        ),
    ),
    Trouble(
        "ready and stuck",
        Status.DEGRADED,
        lambda f: len(f[G.BOARD_STUCK]) > 0,
        lambda f: _named(
            f.get(G.BOARD_STUCK) or (),
            "card is said to be ready, and cannot be begun",
            "cards are said to be ready, and cannot be begun",
        ),
    ),
    Trouble("in progress and still", Status.DEGRADED, lambda f: len(f[G.BOARD_STILL]) > 0, _still),
    Trouble(
        "ambiguous",
        Status.DEGRADED,
        lambda f: f[G.BOARD_AMBIGUOUS] > 0,
        lambda f: f"{counted(f.get(G.BOARD_AMBIGUOUS) or 0, 'card')} whose signals do not agree",
    ),
    Trouble(
        "not placed",
        Status.UNKNOWN,
        lambda f: f[G.BOARD_UNKNOWN] > 0,
        lambda f: f"{counted(f.get(G.BOARD_UNKNOWN) or 0, 'card')} cannot be placed now",
    ),
    Trouble(
        "not whole",
        Status.UNKNOWN,
        lambda f: not f[G.BOARD_WHOLE],
        lambda _: "not every list of issues was whole: there may be more",
    ),
)


def _lanes(f: Facts) -> str:
    lanes = {name: count for name, count in (f.get(G.BOARD_LANES) or {}).items() if count}
    return ", ".join(f"{count:,} {name}" for name, count in lanes.items()) or "no cards"


BOARD: tuple[Rule, ...] = (
    *_rules(ON_BOARD),
    Rule("well", Status.OK, lambda f: f[G.BOARD_LANES] is not None, _lanes),
)
