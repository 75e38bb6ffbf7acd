from __future__ import annotations

import hypothesis
import pytest

# Every run tries the same examples, so that a red run stays red until it is mended. To hunt for new ones:
# `pytest --hypothesis-profile=search`. No example is refused for being slow: a shared machine is slow at times, and
# speed is measured in benchmarks/.
PATIENT = hypothesis.settings(deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("steady", PATIENT, derandomize=True)
hypothesis.settings.register_profile("search", PATIENT, max_examples=2_000)
hypothesis.settings.load_profile("steady")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on the event loop that the hub runs on."""
    return "asyncio"
