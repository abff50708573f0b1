"""Promises of the log: what is said first is said at once, what repeats is a count, and no fault fills the disk."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from rclpy.clock import Clock

from finevla_control.event_logging import KINDS, QUIET_S, EventLog, RepeatLog
from finevla_core.safety.events import Event
from finevla_core.warning_backoff import FIRST_S, LONGEST_S
from finevla_interfaces.msg import SafetyEvent
from finevla_ros.flood_watch import BURST


def lines_of(counter: RepeatLog, kind: str, period_s: float, seconds: float) -> list[tuple[float, str]]:
    """What is logged, and when, of a sentence that is said again and again; a timer looks each second."""
    logged: list[tuple[float, str]] = []
    for step in range(round(seconds / period_s)):
        now_s = step * period_s
        logged += [(now_s, line) for line in counter.note(kind, f"{kind} {step}", now_s)]
    return logged


def test_first_is_said_at_once_and_repetitions_are_counted_at_growing_intervals() -> None:
    logged = lines_of(RepeatLog(), "refused", 0.1, 200.0)
    assert logged[0] == (0.0, "refused 0")
    assert [round(at) for at, _ in logged[1:]] == [10, 30, 70, 150]
    assert [line.split(" (")[1] for _, line in logged[1:3]] == [
        "repeated 99 times in the last 10 s)",
        "repeated 200 times in the last 20 s)",
    ]


def test_what_ends_is_counted_to_its_end_and_said_at_once_when_it_comes_back() -> None:
    counter = RepeatLog()
    assert counter.note("refused", "refused", 0.0) == ["refused"]
    assert counter.note("refused", "refused", 1.0) == counter.note("refused", "refused", 2.0) == []
    assert counter.due(5.0) == []
    assert counter.due(2.0 + QUIET_S) == ["refused (repeated 2 times in the last 12 s)"]
    assert counter.due(100.0) == []
    assert counter.note("refused", "refused", 100.0) == ["refused"]


def test_one_kind_does_not_hide_another() -> None:
    counter = RepeatLog()
    assert counter.note("one", "one", 0.0) == ["one"]
    assert counter.note("other", "other", 0.1) == ["other"]


def test_fault_that_lasts_a_night_takes_some_lines() -> None:
    assert len(lines_of(RepeatLog(), "refused", 0.5, 8 * 3600.0)) < 60


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0.0, 2.0)), max_size=2000))
def test_rate_is_bounded_whatever_is_said(said: list[tuple[int, float]]) -> None:
    counter, now_s, first, counts = RepeatLog(), 0.0, 0, 0
    for kind, after_s in said:
        now_s += after_s
        lines = counter.note(str(kind), str(kind), now_s)
        first += sum("repeated" not in line for line in lines)
        counts += sum("repeated" in line for line in lines)
    periods = now_s / min(FIRST_S, QUIET_S) + 1
    assert first <= (KINDS + 1) * periods
    assert counts <= (KINDS + 1) * periods


@given(st.lists(st.floats(0.0, 2.0 * LONGEST_S), min_size=1, max_size=100))
def test_nothing_is_lost_in_the_count(waits: list[float]) -> None:
    counter, now_s, logged = RepeatLog(), 0.0, 0
    for after_s in [*waits, 10 * LONGEST_S]:
        now_s += after_s
        lines = counter.note("a", "a", now_s) if after_s <= 2.0 * LONGEST_S else counter.due(now_s)
        for line in lines:
            _, _, count = line.partition("repeated ")
            logged += 1 if not count or count.startswith("once") else int(count.split()[0])
    assert logged == len(waits)


class PlainNode:
    """What an `EventLog` needs of a node."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.published: list[SafetyEvent] = []

    def get_logger(self) -> "PlainNode":
        return self

    def get_clock(self) -> Clock:
        return Clock()

    def create_timer(self, *_: object, **__: object) -> None: ...

    def publish(self, message: SafetyEvent) -> None:
        self.published.append(message)

    def error(self, text: str) -> None:
        self.said.append(text)

    warning = info = error


def test_flood_of_refusals_is_no_flood_of_events_and_every_stop_is_told() -> None:
    node = PlainNode()
    log = EventLog(node, node)  # type: ignore[arg-type]
    for number in range(1000):
        log.tell(Event(SafetyEvent.WARN, "chunk.authority", f"chunk {number} refused"))
        log.tell(Event(SafetyEvent.ERROR, "stop.topic", "stopped"))
    codes = Counter(message.code for message in node.published)
    assert codes["stop.topic"] == 1000
    assert BURST <= codes["chunk.authority"] < 1000
    log.tell(Event(SafetyEvent.WARN, "stop.word", "the operator said 'stop'"))
    assert node.published[-1].code == "stop.word"
