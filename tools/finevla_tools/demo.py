"""`finevla demo`: start the stack in simulation, say several things in several ways, print what happened, leave a video."""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CompressedImage

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces.msg import SceneTruth
from finevla_ros import qos
from finevla_sim.ik import ArmIK
from finevla_sim.judge import Outcome, judge, obeyed
from finevla_sim.robot import default_robot
from finevla_sim.sampling import TEST_SEEDS, sample_scene
from finevla_sim.scene import Scene
from finevla_sim.tasks import Goal
from finevla_sim.world import Truth
from finevla_tools.client import Client
from finevla_tools.launch_file import Launch, load_launch, parse_arguments
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path, refuse_second_stack
from finevla_tools.video import captioned, write_mp4

READY_TIMEOUT_S = 60.0
RATE_HZ = 10
REST_M, REST_S = 0.004, 1.5


@dataclass(frozen=True)
class Act:
    """One instruction of the programme: scene seed, words, and what obeying it means."""

    seed: int
    text: str
    goal: Goal
    seconds: float = 12.0


@dataclass
class Recording:
    """Ground truth and pictures while one instruction is followed."""

    trace: list[Truth]
    pictures: list[NDArray[np.uint8]]


class Stage:
    """The running stack as the demo sees it: say something, watch until the arms rest."""

    def __init__(self, client: Client, stack: Stack) -> None:
        self.client, self.stack = client, stack
        self.recording: Recording | None = None
        robot = default_robot()
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        client.listen("sim/ground_truth", SceneTruth, qos.NEWEST, self._on_truth)
        client.listen("camera_overview/image_raw/compressed", CompressedImage, qos.SENSOR, self._on_picture)

    def lay_out(self, seed: int, task: str) -> Scene:
        """Reset the simulator to a scene; the arms rest first, so that nothing is pulled from under a running plan."""
        self.client.wait(lambda: self.client.newest["safety/status"].state != 2, 10.0)
        self.client.reset_scene(seed, task)
        self.client.wait(lambda: self._truth_seed() == seed, 5.0)
        return sample_scene(seed, task, self.ik)

    def follow(self, instruction: Instruction, seconds: float) -> Recording:
        """Say it and record until the arms have come to rest after moving, or the time is up."""
        self.recording = recording = Recording([], [])
        started = time.monotonic()
        self.client.say(instruction)
        self.client.wait(
            lambda: self.stack.failed or (time.monotonic() - started > 3.0 and _rests(recording.trace)), seconds
        )
        self.recording = None
        if self.stack.failed:
            raise FineVLAError(f"a node ended with exit code {self.stack.exit_code}; its last words are in nodes.log")
        return recording

    def _truth_seed(self) -> int:
        truth = self.client.newest.get("sim/ground_truth")
        return int(truth.seed) if truth is not None else -1

    def _on_truth(self, message: SceneTruth) -> None:
        if self.recording is not None:
            self.recording.trace.append(truth_from_msg(message))

    def _on_picture(self, message: CompressedImage) -> None:
        if self.recording is not None:
            self.recording.pictures.append(np.asarray(Image.open(io.BytesIO(bytes(message.data))).convert("RGB")))


