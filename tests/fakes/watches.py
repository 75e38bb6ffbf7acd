"""Ways to watch folders that fail on purpose."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

from quarterdeck.sources.wake import Changes


class ExhaustedWatch:
    """A system without inotify watches to spare: it refuses to tell, and tells when it is asked by polling.

    While polling it says once that the first folder changed.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[bool] = []
        """For each beginning: whether it was by polling."""

    def __call__(
        self, folders: Sequence[str], *, polling: bool, quiet_s: float, stop: threading.Event
    ) -> Generator[Changes, None, None]:
        self.asked.append(polling)
        if not polling:
            raise self.error
        yield [folders[0]]
        stop.wait(10)
