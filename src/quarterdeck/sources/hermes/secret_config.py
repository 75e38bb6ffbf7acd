"""Which secrets stand in ``config.yaml``: the way to each, and nothing of it.

Rule 1: the file is read as a stream of events, as ``pick`` does it, and each value is let go before the next is read.
Rule 2: of the way only the configuration's own words are told. What an owner called his servers is his.
Rule 3: a value is a secret by the name it stands under, or by its looks, wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from yaml import Event, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import dotenv, purposes
from quarterdeck.sources.hermes.config import PLATFORMS
from quarterdeck.sources.hermes.held import Held, Mark, dated
from quarterdeck.sources.hermes.pick import events
from quarterdeck.sources.hermes.purposes import Use
from quarterdeck.sources.hermes.secret_files import limited
from quarterdeck.truth.reading import Reason

FILE: Final = "config.yaml"
SHORTEST: Final = 8
KEYBOARD: Final = re.compile(r"(?:ctrl|alt|shift|cmd|meta|super)[+-]", re.IGNORECASE)
"""How a key of the keyboard is written, which stands under names such as ``record_key``."""
DOORS: Final = frozenset({"api_server", "webhook", "msgraph_webhook"})
MODELS: Final = frozenset({"model", "models", "providers", "custom_providers", "fallback_providers", "auxiliary"})
TOOLS: Final = frozenset({"mcp_servers", "web", "browser", "tts", "stt", "image_gen", "memory"})

OWN_WORDS: Final = (
    "access_token api_base api_key api_token app_id app_password app_secret app_token args auth auth_token"
    " authorization base_url bearer_token bot_token channel_access_token channel_secret client_id client_secret command"
    " connection credentials database dsn email encrypt_key encryption env extra fallback_model gateway headers"
    " hmac_secret key oauth options password platforms private_key profiles proxy recovery_key refresh_token routes"
    " secret secret_key server settings signing_secret smtp_password token url username verification_token"
    " webhook_secret webhook_url"
)
WORDS: Final = frozenset(OWN_WORDS.split()).union(DOORS, MODELS, TOOLS, PLATFORMS)
"""Words of the configuration itself. What is none of them, somebody thought of, and ``*`` stands for it."""

Way = tuple[str, ...]


def configuration(data: bytes, mark: Mark) -> tuple[Held, ...]:
    """Return the secrets of a configuration, those that stand in one place as one."""
    found: dict[str, Held] = {}
    for way, value in _values(events(data)):
        if not _is_secret(way, value):
            continue
        held = _held(way, value, mark)
        before = found.get(held.name)
        found[held.name] = held if before is None else before._replace(marks=before.marks | held.marks)
    return limited(found.values())


def _is_secret(way: Way, value: str) -> bool:
    word = len(value) >= SHORTEST and " " not in value.strip() and KEYBOARD.match(value) is None
    return value.startswith("Bearer ") or (word and purposes.is_secret(way[-1] if way else "", value))


def _held(way: Way, value: str, mark: Mark) -> Held:
    use = _use_of(way)
    form, issuer = purposes.form_of(way[-1] if way else "", value)
    name = "/".join((FILE, ".".join(map(_word, way))))
    return dated(Held(name, use.purpose, use.provider or issuer, form, marks=mark((value,))), value)


def _word(part: str) -> str:
    return part if part in WORDS or (dotenv.is_name(part)) else "*"


def _provider(part: str) -> str | None:
    return part if part in purposes.ISSUERS else None


def _use_of(way: Way) -> Use:
    """Return what a secret is for, by where it stands."""
    top, rest = way[0] if way else "", way[1:]
    if top == "gateway" and rest[:1] == ("platforms",):
        top, rest = "platforms", rest[1:]
    if top == "platforms" and len(rest) > 1:
        return (
            Use("letting callers in")
            if rest[0] in DOORS
            else Use("chat platform", rest[0] if rest[0] in PLATFORMS else None)
        )
    if top in MODELS:
        return Use("calling models", _provider(rest[0]) if len(rest) > 1 else None)
    if top in TOOLS:
        return Use("tool or skill", _provider(rest[0]) if len(rest) > 1 else None)
    return purposes.use_of(way[-1]) if way else Use()


def _values(stream: Iterator[Event]) -> Iterator[tuple[Way, str]]:
    """Return every plain value with the way to it; those of a list stand where the list does."""
    way: list[str | None] = []
    for event in stream:
        if way and way[-1] is None and not isinstance(event, ScalarEvent | MappingEndEvent):
            raise SourceError(Reason.SCHEMA, "has something else where the name of a setting should be")
        if isinstance(event, MappingStartEvent):
            way.append(None)
        elif isinstance(event, SequenceStartEvent):
            way.append("")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            way.pop()
            _done(way)
        elif isinstance(event, ScalarEvent) and way and way[-1] is None:
            way[-1] = event.value or "-"
        else:
            if isinstance(event, ScalarEvent):
                yield tuple(part for part in way if part), event.value
            _done(way)


def _done(way: list[str | None]) -> None:
    """A value is over: what follows in a mapping is the next key."""
    if way and way[-1] != "":
        way[-1] = None
