"""The measure of a run in words, and where FineVLA's own tool and this one part: what a reader of distances must know."""

from collections.abc import Sequence
from dataclasses import dataclass

from finevla_core.plural_phrases import counted
from finevla_tools.dedup.frame_cost import Metric
from finevla_tools.number_format import number


@dataclass(frozen=True)
class Difference:
    """What FineVLA-Tool does, what the default mode does, and whether this run can feel it."""

    what: str
    finevla: str
    default: str
    matters: bool = True


def in_words(measure: Metric, arms: Sequence[str]) -> list[str]:
    """Sentences, from the pair of frames to the distance."""
    w = measure
    terms = [(w.w_pos, "positions" if w.space == "eef" else "joints"), (w.w_grip, "gripper")]
    if w.space == "eef":
        terms.insert(1, (w.w_rot, "the angle between orientations (rad)"))
    said = [f"Two frames differ by {_and([f'{name} × {number(weight)}' for weight, name in terms if weight])}."]
    if len(arms) > 1:
        said.append(f"Both arms are aligned together: a pair of frames costs the sum over {_and(arms)}.")
    if w.scale:
        axis = "position axis" if w.space == "eef" else "joint"
        said.append(f"Every {axis} and the gripper are scaled by their range within the group first.")
    banded = "" if w.band is None else f" no more than {counted(w.band, 'frame')} (or the difference of lengths) apart"
    said.append(f"Frames are paired by dynamic time warping{banded}, so that pace does not count.")
    if w.two_stage:
        said.append("The alignment is found without the gripper, whose difference along it is added then.")
    said.append(
        "The cost is divided by the number of pairs: a distance is the mean difference of two frames."
        if w.normalize
        else "The cost is not divided by the number of pairs: long episodes are farther apart."
    )
    if w.mirror:
        said.append(
            "A motion counts as like its mirror image by the other arm; below, each is drawn as it was recorded."
        )
    if w.compat:
        said.append("Computed as FineVLA's tool does it, in double precision, oddities included.")
    return said


def differences(measure: Metric, arms: int) -> list[Difference]:
    """Differences from FineVLA-Tool/ClusteringAndSampling (github.com/xlang-ai/FineVLA), those of the distance first."""
    w, is_eef = measure, measure.space == "eef"
    return [
        Difference(
            "Quaternions",
            "as stored: one of another norm is far from itself (half the norm: 2.09 rad)",
            "brought to norm 1; q and -q are one orientation",
            is_eef and w.w_rot > 0,
        ),
        Difference(
            "Gripper under a band",
            "left out of the two-stage distance",
            "counted, with a band as without",
            w.band is not None and w.two_stage and w.w_grip > 0,
        ),
        Difference(
            "Divisor",
            "length of the path without a band, N + M with one",
            "length of the path, always",
            w.band is not None and w.normalize,
        ),
        Difference(
            "Not dividing",
            "ignored by the two-stage distance",
            "as asked",
            w.two_stage and not w.normalize,
        ),
        Difference(
            "Two arms",
            "one alignment an arm, distances added",
            "one alignment of both: what the arms do together stays together",
            arms > 1,
        ),
        Difference(
            "Count of clusters, when nobody says",
            "the largest relative gap among the last ten merges",
            "any count: the largest leap of the heights whose clusters hold together (silhouette)",
        ),
        Difference("Representative", "one member by lot (seed 42)", "the medoid: least sum of distances to the others"),
    ]


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
