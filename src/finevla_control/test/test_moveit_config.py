"""MoveIt's files say the same as ours: pairs of links, poses, limits. MoveIt itself is not here."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.safety.collision_pairs import COLLISION
from finevla_core.safety.envelope import load_boxes, load_envelope
from finevla_core.urdf import expand, joint_limits

FOLDER = Path(__file__).parents[3] / "config" / "moveit"


@pytest.fixture(scope="module")
def srdf() -> ET.Element:
    return ET.parse(FOLDER / "cobotmagic.srdf").getroot()


def test_moveit_looks_at_exactly_the_pairs_of_links_that_the_gate_looks_at(
    robot: Embodiment, cobotmagic_urdf: Path, srdf: ET.Element
) -> None:
    urdf = expand(cobotmagic_urdf)
    pairs = load_envelope(robot, urdf).clearance._pairs
    ours = {frozenset(pair.text.split(" and ")) for pair in pairs if pair.code == COLLISION}
    links = [link.get("name") for link in ET.fromstring(urdf).iter("link") if link.find("collision") is not None]
    disabled = {frozenset((d.get("link1"), d.get("link2"))) for d in srdf.iter("disable_collisions")}
    theirs = {frozenset(pair) for pair in itertools.combinations(links, 2)} - disabled
    assert theirs == ours


def test_moveits_named_states_are_the_robots_poses(robot: Embodiment, srdf: ET.Element) -> None:
    poses = {pose.name: dict(pose.values) for pose in robot.poses}
    seen = set()
    for state in srdf.iter("group_state"):
        for joint in state.iter("joint"):
            value = next(v for v in robot.values if v.joint == joint.get("name"))
            number = (float(joint.get("value", "nan")) - value.zero) / (value.one - value.zero)
            assert number == pytest.approx(poses[state.get("name")][value.name])
            seen.add((state.get("name"), value.name))
    assert seen == {(name, value) for name, values in poses.items() for value in values}


def test_moveits_limits_are_never_looser_than_ours(robot: Embodiment, cobotmagic_urdf: Path) -> None:
    limits = yaml.safe_load((FOLDER / "joint_limits.yaml").read_text())["joint_limits"]
    hard = joint_limits(expand(cobotmagic_urdf), robot.joints)
    for i, joint in enumerate(robot.joints):
        assert 0 < limits[joint]["max_velocity"] <= hard.velocity[i]
        assert 0 < limits[joint]["max_acceleration"] <= robot.max_acceleration[i]


def test_every_group_that_is_planned_for_is_in_moveits_files(srdf: ET.Element) -> None:
    groups = {group.get("name") for group in srdf.findall("group")}
    planned = yaml.safe_load((FOLDER / "ompl_planning.yaml").read_text())
    for group in ("left_arm", "right_arm", "both_arms"):
        assert group in groups
        assert planned[group]["planner_configs"] == ["RRTConnect"]
    assert set(yaml.safe_load((FOLDER / "kinematics.yaml").read_text())) <= groups
    assert yaml.safe_load((FOLDER / "moveit_py.yaml").read_text())["planning_pipelines"]["pipeline_names"] == ["ompl"]


def test_table_of_the_safety_file_is_told_to_other_planners(cobotmagic_file: Path) -> None:
    boxes = load_boxes(cobotmagic_file.parents[1] / "safety" / "cobotmagic.yaml")
    assert [box.name for box in boxes] == ["table"]
