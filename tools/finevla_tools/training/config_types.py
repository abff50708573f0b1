"""What a run is made of: the policy, its samples, the data sets and the training, as frozen dataclasses.

Their fields are the entries of the configuration, which `training.config` reads and checks; no torch is imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.images import ImageFormat
from finevla_tools.datasets.gripper_and_joint_scales import AUTO


@dataclass(frozen=True)
class SampleOptions:
    """What a policy is given and answers.

    `cameras` maps its names of the robot's cameras to the keys that data sets have for them; chunks are `horizon` rows, `dt_s`
    apart. `state`: whether it is given the state. `actions` are "absolute", "relative" or "delta" (of joints; grippers stay
    absolute), `normalisation` one of `finevla_core.policy.transforms`. `prompt` are the settings of that transform of a bundle;
    empty: the instruction's own words.
    """

    embodiment: str
    cameras: Mapping[str, str]
    images: ImageFormat
    horizon: int
    dt_s: float
    state: bool = True
    actions: str = "absolute"
    normalisation: str = "quantile"
    prompt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PolicyOptions(SampleOptions):
    """What is trained, of samples that look like these.

    With `is_new` the backbone is made with random weights from the config.json in the folder `backbone`. `start` is a
    checkpoint to begin with, in place of a backbone.
    """

    head: str
    backbone: str = ""
    start: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = False
    max_tokens: int = 1024


@dataclass(frozen=True)
class SourceSet:
    """A data set of a run and how it is read.

    `weight` is its share of the samples beside the other sets'; `kept` are tables of decisions (`finevla clean`, `finevla
    dedup`) that leave episodes out; `cameras` its keys by the policy's names, where they are not those of the policy; `map`,
    `gripper` and `gripper_action` say what its columns mean, as `finevla canonicalise` and `finevla convert` take them.
    """

    path: Path
    weight: float = 1.0
    kept: tuple[Path, ...] = ()
    cameras: Mapping[str, str] = field(default_factory=dict)
    map: str = ""
    gripper: str = AUTO
    gripper_action: str = ""


@dataclass(frozen=True)
class LanguageRates:
    """Probabilities of a sample's words: `drop` none at all; `factors`, of those with words, the raw goal with its factors
    in words; `paraphrase`, of the others, another wording of what they would be told; `thoughts`, of all: the model says the
    step that it is at before it acts (head `instruct`)."""

    drop: float = 0.0
    paraphrase: float = 0.0
    factors: float = 0.0
    thoughts: float = 0.0


@dataclass(frozen=True)
class QuestionOptions:
    """Questions about pictures beside actions: `ratio` of all batches; of `vqa` rows of the sets, and of `path` if given."""

    ratio: float = 0.0
    path: Path | None = None


@dataclass(frozen=True)
class DataOptions:
    """What is learned from and in which words: `mix` fine to raw, `language` what replaces either.

    `unreviewed`: drafts of annotations count, too. `validation` is the share of each set's episodes that is held out. `vlm`
    are questions beside actions. `cache` is the folder of decoded pictures.
    """

    sets: tuple[SourceSet, ...]
    mix: str = "1:1"
    language: LanguageRates = LanguageRates()
    unreviewed: bool = False
    validation: float = 0.05
    vlm: QuestionOptions = QuestionOptions()
    cache: Path = Path("out/cache")


@dataclass(frozen=True)
class LoRAOptions:
    """Low-rank adapters on the backbone's linear layers (Hu et al. 2021); rank 0 = none, the whole backbone is trained."""

    rank: int = 0
    alpha: int = 32
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class TrainingOptions:
    """How it is trained. `batch` samples are taken by each process `accumulate` times a step; `rate` is the head's,
    `backbone_rate` 0 keeps the backbone as it is, `rates` are those of modules by a part of their names, which go before both
    (0: as it is); `warmup` is a share of `steps`, `keep` a number of checkpoints."""

    steps: int
    batch: int = 16
    accumulate: int = 1
    rate: float = 1e-4
    backbone_rate: float = 1e-5
    rates: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    warmup: float = 0.05
    clip: float = 1.0
    ema: float = 0.0
    precision: str = "fp32"
    lora: LoRAOptions = LoRAOptions()
    checkpointing: bool = False
    fsdp: bool = False
    seed: int = 0
    save_every: int = 500
    validate_every: int = 500
    log_every: int = 10
    keep: int = 3
    workers: int = 1
