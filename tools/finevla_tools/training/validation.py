"""How good a policy in training is on samples that it does not learn from: its error, and whether it listens.

Open loop: chunks beside the recorded ones, in the robot's units. Steerability, offline: the same pictures with one thing said
otherwise; does the chunk change by more than it does with the same words twice, and does the arm that is named move?
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Instruction
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_core.policy.transforms import Sample, Transforms, ValueOrder
from finevla_models.vla.action_codec import ActionDecodeError
from finevla_models.vla.batch import VLAExample
from finevla_tools.training.config_types import TrainingOptions
from finevla_tools.training.distributed import Placement, autocast, evaluating
from finevla_tools.training.prompt_variants import named_arm, variants
from finevla_tools.training.sample_source import TrainingSamples

COUNT = 32  # held-out samples: a minute at most, even on a CPU
FIRST, AGAIN = 1, 2  # seeds of the noise of a flow: two answers to the same words differ by it alone
STILL = 1e-3  # rad; less is no motion, the arms' own repeatability


class RobotValues:
    """The way back from a policy's chunks to the robot's values, for differences between rows and between chunks.

    A chunk relative to the state comes back as if that were 0, which cancels in a difference.
    """

    def __init__(self, samples: TrainingSamples, robot: Embodiment) -> None:
        self._transforms = Transforms(parse_transforms(list(samples.transforms), samples.values))
        grippers = {value.name for value in robot.values if value.is_gripper}
        names = samples.values
        self.groups = {
            "joints_rad": np.array([name not in grippers for name in names]),
            "grippers": np.array([name in grippers for name in names]),
        }
        self.arms = {
            side: np.array([name.startswith(side) and name not in grippers for name in names])
            for side in ("left", "right")
        }

    def restored(self, chunk: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a policy's chunk `(T, D)` in the robot's order and units."""
        nothing = Sample({}, np.zeros(chunk.shape[1]), Instruction(raw="-"))
        return self._transforms.inverse(chunk, (nothing,) * len(self._transforms.steps))

    def restored_mask(self, mask: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
        """Return which values `(rows, D)` count, in the robot's order."""
        for step in reversed(self._transforms.steps):
            if isinstance(step, ValueOrder):
                mask = step.inverse(mask, Sample({}, None, Instruction(raw="-")))  # type: ignore[arg-type, assignment]
        return mask[:rows]


def held_out_loss(placement: Placement, examples: Sequence[VLAExample], options: TrainingOptions) -> dict[str, float]:
    """Return the mean loss, and its parts, of held-out samples."""
    totals: dict[str, list[float]] = {}
    with evaluating(placement.policy), torch.no_grad():
        for begin in range(0, len(examples), options.batch):
            some = examples[begin : begin + options.batch]
            generator = torch.Generator().manual_seed(FIRST)
            losses = placement.loss(placement.policy.batch(some).to(placement.device), generator)
            for name, value in {"loss": losses.total, **losses.parts}.items():
                totals.setdefault(name, []).extend([float(value)] * len(some))
    return {f"validation/{name}": float(np.mean(values)) for name, values in totals.items()}


def predicted(
    placement: Placement, examples: Sequence[VLAExample], options: TrainingOptions, seed: int
) -> list[NDArray[np.float64] | None]:
    """Return a chunk `(T, D)` for each example, normalised, None where what the model says is none; `seed` draws noise."""
    chunks: list[NDArray[np.float64] | None] = []
    with evaluating(placement.policy), torch.no_grad(), autocast(placement.device, options.precision):
        for begin in range(0, len(examples), options.batch):
            some = [replace(one, actions=None, action_mask=None) for one in examples[begin : begin + options.batch]]
            try:
                chunks += _chunks(placement, some, seed)
            except ActionDecodeError:  # of one of them, as is usual before a model has learned to say actions
                for one in some:
                    try:
                        chunks += _chunks(placement, [one], seed)
                    except ActionDecodeError:
                        chunks.append(None)
    return chunks


def _chunks(placement: Placement, some: Sequence[VLAExample], seed: int) -> list[NDArray[np.float64]]:
    policy = placement.policy
    generator = torch.Generator().manual_seed(seed)
    return list(policy.predict(policy.batch(some).to(placement.device), generator).double().cpu().numpy())


def open_loop(
    values: RobotValues, examples: Sequence[VLAExample], chunks: Sequence[NDArray[np.float64]]
) -> dict[str, float]:
    """Return the mean absolute error of chunks in each group of values, in its unit."""
    errors: dict[str, list[NDArray[np.float64]]] = {name: [] for name in values.groups}
    for example, chunk in zip(examples, chunks, strict=True):
        assert example.actions is not None
        wrong = np.abs(values.restored(chunk) - values.restored(example.actions.astype(np.float64)))
        counts = np.ones(chunk.shape, bool) if example.action_mask is None else example.action_mask
        counts = values.restored_mask(counts, len(wrong))
        for name, group in values.groups.items():
            errors[name].append(wrong[:, group][counts[:, group]])
    joined = {name: np.concatenate(found) for name, found in errors.items()}
    return {f"validation/error_{name}": float(found.mean()) for name, found in joined.items() if found.size}


def steerability(
    placement: Placement,
    values: RobotValues,
    examples: Sequence[VLAExample],
    chunks: Sequence[NDArray[np.float64]],
    options: TrainingOptions,
) -> dict[str, float]:
    """Return for each factor how far the joints move otherwise with other words, with the same words, and what that tells.

    `change` and `floor` are in rad; `listens` is the share of samples that change by more than twice the floor; `right` is
    the share in which the arm that is named moves most, of all samples that name one, as recorded and the other way round.
    """
    joints = values.groups["joints_rad"]
    again = predicted(placement, examples, options, AGAIN)
    pairs: dict[str, list[tuple[int, VLAExample]]] = {}
    for number, example in enumerate(examples):
        for factor, words in variants(example.prompt).items():
            pairs.setdefault(factor, []).append((number, replace(example, prompt=words, answer="")))
    found: dict[str, float] = {}
    for factor, of_factor in pairs.items():
        answers = predicted(placement, [other for _, other in of_factor], options, AGAIN)
        compared = [
            (examples[n].prompt, chunks[n], same, other.prompt, new)
            for (n, other), new in zip(of_factor, answers, strict=True)
            if new is not None and (same := again[n]) is not None
        ]
        if not compared:
            continue
        change = [_distance(values, one, new, joints) for _, one, _, _, new in compared]
        floor = [_distance(values, one, same, joints) for _, one, same, _, _ in compared]
        heard = [new > max(2 * old, STILL) for new, old in zip(change, floor, strict=True)]
        name = f"steerability/{factor}"
        found |= {f"{name}_change": float(np.mean(change)), f"{name}_floor": float(np.mean(floor))}
        found |= {f"{name}_listens": float(np.mean(heard)), f"{name}_pairs": float(len(compared))}
        if factor == "arm":
            moves = [(words, chunk) for words, chunk, *_ in compared] + [(words, new) for *_, words, new in compared]
            right = [moving_arm(values, chunk) == named_arm(words) for words, chunk in moves]
            found[f"{name}_right"] = float(np.mean(right))
    return found


def moving_arm(values: RobotValues, chunk: NDArray[np.float64]) -> str:
    """Return the arm whose joints go farthest from where the chunk begins; "" if none does."""
    rows = values.restored(chunk)
    away = np.abs(rows - rows[0]).max(axis=0)
    far = {side: float(away[group].max()) if group.any() else 0.0 for side, group in values.arms.items()}
    best = max(far, key=lambda side: far[side])
    return best if far[best] > STILL else ""


def _distance(
    values: RobotValues, one: NDArray[np.float64], two: NDArray[np.float64], group: NDArray[np.bool_]
) -> float:
    return float(np.abs(values.restored(one) - values.restored(two))[:, group].mean())
