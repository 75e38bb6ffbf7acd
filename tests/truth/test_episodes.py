"""Trouble over time, and how much of the time all was well."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.episodes import Ending, Episode, Uptime, closed, covered, episodes, uptime
from quarterdeck.truth.findings import Severity
from quarterdeck.truth.incidents import Setting
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.reading import Knowledge
from tests.truth.cast import NOW, ago

GATEWAY = "hermes:north/gateway"
DAY = 86_400.0


def change(
    seconds: float,
    status: Status,
    before: Status | None = Status.OK,
    *,
    subject: str = GATEWAY,
    rule: str = "killed",
    since: float | None = None,
    knowledge: Knowledge = Knowledge.FRESH,
) -> Change:
    moment = None if since is None else ago(since)
    return Change(subject, ago(seconds), status, None, knowledge, rule, f"{rule} {seconds:g}", moment, before)


def told(*changes: Change, blind: tuple[Blind, ...] = ()) -> tuple[Episode, ...]:
    newest_first = sorted(changes, key=lambda each: each.known_at, reverse=True)
    return episodes(newest_first, blind, ago(DAY))


def test_trouble_begins_when_it_was_true_and_ends_when_it_was_seen_to_be_over() -> None:
    """Down since 12 minutes before its recovery, known two minutes late: it lasted 12 minutes."""
    (each,) = told(change(600, Status.DOWN, since=720), change(0, Status.OK, Status.DOWN, rule="idle"))
    assert (each.began_at, each.known_at, each.ended_at, each.ending) == (ago(720), ago(600), NOW, Ending.RESOLVED)
    assert each.lasted == timedelta(minutes=12)


def test_not_knowing_ends_nothing() -> None:
    """Down, then unknown, then down, then ok is one episode; it is called by the worst of it."""
    (each,) = told(
        change(900, Status.DEGRADED, rule="stuck"),
        change(800, Status.UNKNOWN, Status.DEGRADED, rule="doubt"),
        change(700, Status.DOWN, Status.UNKNOWN),
        change(650, Status.STALE, Status.DOWN, rule="doubt"),
        change(600, Status.OK, Status.STALE, rule="idle"),
    )
    assert (each.status, each.rule, each.severity, each.lasted) == (
        Status.DOWN,
        "killed",
        Severity.CRITICAL,
        timedelta(seconds=300),
    )


def test_what_was_removed_is_not_resolved() -> None:
    """A job that was taken away while it failed is over, but nobody mended it."""
    (each,) = told(
        change(600, Status.DEGRADED, rule="failing"),
        change(0, Status.OK, Status.DEGRADED, rule="gone", knowledge=Knowledge.RETIRED),
    )
    assert each.ending is Ending.REMOVED


def test_trouble_that_was_there_before_says_so() -> None:
    """Of trouble that only ends in the span, the beginning is not known; of its end it is."""
    (each,) = told(change(600, Status.OK, Status.DOWN, rule="idle"))
    assert (each.begun_before, each.began_at, each.status) == (True, ago(DAY), Status.DOWN)


def test_what_is_open_has_no_end() -> None:
    """The last change to trouble leaves an open episode."""
    (each,) = told(change(600, Status.DOWN))
    assert (each.ended_at, each.lasted, each.ending) == (None, None, Ending.OPEN)


def test_an_episode_says_when_nobody_looked() -> None:
    """A gap of ours within the episode is named; one before it is not."""
    within, before = Blind(ago(300), ago(200), "not running"), Blind(ago(9_000), ago(8_000), "not running")
    (each,) = told(change(600, Status.DOWN), change(0, Status.OK, Status.DOWN), blind=(before, within))
    assert each.blind == (within,)


def test_what_ended_is_grouped_like_what_is_open() -> None:
    """Three gateways of one host that were killed together are one closed incident with one message."""
    settings = {one: Setting(host="deck") for one in ("a", "b", "c")}
    found = told(
        *(change(600 + n, Status.DOWN, subject=f"hermes:{one}/gateway") for n, one in enumerate(settings)),
        *(change(n, Status.OK, Status.DOWN, subject=f"hermes:{one}/gateway") for n, one in enumerate(settings)),
    )
    (each,) = closed(found, settings)
    assert (len(each.members), each.message) == (3, "3 gateways on host deck went wrong together")
    assert each.ended_at == NOW


def test_what_followed_is_with_its_cause_only_if_it_was_at_the_same_time() -> None:
    """A scheduler without a runner belongs to the death of its gateway; an hour later it is a matter of its own."""
    gateway = (change(7_200, Status.DOWN), change(7_000, Status.OK, Status.DOWN))

    def scheduler(begun: float) -> tuple[Change, ...]:
        name = "hermes:north/cron"
        return (
            change(begun, Status.DOWN, subject=name, rule="runner absent"),
            change(begun - 100, Status.OK, Status.DOWN, subject=name, rule="idle"),
        )

    assert len(closed(told(*gateway, *scheduler(7_150)), {})) == 1
    assert len(closed(told(*gateway, *scheduler(3_600)), {})) == 2


def test_a_subject_that_fails_again_and_again_is_told_each_time() -> None:
    """Ten episodes of one gateway are ten lines, each with an id of its own."""
    story = [
        each for n in range(10) for each in (change(600 * n + 60, Status.DOWN), change(600 * n, Status.OK, Status.DOWN))
    ]
    found = closed(told(*story), {})
    assert len({each.id for each in found}) == len(found) == 10


def test_a_day_is_divided_into_what_was_known_of_it() -> None:
    """Six hours down of a day in which nobody looked for twelve: half of what was seen."""
    blind = [Blind(ago(DAY / 2), NOW, "not running")]
    share = uptime([change(DAY * 3 / 4, Status.DOWN)], None, blind, ago(DAY), NOW)
    assert share == Uptime(well=timedelta(hours=6), down=timedelta(hours=6), not_looked=timedelta(hours=12))
    assert share.share(share.well) == 0.5


def test_without_a_change_the_present_was_always_so() -> None:
    """A subject that never changed was what it is."""
    assert uptime([], Status.OK, [], ago(60), NOW).well == timedelta(minutes=1)
    assert uptime([], None, [], ago(60), NOW) == Uptime(not_known=timedelta(minutes=1))


MOMENTS = st.integers(0, 1_000)
GAPS = st.lists(st.tuples(MOMENTS, MOMENTS).map(lambda two: Blind(ago(max(two)), ago(min(two)), "off")), max_size=5)


@given(st.lists(st.tuples(MOMENTS, st.sampled_from(Status), st.sampled_from(Knowledge)), max_size=8), GAPS)
def test_the_parts_of_a_span_add_up_to_it(told_: list[tuple[int, Status, Knowledge]], blind: list[Blind]) -> None:
    """No second is counted twice and none is lost, whatever the changes and the gaps."""
    story = [change(at, status, knowledge=known) for at, status, known in sorted(told_, key=lambda one: -one[0])]
    share = uptime(story, Status.OK, blind, ago(900), NOW)
    assert sum(share, timedelta()) == timedelta(seconds=900)
    assert min(share) >= timedelta()


@given(GAPS)
def test_what_is_covered_is_never_more_than_the_span(blind: list[Blind]) -> None:
    """Gaps that overlap are counted once: as many seconds as lie in any of them."""
    seconds = sum(any(each.began_at <= ago(s) < each.ended_at for each in blind) for s in range(1, 1_001))
    assert covered(blind, ago(1_000), NOW) == timedelta(seconds=seconds)


@given(
    st.lists(
        st.tuples(
            MOMENTS,
            st.sampled_from(Status),
            st.none() | st.sampled_from(Status),
            st.sampled_from((GATEWAY, "hermes:north/cron", "hermes:south/gateway", "host:deck/disk//")),
            st.none() | MOMENTS,
        ),
        max_size=20,
    )
)
def test_any_changes_make_episodes(story: list[tuple[int, Status, Status | None, str, int | None]]) -> None:
    """Whatever was recorded, episodes end after they are known, and every closed one is in one incident."""
    found = told(*(change(at, now, was, subject=name, since=since) for at, now, was, name, since in story))
    for each in found:
        assert each.began_at <= each.known_at
        assert each.ended_at is None or each.known_at <= each.ended_at
    over = [each for each in found if each.ended_at is not None]
    assert sum(len(each.members) for each in closed(found, {})) == len(over)
