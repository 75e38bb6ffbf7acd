"""The judgement tables, one per kind of subject. A rule is a row here, never an if somewhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.judgement import Facts, Judgement, Rule, judge
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.tables.card import CARD
from quarterdeck.truth.tables.credentials import CREDENTIAL, CREDENTIALS
from quarterdeck.truth.tables.cron import JOB, SCHEDULER
from quarterdeck.truth.tables.exposure import EXPOSURE, FORWARDER, NETWORK, ROUTE
from quarterdeck.truth.tables.forge import FORGE
from quarterdeck.truth.tables.gateway import GATEWAY
from quarterdeck.truth.tables.history import HISTORY
from quarterdeck.truth.tables.host import DISK, HOST, LISTENER, SOURCE, TIMER, UNIT
from quarterdeck.truth.tables.instance import INSTANCE, INVENTORY, KANBAN, LOGS, MODEL, SESSIONS
from quarterdeck.truth.tables.pull import PULL
from quarterdeck.truth.tables.queues import BOARD, REVIEWS
from quarterdeck.truth.tables.redaction import REDACTION
from quarterdeck.truth.tables.repo import REPO
from quarterdeck.truth.tables.repository import REPOSITORY
from quarterdeck.truth.tables.service import SERVICE
from quarterdeck.truth.tables.sessions import LEDGER, SESSION
from quarterdeck.truth.tables.tailnet import TAILNET
from quarterdeck.truth.tables.work import WORK
from quarterdeck.truth.thresholds import Thresholds

TABLES: dict[str, tuple[Rule, ...]] = {
    "instance": INSTANCE,
    "gateway": GATEWAY,
    "scheduler": SCHEDULER,
    "job": JOB,
    "sessions": SESSIONS,
    "session": SESSION,
    "ledger": LEDGER,
    "model": MODEL,
    "credentials": CREDENTIALS,
    "credential": CREDENTIAL,
    "kanban": KANBAN,
    "inventory": INVENTORY,
    "redaction": REDACTION,
    "logs": LOGS,
    "host": HOST,
    "disk": DISK,
    "listener": LISTENER,
    "tailnet": TAILNET,
    "unit": UNIT,
    "timer": TIMER,
    "service": SERVICE,
    "repository": REPOSITORY,
    "network": NETWORK,
    "forwarder": FORWARDER,
    "route": ROUTE,
    "exposure": EXPOSURE,
    "forge": FORGE,
    "repo": REPO,
    "pull": PULL,
    "card": CARD,
    "reviews": REVIEWS,
    "board": BOARD,
    "source": SOURCE,
    "work": WORK,
    "history": HISTORY,
}


def judge_subject(subject: str, readings: Mapping[Key, AnyReading], now: datetime, thresholds: Thresholds) -> Judgement:
    """Judge a subject by the table of its kind; a kind without a table is unknown."""
    return judge(TABLES.get(kind_of(subject), ()), Facts(subject, readings, now, thresholds))
