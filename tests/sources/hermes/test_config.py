from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.sources.hermes.config import Config, parse
from quarterdeck.sources.hermes.model import ConfigFile
from quarterdeck.sources.hermes.pick import DEPTH_LIMIT, EVENTS_LIMIT, OTHER, Wanted, pick
from quarterdeck.truth.reading import Reason

ANY = Wanted(others=Wanted(items=Wanted()))


def reason(answer: object) -> Reason | None:
    return answer.reason if isinstance(answer, SourceError) else None


@pytest.mark.parametrize(
    ("text", "model", "provider"),
    [
        ("model: gpt-x", "gpt-x", None),
        ("model: {default: a/b, provider: openrouter}", "a/b", "openrouter"),
        ("model: {model: older}", "older", None),
        ("model: {default: '', model: older}", "older", None),
        ("model: {default: '  spaced  '}", "spaced", None),
        ("model:", None, None),
        ("{}", None, None),
        ("# only a comment", None, None),
        ("model: {default: first, default: last}", "last", None),
        ("\ufeffmodel: with-a-mark", "with-a-mark", None),
    ],
)
def test_the_model_is_named_where_the_agent_looks_for_it(text: str, model: str | None, provider: str | None) -> None:
    """The configuration names its model in either of the places where the agent looks, or it names none."""
    config = parse(text.encode())
    assert (config.model, config.provider) == (model, provider)


@pytest.mark.parametrize("text", ["model: 4.1", "model: [a]", "model: {default: {a: b}}", "model: 5", "model: true"])
def test_what_is_no_name_is_no_model(text: str) -> None:
    """A number, a list or a switch in the place of the model is not bent into a name."""
    assert reason(parse(text.encode()).model) is Reason.SCHEMA


def test_what_the_environment_sets_is_not_known() -> None:
    """A variable is not the name of a model, and what it stands for is not looked up."""
    config = parse(b"model: {default: '${MODEL}', provider: openrouter}")
    assert reason(config.model) is Reason.SCHEMA
    assert config.provider == "openrouter"


def test_the_chain_is_the_agents_own() -> None:
    """The list of fallbacks comes first, then the older single one; what is incomplete or double is left out."""
    text = """
    fallback_model: {provider: c, model: d}
    fallback_providers:
      - {provider: a, model: x/y}
      - {provider: a, model: x/y}
      - {provider: only}
      - plain text
    """
    assert parse(text.encode()).fallbacks == ("a:x/y", "c:d")
    assert parse(b"fallback_model: [{provider: a, model: b}, {provider: c, model: d}]").fallbacks == ("a:b", "c:d")


def test_toolsets_of_everything_and_of_platforms() -> None:
    """Toolsets are those of everything, then those of each platform, each named once."""
    text = b"toolsets: [web, files]\nplatform_toolsets: {cli: [files, terminal], telegram: [web]}\n"
    assert parse(text).toolsets == ("web", "files", "terminal")


@pytest.mark.parametrize(
    ("text", "platforms"),
    [
        ("platforms: {telegram: {enabled: true}, slack: {enabled: false}, irc: {}}", ("telegram",)),
        ("gateway: {platforms: {webhook: {enabled: 'on'}}}", ("webhook",)),
        ("gateway: {platforms: {webhook: {enabled: true}}}\nplatforms: {webhook: {enabled: false}}", ()),
        ("telegram: {enabled: true, token: x}", ("telegram",)),
        ("platforms: {telegram: {enabled: true}}\ntelegram: {enabled: 0}", ()),
        ("platforms: {telegram: {enabled: true}}\ntelegram: {other: 0}", ("telegram",)),
        ("", None),
    ],
)
def test_platforms_that_are_switched_on(text: str, platforms: tuple[str, ...] | None) -> None:
    """A platform is on when the place that counts most says so."""
    found = attempt(parse, text.encode())
    assert (found.platforms if isinstance(found, Config) else None) == platforms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gateway: {multiplex_profiles: true}", True),
        ("multiplex_profiles: 'yes'", True),
        ("multiplex_profiles: false\ngateway: {multiplex_profiles: true}", False),
        ("{}", False),
    ],
)
def test_whether_one_gateway_serves_all_profiles(text: str, expected: bool) -> None:
    """Serving all profiles is asked for at the top or under the gateway; the top decides."""
    assert parse(text.encode()).multiplexes is expected


