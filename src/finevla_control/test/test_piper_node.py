"""Promises of the driver node on real DDS: states as ros2_control wants them, power only as asked, one sentence if not."""

import itertools
import threading
from collections.abc import Iterator

import can
import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from probe import Probe
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from finevla_control.piper.simulated_arm import SimulatedPiper
from finevla_control.piper_node import PiperDriver
from finevla_interfaces.msg import PiperStatus
from finevla_interfaces.srv import PiperPower
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_ros.spin_thread import SpinThread

pytestmark = pytest.mark.slow  # each starts nodes

HOME = (0.3, 1.2, -0.9, 0.4, 0.6, -0.5)
NAMES = [*(f"left_joint{i}" for i in range(1, 7)), "left_gripper_joint1", "left_gripper_joint2"]
CONFIRM = "the arm may fall"
_numbers = itertools.count()


class Driven(Probe):
    """The driver's node, a simulated arm on the same virtual bus, and a probe, in this process."""

    def __init__(self) -> None:
        channel = f"node-{next(_numbers)}"
        self.simulated = SimulatedPiper(can.Bus(interface="virtual", channel=channel), joints=HOME)
        values = {"interface": channel, "interface_type": "virtual", "prefix": "left_"}
        arguments = ["--ros-args", "-r", "__ns:=/finevla"]
        for name, value in values.items():
            arguments += ["-p", f"{name}:={value}"]
        rclpy.init(args=arguments)
        self.driver = PiperDriver()
        self.driving = SpinThread(self.driver, SingleThreadedExecutor(), "driver")
        self.done = threading.Event()
        self.simulation = threading.Thread(target=self.simulated.run, args=(self.done,), daemon=True)
        super().__init__()
        self.states = self.listen("left_arm/joint_states", JointState, qos.SENSOR)
        self.status = self.listen("left_arm/status", PiperStatus, qos.LATCHED)

    def start(self) -> None:
        self.simulation.start()
        self.driving.start()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.done.set()
        self.driving.close()
        self.simulation.join(5.0)
        self.driver.destroy_node()
        rclpy.try_shutdown()
        self.simulated.bus.shutdown()

    def power(self, action: int, confirm: str = "") -> PiperPower.Response:
        return self.call(PiperPower, "left_arm/power", PiperPower.Request(action=action, confirm=confirm))

    def until_ready(self) -> None:
        self.wait(lambda: self.status and self.status[-1].is_connected, "frames")
        assert self.power(PiperPower.Request.ENABLE).success
        self.wait(lambda: self.status[-1].is_ready, "the arm to be ready")


@pytest.fixture
def driven(ros_domain: str) -> Iterator[Driven]:
    with Driven() as driven:
        driven.start()
        yield driven


def test_states_are_complete_and_carry_the_receive_time(driven: Driven) -> None:
    driven.wait(lambda: len(driven.states) > 20, "joint states")
    message = driven.states[-1]
    assert list(message.name) == NAMES
    assert list(message.position) == pytest.approx([*HOME, 0.01, -0.01], abs=1e-5)
    assert len(message.velocity) == len(message.effort) == 8
    assert np.isfinite([*message.velocity, *message.effort]).all()
    assert -0.01 < (driven.now_ns() - to_ns(message.header.stamp)) * 1e-9 < 1.0
    stamps = [to_ns(m.header.stamp) for m in driven.states]
    assert stamps == sorted(stamps)


