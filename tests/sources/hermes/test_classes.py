from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.hermes.classes import classify_error, classify_status
from quarterdeck.truth.shapes import Word

TEXTS = {
    "RuntimeError: HTTP 429: slow down": "rate-limited",
    "API call failed (attempt 1/3) error_type=RateLimitError thread=MainThread:1": "rate-limited",
    "HTTP 429: You exceeded your current quota (insufficient_quota)": "billing",
    "error_type=RateLimitError base_url=http://127.0.0.1:40123/v1 model=m summary=HTTP 429: x": "rate-limited",
    "error_type=APIError base_url=http://402.example:500/v1 summary=boom": "other",
    "HTTP/1.1 503 Service Unavailable": "server error",
    "{'status_code': 401}": "unauthorized",
    "HTTP 402: Payment Required": "billing",
    "HTTP 403: personal-team-blocked:spending-limit": "billing",
    "Error code: 401 - {'error': {'message': 'bad key'}}": "unauthorized",
    "status_code=404 model gone": "not found",
    "HTTP 529: overloaded": "server error",
    "HTTP 418: short and stout": "other",
    "Script exited with code 3\nstderr:\nConnection refused": "script exit 3",
    "Script exited with code -9": "killed",
    "Script timed out after 120s: /somewhere/report.py": "timeout",
    "Script not found: /somewhere/report.py": "not found",
    "TimeoutError: Cron job 'x' idle for 600s (limit 600s)": "timeout",
    "Agent completed but produced empty response (model error, timeout, or misconfiguration)": "empty",
    "platform 'telegram' not configured/enabled": "not configured",
    "APIConnectionError: Connection error.": "network",
    "All messaging adapters disconnected": "network",
    "Telegram bot token already in use (PID 4242)": "conflict",
    "Gateway restart requested": "restart",
    "received SIGTERM": "killed",
    "OSError: [Errno 28] No space left on device": "disk full",
    "  \n": "empty",
    "boom at http://127.0.0.1:40123/v1": "other",
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items(), ids=range(len(TEXTS)))
def test_known_texts(text: str, expected: str) -> None:
    """What the agent writes about an error is told apart by its cause."""
    assert classify_error(text) == expected


@given(st.text(max_size=200) | st.integers(-999, 999).map("Script exited with code {}".format))
def test_class_is_a_word(text: str) -> None:
    """Whatever an error says, its class is a word that fields accept."""
    assert Word().load(classify_error(text))


@given(st.integers(400, 599))
def test_status_has_the_same_class_as_its_text(status: int) -> None:
    """A status in a field and the same status in a text have one class."""
    assert classify_status(status) == classify_error(f"HTTP {status}: x") or status == 402


def test_long_text_is_looked_at_from_its_beginning() -> None:
    """A text of any length is classified, and only its beginning is looked at."""
    assert classify_error("x" * 5_000_000 + "timed out") == "other"
