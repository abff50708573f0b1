"""`finevla say "..."`: steer the running stack with one instruction; factors as data are optional."""

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, EMPTY_FACTOR, Factors, Instruction
from finevla_core.stop_words import stop_word
from finevla_tools.stderr_notices import announcer

if TYPE_CHECKING:
    from finevla_client.results import InstructionAnswer

SURE = 0.95
SLOTS = tuple(field.name for field in fields(Factors))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the instruction and the options of `finevla say` to `parser`."""
    parser.add_argument("raw", help="what to do, e.g. 'reach the red cube'; 'stop' always ends whatever moves")
    parser.add_argument("--fine", default="", help="how to do it, in words")
    parser.add_argument("--actor", help=f"active actor: {', '.join(ACTORS)}")
    parser.add_argument("--target-color", help="colour of the target")
    parser.add_argument("--target-shape", help="shape or size of the target")
    parser.add_argument("--approach", help=f"side the gripper comes from: {', '.join(APPROACHES)}")
    parser.add_argument(
        "--factor", action="append", default=[], metavar="SLOT=TEXT", help="any slot of the ten dimensions"
    )
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="wait up to S seconds until the arms follow it"
    )
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def instruction_from(arguments: argparse.Namespace) -> Instruction:
    """The instruction of the command line; raises `FineVLAError` for what cannot be followed."""
    words = (arguments.raw, arguments.fine, *arguments.factor)
    if any("\ud800" <= c <= "\udfff" for text in words for c in text):
        raise FineVLAError("the instruction is not valid UTF-8; check the terminal's encoding")
    slots: dict[str, object] = {
        "active_actor": arguments.actor,
        "target_color": arguments.target_color,
        "target_shape_or_size": arguments.target_shape,
        "approach_direction": arguments.approach,
    }
    for word in arguments.factor:
        name, sign, value = word.partition("=")
        if not sign or name not in SLOTS:
            raise FineVLAError(f"--factor '{word}' names no slot; write SLOT=TEXT with one of {', '.join(SLOTS)}")
        if name == "action_sequence":
            slots[name] = tuple(step.strip() for step in value.split(",") if step.strip())
        elif not value.strip():
            raise FineVLAError(EMPTY_FACTOR.format(name=name))
        elif slots.get(name):
            raise FineVLAError(f"factor '{name}' is given twice")
        else:
            slots[name] = value
    return Instruction(raw=arguments.raw, fine=arguments.fine, factors=Factors(**slots))  # type: ignore[arg-type]


def run(arguments: argparse.Namespace) -> int:
    """`finevla say`; exit code 1 if the bridge is stopped, or if with `--wait` the arms did not follow."""
    stop = next(filter(stop_word, (arguments.raw, arguments.fine)), "")
    if stop:  # it waits for nothing, and no mistake beside it is in its way
        from finevla_client.robot import Robot

        with Robot(arguments.namespace, notify=announcer()) as robot:
            print(robot.say(stop).message)
        return 0
    return _steer(arguments)


def _steer(arguments: argparse.Namespace) -> int:
    instruction = instruction_from(arguments)  # before ROS starts: a mistake answers at once
    if not 0.0 <= arguments.wait <= 3600.0:
        raise FineVLAError(f"--wait is {arguments.wait}; give seconds between 0 and 3600")
    from finevla_client.robot import Robot

    with Robot(arguments.namespace, notify=announcer()) as robot:
        try:
            answer = robot.say(instruction)
        except FineVLAError as error:
            if not robot.connection.is_stopped():
                raise
            print(error)
            return 1
        for line in answer_lines(answer, instruction):
            print(line, flush=True)
        if not arguments.wait:
            return 0
        following = robot.wait_until_followed(answer, arguments.wait)
        print(following.message)
        return 0 if following.is_followed else 1


def answer_lines(answer: "InstructionAnswer", instruction: Instruction) -> list[str]:
    """Return what the operator is told of an accepted instruction, a line each: before anything moves."""
    lines = [f"accepted as '{answer.id}': {instruction.prompt()}"]
    doubt = f" ({answer.certainty:.0%} sure)" if answer.is_checked and answer.certainty < SURE else ""
    lines.append(f"understood: {answer.understood}{doubt}")
    if answer.unknown:
        lines.append(f"passed over: {', '.join(answer.unknown)}")
    return [*lines, f"note: {answer.message}"] if answer.message else lines
