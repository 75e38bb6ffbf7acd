"""How many alerts were raised, hour by hour.

Rule 1: an alert is raised when the trouble of a subject becomes as severe as it has not been since the subject was last
        well. What merely becomes unknown on the way, and comes back, is the same alert.
Rule 2: changes are taken in the order of their numbers, whatever the clock said, each once: how far that went stands in
        the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, PrimaryKeyConstraint, Table, Text, func, select

from quarterdeck.store.changes import changes
from quarterdeck.store.gaps import mark, set_mark
from quarterdeck.store.schema import exact, metadata, moment, ms, subjects, upsert, us
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.findings import Severity, severity_of
from quarterdeck.truth.judgement import Status

HOUR: Final = 3_600_000
COUNTED: Final = "alerts counted"
"""The mark that says which change was the last to be counted."""
AT_ONCE: Final = 1_000
BACK: Final = 100
"""How many earlier changes of a subject are looked through for when it was last well."""

hours = Table(
    "alert_hours",
    metadata,
    Column("instance", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("alerts", BigInteger, nullable=False),
    PrimaryKeyConstraint("instance", "hour", "severity", name="pk_alert_hours"),
)
"""By instance, the millisecond in which an hour begins, and severity."""

_CHANGES = select(
    changes.c.id,
    changes.c.subject,
    changes.c.known_us,
    changes.c.status,
    changes.c.rule,
    subjects.c.name,
    subjects.c.instance,
).join(subjects, subjects.c.id == changes.c.subject)


def count(connection: Connection) -> int:
    """Count the changes that came since; return how many alerts were raised by them."""
    done = mark(connection, COUNTED) or 0
    new = connection.execute(_CHANGES.where(changes.c.id > done).order_by(changes.c.id).limit(AT_ONCE)).all()
    if not new:
        return 0
    found: dict[tuple[str, int, str], int] = {}
    for change in new:
        if (raised := _raised(connection, change)) is not None:
            at = ms(exact(change.known_us))
            key = (change.instance, at - at % HOUR, raised.value)
            found[key] = found.get(key, 0) + 1
    if found:
        statement = upsert(connection, hours)
        more = {"alerts": hours.c.alerts + statement.excluded.alerts}
        place = [hours.c.instance, hours.c.hour, hours.c.severity]
        rows = [{"instance": i, "hour": h, "severity": s, "alerts": n} for (i, h, s), n in sorted(found.items())]
        connection.execute(statement.on_conflict_do_update(index_elements=place, set_=more), rows)
    set_mark(connection, COUNTED, new[-1].id)
    return sum(found.values())


def raised_between(connection: Connection, since: datetime, until: datetime) -> list[tuple[str, int, Severity, int]]:
    """Return the alerts raised in ``[since, until]`` by instance, hour and severity: whole hours, then what is left."""
    whole = ms(until) - ms(until) % HOUR
    asked = select(hours).where(hours.c.hour >= ms(since), hours.c.hour < whole)
    found = [(row.instance, row.hour, Severity(row.severity), int(row.alerts)) for row in connection.execute(asked)]
    begin = max(us(moment(whole)), us(since))
    done = mark(connection, COUNTED) or 0
    left = _CHANGES.where(changes.c.known_us.between(begin, us(until)), changes.c.id <= done)
    raised = ((change.instance, _raised(connection, change)) for change in connection.execute(left).all())
    return found + [(instance, whole, severity, 1) for instance, severity in raised if severity is not None]


def _raised(connection: Connection, change: Any) -> Severity | None:  # noqa: ANN401 -- a row of whatever database
    """Return how severe the alert is that a change raised; None when it raised none."""
    if change.status == Status.OK:
        return None
    severity = _severity(change)
    earlier = _CHANGES.where(changes.c.subject == change.subject, changes.c.id < change.id)
    for before in connection.execute(earlier.order_by(changes.c.id.desc()).limit(BACK)):
        if before.status == Status.OK:
            break
        if _severity(before).rank >= severity.rank:
            return None
    return severity


def _severity(change: Any) -> Severity:  # noqa: ANN401 -- as above
    return severity_of(kind_of(change.name), change.rule, Status(change.status))


def forget_before(connection: Connection, at: datetime) -> None:
    """Drop the hours before a moment."""
    connection.execute(hours.delete().where(hours.c.hour < ms(at)))


def covered(connection: Connection, until: datetime) -> tuple[datetime, datetime] | None:
    """Return from when on and up to when alerts are counted; None when nothing ever changed."""
    found = connection.execute(select(func.min(changes.c.known_us))).scalar_one()
    if found is None:
        return None
    counted = connection.execute(select(func.min(hours.c.hour))).scalar_one()
    first = exact(found) if counted is None else min(exact(found), moment(counted))  # changes are forgotten earlier
    later = select(func.min(changes.c.known_us)).where(changes.c.id > (mark(connection, COUNTED) or 0))
    waiting = connection.execute(later).scalar_one()
    return first, until if waiting is None else min(exact(waiting), until)
