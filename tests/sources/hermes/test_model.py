"""The logins, the failed calls, and what follows from both for the model."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes import auth, dumps, model
from quarterdeck.sources.hermes.answers import Answer, Report, attempt
from quarterdeck.sources.hermes.auth import Auth
from quarterdeck.sources.hermes.dumps import DumpFiles, Failure
from quarterdeck.sources.hermes.logs import ERRORS, Error, Errors
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
DENIED = SourceError(Reason.DENIED, "no permission to read it")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def login(status: str | None = "exhausted", since: float | None = 60, code: int | None = 429, **more: Any) -> Any:
    at = None if since is None else ago(since).timestamp()
    return {"last_status": status, "last_status_at": at, "last_error_code": code, **more}


def logins(*pool: Any, **providers: Any) -> Auth:
    document = {"version": 1, "providers": providers, "credential_pool": {"openrouter": list(pool)}}
    return auth.parse(json.dumps(document).encode(), NOW)


def log(*refusals: float) -> Errors:
    found = tuple(Error(ago(seconds), "rate-limited") for seconds in refusals)
    return Errors(ERRORS, NOW, found, whole=True, since=ago(9_999))


def told(
    of: Answer[Auth] = auth.NO_LOGINS,
    errors: Answer[Errors] | None = None,
    failures: Answer[list[Failure]] | None = None,
) -> dict[str, AnyReading]:
    report = Report(NOW)
    missing = SourceError(Reason.MISSING, "does not exist")
    model.tell(
        report,
        "north",
        config=missing,
        auth=of,
        errors=log() if errors is None else errors,
        failures=[] if failures is None else failures,
    )
    return {reading.field: reading for reading in report.readings}


def value(reading: AnyReading) -> Any:
    assert isinstance(reading, Known), reading
    return reading.value


@pytest.mark.parametrize(
    ("entry", "is_refused"),
    [
        (login(None, None, None), False),
        (login("ok", 60, None), False),
        (login("exhausted", 60, 429), True),
        (login("exhausted", 3_599, 429), True),
        (login("exhausted", 3_601, 429), False),
        (login("exhausted", 299, 401), True),
        (login("exhausted", 301, 401), False),
        (login("exhausted", 3_000, 402), True),
        (login("exhausted", 9_000, 429, last_error_reset_at=ago(-60).timestamp()), True),
        (login("exhausted", 60, 429, last_error_reset_at=ago(1).timestamp()), False),
        (login("exhausted", 60, 429, last_error_reset_at=ago(-60).timestamp() * 1000), True),
        (login("exhausted", 60, 429, last_error_reset_at=ago(1).isoformat()), False),
        (login("exhausted", None, 402), True),
        (login("dead", 900_000, 401), True),
    ],
)
def test_a_login_is_refused_as_long_as_the_agent_believes_it(entry: Any, is_refused: bool) -> None:
    """A credential counts as refused until its pause is over, by the agent's own rules."""
    assert value(told(logins(entry))["exhausted"]) == int(is_refused)


def test_a_state_of_tomorrow_is_not_counted_as_well() -> None:
    """A credential in a state nobody knows makes the number of refused ones unknown, not smaller."""
    found = told(logins(login("resting"), login()))
    assert value(found["pool"]) == 2
    exhausted = found["exhausted"]
    assert isinstance(exhausted, Unavailable)
    assert exhausted.reason is Reason.SCHEMA


def test_the_first_end_and_the_newest_refusal() -> None:
    """The pool works again when the first pause ends; its status is that of the newest refusal that holds."""
    found = told(
        logins(
            login(since=600, code=402, last_error_reset_at=ago(-900).timestamp()),
            login(since=30, code=429, last_error_reset_at=ago(-300).timestamp()),
            login("ok", 5, 500),
        )
    )
    assert value(found["rate_limit_reset_at"]) == ago(-300)
    assert value(found["refusal_code"]) == 429


def test_logins_that_renew_themselves_do_not_expire() -> None:
    """The earliest expiry is that of a login which nobody renews."""
    found = logins(
        nous={"refresh_token": "x", "expires_at": ago(50_000).isoformat()},
        codex={"tokens": {"access_token": "x"}, "expires_at": ago(40_000).isoformat()},
        late={"expires_at": ago(-500).isoformat()},
        soon={"expires_at_ms": ago(-400).timestamp() * 1000},
        none={},
    )
    assert found.expires_at == ago(-400)
    assert found.providers == ("codex", "late", "nous", "soon")


