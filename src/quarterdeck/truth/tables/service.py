"""What may be said of services.

Rule 1: asking is looking. Who refuses, breaks off or says nothing within the limit is seen to be down; a name that
        cannot be looked up, or no way there, is our own blindness and leaves the service unknown.
Rule 2: a unit that stands for a service is judged by the table of units: it is not asked twice.
Rule 3: what is not deployed yet is neither well nor ill. It is listed, and counts nowhere.
"""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Facts, Rule, Status, words
from quarterdeck.truth.tables.host import UNIT

SERVER_ERRORS = 500


def _asked(f: Facts) -> bool:
    return f[F.DEPLOYED] and f[F.SERVICE_KIND] != "unit"


def _answered(f: Facts) -> bool:
    return _asked(f) and f[F.OUTCOME] == "answered"


def _http(f: Facts) -> bool:
    return _answered(f) and f[F.SERVICE_KIND] != "tcp"


def _models(f: Facts) -> bool:
    return _answered(f) and f[F.SERVICE_KIND] == "model-server"


def _by_unit(f: Facts) -> bool:
    return f[F.DEPLOYED] and f[F.SERVICE_KIND] == "unit"


SILENT = {
    "refused": "refuses the connection: nothing listens at {address}",
    "no answer": "gives no answer at {address} in time",
    "cut off": "breaks the connection off at {address}",
    "not http": "answers at {address} in something that is not HTTP",
}


def _silent(f: Facts) -> str:
    outcome = f.get(F.OUTCOME) or ""
    if outcome == "tls":
        return f"cannot be trusted: {f.get(F.TLS_FAULT) or 'its encryption fails'}"
    return SILENT.get(outcome, outcome).format(address=f.get(F.SERVICE_ADDRESS) or "its address")


def _status(f: Facts) -> str:
    return f"answers {f.get(F.HTTP_STATUS)} instead of {f.get(F.EXPECTS) or '200 to 399'}"


def _ends_soon(f: Facts) -> bool:
    ends = f[F.TLS_EXPIRES_AT]
    return ends is not None and -f.age(ends) < f.thresholds.certificate_s


def _ending(f: Facts) -> str:
    ends = f.get(F.TLS_EXPIRES_AT)
    return f"its certificate expires in {words(-f.age(ends))}" if ends else "its certificate expires soon"


def _took(f: Facts) -> str:
    return f"{f.get(F.LATENCY) or 0:,.0f} ms"


def _well(f: Facts) -> str:
    said = f"answers in {_took(f)}"
    if f.get(F.SERVICE_KIND) != "model-server":
        return said
    present, running = f.get(F.MODELS_PRESENT) or (), f.get(F.MODELS_RUNNING) or ()
    there = f"{len(present):,} {'model' if len(present) == 1 else 'models'}, {len(running):,} in memory"
    took = f.get(F.MODEL_LOAD_S)
    return f"{said}: {there}" + (f", one loads in {took:.1f} s" if took is not None else "")


def _unit_rule(rule: Rule) -> Rule:
    return rule._replace(id=f"unit {rule.id}", when=lambda f: _by_unit(f) and rule.when(f))


_BAD_UNIT = tuple(_unit_rule(rule) for rule in UNIT if rule.status is not Status.OK)
_GOOD_UNIT = tuple(_unit_rule(rule) for rule in UNIT if rule.status is Status.OK)

SERVICE: tuple[Rule, ...] = (
    Rule(
        "not deployed",
        Status.UNKNOWN,
        lambda f: not f[F.DEPLOYED],
        "not deployed yet, by its entry in the settings: it is asked nothing",
        retired=True,
    ),
    Rule(
        "silent",
        Status.DOWN,
        lambda f: _asked(f) and f[F.OUTCOME] != "answered",
        _silent,
        since=lambda f: f.get(F.LAST_ANSWER_AT),
    ),
    Rule(
        "server error",
        Status.DOWN,
        lambda f: _http(f) and not f[F.STATUS_EXPECTED] and (f[F.HTTP_STATUS] or 0) >= SERVER_ERRORS,
        _status,
    ),
    *_BAD_UNIT,
    Rule("other status", Status.DEGRADED, lambda f: _http(f) and not f[F.STATUS_EXPECTED], _status),
    Rule(
        "models missing",
        Status.DEGRADED,
        lambda f: _models(f) and len(f[F.MODELS_MISSING]) > 0,
        lambda f: "has not the models " + ", ".join(f.get(F.MODELS_MISSING) or ()),
    ),
    Rule(
        "model does not load",
        Status.DEGRADED,
        lambda f: _models(f) and f[F.MODEL_LOAD] in ("fails", "slow"),
        lambda f: "a model takes longer to load than it may" if f[F.MODEL_LOAD] == "slow" else "a model does not load",
        since=lambda f: f.get(F.MODEL_LOADED_AT),
    ),
    Rule("certificate ends", Status.DEGRADED, lambda f: _http(f) and _ends_soon(f), _ending),
    Rule(
        "slow",
        Status.DEGRADED,
        lambda f: _answered(f) and (f[F.LATENCY] or 0) > f[F.SLOW_AFTER],
        lambda f: f"slow: answers in {_took(f)}",
    ),
    *_GOOD_UNIT,
    Rule("answers", Status.OK, _answered, _well),
)
