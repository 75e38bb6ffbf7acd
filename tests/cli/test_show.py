"""One look from the terminal, at now and at a moment that is over."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import settings, wiring
from quarterdeck.cli.main import WRONG, run
from quarterdeck.views import VIEWS

Say = Callable[..., tuple[int, str, str]]
LIMIT_S = 20.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which an agent has never run, on a machine where nothing was ever remembered."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "north"
    (folder / "cron").mkdir(parents=True)
    (folder / "config.yaml").write_text("model:\n  default: big-model\n  provider: somebody\n")
    (folder / "cron" / "jobs.json").write_text(json.dumps({"jobs": []}))
    return folder


@pytest.fixture
def show(home: Path, capfd: pytest.CaptureFixture[str]) -> Say:
    """Run ``quarterdeck show`` on that home."""

    def look(*words: str) -> tuple[int, str, str]:
        code = run(["show", *words, "--home", str(home)])
        said = capfd.readouterr()
        return code, said.out, said.err

    return look


@pytest.fixture
def remembered(home: Path) -> Path:
    """The history of a hub that watched the home for a moment: its file."""
    decided = settings.load(None, (home,))
    deck = wiring.build(decided, remember=True)
    until = time.monotonic() + LIMIT_S
    with deck.running():
        while not known(deck) and time.monotonic() < until:
            time.sleep(0.05)
    place = decided.history.place
    assert isinstance(place, Path)
    return place


def known(deck: wiring.Deck) -> bool:
    """Whether memory holds what the configuration says, and that somebody saw the gateway."""
    if deck.recall is None:
        return False
    now = deck.clock()
    snapshot = deck.recall.snapshot_at(now)
    told = deck.recall.changes(now - timedelta(hours=1), now, subject="hermes:north/gateway")
    seen = {("hermes:north/model", "model"), ("hermes:north/exposure", "exposed")}
    return snapshot is not None and seen <= snapshot.readings.keys() and bool(told)


def then() -> str:
    """A moment that is over, of which memory knows."""
    return wiring.utc_now().isoformat()


def document(told: tuple[int, str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told[1])
    return found


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_view_is_shown_without_a_memory(show: Say, name: str) -> None:
    """Each view is printed and is a document also where nothing was ever remembered; looking begins no history."""
    code, said, errors = show(name)
    assert (code in {0, 1, 3}, errors) == (True, "")
    assert "Known at" in said
    assert document(show(name, "--json"))["view"] == name


def test_what_was_known_then_is_shown_without_looking_now(home: Path, remembered: Path, show: Say) -> None:
    """With the home gone, the page of then is what it was: read from history, and from nothing else."""
    at = then()
    model = home / "config.yaml"
    model.unlink()
    past = document(show("agents", "--at", at, "--json"))
    assert past["past"] is True
    (row,) = past["rows"]
    assert row["model"] == "big-model"
    shutil.rmtree(home / "cron")
    assert document(show("agents", "--at", at, "--json")) == past
    assert show("agents", "--at", at)[1].count("As known at") == 1


def test_looking_back_changes_nothing(home: Path, remembered: Path, show: Say) -> None:
    """The history is byte for byte what it was, and nothing was begun beside it."""
    at = then()

    def state() -> dict[str, str]:
        # The index of the log is shared memory: whoever reads takes a place in it, as SQLite wants it.
        files = (each for each in remembered.parent.iterdir() if not each.name.endswith("-shm"))
        return {each.name: sha256(each.read_bytes()).hexdigest() for each in files if each.stat().st_size}

    before = state()
    for name in VIEWS:
        show(name, "--at", at, "--json")
    assert state() == before


def test_words_of_a_view_are_understood(home: Path, remembered: Path, show: Say) -> None:
    """The terminal takes the words that the page takes."""
    assert "closed" in document(show("alerts", "--span", "7d", "--severity", "info", "--json"))
    at = then()  # all that is seen here had been seen by then
    changed = document(show("changes", "--since", at, "--json"))["changes"]
    assert changed["compared"] is True
    told = show("changes", "--since", at)[1]
    assert changed["digest"][0].startswith("Since 2")
    assert told.startswith("Nothing changed.")
    assert [
        each["subject"] for each in changed["subjects"]
    ] == []  # the recorder is ours: that it is not here is no news
    assert document(show("timeline", "--subject", "hermes:north/gateway", "--json"))["timeline"]["events"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alerts", "--span", "3y"), "--span cannot be that. It is one of: 24h, 7d, 30d."),
        (("brief", "--at", "yesterday"), "'yesterday' is no moment. Write it as in 2026-11-21T03:04:11Z"),
        (("brief", "--at", "2126-01-01T00:00:00Z"), "That moment is yet to come. It is "),
        (("brief", "--at", "1h"), "Nothing is remembered, so there is no past to look at."),
        (("brief", "--instance", "west"), "No instance is called west. Ask for all or one of: north."),
        (("nothing",), "There is no view called nothing. Ask for one of: brief"),
        (("timeline", "--subject", "a\nb"), "--subject is no text."),
    ],
)
def test_what_cannot_be_asked_is_said(show: Say, words: tuple[str, ...], said: str) -> None:
    """A word, a moment, an instance or a view there is none of is refused with what could be asked."""
    code, out, errors = show(*words)
    assert (code, out) == (WRONG, "")
    assert errors.startswith(said)


def test_a_moment_before_memory_says_when_it_begins(home: Path, remembered: Path, show: Say) -> None:
    """Of the time before nothing is invented."""
    code, _, errors = show("brief", "--at", "2020-01-01T00:00:00Z")
    assert code == WRONG
    assert errors.startswith("Nothing is known of that moment. Memory begins at ")


def test_a_word_of_another_view_is_refused(home: Path) -> None:
    """What a view does not understand ends as every wrong word does."""
    with pytest.raises(SystemExit) as ended:
        run(["show", "brief", "--severity", "info", "--home", str(home)])
    assert ended.value.code == WRONG


def test_evidence_can_be_of_a_moment_that_is_over(
    home: Path, remembered: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was known then is kept as evidence, with the home gone, and says since when there is a history."""
    at, out = then(), tmp_path / "then.html"
    shutil.rmtree(home / "cron")
    words = ["--home", str(home), "--at", at, "--out", str(out)]
    assert run(["evidence", "agents", *words]) == 0
    assert run(["verify", str(out)]) == 0
    assert "Proven: nothing in this file was changed" in capfd.readouterr().out
    text = out.read_text()
    about = json.loads(text.partition('id="evidence-about">')[2].partition("</script>")[0])
    assert (about["past"], about["history_since"] is not None) == (True, True)
    assert "big-model" in text
