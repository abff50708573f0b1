"""Promises of the watch over floods: what is usual is never told, what is more at once, with who sends it, and then seldom."""

from finevla_ros.flood_watch import BURST, FloodWatch


def told(watch: FloodWatch, rate_hz: float, seconds: float, begin_s: float = 100.0) -> list[tuple[float, str]]:
    """What is told, and when, of messages at this rate."""
    times = [k / rate_hz for k in range(int(seconds * rate_hz))]
    return [(t, text) for t in times if (text := watch.note(begin_s + t))]


def test_what_is_usual_is_never_told_also_when_it_comes_late_and_at_once() -> None:
    watch = FloodWatch("/finevla/instruction", 20.0)
    assert told(watch, 19.0, 60.0) == []
    assert [watch.note(200.0) for _ in range(int(BURST))] == [""] * int(BURST)


def test_a_flood_is_told_within_a_tenth_of_a_second_with_who_publishes_there() -> None:
    watch = FloodWatch("/finevla/instruction", 20.0, lambda: ["/finevla/flooding", "", "/finevla/policy"])
    ((after_s, text), *more) = told(watch, 500.0, 1.0)
    assert after_s < 0.1
    assert "/finevla/instruction is flooded" in text
    assert "'/finevla/flooding'" in text
    assert "one without a name yet" in text
    assert more == []


def test_a_flood_that_goes_on_takes_some_lines_an_hour_and_a_new_one_is_news() -> None:
    watch = FloodWatch("/finevla/instruction", 20.0)
    assert len(told(watch, 100.0, 3600.0)) < 15
    assert told(watch, 500.0, 1.0, 100_000.0)


def test_a_name_that_a_stranger_gives_breaks_no_line() -> None:
    watch = FloodWatch("/finevla/instruction", 20.0, lambda: ["x\n[ERROR] all arms are off"])
    ((_, text),) = told(watch, 500.0, 1.0)
    assert "\n" not in text
