from __future__ import annotations

from collections.abc import Mapping

import pytest

from quarterdeck.store.numbers import numbers
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.punctuality import UNJUDGED
from quarterdeck.truth.reading import Origin
from tests.truth.cast import NOW

CRON = "hermes:north/cron"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"due": 4}, [0.0]),
        ({"due": 4, "missed": 2}, [2.0]),
        ({"due": 1, UNJUDGED: 3}, []),
        ({"due": 4, "missed": 1, "unknown": 2}, []),
    ],
)
def test_what_was_missed_is_no_number_before_all_jobs_were_reckoned(told: Mapping[str, int], kept: list[float]) -> None:
    """Missed runs are kept when every job was reckoned and no time is in doubt; else there is no number."""
    reading = F.SCHEDULER_LAST_24H.known(CRON, Origin("ledger of runs", "history"), told, NOW)
    assert [seen.value for seen in numbers({CRON: {reading.field: reading}}, [CRON], NOW)] == kept
