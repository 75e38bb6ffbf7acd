"""The few values of ``config.yaml`` that may leave the home.

Rule 1: the list below is all that is taken. What stands beside it, keys and addresses above all, is passed over.
Rule 2: a value that the environment sets is not known here.
"""

from __future__ import annotations

from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt
from quarterdeck.sources.hermes.pick import OTHER, Value, Wanted, pick
from quarterdeck.truth.reading import Reason

PLATFORMS = (
    "telegram", "discord", "whatsapp", "whatsapp_cloud", "slack", "signal", "mattermost", "matrix", "homeassistant",
    "email", "sms", "dingtalk", "api_server", "webhook", "msgraph_webhook", "feishu", "wecom", "wecom_callback",
    "weixin", "bluebubbles", "qqbot", "yuanbao", "relay",
)  # fmt: skip
"""Platforms that may have a section of their own at the top of the file."""

PLAIN = Wanted()
NOTHING = Wanted(plain=False)
"""That something is there, and nothing of what it is."""

LIST = Wanted(items=PLAIN)
ROUTE = Wanted({"provider": PLAIN, "model": PLAIN})
ROUTES = Wanted(ROUTE.keys, items=ROUTE)
SWITCH = Wanted({"enabled": PLAIN})
SWITCHES = Wanted(others=SWITCH)

ALLOWED = Wanted(
    {
        "_config_version": PLAIN,
        "model": Wanted({"default": PLAIN, "model": PLAIN, "provider": PLAIN}),
        "fallback_providers": ROUTES,
        "fallback_model": ROUTES,
        "toolsets": LIST,
        "platform_toolsets": Wanted(others=LIST),
        "platforms": SWITCHES,
        "gateway": Wanted({"platforms": SWITCHES, "multiplex_profiles": PLAIN}),
        "multiplex_profiles": PLAIN,
        "timezone": PLAIN,
        "mcp_servers": Wanted(others=NOTHING),
        "security": Wanted({"redact_secrets": PLAIN}),
        "privacy": Wanted({"redact_pii": PLAIN}),
        **dict.fromkeys(PLATFORMS, SWITCH),
    }
)

YES = {"true", "yes", "on", "1"}
"""Texts that the agent takes for true."""

Section = dict[str, Value]


class Config(NamedTuple):
    """What the configuration says."""

    version: Answer[int | None]
    model: Answer[str | None]
    provider: Answer[str | None]
    fallbacks: Answer[tuple[str, ...]]
    toolsets: Answer[tuple[str, ...]]
    platforms: Answer[tuple[str, ...]]
    timezone: Answer[str | None]
    integrations: Answer[int]
    multiplexes: Answer[bool]
    """Whether one gateway is to serve all profiles."""
    masks_secrets: Answer[bool]
    """Whether credentials are masked. Both releases do that unless they are told not to."""
    masks_pii: Answer[bool]


def parse(data: bytes) -> Config:
    """Understand the configuration."""
    found = _section(pick(data, ALLOWED))
    return Config(
        version=attempt(lambda: _number(found.get("_config_version"))),
        model=attempt(lambda: _model(found.get("model"))),
        provider=attempt(lambda: _provider(found.get("model"))),
        fallbacks=attempt(_fallbacks, found),
        toolsets=attempt(_toolsets, found),
        platforms=attempt(_platforms, found),
        timezone=attempt(lambda: _name(found.get("timezone"))),
        integrations=attempt(lambda: len(_section(found.get("mcp_servers")))),
        multiplexes=attempt(_multiplexes, found),
        masks_secrets=attempt(lambda: _told_to(found.get("security"), "redact_secrets", otherwise=True)),
        masks_pii=attempt(lambda: _told_to(found.get("privacy"), "redact_pii", otherwise=False)),
    )


def _model(value: Value) -> str | None:
    """The model is named by the section itself, or in it."""
    if not isinstance(value, dict):
        return _name(value)
    return _name(value.get("default")) or _name(value.get("model"))


def _provider(value: Value) -> str | None:
    if isinstance(value, str) or value is None:
        return None
    return _name(_section(value).get("provider"))


def _fallbacks(found: Section) -> tuple[str, ...]:
    """Return the chain in the agent's own order: the list of providers, then the older single entry."""
    chain = [
        f"{provider}:{model}"
        for key in ("fallback_providers", "fallback_model")
        for route in _listed(found.get(key))
        if isinstance(route, dict)
        and (provider := _name(route.get("provider")))
        and (model := _name(route.get("model")))
    ]
    return tuple(dict.fromkeys(chain))


def _toolsets(found: Section) -> tuple[str, ...]:
    """Return what is switched on for everything, then what is switched on for one platform."""
    lists = [found.get("toolsets"), *_section(found.get("platform_toolsets")).values()]
    names = (_name(item) for each in lists for item in _listed(each))
    return tuple(dict.fromkeys(name for name in names if name))


def _platforms(found: Section) -> tuple[str, ...]:
    """Return the platforms that are switched on. What stands higher in the file decides over what it nests."""
    gateway = _section(found.get("gateway"))
    sections = {
        **_section(gateway.get("platforms")),
        **_section(found.get("platforms")),
        **{name: found[name] for name in PLATFORMS if _says_enabled(found.get(name))},
    }
    return tuple(sorted(name for name, section in sections.items() if _switch(_section(section).get("enabled"))))


def _says_enabled(value: Value) -> bool:
    return isinstance(value, SourceError) or (isinstance(value, dict) and "enabled" in value)


def _multiplexes(found: Section) -> bool:
    own = found.get("multiplex_profiles")
    return _switch(_section(found.get("gateway")).get("multiplex_profiles") if own is None else own)


def _told_to(section: Value, name: str, *, otherwise: bool) -> bool:
    value = _section(section).get(name)
    return otherwise if value is None else _switch(value)


def _section(value: Value) -> Section:
    value = _told(value)
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    raise SourceError(Reason.SCHEMA, "holds something else where a section should be")


def _listed(value: Value) -> list[Value]:
    """Take a list; one thing alone is a list of one."""
    value = _told(value)
    if isinstance(value, list):
        return [_told(item) for item in value]
    if value == OTHER:
        raise SourceError(Reason.SCHEMA, "holds something else where a list should be")
    return [] if value is None else [value]


def _name(value: Value) -> str | None:
    """Return a name. Of a model that is a file on this machine only what the file is called: not where it lies."""
    value = _told(value)
    if isinstance(value, str):
        if "${" in value:
            raise SourceError(Reason.SCHEMA, "set by an environment variable, which is not read")
        name = value.strip()
        return (name.rstrip("/").rpartition("/")[2] if name.startswith(("/", "~")) else name) or None
    if value is None:
        return None
    raise SourceError(Reason.SCHEMA, "holds something else where a name should be")


def _number(value: Value) -> int | None:
    value = _told(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise SourceError(Reason.SCHEMA, "holds something else where a number should be")


def _switch(value: Value) -> bool:
    value = _told(value)
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return value == 1
    return (_name(value) or "").lower() in YES


def _told(value: Value) -> Value:
    """Hand on a value that could be told."""
    if isinstance(value, SourceError):
        raise value
    return value
