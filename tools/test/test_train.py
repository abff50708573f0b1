"""Promises of training and export: seeded, resumable, and a bundle that ONNX Runtime and torch agree on."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy import load_policy
from finevla_core.text import TextSpec
from finevla_sim import demos, motions, pictures
from finevla_sim.robot import default_robot
from finevla_tools.evaluate import wilson
from finevla_tools.export import export
from finevla_tools.train import Options, load_model, train
from finevla_tools.training_data import STATES_PER_PLAN, Demonstrations, Motions

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    demos.write_demos(folder / "demos_0.npz", 3, 4, {"reach": 1.0}, 6)
    pictures.write_pictures(folder / "pictures_0.npz", 0, 6)
    motions.write_motions(folder / "motions_0.npz", 0, 6)
    return folder


def options(data: Path, steps: int) -> Options:
    return Options((str(data),), str(data), str(data), steps, 1, batch=6, pictures_batch=8, plans_batch=4)


def test_same_seed_same_weights_and_a_checkpoint_can_be_gone_on_from(data: Path, tmp_path: Path) -> None:
    first, second = (load_model(train(options(data, 3), tmp_path / name, False, CPU))[0] for name in "ab")
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    saved = torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)["average"]
    for name, values in first.state_dict().items():
        assert torch.equal(values, saved[f"module.{name}"])
    train(options(data, 5), tmp_path / "a", True, CPU)
    assert torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)["step"] == 5


def test_exported_bundle_answers_as_the_checkpoint_and_obeys_the_limits(data: Path, tmp_path: Path) -> None:
    checkpoint = train(options(data, 2), tmp_path / "run", False, CPU)
    robot = default_robot()
    bundle = export(checkpoint, tmp_path / "bundle", "# card\n")
    policy = load_policy(bundle, robot.embodiment)
    cameras = robot.embodiment.camera_names
    seen = Observation(0, cameras, np.zeros((3, 96, 96, 3), np.uint8), (0,) * 3, np.full(14, 5.0, np.float32), 0)
    chunk = policy.predict(seen, policy.encode(Instruction("reach the red cube")))
    assert chunk.actions.shape == (16, 14)
    assert chunk.actions[:, 0].max() <= 2.618  # the state was beyond the limit, the answer is not


def test_motions_keep_to_the_path_and_to_the_robots_limits(data: Path) -> None:
    spec = TextSpec(64, 32, 8)
    rows = Motions(data, spec, 0).batch(8, np.random.default_rng(0), CPU)
    assert rows["state"].shape == (8 * STATES_PER_PLAN, 14)
    assert rows["chunk"].shape == (8 * STATES_PER_PLAN, 16, 14)
    assert rows["where"].shape == (8, 6)
    ahead = (rows["chunk"][:, 0] - rows["state"]).abs()
    joints = [i for i in range(14) if i not in (6, 13)]  # fingers around an object stay behind their target
    assert ahead[:, joints].max() < 0.3
    still = ahead.view(8, STATES_PER_PLAN, 14).amax(1) == 0
    assert (still.sum(1) >= 6).all(), "the other arm keeps still, without noise"


def test_other_sentences_mean_other_objects(data: Path) -> None:
    made = Demonstrations([data], TextSpec(64, 32, 8), 0)
    batch = made.batch(np.arange(len(made)), np.random.default_rng(0), CPU)
    own, other = batch["where"].chunk(2)
    assert ((own - other)[:, :2].norm(dim=1) > 0.05).all()
    assert len(batch["ngrams"]) == len(batch["mask"]) == 2 * len(batch["images"])


def test_missing_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="train first"):
        load_model(tmp_path / "checkpoint.pt")


def test_wilson_interval_is_the_published_one() -> None:
    low, high = wilson(8, 10)  # Wilson (1927), as in every table of it
    assert low == pytest.approx(0.490, abs=1e-3)
    assert high == pytest.approx(0.943, abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
