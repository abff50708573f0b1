"""Transforms: each does what its manifest says, the way back undoes the way there, and mistakes are named."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.instruction import Factors, Instruction
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_core.policy.transforms import CameraChoice, Resize, Sample, Transforms

NAMES = ("l1", "l2", "lg", "r1", "r2", "rg")
WORDS = Instruction("Pick up the cup.", "The left arm grips the cup at its rim.", Factors(active_actor="left_arm"))


def sample(state: Any = range(6), actions: Any = None, size: tuple[int, int] = (4, 6)) -> Sample:
    images = {name: np.full((*size, 3), k, np.uint8) for k, name in enumerate(("front", "left", "right"))}
    acted = None if actions is None else np.array(actions, np.float64)
    return Sample(images, np.array(list(state), np.float64), WORDS, WORDS.prompt(), acted)


def pipeline(*entries: Any) -> Transforms:
    return Transforms(parse_transforms(list(entries), NAMES))


def test_cameras_are_chosen_and_named_as_the_policy_does() -> None:
    made = CameraChoice({"cam_high": "front", "cam_right_wrist": "right"}).forward(sample())
    assert {name: int(image[0, 0, 0]) for name, image in made.images.items()} == {"cam_high": 0, "cam_right_wrist": 2}
    with pytest.raises(FineVLAError, match="needs camera 'top'; there are front, left, right"):
        CameraChoice({"cam_high": "top"}).forward(sample())


@pytest.mark.parametrize(
    ("fit", "rows"),
    [("pad", [0, 0, 200, 200, 200, 200, 0, 0]), ("crop", [200] * 8), ("stretch", [200] * 8)],
)
def test_a_picture_is_fitted_as_the_bundle_says(fit: str, rows: list[int]) -> None:
    wide = Sample({"front": np.full((50, 100, 3), 200, np.uint8)}, None, WORDS)
    picture = Resize(ImageFormat(8, 8, fit)).forward(wide).images["front"]
    assert picture.shape == (8, 8, 3)
    assert picture[:, 4, 0].tolist() == rows


def test_crop_keeps_the_middle_and_stretch_keeps_all() -> None:
    shown = np.zeros((10, 30, 3), np.uint8)
    shown[:, 10:20] = 255  # the middle third is white
    wide = Sample({"front": shown}, None, WORDS)
    assert Resize(ImageFormat(10, 10, "crop")).forward(wide).images["front"].min() == 255
    stretched = Resize(ImageFormat(10, 30, "stretch")).forward(Sample({"front": shown[:, :15]}, None, WORDS))
    assert (stretched.images["front"][:, :18] == 0).all()
    assert (stretched.images["front"][:, 22:] == 255).all()


def test_a_region_is_cut_once() -> None:
    """The ingest fits a camera's picture; what comes as an observation has its size and is not cut again."""
    shown = np.zeros((10, 20, 3), np.uint8)
    shown[:, 10:] = 255
    shown[:, 15:] = 200
    step = Resize(ImageFormat(10, 10, regions={"front": (0.5, 0.0, 1.0, 1.0)}))
    fitted = step.forward(Sample({"front": shown, "left": shown}, None, WORDS))
    assert fitted.images["front"].min() == 200
    assert fitted.images["left"].min() == 0
    assert (step.forward(fitted).images["front"] == fitted.images["front"]).all()
    assert (step.forward(fitted).images["left"] == fitted.images["left"]).all()


def test_layout_puts_colours_first() -> None:
    made, _ = pipeline({"layout": "chw"}).forward(sample())
    assert made.images["front"].shape == (3, 4, 6)
    assert made.images["front"].flags.c_contiguous


def test_order_of_starvla_goes_and_comes_back() -> None:
    order = pipeline({"order": ["l1", "l2", "r1", "r2", "lg", "rg"]})
    made, trail = order.forward(sample())
    assert made.state is not None
    assert made.state.tolist() == [0, 1, 3, 4, 2, 5]
    assert order.inverse(made.state[None], trail)[0].tolist() == list(range(6))


