"""Promises of looking at what controllers say that they hold: the newest, when it is looked at."""

import pytest
from probe import Probe
from sensor_msgs.msg import JointState

from finevla_control.controller_reference_watch import ControllerReferenceWatch
from finevla_ros import qos


def test_newest_reference_is_taken_when_it_is_looked_at() -> None:
    noted: list[tuple] = []
    with Probe("references") as probe:
        watch = ControllerReferenceWatch(
            probe.node,
            ["left", "right"],
            lambda *said: noted.append(said),
            JointState,
            lambda m: (m.name, m.position.tolist(), m.velocity.tolist()),
        )
        out = probe.publisher(JointState, "left/controller_state", qos.ALL)
        probe.wait(lambda: out.get_subscription_count() > 0, "the watch to be found")

        def is_said(position: float) -> bool:
            out.publish(JointState(name=["joint"], position=[position], velocity=[0.0]))
            watch.look()
            return bool(noted)

        probe.wait(lambda: is_said(0.5), "a reference")
        name, joints, positions, velocities, number = noted[-1]
        assert (name, joints, positions, velocities) == ("left", ["joint"], [0.5], [0.0])
        assert number > 0
        watch.look()
        noted.clear()
        watch.look()
        assert noted == []  # once each


def test_without_the_messages_definition_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finevla_control.controller_reference_watch._state_type", lambda: None)
    noted: list[tuple] = []
    ControllerReferenceWatch(object(), ["left"], lambda *said: noted.append(said)).look()  # type: ignore[arg-type]
    assert noted == []