def programme(scene_of: Callable[[int, str], Scene]) -> list[Act]:
    """Eight instructions in four unseen scenes: pairs that differ in one factor - arm, target, approach side."""
    acts: list[Act] = []
    for k, factor in enumerate(("arm", "target", "approach", "arm")):
        seed = TEST_SEEDS + 900_000 + k
        scene = scene_of(seed, "reach")
        first, second = scene.objects[0], scene.objects[1]
        name = first.name.replace("_", " ")
        if factor == "arm":
            acts += [
                Act(seed, f"reach the {name} with the {arm} arm", Goal("reach", arm, first.name))
                for arm in ("left", "right")
            ]
        elif factor == "target":
            for item in (first, second):
                words = f"using the left arm, go to the {item.name.replace('_', ' ')}"
                acts.append(Act(seed, words, Goal("reach", "left", item.name)))
        else:
            for side in ("left", "right"):
                words = f"with the right arm, reach for the {name}, coming from the {side} side"
                acts.append(Act(seed, words, Goal("reach", "right", first.name, side)))
    return acts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla demo`."""
    parser.add_argument("arguments", nargs="*", metavar="key:=value", help="launch arguments, e.g. bundle:=tabletop")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder of the video and the report")
    parser.add_argument("--interactive", action="store_true", help="stay up and take sentences from the terminal")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if an instruction was not obeyed")
    parser.add_argument("--show-nodes", action="store_true", help="print what the nodes say")


def run(arguments: argparse.Namespace) -> int:
    """`finevla demo`."""
    launch = load_launch(launch_path(DEFAULT_FILE), {"robot": "sim"} | parse_arguments(arguments.arguments))
    namespace = launch.arguments["namespace"]
    refuse_second_stack(namespace)
    arguments.out.mkdir(parents=True, exist_ok=True)
    log = (arguments.out / "nodes.log").open("w", encoding="utf-8")

    def printer(name: str, line: str) -> None:
        print(f"[{name}] {line}", file=sys.stdout if arguments.show_nodes else log, flush=True)

    print("starting simulator, camera ingest, policy and safety bridge ...", flush=True)
    stack = Stack(launch, printer)
    try:
        with Client(namespace, name="finevla_demo") as client:
            _wait_until_ready(client, stack, log.name)
            stage = Stage(client, stack)
            return _interactive(stage, launch) if arguments.interactive else _perform(stage, arguments)
    finally:
        stack.stop()
        log.close()


def _wait_until_ready(client: Client, stack: Stack, log: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not client.wait(client.is_ready, 0.5):
        if stack.failed:
            raise FineVLAError(f"a node ended with exit code {stack.exit_code}; its last words are in {log}")
        if time.monotonic() > deadline:
            client.wait_until_ready(0.0)


def _perform(stage: Stage, arguments: argparse.Namespace) -> int:
    acts = programme(lambda seed, task: sample_scene(seed, task, stage.ik))
    results, pictures, scene = [], [], None
    for number, act in enumerate(acts, 1):
        scene = stage.lay_out(act.seed, act.goal.task)
        recording = stage.follow(Instruction(raw=act.text), act.seconds)
        outcome = judge(scene, recording.trace)
        right = obeyed(act.goal, outcome)
        _print_act(number, act, outcome, right)
        results.append(_result(act, outcome, right, recording))
        pictures += [captioned(p, (act.text, "")) for p in recording.pictures]
        pictures += [captioned(p, (act.text, outcome.sentence())) for p in recording.pictures[-1:] * RATE_HZ]
    _leave(arguments.out, results, pictures, stage.client)
    every = [ok for result in results for ok in result["obeyed"].values()]
    print(f"{sum(every)} of {len(every)} factors obeyed; video and report in {arguments.out}")
    return 1 if arguments.strict and not all(every) else 0


def _print_act(number: int, act: Act, outcome: Outcome, right: dict[str, bool]) -> None:
    missed = [factor.replace("_", " ") for factor, ok in right.items() if not ok]
    print(f"\n{number}. asked:    {act.text}")
    print(f"   happened: {outcome.sentence()}")
    print(f"   {'obeyed' if not missed else 'not as told: ' + ', '.join(missed)}", flush=True)


def _result(act: Act, outcome: Outcome, right: dict[str, bool], recording: Recording) -> dict[str, Any]:
    return {
        "asked": act.text,
        "seed": act.seed,
        "goal": asdict(act.goal),
        "happened": outcome.sentence(),
        "outcome": {k: (None if v != v else v) for k, v in outcome.as_dict().items()},
        "obeyed": right,
        "seconds": len(recording.trace) / RATE_HZ,
    }


def _leave(out: Path, results: Sequence[dict[str, Any]], pictures: Sequence[NDArray[np.uint8]], client: Client) -> None:
    policy, safety = client.newest["policy/status"], client.newest["safety/status"]
    report = {
        "bundle": policy.bundle,
        "provider": policy.provider,
        "inference_s": policy.inference_s,
        "chunks_accepted": safety.chunks_accepted,
        "chunks_rejected": dict(zip(safety.reject_codes, map(int, safety.reject_counts), strict=True)),
        "acts": list(results),
    }
    temporary = out / "report.json.tmp"
    temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
    os.replace(temporary, out / "report.json")
    if pictures:
        write_mp4(out / "demo.mp4", pictures, RATE_HZ)


def _interactive(stage: Stage, launch: Launch) -> int:
    seed = int(launch.arguments["seed"])
    scene = stage.lay_out(seed, launch.arguments["task"])
    print("on the table: " + ", ".join(o.name.replace("_", " ") for o in scene.objects) + ", two bowls")
    print("say what to do ('new' = next scene, Ctrl-D = end)")
    while True:
        try:
            text = input("> ").strip()
        except EOFError:
            print()
            return 0
        if not text:
            continue
        if text == "new":
            seed += 1
            scene = stage.lay_out(seed, scene.task)
            print("on the table: " + ", ".join(o.name.replace("_", " ") for o in scene.objects) + ", two bowls")
            continue
        try:
            recording = stage.follow(Instruction(raw=text), 20.0)
        except FineVLAError as error:
            print(f"  {error}")
            continue
        print(f"  {judge(scene, recording.trace).sentence()}")


def truth_from_msg(message: SceneTruth) -> Truth:
    """Ground truth as the judge reads it."""
    contacts = frozenset((side, name) for side, name in (c.split(":", 1) for c in message.contacts))
    stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
    objects = {item.name: _matrix(item.pose) for item in message.objects}
    return Truth(stamp_ns, objects, {"left": _matrix(message.left_tcp), "right": _matrix(message.right_tcp)}, contacts)


def _matrix(pose: Any) -> NDArray[np.float64]:
    matrix = np.eye(4)
    q, p = pose.orientation, pose.position
    matrix[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    matrix[:3, 3] = p.x, p.y, p.z
    return matrix


def _rests(trace: Sequence[Truth]) -> bool:
    """Both grippers have stayed where they are for `REST_S`, after one of them had gone somewhere."""
    window = round(REST_S * RATE_HZ)
    if len(trace) <= window:
        return False
    now, before, start = trace[-1].tcps, trace[-1 - window].tcps, trace[0].tcps
    still = all(np.linalg.norm(now[s][:3, 3] - before[s][:3, 3]) < REST_M for s in now)
    return still and any(np.linalg.norm(now[s][:3, 3] - start[s][:3, 3]) > 0.04 for s in now)