def test_operator_enables_controller_commands_and_stop_ends_it(driven: Driven) -> None:
    driven.until_ready()
    commands = driven.publisher(JointState, "left_arm/joint_commands", qos.NEWEST)
    target = [HOME[0] + 0.15, *HOME[1:], 0.03]
    commands.publish(JointState(name=NAMES, position=target))  # eight names, seven positions: as ros2_control sends it
    driven.wait(lambda: abs(driven.states[-1].position[0] - target[0]) < 0.005, "the arm to follow")
    driven.wait(lambda: abs(driven.states[-1].position[6] - 0.03) < 0.001, "the gripper to follow")
    commands.publish(JointState(name=NAMES[:6], position=target[:6]))
    driven.wait(lambda: "lacks left_gripper_joint1" in driven.status[-1].text, "the refusal in the status")
    response = driven.call(Trigger, "left_arm/emergency_stop", Trigger.Request())
    assert response.success, response.message
    assert driven.simulated.is_stopped
    driven.wait(lambda: driven.status[-1].arm_status == "emergency stop", "the stop in the status")
    assert "RESET" in driven.power(PiperPower.Request.ENABLE).message
    assert CONFIRM in driven.power(PiperPower.Request.RESET).message
    assert driven.power(PiperPower.Request.RESET, CONFIRM).success
    driven.wait(lambda: not driven.status[-1].is_enabled, "the motors to be off")
    driven.wait(lambda: driven.status[-1].arm_status != "emergency stop", "the arm to say so, in another frame")
    driven.until_ready()


def test_second_commander_is_refused(driven: Driven) -> None:
    driven.until_ready()
    commands = driven.publisher(JointState, "left_arm/joint_commands", qos.NEWEST)
    driven.publisher(JointState, "left_arm/joint_commands", qos.NEWEST)
    driven.wait(lambda: driven.driver.rivals, "the driver to notice")
    commands.publish(JointState(name=NAMES[:7], position=[*HOME, 0.03]))
    driven.wait(lambda: "only ros2_control may" in driven.status[-1].text, "the refusal in the status")


def test_stop_by_topic(driven: Driven) -> None:
    driven.until_ready()
    driven.publisher(Empty, "left_arm/emergency_stop", qos.ALL).publish(Empty())
    driven.wait(lambda: driven.status[-1].arm_status == "emergency stop", "the stop in the status")
    assert not driven.status[-1].is_ready


def test_status_and_diagnostics_say_what_is_wrong(driven: Driven) -> None:
    diagnostics = driven.listen("/diagnostics", DiagnosticArray, qos.ALL)
    driven.simulated.faults.driver_bits = {3: 0x02}
    sentence = "joint 3: motor over-temperature"
    driven.wait(lambda: driven.status and sentence in driven.status[-1].errors, "the error in the status")
    entries = [s for m in diagnostics for s in m.status]
    driven.wait(
        lambda: any(s.message == sentence and s.level == b"\x02" for m in diagnostics for s in m.status),
        f"the error in the diagnostics, not {[s.message for s in entries]}",
    )
    assert driven.status[-1].firmware == "S-V1.8-5"
    assert driven.status[-1].gripper_stroke_m == pytest.approx(0.1)
    assert not driven.power(17).success


def test_shutting_down_leaves_the_motors_on(ros_domain: str) -> None:
    with Driven() as driven:
        driven.start()
        driven.until_ready()
        simulated = driven.simulated
    assert simulated.enabled.all()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"interface": "can_nowhere"}, "sudo ip link set can_nowhere up type can bitrate 1000000"),
        ({"interface": "lo"}, "'lo' is no CAN interface"),
        ({"interface_type": "virtual", "stroke_m": 0.08}, "'stroke_m' is 0.08; grippers have 0.07 (V1) or 0.10 (V2)"),
        ({"interface_type": "virtual", "prefix": "left"}, "'prefix' is 'left'"),
        ({"interface_type": "virtual", "prefix": "middle_"}, "joint 'middle_joint1'"),
        ({"interface_type": "virtual", "speed_percent": 101}, "'speed_percent'"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(start_node, parameters: dict, said: str) -> None:
    node = start_node("finevla_control", "piper_driver", **parameters)
    assert node.wait_for_exit() == 2
    assert any(said in line for line in node.lines), node.lines
    assert not any("Traceback" in line for line in node.lines)
