"""Promises of `finevla doctor --robot` on real DDS: a played robot with faults, a real bridge, and a played person."""

import argparse
import array
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from played_arm import HOME, Arm
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Empty

from finevla_core.embodiment import Embodiment
from finevla_interfaces.msg import PiperStatus
from finevla_ros import qos
from finevla_ros.messages import to_stamp
from finevla_tools.commissioning import command
from finevla_tools.commissioning.person_answers import NotAnswered
from finevla_tools.doctor import add_arguments

pytestmark = pytest.mark.slow  # each starts nodes

CAMERA_S = 1 / 30


class PlayedPerson:
    """Answers by key; a callable is what the person does first, and its value is the answer."""

    def __init__(self, **answers: object) -> None:
        self.answers = {key.replace("__", "."): value for key, value in answers.items()}
        self.asked: list[str] = []

    def ask(self, key: str, question: str, choices: Sequence[str]) -> str:
        self.asked.append(key)
        answer = self.answers.get(key)
        if answer is None:
            raise NotAnswered("nobody")
        answer = answer() if callable(answer) else str(answer)
        assert answer in choices, question
        return answer


class PlayedRobot(Arm):
    """The arm, and beside it cameras and the status of two Piper drivers, each with what may be wrong with it."""

    def start_all(self, robot: Embodiment) -> None:
        self.start(robot)
        self.silent: set[str] = set()
        self.late_s, self.strokes, self.firmware = (
            0.0,
            {"left_": 0.10, "right_": 0.10},
            {"left_": "S-V1.8-2", "right_": "S-V1.8-2"},
        )
        self.devices = {name: name for name in robot.camera_names}  # topic -> the device whose picture is on it
        self.pictures = {c.name: self.node.create_publisher(Image, c.topic, QoSProfile(depth=1)) for c in robot.cameras}
        status = {p: self.node.create_publisher(PiperStatus, f"{p}arm/status", qos.LATCHED) for p in self.strokes}
        self.node.create_timer(CAMERA_S, self.see)

        def tell() -> None:
            for prefix, publisher in status.items():
                publisher.publish(
                    PiperStatus(
                        interface=f"can_{prefix.rstrip('_')}", is_connected=True, control_mode="standby",
                        firmware=self.firmware[prefix], gripper_stroke_m=self.strokes[prefix], frames_per_s=3000.0,
                    )
                )  # fmt: skip

        self.node.create_timer(0.2, tell)

    def see(self) -> None:
        for topic, device in self.devices.items():
            if topic in self.silent:
                continue
            shade = 60 + 40 * self.robot.camera_names.index(device)
            pixels = np.random.default_rng(shade).integers(0, shade, (24, 32, 3)).astype(np.uint8)
            message = Image(encoding="rgb8", height=24, width=32, step=96, data=array.array("B", pixels.tobytes()))
            message.header.stamp = to_stamp(self.now_ns() - round(self.late_s * 1e9))
            self.pictures[topic].publish(message)


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_node, robot: Embodiment, cobotmagic_file: Path):
    """`walk(person, prepare)`: the states and sentences of all steps by name, on a played robot that `prepare` changes."""

    def go(
        person: PlayedPerson, prepare: Callable[[PlayedRobot], None] = lambda _: None, *words: str
    ) -> dict[str, dict]:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        out = tmp_path / "first_day"
        given = parser.parse_args(
            ["--robot", str(cobotmagic_file), "--unattended", "--can", "--seconds", "2", "--out", str(out), *words]
        )
        monkeypatch.setattr(command, "person_of", lambda *_: person)
        start_node("finevla_control", "safety_bridge", robot=str(cobotmagic_file))
        with PlayedRobot() as played:
            played.start_all(robot)
            prepare(played)
            code = command.run_commissioning(given)
            assert not any(played.commands.values())  # the arms are never moved by it
        told = json.loads((out / "report.json").read_text())
        steps = {step["step"]: step for step in told["steps"]}
        assert len(steps) == len(told["steps"])
        assert code == int(any(step["state"] == "failed" for step in told["steps"]))
        assert all(step["remedy"] for step in told["steps"] if step["state"] == "failed")
        assert (told["robot"], bool(told["finevla"]), bool(told["time"])) == ("cobotmagic", True, True)
        return steps

    return go


