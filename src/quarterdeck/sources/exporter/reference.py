"""The page of the reference that explains the snapshot format to whoever wants to read or write one."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.sources.exporter.document import BYTES_LIMIT, READINGS_LIMIT, SCHEMA
from quarterdeck.sources.exporter.sessions import RECORD, TITLE
from quarterdeck.truth import shapes
from quarterdeck.truth.reading import Reason

DOCUMENT = {
    "schema": f"`{SCHEMA}`. A reader that does not know the number refuses the document and says that it needs an "
    "update.",
    "generated_at": "When the document was written.",
    "instance.id": "Who this is about. It must be the id under which the hub reads the file: a document that names "
    "another instance is refused.",
    "instance.label`, `.profile`, `.user`, `.unit`, `.scope": "For people who read the file. The hub takes them from "
    "its own settings.",
    "exporter.host": "The host it was written on.",
    "exporter.version`, `.took_ms": "What wrote it, and how long that took.",
    "readings": f"At most {READINGS_LIMIT:,}.",
    "sessions": "Where the [summaries of sessions](#summaries-of-sessions) are, if there are any.",
}

READING = {
    "subject": "What it is about: `hermes:ID`, `hermes:ID/PART`, `hermes:ID/cron/JOB`, `host:HOST`, "
    "`host:HOST/disk/MOUNT`.",
    "field": "One of the [fields](fields.md) of that kind of subject.",
    "source": "Who says so, in a few words for people: `kernel locks`, `gateway_state.json`.",
    "locator": "Where to look it up: a path relative to the home, a table, a unit, a mount point. Never an absolute "
    "path into a home.",
    "observed_at": "When somebody looked, whatever time the fact itself carries.",
    "fresh_for_s": "How long it may be believed from then on. More than the vocabulary says is cut to that.",
    "value": "What was seen, in the shape of the field. `null` means that there was seen to be none.",
    "unavailable": "Instead of `value` and `fresh_for_s`: why nothing could be learnt.",
    "last": "Beside `unavailable`: what was known before (`source`, `locator`, `observed_at`, `fresh_for_s`, "
    "`value`), or `null`.",
}

PAGE = """\
# The snapshot format

{written_by}

A snapshot is one JSON document that says what is known of one instance: every fact with its source, the time at which
somebody looked, and how long it may be believed. Quarterdeck's exporter writes one every 30 seconds as the instance's
own user, so that nobody else needs to read the home. Any other program may write one too: whatever keeps to this page
is shown by the same pages, the same API and the same terminal as a Hermes agent.

The format is `{schema}`. Its [JSON Schema](snapshot.schema.json) is made from the same table as the programs that write
and read it. Which facts there are, and in which shape, is the [vocabulary](fields.md).

```json
{{
  "schema": "{schema}",
  "generated_at": "2026-03-29T01:30:00.000Z",
  "instance": {{"id": "north", "label": "North"}},
  "exporter": {{"version": "0.1.0", "took_ms": 84.2, "host": "box"}},
  "readings": [
    {{
      "subject": "hermes:north/gateway", "field": "lock_holder",
      "source": "kernel locks", "locator": "gateway.lock",
      "observed_at": "2026-03-29T01:29:59.950Z", "fresh_for_s": 90, "value": 4711
    }},
    {{
      "subject": "hermes:north/cron", "field": "jobs_declared",
      "source": "jobs", "locator": "cron/jobs.json",
      "observed_at": "2026-03-29T01:29:59.950Z",
      "unavailable": {{"reason": "corrupt", "detail": "not JSON: expecting value at line 1, column 1"}},
      "last": null
    }}
  ]
}}
```

## The document

| key | meaning |
|---|---|
{document}

The whole document may have {megabytes} MB. Keys that are not named here are ignored, in the document and in its
readings.

## A reading

| key | meaning |
|---|---|
{reading}

A reading has either a `value` or an `unavailable`, never both and never neither. What could not be looked at is
unavailable: an empty list, a zero or a `null` says that somebody looked and found nothing.

The `reason` is one of {reasons}; `observer` means that the looking itself went wrong. The `detail` is one line in the
writer's own words; it quotes nothing of what was read.

## What the reader refuses

- Bytes that are not JSON, another format, another instance, a key of the wrong type, a time without its zone, two
  readings of one fact: the whole document is refused, and every fact of the instance is unknown until the next one.
- A value that has not the shape of its field: that reading is unavailable, everything else is taken in.
- A field this release does not know: passed over and counted (`not_understood`).
- A subject of another instance or another host, or a field that the hub's own policy for the instance does not allow:
  passed over and counted (`not_admitted`). Units of systemd are no subjects of a snapshot, because `systemd:user/UNIT`
  does not say whose manager it is; what is known of a gateway's unit is said of the gateway.

A document that nobody renews is not refused. Its readings keep the time at which they were made, and go stale.

## Writing one

Write to another name in the same folder and rename it, so that no reader meets half a document; let the hub's group
read it (mode 0640) and nobody else. Renew it every 30 seconds: most facts live for 90. The hub finds
`/var/lib/quarterdeck-snapshots/ID/snapshot.json` without being told; any other place can be named in its
[settings](settings.md).

## Summaries of sessions

Beside `snapshot.json` lies `snapshot.json.sessions.jsonl`, with one line of JSON for a session whenever it changed. The
file only grows. A full one is renamed to `snapshot.json.sessions.000001.jsonl` and so on, and the newest of those stay.

The first line of each file names the stream. Every other line is one session in one revision:

| key | shape |
|---|---|
{records}

A value that has not its shape is `null`, and its key is listed under `unfit`. Whoever reads keeps the highest
`revision` of each `id`, so that reading a line twice changes nothing. A last line without its end is still being
written.

The snapshot says under `sessions` how far the stream had grown when it was written: `file`, `epoch`, `segment`,
`records` and `bytes` of that segment, and how many sessions were `withheld` because not even their `id` was fit to be
told. A new `epoch` means that everything is told anew, because somebody removed the file or changed the policy.
"""


def page(written_by: str) -> str:
    """Return the page; ``written_by`` is the line that says it is generated."""
    return PAGE.format(
        written_by=written_by,
        schema=SCHEMA,
        megabytes=BYTES_LIMIT // 1_000_000,
        document=_rows(DOCUMENT),
        reading=_rows(READING),
        reasons=", ".join(f"`{reason}`" for reason in Reason),
        records=_rows({name: shape.name + _words(shape) for name, shape in (RECORD | TITLE).items()}),
    )


def _rows(table: Mapping[str, str]) -> str:
    return "\n".join(f"| `{key}` | {meaning} |" for key, meaning in table.items())


def _words(shape: shapes.Shape[object]) -> str:
    inner = shape.of if isinstance(shape, shapes.Optional) else shape
    among = inner.among if isinstance(inner, shapes.Word) else ()
    return ": " + ", ".join(f"`{word}`" for word in among) if among else ""
