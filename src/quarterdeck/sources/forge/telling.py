"""Everything that is held of a forge, as readings of one look.

Rule 1: that a forge does not answer is known, and told of the forge. All that only an answer tells is then unknown,
        with what was known last; nothing is gone, and nothing is empty.
Rule 2: a repository that cannot be read makes its own rows unknown and no others.
Rule 3: a list that was cut or torn says so, and is counted by nobody as if it were whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from quarterdeck.sources.forge.memory import Failure, Held, HeldRepo, Memory, Server
from quarterdeck.sources.forge.readings import NOT_READ, PARTS_OF_LIFE, Maker, failed, lost
from quarterdeck.truth import forge as names
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge_fields import LISTED
from quarterdeck.truth.reading import AnyReading, Origin, Reason, Unavailable
from quarterdeck.truth.watched import Forge

SETTINGS: Final = "settings"
RELEASE: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")
FIRST_GITEA, FORGEJO = (1, 20), range(7, 17)
"""From which release of Gitea on, and for which ones of Forgejo this was made."""
OF_RELEASE: Final = (G.FORGE_RELEASE, G.FORGE_FLAVOUR, G.FORGE_KNOWN_RELEASE, G.FORGE_PAGE_LIMIT)
OF_TOKEN: Final = (
    G.TOKEN_LOGIN, G.TOKEN_ADMIN, G.TOKEN_HUMAN, G.TOKEN_SCOPES, G.TOKEN_EXCESS, G.TOKEN_MISSING,
)  # fmt: skip
NO_TOKEN: Final = frozenset({G.TOKEN_SCOPES, G.TOKEN_EXCESS, G.TOKEN_MISSING})
"""What is empty where nobody asks by name; the rest is none."""
OF_ANSWERS: Final = (G.FORGE_CLOCK_AHEAD, G.FORGE_DEBTS, G.FORGE_REPOS, G.FORGE_WHOLE)
OF_LISTS: Final = (G.OPEN_PULLS, G.OPEN_ISSUES, G.PULLS_WHOLE, G.ISSUES_WHOLE)
STATES: Final = {Reason.MISSING: "gone", Reason.DENIED: "denied"}
GONE: Final = "the repository is gone, or not shown to this token"
NO_NUMBER: Final = "it does not say its release as one"
NO_LIMIT: Final = "it does not say how many things it tells of at once"
AGAIN: Final = (Reason.BUSY, "its repository is there again, and this was not read since")
UNCOUNTED: Final = (Reason.BUSY, "the list is not whole, and the forge does not count")


class Release(NamedTuple):
    """What a release says of a forge."""

    flavour: str
    is_known: bool


def release_of(said: str) -> Release | None:
    """Return what a release means: Gitea counts 1.x, Forgejo has counted from 7 on, whatever stands behind it."""
    found = RELEASE.match(said.lstrip("v"))
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    if major < FORGEJO.start:
        return Release("gitea", (major, minor) >= FIRST_GITEA)
    return Release("forgejo", major in FORGEJO)


class Teller:
    """Tells what is held of one forge."""

    def __init__(self, forge: Forge, maker: Maker, memory: Memory) -> None:
        self._forge, self._maker, self._memory = forge, maker, memory

    def all(self, now: datetime) -> Iterator[AnyReading]:
        """Tell everything."""
        yield from self._settings(now)
        at = self._memory.server.looked_at or now  # while it rests nothing new is known of it
        yield from self._server(at)
        yield self._rests(self._memory.server, now)
        down = self._memory.server.down
        for name, held in self._memory.repos.items():
            yield from self._repo(name, held, at)
            if held.row.archived:
                continue
            gone = None if held.gone_at is None else Failure(Reason.MISSING, GONE, GONE, "yes", held.gone_at)
            bad = down or gone
            unread = Failure(*AGAIN, AGAIN[1], "yes", at)
            bad_pull = bad or held.failure or (unread if held.pulls_at is None else None)
            for pull in held.pulls.values():
                yield from self._thing(pull, bad_pull, now)
            bad_card = bad or self._memory.issues_failure or held.issues_failure
            bad_card = bad_card or (unread if held.listed_at is None else None)
            for card in held.cards.values():
                yield from self._thing(card, bad_card, now)

    @staticmethod
    def _thing(thing: Held, failure: Failure | None, now: datetime) -> Iterable[AnyReading]:
        if failure is None:
            thing.lost = None
            return thing.all()
        before = thing.lost
        if before is None or before[0][:2] != failure[:2] or _is_old(before[1], now):
            before = thing.lost = (failure, lost(thing.all(), failure, now))
        return before[1]

    # --- the forge -----------------------------------------------------------------------------------------------

    def _settings(self, now: datetime) -> Iterator[AnyReading]:
        origin = Origin(SETTINGS, f"forges.{self._forge.id}")
        yield G.FORGE_LABEL.known(self._forge.subject, origin, self._forge.label, now)
        yield G.FORGE_LINK.known(self._forge.subject, origin, self._forge.url, now)

    def _server(self, now: datetime) -> Iterator[AnyReading]:
        server, memory = self._memory.server, self._memory
        down = server.down
        subject, origin = self._forge.subject, self._maker.origin("/repos/search")
        said = down.said if down is not None else server.said
        yield from self._maker.known(
            subject, origin,
            (
                (G.FORGE_ANSWERS, "yes" if down is None else down.outcome),
                (G.FORGE_LAST_ANSWER_AT, server.answered_at), (G.FORGE_SAID, said),
                (G.FORGE_CALLS, memory.calls), (G.FORGE_LOOK_S, round(memory.look_s, 2)),
                (G.FORGE_RUNG_AT, server.rung_at),
            ),
            now,
        )  # fmt: skip
        if down is None:
            yield from self._answers(server, now)
        else:
            yield from failed((*OF_ANSWERS, *OF_RELEASE, *OF_TOKEN), subject, origin, down, now)

    def _rests(self, server: Server, now: datetime) -> AnyReading:
        """Say until when it is left alone: that is our own doing, and known at any time.

        One that cannot serve is down, whenever it says to come again.
        """
        until = server.rests_until if server.down is None or server.is_overasked else None
        return G.FORGE_RESTS_UNTIL.known(self._forge.subject, self._maker.origin("/repos/search"), until, now)

    def _answers(self, server: Server, now: datetime) -> Iterator[AnyReading]:
        memory, subject = self._memory, self._forge.subject
        origin = self._maker.origin("/repos/search")
        repos = [held for held in memory.repos.values() if held.gone_at is None]
        whole = memory.repos_whole and memory.issues_failure is None and all(
            held.pulls_whole and held.failure is None and self._issues_whole(held) for held in repos if held.is_read
        )  # fmt: skip
        said = ((G.FORGE_DEBTS, memory.debts), (G.FORGE_REPOS, len(repos)), (G.FORGE_WHOLE, whole))
        yield from self._maker.known(subject, origin, said, now)
        if server.clock_ahead_s is None:
            why = (Reason.SCHEMA, "it does not say what time it has")
            yield from failed((G.FORGE_CLOCK_AHEAD,), subject, origin, why, now)
        else:
            ahead = ((G.FORGE_CLOCK_AHEAD, round(server.clock_ahead_s, 1)),)
            yield from self._maker.known(subject, origin, ahead, now)
        yield from self._release(server, now)
        yield from self._token(server, now)

    def _release(self, server: Server, now: datetime) -> Iterator[AnyReading]:
        subject, origin = self._forge.subject, self._maker.origin("/version")
        if server.release is None or server.asked_at is None:
            yield from failed(OF_RELEASE, subject, origin, server.release_failure or NOT_READ, now)
            return
        found = release_of(server.release)
        yield from self._maker.known(subject, origin, ((G.FORGE_RELEASE, server.release),), server.asked_at)
        if found is None:
            of = (G.FORGE_FLAVOUR, G.FORGE_KNOWN_RELEASE)
            yield from failed(of, subject, origin, (Reason.SCHEMA, NO_NUMBER), now)
        else:
            of_release = ((G.FORGE_FLAVOUR, found.flavour), (G.FORGE_KNOWN_RELEASE, found.is_known))
            yield from self._maker.known(subject, origin, of_release, server.asked_at)
        limits = self._maker.origin("/settings/api")
        if server.page_limit is None:
            why = server.limit_failure or (Reason.SCHEMA, NO_LIMIT)
            yield from failed((G.FORGE_PAGE_LIMIT,), subject, limits, why, now)
        else:
            yield G.FORGE_PAGE_LIMIT.known(subject, limits, server.page_limit, server.asked_at)

    # --- the token -----------------------------------------------------------------------------------------------

    def _token(self, server: Server, now: datetime) -> Iterator[AnyReading]:
        subject, origin = self._forge.subject, self._maker.origin("/user")
        if self._forge.token_file is None:
            none = ((field, () if field in NO_TOKEN else None) for field in OF_TOKEN)
            yield from self._maker.known(subject, Origin(SETTINGS, f"forges.{self._forge.id}"), tuple(none), now)
            return
        if server.scopes is None or server.token_at is None:
            yield from failed(OF_TOKEN, subject, origin, server.scopes_failure or NOT_READ, now)
            return
        scopes = server.scopes
        said = (
            (G.TOKEN_LOGIN, server.login), (G.TOKEN_ADMIN, server.is_admin),
            (G.TOKEN_HUMAN, self._is_human(server.login)), (G.TOKEN_SCOPES, scopes.held),
            (G.TOKEN_EXCESS, scopes.excess), (G.TOKEN_MISSING, scopes.missing),
        )  # fmt: skip
        yield from self._maker.known(subject, origin, said, server.token_at)

    def _is_human(self, login: str | None) -> bool | None:
        """Whether a token is a person's; None where neither the forge nor the settings tell."""
        if login is None:
            return None
        people = {each.lower() for each in self._forge.people}
        machines = {each.lower() for each in (*self._forge.agents, *self._forge.bots)}
        if login.lower() in people:
            return True
        return False if people or login.lower() in machines else None

    # --- repositories --------------------------------------------------------------------------------------------

    def _repo(self, name: str, held: HeldRepo, now: datetime) -> Iterator[AnyReading]:
        subject, origin = names.repo(self._forge.id, name), self._maker.origin(name)
        down, failure = self._memory.server.down, held.failure
        if down is not None:
            yield from failed((G.REPO_LINK, G.REPO_STATE, G.REPO_SAID, *OF_LISTS), subject, origin, down, now)
            return
        gone = held.gone_at is not None
        state = "gone" if gone else "archived" if held.row.archived else self._state(failure)
        said = GONE if gone else None if failure is None else failure.said
        yield from self._maker.known(
            subject, origin, ((G.REPO_LINK, held.row.link), (G.REPO_STATE, state), (G.REPO_SAID, said)), now
        )
        if gone:
            yield from failed(OF_LISTS, subject, origin, (Reason.MISSING, GONE), now)
        elif not held.row.archived:
            yield from self._pulls(subject, origin, held, now)
            yield from self._issues(subject, origin, held, now)

    @staticmethod
    def _state(failure: Failure | None) -> str:
        return "there" if failure is None else STATES.get(failure.reason, "failing")

    def _pulls(self, subject: str, origin: Origin, held: HeldRepo, now: datetime) -> Iterator[AnyReading]:
        if held.failure is not None or held.pulls_at is None:
            why = held.failure or NOT_READ
            yield from failed((G.OPEN_PULLS, G.PULLS_WHOLE), subject, origin, why, now)
            return
        count = len(held.pulls) if held.pulls_whole else held.row.open_pulls
        yield G.PULLS_WHOLE.known(subject, origin, held.pulls_whole, held.pulls_at)
        yield self._counted(G.OPEN_PULLS, subject, origin, count, held.pulls_at)

    def _issues(self, subject: str, origin: Origin, held: HeldRepo, now: datetime) -> Iterator[AnyReading]:
        failure = self._memory.issues_failure or held.issues_failure
        at = self._memory.issues_at
        if failure is not None or at is None or held.listed_at is None:
            yield from failed((G.OPEN_ISSUES, G.ISSUES_WHOLE), subject, origin, failure or NOT_READ, now)
            return
        whole = self._issues_whole(held)
        ours = sum(card.open for card in held.cards.values()) if whole else held.row.open_issues
        yield G.ISSUES_WHOLE.known(subject, origin, whole, at)
        yield self._counted(G.OPEN_ISSUES, subject, origin, ours, at)

    def _issues_whole(self, held: HeldRepo) -> bool:
        """Whether all open issues are held: they were listed, and whole, or the forge counts as many as we."""
        return held.listed_at is not None and (self._memory.swept_whole or held.counts_agree)

    @staticmethod
    def _counted(field: Field[int], subject: str, origin: Origin, count: int | None, at: datetime) -> AnyReading:
        if count is None:
            return field.unavailable(subject, origin, *UNCOUNTED, at)
        return field.known(subject, origin, count, at)


def _is_old(readings: tuple[AnyReading, ...], now: datetime) -> bool:
    first = readings[0] if readings else None
    return isinstance(first, Unavailable) and PARTS_OF_LIFE * (now - first.attempted_at) >= LISTED
