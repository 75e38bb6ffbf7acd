"""Personal data, where somebody asked for them to be masked."""

from __future__ import annotations

import pytest

from quarterdeck.redaction import Redaction, clean

ASKED = Redaction(pii=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to jane.doe+news" + "@example.co.uk.", "write to [redacted:email]."),
        ("call +49 170 " + "1234567 now", "call [redacted:phone] now"),
        ("call 030 " + "1234 5678", "call [redacted:phone]"),
        ("card 4111 1111 " + "1111 1111", "card [redacted:card]"),
        ("from 93.184." + "216.34", "from [redacted:ip]"),
        ("from 2606:4700:" + "4700::1111", "from [redacted:ip]"),
    ],
)
def test_personal_data_are_masked_when_asked_for(text: str, shown: str) -> None:
    """An address, a number, a card is masked under the policy, and only under it."""
    assert clean(text, ASKED) == shown
    assert clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1, 192.168.1.7, 127.0.0.1, 100.101.102.103, 169.254.1.1, 999.1.1.1, fd7a:115c:a1e0::1, ::1",
        "4111 1111 1111 1112 has a wrong check digit",
        "0000 0000 0000 0000",
        "2026-11-21 03:04:11, 20261120_235801_a1b2c3, 1700000000.123, 0.19.0, 1,234,567",
        "user@host, git@forge:a/b.git",
        "port 8710, pid 123456, 54647 sessions, 12:34:56",
    ],
)
def test_numbers_of_machines_are_left_alone(text: str) -> None:
    """Addresses of private networks, times, versions and counts are nobody's."""
    assert clean(text, ASKED) == text
