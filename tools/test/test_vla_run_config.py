"""Promises of a training run's configuration: what is wrong is one sentence with the nearest name, before torch is there."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from finevla_core.errors import FineVLAError
from finevla_models.head_names import VLA_HEADS
from finevla_tools.cli import main
from finevla_tools.training.config import load_run_config, parse_run_config

ROOT = Path(__file__).parents[2]
GOOD = """
name: pick
policy:
  backbone: hub/name
  head: oft
  embodiment: cobotmagic
  cameras: {front: observation.images.front}
  images: {height: 96, width: 128}
  horizon: 16
  dt_s: 0.1
data:
  sets: [data/pick, {path: data/place, weight: 2, kept: [out/dedup/place/episodes.parquet]}]
  mix: "4:1"
training: {steps: 100, rate: 1e-4}
"""


def changed(path: str, value: object) -> object:
    """The good configuration with one entry changed, or removed if `value` is `...`."""
    raw = yaml.safe_load(GOOD)
    *way, last = path.split(".")
    at = raw
    for name in way:
        at = at.setdefault(name, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return raw


def test_a_good_file_is_read_and_written_the_same(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD)
    config = load_run_config(file)
    assert config.training.rate == 1e-4, "YAML reads 1e-4 as text"
    assert [one.weight for one in config.data.sets] == [1.0, 2.0]
    assert config.data.mix == "4:1"
    assert parse_run_config(yaml.safe_load(yaml.safe_dump(config.plain()))) == config
    new = parse_run_config(changed("policy.backbone", {"new": "models/tiny"}))
    assert (new.policy.is_new, new.policy.backbone) == (True, "models/tiny")
    assert parse_run_config(new.plain()) == new
    prompt = {"parts": ["raw"], "template": "{history}{}", "history": {"most": 3}}
    told = parse_run_config(changed("policy.prompt", prompt))
    assert told.policy.prompt == prompt
    assert parse_run_config(yaml.safe_load(yaml.safe_dump(told.plain()))) == told


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", "a/b", "name is 'a/b'; it becomes the name of a folder"),
        ("polcy", {}, "the file: unknown entry 'polcy'; did you mean 'policy'"),
        ("data", ..., "the file has no entry 'data'"),
        ("policy.bakbone", "x", "policy: unknown entry 'bakbone'; did you mean 'backbone'"),
        ("policy.horizon", ..., "policy has no entry 'horizon'"),
        ("policy.horizon", 1, "policy.horizon is 1; it must be between 2 and 1000"),
        ("policy.horizon", "many", "policy.horizon is 'many'; it must be a whole number"),
        ("policy.dt_s", True, "policy.dt_s is 'True'; it must be a number"),
        ("policy.actions", "relativ", "policy.actions: unknown choice 'relativ'; did you mean 'relative'"),
        (
            "policy.normalisation",
            "z",
            "policy.normalisation: unknown choice 'z'; known are mean_std, quantile, min_max",
        ),
        ("policy.images", {"height": 96}, "policy.images has no entry 'width'"),
        ("policy.images", {"height": 96, "width": 0}, "policy.images: the width of pictures is 0"),
        (
            "policy.images",
            {"height": 96, "width": 96, "regions": {"frnt": [0.2, 0.5, 0.8, 1.0]}},
            "policy.images.regions: unknown entry 'frnt'",
        ),
        (
            "policy.images",
            {"height": 96, "width": 96, "regions": {"front": [0.2, 0.5]}},
            "policy.images: the region of camera 'front' is '[0.2, 0.5]'",
        ),
        ("policy.prompt", {"parts": ["all"]}, "policy.prompt: 'parts' must list some of raw, fine, factors"),
        ("policy.prompt", "fine", "policy.prompt: its settings are 'fine'; they must be a mapping"),
        ("policy.prompt", {"parts": ["raw"], "history": {"most": 0}}, "policy.prompt: 'history': 'most' is '0'"),
        ("policy.prompt", {"parts": ["fine"], "fallback": False}, "policy.prompt.fallback is false; samples that lack"),
        ("policy.cameras", [], "policy.cameras must be a mapping"),
        ("policy.backbone", None, "policy.backbone is empty; give a folder, a hub id, or 'new: FOLDER'"),
        ("policy.start", "run/checkpoints/5", "policy.start and policy.backbone are both there"),
        ("policy.backbone", {"now": "x"}, "policy.backbone: unknown entry 'now'; did you mean 'new'"),
        ("data.sets", [], "data.sets must list at least one data set"),
        ("data.sets", [{"pat": "x"}], "data.sets, entry 1: unknown entry 'pat'; did you mean 'path'"),
        ("data.sets", [{"path": "x", "weight": 0}], "data.sets, entry 1.weight is 0.0; it must be between"),
        ("data.mix", 61, 'data.mix was read as the number 61; put it in quotes, as mix: "1:1"'),
        ("data.mix", "3:1", "data.mix is '3:1'; known are 1:0, 4:1"),
        ("data.language", {"dropp": 0.1}, "data.language: unknown entry 'dropp'; did you mean 'drop'"),
        ("data.language.drop", 1.5, "data.language.drop is 1.5; it must be between 0 and 1"),
        ("data.vlm", {"ratio": 1.0}, "data.vlm.ratio is 1.0"),
        ("training.steps", ..., "training has no entry 'steps'"),
        ("training.precision", "fp16", "training.precision: unknown choice 'fp16'; did you mean 'bf16'"),
        ("training.lora", {"alpha": 3}, "training.lora has no entry 'rank'"),
        ("training.lora", {"rank": 3, "targets": "q_proj"}, "training.lora.targets must be a list of names"),
        ("training.rate", float("nan"), "training.rate is nan"),
        ("training.rates", [1.0], "training.rates must be a mapping"),
        ("training.rates", {"visual": -1.0}, "training.rates.visual is -1; it must be 0 to 10"),
        ("training.rates", {"visual": "fast"}, "training.rates.visual is 'fast'; it must be a number"),
        ("training.rates", {3: 1.0}, "training.rates: '3' is no module's name"),
        ("name", "..", "name is '..'; it becomes the name of a folder"),
        ("policy.head", "ofd", "policy.head: unknown head 'ofd'; did you mean 'oft'"),
        ("policy.cameras", {"front": "k", "left": "k"}, "policy.cameras: 'k' is the pictures of two cameras"),
        ("policy.images.filter", [], "policy.images: the filter of pictures is '[]'; known are"),
        ("policy.images.fit", {}, "policy.images: the fit of pictures is '{}'; known are"),
        ("training", {"steps": 1, "lora": {"rank": 4}, "backbone_rate": 0}, "so that its adapters would not learn"),
        ("training.batch", 2.5, "training.batch is '2.5'; it must be a whole number"),
    ],
)
def test_a_wrong_entry_is_one_sentence(path: str, value: object, said: str) -> None:
    with pytest.raises(FineVLAError) as error:
        parse_run_config(changed(path, value))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_head_without_actions_needs_no_robot() -> None:
    raw = changed("policy.head", "language")
    for name in ("embodiment", "horizon", "dt_s"):
        del raw["policy"][name]
    assert parse_run_config(raw).policy.embodiment == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{file}", "data/seen"], "is a configuration, which stands alone"),
        (["{file}", "--mixture", "0.3"], "--mixture is for training from folders; say it in the configuration"),
        (["data/seen", "--memory"], "--memory is for training from a configuration; leave it out"),
        (["{file}", "--processes", "0"], "--processes is 0"),
        (["{file}"], "training: unknown entry 'stepz'; did you mean 'steps'"),
        (["none.yaml"], "'none.yaml' cannot be read"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace("steps: 100", "stepz: 100"))
    assert main(["train", *(word.format(file=file) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_what_is_spread_over_processes_needs_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace("steps: 100", "steps: 100, fsdp: true"))
    assert main(["train", str(file)]) == 2
    assert "training.fsdp spreads a policy over several processes" in capsys.readouterr().err


def test_a_configuration_is_refused_without_loading_torch(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace("head: oft", "haed: oft"))
    code = (
        "import sys; from finevla_tools.cli import main; code = main(['train', sys.argv[1]]); "
        "print(code, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "False"]
    assert "policy: unknown entry 'haed'; did you mean 'head'" in done.stderr


def test_the_names_of_heads_are_those_that_there_are() -> None:
    registry = pytest.importorskip("finevla_models.vla.head_registry", reason="torch comes with 'make train-setup'")
    assert tuple(registry.HEADS) == VLA_HEADS


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("head: oft", "head: oft\n  options: {hiden: 3}", "head 'oft': unknown option 'hiden'; did you mean 'hidden'"),
        ("backbone: hub/name", "backbone: nope", "backbone 'nope' cannot be loaded: there is no such folder"),
        (
            "backbone: hub/name",
            "backbone: models/nope",
            "backbone 'models/nope' cannot be loaded: there is no such folder",
        ),
        ("backbone: hub/name", "backbone: {new: nope}", "policy.backbone: there is no folder 'nope'"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_before_data_are_decoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace(old, new))  # its data sets do not exist, which would be told later
    assert main(["train", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_the_page_shows_every_entry_with_the_value_that_holds_without_it() -> None:
    text = (ROOT / "docs/train.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    config = parse_run_config(shown)
    for section in (config.policy, config.data, config.training):
        entries = shown[next(name for name in ("policy", "data", "training") if getattr(config, name) is section)]
        for field in dataclasses.fields(section):
            if field.name == "is_new":
                continue
            assert field.name in entries
            if field.default is not dataclasses.MISSING and field.name not in (
                "backbone",
                "embodiment",
                "horizon",
                "dt_s",
            ):
                assert getattr(section, field.name) == field.default, field.name
