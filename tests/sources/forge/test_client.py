"""What is asked of a forge, and how what it says is understood."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.forge import api, facts
from quarterdeck.sources.forge.client import ForgeReader
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.truth.reading import Reason
from tests.fakes.told_forge import Question, Reply, ToldForge, told
from tests.sources.forge.asking import FULL, NOW, TOKEN, ask, fails, told_by

SHA = "c0ffee" * 6 + "c0ff"
DAY = timedelta(hours=23, minutes=59)
Asks = Callable[[ForgeReader], Coroutine[Any, Any, Any]]

QUESTIONS: dict[str, tuple[Asks, str, object]] = {
    "version": (lambda f: f.version(), "/version", {"version": "1.25.3"}),
    "settings": (lambda f: f.settings(), "/settings/api", {"max_response_items": 50}),
    "me": (lambda f: f.me(), "/user", {"login": "north-bot"}),
    "repos": (lambda f: f.repos(), "/repos/search?sort=id&order=desc&page=1&limit=50", {"data": [], "ok": True}),
    "repo": (lambda f: f.repo(FULL), "/repos/acme/tools", {"full_name": FULL}),
    "search": (
        lambda f: f.search("issues"),
        "/repos/issues/search?type=issues&state=open&page=1&limit=50",
        [],
    ),
    "search_both": (lambda f: f.search(None), "/repos/issues/search?state=open&page=1&limit=50", []),
    "search_since": (
        lambda f: f.search("pulls", "all", datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=2)))),
        "/repos/issues/search?type=pulls&state=all&since=2026-11-20T11%3A00%3A00Z&page=1&limit=50",
        [],
    ),
    "pulls": (lambda f: f.pulls(FULL), "/repos/acme/tools/pulls?state=open&page=1&limit=50", []),
    "pull": (lambda f: f.pull(FULL, 7), "/repos/acme/tools/pulls/7", {"number": 7}),
    "issue": (lambda f: f.issue(FULL, 7), "/repos/acme/tools/issues/7", {"number": 7}),
    "issues": (
        lambda f: f.issues(FULL),
        "/repos/acme/tools/issues?type=issues&state=open&page=1&limit=50",
        [],
    ),
    "reviews": (lambda f: f.reviews(FULL, 7), "/repos/acme/tools/pulls/7/reviews?page=1&limit=50", []),
    "statuses": (lambda f: f.statuses(FULL, SHA), f"/repos/acme/tools/commits/{SHA}/status?page=1&limit=50", {}),
    "files": (lambda f: f.files(FULL, 7), "/repos/acme/tools/pulls/7/files?page=1&limit=50", []),
    "timeline": (lambda f: f.timeline(FULL, 7), "/repos/acme/tools/issues/7/timeline?page=1&limit=50", []),
    "dependencies": (lambda f: f.dependencies(FULL, 7), "/repos/acme/tools/issues/7/dependencies?page=1&limit=50", []),
    "issues_closed": (
        lambda f: f.issues(FULL, "closed", datetime(2026, 11, 20, 11, tzinfo=UTC)),
        "/repos/acme/tools/issues?type=issues&state=closed&since=2026-11-20T11%3A00%3A00Z&page=1&limit=50",
        [],
    ),
    "branches": (lambda f: f.branches(FULL), "/repos/acme/tools/branches?page=1&limit=50", []),
    "branch": (lambda f: f.branch(FULL, "claim/7 ü"), "/repos/acme/tools/branches/claim/7%20%C3%BC", {"name": "x"}),
    "protection": (
        lambda f: f.protection(FULL, "main"),
        "/repos/acme/tools/branch_protections",
        [{"rule_name": "main"}],
    ),
    "labels": (lambda f: f.labels(FULL), "/repos/acme/tools/labels?page=1&limit=50", []),
    "names": (lambda f: f.names(FULL), "/repos/acme/tools/contents", [{"name": "README.md"}]),
    "text": (lambda f: f.text(FULL, "docs/CODEOWNERS", "main"), "/repos/acme/tools/raw/docs/CODEOWNERS?ref=main", ""),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_is_one_get_of_one_path(name: str) -> None:
    """Every method asks exactly its own path below the API, by GET, with the token in its head and nowhere else."""
    work, path, document = QUESTIONS[name]
    with ToldForge(lambda _: told(document)) as forge:
        answer = ask(forge.url, work)
        (asked,) = forge.asked
    query = "&".join(f"{key}={value}" for key, value in asked.query.items())
    said = path.partition("?")[2].replace("%3A", ":")
    assert (asked.method, asked.path, query) == ("GET", "/api/v1" + path.partition("?")[0], said)
    assert asked.headers["authorization"] == f"token {TOKEN}"
    assert asked.headers["accept"] == "application/json"
    assert (answer.at, answer.server_at, answer.whole, answer.calls) == (NOW, NOW - timedelta(seconds=3), True, 1)


def test_who_reads_a_forge_has_no_method_that_writes() -> None:
    """The names of its methods are those of what it tells, and nothing else can be asked through it."""
    public = {name for name in dir(ForgeReader) if not name.startswith("_")}
    assert public == {name.partition("_")[0] for name in QUESTIONS} | {"scopes"}


def test_a_forge_below_a_path_and_without_a_token() -> None:
    """A forge may live below a path, and tell everybody: then no token is sent."""
    with ToldForge(lambda _: told({"version": "1.25.3"})) as forge:
        assert ask(f"{forge.url}/git/", lambda reader: reader.version(), token=None).value == "1.25.3"
        assert forge.asked[0].path == "/git/api/v1/version"
        assert "authorization" not in forge.asked[0].headers


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "grün"])
def test_what_cannot_be_a_token_is_not_sent(token: str) -> None:
    """A token that would change the head of the question is refused before anything is asked."""
    with pytest.raises(SourceError) as failed:
        ask("http://127.0.0.1:1", lambda forge: forge.version(), token=token)
    assert failed.value.reason is Reason.DENIED
    assert not token or token not in str(failed.value)


@pytest.mark.parametrize("full", ["", "acme", "acme/", "/tools", "../tools", "acme/..", "./x"])
def test_a_name_that_leads_elsewhere_is_not_asked_for(full: str) -> None:
    """A repository whose name is a way out of its place is refused before anything is asked."""
    with ToldForge(lambda _: told({})) as forge:
        with pytest.raises(ForgeError) as failed:
            ask(forge.url, lambda reader: reader.repo(full))
        assert forge.asked == []
    assert failed.value.reason is Reason.DENIED


def test_a_name_with_more_slashes_stays_one_name() -> None:
    """What stands behind the first slash of a full name is one piece of the path."""
    with ToldForge(lambda _: told({})) as forge:
        ask(forge.url, lambda reader: reader.repo("acme/a/../../user?x=1#y"))
        assert forge.asked[0].path == "/api/v1/repos/acme/a%2F..%2F..%2Fuser%3Fx%3D1%23y"


def test_no_more_is_asked_for_at_once_than_the_forge_gives() -> None:
    """After its settings were read, the size of a page is the forge's, and never more than ours."""

    async def sizes(forge: ForgeReader) -> list[int]:
        found = []
        for _ in range(3):
            await forge.settings()
            found.append(forge.page)
        return found

    most = iter((20, 1000, 0))
    assert told_by(lambda _: told({"max_response_items": next(most)}), sizes) == [20, 50, 50]


