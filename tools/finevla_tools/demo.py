"""`finevla demo`: start the stack in simulation, say several things in several ways, print what happened, leave a video.

Disobedience is reported, not hidden: the exit code tells whether the stack worked, with --strict also whether it obeyed.
"""

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_sim.judge import Outcome, judge, obeyed
from finevla_sim.sampling import TEST_SEEDS
from finevla_sim.scene import BOWLS, Scene
from finevla_sim.tasks import FACTORS, GRASPS, PATHS, TURNS, Goal, candidates, default_arm, post_bowl
from finevla_tools.client import Client
from finevla_tools.launch_file import Launch, load_launch, parse_arguments
from finevla_tools.rest import RATE_HZ
from finevla_tools.stage import Recording, Stage, wait_for_stack
from finevla_tools.up import DEFAULT_FILE, Printer, launch_path, refuse_second_stack, running
from finevla_tools.video import Movie, captioned, write_picture

READY_TIMEOUT_S = 60.0
PAIRS = (
    ("reach", "arm"),
    ("reach", "target"),
    ("reach", "approach"),
    ("pick", "grasp"),
    ("detour", "path"),
    ("place_color", "place"),
    ("turn", "turn"),
)
PICTURED = ("target",)
DEMO_SEEDS = TEST_SEEDS + 900_000


@dataclass(frozen=True)
class Act:
    """One instruction of the programme: scene seed, words, what obeying it means, and which factors the words name."""

    seed: int
    text: str
    goal: Goal
    told: tuple[str, ...]


def programme(scene_of: Callable[[int, str], Scene]) -> list[Act]:
    """Fourteen instructions in seven unseen scenes: pairs that differ in one factor each."""
    acts: list[Act] = []
    for k, (task, factor) in enumerate(PAIRS):
        seed = DEMO_SEEDS + k
        scene = scene_of(seed, task)
        acts += [_act(seed, scene, goal, factor) for goal in _pair(scene, task, factor)]
    return acts


def _pair(scene: Scene, task: str, factor: str) -> tuple[Goal, Goal]:
    """The same goal twice, but for one field."""
    first, *others = candidates(scene)
    arm = default_arm(first)
    goal = Goal(task, arm, first.name)
    choices: dict[str, tuple[str, str]] = {
        "arm": ("left", "right"),
        "target": (first.name, others[0].name if others else ""),
        "approach": ("left", "right"),
        "grasp": GRASPS,
        "path": PATHS,
        "place": (BOWLS[0], BOWLS[1]),
        "turn": TURNS,
    }
    if factor == "place":
        goal = replace(goal, arm="right")  # left hand to right bowl is the combination that it never learned
    if factor == "path":
        goal = replace(goal, arm=post_bowl(scene).removesuffix("_bowl"), place=post_bowl(scene))
    one, other = choices[factor]
    return replace(goal, **{factor: one}), replace(goal, **{factor: other})


