"""Promises of the robot's description: link poses are Pinocchio's, and what makes it another robot is named."""

import re
from pathlib import Path

import numpy as np
import pinocchio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.robot_description import MovingJoints, differences, fixed_transforms, read_joints
from finevla_core.urdf import expand


@pytest.fixture(scope="module")
def urdf(cobotmagic_urdf: Path) -> str:
    return expand(cobotmagic_urdf)


def poses(urdf: str, positions: dict[str, float]) -> dict[str, np.ndarray]:
    """Pose (4, 4) of every link in the root, chained from the transforms."""
    joints = read_joints(urdf)
    local: dict[str, tuple[str, np.ndarray]] = {}
    for part in (fixed_transforms(joints), MovingJoints(joints).transforms(positions)):
        for i, (parent, child) in enumerate(zip(part.parents, part.children, strict=True)):
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = Rotation.from_quat(part.quaternions[i]).as_matrix(), part.translations[i]
            local[child] = parent, pose

    def of(link: str) -> np.ndarray:
        return np.eye(4) if link not in local else of(local[link][0]) @ local[link][1]

    return {link: of(link) for link in local}


@pytest.mark.parametrize("seed", range(5))
def test_every_link_is_where_pinocchio_has_it_mimic_joints_included(
    urdf: str, cobotmagic_file: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    joints = load_embodiment(cobotmagic_file).joints
    positions = dict(zip(joints, rng.uniform(-2.0, 2.0, len(joints)), strict=True))
    model = pinocchio.buildModelFromXML(urdf, mimic=True)
    data, q = model.createData(), np.array(pinocchio.neutral(model))
    for name, position in positions.items():
        q[model.joints[model.getJointId(name)].idx_q] = position
    pinocchio.framesForwardKinematics(model, data, q)
    found = poses(urdf, positions)
    assert {"left_gripper_link2", "right_link6", "camera_front_optical_frame"} <= set(found)
    for link, pose in found.items():
        expected = data.oMf[model.getFrameId(link, pinocchio.FrameType.BODY)].homogeneous
        assert np.allclose(pose, expected, atol=1e-9), link


def test_only_joints_that_are_told_and_their_mimics_are_given(urdf: str) -> None:
    moving = MovingJoints(read_joints(urdf))
    assert len(moving.names) == 2 * (6 + 2)
    told = moving.transforms({"left_joint2": 0.5, "left_gripper_joint1": 0.02, "wheel": 3.0})
    assert set(told.children) == {"left_link2", "left_gripper_link1", "left_gripper_link2"}
    assert moving.transforms({}).translations.shape == (0, 3)
    own = moving.transforms({"left_gripper_joint1": 0.02, "left_gripper_joint2": -0.01})  # what is measured counts more
    fingers = dict(zip(own.children, own.translations, strict=True))
    assert np.allclose(fingers["left_gripper_link1"] - fingers["left_gripper_link2"], [0, -0.03, 0], atol=1e-6)


def test_the_same_robot_for_ros2_control_has_no_differences(urdf: str, cobotmagic_urdf: Path) -> None:
    ours = read_joints(urdf)
    real = expand(cobotmagic_urdf, overrun="0.3", hardware_plugin="a/B", meshes="package://piper")
    assert differences(ours, read_joints(real)) == []
    assert differences(ours, read_joints(real.replace("</robot>", '<link name="w"/></robot>'))) == []


SPOILT = [  # what is changed in the text, and what is said
    (r'name="left_joint3" type="revolute"', 'name="left_joint3" type="continuous"', "'left_joint3' has kind 'continuous'"),
    (r'"right_joint6"', '"right_joint_6"', "joint 'right_joint6' is missing"),
    (r'xyz="0.28503 0 0"', 'xyz="0.28703 0 0"', "'left_joint3' is mounted 2.0 mm and 0.00 degrees elsewhere"),
    (r'xyz="0.23875 0.300 0.775"', 'xyz="0.23875 0.350 0.775"', "'left_base_joint' is mounted 50.0 mm"),
    (r'rpy="0 -1.2206 0"', 'rpy="0 -1.1206 0"', "'camera_left_joint' is mounted 0.0 mm and 5.73 degrees"),
    (r'lower="0" upper="3.1415926"', 'lower="-1" upper="3.1415926"', "'left_joint2' has lower limit -1, expected 0"),
    (r'velocity="3.0"', 'velocity="5.0"', "'left_joint1' has velocity limit 5, expected 3"),
    (r'<axis xyz="0 0 1"/>', '<axis xyz="0 0 -1"/>', "'left_joint1' has axis 0 0 -1, expected 0 0 1"),
    (r'multiplier="-1"', 'multiplier="1"', "'left_gripper_joint2' mimics 1 * 'left_gripper_joint1' + 0, expected -1 *"),
    (r'<parent link="left_link5"/>', '<parent link="left_link4"/>', "'left_joint6' has parent 'left_link4'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), SPOILT)
def test_what_makes_it_another_robot_is_named(urdf: str, old: str, new: str, said: str) -> None:
    assert old in urdf
    assert any(said in phrase for phrase in differences(read_joints(urdf), read_joints(urdf.replace(old, new))))


def test_soft_limits_that_are_wider_than_ours_are_a_difference(urdf: str, cobotmagic_urdf: Path) -> None:
    real = re.sub(r"<safety_controller[^>]*>", "", expand(cobotmagic_urdf, overrun="0.3"))
    found = differences(read_joints(urdf), read_joints(real))
    assert len(found) == 12
    assert "has lower limit -2.91799, expected -2.61799" in found[0]


def made(*joints: str) -> str:
    """A URDF with links a, b and c and with joints given as "name parent child", and what is in each after a comma."""
    body = "".join(f'<link name="{name}"/>' for name in "abc")
    for joint in joints:
        ends, _, more = joint.partition(", ")
        name, parent, child = ends.split()
        body += f'<joint name="{name}" type="revolute"><parent link="{parent}"/><child link="{child}"/>{more}</joint>'
    return f"<robot>{body}</robot>"


MALFORMED = [
    ("", "no XML"),
    ("<robot", "no XML"),
    ("<html/>", "no URDF"),
    ("<robot/>", "no URDF"),
    ('<!DOCTYPE x [<!ENTITY a "b">]><robot><link name="&a;"/></robot>', "entities"),
    ('<robot><link name="a"/><joint name="j" type="fixed"/></robot>', "no <parent"),
    ('<robot><link name="a"/><joint name="j" type="odd"/></robot>', "type is 'odd'"),
    ('<robot><link name="a"/><joint type="fixed"/></robot>', "malformed"),
    (made(*["j a b"] * 501), "501 joints, 500 are allowed"),
    (made("j a x"), "joins a link that is not there: 'x'"),
    (made("j a b", "j b c"), "there twice"),
    (made("j a b", "k c b"), "two parents"),
    (made("j a b", "k b a"), "own ancestor"),
    (made('j a b, <origin xyz="1 2"/>'), "not three numbers"),
    (made('j a b, <axis xyz="1 nan 2"/>'), "not three numbers"),
    (made('j a b, <origin rpy="1 x 2"/>'), "could not convert"),
    (made('j a b, <limit lower="nan"/>'), "lower is not a number"),
    (made('j a b, <mimic joint="none"/>'), "mimics a joint that is not there"),
]


@pytest.mark.parametrize(("text", "said"), MALFORMED)
def test_what_is_no_description_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(FineVLAError, match=re.escape(said)):
        read_joints(text)


@given(text=st.text() | st.text(st.sampled_from('<>/="& robotlinkjointnameab\x00')))
def test_any_text_is_read_or_refused(text: str) -> None:
    for tried in (text, f'<robot><link name="a"/>{text}</robot>'):
        try:
            read_joints(tried)
        except FineVLAError as error:
            assert "\n" not in str(error)