def test_null_is_nothing_wherever_it_stands() -> None:
    """Servers say null for empty lists, for people who are gone, and for what they do not know."""

    def answer(question: Question) -> Reply:
        if question.path.endswith("/pulls"):
            nulls = dict.fromkeys(api.PullRequest.__struct_fields__)
            return told([{**nulls, "id": 1, "number": 4}, {"id": 2, "head": {"repo": None}, "labels": []}])
        return told({"statuses": None, "state": ""} if question.path.endswith("/status") else None)

    first, second = told_by(answer, lambda forge: forge.pulls(FULL)).value
    assert (first.number, first.labels, first.user, first.mergeable) == (4, None, None, None)
    assert (second.head, second.labels) == (api.Head(), ())
    assert told_by(answer, lambda forge: forge.statuses(FULL, SHA)).value == ()
    assert told_by(answer, lambda forge: forge.reviews(FULL, 4)).value == ()


def test_what_is_not_known_here_is_passed_over() -> None:
    """A newer server that says more is understood as far as it goes."""
    more = {"id": 1, "number": 9, "flow": 0, "time_estimate": 5, "novelty": {"deep": [1, None]}}
    assert told_by(lambda _: told(more), lambda forge: forge.pull(FULL, 9)).value == api.PullRequest(id=1, number=9)


