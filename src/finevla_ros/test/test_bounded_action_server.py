"""Promises of action servers and of threads for callbacks: neither goals nor threads grow with what is sent."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import rclpy
from raw_requests import RawRequests
from rclpy.action import CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger

from finevla_interfaces.action import FollowInstruction
from finevla_ros.bounded_action_server import MOST_GOAL_BYTES, MOST_GOALS, BoundedActionServer
from finevla_ros.executor import MOST_ASIDE, AsideGroup, GoalsAsideExecutor


@pytest.fixture
def nodes(ros_domain: str) -> Iterator[tuple[Node, Node]]:
    """Who serves, spun in a thread, and who asks."""
    rclpy.init()
    pair = Node("serving"), Node("asking")
    executor = GoalsAsideExecutor()
    executor.add_node(pair[0])
    threading.Thread(target=executor.spin, daemon=True).start()
    yield pair
    executor.shutdown(1.0)
    for node in pair:
        node.destroy_node()
    rclpy.try_shutdown()


def until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)


def goal_of(number: int, text: str) -> bytes:
    request = FollowInstruction.Impl.SendGoalService.Request()
    request.goal_id.uuid[0:2] = divmod(number, 256)
    request.goal.instruction.raw = text
    return bytes(serialize_message(request))


def test_goals_that_are_too_many_are_rejected(nodes: tuple[Node, Node]) -> None:
    serving, asking = nodes
    run: list[str] = []

    def follow(handle: ServerGoalHandle) -> FollowInstruction.Result:
        run.append(handle.request.instruction.raw[:20])
        handle.succeed()
        return FollowInstruction.Result()

    group = ReentrantCallbackGroup()
    server = BoundedActionServer(
        serving, FollowInstruction, "/go", follow, cancel_callback=lambda _: CancelResponse.ACCEPT, callback_group=group
    )
    raw = RawRequests(asking, FollowInstruction.Impl.SendGoalService, "/go/_action/send_goal")
    numbers = itertools.count(1)

    def is_judged(before: int) -> bool:
        raw.send(goal_of(next(numbers), "good"))  # again and again: the first may come before the server knows of us
        return len(run) + server._refusals.count > before

    for _ in range(2 * MOST_GOALS):
        until(partial(is_judged, len(run) + server._refusals.count), "a goal to be judged")
    until(lambda: server._refusals.count >= MOST_GOALS, "the refusals")
    assert len(run) == len(server._goal_handles) == MOST_GOALS
    assert server._judge(FollowInstruction.Goal()).name == "REJECT"
    raw.close()
    server.destroy()


def test_large_goal_is_rejected(nodes: tuple[Node, Node]) -> None:
    server = BoundedActionServer(nodes[0], FollowInstruction, "/go", lambda _: FollowInstruction.Result())
    goal = FollowInstruction.Goal()
    assert server._judge(goal).name == "ACCEPT"
    goal.instruction.raw = "x" * MOST_GOAL_BYTES
    assert server._judge(goal).name == "REJECT"
    server.destroy()


def test_requests_that_wait_take_so_many_threads_and_no_more(nodes: tuple[Node, Node]) -> None:
    serving, asking = nodes
    let_go, threads, turns = threading.Event(), [], []

    def wait(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        threads.append(threading.current_thread())
        assert let_go.wait(30.0)
        return response

    group = AsideGroup()
    serving.create_service(Trigger, "/wait", wait, callback_group=group)
    raw = RawRequests(asking, Trigger, "/wait")

    def has_one_more(before: int) -> bool:
        raw.send(bytes(serialize_message(Trigger.Request())))
        return len(threads) > before

    while len(threads) < MOST_ASIDE:
        until(partial(has_one_more, len(threads)), "a thread")
    for _ in range(MOST_ASIDE):
        raw.send(bytes(serialize_message(Trigger.Request())))
    serving.create_timer(0.0, lambda: turns.append(None))
    until(lambda: len(turns) > 20, "the executor to go on")
    assert len(threads) == MOST_ASIDE
    let_go.set()
    until(lambda: len(threads) > MOST_ASIDE, "those that waited")
    until(lambda: not group._running, "the end of all")
    raw.close()
