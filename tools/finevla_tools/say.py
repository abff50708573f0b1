"""`finevla say "..."`: steer the running stack with one instruction; factors as data are optional."""

import argparse

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, Factors, Instruction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla say`."""
    parser.add_argument("raw", help="what to do, e.g. 'reach the red cube'")
    parser.add_argument("--fine", default="", help="how to do it, in words")
    parser.add_argument("--actor", help=f"active actor: {', '.join(ACTORS)}")
    parser.add_argument("--approach", help=f"side the gripper comes from: {', '.join(APPROACHES)}")
    parser.add_argument("--target-color")
    parser.add_argument("--target-shape")
    parser.add_argument("--namespace", default="finevla")
    parser.add_argument(
        "--watch", type=float, default=0.0, metavar="S", help="then show for S seconds what the bridge does"
    )


def instruction_from(arguments: argparse.Namespace) -> Instruction:
    """The instruction of the command line; raises `FineVLAError` for what cannot be followed."""
    texts = (arguments.raw, arguments.fine)
    if any("\udc80" <= c <= "\udcff" for text in texts for c in text):
        raise FineVLAError("the instruction is not valid UTF-8; check the terminal's encoding")
    factors = Factors(
        active_actor=arguments.actor,
        approach_direction=arguments.approach,
        target_color=arguments.target_color,
        target_shape_or_size=arguments.target_shape,
    )
    return Instruction(raw=arguments.raw, fine=arguments.fine, factors=factors)


def run(arguments: argparse.Namespace) -> int:
    """`finevla say`."""
    instruction = instruction_from(arguments)  # before ROS starts: a mistake answers at once
    from finevla_tools.client import STATES, Client

    with Client(arguments.namespace) as client:
        client.wait_until_ready(timeout_s=5.0)
        identity = client.say(instruction)
        print(f"accepted as '{identity}': {instruction.prompt()}")
        if arguments.watch:
            shown = None

            def changed() -> bool:
                nonlocal shown
                status = client.newest["safety/status"]
                now = f"{STATES[status.state]}: {status.reason}"
                if now != shown:
                    print(f"  {now}")
                shown = now
                return False

            client.wait(changed, arguments.watch)
    return 0
