"""Promises of a vision-language-action policy as a bundle: exported, served, and answered as it would be itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny_backbone import make_tiny_backbone

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.loading import load_policy
from finevla_core.understanding import NotUnderstood
from finevla_models.bundle_graphs import load_graphs
from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.files import save_vla
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.heads import build_head
from finevla_tools.cli import main
from finevla_tools.serve.hosting import host_bundle
from finevla_tools.serve.server import PolicyServer, ServerOptions

SIZE, HORIZON = 32, 8
WORDS = Instruction("reach the red cube", fine="reach the red cube with the left arm from above", id="7")
HEADS = {"oft": {"hidden": 32}}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def make_run(folder: Path, backbone: Path, robot: Embodiment, head: str) -> Path:
    torch.manual_seed(1)
    checkpoint = folder / "checkpoints" / "20"
    checkpoint.mkdir(parents=True)
    loaded = load_backbone(str(backbone))
    shape = ChunkShape(HORIZON, len(robot.names), len(robot.names), 2)
    save_vla(VLAPolicy(loaded, build_head(head, HEADS[head], shape, loaded)), checkpoint)
    middle = [0.3] * len(robot.names)
    described = {
        "embodiment": robot.name,
        "cameras": ["front", "left"],
        "images": {"height": SIZE, "width": SIZE},
        "values": list(robot.names),
        "horizon": HORIZON,
        "dt_s": 0.1,
        "transforms": [
            {"normalise": {"kind": "mean_std", "state": {"mean": middle, "std": [0.2] * 14},
                           "actions": {"mean": middle, "std": [0.01] * 14}}},
            {"prompt": {"parts": ["fine"]}},
        ],
    }  # fmt: skip
    (checkpoint / "policy.yaml").write_text(yaml.safe_dump(described))
    return folder


def observation(robot: Embodiment, k: int) -> Observation:
    rng, stamp_ns = np.random.default_rng(k), (k + 1) * 100_000_000
    images = rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    state = rng.uniform(0.2, 0.4, len(robot.names)).astype(np.float32)
    return Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * 3, state, stamp_ns)


@pytest.mark.parametrize("head", HEADS)
def test_from_checkpoint_to_server_it_stays_one_policy(
    tmp_path: Path, backbone: Path, robot: Embodiment, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = make_run(tmp_path / "run", backbone, robot, head), tmp_path / "mine"
    assert main(["export", str(run), "--out", str(out)]) == 0
    bundle = load_bundle(out)
    here = BundlePolicy(bundle, robot, load_graphs(bundle, 1))
    hosted = host_bundle(out, 1, 8)
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=0), lambda _: None)
    server.start()
    there = load_policy(out, robot, server=f"ws://127.0.0.1:{server.port}")
    try:
        there.ready()
        chunk = here.predict(observation(robot, 0), here.encode(WORDS))
        assert chunk.actions.shape == (HORIZON, len(robot.names))
        far = there.predict(observation(robot, 0), there.encode(WORDS))
        assert np.allclose(far.actions, chunk.actions, atol=1e-5)
        other = here.predict(observation(robot, 0), here.encode(Instruction("pick up the blue ball")))
        assert not np.allclose(other.actions, chunk.actions)
    finally:
        there.close()
        server.close()


def test_the_bundle_answers_what_the_network_answers_to_the_transformed_sample(
    tmp_path: Path, backbone: Path, robot: Embodiment
) -> None:
    run, out = make_run(tmp_path / "run", backbone, robot, "oft"), tmp_path / "mine"
    main(["export", str(run), "--out", str(out)])
    bundle = load_bundle(out)
    graphs = load_graphs(bundle, 1)
    policy = BundlePolicy(bundle, robot, graphs)
    seen = observation(robot, 3)
    chunk = policy.predict(seen, policy.encode(WORDS))
    state = ((seen.state.astype(np.float64) - 0.3) / 0.2).astype(np.float32)
    example = VLAExample(tuple(seen.images[:2]), WORDS.fine, state)
    network = graphs._policy  # type: ignore[attr-defined]
    wanted = network.predict(network.batch([example]))[0].double().numpy() * 0.01 + 0.3
    assert np.allclose(chunk.actions, wanted, atol=1e-9)


def test_too_many_words_are_refused_and_nothing_is_cut(tmp_path: Path, backbone: Path, robot: Embodiment) -> None:
    out = tmp_path / "mine"
    main(["export", str(make_run(tmp_path / "run", backbone, robot, "oft")), "--out", str(out)])
    bundle = load_bundle(out)
    policy = BundlePolicy(bundle, robot, load_graphs(bundle, 1))
    with pytest.raises(NotUnderstood, match=r"tokens, bundle 'mine' reads 512: say it in fewer words"):
        policy.encode(Instruction("reach " * 600))


def test_what_is_no_run_or_does_not_fit_is_one_sentence(
    tmp_path: Path, backbone: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", backbone, robot, "oft")
    assert main(["export", str(run), "--out", str(tmp_path / "a"), "--step", "7"]) == 2
    assert "no checkpoint of step 7; there are 20" in capsys.readouterr().err
    described = yaml.safe_load((run / "checkpoints/20/policy.yaml").read_text())
    (run / "checkpoints/20/policy.yaml").write_text(yaml.safe_dump(described | {"horizon": 9}))
    assert main(["export", str(run), "--out", str(tmp_path / "b")]) == 2
    assert "says horizon 9, and its weights are of horizon 8" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert main(["export", str(run), "--out", str(tmp_path / "c"), "--finder", str(run)]) == 2
    assert "--finder is of the tabletop policy" in capsys.readouterr().err


def test_a_manifest_says_either_a_reader_or_that_the_prompt_is_read(
    tmp_path: Path, backbone: Path, robot: Embodiment
) -> None:
    out = tmp_path / "mine"
    main(["export", str(make_run(tmp_path / "run", backbone, robot, "oft")), "--out", str(out)])
    raw = yaml.safe_load((out / "manifest.yaml").read_text())
    for change, said in (
        ({"reader": "tabletop"}, "reads the prompt itself"),
        ({"network": raw["network"] | {"head": ""}}, "name of an action head"),
        ({"network": raw["network"] | {"has_state": 1}}, "true or false"),
        ({"network": {"kind": "vla"}}, "has no 'head'"),
    ):
        (out / "manifest.yaml").write_text(yaml.safe_dump(raw | change))
        with pytest.raises(FineVLAError, match=said):
            load_bundle(out)
