"""Promises of the executor: a goal that waits holds up nobody, nothing is taken twice, and errors come out of spin."""

import threading
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node

from finevla_ros.executor import GoalsAsideExecutor


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


@pytest.mark.parametrize("where", ["callback", "task"])
def test_error_comes_out_of_spin(node: Node, where: str) -> None:
    def fail() -> None:
        raise ValueError("as it should")

    executor = GoalsAsideExecutor()
    executor.add_node(node)
    if where == "callback":
        node.create_timer(0.01, fail)
    else:
        executor.create_task(fail)
    with pytest.raises(ValueError, match="as it should"):
        executor.spin()