def _act(seed: int, scene: Scene, goal: Goal, factor: str) -> Act:
    """Plain words, the same for both of a pair but for what differs."""
    said = goal.target.replace("_", " ")
    side = goal.place.removesuffix("_bowl")
    texts = {
        "arm": f"reach the {said} with the {goal.arm} arm",
        "target": f"using the {goal.arm} arm, go to the {said}",
        "approach": f"with the {goal.arm} arm, reach for the {said} from the {goal.approach}",
        "grasp": f"with the {goal.arm} arm, pick up the {said}, holding it {goal.grasp}",
        "path": f"with the {goal.arm} arm, grab the {said} and bring it {goal.path} the post into the {side} bowl",
        "place": f"with the {goal.arm} arm, put the {said} into the {side} bowl",
        "turn": f"with the {goal.arm} arm, turn the {said} {goal.turn}",
    }
    fields = {field: name for name, field in FACTORS.items()}
    told = dict.fromkeys(("active_actor", "target_object", fields[factor]))
    return Act(seed, texts[factor], goal, tuple(told))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla demo`."""
    parser.add_argument("arguments", nargs="*", metavar="key:=value", help="launch arguments, e.g. bundle:=tabletop")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder of the video and the report")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest that one instruction is watched")
    parser.add_argument("--interactive", action="store_true", help="stay up and take sentences from the terminal")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if an instruction was not obeyed")
    parser.add_argument("--show-nodes", action="store_true", help="print what the nodes say")


def run(arguments: argparse.Namespace) -> int:
    """`finevla demo`."""
    given = {"robot": "sim"} | parse_arguments(arguments.arguments)
    if given["robot"] != "sim":
        raise FineVLAError("the demo judges by ground truth, which only the simulator has; leave robot:=sim")
    if not 1.0 <= arguments.seconds <= 600.0:
        raise FineVLAError(f"--seconds is {arguments.seconds}; give seconds between 1 and 600")
    launch = load_launch(launch_path(DEFAULT_FILE), given)
    refuse_second_stack(launch)
    arguments.out.mkdir(parents=True, exist_ok=True)
    log = arguments.out / "nodes.log"
    print(f"starting simulator, camera ingest, policy and safety bridge; they write to {log} ...", flush=True)
    with (
        log.open("w", encoding="utf-8") as file,
        running(launch, _printer(file, arguments.show_nodes)) as stack,
        Client(launch.arguments["namespace"], name="finevla_demo") as client,
    ):
        wait_for_stack(client, stack, READY_TIMEOUT_S)
        stage = Stage(client, stack)
        return _interactive(stage, launch, arguments.seconds) if arguments.interactive else _perform(stage, arguments)


def _printer(log: TextIO, shows: bool) -> Printer:
    def write(name: str, line: str) -> None:
        with contextlib.suppress(ValueError, BrokenPipeError):  # the log is closed, or nobody reads us any more
            print(f"[{name}] {line}", file=log, flush=True)
            if shows:
                print(f"[{name}] {line}", file=sys.stdout, flush=True)

    return write


def _perform(stage: Stage, arguments: argparse.Namespace) -> int:
    results: list[dict[str, Any]] = []
    stills: list[NDArray[np.uint8]] = []
    with Movie(arguments.out / "demo.mp4", RATE_HZ) as movie:
        for number, act in enumerate(programme(stage.scene), 1):
            scene = stage.lay_out(act.seed, act.goal.task)
            recording = stage.follow(Instruction(raw=act.text), arguments.seconds) or Recording()
            outcome = judge(scene, recording.trace)
            right = {factor: ok for factor, ok in obeyed(act.goal, outcome).items() if factor in act.told}
            _print_act(number, act, outcome, right)
            results.append(_result(act, outcome, right, recording))
            for still in _frames(act.text, outcome.sentence(), recording):
                movie.add(still)
            stills += [still] if recording.pictures else []
        if not movie.frames:
            raise FineVLAError("the simulator sent no pictures of camera_overview; look at its output")
    shown = [k for k, (_, factor) in enumerate(PAIRS) if factor in PICTURED]
    write_picture(arguments.out / "pair.png", [stills[2 * k : 2 * k + 2] for k in shown if 2 * k + 1 < len(stills)])
    accepted = _report(arguments.out / "report.json", results, stage.client)
    every = [ok for result in results for ok in result["obeyed"].values()]
    print(f"\n{sum(every)} of {len(every)} factors obeyed; video, picture and report in {arguments.out}")
    if not accepted:
        print("error: not one chunk of the policy was accepted; report.json and nodes.log say why", file=sys.stderr)
        return 1
    return 1 if arguments.strict and not all(every) else 0


def _frames(asked: str, happened: str, recording: Recording) -> Iterator[NDArray[np.uint8]]:
    """The pictures with what was asked, the last one for a second more with what happened."""
    for data in recording.pictures:
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        yield captioned(picture, (asked,))
    if recording.pictures:
        last = captioned(picture, (asked, happened))
        yield from [last] * RATE_HZ


def _print_act(number: int, act: Act, outcome: Outcome, right: dict[str, bool]) -> None:
    missed = [factor.replace("_", " ") for factor, ok in right.items() if not ok]
    print(f"\n{number}. asked:    {act.text}")
    print(f"   happened: {_sentence(outcome)}")
    print(f"   {'obeyed' if not missed else 'not as told: ' + ', '.join(missed)}", flush=True)


def _sentence(outcome: Outcome) -> str:
    """What happened, and how near the gripper came (horizontally) to what it went to."""
    near = f", {outcome.distance_m * 1e3:.0f} mm off its middle" if outcome.object and not outcome.lifted else ""
    return outcome.sentence() + near


def _result(act: Act, outcome: Outcome, right: dict[str, bool], recording: Recording) -> dict[str, Any]:
    return {
        "asked": act.text,
        "seed": act.seed,
        "goal": asdict(act.goal),
        "happened": outcome.sentence(),
        "outcome": {
            key: None if value != value else value for key, value in outcome.as_dict().items()
        },  # no NaN in JSON
        "obeyed": right,
        "seconds": len(recording.trace) / RATE_HZ,
    }


def _report(path: Path, results: Sequence[dict[str, Any]], client: Client) -> int:
    """Write the report whole; returns how many chunks the bridge accepted."""
    policy, safety = client.newest["policy/status"], client.newest["safety/status"]
    report = {
        "bundle": policy.bundle,
        "provider": policy.provider,
        "inference_s": policy.inference_s,
        "chunks_accepted": safety.chunks_accepted,
        "chunks_rejected": dict(zip(safety.reject_codes, map(int, safety.reject_counts), strict=True)),
        "acts": list(results),
    }
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
    os.replace(temporary, path)
    return int(safety.chunks_accepted)


def _interactive(stage: Stage, launch: Launch, seconds: float) -> int:
    seed, task = int(launch.arguments["seed"]), launch.arguments["task"]
    scene = _show(stage.lay_out(seed, task))
    print("say what to do ('new' = next scene, 'stop' = stop, Ctrl-D = end)")
    while (text := _sentence_from_terminal()) is not None:
        stage.check()
        try:
            if text == "new":
                seed += 1
                scene = _show(stage.lay_out(seed, task))
            elif text:
                recording = stage.follow(Instruction(raw=text), seconds)
                print(f"  {_sentence(judge(scene, recording.trace)) if recording else 'stopped'}")
        except FineVLAError as error:
            stage.check()
            print(f"  {error}")
    return 0


def _sentence_from_terminal() -> str | None:
    """A line; None at the end of input, "" for what is not text."""
    try:
        return input("> ").strip()
    except EOFError:
        print()
        return None
    except UnicodeDecodeError:
        print("  this is not valid UTF-8; check the terminal's encoding")
        return ""


def _show(scene: Scene) -> Scene:
    print("on the table: " + ", ".join(o.name.replace("_", " ") for o in scene.objects) + ", two bowls")
    return scene
