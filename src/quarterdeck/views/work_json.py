"""The JSON of what the pages of work carry beside their rows."""

from __future__ import annotations

from typing import Any

from quarterdeck.truth.board import Gate
from quarterdeck.truth.forge import Claim
from quarterdeck.truth.reading import AnyReading
from quarterdeck.truth.reviews import Condition
from quarterdeck.truth.shapes import dump
from quarterdeck.views.forge_words import waiting
from quarterdeck.views.model import View
from quarterdeck.views.work_pages import Board, CardTold, Choices, Person, PullTold, Queue, Stretch

Json = dict[str, Any]


def work_json(view: View) -> Json:
    """Return what a page of work is about; nothing for any other page."""
    if view.queue is not None:
        return {"queue": _queue(view.queue)}
    return {} if view.board is None else {"board": _board(view.board)}


def _queue(queue: Queue) -> Json:
    groups = [
        {"need": one.id, "title": one.title, "total": one.total, "subjects": list(one.subjects)} for one in queue.groups
    ]
    pulls = {name: _pull(told) for name, told in queue.told.items()}
    return {"groups": groups, "pulls": pulls, **_common(queue)}


def _board(board: Board) -> Json:
    lanes = [
        {"lane": one.id, "total": one.total, "need_somebody": one.troubled, "subjects": list(one.subjects)}
        for one in board.lanes
    ]
    cards = {name: _card(told) for name, told in board.told.items()}
    return {"lanes": lanes, "cards": cards, **_common(board)}


def _common(page: Queue | Board) -> Json:
    return {
        "hidden": page.hidden or None,
        "refusal": page.refusal or None,
        "choices": {each.word: _choices(each) for each in page.choices},
        **_stretch(page.stretch),
    }


def _choices(choices: Choices) -> list[Json]:
    return [{"value": value, "count": number} for value, number in choices.values]


def _stretch(stretch: Stretch) -> Json:
    return {"total": stretch.total, "begins": stretch.begins, "next": stretch.next, "previous": stretch.previous}


def _pull(told: PullTold) -> Json:
    waits = told.waits
    return {
        "ref": told.ref,
        "title": told.title,
        "class": told.klass,
        "class_was": told.was,
        "known_at": dump(told.known_at),
        "author": _person(told.author),
        "opened_at": dump(told.opened_at),
        "waits_for": {"on": waits.on, "who": list(waits.who), "since": dump(waits.since), "text": waiting(waits)},
        "conditions": [_condition(each) for each in told.conditions],
        "flags": [{"flag": each.id, "text": each.text} for each in told.flags],
        "sensitive": {
            "paths": [each._asdict() for each in told.sensitive],
            "all_paths_known": told.sensitive_known,
        },
        "closes": list(told.closes),
    }


def _condition(condition: Condition) -> Json:
    return {
        "condition": condition.id,
        "text": condition.text,
        "met": condition.met,
        "readings": [_reading(each) for each in condition.readings],
    }


def _reading(reading: AnyReading) -> Json:
    """Name a reading; it is among those of the row."""
    return {"subject": reading.subject, "field": reading.field}


def _card(told: CardTold) -> Json:
    return {
        "ref": told.ref,
        "title": told.title,
        "lane": told.lane,
        "lane_was": told.was,
        "known_at": dump(told.known_at),
        "ambiguous": list(told.ambiguities),
        "marks": list(told.marks),
        "assignees": [_person(each) for each in told.people],
        "labels": list(told.labels),
        "milestone": told.milestone,
        "pulls": [dump(each) for each in told.pulls],
        "claim": None if told.claim is None else _claim(told.claim, told),
        "depends_on": list(told.blockers),
        "gates": [_gate(each) for each in told.gates],
        "next_gate": None if told.next is None else told.next.id,
    }


def _claim(claim: Claim, told: CardTold) -> Json:
    return {
        "branch": claim.branch,
        "at": dump(claim.at),
        "by": _person(told.claimed_by),
        "lease_has_run_out": told.lapsed,
    }


def _gate(gate: Gate) -> Json:
    return {
        "gate": gate.id,
        "text": gate.text,
        "open": gate.met,
        "missing": gate.missing,
        "readings": [_reading(each) for each in gate.readings],
    }


def _person(person: Person | None) -> Json | None:
    return None if person is None else {"login": person.login, "agent": person.agent}
