from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access.csrf import FIELDS, Forms
from quarterdeck.access.identity import Person, Role

ME = Person("local", "owner", Role.OPERATOR, session=7)


def form(forms: Forms, person: Person = ME, **fields: str) -> bytes:
    return urlencode({"csrf": forms.mark(person), **fields}).encode()


def test_a_form_that_was_made_for_somebody_is_read() -> None:
    """What stands in the fields comes back, without the mark."""
    forms = Forms()
    assert forms.read(ME, form(forms, session="7", more="ä&=")) == {"session": "7", "more": "ä&="}


@pytest.mark.parametrize(
    "other",
    [
        replace(ME, session=8),
        replace(ME, session=None),
        replace(ME, login="visitor"),
        replace(ME, how="tailnet"),
        replace(ME, role=Role.VIEWER),
    ],
    ids=str,
)
def test_a_form_of_somebody_else_is_none(other: Person) -> None:
    """A mark is good for one person, in one role, in one session."""
    forms = Forms()
    assert forms.read(ME, form(forms, other)) is None


def test_a_form_from_before_a_restart_is_none() -> None:
    """Each start of the program has a secret of its own."""
    assert Forms().read(ME, form(Forms())) is None


def test_no_two_people_share_a_mark() -> None:
    """Where one word ends and the next begins is part of what is marked."""
    forms = Forms()
    assert forms.mark(Person("a", "bc", Role.VIEWER)) != forms.mark(Person("ab", "c", Role.VIEWER))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"csrf",
        b"csrf=",
        b"\xff=1",
        b"csrf=%ff",
        b"a=1&a=2",
        b"&".join(b"a%d=1" % number for number in range(FIELDS + 1)),
        b"x" * 100_000,
    ],
)
def test_what_is_no_form_of_ours_is_none(body: bytes) -> None:
    """Nothing, half of something, twice the same, too much: it is no form, and no error either."""
    forms = Forms()
    assert forms.read(ME, body) is None
    assert forms.read(ME, b"csrf=" + forms.mark(ME).encode() + b"&a=1&a=2") is None


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    """Whatever is sent, it is no form, and nothing breaks."""
    assert Forms(b"secret").read(ME, body) is None
