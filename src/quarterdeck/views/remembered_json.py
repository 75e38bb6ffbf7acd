"""The JSON of what is remembered: alerts that are over, changes, timelines. A view has of it what it is about."""

from __future__ import annotations

from typing import Any

from quarterdeck.truth.episodes import Closed, Episode, Uptime
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.past import Blind, Change, Run, Said
from quarterdeck.truth.shapes import dump
from quarterdeck.views.changes import became
from quarterdeck.views.ledger_json import page_json, record_json
from quarterdeck.views.model import View
from quarterdeck.views.remembered import Diff, Event, Feed, Story, Turn
from quarterdeck.views.run_page import runs_json
from quarterdeck.views.timeline import divided, otherwise

Json = dict[str, Any]


def remembered_json(view: View) -> Json:
    """Return the parts of a view that come from memory, by name."""
    parts: Json = {}
    if view.feed is not None:
        parts["closed"] = _feed(view.feed)
    if view.diff is not None:
        parts["changes"] = _diff(view.diff)
    if view.story is not None:
        parts["timeline"] = _story(view.story)
    if view.ledger is not None:
        parts["ledger"] = page_json(view.ledger)
    if view.record is not None:
        parts["record"] = record_json(view.record)
    if view.runs is not None:
        parts["runs"] = runs_json(view.runs)
    return parts


def _feed(feed: Feed) -> Json:
    return {
        "span": feed.span,
        "since": dump(feed.since),
        "known_since": dump(feed.known_since),
        "complete": feed.complete,
        "incidents": [_closed(each, feed) for each in feed.closed],
        "not_looked": [_blind(each) for each in feed.blind],
    }


def _closed(closed: Closed, feed: Feed) -> Json:
    return {
        "id": closed.id,
        "severity": closed.severity.value,
        "message": closed.message,
        "ended_at": dump(closed.ended_at),
        "episodes": [_episode(each, feed.names.get(each.subject, each.subject)) for each in closed.members],
    }


def _episode(episode: Episode, name: str) -> Json:
    lasted = episode.lasted
    return {
        "subject": episode.subject,
        "name": name,
        "status": episode.status.value,
        "severity": episode.severity.value,
        "rule": episode.rule,
        "reason": episode.reason,
        "began_at": dump(episode.began_at),
        "began_before": episode.begun_before,
        "known_at": dump(episode.known_at),
        "ended_at": dump(episode.ended_at),
        "ending": episode.ending.value,
        "lasted_s": None if lasted is None else lasted.total_seconds(),
        "not_looked": [_blind(each) for each in episode.blind],
    }


def _blind(blind: Blind) -> Json:
    return {"began_at": dump(blind.began_at), "ended_at": dump(blind.ended_at), "why": blind.why}


def _diff(diff: Diff) -> Json:
    return {
        "asked": diff.asked,
        "since": dump(diff.since),
        "known_since": dump(diff.known_since),
        "compared": diff.compared,
        "complete": diff.complete,
        "count": len(diff.told),
        "digest": list(diff.digest),
        "subjects": [_turn(each) for each in diff.turns],
        "figures": [
            {
                "figure": each.key,
                "title": each.title,
                "then": each.then_value,
                "then_text": each.then,
                "now": each.now_value,
                "now_text": each.now,
            }
            for each in diff.figures
        ],
        "not_looked": [_blind(each) for each in diff.blind],
    }


def _turn(turn: Turn) -> Json:
    return {
        "subject": turn.subject,
        "name": turn.name,
        "instance": turn.instance,
        "what": turn.what,
        "told": became(turn),
        "then": _side(turn.then),
        "now": _side(turn.now),
        "through": [status.value for status in turn.through],
        "under": turn.under or None,
    }


def _side(judgement: Judgement | None) -> Json | None:
    if judgement is None:
        return None
    return {
        "status": judgement.status.value,
        "rule": judgement.rule,
        "reason": judgement.reason,
        "since": dump(judgement.since),
    }


def _story(story: Story) -> Json:
    return {
        "subject": story.subject,
        "name": story.name,
        "instance": story.instance,
        "span": story.span,
        "since": dump(story.since),
        "known_since": dump(story.known_since),
        "complete": story.complete,
        "uptime": _uptime(story.uptime) if story.uptime else None,
        "events": [_event(each) for each in story.events],
    }


def _uptime(share: Uptime) -> Json:
    seconds = {f"{name}_s": part.total_seconds() for name, part in share._asdict().items()}
    return {**seconds, "text": divided(share)}


def _event(event: Event) -> Json:
    return {
        "known_at": dump(event.at),
        "true_at": dump(event.true_at),
        "late": event.late,
        "change": _change(event.change) if event.change else None,
        "run": _run(event.run) if event.run else None,
        "said": _said(event.said) if event.said else None,
        "not_looked": _blind(event.blind) if event.blind else None,
    }


def _change(change: Change) -> Json:
    return {
        "status": change.status.value,
        "before": change.before.value if change.before else None,
        "activity": change.activity.value if change.activity else None,
        "knowledge": change.knowledge.value,
        "rule": change.rule,
        "reason": change.reason,
    }


def _said(said: Said) -> Json:
    reading = said.reading
    return {
        "text": otherwise(said),
        "field": reading.field,
        "source": reading.origin.source,
        "locator": reading.origin.locator,
    }


def _run(run: Run) -> Json:
    return {"began_at": dump(run.began_at), "ended_at": dump(run.ended_at), "result": run.result}
