"""The forge of the demo against the published description of the API it imitates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from quarterdeck.demo.forge import founding, scenario
from quarterdeck.demo.forge.routes import ROUTES
from quarterdeck.demo.forge.server import ForgeServer
from quarterdeck.demo.forge.state import Hook
from tests.demo.forge import published

pytestmark = pytest.mark.timeout(published.LIMIT_S)
EXAMPLES: Final = 8
NEWER: Final[dict[str, set[str]]] = {
    "User": {"username"},  # every forge has it, and no description
    "GeneralAPISettings": {"default_max_response_size"},  # since 1.24
}
"""What real forges tell that the description leaves out, or newer releases have."""
PARTS: Final[dict[str, list[str]]] = {
    "owner": ["acme"],
    "repo": ["site", "ledger", "none"],
    "org": ["acme", "none"],
    "index": ["1", "2", "10", "999"],
    "id": ["1", "2"],
    "branch": ["main", "rename-basket", "none"],
    "base": ["main"],
    "head": ["rename-basket", "none"],
    "name": ["main", "none"],
    "ref": ["main", "none"],
    "sha": ["main", "none"],
    "filepath": ["README.md", "shop", "none"],
}
"""What stands in a path: things that are there, and some that are not."""


def shape(path: str) -> str:
    """Return a path without the names of its parts."""
    return re.sub(r"\{[\w.]+\}", "{}", path)


OFFERED: Final = {(route.method, shape(route.path)) for route in ROUTES}
UNSAID: Final = [
    *(unsupported_method, ignored_auth, missing_required_header),
    *(negative_data_rejection, positive_data_acceptance),
]
"""What the description does not say: who is refused, and which of the right questions are answered."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The forge of the demo, and a token that may do everything."""
    forge, _ = scenario.build(tmp_path_factory.mktemp("forge"), datetime.now(UTC))
    forge.faults.clear()
    forge.computing_s = 0
    word = founding.token(forge, forge.accounts["alice"], ("all",)).word
    for repo in forge.repos.values():
        repo.hooks.append(Hook(next(forge.ids), "http://127.0.0.1:9/", ""))
    with ForgeServer(forge) as server:
        yield server.url, word


@pytest.fixture(scope="module")
def text() -> str:
    """The description."""
    return published.types()


@pytest.fixture(scope="module")
def api(text: str) -> Any:
    """What it says of all that the forge answers."""
    wanted = {(call.method, call.path) for call in published.calls(text) if (call.method, shape(call.path)) in OFFERED}
    return schemathesis.openapi.from_dict(published.described(text, PARTS, wanted, NEWER))


def test_it_answers_nothing_that_no_forge_does(text: str) -> None:
    """Every method and path that the forge of the demo knows is in the published description."""
    described = {(call.method, shape(call.path)) for call in published.calls(text)}
    assert len(described) > 300
    assert described >= OFFERED


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"number": 7, "labels": None, "user": {"login": "alice", "username": "alice"}}, False),
        ({"number": "7"}, True),
        ({"created_at": "yesterday"}, True),
        ({"user": ["alice"]}, True),
        ({"labels": [{"colour": "red"}]}, True),
        ({"invented": 1}, True),
    ],
)
def test_the_description_would_notice(text: str, found: Any, wrong: bool) -> None:
    """Null and nothing are let through; another type, another form and a field nobody described are not."""
    components = published.described(text, PARTS, set(), NEWER)["components"]
    schema = {"$ref": "#/components/schemas/Issue", "components": components}
    check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert check.is_valid(found) is not wrong


@pytest.mark.parametrize(("method", "path"), sorted(OFFERED))
def test_whatever_the_description_allows_is_answered_as_described(
    api: Any, running: tuple[str, str], method: str, path: str
) -> None:
    """Right and wrong questions by the hundred: no answer has a field or a type that the description has not."""
    url, word = running
    (name,) = [each for each in api if shape(each) == path]

    @given(case=api[name][method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=timedelta(seconds=10),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=f"{url}/api/v1", headers={"Authorization": f"token {word}"})
        assert answer.status_code < 500
        case.validate_response(answer, excluded_checks=UNSAID)

    asked()
