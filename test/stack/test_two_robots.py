"""Two robots in one ROS domain: each stack hears its own operator alone, and their frames and clocks stay apart."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from tiny_bundle import make_tiny_bundle

from finevla_client.connection import Connection
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, Stack

pytestmark = pytest.mark.stack
LAUNCH = Path(__file__).parents[2] / "launch" / DEFAULT_FILE
CELLS = ("left_cell", "right_cell")
FOLLOWING, STOPPED = 2, 3
TRIES = 20
# Whoever takes the other robot's messages for its own says one of these.
STRANGERS = ("rival", "forged", "two", "flood", "leap", "refused", "authority", "epoch", "publishers", "unready")


class Cell:
    """One robot's stack as its operator sees it."""

    def __init__(self, client: Connection) -> None:
        self.client, self.events, self.frames = client, list[msg.SafetyEvent](), list[TFMessage]()
        client.listen("safety/events", msg.SafetyEvent, qos.ALL, self.events.append)
        client.listen("joint_states", JointState, qos.SENSOR)
        client.listen("active_instruction", msg.Instruction, qos.LATCHED)
        client.listen("tf", TFMessage, qos.ALL, self.frames.append)
        client.wait_until_ready(120.0)

    @property
    def codes(self) -> list[str]:
        return [event.code for event in self.events]

    def state(self) -> int:
        return int(self.client.newest["safety/status"].state)

    def follow(self, text: str) -> None:
        """Say it until it is followed: two stacks on a small machine are disabled for a moment now and then."""
        for _ in range(TRIES):
            with contextlib.suppress(FineVLAError):
                if self.state() == STOPPED:
                    self.client.reset_bridge()
                self.client.wait_until_ready(20.0)
                self.client.say(Instruction(text))
            if self.client.wait(lambda: self.state() == FOLLOWING, 3.0):
                return
        raise AssertionError(f"'{text}' was not followed; {self.codes[-20:]}")


@pytest.fixture
def cells(ros_domain: str, tmp_path: Path, cobotmagic_file: Path) -> Iterator[list[Cell]]:
    del ros_domain
    bundle = make_tiny_bundle(tmp_path / "tiny", load_embodiment(cobotmagic_file), drift=0.06)
    given = {"bundle": str(bundle), "multi_robot": "true", "clock": "true"}
    lines: list[str] = []
    with contextlib.ExitStack() as life:
        for cell in CELLS:
            launch = load_launch(LAUNCH, given | {"namespace": cell})
            stack = Stack(launch, lambda name, line, cell=cell: lines.append(f"[{cell} {name}] {line}"))
            life.callback(stack.stop)
            stack.start()
        yield [Cell(life.enter_context(Connection(cell))) for cell in CELLS]
        print(*lines[-60:], sep="\n")  # pytest shows it where the test failed


@pytest.mark.timeout(280)
def test_two_robots_in_one_domain_keep_apart(cells: list[Cell]) -> None:
    left, right = cells
    left.follow("reach the cube")
    assert getattr(right.client.newest.get("active_instruction"), "id", "") == ""
    assert right.client.newest["safety/status"].chunks_accepted == 0
    right.follow("reach the ball")
    left.follow("reach the cube")
    assert "stopped" in left.client.stop()
    assert left.state() == STOPPED
    text = right.client.node.create_publisher(String, "instruction/text", qos.ALL)
    right.client.wait(lambda: text.get_subscription_count() >= 2, 20.0)
    text.publish(String(data="stop"))
    assert right.client.wait(lambda: "stop.word" in right.codes, 20.0)
    assert "stop.word" not in left.codes
    assert "stop.service" not in right.codes  # by topic its own watchdog may stop it, on a machine that holds it up
    assert left.client.wait(lambda: "stop.service" in left.codes, 20.0)
    for cell in cells:
        assert not [code for code in cell.codes if any(word in code for word in STRANGERS)], cell.codes
        assert cell.client.wait(lambda cell=cell: bool(cell.frames), 20.0)
        assert cell.client.node.count_publishers(f"/{cell.client.namespace}/clock") == 1
    for topic in ("/tf", "/tf_static", "/clock"):
        assert left.client.node.count_publishers(topic) == 0
