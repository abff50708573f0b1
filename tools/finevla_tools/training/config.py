"""The configuration of a training run: a YAML file read into frozen dataclasses, every wrong entry refused in one sentence.

Reading and checking it imports no torch: what is wrong is said at once.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.images import ImageFormat
from finevla_core.policy.manifest_transforms import parse_prompt
from finevla_core.text_files import read_yaml
from finevla_models.head_names import VLA_HEADS
from finevla_tools.training.config_entries import (
    MAX_RATE,
    check_names,
    mapping_of,
    names_of,
    read_entries,
    said,
    section,
    value_of,
)
from finevla_tools.training.config_types import (
    DataOptions,
    LanguageRates,
    LoRAOptions,
    PolicyOptions,
    QuestionOptions,
    SourceSet,
    TrainingOptions,
)
from finevla_tools.training.mixture import ALSO, MIXES

THINKS = "instruct"  # the head that says something before it acts
ANSWERS = "language"  # the head without actions: it needs no robot
PROVENANCE = "provenance"  # what a checkpoint's run.yaml says beside its configuration


@dataclass(frozen=True)
class VLARunConfig:
    """A training run of a vision-language-action policy."""

    name: str
    policy: PolicyOptions
    data: DataOptions
    training: TrainingOptions

    def plain(self) -> dict[str, Any]:
        """Return the configuration as `parse_run_config` reads it."""
        made: dict[str, Any] = _plain(dataclasses.asdict(self))
        made["policy"]["images"] = self.policy.images.plain()
        if made["policy"].pop("is_new"):
            made["policy"]["backbone"] = {"new": made["policy"]["backbone"]}
        return made


def _plain(value: Any) -> Any:
    """A value as YAML has it."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return "" if value is None else value


def load_run_config(path: Path) -> VLARunConfig:
    """Read a configuration file; raises `FineVLAError` that names the file, the entry and what is wrong."""
    try:
        return parse_run_config(read_yaml(path))
    except FineVLAError as error:
        raise error if str(path) in str(error) else error.retold(f"'{path}': {error}") from error


def parse_run_config(raw: Any) -> VLARunConfig:
    """Return the configuration in a file's content; raises `FineVLAError` that names the entry and what is wrong."""
    sections = {"name", "policy", "data", "training"}
    found = {key: value for key, value in mapping_of(raw, "the file").items() if key != PROVENANCE}
    check_names(found, sections, sections, "the file")
    name = value_of(found, "name", str, "")
    if Path(name).name != name or name == ".." or not name.isprintable():
        raise FineVLAError(f"name is {said(name)}; it becomes the name of a folder, give one without '/'")
    policy = _policy(mapping_of(found["policy"], "policy"))
    data = _data(mapping_of(found["data"], "data"))
    if data.language.thoughts and policy.head != THINKS:
        raise FineVLAError(
            f"data.language.thoughts is of head '{THINKS}' alone; '{policy.head}' says nothing before it acts"
        )
    return VLARunConfig(name, policy, data, _training(found["training"]))


def _policy(raw: Mapping[str, Any]) -> PolicyOptions:
    entries = {key: value for key, value in raw.items() if key not in ("backbone", "images", "cameras")}
    names = {entry.name for entry in dataclasses.fields(PolicyOptions)} - {"is_new"}
    robot = () if raw.get("head") == ANSWERS else ("embodiment", "horizon", "dt_s")
    of = "start" if raw.get("start") else "backbone"
    check_names(raw, names, (of, "head", "cameras", "images", *robot), "policy")
    if raw.get("start") and raw.get("backbone"):
        raise FineVLAError("policy.start and policy.backbone are both there; a policy to start from has its backbone")
    backbone: Any = raw.get("backbone", "")
    is_new = isinstance(backbone, Mapping)
    if is_new:
        check_names(backbone, ("new",), ("new",), "policy.backbone")
        backbone = backbone["new"]
    if not isinstance(backbone, str) or not (backbone or of == "start"):
        raise FineVLAError(f"policy.backbone is {said(backbone)}; give a folder, a hub id, or 'new: FOLDER'")
    cameras = mapping_of(raw["cameras"], "policy.cameras")
    if not cameras or not all(isinstance(word, str) and word for pair in cameras.items() for word in pair):
        raise FineVLAError("policy.cameras must map at least one camera's name to the data set's key of its pictures")
    if twice := [key for key, count in Counter(cameras.values()).items() if count > 1]:
        raise FineVLAError(
            f"policy.cameras: {said(twice[0])} is the pictures of two cameras; each has a key of its own"
        )
    if raw.get("head") not in VLA_HEADS:
        raise FineVLAError(f"policy.head: {unknown('head', str(raw.get('head')), VLA_HEADS)}")
    shape = mapping_of(raw["images"], "policy.images")
    known = [entry.name for entry in dataclasses.fields(ImageFormat)]
    check_names(shape, known, ("height", "width"), "policy.images")
    try:
        images = ImageFormat(**shape)
    except FineVLAError as error:
        raise error.retold(f"policy.images: {error}") from error
    check_names(images.regions, tuple(cameras), (), "policy.images.regions")
    if raw.get("prompt"):
        _check_prompt(raw["prompt"])
    if raw.get("head") == ANSWERS:
        entries = {"embodiment": "", "horizon": 2, "dt_s": 0.1} | entries
    made: PolicyOptions = read_entries(
        PolicyOptions, entries, "policy", backbone=backbone, is_new=is_new, cameras=dict(cameras), images=images
    )
    return made


