from __future__ import annotations

import hypothesis
import pytest

# Every run tries the same examples, so that a red run stays red until it is mended. To hunt for new ones:
# `pytest --hypothesis-profile=search`. Deadlines are off: a shared machine is slow at times, and speed is measured
# in benchmarks/.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("search", max_examples=2_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on the event loop that the hub runs on."""
    return "asyncio"
