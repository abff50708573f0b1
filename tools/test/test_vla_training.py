"""Promises of training a VLA policy: it learns, goes on bit for bit, keeps whole checkpoints, and fails in words."""

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

import tiny_policies
from made_samples import BrokenSamples, MadeSamples
from safetensors.torch import load_file
from tiny_backbone import make_tiny_backbone
from vla_runs import KillingSamples, run_apart, run_config

from finevla_core.errors import DiskFullError, FineVLAError
from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.oft_head import OFTHead
from finevla_models.vla.policy_files import load_vla
from finevla_tools.training import checkpoint
from finevla_tools.training.batch_loader import batches
from finevla_tools.training.config import load_run_config
from finevla_tools.training.lora_adapters import merged
from finevla_tools.training.optimiser import make_optimiser
from finevla_tools.training.policy_build import build_policy
from finevla_tools.training.run_folder import newest_checkpoint
from finevla_tools.training.sample_source import sample_index
from finevla_tools.training.trainer import train

INSTRUCT: dict[str, Any] = {
    "queries": 4, "rank": 4, "alpha": 8.0, "gate_hidden": 16, "vision_size": 32, "hidden": 32, "layers": 2, "heads": 2,
    "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
    "output": "rows", "steps": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint's state, and the policy that it holds."""
    parts = [load_file(file) for file in sorted((folder / checkpoint.STATE).iterdir())]
    return {f"{k} {name}": value for k, part in enumerate(parts) for name, value in part.items()} | load_file(
        folder / "model.safetensors"
    )


def assert_equal(one: Path, two: Path) -> None:
    first, second = state_of(one), state_of(two)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def lines_of(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_policy_learns_and_its_checkpoint_is_a_policy(backbone: Path, tmp_path: Path) -> None:
    samples = MadeSamples()
    config = run_config(backbone, steps=30, batch=8, save_every=15, validate_every=15, log_every=5, ema=0.9, keep=1)
    made = train(config, samples, tmp_path / "run")
    assert [path.name for path in made.parent.iterdir()] == ["30"], "the oldest is removed"
    losses = [line["train/loss"] for line in lines_of(tmp_path / "run") if "train/loss" in line]
    assert losses[-1] < 0.4 * losses[0]
    held_out = [line for line in lines_of(tmp_path / "run") if "validation/loss" in line]
    assert held_out[-1]["validation/error_joints_rad"] < held_out[0]["validation/error_joints_rad"]
    assert held_out[-1]["steerability/arm_pairs"] == 8
    assert any((tmp_path / "run/tensorboard").iterdir())
    policies = [load_vla(made), load_vla(made / "ema")]
    chunks = [policy.predict(policy.batch(samples.held_out(2))) for policy in policies]
    assert chunks[0].shape == (2, 4, 14)
    assert not torch.equal(*chunks), "the average is another policy"
    assert load_run_config(made / "run.yaml") == config


def test_every_sample_is_drawn_once_whatever_the_processes() -> None:
    options = run_config(Path("none"), steps=3, batch=4, accumulate=2).training
    for world in (1, 2, 3):
        places = [(s, k, r, p) for s in range(3) for k in range(2) for r in range(world) for p in range(4)]
        drawn = [sample_index(*place, options, world) for place in places]
        assert sorted(drawn) == list(range(24 * world))


def test_batches_are_the_same_with_any_number_of_workers(backbone: Path) -> None:
    samples, found = MadeSamples(), []
    policy = build_policy(run_config(backbone), MadeSamples())
    for workers in (0, 1, 2):
        options = run_config(backbone, workers=workers, accumulate=2).training
        found.append(list(batches(samples, policy.batch, options, 1, 0, 1)))
    assert len(found[0]) == 6, "from step 1 on"
    for others in found[1:]:
        for one, two in zip(found[0], others, strict=True):
            assert torch.equal(one.tokens, two.tokens)
            assert torch.equal(one.actions, two.actions)


@pytest.mark.parametrize("ways", [{"ema": 0.9, "accumulate": 2}, {"lora": {"rank": 2}, "precision": "bf16"}])
def test_a_killed_run_goes_on_bit_for_bit(backbone: Path, tmp_path: Path, ways: dict[str, object]) -> None:
    config = run_config(backbone, steps=6, checkpointing=True, **ways)
    straight = train(config, MadeSamples(), tmp_path / "straight")
    deadly = 3 * config.training.batch * config.training.accumulate  # of the step after the second checkpoint's half
    assert run_apart(config, tmp_path / "killed", deadly=deadly) == [-signal.SIGKILL]
    assert newest_checkpoint(tmp_path / "killed") == tmp_path / "killed/checkpoints/2"
    assert_equal(train(config, MadeSamples(), tmp_path / "killed", resume=True), straight)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_that_share_a_policy_go_on_bit_for_bit(backbone: Path, tmp_path: Path) -> None:
    config = run_config(backbone, fsdp=True, ema=0.9, validate_every=4)
    assert run_apart(config, tmp_path / "straight", 2) == [0, 0]
    assert -signal.SIGKILL in run_apart(config, tmp_path / "killed", 2, deadly=13)
    assert newest_checkpoint(tmp_path / "killed") == tmp_path / "killed/checkpoints/2"
    assert run_apart(config, tmp_path / "killed", 2, resume=True) == [0, 0]
    assert_equal(*(tmp_path / name / "checkpoints/4" for name in ("straight", "killed")))
    held_out = [line for line in lines_of(tmp_path / "straight") if "validation/loss" in line]
    assert held_out, "all of them predict together"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ways", [{"fsdp": False}, {"fsdp": True, "checkpointing": True}])
def test_two_processes_learn_what_one_does(backbone: Path, tmp_path: Path, ways: dict[str, bool]) -> None:
    alone = train(run_config(backbone, steps=2, batch=4), MadeSamples(), tmp_path / "alone")
    assert run_apart(run_config(backbone, steps=2, **ways), tmp_path / "two", 2) == [0, 0]
    one, two = (load_file(run / "model.safetensors") for run in (alone, tmp_path / "two/checkpoints/2"))
    assert one.keys() == two.keys()
    for name in one:
        # AdamW's first steps are of the rate's size whatever the gradient's: rounding turns the sign of those near 0.
        assert (one[name] - two[name]).abs().median() < 1e-5, name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_share_a_policy_in_16_bits(backbone: Path, tmp_path: Path) -> None:
    config = run_config(backbone, "instruct", INSTRUCT, steps=2, fsdp=True, precision="bf16", checkpointing=True)
    assert run_apart(config, tmp_path / "run", 2) == [0, 0]
    assert load_vla(tmp_path / "run/checkpoints/2")


def test_modules_have_rates_of_their_own(backbone: Path) -> None:
    rates = {"visual": 1e-6, "visual.merger": 0.0, "embed_tokens": 2.0}
    policy = build_policy(run_config(backbone, rate=1e-3, backbone_rate=1e-4, rates=rates), MadeSamples())
    groups = make_optimiser(
        policy, run_config(backbone, rate=1e-3, backbone_rate=1e-4, rates=rates).training
    ).param_groups
    found = {id(parameter): group["rate"] for group in groups for parameter in group["params"]}
    by_name = {name: found.get(id(parameter), 0.0) for name, parameter in policy.named_parameters()}
    for name, rate in by_name.items():
        wanted = 1e-4 if name.startswith("backbone.") else 1e-3
        for part, given in rates.items():
            wanted = given if f".{part}." in name else wanted
        assert rate == wanted, name
    assert set(by_name.values()) == {1e-3, 1e-4, 1e-6, 0.0, 2.0}
    with pytest.raises(FineVLAError, match="unknown trained module 'visul'; did you mean 'visual'"):
        build_policy(run_config(backbone, rates={"visul": 1e-6}), MadeSamples())
    with pytest.raises(FineVLAError, match="unknown trained module 'visual'"):
        build_policy(run_config(backbone, backbone_rate=0.0, rates={"visual": 1e-6}), MadeSamples())


def test_what_would_change_the_steps_is_refused(backbone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run_config(backbone, steps=2), MadeSamples(), run)
    for changed, said in (
        ({"batch": 3}, "training.batch 2, and it is 3"),
        ({"seed": 5}, "training.seed 0, and it is 5"),
    ):
        with pytest.raises(FineVLAError, match=said):
            train(run_config(backbone, **changed), MadeSamples(), run, resume=True)
    with pytest.raises(FineVLAError, match=r"data.hash made-0, and it is made-1"):
        train(run_config(backbone), MadeSamples(seed=1), run, resume=True)
    facts = checkpoint.RunFacts(run_config(backbone), MadeSamples(), 2, "")
    with pytest.raises(FineVLAError, match="processes 1, and it is 2"):
        facts.refuse_other(run / "checkpoints/2")
    with pytest.raises(FineVLAError, match="has more steps than training.steps, 1"):
        train(run_config(backbone, steps=1), MadeSamples(), run, resume=True)
    more = train(run_config(backbone, steps=3, save_every=1, workers=1, log_every=1), MadeSamples(), run, resume=True)
    assert more.name == "3"


def test_a_run_is_never_mixed_with_another(backbone: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(FineVLAError, match="exists already; go on with --resume"):
        train(run_config(backbone), MadeSamples(), tmp_path / "run")
    with pytest.raises(FineVLAError, match="there is no '.*other' to go on with"):
        train(run_config(backbone), MadeSamples(), tmp_path / "other", resume=True)


def test_a_loss_that_is_no_number_names_its_samples(backbone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(FineVLAError, match="step 4: the loss is not a number after samples 6 to 7 .*2' is whole"):
        train(run_config(backbone, steps=6), BrokenSamples(7), run)
    assert json.loads((run / "not_finite.json").read_text())["samples"] == [[6, 7]]
    assert load_vla(run / "checkpoints/2")


def test_out_of_memory_says_what_fits(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(OFTHead, "loss", full)
    with pytest.raises(
        FineVLAError, match=r"step 1: out of memory with batch 2; weights 0.00 GiB.*batch: 1 with accumulate: 2"
    ):
        train(run_config(backbone), MadeSamples(), tmp_path / "run")


def test_a_reader_that_dies_or_refuses_is_a_sentence(backbone: Path, tmp_path: Path) -> None:
    class Refusing(MadeSamples):
        def example(self, index: int) -> VLAExample:
            raise FineVLAError("episode 3 cannot be read")

    with pytest.raises(FineVLAError, match="a process that reads data was killed.*fewer training.workers"):
        train(run_config(backbone, workers=1), KillingSamples(5), tmp_path / "killed")
    with pytest.raises(FineVLAError, match="^samples 0 to 1: episode 3 cannot be read$"):
        train(run_config(backbone, workers=1), Refusing(), tmp_path / "refused")


def test_a_full_disk_leaves_the_checkpoint_before(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, save_vla = tmp_path / "run", checkpoint.save_vla

    def fills(policy: VLAPolicy, folder: Path, weights: object) -> None:
        if "4" in folder.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save_vla(policy, folder, weights)

    monkeypatch.setattr(checkpoint, "save_vla", fills)
    with pytest.raises(DiskFullError, match="the disk is full"):
        train(run_config(backbone), MadeSamples(), run)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["2"]
    assert load_vla(run / "checkpoints/2")


def test_adapters_are_merged_into_the_policy_that_is_written(backbone: Path, tmp_path: Path) -> None:
    config, samples = run_config(backbone, lora={"rank": 2, "targets": ["q_proj"]}), MadeSamples()
    made = train(config, samples, tmp_path / "run")
    trained = [name for name in load_file(next((made / "state").iterdir())) if name.startswith("model.backbone")]
    assert trained, "the adapters"
    assert all(".lora_" in name for name in trained)
    policy = build_policy(config, samples)
    found = {n.removeprefix("0 model."): value for n, value in state_of(made).items() if n.startswith("0 model.")}
    policy.load_state_dict(found, strict=False)
    assert merged(policy, policy.state_dict()).keys() == load_vla(made).state_dict().keys()
    batch = policy.batch(samples.held_out(2))
    assert torch.allclose(policy.eval().predict(batch), load_vla(made).predict(batch), atol=1e-5)
    with pytest.raises(FineVLAError, match="unknown linear layer 'q_prj'; did you mean 'q_proj'"):
        build_policy(run_config(backbone, lora={"rank": 2, "targets": ["q_prj"]}), samples)


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("gr00t", tiny_policies.OPTIONS["gr00t"] | {"draws": 1, "dropout": 0.1}),
        ("pi", tiny_policies.OPTIONS["pi"] | {"draws": 1}),
        ("fast", tiny_policies.OPTIONS["fast"]),
        ("instruct", INSTRUCT),
    ],
)
def test_every_head_trains_and_goes_on_bit_for_bit(
    backbone: Path, tmp_path: Path, head: str, options: dict[str, Any]
) -> None:
    config = run_config(backbone, head, options, save_every=2, validate_every=4)
    straight = train(config, MadeSamples(), tmp_path / "run")
    again = tmp_path / "again"
    shutil.copytree(tmp_path / "run", again, ignore=shutil.ignore_patterns("4"))
    assert_equal(train(config, MadeSamples(), again, resume=True), straight)
    assert load_vla(straight).head.config == load_vla(straight.parent / "2").head.config
    found = next(line for line in lines_of(tmp_path / "run") if "validation/loss" in line)
    assert "validation/error_joints_rad" in found or found["validation/without_chunk"] == 1


def test_a_run_starts_with_the_weights_of_a_checkpoint(backbone: Path, tmp_path: Path) -> None:
    first = train(run_config(backbone, "instruct", INSTRUCT), MadeSamples(), tmp_path / "one")
    config = run_config(backbone, "instruct", INSTRUCT | {"stage": 2}, start=first, seed=1)
    policy, before = build_policy(config, MadeSamples()), load_vla(first)
    for (name, value), old in zip(policy.state_dict().items(), before.state_dict().values(), strict=True):
        assert torch.equal(value, old), name
    trained = {name for name, value in policy.named_parameters() if value.requires_grad}
    assert trained, "of stage 2"
    assert trained != {name for name, value in before.named_parameters() if value.requires_grad}
    with pytest.raises(FineVLAError, match="has head 'instruct', whose own layers stand in its backbone"):
        build_policy(run_config(backbone, "oft", start=first), MadeSamples())
    with pytest.raises(FineVLAError, match=r"is no policy, it has no vla.json; name a checkpoint"):
        build_policy(run_config(backbone, "oft", start=first.parent), MadeSamples())


@pytest.fixture(scope="module")
def answering(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a backbone that learned to answer, through adapters."""
    config = run_config(backbone, "language", lora={"rank": 2, "targets": ["q_proj"]})
    return train(config, MadeSamples(questions=True), tmp_path_factory.mktemp("answering") / "run")


@pytest.mark.parametrize("head", ["oft", "fast", "instruct"])
def test_what_answers_in_words_starts_a_policy_that_acts(
    backbone: Path, answering: Path, tmp_path: Path, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"oft": {}, "fast": tiny_policies.OPTIONS["fast"], "instruct": INSTRUCT}[head]
    config = run_config(backbone, head, options, start=answering, backbone_rate=1e-5, rate=1e-5, save_every=2)
    old = load_vla(answering).backbone.model
    learned = "model.language_model.layers.1.self_attn.q_proj.weight"
    source = load_backbone(str(backbone)).model.state_dict()
    assert not torch.equal(old.state_dict()[learned], source[learned]), "it learned something"
    made = build_policy(config, MadeSamples()).backbone.model.state_dict()
    places = {name.replace(".base.", "."): name for name in made}
    for name, value in old.state_dict().items():
        assert torch.equal(made[places[name]][: len(value)], value), name
    straight = train(config, MadeSamples(), tmp_path / "run")
    assert (
        f"started from '{answering}' (head 'language'): the backbone; head '{head}' begins anew"
        in capsys.readouterr().err
    )
    again = tmp_path / "again"
    shutil.copytree(tmp_path / "run", again, ignore=shutil.ignore_patterns("4"))
    assert_equal(train(config, MadeSamples(), again, resume=True), straight)


def test_answers_in_words_are_learned_by_the_same_trainer(backbone: Path, tmp_path: Path) -> None:
    config = run_config(backbone, head="language", steps=20, batch=4, log_every=5, validate_every=20)
    train(config, MadeSamples(questions=True), tmp_path / "run")
    said = lines_of(tmp_path / "run")
    losses = [line["train/loss"] for line in said if "train/loss" in line]
    assert losses[-1] < losses[0] - 1
    assert next(line["validation/token_accuracy"] for line in said if "validation/loss" in line) == 1.0
