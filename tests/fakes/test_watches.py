from __future__ import annotations

import threading

import pytest

from tests.fakes.watches import ExhaustedWatch


def test_exhausted_refuses_to_tell_but_polls() -> None:
    """An exhausted watch raises what it was given, unless it is asked by polling; then it tells of one change."""
    watch, stop = ExhaustedWatch(OSError("no watches left")), threading.Event()
    with pytest.raises(OSError, match="no watches left"):
        next(watch(["a"], polling=False, quiet_s=1, stop=stop))
    stop.set()
    assert list(watch(["a", "b"], polling=True, quiet_s=1, stop=stop)) == [["a"]]
    assert watch.asked == [False, True]
