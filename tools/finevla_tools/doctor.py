"""`finevla doctor`: is everything here that the stack needs? With --drill: faults on purpose, on a simulated stack of its own.

With --robot: a real robot's first day, step by step, with questions. None moves an arm: drills start their own simulation
in a ROS domain of their own, on this machine only.
"""

import argparse
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import at_least
from finevla_tools.stderr_notices import note

if TYPE_CHECKING:
    from finevla_tools.faults.drill_types import Drill

DRILL_SEED = 1_000_000  # of the scene in which a drill moves


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do and is empty where all is well."""

    what: str
    found: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla doctor` to `parser`."""
    parser.add_argument("--bundle", default="tabletop", help="policy bundle: a name in models or a path")
    parser.add_argument("--limits", default="cobotmagic", help="safety file: a name in config/safety or a path")
    parser.add_argument(
        "--can", nargs="*", metavar="INTERFACE", help="CAN interfaces (with --robot: can_left can_right)"
    )
    _add_robot_arguments(parser)
    parser.add_argument("--drill", nargs="*", metavar="NAME", help="run these drills (all) on a simulation of its own")
    parser.add_argument("--hostile", action="store_true", help="with --drill or --list: hostile and odd clients")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="with --drill: each of them so often")
    parser.add_argument("--list", action="store_true", help="list the drills with what is promised")
    parser.add_argument("--report", type=Path, metavar="FILE", help="with --drill: write the table to a .md or .json")


def _add_robot_arguments(parser: argparse.ArgumentParser) -> None:
    robot = parser.add_argument_group("first day of a robot")
    robot.add_argument(
        "--robot", nargs="?", const="cobotmagic", metavar="FILE", help="walk through it; robot file: a name or a path"
    )
    robot.add_argument("--namespace", default="finevla", help="namespace of the stack")
    robot.add_argument("--transport", choices=("raw", "compressed"), default="raw", help="what the cameras send")
    robot.add_argument("--seconds", type=float, default=5.0, help="how long rates and clocks are listened to")
    robot.add_argument("--answers", type=Path, metavar="FILE", help="answers to the questions, key: answer (YAML)")
    robot.add_argument("--unattended", action="store_true", help="ask nothing: what needs a person is skipped")
    robot.add_argument("--out", type=Path, metavar="FOLDER", help="report and pictures (out/first_day/TIME)")


def run(arguments: argparse.Namespace) -> int:
    """`finevla doctor`; exit code 1 if something is wrong or a promise was broken."""
    if arguments.list:
        from finevla_tools.faults.drill_report import listing

        print(listing(_drills(arguments.hostile)))
        return 0
    at_least(1, times=arguments.times)
    if arguments.drill is not None:
        return _drill(arguments)
    if arguments.report is not None:
        raise FineVLAError("--report needs --drill")
    if arguments.robot is not None:
        from finevla_tools.commissioning.command import run_commissioning

        return run_commissioning(arguments)
    if arguments.answers is not None or arguments.unattended or arguments.out is not None:
        raise FineVLAError("--answers, --unattended and --out need --robot")
    if arguments.hostile:
        raise FineVLAError("--hostile needs --drill or --list")
    checks = _checks(arguments)
    width = max(len(what) for what, _, _ in checks)
    problems = 0
    for finding in _look(checks):
        sign = "PROBLEM" if finding.remedy else "ok"
        found = f"{finding.found}{f' - {finding.remedy}' if finding.remedy else ''}"
        print(f"{sign:8s}{finding.what:{width}s}  {found}", flush=True)
        problems += bool(finding.remedy)
    return int(problems > 0)


def _drills(hostile: bool) -> "list[Drill]":
    from finevla_tools.faults.drill_catalogue import drills_for
    from finevla_tools.faults.hostile_drills import hostile_drills
    from finevla_tools.launch_file import load_launch
    from finevla_tools.up import DEFAULT_FILE, launch_path

    if hostile:
        return hostile_drills()
    return drills_for([p.name for p in load_launch(launch_path(DEFAULT_FILE), {"robot": "sim"}).processes])


