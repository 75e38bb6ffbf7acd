"""Personal data by their form: addresses of mail, telephone numbers, cards, public addresses of the network.

Rule: these are guesses about numbers that a machine is full of. They are made only where somebody asked for them, and
only where the form leaves little doubt: a number for a telephone begins with ``+`` or is written in groups, a card has
a check digit that is right, and an address belongs to no private network.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])")
PHONE: Final = re.compile(
    r"(?<![\w+.-])(?:\+\d{1,3}[ .\-/]?(?:\(0?\d{1,4}\)[ .\-/]?)?|\(?0\d{1,4}\)?[ \-/])"
    r"\d{2,5}(?:[ .\-/]?\d{2,5}){1,4}(?!\w|[.-]\d)"
)
CARD: Final = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?!\w|[.-]\d)")
IP4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
IP6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
SHARED: Final = ipaddress.ip_network("100.64.0.0/10")
DIGITS: Final = range(8, 16)


def find(text: str) -> Iterator[tuple[int, int, str]]:
    """Return from where to where something personal stands, and what it is."""
    if "@" in text:
        yield from ((found.start(), found.end(), "email") for found in MAIL.finditer(text))
    yield from ((found.start(), found.end(), "card") for found in CARD.finditer(text) if _is_card(found[0]))
    yield from ((found.start(), found.end(), "phone") for found in PHONE.finditer(text) if _is_phone(found[0]))
    for form, sign in ((IP4, "."), (IP6, ":")):
        if sign in text:
            yield from ((found.start(), found.end(), "ip") for found in form.finditer(text) if _is_public(found[0]))


def _is_card(text: str) -> bool:
    """Whether the check digit is right, and the number is no row of equal digits."""
    numbers = [int(sign) for sign in text if sign.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in numbers[-2::-2]]  # noqa: PLR2004 -- two digits are added up
    return len(set(numbers)) > 1 and (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    return sum(map(str.isdecimal, text)) in DIGITS


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and address not in SHARED
