"""What may be said of a forge itself, and of the token we ask it with.

Rule 1: asking is looking. A forge that refuses, breaks off or says nothing in time is seen to be down. One that does
        not take our token is there, and tells us nothing. One that asks not to be asked for a while is no trouble of
        its own making, whatever its last answer was: nobody knows better while it rests.
Rule 2: a token that may do more than read, that is an admin's or a person's, is a finding also while all goes well. All
        that is wrong with it is said at once, and the worst of it gives the verdict its name.
Rule 3: what the forge does not tell of the token is held for nothing, neither against it nor for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, ask, counted, words

CLOCK_S: Final = 120.0
"""A clock further off than this makes the ages of what a forge says wrong by more than anybody would overlook."""

SILENT: Final = {
    "refused": "refuses the connection: nothing listens there",
    "no answer": "gives no answer in time",
    "cut off": "breaks the connection off",
    "tls": "cannot be trusted: its encryption fails",
    "not http": "answers in something that is not HTTP",
    "not a forge": "answers, and not as a forge does",
    "failing": "answers with errors of its own",
}


def _with_words(said: str) -> Callable[[Facts], str]:
    return lambda f: f"{said}: {f.get(G.FORGE_SAID)}" if f.get(G.FORGE_SAID) else said


def _silent(f: Facts) -> str:
    return _with_words(SILENT.get(f.get(G.FORGE_ANSWERS) or "", "does not answer"))(f)


class Flaw(NamedTuple):
    """Something that can be wrong with our token."""

    id: str
    when: Callable[[Facts], bool]
    say: Callable[[Facts], str]


def _whose(f: Facts) -> str:
    return f.get(G.TOKEN_LOGIN) or "somebody it does not name"


def _excess(f: Facts) -> tuple[str, ...]:
    return f.get(G.TOKEN_EXCESS) or ()


FLAWS: Final = (
    Flaw(
        "token lacks scopes",
        lambda f: len(f[G.TOKEN_MISSING]) > 0,
        lambda f: f"the token lacks {', '.join(f.get(G.TOKEN_MISSING) or ())}",
    ),
    Flaw(
        "token of an admin",
        lambda f: f[G.TOKEN_ADMIN] is True,
        lambda f: f"the token is of an admin of the site, {_whose(f)}",
    ),
    Flaw(
        "token too wide",
        lambda f: bool(f[G.TOKEN_EXCESS]),
        lambda f: f"the token reaches further than reading: {', '.join(_excess(f))}",
    ),
    Flaw(
        "token of a person",
        lambda f: f[G.TOKEN_HUMAN] is True,
        lambda f: f"the token is of a person, {_whose(f)}, where a machine should have its own",
    ),
)
"""What can be wrong with the token, the worst first."""


def _all_flaws(f: Facts) -> str:
    return "; ".join(flaw.say(f) for flaw in FLAWS if ask(f, flaw.when).value)


def _rests(f: Facts) -> bool:
    until = f[G.FORGE_RESTS_UNTIL]
    return until is not None and until > f.now


def _resting(f: Facts) -> str:
    until = f.get(G.FORGE_RESTS_UNTIL)
    return "asked not to be asked" + (f" for another {words(-f.age(until))}" if until else " for some time")


def _clock(f: Facts) -> str:
    ahead = f.get(G.FORGE_CLOCK_AHEAD) or 0.0
    return f"its clock is {words(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} ours: ages are wrong by as much"


def _well(f: Facts) -> str:
    release = " ".join(part for part in (f.get(G.FORGE_FLAVOUR), f.get(G.FORGE_RELEASE)) if part)
    repos, debts = f.get(G.FORGE_REPOS), f.get(G.FORGE_DEBTS)
    parts = [f"{release or 'the forge'} answers"]
    parts += [counted(repos, "repository", "repositories")] if repos is not None else []
    parts += ["a release this was not made for"] if f.get(G.FORGE_KNOWN_RELEASE) is False else []
    parts += [f"{counted(debts, 'detail')} still to be read"] if debts else []
    return ", ".join(parts)


FORGE: tuple[Rule, ...] = (
    Rule("resting", Status.DEGRADED, _rests, _resting, Activity.RATE_LIMITED),
    Rule(
        "silent",
        Status.DOWN,
        lambda f: f[G.FORGE_ANSWERS] in SILENT,
        _silent,
        since=lambda f: f.get(G.FORGE_LAST_ANSWER_AT),
    ),
    Rule(
        "denied",
        Status.DEGRADED,
        lambda f: f[G.FORGE_ANSWERS] == "denied",
        _with_words("does not take the token"),
        since=lambda f: f.get(G.FORGE_LAST_ANSWER_AT),
    ),
    *(Rule(flaw.id, Status.DEGRADED, flaw.when, _all_flaws) for flaw in FLAWS),
    Rule("clock is off", Status.DEGRADED, lambda f: abs(f[G.FORGE_CLOCK_AHEAD]) > CLOCK_S, _clock),
    Rule("answers", Status.OK, lambda f: f[G.FORGE_ANSWERS] == "yes", _well),
)