def test_no_file_is_no_login() -> None:
    """A home without logins says that there are none."""
    found = told(auth.NO_LOGINS)
    assert (value(found["pool"]), value(found["exhausted"]), value(found["refusal_code"])) == (0, 0, None)


def test_a_refusal_is_believed_from_any_witness() -> None:
    """The newest refusal counts, whoever noticed it, and the reading names that witness."""
    pool = logins(login(since=50))
    failures = [Failure(ago(20), 429), Failure(ago(5), 500)]
    newest = told(pool, log(90, 30), failures)["rate_limited_at"]
    assert (value(newest), newest.origin) == (ago(20), model.DUMPS)
    assert told(pool, log(90, 30))["rate_limited_at"].origin.locator == ERRORS
    assert told(pool)["rate_limited_at"].origin == model.AUTH
    assert value(told()["rate_limited_at"]) is None


def test_that_there_was_no_refusal_is_believed_from_the_log_alone() -> None:
    """Without the log, silence is not peace: only a refusal of this moment is known."""
    unknown = told(errors=DENIED)["rate_limited_at"]
    assert isinstance(unknown, Unavailable)
    assert (unknown.reason, unknown.origin.locator) == (Reason.DENIED, ERRORS)
    assert isinstance(told(logins(login(since=600)), DENIED)["rate_limited_at"], Unavailable)
    assert value(told(logins(login(since=60)), DENIED)["rate_limited_at"]) == ago(60)
    assert value(told(DENIED, log(70), DENIED)["rate_limited_at"]) == ago(70)


@given(
    st.dictionaries(
        st.sampled_from(["providers", "credential_pool", "version"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "nous",
                            "expires_at",
                            "last_status",
                            "last_status_at",
                            "last_error_code",
                            "last_error_reset_at",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ),
    )
)
def test_any_document_of_logins_is_read(document: Any) -> None:
    """Whatever stands in the places of logins, each fact is known or has a reason."""
    found = told(attempt(auth.parse, json.dumps(document).encode(), NOW))
    assert {"pool", "exhausted", "refusal_code", "rate_limit_reset_at", "rate_limited_at"} <= set(found)


def dump(status: object = 429, said: str = "x") -> str:
    error = {"type": "RateLimitError", "message": said, "status_code": status, "response_text": said}
    body = {"messages": [{"role": "user", "content": '  "error": {\n    "status_code": 401'}]}
    return json.dumps({"request": {"body": body}, "error": error}, indent=2)


def put(home: Path, name: str, text: str, seconds: float) -> None:
    path = home / "sessions" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (ago(seconds).timestamp(),) * 2)


def test_the_status_of_a_failed_call_is_all_that_is_taken(tmp_path: Path) -> None:
    """Of the newest dumps the status of their error is taken; what a conversation says of statuses is not one."""
    put(tmp_path, "request_dump_api-1_20260901_115900_000001.json", dump(429, "a" * 30_000), 60)
    put(tmp_path, "request_dump_cron_x_20260901_115800_000001.json", dump(503), 120)
    put(tmp_path, "request_dump_cron_x_20260901_115700_000001.json", dump(None), 180)
    put(tmp_path, "request_dump_cron_x_20260901_115600_000001.json", dump(429), 240)
    put(tmp_path, "session_1.json", dump(429), 1)
    files = DumpFiles(tmp_path)
    assert files.read() == [Failure(ago(60), 429), Failure(ago(120), 503), Failure(ago(180), None)]
    assert files.read() is files.read()


def test_dumps_are_looked_for_again_when_the_folder_changed(tmp_path: Path) -> None:
    """A new dump is noticed; a home without any has had no call that failed for good."""
    files = DumpFiles(tmp_path)
    assert files.read() == ()
    put(tmp_path, "request_dump_a_20260901_115900_000001.json", dump(), 60)
    assert files.read() == [Failure(ago(60), 429)]


def test_a_folder_too_full_to_search_is_no_peace(tmp_path: Path) -> None:
    """Where dumps cannot be told from thousands of others, nothing is said of them."""
    (tmp_path / "sessions").mkdir()
    for number in range(dumps.NAMES_LIMIT + 1):
        (tmp_path / "sessions" / f"session_{number}.json").touch()
    found = DumpFiles(tmp_path).read()
    assert isinstance(found, SourceError)
    assert found.reason is Reason.SCHEMA


@given(st.binary(max_size=300))
def test_any_dump_is_read(data: bytes) -> None:
    """Whatever a dump holds, it ends in a status or in none."""
    status = dumps.parse(Tail(data, 0, len(data), 0.0, 1, len(data))).status
    assert status is None or 0 <= status <= 999