def test_grippers_the_other_way_and_degrees() -> None:
    steps = pipeline({"units": {"lg": {"factor": -1, "offset": 1}, "l1": {"factor": 57.29577951308232}}})
    made, trail = steps.forward(sample([np.pi, 0, 0.25, 0, 0, 1]))
    assert made.state is not None
    np.testing.assert_allclose(made.state, [180, 0, 0.75, 0, 0, 1])
    np.testing.assert_allclose(steps.inverse(made.state[None], trail)[0], [np.pi, 0, 0.25, 0, 0, 1])


def test_relative_and_delta_actions_by_hand() -> None:
    actions = [[2, 1, 0.5, 3, 4, 1], [4, 1, 1.0, 3, 4, 0]]
    marked = ["l1", "l2", "r1", "r2"]
    relative, _ = pipeline({"actions": {"relative": marked}}).forward(sample([1, 1, 0.3, 3, 4, 0], actions))
    delta, _ = pipeline({"actions": {"delta": marked}}).forward(sample([1, 1, 0.3, 3, 4, 0], actions))
    assert relative.actions is not None
    assert delta.actions is not None
    assert relative.actions.tolist() == [[1, 0, 0.5, 0, 0, 1], [3, 0, 1.0, 0, 0, 0]]
    assert delta.actions.tolist() == [[1, 0, 0.5, 0, 0, 1], [2, 0, 1.0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("kind", "first", "second", "wanted"),
    [
        ("mean_std", [1.0] * 6, [2.0] * 6, 0.5),
        ("quantile", [0.0] * 6, [4.0] * 6, 0.0),
        ("min_max", [0.0] * 6, [4.0] * 6, 0.0),
    ],
)
def test_normalisation_by_hand(kind: str, first: list[float], second: list[float], wanted: float) -> None:
    names = {"mean_std": ("mean", "std"), "quantile": ("q01", "q99"), "min_max": ("min", "max")}[kind]
    entry = {"kind": kind, "state": dict(zip(names, (first, second), strict=True))}
    made, _ = pipeline({"normalise": entry}).forward(sample([2.0] * 6))
    assert made.state is not None
    assert made.state.tolist() == [wanted] * 6


def test_value_that_never_moved_becomes_zero_and_comes_back_as_it_was() -> None:
    row = {"q01": [0.5] * 6, "q99": [0.5, 1, 1, 1, 1, 1]}
    steps = pipeline({"normalise": {"kind": "quantile", "actions": row, "state": row}})
    made, trail = steps.forward(sample([0.5] * 6, [[0.5] * 6]))
    assert made.state is not None
    assert made.state[0] == 0
    assert made.actions is not None
    assert steps.inverse(made.actions, trail)[0, 0] == 0.5


def test_masked_values_stay_and_clip_bounds_the_state_alone() -> None:
    entry = {"kind": "mean_std", "clip": 5.0}
    entry |= {
        part: {"mean": [0.0] * 6, "std": [0.01] * 6, "mask": [True] * 5 + [False]} for part in ("state", "actions")
    }
    made, _ = pipeline({"normalise": entry}).forward(sample([1.0] * 6, [[1.0] * 6]))
    assert made.state is not None
    assert made.actions is not None
    assert made.state.tolist() == [5.0] * 5 + [1.0]
    np.testing.assert_allclose(made.actions[0], [100.0] * 5 + [1.0])


def test_prompt_is_of_the_parts_that_are_said_and_falls_back() -> None:
    said, _ = pipeline(
        {"prompt": {"parts": ["raw", "factors"], "template": "Task: {}, State:", "lower": True}}
    ).forward(sample())
    assert said.prompt == "task: pick up the cup. use the left arm, state:"
    fine, _ = pipeline({"prompt": {"parts": ["fine"]}}).forward(sample())
    assert fine.prompt == "The left arm grips the cup at its rim"
    only_raw = Sample({}, None, Instruction("Pick up the cup."))
    assert pipeline({"prompt": {"parts": ["fine"]}}).forward(only_raw)[0].prompt == "Pick up the cup."
    with pytest.raises(FineVLAError, match="reads fine of an instruction, and this one has none"):
        pipeline({"prompt": {"parts": ["fine"], "fallback": False}}).forward(only_raw)


def test_first_rows_cuts_and_refuses_too_few() -> None:
    steps = pipeline({"first_rows": 2})
    _, trail = steps.forward(sample())
    assert steps.inverse(np.ones((5, 6)), trail).shape == (2, 6)
    with pytest.raises(FineVLAError, match="answers 1 rows; the bundle's manifest says at least 2"):
        steps.inverse(np.ones((1, 6)), trail)


def test_state_left_out_still_serves_relative_actions_before_it() -> None:
    steps = pipeline({"actions": {"relative": ["l1"]}}, "no_state")
    made, trail = steps.forward(sample([3, 0, 0, 0, 0, 0]))
    assert made.state is None
    assert steps.inverse(np.ones((2, 6)), trail)[:, 0].tolist() == [4, 4]
    wrong = pipeline("no_state", {"actions": {"relative": ["l1"]}})
    _, trail = wrong.forward(sample())
    with pytest.raises(FineVLAError, match="need the state; put 'no_state' behind them"):
        wrong.inverse(np.ones((2, 6)), trail)


RANGES = {
    "kind": "quantile",
    "state": {"q01": [-2.0] * 6, "q99": [3.0] * 6},
    "actions": {"q01": [-3.0] * 6, "q99": [2.5] * 6},
}
numbers = st.lists(st.floats(-3, 3), min_size=6, max_size=6)
steps = st.permutations(
    [
        {"order": ["r1", "lg", "l2", "rg", "l1", "r2"]},
        {"units": {"lg": {"factor": -1, "offset": 1}, "r2": {"factor": 0.5, "offset": -0.2}}},
        {"actions": {"delta": ["l1", "r1"]}},
        {"normalise": RANGES},
    ]
)  # fmt: skip


@given(steps, numbers, st.lists(numbers, min_size=2, max_size=5))
def test_what_a_policy_learned_comes_back_as_the_robots(
    entries: list[Any], state: list[float], actions: list[list[float]]
) -> None:
    both = pipeline(*entries)
    made, trail = both.forward(sample(state, actions))
    assert made.actions is not None
    np.testing.assert_allclose(both.inverse(made.actions, trail), np.array(actions), atol=1e-9)


def deviations(mean: list[float], std: list[float]) -> list[Any]:
    return [{"normalise": {"kind": "mean_std", "state": {"mean": mean, "std": std}}}]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("all", "entry 'transforms' must be a list of at most 32"),
        ([{"ordr": []}], "transform 1 is .*; unknown transform 'ordr'.* did you mean 'order'"),
        ([{"layout": "hcw"}], "transform 1 \\('layout'\\): the order of a picture's axes is 'hcw'; known are hwc, chw"),
        ([{"order": ["l1"]}], "it must list each of these once, in the policy's order: l1, l2, lg, r1, r2, rg"),
        ([{"units": {"lg": {"factor": 0}}}], "the factor of lg is 0, which loses the value"),
        ([{"units": {"lg": {"factor": float("nan")}}}], "the factor of lg is 'nan'; it must be a finite number"),
        ([{"actions": {"relative": ["x"]}}], "unknown value 'x'"),
        ([{"actions": {"relative": ["l1"], "delta": ["l2"]}}], "must name one of relative, delta"),
        ([{"normalise": {"kind": "quantile"}}], "needs statistics of 'state' or 'actions'"),
        (deviations([0.0] * 14, [1.0] * 14), "state.mean has 14 numbers, the robot has 6 values"),
        (deviations([0.0] * 6, [1.0] * 5 + [-1.0]), "state.std of value 6 is below"),
        ([{"normalise": {"kind": "zscore"}}], "the kind is 'zscore'; known are mean_std, quantile, min_max"),
        ([{"prompt": {"parts": ["fine"], "template": "{} {x}"}}], "it must hold '{}' once"),
        ([{"prompt": {"parts": ["thoughts"]}}], "'parts' must list some of raw, fine, factors"),
        ([{"first_rows": True}], "it must be a whole number, 2 to 1000"),
        ([{"no_state": 3}], "it takes no settings"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(entries: Any, said: str) -> None:
    with pytest.raises(FineVLAError, match=said):
        parse_transforms(entries, NAMES)