def _drill(arguments: argparse.Namespace) -> int:
    from finevla_ros.share_paths import bundle_directory
    from finevla_tools.faults.drill_catalogue import chosen
    from finevla_tools.faults.drill_report import line, write
    from finevla_tools.faults.drill_session import Session
    from finevla_tools.faults.drill_types import Result

    named = bool(arguments.drill) and not arguments.hostile
    drills = chosen(arguments.drill, _drills(arguments.hostile) + (_drills(True) if named else []))
    drills = [drill for drill in drills for _ in range(arguments.times)]
    if arguments.report is not None:
        write(arguments.report, [])  # what cannot be written is better known before
    bundle_directory(arguments.bundle)
    print(
        f"{counted(len(drills), 'drill')} on a simulation of their own, which is started now; no robot is touched",
        flush=True,
    )
    results = []
    with Session(arguments.bundle, drill_sentence()) as session:
        for drill in drills:
            heard = len(session.log)
            try:
                results.append(session.run(drill))
            except FineVLAError as error:  # one that could not be begun, also not on a new stack
                session.end_stack()
                results.append(
                    Result(drill.name, drill.does, drill.promised, broken=[f"it could not be begun: {error}"])
                )
            print(line(results[-1]), flush=True)
            for told in session.log[heard:]:
                if not told.startswith("["):  # what no node said
                    print(f"    {told}", flush=True)
            if arguments.report is not None:
                write(arguments.report, results)
    broken = [result.name for result in results if result.broken or result.too_late]
    print(f"{len(results) - len(broken)} of {len(results)} kept" + (f"; broken: {', '.join(broken)}" if broken else ""))
    return int(bool(broken))


def drill_sentence() -> str:
    """A motion of the left arm that every bundle for this scene understands."""
    from finevla_sim.inverse_kinematics import ArmIK
    from finevla_sim.robot_files import default_robot
    from finevla_sim.scene_sampling import sample_scene
    from finevla_sim.tasks import candidates

    robot = default_robot()
    target = candidates(sample_scene(DRILL_SEED, "reach", ArmIK(robot.embodiment, robot.urdf_path)))[0]
    return f"reach the {target.name.replace('_', ' ')} with the left arm"


def _checks(arguments: argparse.Namespace) -> list[tuple[str, Callable[[], str], str]]:
    """What is looked at, in turn: its name, the check, and what helps if it raises."""
    checks: list[tuple[str, Callable[[], str], str]] = [
        ("Python", _python, "use Python 3.12"),
        ("ROS 2", _ros, "run '. install/setup.bash', or 'make setup' before"),
        ("DDS profile", _dds, "unset the variable, or put what config/fastdds.xml says into your file"),
        ("robot file", _robot, "see config/robots/cobotmagic.yaml for the shape"),
        ("description", _description, "run 'make setup' again, or 'rosdep install' with ROS 2 from apt"),
        ("safety file", lambda: _safety(arguments.limits), "see config/safety/cobotmagic.yaml for the shape"),
        ("bundle", lambda: _bundle(arguments.bundle), "look at the bundle, or at its policy server"),
        ("ONNX Runtime", _providers, "pip install onnxruntime"),
        ("rendering", _rendering, "set MUJOCO_GL=egl and install libegl1 and libgl1-mesa-dri"),
        ("log folder", _logs, "make room, or set ROS_LOG_DIR to a folder that can be written"),
    ]
    checks += [(f"CAN {name}", lambda name=name: _can(name), _can_remedy(name)) for name in arguments.can or ()]  # type: ignore[misc]
    return checks


def _look(checks: list[tuple[str, Callable[[], str], str]]) -> Iterator[Finding]:
    """Look at everything in turn; what raises is a finding too."""
    for what, check, remedy in checks:
        try:
            yield Finding(what, check())
        except Exception as error:
            text = str(error).strip().splitlines()
            yield Finding(what, text[0] if text else type(error).__name__, remedy)


def _python() -> str:
    if sys.version_info[:2] != (3, 12):
        raise FineVLAError(f"this is Python {platform.python_version()}")
    return platform.python_version()


def _ros() -> str:
    import rclpy

    from finevla_ros.ros_start import start_ros

    context = rclpy.Context()
    start_ros(context=context)
    rclpy.create_node("finevla_doctor", context=context, enable_rosout=False).destroy_node()
    rclpy.shutdown(context=context)
    importlib.import_module("finevla_interfaces.msg")
    return f"{os.environ.get('ROS_DISTRO', 'unknown distribution')}, domain {os.environ.get('ROS_DOMAIN_ID', '0')}"


