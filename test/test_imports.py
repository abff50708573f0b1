"""The doors between packages that stay shut: who may import whom, and where ROS and torch may be."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {p.name: p / p.name for p in sorted((ROOT / "src").glob("finevla_*")) if (p / p.name).is_dir()}
PACKAGES["finevla_tools"] = ROOT / "tools" / "finevla_tools"
SHARED = {"finevla_core", "finevla_ros", "finevla_interfaces"}
# Packages of this repository that a package may import, beside itself. Nodes meet on topics, never in Python.
MAY_IMPORT = {
    "finevla_core": set(),
    "finevla_ros": {"finevla_core", "finevla_interfaces"},
    "finevla_camera": SHARED,
    "finevla_policy": SHARED,
    "finevla_control": SHARED,
    "finevla_recorder": SHARED,
    "finevla_client": SHARED,
    "finevla_sim": SHARED,
    "finevla_models": {"finevla_core"},
    "finevla_tools": SHARED | {"finevla_client", "finevla_models", "finevla_sim"},
}
ROS = {"rclpy", "rosidl_runtime_py", "finevla_ros", "finevla_interfaces", "std_msgs", "sensor_msgs", "trajectory_msgs"}
LEARNING = {"torch", "transformers", "lerobot", "finevla_models"}
WITHOUT_ROS = {"finevla_core", "finevla_models"}
WITHOUT_LEARNING = set(PACKAGES) - {"finevla_models", "finevla_tools"}
# The simulator never reads a policy: what it does is the robot's, whoever commands it.
UNREAD = {"finevla_sim": {"finevla_core.policy", "finevla_core.bundle"}}


@functools.cache
def imported(package: str) -> dict[str, str]:
    """Every module that the package imports anywhere, also within functions, and a file that does."""
    found: dict[str, str] = {}
    for file in sorted(PACKAGES[package].rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            found |= dict.fromkeys(modules, str(file.relative_to(ROOT)))
    return found


def offences(package: str, forbidden: set[str]) -> dict[str, str]:
    """Imports of `forbidden` top-level packages, by module."""
    return {module: file for module, file in imported(package).items() if module.partition(".")[0] in forbidden}


def test_every_package_has_its_rule() -> None:
    assert set(MAY_IMPORT) == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_those_that_it_may(package: str) -> None:
    house = {*PACKAGES, "finevla_interfaces"}
    assert not offences(package, house - MAY_IMPORT[package] - {package})


@pytest.mark.parametrize("package", sorted(WITHOUT_ROS))
def test_domain_and_models_know_no_ros(package: str) -> None:
    assert not offences(package, ROS)


@pytest.mark.parametrize("package", sorted(WITHOUT_LEARNING))
def test_robot_side_needs_no_torch(package: str) -> None:
    assert not offences(package, LEARNING)


@pytest.mark.parametrize("package", UNREAD)
def test_simulator_reads_no_policy(package: str) -> None:
    assert not {m: file for m, file in imported(package).items() if m in UNREAD[package]}


def test_relative_imports_are_not_used() -> None:
    for folder in PACKAGES.values():
        for file in folder.rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            assert not any(levels), file
