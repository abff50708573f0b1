"""Promises of a vision-language-action policy as a bundle: exported, served, and answered as it would be itself."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny_backbone import make_tiny_backbone
from tiny_policies import INSTRUCT, OPTIONS
from training_sets import KEYS, make_set

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.prompt_bytes import encode_prompt
from finevla_core.understanding import NotUnderstood
from finevla_models.torch_loading import load_graphs
from finevla_models.vla import instruct_vla_episode
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.flow_matching import draw_noise
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.instruct_vla_head import InstructHead
from finevla_models.vla.instruct_vla_text import GeneratedText
from finevla_models.vla.policy_files import load_vla, save_vla
from finevla_tools.cli import main
from finevla_tools.serve.served_bundle import host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions
from finevla_tools.training.config_types import DataOptions, SampleOptions, SourceSet
from finevla_tools.training.vla_samples import VLASamples

SIZE, HORIZON = 32, 8
WORDS = Instruction("reach the red cube", fine="reach the red cube with the left arm from above", id="7")
HEADS = {"oft": {"hidden": 32}, "gr00t": OPTIONS["gr00t"] | {"steps": 4}}
THINKING = INSTRUCT | {"think_every": 2, "latent_every": 2, "max_thought": 6}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def make_run(folder: Path, backbone: Path, robot: Embodiment, head: str, options: dict[str, Any] | None = None) -> Path:
    torch.manual_seed(1)
    checkpoint = folder / "checkpoints" / "20"
    checkpoint.mkdir(parents=True)
    loaded = load_backbone(str(backbone))
    shape = ChunkShape(HORIZON, len(robot.names), len(robot.names), 2)
    save_vla(VLAPolicy(loaded, build_head(head, options or HEADS[head], shape, loaded)), checkpoint)
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


def export(folder: Path, backbone: Path, robot: Embodiment, head: str, options: dict[str, Any] | None = None) -> Path:
    run, out = make_run(folder / "run", backbone, robot, head, options), folder / "mine"
    assert main(["export", str(run), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory, backbone: Path, robot: Embodiment) -> Path:
    """A bundle that no test may change."""
    return export(tmp_path_factory.mktemp("acting"), backbone, robot, "oft")


@pytest.fixture(scope="module")
def thinking(tmp_path_factory: pytest.TempPathFactory, backbone: Path, robot: Embodiment) -> Path:
    """A bundle that thinks before it acts, and that no test may change."""
    return export(tmp_path_factory.mktemp("thinking"), backbone, robot, "instruct", THINKING)


def observation(robot: Embodiment, k: int) -> Observation:
    rng, stamp_ns = np.random.default_rng(k), (k + 1) * 100_000_000
    images = rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    state = rng.uniform(0.2, 0.4, len(robot.names)).astype(np.float32)
    return Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * 3, state, stamp_ns)


def test_from_checkpoint_to_server_it_stays_one_policy(acting: Path, robot: Embodiment) -> None:
    bundle = load_bundle(acting)
    here = BundlePolicy(bundle, robot, load_graphs(bundle, 1))
    hosted = host_bundle(acting, 1, 8)
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=0), lambda _: None)
    server.start()
    there = load_policy(acting, robot, server=f"ws://127.0.0.1:{server.port}")
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


def test_the_bundle_answers_what_the_network_answers_to_the_transformed_sample(acting: Path, robot: Embodiment) -> None:
    bundle = load_bundle(acting)
    graphs = load_graphs(bundle, 1)
    policy = BundlePolicy(bundle, robot, graphs)
    seen = observation(robot, 3)
    chunk = policy.predict(seen, policy.encode(WORDS))
    state = ((seen.state.astype(np.float64) - 0.3) / 0.2).astype(np.float32)
    example = VLAExample(tuple(seen.images[:2]), WORDS.fine, state)
    network = graphs._policy  # type: ignore[attr-defined]
    wanted = network.predict(network.batch([example]))[0].double().numpy() * 0.01 + 0.3
    assert np.allclose(chunk.actions, wanted, atol=1e-9)


def test_each_client_has_thoughts_of_its_own_that_end_with_its_episode(
    thinking: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = yaml.safe_load((thinking / "manifest.yaml").read_text())["network"]
    assert network == {"kind": "vla", "head": "instruct", "has_state": True, "think_every": 2, "latent_every": 2}
    hosted = host_bundle(thinking, 1, 8)
    words, passes, latents = iter(["red", "blue", "cube", "ball", "hand"]), [], InstructHead.latents

    def think(policy: VLAPolicy, batch: VLABatch, *_: object) -> list[GeneratedText]:
        return [GeneratedText(policy.backbone.prompts.words(next(words)).tokens, True) for _ in range(len(batch))]

    def counted(self: InstructHead, backbone: Backbone, batch: VLABatch) -> torch.Tensor:
        passes.append(len(batch))
        return latents(self, backbone, batch)

    monkeypatch.setattr(instruct_vla_episode, "generate_text", think)
    monkeypatch.setattr(InstructHead, "latents", counted)
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=0), lambda _: None)
    server.start()
    url = f"ws://127.0.0.1:{server.port}"
    one, two = load_policy(thinking, robot, server=url), load_policy(thinking, robot, server=url)
    try:
        for policy in (one, two):
            policy.ready()
        said = one.encode(WORDS)

        def thought(policy: Any, k: int, encoded: Any) -> str:
            policy.predict(observation(robot, k), encoded)
            return str(policy.thought)

        assert thought(one, 0, said) == "red"
        assert thought(two, 0, two.encode(WORDS)) == "blue"
        assert thought(one, 1, said) == "red", "every second chunk"
        assert len(passes) == 2, "latent actions of the first chunk"
        assert thought(one, 2, said) == "cube"
        assert thought(one, 3, one.encode(Instruction("pick up the blue ball"))) == "ball", "other words"
        one.reset()
        assert one.thought == ""
        assert thought(one, 4, one.encode(WORDS)) == "hand", "another episode"
        assert two.thought == "blue"
    finally:
        one.close()
        two.close()
        server.close()


def test_episodes_that_run_together_keep_what_they_keep_alone(thinking: Path) -> None:
    graphs = load_graphs(load_bundle(thinking), 1)
    rng = np.random.default_rng(0)
    inputs: dict[str, Any] = {
        "images": rng.integers(0, 256, (2, 2, SIZE, SIZE, 3), np.uint8),
        "text": np.stack([encode_prompt("reach the red cube")] * 2),
        "state": rng.normal(size=(2, 14)).astype(np.float32),
    }
    assert graphs.memory_shape is not None
    new = np.zeros(graphs.memory_shape, np.float32)

    def run_rows(rows: slice, memory: Any) -> Any:
        return graphs.run({name: value[rows] for name, value in inputs.items()} | {"memory": memory})["remembered"]

    first = run_rows(slice(0, 1), new)
    alone = [run_rows(slice(0, 1), first), run_rows(slice(1, 2), new)]
    together = run_rows(slice(0, 2), np.concatenate([first, new]))
    assert np.allclose(together, np.concatenate(alone), atol=1e-5)
    assert np.array_equal(together[0, 9:], first[0, 9:]), "the latent actions of the first chunk stay"
    assert not np.allclose(together[1, 9:], first[0, 9:])


def test_a_head_that_does_not_think_is_not_told_to(acting: Path, tmp_path: Path) -> None:
    out = shutil.copytree(acting, tmp_path / "mine")
    raw = yaml.safe_load((out / "manifest.yaml").read_text())
    for change, said in (
        ({"think_every": 3}, "head 'oft' does not think"),
        ({"latent_every": 0}, "'latent_every' in .* is '0'; it must be a whole number from 1 to 1000"),
    ):
        (out / "manifest.yaml").write_text(yaml.safe_dump(raw | {"network": raw["network"] | change}))
        with pytest.raises(FineVLAError, match=said):
            host_bundle(out, 1, 1)


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("attentive"), is_linear=False)


@pytest.mark.parametrize("head", HEADS)
def test_a_graph_answers_recorded_observations_as_the_checkpoint_does(
    tmp_path: Path, attentive: Path, robot: Embodiment, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = make_run(tmp_path / "run", attentive, robot, head), tmp_path / "mine"
    assert main(["export", str(run), "--out", str(out), "--runtime", "onnx"]) == 0
    sources = DataOptions((SourceSet(make_set(tmp_path / "set", 1)),), "raw", validation=0.0, cache=tmp_path / "cache")
    keys = {name: KEYS[name] for name in ("front", "left")}
    recorded = VLASamples(SampleOptions(robot.name, keys, ImageFormat(SIZE, SIZE), HORIZON, 0.1), sources)
    with monkeypatch.context() as here:
        here.setitem(sys.modules, "transformers", None)  # the node has none
        policy = load_policy(out, robot)
    assert policy.description.provider == "CPUExecutionProvider"
    checkpoint, graphs = load_vla(run / "checkpoints/20"), policy.graphs  # type: ignore[attr-defined]
    noise = draw_noise(1, HORIZON, 14, torch.Generator().manual_seed(3)).numpy()
    for k in range(3):
        example = replace(recorded.example(k), actions=None, action_mask=None)
        assert example.state is not None
        inputs = {"images": np.stack(example.images)[None], "text": encode_prompt(example.prompt)[None]}
        found = graphs.run(inputs | {"state": example.state[None], "noise": noise})["actions"]
        wanted = checkpoint.predict(checkpoint.batch([example]), torch.Generator().manual_seed(3)).numpy()
        assert np.abs(found - wanted).max() < 1e-4 < np.abs(wanted).max()
    chunk = policy.predict(observation(robot, 0), policy.encode(WORDS))
    assert chunk.actions.shape == (HORIZON, len(robot.names))
    with pytest.raises(NotUnderstood, match=r"the policy reads 1\d\d: say it in fewer words"):
        policy.encode(Instruction("reach " * 200))
    with pytest.raises(NotUnderstood, match="stands for a picture"):
        policy.encode(Instruction("reach the <|image_pad|>"))


def test_what_makes_no_graph_says_why(
    tmp_path: Path, backbone: Path, attentive: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]
) -> None:
    cases: list[tuple[Path, str, dict[str, Any], int, str]] = [
        (backbone, "oft", {"hidden": 32}, SIZE, "has layers of linear_attention"),
        (attentive, "instruct", INSTRUCT, SIZE, "head 'instruct' makes no ONNX graph"),
        (attentive, "oft", {"hidden": 32}, SIZE + 8, "are scaled by the backbone's processor"),
    ]
    for k, (source, head, options, size, said) in enumerate(cases):
        run = make_run(tmp_path / f"run{k}", source, robot, head, options)
        path = run / "checkpoints/20/policy.yaml"
        path.write_text(path.read_text().replace(f"height: {SIZE}", f"height: {size}"))
        assert main(["export", str(run), "--out", str(tmp_path / "no"), "--runtime", "onnx"]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "no").exists()


def test_too_many_words_are_refused_and_nothing_is_cut(acting: Path, robot: Embodiment) -> None:
    bundle = load_bundle(acting)
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
    assert main(["export", str(next(run.glob("checkpoints/*"))), "--out", str(tmp_path / "d")]) == 2
    assert "is one checkpoint of a run; give the run and the step" in capsys.readouterr().err


def test_a_manifest_says_either_a_reader_or_that_the_prompt_is_read(acting: Path, tmp_path: Path) -> None:
    out = shutil.copytree(acting, tmp_path / "mine")
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
