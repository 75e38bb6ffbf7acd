"""The exact secrets of an agent: where they come from, and that none of them gets out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.redaction import KnownValues
from quarterdeck.sources.hermes import HermesSource, detail, stream
from quarterdeck.sources.hermes.keys import Keys, withheld
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable
from tests.sources.hermes.agent_home import NOW, AgentHome, job

TOKEN = "".join(("b", "1" * 3, "formless", "9" * 4, "token"))
OTHER = "".join(("q", "7" * 3, "unlabelled", "2" * 4, "value"))
ORIGIN = Origin("cron jobs", "cron/jobs.json")


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    """A home whose secrets have no form by which a rule could know them."""
    made = AgentHome(tmp_path / "home")
    made.write(".env", f"SERVICE_TOKEN={TOKEN}\nHOME_CHANNEL=12345\n")
    made.write("auth.json", json.dumps({"providers": {"xai": {"access_token": OTHER}}}))
    made.write("config.yaml", "model: {default: some/model}\n")
    made.session("a", title=f"about {TOKEN} and more", model="some/model")
    made.say("a", "user", ago=60, content=f"it is {TOKEN}, or {json.dumps(OTHER)}")
    made.jobs(job(name=f"Renew {OTHER}"))
    return made


def north(home: AgentHome, **policy: Any) -> Instance:
    return Instance(
        "north", "North", home=home.path, policy=Policy(**{"job_names": True, "session_titles": True} | policy)
    )


def told(source: HermesSource, field: Field[Any]) -> Known[Any] | Unavailable[Any]:
    return next(
        reading for reading in source.look(NOW) if reading.field == field.name and field.of in ("redaction", "job")
    )


def test_secrets_come_from_the_files_that_hold_them(home: AgentHome) -> None:
    """What the environment file and the logins hold is known by its value, and what is no secret is not."""
    found = Keys(north(home)).read()
    assert (len(found.known), found.lost) == (2, None)
    assert found.known.stand_in(TOKEN)
    assert found.known.stand_in(OTHER)
    assert not found.known.stand_in("12345 some/model xai")


def test_no_secret_stands_in_what_is_told(home: AgentHome) -> None:
    """In the name of a job, the title of a session and what was said in it, a mark stands where the secret stood."""
    one = north(home, session_texts=True)
    source = HermesSource(one)
    name = told(source, F.JOB_NAME)
    assert isinstance(name, Known)
    assert name.value.startswith("Renew [redacted:known#")
    (summary,), _ = stream.changes(home.path, one, None, NOW)
    assert (summary.title or "").startswith("about [redacted:known#")
    (step,) = detail.read(home.path, one, "a").steps
    assert (step.text or "").startswith("it is [redacted:known#")
    everything = repr((source.look(NOW), summary, step, source.secrets))
    assert TOKEN not in everything
    assert OTHER not in everything


def test_that_one_stood_there_is_told(home: AgentHome) -> None:
    """How many facts held a secret is a fact itself, beside how many secrets are looked for."""
    source = HermesSource(north(home))
    assert [(reading.value if isinstance(reading := told(source, field), Known) else reading) for field in (
        F.KNOWN_VALUES, F.WITHHELD, F.MASKS_SECRETS, F.MASKS_PII, F.AGENT_MASKS_SECRETS, F.AGENT_MASKS_PII
    )] == [2, 1, True, False, True, False]  # fmt: skip


def test_only_the_texts_of_sessions_can_be_left_as_they_stand(home: AgentHome) -> None:
    """Without redaction the owner sees what was said; what is exported and kept is masked all the same."""
    one = north(home, session_texts=True, redact_secrets=False)
    (step,) = detail.read(home.path, one, "a").steps
    assert step.text == f"it is {TOKEN}, or {json.dumps(OTHER)}"
    (summary,), _ = stream.changes(home.path, one, None, NOW)
    name = told(HermesSource(one), F.JOB_NAME)
    assert TOKEN not in repr(summary)
    assert OTHER not in repr(name)


def test_personal_data_are_masked_where_the_policy_asks_for_it(home: AgentHome) -> None:
    """An address of mail in a name, a title or a text is masked, and elsewhere nothing changes."""
    mail = "jane.doe" + "@example.org"
    home.jobs(job(name=f"Write to {mail}"))
    home.session("b", title=f"for {mail}", began=10)
    home.say("b", "user", ago=5, content=mail)
    one = north(home, session_texts=True, redact_pii=True)
    name = told(HermesSource(one), F.JOB_NAME)
    assert isinstance(name, Known)
    assert name.value.startswith("Write to [redacted:email#")
    summaries, _ = stream.changes(home.path, one, None, NOW)
    assert any((summary.title or "").startswith("for [redacted:email#") for summary in summaries)
    assert mail not in repr((summaries, detail.read(home.path, one, "b")))


def test_a_file_that_cannot_be_read_is_said_and_what_it_held_still_counts(home: AgentHome) -> None:
    """A broken file takes no secret out of what is known from the others, and the count is not known meanwhile."""
    source = HermesSource(north(home))
    source.look(NOW)
    home.write("auth.json", '{"providers": {"xai": {"access_token": "' + OTHER)
    lost = told(source, F.KNOWN_VALUES)
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.CORRUPT
    assert source.secrets.stand_in(TOKEN)


def test_a_secret_that_changes_is_followed(home: AgentHome) -> None:
    """A file is read anew when it changed, and not when it did not."""
    keys = Keys(north(home))
    before = keys.read().known
    assert keys.read().known is before
    home.write(".env", f"SERVICE_TOKEN={TOKEN}x2\n")
    os.utime(home.path / ".env", (1, 1))
    assert keys.read().known.stand_in(f"{TOKEN}x2")


def test_what_is_called_so_in_the_open_is_no_secret(home: AgentHome) -> None:
    """An id that is also a password does not make everything of its instance unreadable."""
    home.write(".env", "ADMIN_PASSWORD=northern1\n")
    one = Instance("northern1", "North", home=home.path)
    assert not Keys(one).read().known.stand_in("northern1")


def test_a_value_that_has_no_room_for_a_mark_is_left_out() -> None:
    """Where a mark does not fit the shape of a fact, the fact is not known, and says why."""
    secret = "running" + "aaaa1"
    readings: list[AnyReading] = [
        Known("hermes:north/gateway", "recorded_exit", ORIGIN, secret, NOW, F.LIVE),
        Known("hermes:north/gateway", "platforms", ORIGIN, {secret: "ok"}, NOW, F.LIVE),
        Unavailable("hermes:north/gateway", "unit", Origin("x", secret), NOW, Reason.MISSING, f"no {secret}"),
    ]
    cleaned, taken = withheld(readings, Instance("north", "North"), KnownValues([secret]))
    assert taken == 3
    assert secret not in repr(cleaned)
    assert isinstance(cleaned[0], Unavailable)
    assert cleaned[1].value == {"[redacted:known]": "ok"} if isinstance(cleaned[1], Known) else False


@pytest.mark.parametrize(
    ("environment", "configuration", "masks"),
    [
        ("", "model: x\n", True),
        ("", "security: {redact_secrets: false}\n", False),
        ("", "security:\n  redact_secrets: 'off'\n", False),
        ("HERMES_REDACT_SECRETS=false\n", "security: {redact_secrets: true}\n", False),
        ("HERMES_REDACT_SECRETS=1\n", "security: {redact_secrets: false}\n", True),
        ("export HERMES_REDACT_SECRETS='no'\n", "model: x\n", False),
    ],
)
def test_what_the_agent_is_told_to_mask(home: AgentHome, environment: str, configuration: str, masks: bool) -> None:
    """Its environment speaks before its configuration, and where neither speaks, credentials are masked."""
    home.write(".env", environment)
    home.write("config.yaml", configuration)
    found = told(HermesSource(north(home)), F.AGENT_MASKS_SECRETS)
    assert isinstance(found, Known)
    assert found.value is masks
