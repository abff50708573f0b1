"""Sentences about a bag's frames and actions that a person is told."""

from collections.abc import Mapping, Sequence


def odd_stamps(odd: Mapping[str, int]) -> str:
    """By stream, how many stamps do not fit."""
    named = ", ".join(f"{count} of {stream}" for stream, count in odd.items())
    return f"stamps that do not fit when their messages were recorded: {named}; a clock was set, or they are damaged"


def led(topics: Sequence[str]) -> str:
    """Where actions come from that nobody commanded."""
    named = " and ".join(dict.fromkeys(topics))
    return f"no commands were recorded; its actions are where the leading arms were, by {named}"


def not_live(topics: Sequence[str]) -> str:
    """Why the ingest node could not have observed arms that tell of themselves on several topics."""
    return (
        f"its joint states come on {' and '.join(dict.fromkeys(topics))}; the ingest node, and so live mode, takes one "
        "message with all joints: use --mode fixed"
    )


def uncommanded(missing: Sequence[str], wanted: Sequence[str], is_chunk: bool, leader_problem: str) -> str:
    """That what the actions are made of was not recorded, and the way on; `missing` of the `wanted` streams."""
    topics = ", ".join(missing if is_chunk else [f"{name}/joint_trajectory" for name in missing])
    what = "no action chunks were" if is_chunk else "no commands were"
    part = "" if len(missing) == len(wanted) else f" of {' and '.join(missing)}"
    led_by = f" (of the leading arms, {leader_problem.partition(';')[0]})" if leader_problem else ""
    return (
        f"{what} recorded{part} (nothing on {topics}), so there are no actions{led_by}; record those topics too, or give "
        "--actions next, which takes the joint state of the next frame for the action"
    )
