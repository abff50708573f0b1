"""The walk: every step in turn, printed as it comes, and the report written after each."""

import argparse
import hashlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from finevla_client.connection import Connection
from finevla_core.embodiment import load_embodiment
from finevla_core.safety.envelope import load_boxes, load_limits
from finevla_core.urdf import expand
from finevla_ros.share_paths import robot_file, safety_file
from finevla_tools.commissioning.camera_steps import check_rates, look_at_pictures
from finevla_tools.commissioning.can_buses import check_can
from finevla_tools.commissioning.manual_steps import measure_ends, touch_table, try_stop
from finevla_tools.commissioning.person_answers import Person, person_of
from finevla_tools.commissioning.report import counted, line, write_report
from finevla_tools.commissioning.robot_steps import check_arms, check_clocks, check_joints
from finevla_tools.commissioning.step_outcome import FAILED, StepOutcome
from finevla_tools.commissioning.topic_listener import TopicListener

FOUND_S = 3.0  # within this everybody is discovered, on a busy network too
CAN = ("can_left", "can_right")


def run_commissioning(arguments: argparse.Namespace) -> int:
    """Walk through all steps; exit code 1 if one failed. Raises `FineVLAError` for files that are wrong."""
    person = person_of(arguments.answers, arguments.unattended)
    now = datetime.now(UTC)
    folder = arguments.out or Path("out") / "first_day" / now.strftime("%Y%m%d_%H%M%S")
    file, limits_file = robot_file(arguments.robot), safety_file(arguments.limits)
    about = _about(arguments, file, limits_file, now)
    write_report(folder, about, [])  # what cannot be written is better known before
    print(f"report: {folder}; nothing here moves an arm. 'skip' passes a question over.", flush=True)
    outcomes: list[StepOutcome] = []
    try:
        for outcome in _steps(arguments, file, limits_file, person, folder):
            outcomes.append(outcome)
            print(line(outcome), flush=True)
            write_report(folder, about, outcomes)
    except KeyboardInterrupt:
        print("\nbroken off; the report has what was done")
        return 130
    print(f"{counted(outcomes)}; report: {folder / 'report.md'}")
    return int(any(outcome.state == FAILED for outcome in outcomes))


def _steps(
    arguments: argparse.Namespace, file: Path, limits_file: Path | None, person: Person, folder: Path
) -> Iterator[StepOutcome]:
    robot = load_embodiment(file)
    urdf = expand(file.parents[2] / robot.urdf)
    limits, zones = load_limits(robot, urdf), load_boxes(limits_file)
    yield from check_can(CAN if arguments.can is None else arguments.can)
    with Connection(arguments.namespace, name="finevla_doctor") as client:
        ears = TopicListener(client.node, robot, arguments.transport)
        client.wait(lambda: bool(ears.joints.count) and all(s.count for s in ears.cameras.values()), FOUND_S)
        print(f"listening for {arguments.seconds:g} s ...", flush=True)
        ears.listen(arguments.seconds)
        yield from check_arms(ears, person)
        yield from check_joints(ears, limits)
        yield from check_clocks(ears)
        yield from check_rates(ears)
        yield from look_at_pictures(ears, person, folder)
        yield from try_stop(client, ears, person)
        yield from measure_ends(ears, limits, person)
        yield from touch_table(ears, urdf, zones, person)


def _about(arguments: argparse.Namespace, file: Path, limits: Path | None, now: datetime) -> dict[str, Any]:
    """When, what, and with which versions."""
    return {
        "time": now.isoformat(timespec="seconds"),
        "robot": load_embodiment(file).name,
        "robot_file": f"{file.name} {_hash(file)}",
        "safety_file": f"{limits.name} {_hash(limits)}" if limits else "none",
        "namespace": arguments.namespace,
        "finevla": metadata.version("finevla"),
        "ros": f"{os.environ.get('ROS_DISTRO', 'unknown')}, {os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _hash(path: Path) -> str:
    return f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