def _check_prompt(settings: Any) -> None:
    try:
        prompt = parse_prompt(settings)
    except FineVLAError as error:
        raise error.retold(f"policy.prompt: {error}") from error
    if not prompt.fallback:
        raise FineVLAError(
            "policy.prompt.fallback is false; samples that lack its parts would be told nothing: leave it out"
        )


def _data(raw: Mapping[str, Any]) -> DataOptions:
    check_names(raw, [entry.name for entry in dataclasses.fields(DataOptions)], ("sets",), "data")
    listed = raw["sets"]
    if not isinstance(listed, list) or not listed:
        raise FineVLAError("data.sets must list at least one data set, as '- path: FOLDER'")
    sets = []
    for number, entry in enumerate(listed, 1):
        where = f"data.sets, entry {number}"
        one = dict({"path": entry} if isinstance(entry, str) else mapping_of(entry, where))
        check_names(one, [known.name for known in dataclasses.fields(SourceSet)], ("path",), where)
        kept = tuple(map(Path, names_of(one.pop("kept", []), f"{where}, kept")))
        sets.append(read_entries(SourceSet, one, where, kept=kept))
    language = section(LanguageRates, raw.get("language", {}), "data.language")
    asked = dict(mapping_of(raw.get("vlm") or {}, "data.vlm"))
    path = value_of(asked, "path", str, "data.vlm") if "path" in asked else ""
    asked.pop("path", None)
    vlm = section(QuestionOptions, asked, "data.vlm", path=Path(path) if path else None)
    rest = {key: value for key, value in raw.items() if key not in ("sets", "language", "mix", "vlm")}
    mix = _mix(raw["mix"]) if "mix" in raw else DataOptions.mix
    made: DataOptions = read_entries(DataOptions, rest, "data", sets=tuple(sets), language=language, mix=mix, vlm=vlm)
    return made


def _mix(value: Any) -> str:
    # YAML 1.1 takes 1:1 without quotes for a number of base 60.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 60:
        raise FineVLAError(
            f'data.mix was read as the number {value}; put it in quotes, as mix: "{value // 60}:{value % 60}"'
        )
    mix = ALSO.get(str(value), str(value))
    if mix not in MIXES:
        raise FineVLAError(f"data.mix is {said(value)}; known are {', '.join((*MIXES, *ALSO))}, fine : raw")
    return mix


def _training(raw: Any) -> TrainingOptions:
    entries = dict(mapping_of(raw, "training"))
    check_names(entries, [entry.name for entry in dataclasses.fields(TrainingOptions)], ("steps",), "training")
    settings = dict(mapping_of(entries.pop("lora", {}), "training.lora"))
    targets = settings.pop("targets", LoRAOptions.targets)
    if not names_of(targets, "training.lora.targets"):
        raise FineVLAError("training.lora.targets must list the names of linear layers, such as q_proj")
    if settings and "rank" not in settings:
        raise FineVLAError("training.lora has no entry 'rank'; leave the section empty to train the whole backbone")
    lora = section(LoRAOptions, settings, "training.lora", targets=tuple(targets))
    given = mapping_of(entries.pop("rates", {}), "training.rates")
    if odd := [name for name in given if not isinstance(name, str) or not name.strip(".")]:
        raise FineVLAError(f"training.rates: {said(odd[0])} is no module's name; give parts of names, such as visual")
    rates = {name: value_of(given, name, float, "training.rates") for name in given}
    if odd := [name for name, rate in rates.items() if not 0.0 <= rate <= MAX_RATE]:
        raise FineVLAError(f"training.rates.{odd[0]} is {rates[odd[0]]:g}; it must be 0 to {MAX_RATE:g}")
    made: TrainingOptions = read_entries(TrainingOptions, entries, "training", lora=lora, rates=rates)
    if made.rate == 0.0 and made.backbone_rate == 0.0:
        raise FineVLAError("training.rate and training.backbone_rate are both 0, so that nothing would be learned")
    if made.lora.rank and made.backbone_rate == 0.0 and not any(made.rates.values()):
        raise FineVLAError(
            "training.lora is there and training.backbone_rate is 0, so that its adapters would not learn: leave lora out, or "
            "give a rate"
        )
    return made
