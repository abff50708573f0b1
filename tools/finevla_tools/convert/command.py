"""Recordings to data sets for training: `finevla convert IN --out OUT`.

IN is a rosbag2 recording or any other kind that is known (see --kind), or a folder of them. Frames of bags are made at a
fixed rate, or (--mode live) exactly as the camera ingest would have made them. Nothing is filled in: what is missing cuts
an episode or has it refused, and meta/finevla_report.jsonl says so. A run that was interrupted goes on where it was.
"""

import argparse
import hashlib
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from finevla_core import alignment
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import refuse_no_output
from finevla_tools.argument_parser import RawHelpFormatter
from finevla_tools.canonical.command import add_gripper_arguments
from finevla_tools.convert import bag_analysis, bag_stream, frame_grid, source_registry, video_encoder
from finevla_tools.convert.conversion_run import GROUPINGS, Assemble, Conversion
from finevla_tools.convert.episode_worker import KINDS as IMAGES
from finevla_tools.convert.episode_worker import PartOptions
from finevla_tools.convert.joint_angles import JOINT_UNITS
from finevla_tools.convert.task_labels import TaskTable, given_task
from finevla_tools.convert.video_encoder import Codec
from finevla_tools.work.parallel_map import cores
from finevla_tools.work.worker_pools import ENGINES

