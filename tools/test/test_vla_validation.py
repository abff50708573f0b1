"""Promises of a validation: errors in the robot's units, words changed in one thing, and the arm that really moves."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from made_samples import VALUES, MadeSamples
from vla_runs import run_config

from finevla_models.vla.batch import VLAExample
from finevla_sim.robot_files import default_robot
from finevla_tools.training.config_types import TrainingOptions
from finevla_tools.training.memory_estimate import BackboneShape, activation_bytes, memory_rows
from finevla_tools.training.optimiser import FINAL_SHARE, WeightAverage, rate_share
from finevla_tools.training.prompt_variants import named_arm, variants
from finevla_tools.training.validation import RobotValues, moving_arm, open_loop


def robot_values(*transforms: object) -> RobotValues:
    samples = MadeSamples()
    samples.transforms = list(transforms)
    return RobotValues(samples, default_robot().embodiment)


def test_errors_are_in_the_robots_units_whatever_the_policys_are() -> None:
    scale = {"min": [-2.0] * 14, "max": [2.0] * 14}
    turned = [*VALUES[7:], *VALUES[:7]]
    values = robot_values(
        {"order": turned}, {"actions": {"relative": turned[:6]}}, {"normalise": {"kind": "min_max", "actions": scale}}
    )
    truth = np.zeros((3, 14), np.float32)
    chunk = np.zeros((3, 14))
    chunk[:, 0] = 0.5  # of the right arm's first joint, which comes first: 0.5 of a half range of 2 rad
    chunk[:, 13] = 0.25  # of the left gripper
    mask = np.ones((3, 14), bool)
    mask[:, 1] = False
    chunk[:, 1] = 99.0
    found = open_loop(values, [VLAExample((), "", actions=truth, action_mask=mask)], [chunk])
    assert found["validation/error_joints_rad"] == pytest.approx(1.0 / 11)
    assert found["validation/error_grippers"] == pytest.approx(0.5 / 2)
    assert moving_arm(values, np.linspace(0, 1, 3)[:, None] * (np.arange(14) == 0)) == "right"


def test_the_arm_that_moves_is_the_one_that_goes_farthest() -> None:
    values = robot_values()
    chunk = np.tile(np.linspace(0, 0.01, 4)[:, None], (1, 14))
    chunk[:, 9] = np.linspace(1, 0.5, 4)
    chunk[:, 6] = np.linspace(0, 1, 4)  # a gripper is no motion of the arm
    assert moving_arm(values, chunk) == "right"
    assert moving_arm(values, np.ones((4, 14))) == ""


@pytest.mark.parametrize(
    ("prompt", "arm", "others"),
    [
        (
            "put the red cube left of the blue ball with the left arm from above",
            "left",
            {
                "arm": "put the red cube left of the blue ball with the right arm from above",
                "color": "put the green cube left of the blue ball with the left arm from above",
                "approach": "put the red cube left of the blue ball with the left arm from the front",
            },
        ),
        ("用左臂拿红色方块", "left", {"arm": "用右臂拿红色方块"}),
        ("hand it from the left arm to the right arm", "", {}),
        ("clean the table", "", {}),
    ],
)
def test_one_thing_is_said_otherwise(prompt: str, arm: str, others: dict[str, str]) -> None:
    assert named_arm(prompt) == arm
    assert variants(prompt) == others


def test_the_rate_warms_up_and_falls_to_a_tenth() -> None:
    options = TrainingOptions(steps=100, warmup=0.1)
    shares = [rate_share(step, options) for step in range(101)]
    assert shares[:2] == [0.1, 0.2]
    assert shares[9] == shares[10] == 1.0
    assert shares[55] == pytest.approx(FINAL_SHARE + (1 - FINAL_SHARE) * 0.5)
    assert shares[100] == pytest.approx(FINAL_SHARE)
    assert rate_share(0, TrainingOptions(steps=1)) == 1.0


def test_the_average_follows_the_weights_and_can_stand_in_for_them() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    average = WeightAverage({"w": weight}, 0.5)
    by_hand = 0.0
    for step in range(20):
        weight.data.fill_(step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        by_hand = decay * by_hand + (1 - decay) * step
    assert average.values["w"].item() == pytest.approx(by_hand)
    with average.applied():
        assert weight.item() == pytest.approx(by_hand)
    assert weight.item() == 19


def test_memory_of_a_shape_is_what_a_calculator_says(tmp_path: object) -> None:
    shape = BackboneShape("round", 1_000_000_000, 10_000_000, 10, 1000, 4000)
    config = run_config(tmp_path, batch=8, precision="bf16", ema=0.9)
    rows = {(row.way, row.gpus): row for row in memory_rows(shape, config)}
    full = rows["full", 1]
    assert (full.weights, full.gradients, full.optimiser, full.average) == (4e9, 4e9, 8e9, 4e9)
    assert rows["full, FSDP", 4].optimiser == 2e9
    assert rows["LoRA, rank 16", 1].weights == 2e9 + 4e7
    tokens = 8 * (1 + 64 + 4)  # a picture of 32x32 is one token
    assert activation_bytes(shape, config) == 2 * tokens * (8 * 1000 + 4 * 4000) * 10
    assert math.isclose(full.total, 20e9 + full.activations)
