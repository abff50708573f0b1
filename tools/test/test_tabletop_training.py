"""Promises of training and export: seeded, resumable, and a bundle that ONNX Runtime and torch agree on."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from finevla_core.bundle import load_bundle
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.onnx_graphs import OnnxGraphs
from finevla_models.slot_columns import SLOTS
from finevla_models.torch_graphs import TorchGraphs
from finevla_sim import synthetic_motions
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import HELD_OUT_KINDS
from finevla_tools.export import TOLERANCE, export
from finevla_tools.tabletop_training import hues, load_model, recolour, train
from finevla_tools.tabletop_training_data import ABSENT_PER_PICTURE, NAMES_PER_PICTURE, SLOT, MotionShards
from finevla_tools.train_command import PARTS, TrainOptions

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
FEW = {"pictures": 4, "moments": 32}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    synthetic_motions.write_motions(folder / "drills_0.npz", 3, 4, {"pick": 0.5, "place_color": 0.5}, 2)
    return folder


def options(data: Path, steps: int, **others) -> TrainOptions:
    lengths = {f"{part}_steps": steps for part in PARTS}
    return TrainOptions((str(data),), **lengths, **FEW, **others)


def run(options: TrainOptions, out: Path, resume: bool = False) -> Path:
    for part in PARTS:
        train(options, out, [part], resume, 1)
    return out


def test_same_seed_same_weights_and_checkpoints_can_be_gone_on_from(data: Path, tmp_path: Path) -> None:
    first, second = (load_model(run(options(data, 3), tmp_path / name))[0] for name in "ab")
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    run(options(data, 5), tmp_path / "a", resume=True)
    assert torch.load(tmp_path / "a" / "mover.pt", weights_only=True)["step"] == 5


@pytest.mark.parametrize("head", ["flow", "regression"])
def test_exported_bundle_answers_and_obeys_the_limits(data: Path, tmp_path: Path, head: str) -> None:
    robot = default_robot()
    folder = run(options(data, 2, head=head), tmp_path / "run")
    joining = "rtc" if head == "flow" else "ensemble"
    bundle = export(folder, tmp_path / "bundle", "# card\n", joining=joining)
    if head == "regression":
        with pytest.raises(FineVLAError, match="joining 'rtc' needs head 'flow'"):
            export(folder, tmp_path / "no", "# card\n", joining="rtc")
    assert sum(file.stat().st_size for file in bundle.iterdir()) < 30e6
    policy = load_policy(bundle, robot.embodiment)
    cameras = robot.embodiment.camera_names
    seen = Observation(0, cameras, np.zeros((3, 192, 192, 3), np.uint8), (0,) * 3, np.full(14, 5.0, np.float32), 0)
    chunk = policy.predict(seen, policy.encode(Instruction("clear the table")))
    assert chunk.actions.shape == (16, 14)
    assert chunk.joining == joining
    again = policy.predict(seen, policy.encode(Instruction("clear the table")))
    assert np.array_equal(again.actions, chunk.actions), "words that are new start from nothing"
    assert chunk.actions[:, 0].max() <= 2.618  # the state was beyond the limit, the answer is not


@pytest.mark.parametrize("head", ["flow", "regression"])
def test_bundle_of_weights_and_graph_of_one_checkpoint_agree_on_what_was_recorded(
    data: Path, tmp_path: Path, head: str
) -> None:
    robot = default_robot().embodiment
    folder = run(options(data, 2, head=head), tmp_path / "run")
    bundles = [
        load_bundle(export(folder, tmp_path / kind, "#", runtime=kind, seen_from=1e-9)) for kind in ("onnx", "torch")
    ]
    assert [bundle.manifest.runtime for bundle in bundles] == ["onnx", "torch"]
    graphs = OnnxGraphs(bundles[0], 1), TorchGraphs(bundles[1], 1)
    policies = [BundlePolicy(bundle, robot, graph) for bundle, graph in zip(bundles, graphs, strict=True)]
    words = Instruction("reach the [/red] cube with the left arm")
    encoded = [policy.encode(words) for policy in policies]
    shard = next(synthetic_motions.load_motions(data))
    for k, (images, state) in enumerate(zip(shard["images"][:8], shard["image_states"], strict=False)):
        stamp_ns = k * 100_000_000  # one after the other, so that what is remembered is compared as well
        seen = Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * 3, state, stamp_ns)
        first, second = (policy.predict(seen, told) for policy, told in zip(policies, encoded, strict=True))
        np.testing.assert_allclose(second.actions, first.actions, atol=TOLERANCE)


def test_moments_keep_to_the_path_and_the_other_arm_keeps_still(data: Path) -> None:
    batch = MotionShards([data], 0.5, False).moments(200, np.random.default_rng(0), CPU)
    joints = [i for i in range(14) if i not in (6, 13)]  # fingers around an object stay behind their target
    assert batch["steps"][:, 0, joints].abs().max() < 0.35
    assert (
        (batch["steps"][:, :, :6].abs().amax((1, 2)) == 0)
        .logical_or(batch["steps"][:, :, 7:13].abs().amax((1, 2)) == 0)
        .all()
    )
    assert batch["where"].shape == (200, 6)


@pytest.mark.parametrize(("mixture", "says"), [(0.0, False), (1.0, True)])
def test_mixture_decides_whether_sentences_say_how(data: Path, mixture: float, says: bool) -> None:
    made = MotionShards([data], mixture, False)
    said = made.draw_said(np.zeros(200, np.int64), np.random.default_rng(0))
    how = said[:, [SLOT["arm"], SLOT["approach"]]] > 0
    assert how.any() == says


def test_sentences_about_a_picture_mean_what_is_in_it(data: Path) -> None:
    made = MotionShards([data], 0.5, True)
    assert made.pictures is not None
    batch = made.pictures.batch(made, 12, np.random.default_rng(0), CPU)
    sentences = 1 + NAMES_PER_PICTURE + ABSENT_PER_PICTURE
    assert batch["where"].shape == (12, sentences, 6)
    assert batch["pixels"].shape == (12, sentences, 2, 3, 2)
    many = made.pictures.batch(made, 400, np.random.default_rng(1), CPU)
    said = many["said"]
    assert many["recoloured"].any()
    assert not said[many["recoloured"]][..., [SLOT["color"], SLOT["below_color"]]].any(), "no name fits its colours"
    left, right_bowl = SLOTS["arm"].index("left"), SLOTS["place"].index("right_bowl")
    assert not ((said[..., SLOT["arm"]] == left) & (said[..., SLOT["place"]] == right_bowl)).any(), "is held out"
    stays = (batch["where"][..., :3] == batch["where"][..., 3:]).all(-1)
    picks = batch["said"][..., SLOT["task"]] == SLOTS["task"].index("reach")
    assert stays[picks].all()


def test_absent_names_fit_nothing_in_the_picture_and_no_held_out_kind_is_called_absent(data: Path) -> None:
    made = MotionShards([data], 0.5, True)
    pictures = made.pictures
    assert pictures is not None
    rng = np.random.default_rng(3)
    kinds = {scene: {tuple(kind[:2]) for kind in pictures.kinds[scene, : pictures.count[scene]]} for scene in range(4)}
    drawn = [(scene, pictures._absent_name(scene, plainly, rng)) for scene in kinds for plainly in (False, True) * 50]
    held_out = [(SLOTS["color"].index(c), SLOTS["shape"].index(s)) for c, s in HELD_OUT_KINDS]
    for scene, name in drawn:
        if name is not None:
            color, shape = name
            fits = [kind for kind in kinds[scene] if color in (0, kind[0]) and shape in (0, kind[1])]
            assert not fits
            assert name not in held_out
    batch = pictures.batch(made, 100, rng, CPU)
    present = batch["present"]
    assert present[:, : 1 + NAMES_PER_PICTURE].all()
    assert 0.5 < 1 - present[:, 1 + NAMES_PER_PICTURE :, 0].mean() < 1.0


def test_pictures_come_with_the_one_before_and_the_same_sentences(data: Path) -> None:
    made = MotionShards([data], 0.5, True)
    pictures = made.pictures
    assert pictures is not None
    assert (pictures.earlier <= np.arange(len(pictures))).all()
    assert (pictures.rows[pictures.earlier] <= pictures.rows).all()
    assert (pictures.earlier < np.arange(len(pictures))).mean() == pytest.approx(0.5), "two of each plan"
    assert (pictures.goal[pictures.earlier] == pictures.goal).all()
    batch = pictures.batch(made, 100, np.random.default_rng(2), CPU)
    earlier, later = (slice(None, 50), slice(50, None))
    assert (batch["said"][earlier] == batch["said"][later]).all()
    still = (batch["where"][earlier] == batch["where"][later]).all(-1)
    assert 0.5 < still.float().mean() < 1.0, "most things lie still, some are carried"


def test_memories_are_mostly_right_and_at_times_wrong_or_none(data: Path) -> None:
    made = MotionShards([data], 0.5, True)
    assert made.pictures is not None
    batch = made.pictures.batch(made, 400, np.random.default_rng(1), CPU)
    known = batch["memory"][..., -1] == 1
    assert 0.6 < known.float().mean() < 0.9
    assert not batch["memory"][~known].any(), "what is not known is nothing"
    off = (batch["memory"][..., :3] - batch["where"][..., :3]).norm(dim=-1)[known]
    assert off.median() < 0.02
    assert 0.05 < (off > 0.05).float().mean() < 0.4


def test_recoloured_pictures_keep_their_light_and_lose_their_hues() -> None:
    torch.manual_seed(0)
    grey, red = torch.full((1, 4, 4, 3), 90.0), torch.zeros(40, 4, 4, 3)
    red[..., 0] = 200.0
    assert torch.allclose(recolour(grey, hues(1)), grey, atol=1e-3)
    reds = recolour(red, hues(40))[:, 0, 0]
    assert (reds.argmax(1) != 0).float().mean() > 0.4
    assert ((reds >= 0) & (reds <= 255)).all()


def test_missing_checkpoints_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="train first"):
        load_model(tmp_path)
