"""`finevla say "..."`: steer the running stack with one instruction; factors as data are optional."""

import argparse
import time
from dataclasses import fields
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, EMPTY_FACTOR, Factors, Instruction
from finevla_core.stop_words import stop_word

if TYPE_CHECKING:
    from finevla_tools.client import Client, Said

READY_S = 5.0
HEARTBEAT_S = 0.5  # the slowest one of policy/status
SURE = 0.95
SLOTS = tuple(field.name for field in fields(Factors))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla say`."""
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
        from finevla_tools.client import Client

        with Client(arguments.namespace) as client:
            print(client.say_stop(stop))
        return 0
    return _steer(arguments)


def _steer(arguments: argparse.Namespace) -> int:
    instruction = instruction_from(arguments)  # before ROS starts: a mistake answers at once
    if not 0.0 <= arguments.wait <= 3600.0:
        raise FineVLAError(f"--wait is {arguments.wait}; give seconds between 0 and 3600")
    from finevla_tools.client import Client

    with Client(arguments.namespace) as client:
        client.wait(lambda: client.is_ready() or client.is_stopped(), READY_S)
        if not client.is_stopped():
            client.wait_until_ready(timeout_s=0.0)
        try:
            answer = client.say(instruction)
        except FineVLAError as error:
            if not client.is_stopped():
                raise
            print(error)
            return 1
        for line in answer_lines(answer, instruction):
            print(line, flush=True)
        return _wait(client, answer.id, arguments.wait) if arguments.wait else 0


def answer_lines(answer: "Said", instruction: Instruction) -> list[str]:
    """Return what the operator is told of an accepted instruction, a line each: before anything moves."""
    lines = [f"accepted as '{answer.id}': {instruction.prompt()}"]
    doubt = f" ({answer.certainty:.0%} sure)" if answer.is_checked and answer.certainty < SURE else ""
    lines.append(f"understood: {answer.understood}{doubt}")
    if answer.unknown:
        lines.append(f"passed over: {', '.join(answer.unknown)}")
    return [*lines, f"note: {answer.message}"] if answer.message else lines


def _wait(client: "Client", identity: str, timeout_s: float) -> int:
    """Until the bridge follows it, or it has ended; 0 if it is followed."""
    from finevla_tools.client import STATES

    since_s = time.monotonic()

    def is_followed() -> bool:
        return bool(client.newest["safety/status"].instruction_id == identity)

    def is_over() -> bool:
        """The policy's heartbeat says so; one that is not newer than the answer may be of the time before it."""
        is_newer = client.received_s["policy/status"] > since_s + HEARTBEAT_S
        return is_newer and bool(client.newest["policy/status"].instruction_id != identity)

    client.wait(lambda: is_followed() or is_over(), timeout_s)
    if is_over():
        print(f"it is over: {client.newest['policy/status'].refusal or 'other words came'}")
        return 1
    status = client.newest["safety/status"]
    print(f"the bridge is {STATES[status.state]}: {status.reason}")
    return 0 if is_followed() else 1
