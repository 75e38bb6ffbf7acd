"""What a token may do, told by how it is refused."""

from __future__ import annotations

import pytest

from quarterdeck.sources.forge.scopes import Scopes, is_excess
from quarterdeck.truth.reading import Reason
from tests.fakes.told_forge import Question, Reply, ToldForge, told
from tests.sources.forge.asking import ask, fails, told_by

SAID = "token does not have at least one of required scope(s), required=[read:admin], token scope="


def test_the_scopes_of_a_token_are_told_by_the_refusal() -> None:
    """One question that only admins may ask tells all scopes of a token that may not."""
    reply = told({"message": SAID + "read:issue,read:organization,read:repository"}, 403)
    with ToldForge(lambda _: reply) as forge:
        scopes = ask(forge.url, lambda reader: reader.scopes()).value
        assert [(question.method, question.path) for question in forge.asked] == [("GET", "/api/v1/admin/cron")]
    assert scopes == Scopes(("read:issue", "read:organization", "read:repository"), is_open=False)
    assert (scopes.excess, scopes.missing) == ((), ())


@pytest.mark.parametrize(
    "reply",
    [told([]), told({"message": "user should be the site admin", "url": "https://git.example.com/api/swagger"}, 403)],
    ids=["answered", "refused as a person"],
)
def test_a_token_that_is_let_through_is_too_much(reply: Reply) -> None:
    """Who is asked whether they are an admin, and not for a scope, has a token for everything."""
    scopes = told_by(lambda _: reply, lambda reader: reader.scopes()).value
    assert (scopes.held, scopes.is_open, scopes.excess, scopes.missing) == (None, True, ("all",), ())


@pytest.mark.parametrize(
    "reply",
    [Reply(b"<html>403 Forbidden", 403, kind="text/html"), Reply(b"", 403), Reply(b"Forbidden", 403),
     told({"message": "Forbidden"}, 403), told({"error": "admins only"}, 403), told({}, 403), told([], 403)],
)  # fmt: skip
def test_a_refusal_by_somebody_else_says_nothing_of_a_token(reply: Reply) -> None:
    """What stands before a forge may keep everybody from what admins ask: then it is not told what a token may do."""
    answer = told_by(
        lambda question: reply if "/admin/" in question.path else told([]), lambda reader: reader.scopes()
    )  # fmt: skip
    scopes = answer.value
    assert (scopes.held, scopes.is_open, scopes.excess, scopes.missing) == (None, False, None, ())


@pytest.mark.parametrize("document", [{"login": "please"}, "welcome", None, {"data": []}])
def test_what_admins_are_told_is_a_list(document: object) -> None:
    """An answer of another form is not that of the forge to an admin, and is no finding about the token."""
    assert fails(lambda _: told(document), lambda reader: reader.scopes()).reason is Reason.SCHEMA


OLDER = "token does not have at least one of required scope(s): [{}]"


@pytest.mark.parametrize("lacks", [(), ("read:issue",), ("read:issue", "read:repository")])
def test_a_release_that_does_not_tell_scopes_is_asked_for_each(lacks: tuple[str, ...]) -> None:
    """Where a refusal does not tell what a token has, what it lacks is found out; what is too much is not known."""
    needs = {"/api/v1/repos/issues/search": "read:issue", "/api/v1/repos/search": "read:repository"}

    def answer(question: Question) -> Reply:
        needed = needs.get(question.path, "read:admin")
        is_refused = needed in lacks or needed == "read:admin"
        return told({"message": OLDER.format(needed)}, 403) if is_refused else told([])

    with ToldForge(answer) as forge:
        answered = ask(forge.url, lambda reader: reader.scopes())
        assert [question.query for question in forge.asked] == [{"limit": "1"}] * 3
    scopes = answered.value
    assert (scopes.held, scopes.is_open, scopes.excess, scopes.missing) == (None, False, None, lacks)
    assert answered.calls == 3


def test_a_refusal_that_is_about_something_else_is_no_scope() -> None:
    """While scopes are found out, a failure of another kind is that failure, and no finding about the token."""
    replies = [told({"message": OLDER.format("read:admin")}, 403), told({"message": "banned"}, 403)]
    error = fails(lambda question: replies[question.number - 1], lambda reader: reader.scopes())
    assert (error.status, error.said) == (403, "banned")


def test_a_token_that_is_not_known_has_no_scopes() -> None:
    """A refusal of the token itself is that, and not a finding about its scopes."""
    assert fails(lambda _: told({}, 401), lambda reader: reader.scopes()).status == 401


@pytest.mark.parametrize(
    ("held", "excess", "missing"),
    [
        (("read:issue", "read:organization", "read:repository", "read:user", "public-only"), (), ()),
        (("read:issue",), (), ("read:organization", "read:repository")),
        (
            ("write:issue", "write:organization", "write:repository"),
            ("write:issue", "write:organization", "write:repository"),
            (),
        ),
        (("all",), ("all",), ()),
        (("sudo", "read:admin", "write:admin", "something-new"), ("read:admin", "something-new", "sudo", "write:admin"),
         ("read:issue", "read:organization", "read:repository")),
        ((), (), ("read:issue", "read:organization", "read:repository")),
    ],
)  # fmt: skip
def test_what_is_too_much_and_what_is_missing(
    held: tuple[str, ...], excess: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """Whatever allows more than to look is too much, what nobody knows too; writing something allows to look at it."""
    scopes = Scopes(held, is_open=False)
    assert (scopes.excess, scopes.missing) == (excess, missing)


def test_to_look_at_more_does_no_harm() -> None:
    """Scopes that only let look, but for what admins see, are not too much."""
    assert not is_excess("read:package")
    assert is_excess("read:admin")


def test_a_token_is_asked_about_without_telling_it() -> None:
    """The refusal is understood wherever the list stands in the words around it, and an empty list is one."""

    def answer(_: Question) -> Reply:
        return told({"message": SAID}, 403)

    assert told_by(answer, lambda reader: reader.scopes()).value == Scopes((), is_open=False)
