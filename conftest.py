"""Fixtures for all packages: the robots, a tiny policy bundle, and ROS domains and processes of a test's own."""

import gc
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_tools.process_priority import give_way

ROOT, START = Path(__file__).parent, Path.cwd()
sys.path[:0] = [str(ROOT / "test" / "support"), str(ROOT / "test" / "stack")]  # tiny_bundle, probe, stack_checks

SINGLE_ARM = """
name: single
urdf: urdf/single.urdf.xacro
base_frame: base_footprint
state_topic: joint_states
values:
  - {name: joint1, joint: left_joint1, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: joint2, joint: left_joint2, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: joint3, joint: left_joint3, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: joint4, joint: left_joint4, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: joint5, joint: left_joint5, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: joint6, joint: left_joint6, max_acceleration: 5.0, max_jerk: 100.0}
  - {name: gripper, joint: left_gripper_joint1, closed_m: 0.0, open_m: 0.05, max_acceleration: 5.0, max_jerk: 200.0}
cameras:
  - {name: wrist, topic: camera_wrist/image_raw, frame: camera_left_optical_frame}
controllers:
  - {name: arm_controller, joints: [left_joint1, left_joint2, left_joint3, left_joint4, left_joint5, left_joint6]}
  - {name: gripper_controller, joints: [left_gripper_joint1]}
observation: {rate_hz: 10.0, height: 48, width: 64, max_skew_s: 0.06, max_age_s: 0.15}
poses:
  home: {joint1: 0.0, joint2: 1.3, joint3: -1.6, joint4: 0.0, joint5: 1.0, joint6: 0.0, gripper: 1.0}
"""
SINGLE_URDF = """<?xml version="1.0"?>
<robot name="single" xmlns:xacro="http://www.ros.org/wiki/xacro">
  <xacro:include filename="{urdf}/piper.xacro"/>
  <xacro:include filename="{urdf}/camera.xacro"/>
  <xacro:colours/>
  <link name="base_footprint"/>
  <xacro:piper prefix="left_" parent="base_footprint" xyz="0 0 0"/>
  <xacro:camera name="left" parent="left_link6" xyz="-0.07 0 0.02" rpy="0 -1.22 0"/>
</robot>
"""


# How long an example takes says something of the machine alone.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What thousands of tests and their libraries are made of stays: the garbage collector need not look at it again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """A test that leaves its process in another folder spoils those behind it, and which those are changes with names."""
    yield
    if (here := Path.cwd()) != START:
        os.chdir(START)
        pytest.fail(f"left the process in '{here}'; use monkeypatch.chdir")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts nodes, which has stages of its own in tools/setup/run_tests.sh, and tell them its files."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"ros_domain", "session", "stack"} or item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.nodes)
    if (told := os.environ.get("NODE_TEST_FILES")) and WORKER == 0:
        later = {str(item.path) for item in items if any(item.iter_markers("nodes")) or any(item.iter_markers("alone"))}
        Path(told).write_text("".join(f"{path}\n" for path in sorted(later)), encoding="utf-8")


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """A test that encodes AV1 leaves this process, and all that it starts, real-time (`finevla_tools.process_priority`)."""
    yield
    give_way()


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """A node's `main` that a test calls in this process takes its signals for good: no later test could try a Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@pytest.fixture(scope="session")
def cobotmagic_file() -> Path:
    """The robot file in the tree."""
    return ROOT / "config" / "robots" / "cobotmagic.yaml"


@pytest.fixture(scope="session")
def robot(cobotmagic_file: Path) -> Embodiment:
    """The Cobot Magic as its robot file has it."""
    return load_embodiment(cobotmagic_file)


@pytest.fixture(scope="session")
def cobotmagic_urdf() -> Path:
    """The xacro in the tree."""
    return ROOT / "urdf" / "cobotmagic.urdf.xacro"


@pytest.fixture(scope="session")
def single_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another robot: one arm, 7 values, one camera, not square; proves that nothing is made for 14 alone."""
    root = tmp_path_factory.mktemp("single")
    (root / "config" / "robots").mkdir(parents=True)
    (root / "urdf").mkdir()
    (root / "urdf" / "single.urdf.xacro").write_text(SINGLE_URDF.format(urdf=ROOT / "urdf"))
    file = root / "config" / "robots" / "single.yaml"
    file.write_text(textwrap.dedent(SINGLE_ARM))
    return file


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_domains = itertools.count(os.getpid() * 37)


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ROS domain of this test's own, on this machine only, with keys of its own."""
    # Above 101 their ports are those that the kernel gives to anybody; of two processes one has the even ones.
    domain = str(2 + 2 * (next(_domains) % 49) + WORKER % 2)
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    monkeypatch.setenv("FINEVLA_KEY_DIR", str(tmp_path_factory.mktemp("keys")))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    # As the launch file does: with Fast DDS's own settings nodes may take 5 s to find each other.
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
    return domain


class NodeProcess:
    """A node in a process of its own; `lines` is what it has printed so far."""

    def __init__(self, package: str, executable: str, parameters: dict[str, object], namespace: str) -> None:
        from ament_index_python.packages import get_package_prefix

        path = Path(get_package_prefix(package)) / "lib" / package / executable
        command = [str(path), "--ros-args", "-r", f"__ns:=/{namespace}"]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={value}"]
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for_line(self, text: str, timeout_s: float = 30.0) -> str:
        """The first line that contains `text`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not (found := [line for line in self.lines if text in line]):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise AssertionError(f"no line with {text!r}; the node said:\n" + "\n".join(self.lines))
        return found[0]

    def wait_for_exit(self, timeout_s: float = 30.0) -> int:
        """The exit code."""
        code = self.process.wait(timeout_s)
        self._thread.join(timeout=5.0)
        return code

    def stop(self) -> int:
        """SIGINT, as Ctrl-C does; SIGKILL if that does not help."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(10.0)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.wait_for_exit()


@pytest.fixture
def start_node(ros_domain: str) -> Iterator[Callable[..., NodeProcess]]:
    """`start_node(package, executable, namespace="finevla", **parameters)`; everything started is stopped again."""
    del ros_domain
    started: list[NodeProcess] = []

    def start(package: str, executable: str, namespace: str = "finevla", **parameters: object) -> NodeProcess:
        started.append(NodeProcess(package, executable, parameters, namespace))
        return started[-1]

    yield start
    for node in started:
        node.stop()
        print(*node.lines, sep="\n")  # pytest shows it where a test failed