def _dds() -> str:
    from finevla_ros.share_paths import share

    own = share() / "config" / "fastdds.xml"
    given = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") or os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE")
    if given and Path(given).resolve() != own.resolve():
        raise FineVLAError(f"FASTRTPS_DEFAULT_PROFILES_FILE is '{given}'")
    rmw = os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    return f"{own} on {rmw}"


def _robot() -> str:
    from finevla_core.embodiment import load_embodiment
    from finevla_ros.share_paths import robot_file

    robot = load_embodiment(robot_file("cobotmagic"))
    return f"{robot.name}: {counted(len(robot.joints), 'joint')}, cameras {', '.join(robot.camera_names)}"


def _description() -> str:
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    from finevla_core.embodiment import load_embodiment
    from finevla_core.robot_description import read_joints
    from finevla_core.urdf import expand
    from finevla_ros.share_paths import robot_file

    file = robot_file("cobotmagic")
    joints = read_joints(expand(file.parents[2] / load_embodiment(file).urdf))
    importlib.import_module("tf2_msgs.msg")
    try:
        teller = f"ROS's own robot_state_publisher in {get_package_prefix('robot_state_publisher')}"
    except PackageNotFoundError:
        teller = "finevla_control's robot_state_publisher, for ROS's own is not installed"
    return f"{counted(len(joints), 'joint')}, told by {teller}"


def _safety(limits: str) -> str:
    from finevla_core.embodiment import load_embodiment
    from finevla_core.safety.envelope import load_envelope
    from finevla_core.urdf import expand
    from finevla_ros.share_paths import robot_file, safety_file

    file = robot_file("cobotmagic")
    robot = load_embodiment(file)
    load_envelope(robot, expand(file.parents[2] / robot.urdf), safety_file(limits))
    return str(safety_file(limits) or "none: the robot's own limits alone")


def _bundle(name: str) -> str:
    from finevla_core.bundle import check_embodiment, load_bundle
    from finevla_core.embodiment import load_embodiment
    from finevla_core.policy.bundle_loading import load_policy
    from finevla_core.policy.onnx_options import Execution
    from finevla_core.policy.remote_policy import RemotePolicy
    from finevla_ros.share_paths import bundle_directory, robot_file
    from finevla_tools.remote_check import ask_server

    directory, robot = bundle_directory(name), load_embodiment(robot_file("cobotmagic"))
    bundle = load_bundle(directory)
    if bundle.manifest.runtime == "torch":
        check_embodiment(bundle, robot)
        served = f"{bundle.manifest.name}: all hashes as in its manifest, runs in 'finevla serve'"
        if missing := [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]:
            raise FineVLAError(f"{served}, which needs {missing[0]} ('make train-setup')")
        return f"{served}, which the launch file starts"
    policy = load_policy(directory, robot, execution=Execution(tell=note))
    try:
        runs = ask_server(policy, robot) if isinstance(policy, RemotePolicy) else f"runs on {policy.ready()}"
    finally:
        policy.close()
    return f"{policy.description.name}: all hashes as in its manifest, {runs}"


def _providers() -> str:
    import onnxruntime

    return f"{onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}"


def _rendering() -> str:
    from finevla_sim.inverse_kinematics import ArmIK
    from finevla_sim.robot_files import default_robot
    from finevla_sim.scene_sampling import sample_scene
    from finevla_sim.world import World

    robot = default_robot()
    scene = sample_scene(DRILL_SEED, "reach", ArmIK(robot.embodiment, robot.urdf_path))
    world = World(scene, robot.embodiment, robot.urdf_path, (64, 64))
    try:
        if not world.image(robot.embodiment.camera_names[0]).any():
            raise FineVLAError("the simulated cameras are black")
    finally:
        world.close()
    return f"works, MUJOCO_GL={os.environ.get('MUJOCO_GL', 'not set')}"


def _logs() -> str:
    folder = Path(os.environ.get("ROS_LOG_DIR") or Path(os.environ.get("ROS_HOME") or Path.home() / ".ros") / "log")
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".finevla_doctor"
    probe.write_bytes(b"x" * 4096)
    probe.unlink()
    return str(folder)


def _can(name: str) -> str:
    state = Path("/sys/class/net") / name / "operstate"
    if not state.exists():
        raise FineVLAError("there is no such interface")
    if (text := state.read_text().strip()) == "down":
        raise FineVLAError("it is down")
    return text


def _can_remedy(name: str) -> str:
    return f"sudo ip link set {name} up type can bitrate 1000000"
