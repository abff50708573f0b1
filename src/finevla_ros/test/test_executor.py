"""Promises of the executor: a goal that waits holds up nobody, nothing is taken twice, and errors come out of spin."""

import threading
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node

from finevla_ros.executor import AsideGroup, AsideInTurnGroup, GoalsAsideExecutor


class Counting(GoalsAsideExecutor):
    """Counts how often it went for work."""

    rounds = 0

    def spin_once(self, timeout_sec: float | None = None) -> None:
        self.rounds += 1
        super().spin_once(timeout_sec)


@pytest.fixture
def node(ros_domain: str) -> Iterator[Node]:
    rclpy.init()
    node = Node("executor_test")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_waiting_task_does_not_hold_up_callbacks_and_nothing_is_taken_twice(node: Node) -> None:
    executor, beats, let_go = Counting(), [], threading.Event()
    executor.add_node(node)
    node.create_timer(0.01, lambda: beats.append(threading.current_thread().name))
    task = executor.create_task(let_go.wait, 30.0)
    while len(beats) < 50:
        executor.spin_once(1.0)
    assert not task.done()
    assert executor.rounds < 2 * len(beats)
    assert set(beats) == {threading.current_thread().name}
    let_go.set()
    while not task.done():
        executor.spin_once(1.0)
    assert task.result() is True


@pytest.mark.parametrize(("group", "most"), [(AsideGroup, 3), (AsideInTurnGroup, 1)])
def test_callbacks_of_an_aside_group_hold_up_nobody(node: Node, group: type, most: int) -> None:
    executor, let_go, beats, begun = Counting(), threading.Event(), [], []

    def wait() -> None:
        begun.append(threading.current_thread())
        assert let_go.wait(30.0)

    aside = group()
    executor.add_node(node)
    node.create_timer(0.01, lambda: beats.append(threading.current_thread()))
    timers = [node.create_timer(0.01, wait, callback_group=aside) for _ in range(3)]
    while len(beats) < 50:
        executor.spin_once(1.0)
    for timer in timers:
        timer.cancel()
    waiting = len(begun)
    let_go.set()
    while any(thread.is_alive() for thread in begun):
        executor.spin_once(0.1)
    assert waiting >= most if group is AsideGroup else waiting == most
    assert threading.current_thread() not in begun
    assert executor.rounds < 4 * len(beats)


@pytest.mark.parametrize("where", ["callback", "task", "aside"])
def test_error_comes_out_of_spin(node: Node, where: str) -> None:
    def fail() -> None:
        raise ValueError("as it should")

    executor = GoalsAsideExecutor()
    executor.add_node(node)
    if where != "task":
        node.create_timer(0.01, fail, callback_group=AsideGroup() if where == "aside" else None)
    else:
        executor.create_task(fail)
    with pytest.raises(ValueError, match="as it should"):
        executor.spin()