def test_moments_that_were_never_set_are_none() -> None:
    """The first of January of the year 1, in whatever zone, is no moment; all others are told in UTC."""
    said = {"created_at": "0001-01-01T00:00:00+08:00", "updated_at": "2026-11-20T13:00:00+01:00", "closed_at": None}
    issue = told_by(lambda _: told({"id": 1, **said}), lambda forge: forge.issue(FULL, 1)).value
    assert [api.when(each) for each in (issue.created_at, issue.updated_at, issue.closed_at)] == [
        None,
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        None,
    ]


@pytest.mark.parametrize("zone", ["Z", "-12:00", "+14:00", "+23:59", "-23:59"])
@pytest.mark.parametrize("day", ["9999-12-31T23:59:59", "0001-01-01T00:00:00", "9999-01-01T00:00:00"])
def test_a_moment_that_cannot_be_held_is_none(day: str, zone: str) -> None:
    """Whoever pushes may date a commit at either end of time: that is no moment, and stops nobody."""
    commit = {"id": SHA, "timestamp": day + zone}
    (branch,) = told_by(lambda _: told([{"name": "x", "commit": commit}]), lambda forge: forge.branches(FULL)).value
    assert facts.branch(branch).at is None


@given(st.datetimes(timezones=st.builds(timezone, st.timedeltas(-DAY, DAY))))
def test_every_moment_is_told_in_utc_or_is_none(moment: datetime) -> None:
    """Whatever a clock or a commit says, a moment can be held in every zone, and most of a year be counted from it."""
    told = api.when(moment)
    if told is None:
        assert moment.year in {*range(1971), 9999}
    else:
        assert (told, told.tzinfo) == (moment, UTC)
        assert told - timedelta(days=300) < told.astimezone(timezone(-DAY)) < told + timedelta(days=300)


def test_the_rule_of_a_branch_is_found_by_its_name() -> None:
    """The rule that a branch names is found among all, by its new name or its old; one that is not there is missing."""
    rules = [{"rule_name": "release/*"}, {"branch_name": "main", "required_approvals": 2}]
    found = told_by(lambda _: told(rules), lambda forge: forge.protection(FULL, "main")).value
    assert found.required_approvals == 2
    error = fails(lambda _: told(rules), lambda forge: forge.protection(FULL, "dev"))
    assert (error.reason, error.path) == (Reason.MISSING, "/repos/acme/tools/branch_protections")


def test_a_text_file() -> None:
    """A file is told as it is; one that is not text is another form than expected."""
    rules = "docs/.* @alice\n# ü\n"
    raw = Reply(rules.encode(), kind="text/plain")
    answer = told_by(lambda _: raw, lambda forge: forge.text(FULL, "CODEOWNERS"))
    assert (answer.value, answer.whole) == (rules, True)
    error = fails(lambda _: Reply(b"\xff\xfe\x00"), lambda forge: forge.text(FULL, "CODEOWNERS"))
    assert (error.reason, error.detail) == (
        Reason.SCHEMA,
        "GET /repos/acme/tools/raw/CODEOWNERS: 200, this file is not text",
    )
    login = Reply(b"<html>Sign in", kind="text/html; charset=utf-8")
    error = fails(lambda _: login, lambda forge: forge.text(FULL, "CODEOWNERS"))
    assert error.detail.endswith("200, its answer is a page for people, not a file")


def test_questions_are_counted() -> None:
    """A client knows how many questions it asked, those that failed too."""

    async def three(forge: ForgeReader) -> int:
        await forge.version()
        await forge.pulls(FULL)
        with pytest.raises(ForgeError):
            await forge.me()
        return forge.calls

    def answer(question: Question) -> Reply:
        if question.path.endswith("/pulls"):
            number = int(question.query["page"])
            return told([{"id": number}], x_total_count="3")
        return told({}, 401 if question.path.endswith("/user") else 200)

    assert told_by(answer, three, page=1) == 5
