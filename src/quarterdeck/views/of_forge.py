"""What the pages of work have in common: which part of a list is shown, what the filter offers, who cannot be read.

Rule 1: a list is never shown as if it were whole when it is not: a forge that does not answer, a repository that cannot
        be read and a list that was cut are said first, each in one line. The headline then says no more than is known.
Rule 2: what cannot be read now is shown as it was last known, and says so. By that it is put in order, never judged.
Rule 3: of very many pull requests and cards the history keeps none, and a page of then does not look as if there had
        been none.
Rule 4: a forge belongs to all agents. Who may see some of them only is told that, and not that there is nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Facts, Status, words
from quarterdeck.truth.reading import AnyReading, Key, Known, Unavailable
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Gap
from quarterdeck.views.rows import last_said, title_of
from quarterdeck.views.work_pages import Choices, Person, Stretch

T = TypeVar("T")

FOR_GOOD: Final = timedelta(days=36_500)
UNREADABLE: Final = ("gone", "denied", "failing")
NAMED: Final = 3
"""Repositories that are named in one line."""
AFTER: Final = Param("How many rows to leave out before the first, as the page before tells it.")
NO_NUMBER: Final = "`after` is no number of rows. Leave it out to begin at the first."
SAID_OF_NONE: Final[Mapping[str, tuple[str, str]]] = {
    "partial": (
        "What stands on a forge is not shown to you.",
        "It belongs to all agents at once. What those that you may see are at stands on the page of agents.",
    ),
    "past": (
        "What stood on the forge at this moment is not kept here.",
        "Of very many the forge keeps the history. What is kept is how much there was, and how well it was known.",
    ),
    "none then": ("No forge was watched at this moment.", ""),
    "none": (
        "No forge is named yet.",
        "Pull requests and issues are shown here as soon as the settings name a Gitea or Forgejo.",
    ),
}


def hidden(judged: Judged) -> str:
    """Say why there can be nothing on the page; nothing where there can be something."""
    if judged.snapshot.partial:
        return "partial"
    if not judged.of("forge", "pull", "card"):
        return "none"
    return "past" if judged.past and _is_elsewhere(judged) else ""


def _is_elsewhere(judged: Judged) -> bool:
    """Whether there was more than the history kept: nothing stands here, and it is not known that there was nothing."""
    if there(judged, "pull") or there(judged, "card"):
        return False
    counted = [judged.facts(name).get(G.REVIEWS_OPEN) for name in there(judged, "reviews")]
    lanes = [judged.facts(name).get(G.BOARD_LANES) for name in there(judged, "board")]
    return (
        not counted or any(each != 0 for each in counted) or any(each is None or sum(each.values()) for each in lanes)
    )


def headline_of(why: str, *, past: bool) -> tuple[str, str]:
    """Return the headline and what stands below it, where there can be nothing on the page."""
    return SAID_OF_NONE["none then" if past and why == "none" else why]


def with_filter(lede: str, asked: Asked) -> str:
    """Say of a page that is asked for one instance that a forge is of all of them."""
    return lede if asked.instance == ALL else f"{lede} A forge is of all agents: none is left out by the choice of one."


def there(judged: Judged, kind: str) -> list[str]:
    """Return the subjects of a kind that are there; a tombstone is none."""
    fields = judged.fields
    return [name for name in judged.of(kind) if name in fields]


def about(judged: Judged, kind: str) -> list[str]:
    """Return the forges; of a moment that is over also what was said of all of it together, because nothing else is."""
    return [*there(judged, "forge"), *(there(judged, kind) if judged.past else ())]


# --- as last known --------------------------------------------------------------------------------------------------


class LastKnown(Mapping[Key, AnyReading]):
    """Readings as each was last known, however long ago; where nothing was ever known, as they are."""

    def __init__(self, readings: Mapping[Key, AnyReading]) -> None:
        self._readings = readings

    def __getitem__(self, key: Key) -> AnyReading:
        reading = self._readings[key]
        last = reading.last if isinstance(reading, Unavailable) else reading
        return reading if last is None else replace(last, fresh_for=FOR_GOOD)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._readings)

    def __len__(self) -> int:
        return len(self._readings)


def as_last_known(f: Facts) -> tuple[Facts, datetime] | None:
    """Return the facts of a subject as each was last known, and when the oldest was seen; None if none is old."""
    fields = f.readings.subjects.get(f.subject, {}) if isinstance(f.readings, Grouped) else {}
    lasts = [each.last if isinstance(each, Unavailable) else each for each in fields.values()]
    old = [
        last.observed_at
        for each, last in zip(fields.values(), lasts, strict=True)
        if last is not None and (last is not each or last.expires_at < f.now)
    ]
    return (Facts(f.subject, LastKnown(f.readings), f.now, f.thresholds), min(old)) if old else None


# --- the filter and the part of the list that is shown ----------------------------------------------------------------


def told(f: Facts, field: Field[T], default: T) -> T:
    """Return what was last said of a field, however long ago: for the filter, for order and for names."""
    reading = f.reading(field)
    last = reading.last if isinstance(reading, Unavailable) else reading
    return default if last is None else last.value


def has_words(asked: str, text: str) -> bool:
    """Whether every word that is asked for stands in a text, which is in small letters."""
    return all(word in text for word in asked.casefold().split())


def choices(word: str, title: str, found: Iterable[str]) -> Choices:
    """Return what a word of the filter can be, in the order of the alphabet."""
    return Choices(word, title, tuple(sorted(Counter(found).items(), key=lambda each: each[0].casefold())))


def stretch(asked: Asked, total: int, rows: int) -> tuple[Stretch, str]:
    """Return which part of a list is asked for, and what is wrong with the question."""
    word = asked.word("after")
    if word and not (word.isascii() and word.isdigit() and len(word) < len(str(10**9))):
        return Stretch(0, 0, total, None, None), NO_NUMBER
    begins = int(word or 0)
    shown = max(0, min(rows, total - begins))
    previous = None if begins == 0 else str(begins - rows) if begins > rows else ""
    following = str(begins + rows) if begins + rows < total else None
    return Stretch(begins, shown, total, previous, following), ""


def part(names: Sequence[T], shown: Stretch) -> Sequence[T]:
    """Return the part of a list that is shown."""
    return names[shown.begins : shown.begins + shown.shown]


# --- people -----------------------------------------------------------------------------------------------------------


def people(logins: Sequence[str], agents: Sequence[str]) -> tuple[Person, ...]:
    """Return accounts, and which agents they are. Where only some are, it is not told which of them."""
    known = agents if len(agents) == len(logins) else [None] * len(logins)
    return tuple(Person(login, agent) for login, agent in zip(logins, known, strict=True))


# --- what could not be read -------------------------------------------------------------------------------------------


def gaps(judged: Judged, whole: Field[bool]) -> Iterator[Gap]:
    """Say which forges do not answer, which repositories cannot be read, and which lists are not whole."""
    for name in there(judged, "forge"):
        answers = judged.facts(name).reading(G.FORGE_ANSWERS)
        if not (isinstance(answers, Known) and answers.value == "yes") or answers.expires_at <= judged.now:
            yield _silent(judged, name, answers)
    lost = unreadable(judged)
    if lost:
        yield _unread(judged, lost)
    for name in there(judged, whole.of):
        reading = judged.facts(name).reading(whole)
        if isinstance(reading, Known) and reading.value is False:
            why = "not all of its lists could be read to their end, or one changed meanwhile: there may be more"
            yield Gap(ALL, title_of(judged, name), why, "It is read again at the next look.", (reading,))


def _silent(judged: Judged, name: str, answers: AnyReading) -> Gap:
    facts, judgement = judged.facts(name), judged.judgements[name]
    at = last_said(judged, name, G.FORGE_LAST_ANSWER_AT)
    since = "" if at is None else f" It last answered {words(judged.now - at)} ago."
    why = f"{judgement.reason}.{since} What is shown of it is as it was last known."
    known = (facts.reading(each) for each in (G.FORGE_SAID, G.FORGE_LAST_ANSWER_AT))
    return Gap(ALL, title_of(judged, name), why, "", (answers, *known))


def unreadable(judged: Judged) -> list[str]:
    """Return the repositories that the forge answers for, and that cannot be read."""
    states = ((name, judged.fields[name].get(G.REPO_STATE.name)) for name in there(judged, "repo"))
    return [name for name, state in states if isinstance(state, Known) and state.value in UNREADABLE]


def _unread(judged: Judged, lost: Sequence[str]) -> Gap:
    named = ", ".join(title_of(judged, name) for name in lost[:NAMED])
    more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
    what = "One repository" if len(lost) == 1 else f"{len(lost):,} repositories"
    readings = tuple(judged.facts(name).reading(G.REPO_STATE) for name in lost[:NAMED])
    why = f"cannot be read: {named}{more}. What is shown of {'it' if len(lost) == 1 else 'them'} is as last known."
    return Gap(ALL, what, why, "", readings)


def all_read(judged: Judged, whole: Field[bool], of_repo: Field[bool]) -> bool:
    """Whether every list the page is made of is known to be whole: only then is what is not found not there."""
    forges = [judged.facts(name) for name in there(judged, "forge")]
    if not forges or any(gaps(judged, whole)):
        return False
    repos = [judged.facts(name) for name in there(judged, "repo")]
    lists = all(each.get(of_repo) or each.get(G.REPO_STATE) == "archived" for each in repos)
    return lists and all(_was_whole(judged, each, whole) for each in forges)


def _was_whole(judged: Judged, forge: Facts, whole: Field[bool]) -> bool:
    """Whether a forge told of all it holds; that only lists of another kind were cut is known of all of it together."""
    return bool(forge.get(G.FORGE_WHOLE) or judged.facts(f"{forge.subject}/{whole.of}").get(whole))


def found_so_far(said: str, *, vague: str, whole: bool) -> str:
    """Say a number as what it is: where something could not be judged or read, one that may be too small."""
    return f"{said}{vague}{'' if whole else '; not all could be read'}."


def troubled(status: Status) -> bool:
    """Whether something is known to need somebody."""
    return status in (Status.DEGRADED, Status.DOWN)
