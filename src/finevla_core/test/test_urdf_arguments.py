"""The URDF's arguments: a prefix renames everything alike, and ros2_control's overrun leaves the true limits as soft ones."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from finevla_core.embodiment import load_embodiment
from finevla_core.urdf import expand, joint_limits

CONTROLLED = 2 * (6 + 2)


def test_prefix_is_on_every_link_and_joint_and_nothing_else_changes(cobotmagic_urdf: Path) -> None:
    plain, prefixed = (ET.fromstring(expand(cobotmagic_urdf, prefix=p)) for p in ("", "robot1_"))
    for kind in ("link", "joint"):
        names = [e.get("name") for e in plain.findall(kind)]
        assert [e.get("name") for e in prefixed.findall(kind)] == [f"robot1_{name}" for name in names]
    ends = [j.find(end).get("link") for j in prefixed.findall("joint") for end in ("parent", "child")]
    assert all(name.startswith("robot1_") for name in ends)
    controlled = [j.get("name") for block in prefixed.findall("ros2_control") for j in block.findall("joint")]
    assert len(controlled) == CONTROLLED
    assert set(controlled) <= {j.get("name") for j in prefixed.findall("joint")}


def test_overrun_widens_what_may_be_measured_and_not_what_is_commanded(
    cobotmagic_urdf: Path, cobotmagic_file: Path
) -> None:
    joints = [v.joint for v in load_embodiment(cobotmagic_file).values if not v.is_gripper]
    true = joint_limits(expand(cobotmagic_urdf), joints)
    wide_urdf = expand(cobotmagic_urdf, overrun="0.3")
    wide = joint_limits(wide_urdf, joints)
    assert wide.lower == pytest.approx(true.lower - 0.3)
    assert wide.upper == pytest.approx(true.upper + 0.3)
    soft = {j.get("name"): j.find("safety_controller") for j in ET.fromstring(wide_urdf).findall("joint")}
    assert [float(soft[j].get("soft_lower_limit")) for j in joints] == pytest.approx(true.lower)
    assert [float(soft[j].get("soft_upper_limit")) for j in joints] == pytest.approx(true.upper)
    assert "safety_controller" not in expand(cobotmagic_urdf)


def test_controllers_claim_the_joints_of_the_robot_file(cobotmagic_file: Path) -> None:
    import yaml

    stated = yaml.safe_load((cobotmagic_file.parents[1] / "controllers.yaml").read_text())["/**"]
    assert stated["controller_manager"]["ros__parameters"]["enforce_command_limits"]
    for controller in load_embodiment(cobotmagic_file).controllers:
        parameters = stated[controller.name]["ros__parameters"]
        assert tuple(parameters["joints"]) == controller.joints
        assert parameters["interpolate_from_desired_state"]
        assert not parameters["allow_nonzero_velocity_at_trajectory_end"]
