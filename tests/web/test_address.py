"""What an address asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.web.address import IN_API, ON_PAGES, TEXT_MAX, Refusal, Wanted, read

AT = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
SAFE = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=40)


def test_nothing_asked_is_everything_now() -> None:
    """Without a question a view shows all instances, its first page, and the present."""
    assert read("brief", "") == Wanted("brief", Asked())


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T03:04:11Z",
        "2026-11-21t03:04:11z",
        "2026-11-21 03:04:11Z",
        "2026-11-21T03:04:11.000000Z",
        "2026-11-21T05:04:11+02:00",
        "2026-11-20T22:34:11-04:30",
    ],
)
@pytest.mark.parametrize("encoded", [True, False])
def test_a_moment_may_be_written_in_every_way_of_the_standard(text: str, encoded: bool) -> None:
    """RFC 3339 in any zone names one moment, also where an address turned its plus sign into a space."""
    assert read("brief", f"at={quote(text) if encoded else text}").at == AT


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-11-21", "2026-11-21T03:04:11", "2026-11-21T03:04Z", "2026-02-30T00:00:00Z"),
        *("20261121T030411Z", "2026-W47-6", "2026-11-21T24:00:01Z", "9999-12-31T23:59:59-10:00", "\uff11\uff12"),
        *("0001-01-01T00:00:00+10:00", "2026-11-21T03:04:11+99:00", "1795230251"),
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """A moment without its zone, or one that no calendar has, is no moment; the answer shows how one is written."""
    with pytest.raises(Refusal, match="RFC 3339") as refused:
        read("brief", f"at={quote(text)}")
    assert refused.value.status == 400


@pytest.mark.parametrize("page", ["0", "-1", "1000001", "x", "1.0", "٣", "²", "9" * 5_000])
def test_a_page_is_a_number(page: str) -> None:
    """Pages are counted from one, in plain digits, and not without end."""
    with pytest.raises(Refusal, match="page"):
        read("brief", f"page={page[:3_000]}")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("nothing=1", "Known are: at, instance, open, page"),
        ("a=1&b=2", "2 parameters not known"),
        ("instance=north&instance=south", "given twice"),
        ("instance=%ff", "not UTF-8"),
        ("x" * 4_001, "too long"),
        ("&".join(f"a{n}=1" for n in range(40)), "too many"),
        ("open=" + "x" * (TEXT_MAX + 1), "open"),
        ("open=%00", "open"),
        ("open=a%0db", "open"),
    ],
)
def test_what_is_not_understood_is_refused(query: str, words: str) -> None:
    """No word is ignored, and none of them is repeated in the answer."""
    with pytest.raises(Refusal, match=words) as refused:
        read("brief", query)
    assert refused.value.status == 400


def test_a_view_there_is_none_of_names_those_there_are() -> None:
    """Who asks for another view is told all their names."""
    with pytest.raises(Refusal) as refused:
        read("nothing", "")
    assert refused.value.status == 404
    assert all(name in refused.value.detail for name in VIEWS)


def test_the_api_has_no_pages() -> None:
    """What belongs to a page alone means nothing in the API."""
    with pytest.raises(Refusal, match="Known are"):
        read("brief", "page=2", IN_API)


PARAMETERS = [(view, name, param) for view, spec in VIEWS.items() for name, param in spec.params.items()]


@pytest.mark.parametrize(("view", "name", "param"), PARAMETERS)
def test_a_view_takes_the_words_it_declares(view: str, name: str, param: object) -> None:
    """Each value that a view declares is taken, its default means the same as nothing, and no other value is."""
    declared = VIEWS[view].params[name]
    assert read(view, f"{name}={quote(declared.default)}") == read(view, "") == read(view, f"{name}=")
    for value in declared.among:
        expected = "" if value == declared.default else value
        assert read(view, f"{name}={quote(value)}").asked.word(name) == expected
    if declared.among:
        with pytest.raises(Refusal, match="one of"):
            read(view, f"{name}=no-such-value")


@given(st.sampled_from(sorted(VIEWS)), st.text(max_size=80), st.sampled_from([ON_PAGES, IN_API]))
def test_whatever_is_asked_is_understood_or_refused(view: str, query: str, known: tuple[str, ...]) -> None:
    """No question whatever is an error of ours, and what is refused is not repeated."""
    refusal = None
    try:
        assert read(view, query, known).view == view
    except Refusal as refused:
        refusal = refused
    assert refusal is None or (refusal.status, len(refusal.detail) < 400) == (400, True)


@given(SAFE, st.integers(1, 1_000_000), st.none() | SAFE, st.none() | st.just(AT))
def test_what_was_understood_can_be_asked_again(
    instance: str, page: int, subject: str | None, at: datetime | None
) -> None:
    """The address that is made of a question asks the same question."""
    wanted = Wanted("brief", Asked(instance, page, subject), at)
    assert read("brief", wanted.words()) == wanted