FORMATS = ("lerobot-v3", "lerobot-v2.1")
# Options that change how the work is done, and nothing in the result: a conversion may go on with others.
INDIFFERENT = ("jobs", "engine", "robot", "inspect")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the input and the options of `finevla convert` to `parser`."""
    parser.formatter_class = RawHelpFormatter
    parser.add_argument("input", type=Path, metavar="IN", help="a recording, or a folder of them")
    parser.add_argument("--out", type=Path, help="data set to make; must not exist")
    parser.add_argument(
        "--inspect",
        nargs="?",
        const="-",
        metavar="FILE",
        help="print what is in IN and what it is taken for, and end; of a LeRobot set write that as a field map to FILE",
    )
    parser.add_argument("--to", choices=FORMATS, default=FORMATS[0], help="format of the data set")
    parser.add_argument(
        "--kind", help=f"what IN is, if its files do not say: {', '.join(k.name for k in source_registry.KINDS)}"
    )
    parser.add_argument("--robot", default="cobotmagic", help="robot file: a name in config/robots or a path")
    parser.add_argument(
        "--task",
        default="",
        help="the task in words, in place of what was recorded; or a table of episodes and tasks (.csv, .json, .yaml ...)",
    )
    parser.add_argument(
        "--group",
        choices=GROUPINGS,
        default=GROUPINGS[0],
        help="what becomes of episodes with other cameras or values than the first: left out, or data sets of their own",
    )
    parser.add_argument("--jobs", type=int, help="processes; default: so many that all cores have something to encode")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="ray: on a Ray cluster")
    _add_bag_arguments(parser.add_argument_group("frames of bags"))
    _add_picture_arguments(parser.add_argument_group("pictures"))
    _add_foreign_arguments(parser.add_argument_group("files of others: what they do not say of themselves"))


def _add_bag_arguments(group: Any) -> None:
    d = bag_analysis.BagOptions()
    group.add_argument(
        "--mode",
        choices=bag_analysis.MODES,
        default=d.mode,
        help="frames at a fixed rate, or those that the live camera ingest would have made",
    )
    group.add_argument(
        "--fps", type=int, help="frames per second; default: of bags the robot file's, else the source's"
    )
    group.add_argument(
        "--images-by",
        choices=alignment.IMAGE_POLICIES,
        default=d.images,
        help="which picture a frame gets, by its time",
    )
    group.add_argument(
        "--states-by",
        choices=alignment.POLICIES,
        default=d.states,
        help="which joint values a frame gets, by their time",
    )
    group.add_argument(
        "--max-skew",
        type=float,
        metavar="S",
        help="most time between a message and its frame; default: the robot file's",
    )
    group.add_argument(
        "--gaps",
        choices=frame_grid.GAPS,
        default=d.gaps,
        help="what becomes of an episode with a gap: cut into several, or refused",
    )
    group.add_argument("--min-frames", type=int, default=d.min_frames, help="shorter pieces are left out")
    group.add_argument(
        "--max-repeats",
        type=float,
        default=d.max_repeats,
        help="largest share of frames that repeat the picture before",
    )
    group.add_argument(
        "--actions",
        choices=bag_analysis.ACTIONS,
        default=d.actions,
        help="what the action of a frame is: the command one step later, the next state, or the chunk's first step",
    )
    group.add_argument(
        "--max-hold", type=float, default=d.max_hold_s, metavar="S", help="most age of a command that still holds"
    )
    group.add_argument("--cameras", help="their names, with commas; '' for none; default: the robot file's")
    group.add_argument("--namespace", help="namespace of the robot, if the recording has several")
    group.add_argument(
        "--stamps",
        choices=bag_stream.STAMPS,
        default=d.stamps,
        help="which times count: the messages' own, where their clocks agree (auto) or not (header), or those of recording",
    )
    group.add_argument(
        "--joint-unit",
        choices=JOINT_UNITS,
        default=d.joint_unit,
        help="unit of the joints' angles, of HDF5, too; mdeg: thousandths of a degree",
    )
    group.add_argument(
        "--state-topics",
        default="",
        metavar="TOPICS",
        help="topics of the arms' joint states, with commas; default: found by their names",
    )


def _add_picture_arguments(group: Any) -> None:
    c = Codec()
    group.add_argument(
        "--images", choices=IMAGES, default=IMAGES[0], help="video; png: exact; keep: JPEG and PNG as recorded"
    )
    group.add_argument("--size", help="HEIGHTxWIDTH: cut and shrunk as the ingest does; default: as recorded")
    group.add_argument("--codec", default=c.vcodec, help="codec of the videos")
    group.add_argument("--crf", type=int, default=c.crf, help="quality; lower is better and larger")
    group.add_argument("--gop", type=int, default=c.g, help="frames from one key frame to the next")
    group.add_argument("--preset", help="preset of the codec; default: LeRobot's")
    group.add_argument(
        "--encoder-threads",
        type=int,
        help="threads of the encoder of each camera; default: such that all cores are busy",
    )


def _add_foreign_arguments(group: Any) -> None:
    add_gripper_arguments(group)
    group.add_argument(
        "--motor-open",
        default="",
        metavar="N",
        help="HDF5: what the gripper motors read when open (3.6); of left and right N,N",
    )
    group.add_argument(
        "--motor-open-action", default="", metavar="N", help="HDF5: what the leader's motors read when open, if another"
    )
    group.add_argument(
        "--colours", choices=("rgb", "bgr"), default="rgb", help="HDF5: order of the colours in the stored pictures"
    )
    group.add_argument(
        "--arm-values",
        default="",
        metavar="PLACES",
        help="HDF5: which values of longer rows are the robot's, from 0, as 0-13 or 0-6,13-19; others are left out",
    )
    group.add_argument("--base", action="store_true", help="HDF5: append base_action to the actions")
    group.add_argument(
        "--dataset", default="", help="RLDS: name of a map in config/datasets, or a file; default: found by its keys"
    )
    group.add_argument(
        "--state-key",
        default="",
        help="LeRobot: column, or columns with commas, of the state; default: recognised by names",
    )
    group.add_argument(
        "--action-key",
        default="",
        help="LeRobot: column, or columns with commas, of the action; default: recognised by names",
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert recordings or show what they hold (--inspect); return the exit code. Raises `FineVLAError` for bad options."""
    if arguments.out is None and not arguments.inspect:
        raise FineVLAError("name the data set to make by --out, or give --inspect to see what is in the input")
    refuse_no_output("--out", arguments.out, beside_data_sets=True)
    file = _robot_file(arguments.robot)
    embodiment = load_embodiment(file)
    settings = {k: v for k, v in vars(arguments).items() if k not in INDIFFERENT}
    settings["robot_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    arguments.task = given_task(arguments.task)
    if isinstance(arguments.task, TaskTable):
        settings["task"] = dict(arguments.task.rows)
    codec = _codec(arguments)
    if arguments.images == "video":
        _check(codec, arguments.to)
    options = {**vars(arguments), "embodiment": embodiment, "bags": _bag_options(arguments, embodiment)}
    kind = source_registry.kind_of(arguments.input, arguments.kind)
    source = kind.make(arguments.input, options)
    if arguments.inspect:
        from finevla_tools.convert.inspect import inspect

        return inspect(source, kind, arguments, None if arguments.inspect == "-" else Path(arguments.inspect))
    if not source.references():
        of_kind = f" of kind '{arguments.kind}'; without --kind its files say what it is" if arguments.kind else ""
        raise FineVLAError(f"'{arguments.input}' holds no episode{of_kind}")
    if isinstance(arguments.task, TaskTable) and (unused := arguments.task.unused(source.references())):
        print(
            f"--task '{arguments.task.path}': {counted(len(unused), 'row', 'are')} of no episode that is "
            f"here, as '{unused[0][:80]}'",
            flush=True,
        )
    # Each camera of a process has an encoder; how many cameras there are only bags say before they are read.
    encoders = max(1, len(getattr(source, "cameras", ()))) if arguments.images == "video" else 1
    # One process more than keeps all cores busy: from one recording to the next it encodes nothing.
    enough = min(cores(), math.ceil(cores() / encoders) + 1)
    return Conversion(
        source=source,
        out=arguments.out,
        assemble=_writer(arguments.to, embodiment),
        options=PartOptions(arguments.images, codec),
        settings=settings,
        jobs=enough if arguments.jobs is None else arguments.jobs,
        encoders=encoders,
        engine=arguments.engine,
        grouping=arguments.group,
        say=partial(print, flush=True),
    ).run()


def _bag_options(a: argparse.Namespace, embodiment: Embodiment) -> bag_analysis.BagOptions:
    cameras = None if a.cameras is None else tuple(c for c in a.cameras.split(",") if c)
    if odd := [c for c in cameras or () if c not in embodiment.camera_names]:
        raise FineVLAError(
            f"robot '{embodiment.name}' has no camera '{odd[0]}'; it has {', '.join(embodiment.camera_names)}"
        )
    return bag_analysis.BagOptions(
        mode=a.mode,
        fps=a.fps,
        images=a.images_by,
        states=a.states_by,
        max_skew_s=a.max_skew,
        gaps=a.gaps,
        min_frames=a.min_frames,
        max_repeats=a.max_repeats,
        actions=a.actions,
        max_hold_s=a.max_hold,
        cameras=cameras,
        size=None if a.size is None else _size(a.size),
        namespace=a.namespace,
        task=a.task,
        stamps=a.stamps,
        joint_unit=a.joint_unit,
        state_topics=tuple(topic for topic in a.state_topics.split(",") if topic),
    )


def _codec(a: argparse.Namespace) -> Codec:
    return Codec(vcodec=a.codec, crf=a.crf, g=a.gop, preset=a.preset, threads=a.encoder_threads)


def _check(codec: Codec, to: str) -> None:
    """Raise `FineVLAError` now, not after hours, if there is no such encoder or the data set's format does not know it."""
    video_encoder.check(codec)
    if to == "lerobot-v3" and codec != Codec():  # the default is LeRobot's own, and importing LeRobot takes seconds
        from finevla_tools.convert.lerobot_v3_writer import encoder

        encoder(codec.facts())


def _size(text: str) -> tuple[int, int]:
    numbers = text.lower().split("x")
    if len(numbers) != 2 or not all(n.isdigit() and 0 < int(n) <= 8192 for n in numbers):
        raise FineVLAError(f"--size '{text}' is not HEIGHTxWIDTH, as in 192x192")
    return int(numbers[0]), int(numbers[1])


def _writer(name: str, embodiment: Embodiment) -> Assemble:
    if name == "lerobot-v3":
        from finevla_tools.convert.lerobot_v3_writer import write_v3

        return partial(write_v3, embodiment=embodiment)
    from finevla_tools.convert.lerobot_v21_writer import write_v21

    return partial(write_v21, embodiment=embodiment)


def _robot_file(robot: str) -> Path:
    """A robot file by path, or by name: installed, or in a source checkout."""
    if "/" in robot or robot.endswith((".yaml", ".yml")):
        return Path(robot)
    places = [Path(p) / "share" / "finevla" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    known: Sequence[Path] = ()
    for place in [*places, *Path(__file__).resolve().parents]:
        folder = place / "config" / "robots"
        if (file := folder / f"{robot}.yaml").is_file():
            return file
        known = known or sorted(folder.glob("*.yaml"))
    names = ", ".join(p.stem for p in known) or "none; run '. install/setup.bash' first"
    raise FineVLAError(f"robot '{robot}' is not known; known are {names}")