def test_what_hides_behind_an_alias_is_not_taken_for_unset() -> None:
    """A value that stands elsewhere makes its own fact unknown; the others are known."""
    config = parse(b"x: &x gpt\nmodel: *x\ntimezone: Europe/Vienna\nplatforms: {<<: {a: b}, slack: {enabled: true}}\n")
    assert reason(config.model) is reason(config.platforms) is Reason.SCHEMA
    assert config.timezone == "Europe/Vienna"


@pytest.mark.parametrize(
    "data",
    [
        b"a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\ne: [*d, *d]\n",
        b"a: &a {<<: *a}\n",
        b"a: &a [*a]\n",
        b"*nothing\n",
    ],
)
def test_aliases_are_never_followed(data: bytes) -> None:
    """References that multiply or lead back to themselves cost nothing and say nothing."""
    found = pick(data, ANY)
    assert isinstance(found, dict | SourceError)


@pytest.mark.parametrize(
    "data",
    [
        b"a: " + b"[" * 1_000_000,
        b"{a: " * 250_000,
        b"- " * 500_000 + b"x",
        b"? " * 500_000 + b"x",
        b"".join(b" " * depth + b"a:\n" for depth in range(DEPTH_LIMIT + 5)),
        b"- x\n" * (EVENTS_LIMIT + 5),
        b"a: b\n---\nc: d\n",
        b"a: 'unfinished",
        b"a: b: c\n",
        b"\t- a\n",
        b"a: \x00\n",
        b"a: \xff\xfe\n",
        b"",
    ],
)
def test_no_file_makes_its_reader_work(data: bytes) -> None:
    """A file that is deeper, longer or stranger than a configuration is left as soon as that shows."""
    began = time.process_time()
    with pytest.raises(SourceError) as caught:
        pick(data, ANY)
    assert caught.value.reason is Reason.CORRUPT
    assert time.process_time() - began < 5


def test_types_are_those_of_yaml() -> None:
    """Plain values have the type that YAML gives them, as far as one of those is wanted."""
    data = (
        b"a: 5\nb: '5'\nc: yes\nd: ~\ne: 1.5\nf: 2026-01-01\ng: !!str 7\nh: 0x10\ni: 99999999999999999999\nj: |\n  t\n"
    )
    wanted = Wanted(others=Wanted())
    assert pick(data, wanted) == {
        "a": 5,
        "b": "5",
        "c": True,
        "d": None,
        "e": OTHER,
        "f": OTHER,
        "g": "7",
        "h": OTHER,
        "i": OTHER,
        "j": "t\n",
    }


def test_what_is_not_wanted_is_not_made() -> None:
    """Of places that are not asked for nothing is in what is handed out, not even their names."""
    data = b"a: {b: secret, c: [secret], keep: kept}\nsecret: 1\n? [secret]\n: {secret: secret}\n"
    assert pick(data, Wanted({"a": Wanted({"keep": Wanted()})})) == {"a": {"keep": "kept"}}


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
sections = st.sampled_from(
    ["model", "platforms", "gateway", "toolsets", "fallback_providers", "timezone", "mcp_servers"]
)


@given(st.dictionaries(sections, documents))
def test_any_configuration_is_read(document: dict[str, Any]) -> None:
    """Whatever stands in the places that are asked for, each fact is known or has a reason."""
    config = parse(yaml.safe_dump(document, allow_unicode=True).encode())
    assert isinstance(config.multiplexes, bool | SourceError)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the file holds, reading it ends in what it says or in a reason."""
    found = attempt(parse, data)
    assert isinstance(found, Config) or found.reason in {Reason.CORRUPT, Reason.SCHEMA}


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    """What a file said is said again until the file changes."""
    path = tmp_path / "config.yaml"
    path.write_text("model: first\n")
    file = ConfigFile(tmp_path)
    one = file.read()
    assert file.read() is one
    path.write_text("model: second\n")
    os.utime(path, (1, 1))
    two = file.read()
    assert isinstance(two, Config)
    assert two.model == "second"
    path.unlink()
    assert reason(file.read()) is Reason.MISSING
    path.write_text("model: third\n")
    three = file.read()
    assert isinstance(three, Config)
    assert three.model == "third"


def test_a_model_that_is_a_file_is_called_by_its_own_name() -> None:
    """Where a model lies on this machine is not told, neither as the model nor in the chain: only what it is called."""
    text = "model: {default: /srv/models/llama.gguf, provider: ~/bin/serve}\n"
    found = parse((text + "fallback_providers: [{provider: local, model: /srv/models/other.gguf}]\n").encode())
    assert (found.model, found.provider, found.fallbacks) == ("llama.gguf", "serve", ("local:other.gguf",))
