"""Promises of the URDF: the reference's forward kinematics, masses, limits, cameras; one tree."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand, joint_limits

BASES = {"left": (0.23875, 0.300, 0.775), "right": (0.23875, -0.300, 0.775)}
# q1...q6, position of link6 in the arm's base (m), roll pitch yaw (deg), fingertip (m): the vendor SDK's DH model
VECTORS = [
    ((0, 0, 0, 0, 0, 0), (0.0561, 0, 0.2132), (0, 85.0, 0), (0.1914, 0, 0.2250)),
    ((0, 1.57, -1.3485, 0, 0, 0), (0.3800, 0, 0.3814), (180, 82.31, 180), (0.5145, 0, 0.3632)),
    ((0, 1.57, -1.57, 0, 1.22, 0), (0.3248, 0, 0.3667), (180, 25.10, 180), (0.3824, 0, 0.2438)),
    ((0, 1.0, -1.0, 0, 0.8, 0), (0.1966, 0, 0.3657), (180, 49.16, 180), (0.2993, 0, 0.2769)),
    ((0.3, 1.2, -0.9, 0.4, 0.6, -0.5), (0.2298, 0.0921, 0.3066), (177.07, 46.88, -149.31), (0.3114, 0.1486, 0.2139)),
]


@pytest.fixture(scope="module")
def urdf(cobotmagic_urdf: Path) -> str:
    return expand(cobotmagic_urdf)


@pytest.fixture(scope="module")
def kinematics(urdf: str, cobotmagic_file: Path) -> Kinematics:
    return Kinematics(urdf, load_embodiment(cobotmagic_file).joints)


@pytest.mark.parametrize("side", BASES)
@pytest.mark.parametrize(("q", "position", "rpy", "tip"), VECTORS)
def test_forward_kinematics_are_the_vendors(
    kinematics: Kinematics, side: str, q: tuple, position: tuple, rpy: tuple, tip: tuple
) -> None:
    joints = np.zeros(14)
    joints[0 if side == "left" else 7 :][:6] = q
    flange = kinematics.frame_pose(joints, f"{side}_link6")
    assert np.allclose(flange[:3, 3] - BASES[side], position, atol=2e-4)
    wanted = Rotation.from_euler("xyz", rpy, degrees=True)
    assert (wanted.inv() * Rotation.from_matrix(flange[:3, :3])).magnitude() < np.radians(0.05)
    assert np.allclose(kinematics.frame_pose(joints, f"{side}_tcp")[:3, 3] - BASES[side], tip, atol=2e-4)


def test_jacobian_is_the_derivative_of_the_pose(kinematics: Kinematics) -> None:
    q = np.tile([0.3, 1.2, -0.9, 0.4, 0.6, -0.5, 0.02], 2)
    jacobian = kinematics.jacobian(q, "left_tcp")
    for joint in range(6):
        moved = q.copy()
        moved[joint] += 1e-6
        change = (kinematics.frame_pose(moved, "left_tcp") - kinematics.frame_pose(q, "left_tcp"))[:3, 3] / 1e-6
        assert np.allclose(jacobian[:3, joint], change, atol=1e-4)
    assert np.allclose(jacobian[:, 7:], 0)


def test_both_fingers_move(kinematics: Kinematics) -> None:
    q = np.zeros(14)
    q[6] = 0.04
    gap = kinematics.frame_pose(q, "left_gripper_link1")[:3, 3] - kinematics.frame_pose(q, "left_gripper_link2")[:3, 3]
    assert np.linalg.norm(gap) == pytest.approx(0.08, abs=1e-6)


def test_an_arm_weighs_what_is_published(urdf: str) -> None:
    masses = [float(link.find("inertial/mass").get("value")) for link in ET.fromstring(urdf).iter("link")
              if link.get("name").startswith("left_") and link.find("inertial") is not None]  # fmt: skip
    assert sum(masses) == pytest.approx(4.66, abs=0.01)


def test_inertias_are_possible(urdf: str) -> None:
    for inertia in ET.fromstring(urdf).iter("inertia"):
        x, y, z = (float(inertia.get(key)) for key in ("ixx", "iyy", "izz"))
        assert min(x, y, z) > 0
        assert x + y >= z
        assert y + z >= x
        assert z + x >= y


def test_limits_are_the_strongest_sources(urdf: str, cobotmagic_file: Path) -> None:
    limits = joint_limits(urdf, load_embodiment(cobotmagic_file).joints)
    degrees = np.degrees(np.stack([limits.lower, limits.upper], 1)[:6]).round(1)
    assert degrees.tolist() == [[-150, 150], [0, 180], [-170, 0], [-100, 100], [-70, 70], [-120, 120]]
    assert limits.velocity[:6].tolist() == [3.0] * 6


def test_joint_without_limits_is_refused_by_name(urdf: str) -> None:
    with pytest.raises(FineVLAError, match="'elbow' .* not in the URDF"):
        joint_limits(urdf, ["elbow"])
    bare = '<robot name="r"><joint name="j" type="revolute"/></robot>'
    with pytest.raises(FineVLAError, match="'j' has no complete <limit>"):
        joint_limits(bare, ["j"])


def test_wrist_cameras_look_as_the_mount_says(kinematics: Kinematics) -> None:
    for side in BASES:
        q = np.tile([0.3, 1.2, -0.9, 0.4, 0.6, -0.5, 0.02], 2)
        relative = np.linalg.inv(kinematics.frame_pose(q, f"{side}_link6")) @ kinematics.frame_pose(
            q, f"camera_{side}_optical_frame"
        )
        assert np.allclose(relative[:3, 2], (0.343, 0, 0.939), atol=1e-3)
        assert np.allclose(-relative[:3, 1], (-0.939, 0, 0.343), atol=1e-3)
        assert np.allclose(relative[:3, 3], (-0.0721, 0.0134, 0.0200))


@pytest.mark.parametrize(
    "plugin", ["mock_components/GenericSystem", "joint_state_topic_hardware_interface/JointStateTopicSystem"]
)
def test_one_tree_and_a_control_block_per_arm_with_any_plugin(cobotmagic_urdf: Path, plugin: str) -> None:
    root = ET.fromstring(expand(cobotmagic_urdf, hardware_plugin=plugin))
    links = {link.get("name") for link in root.findall("link")}
    children = [joint.find("child").get("link") for joint in root.findall("joint")]
    assert len(children) == len(set(children))
    assert links - set(children) == {"base_footprint"}
    blocks = root.findall("ros2_control")
    assert [b.find("hardware/plugin").text for b in blocks] == [plugin] * 2
    assert all(len(b.findall("joint/command_interface")) == 7 for b in blocks)


def test_missing_urdf_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="does not exist"):
        expand(tmp_path / "no.xacro")
