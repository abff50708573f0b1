"""Promises of the files for RViz and Foxglove: they name topics and frames that the robot has, and can change nothing.

RViz and Foxglove themselves are not run here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.robot_description import read_joints
from finevla_core.urdf import expand
from finevla_interfaces.msg import SafetyStatus

ROOT = Path(__file__).parents[1]
RVIZ = ROOT / "config" / "rviz" / "cobotmagic.rviz"
FOXGLOVE = ROOT / "config" / "foxglove" / "cobotmagic.json"
BRIDGE = ROOT / "config" / "foxglove" / "bridge.yaml"
NAMESPACE = "/finevla/"


@pytest.fixture(scope="module")
def links(cobotmagic_urdf: Path) -> set[str]:
    joints = read_joints(expand(cobotmagic_urdf)).values()
    return {joint.parent for joint in joints} | {joint.child for joint in joints}


@pytest.fixture(scope="module")
def topics(robot: Embodiment) -> set[str]:
    """What the stack publishes and these files may show."""
    pictures = {camera.topic for camera in robot.cameras}
    infos = {f"{topic.rpartition('/')[0]}/camera_info" for topic in pictures}
    ours = pictures | infos | {"robot_description", "safety/status", "safety/events", robot.state_topic}
    return {NAMESPACE + topic for topic in ours} | {"/diagnostics"}


def entries(tree: Any, key: str) -> Iterator[Any]:
    """Values under `key`, anywhere."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from entries(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from entries(value, key)


@pytest.fixture
def rviz() -> dict[str, Any]:
    return dict(yaml.safe_load(RVIZ.read_text()))


@pytest.fixture
def foxglove() -> dict[str, Any]:
    return dict(json.loads(FOXGLOVE.read_text()))


def test_rviz_shows_topics_and_frames_of_the_robot(
    rviz: dict[str, Any], robot: Embodiment, links: set[str], topics: set[str]
) -> None:
    manager = rviz["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == robot.base_frame
    frames = next(iter(entries(manager, "Frames")))
    assert set(frames) - {"All Enabled"} <= links
    shown = [*entries(manager, "Topic"), *entries(manager, "Description Topic")]
    assert {topic["Value"] for topic in shown} <= topics
    assert {NAMESPACE + camera.topic for camera in robot.cameras} <= {topic["Value"] for topic in shown}
    for topic in shown:  # as they are published: else nothing arrives
        is_description = topic["Value"].endswith("robot_description")
        assert topic["Reliability Policy"] == ("Reliable" if is_description else "Best Effort")
        assert topic["Durability Policy"] == ("Transient Local" if is_description else "Volatile")
    assert all(kind == "" or kind.startswith("rviz_") for kind in entries(rviz, "Class"))


def test_rviz_has_no_tool_that_publishes(rviz: dict[str, Any]) -> None:
    tools = {tool["Class"].rpartition("/")[2] for tool in rviz["Visualization Manager"]["Tools"]}
    assert tools <= {"MoveCamera", "Select", "FocusCamera", "Measure", "Interact"}


def test_rviz_topics_follow_the_namespace(rviz: dict[str, Any]) -> None:
    actions = yaml.safe_load((ROOT / "launch" / "cobotmagic.launch.yaml").read_text())["launch"]
    node = next(a["node"] for a in actions if a.get("node", {}).get("pkg") == "rviz2")
    remaps = {entry["from"]: entry["to"] for entry in node["remap"]}
    shown = {topic["Value"] for key in ("Topic", "Description Topic") for topic in entries(rviz, key)}
    assert remaps == {topic: topic.replace(NAMESPACE, "/$(var namespace)/") for topic in shown}


def test_foxglove_shows_topics_and_frames_of_the_robot(
    foxglove: dict[str, Any], robot: Embodiment, links: set[str], topics: set[str]
) -> None:
    keys = ("imageTopic", "calibrationTopic", "topicPath", "topicToRender", "topic")
    shown = {topic for key in keys for topic in entries(foxglove, key)}
    shown |= {topic for group in entries(foxglove, "topics") for topic in group}
    assert shown <= topics
    assert {NAMESPACE + camera.topic for camera in robot.cameras} <= shown
    assert set(entries(foxglove, "followTf")) == {robot.base_frame}
    frames = set(entries(foxglove, "frameId"))
    for group in (g for g in entries(foxglove["configById"], "transforms") if isinstance(g, dict)):
        frames |= {name.removeprefix("frame:") for name in group if name.startswith("frame:")}
    assert frames <= links
    layers = next(iter(entries(foxglove, "layers")))
    assert [layer["topic"] for layer in layers.values() if layer["layerId"] == "foxglove.Urdf"] == [
        f"{NAMESPACE}robot_description"
    ]


def test_foxglove_plots_values_under_their_names(foxglove: dict[str, Any], robot: Embodiment) -> None:
    paths = foxglove["configById"]["Plot!planned"]["paths"]
    fields = [re.fullmatch(r"/finevla/safety/status\.(\w+)\[(\d+)\]", path["value"]) for path in paths]
    assert all(field and field[1] in SafetyStatus.get_fields_and_field_types() for field in fields)
    assert {int(field[2]): path["label"] for field, path in zip(fields, paths, strict=True) if field} == dict(
        enumerate(robot.names)
    )


def test_foxglove_lays_out_every_panel_once(foxglove: dict[str, Any]) -> None:
    def leaves(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        else:
            assert node["direction"] in ("row", "column")
            yield from leaves(node["first"])
            yield from leaves(node["second"])

    assert sorted(leaves(foxglove["layout"])) == sorted(foxglove["configById"])


def test_foxglove_bridge_lets_nobody_command_anything() -> None:
    parameters = yaml.safe_load(BRIDGE.read_text())["/**"]["ros__parameters"]
    assert parameters["address"] == "127.0.0.1"
    assert set(parameters["capabilities"]) <= {"connectionGraph", "assets"}
