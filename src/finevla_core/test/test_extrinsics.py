"""Promises of calibration files: what is right is read alike in all its forms, and what is wrong places no frame."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pinocchio
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.extrinsics import StaticTransform, load_extrinsics
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand, link_names

CHILD = "camera_left_color_optical_frame"
GOOD = {"parent": "left_link6", "child": CHILD, "xyz": [-0.07, 0.01, 0.02], "quaternion": [0.0, 0.0, 0.0, 1.0]}
HANDEYE = {
    "parameters": {
        "name": "left", "calibration_type": "eye_in_hand", "robot_base_frame": "base_footprint",
        "robot_effector_frame": "left_link6", "tracking_base_frame": CHILD, "tracking_marker_frame": "tag",
        "freehand_robot_movement": True,
    },
    "transform": {"translation": {"x": -0.07, "y": 0.01, "z": 0.02}, "rotation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}},
}  # fmt: skip


@pytest.fixture(scope="module")
def links() -> frozenset[str]:
    return link_names(expand(Path(__file__).parents[3] / "urdf" / "cobotmagic.urdf.xacro"))


def read(folder: Path, links: frozenset[str], content: object) -> tuple[StaticTransform, ...]:
    file = folder / "extrinsics.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return load_extrinsics(file, links)


def test_our_form_and_that_of_easy_handeye2_say_the_same(tmp_path: Path, links: frozenset[str]) -> None:
    ours = read(tmp_path, links, {"transforms": [GOOD]})
    assert ours == (StaticTransform("left_link6", CHILD, (-0.07, 0.01, 0.02), (0.0, 0.0, 0.0, 1.0)),)
    assert read(tmp_path, links, HANDEYE) == ours
    on_base = yaml.safe_load(yaml.safe_dump(HANDEYE))
    on_base["parameters"]["calibration_type"] = "eye_on_base"
    assert read(tmp_path, links, on_base)[0].parent == "base_footprint"


@given(st.lists(st.floats(-3.1, 3.1), min_size=3, max_size=3))
def test_rpy_turns_as_the_urdfs_does(rpy: list[float]) -> None:
    from finevla_core.extrinsics import _from_rpy

    turned = pinocchio.Quaternion(np.array(_from_rpy(rpy))).matrix()
    assert np.allclose(turned, pinocchio.rpy.rpyToMatrix(*rpy), atol=1e-9)


def test_frames_may_hang_on_frames_of_the_same_file(tmp_path: Path, links: frozenset[str]) -> None:
    mount = GOOD | {"child": "mount"}
    assert len(read(tmp_path, links, {"transforms": [GOOD | {"parent": "mount"}, mount]})) == 2
    circle = [GOOD | {"parent": "b", "child": "a"}, GOOD | {"parent": "a", "child": "b"}]
    with pytest.raises(FineVLAError, match="in a circle"):
        read(tmp_path, links, {"transforms": circle})


def test_quaternion_is_taken_at_length_one(tmp_path: Path, links: frozenset[str]) -> None:
    rounded = [0.1826, 0.3651, 0.5477, 0.7303]
    (found,) = read(tmp_path, links, {"transforms": [GOOD | {"quaternion": rounded}]})
    assert math.hypot(*found.quaternion) == pytest.approx(1.0, abs=1e-12)


WRONG: list[tuple[Any, str]] = [
    ({"quaternion": [0, 0, 0, 0]}, "length is 0.000, it must be 1"),
    ({"quaternion": [0, 0, 1, 1]}, "length is 1.414"),
    ({"quaternion": [0, 0, 0, float("nan")]}, "quaternion must be 4 finite numbers"),
    ({"quaternion": [0, 0, 1]}, "must be 4 finite numbers"),
    ({"xyz": [0, 0, float("inf")]}, "xyz must be 3 finite numbers"),
    ({"xyz": ["0", 0, 0]}, "xyz must be 3 finite numbers"),
    ({"xyz": [-70, 10, 20]}, "must be in metres"),
    ({"xyz": None}, "xyz must be 3 finite numbers"),
    ({"rpy": [0, 0, 0]}, "give either rpy"),
    ({"parent": "left_link7"}, "unknown parent frame 'left_link7'; did you mean 'left_link6'"),
    ({"parent": CHILD}, "its own parent"),
    ({"child": "camera_left_optical_frame"}, "has its place from the URDF already"),
    ({"child": "/camera"}, "without a slash"),
    ({"child": 7}, "must be the name of a frame"),
    ({"zyx": [0, 0, 0]}, "unknown entry 'zyx'"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_wrong_transform_is_refused_by_name(
    tmp_path: Path, links: frozenset[str], change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(FineVLAError, match=sentence) as caught:
        read(tmp_path, links, {"transforms": [GOOD | change]})
    assert "extrinsics.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "transforms: {}", "a: [", "transforms: [3]", "parameters: 1\ntransform: 2"]
)
def test_other_content_is_refused(tmp_path: Path, links: frozenset[str], content: str) -> None:
    with pytest.raises(FineVLAError, match="calibration file"):
        read(tmp_path, links, content)


def test_example_of_the_documentation_lies_near_where_the_urdf_has_the_cameras(
    tmp_path: Path, cobotmagic_urdf: Path
) -> None:
    text = (cobotmagic_urdf.parents[1] / "docs" / "cameras.md").read_text()
    example = next(block for block in text.split("```")[1::2] if block.startswith("yaml\ntransforms:"))
    urdf = expand(cobotmagic_urdf)
    found = read(tmp_path, link_names(urdf), example.removeprefix("yaml"))
    kinematics = Kinematics(urdf, ["left_joint1"])
    for transform in found:
        parent, nominal = (
            kinematics.frame_pose([0.0], name) for name in (transform.parent, transform.child.replace("color_", ""))
        )
        measured = pinocchio.XYZQUATToSE3(np.array([*transform.xyz, *transform.quaternion])).homogeneous
        off = np.linalg.inv(nominal) @ parent @ measured
        assert np.linalg.norm(off[:3, 3]) < 0.01
        assert np.arccos(np.clip((np.trace(off[:3, :3]) - 1) / 2, -1, 1)) < 0.02


def test_frame_is_placed_once(tmp_path: Path, links: frozenset[str]) -> None:
    with pytest.raises(FineVLAError, match="placed twice"):
        read(tmp_path, links, {"transforms": [GOOD, GOOD]})
    with pytest.raises(FineVLAError, match="cannot be read"):
        load_extrinsics(tmp_path / "none.yaml", links)
