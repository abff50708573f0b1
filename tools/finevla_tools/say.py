"""`finevla say "..."`: steer the running stack with one instruction; factors as data are optional."""

import argparse
from dataclasses import fields

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, Factors, Instruction

SLOTS = tuple(field.name for field in fields(Factors))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla say`."""
    parser.add_argument("raw", help="what to do, e.g. 'reach the red cube'; 'stop' ends the active instruction")
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
    parser.add_argument("--namespace", default="finevla")


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
        elif slots.get(name):
            raise FineVLAError(f"factor '{name}' is given twice")
        else:
            slots[name] = value
    return Instruction(raw=arguments.raw, fine=arguments.fine, factors=Factors(**slots))  # type: ignore[arg-type]


def run(arguments: argparse.Namespace) -> int:
    """`finevla say`; exit code 1 if the arms did not follow within `--wait`."""
    instruction = instruction_from(arguments)  # before ROS starts: a mistake answers at once
    if not 0.0 <= arguments.wait <= 3600.0:
        raise FineVLAError(f"--wait is {arguments.wait}; give seconds between 0 and 3600")
    from finevla_tools.client import STATES, Client

    with Client(arguments.namespace) as client:
        client.wait_until_ready(timeout_s=5.0)
        said = client.say(instruction)
        if not said.id:
            print(said.message)
            return 0
        print(f"accepted as '{said.id}': {instruction.prompt()}")
        if not arguments.wait:
            return 0
        follows = client.wait(lambda: client.newest["safety/status"].instruction_id == said.id, arguments.wait)
        status = client.newest["safety/status"]
        print(f"the bridge is {STATES[status.state]}: {status.reason}")
        return 0 if follows else 1