def test_healthy_robot_passes_every_step_that_somebody_answers(walk) -> None:
    robots: list[PlayedRobot] = []

    def stop() -> str:
        robots[0].publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
        return "enter"

    def guide() -> str:
        for angle in (0.5, -0.5, 0.0):
            robots[0].values = HOME + np.eye(14)[0] * angle
            threading.Event().wait(0.5)  # as long as a hand takes: joint states of it come
        return "enter"

    pictures = {f"picture__{n}__which": n for n in ("front", "left", "right")}
    pictures |= {f"picture__{n}__upright": "yes" for n in ("front", "left", "right")}
    person = PlayedPerson(
        **pictures, stop__hardware="yes", stop__press=stop, stop__reset="yes",
        limits__left__begin="enter", limits__left__end=guide,
    )  # fmt: skip
    steps = walk(person, robots.append)
    states = {name: step["state"] for name, step in steps.items()}
    failed = {name: step for name, step in steps.items() if step["state"] == "failed"}
    assert not failed, failed
    for name in ("arms.left", "arms.right", "joints", "joints.pose", "clock.joints", "clock.left", "camera.front"):
        assert states[name] == "ok", steps[name]
    for name in ("picture.front", "picture.left", "picture.right", "stop", "stop.reset", "limits.left"):
        assert states[name] == "ok", steps[name]
    assert {states["can"], states["limits.right"], states["table.left"]} == {"skipped"}
    assert "firmware S-V1.8-2, gripper 0.100 m" in steps["arms.left"]["found"]
    assert 0.0 <= steps["stop"]["facts"]["delay_s"] <= 0.5
    assert "stop was asked for by topic" in steps["stop"]["found"]


def test_faults_of_cameras_and_arms_are_named(walk) -> None:
    def spoil(robot: PlayedRobot) -> None:
        robot.silent = {"front"}
        robot.devices |= {"left": "right", "right": "left"}
        robot.strokes["left_"], robot.firmware["right_"] = 0.07, "S-V1.7-3"
        robot.ahead_s = 0.5

    # What a person sees: the device, whatever topic its picture is on.
    person = PlayedPerson(
        picture__left__which="right", picture__left__upright="yes", picture__right__which="left",
        picture__right__upright="no", stop__hardware="no",
    )  # fmt: skip
    steps = walk(person, spoil)
    assert {step["state"] for name, step in steps.items() if name.startswith("picture.")} == {"failed"}
    assert "no picture came on /finevla/camera_front/image_raw" in steps["camera.front"]["found"]
    assert "camera front plugged in?" in steps["camera.front"]["remedy"]
    assert steps["picture.left"]["found"] == "the topic of camera left shows camera right: exchanged"
    assert "picture.front" not in steps
    assert "opens to 0.070 m, the robot file says 0.100" in steps["arms.left"]["found"]
    assert "stroke_m:=0.07" in steps["arms.left"]["remedy"]
    assert "left S-V1.8-2, right S-V1.7-3" in steps["arms.alike"]["found"]
    assert "ahead of this computer's clock" in steps["clock.joints"]["found"]
    assert steps["stop.hardware"]["state"] == "failed"
    assert steps["clock.front"]["state"] == "skipped"


def test_one_device_on_two_topics_late_pictures_and_a_bad_pose_are_named(walk) -> None:
    def spoil(robot: PlayedRobot) -> None:
        robot.devices["right"] = "left"
        robot.late_s = 0.4
        robot.values[2] = 0.3  # joint3 goes from -2.967 to 0

    steps = walk(PlayedPerson(stop__reset_first="no"), spoil)
    assert "its picture is that of camera left, bit for bit" in steps["camera.right"]["found"]
    assert "serial number" in steps["camera.right"]["remedy"]
    assert steps["clock.left"]["state"] == "failed"
    assert "left_joint3 is measured at 0.300" in steps["joints.pose"]["found"]
    assert {steps[f"picture.{name}"]["state"] for name in ("front", "left", "right")} == {"skipped"}


def test_stop_that_the_doctor_says_itself_reaches_the_bridge(walk) -> None:
    steps = walk(PlayedPerson(stop__press="self", stop__reset="no"))
    assert (steps["stop"]["state"], steps["stop.reset"]["state"]) == ("ok", "skipped")


def test_nothing_on_the_network_is_told_step_by_step(ros_domain: str, tmp_path: Path, capsys) -> None:
    from finevla_tools.cli import main

    out = tmp_path / "report"
    code = main(["doctor", "--robot", "--unattended", "--can", "--seconds", "0.5", "--out", str(out)])
    said = capsys.readouterr().out
    assert code == 1
    assert "nobody publishes it: start the drivers (cameras:=orbbec, realsense or usb)" in said
    assert "no safety bridge is heard in namespace '/finevla'" in said
    assert "no piper_driver is heard - start it: robot:=real driver:=piper" in said
    assert (out / "report.md").is_file()
