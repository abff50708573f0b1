"""Sentences about a bag's frames and actions that a person is told."""

from collections.abc import Collection, Mapping, Sequence

from finevla_core.time_units import NS_PER_S

UNTOLD_S = 1.0  # so much of a recording may make no frames at either end before it is told: topics do not begin at once


def odd_stamps(odd: Mapping[str, int]) -> str:
    """By stream, how many stamps do not fit."""
    named = ", ".join(f"{count} of {stream}" for stream, count in odd.items())
    return f"stamps that do not fit when their messages were recorded: {named}; a clock was set, or they are damaged"


def unframed(spans: Mapping[str, tuple[int, int]], measured: Collection[str], first_ns: int, last_ns: int) -> list[str]:
    """By stream, its first and last stamp; of the `measured` ones, what of them no frame shows, and for want of what."""
    begin_ns = min((spans[s][0] for s in measured if s in spans), default=first_ns)
    end_ns = max((spans[s][1] for s in measured if s in spans), default=last_ns)
    said = []
    if (first_ns - begin_ns) > UNTOLD_S * NS_PER_S:
        late = max(spans, key=lambda stream: spans[stream][0])
        said.append(
            f"its first {(first_ns - begin_ns) / NS_PER_S:.1f} s make no frames: {late} begins "
            f"{(spans[late][0] - begin_ns) / NS_PER_S:.1f} s after the start"
        )
    if (end_ns - last_ns) > UNTOLD_S * NS_PER_S:
        early = min(spans, key=lambda stream: spans[stream][1])
        said.append(
            f"its last {(end_ns - last_ns) / NS_PER_S:.1f} s make no frames: {early} ends "
            f"{(end_ns - spans[early][1]) / NS_PER_S:.1f} s before the end"
        )
    return said


def clocks_apart(one: str, other: str, apart_s: float) -> str:
    """Why streams whose clocks differ make no frames, and the ways on."""
    return (
        f"the clocks of {one} and {other} are {apart_s:.1f} s apart, by their stamps and when their messages were recorded, so "
        "what has the same stamp did not happen at the same time; --stamps received takes the times of recording, "
        "--stamps header the stamps all the same"
    )


def slower(stream: str, rate_hz: float, fps: int) -> str:
    """Why so many frames a second cannot be made of a stream."""
    lower = f"choose --fps {int(rate_hz + 0.05)}" if rate_hz >= 1 else "no whole number of frames a second is as slow"
    return f"{stream} has {rate_hz:.3g} messages a second, of which {fps} frames a second cannot be made; {lower}"


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
