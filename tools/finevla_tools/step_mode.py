"""`finevla step`: step mode. Every plan is shown - way, speeds, least distance - and the arms follow it after a yes."""

import argparse
from typing import Any

import numpy as np

from finevla_tools.stderr_notices import announcer

SEEN = 0.01  # rad, and share of a gripper's opening: what moves less is not listed
THERE_S = 5.0
QUESTION = "follow it? yes / no / quit [no] "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla step` to `parser`."""
    parser.add_argument("--off", action="store_true", help="leave step mode: plans are followed as they come")
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def described(plan: Any) -> str:
    """What an operator wants to know of a `finevla_interfaces/PendingPlan` before saying yes."""
    positions = np.array(plan.positions).reshape(len(plan.times_s), len(plan.names))
    closest = (
        f"least distance {plan.clearance_m * 1e3:.0f} mm, {plan.closest}" if plan.closest else "nothing comes near"
    )
    slowed = "" if plan.speed_scale == 1.0 else f", slowed down to {plan.speed_scale:.0%}"
    lines = [
        f"plan {plan.number} of {plan.client} for '{plan.instruction_id}'",
        f"  {plan.duration_s:.1f} s{slowed}; {closest}",
    ]
    for k in np.flatnonzero(np.array(plan.travel) > SEEN).tolist():
        way = f"{positions[0, k]:+.3f} to {positions[-1, k]:+.3f}"
        lines.append(f"  {plan.names[k]:16s} {way}, at most {plan.speeds[k]:.2f}/s")
    if len(lines) == 2:
        lines.append("  nothing moves")
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> int:
    """`finevla step`; step mode stays on when this ends."""
    from std_srvs.srv import SetBool

    from finevla_client.connection import Connection
    from finevla_core.errors import FineVLAError
    from finevla_core.safety.events import State, state_sentence
    from finevla_interfaces import msg
    from finevla_interfaces.srv import Approve
    from finevla_ros import qos

    with Connection(arguments.namespace, notify=announcer()) as client:
        client.listen("safety/pending_plan", msg.PendingPlan, qos.LATCHED)
        if not client.wait(lambda: "safety/status" in client.newest, THERE_S):
            raise FineVLAError(
                f"no safety bridge answers in namespace '/{client.namespace}'; start one with 'finevla up'"
            )

        def waiting() -> Any:
            plan = client.newest.get("safety/pending_plan")
            return plan if plan is not None and plan.number else None

        print(client.call(SetBool, "safety/step_mode", SetBool.Request(data=not arguments.off)).message, flush=True)
        if arguments.off:
            return 0
        said = ""
        try:
            while True:
                if not client.wait(lambda: waiting() is not None, 1.0):
                    status = client.newest["safety/status"]
                    now = f"no plan waits; the bridge is {state_sentence(State(status.state), status.reason)}"
                    if now != said:
                        print(now, flush=True)
                    said = now
                    continue
                plan, said = waiting(), ""
                print(described(plan), flush=True)
                answer = input(QUESTION).strip().lower()
                if answer in ("q", "quit"):
                    break
                is_yes = answer in ("y", "yes")
                if waiting() is not plan:
                    print("that plan does not wait any more")
                    continue
                client.newest.pop("safety/pending_plan")
                approval = Approve.Request(number=plan.number, is_yes=is_yes)
                print(client.call(Approve, "safety/approve", approval).message, flush=True)
        except (KeyboardInterrupt, EOFError):
            print()
        print("step mode stays on; 'finevla step --off' leaves it")
    return 0
