"""Promises about memory: what huge messages took is given back when they are over, and never in the middle of them."""

from finevla_ros.memory_return import AFTER_S, MemoryReturn


def test_memory_is_given_back_when_a_flood_is_over_and_once_more_when_its_sender_is_forgotten() -> None:
    given: list[float] = []
    now = [0.0]
    memory = MemoryReturn(lambda: given.append(now[0]))
    for step in range(1000):
        now[0] = step * 0.1
        if 10.0 <= now[0] <= 20.0:
            memory.note_huge(now[0])
        memory.look(now[0])
    assert [round(at, 1) for at in given] == [20.0 + after_s for after_s in AFTER_S]


def test_what_is_usual_gives_nothing_back() -> None:
    given: list[int] = []
    memory = MemoryReturn(lambda: given.append(1))
    for step in range(1000):
        memory.look(step * 0.1)
    assert given == []
