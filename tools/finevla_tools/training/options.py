"""What samples are made of and what they look like, as plain options that were checked elsewhere or are checked here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from finevla_core.errors import FineVLAError, unknown
from finevla_core.images import ImageFormat
from finevla_core.manifest import MAX_HORIZON
from finevla_core.policy.transforms import ACTION_KINDS, NORMALISATIONS
from finevla_tools.datasets.units import AUTO
from finevla_tools.training.mixture import LanguageRates

ACTIONS = ("absolute", *ACTION_KINDS)


@dataclass(frozen=True)
class SampleOptions:
    """What a policy is given and answers.

    `cameras` are its names of the robot's cameras, and the keys that data sets have for them; chunks are `horizon` rows, `dt_s`
    apart. `state`: whether it is given the state. `actions` are "absolute", "relative" or "delta" (of joints; grippers stay
    absolute), `normalisation` one of `finevla_core.policy.transforms`. Raises `FineVLAError` for what cannot be.
    """

    embodiment: str
    cameras: Mapping[str, str]
    images: ImageFormat
    horizon: int
    dt_s: float
    state: bool = True
    actions: str = ACTIONS[0]
    normalisation: str = "quantile"

    def __post_init__(self) -> None:
        if self.actions not in ACTIONS:
            raise FineVLAError(unknown("kind of actions", self.actions, ACTIONS))
        if self.normalisation not in NORMALISATIONS:
            raise FineVLAError(unknown("normalisation", self.normalisation, NORMALISATIONS))
        if not self.cameras:
            raise FineVLAError("the policy has no cameras; name at least one")
        if not 1 <= self.horizon <= MAX_HORIZON:
            raise FineVLAError(f"horizon is {self.horizon}; it must be 1 to {MAX_HORIZON} rows")
        if not 0.0 < self.dt_s <= 10.0:
            raise FineVLAError(f"dt_s is {self.dt_s}; it must be above 0, at most 10 s")


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
class QuestionOptions:
    """Questions about pictures beside actions: `ratio` of all batches; of `vqa` rows of the sets, and of `path` if given."""

    ratio: float = 0.0
    path: Path | None = None


@dataclass(frozen=True)
class SourceOptions:
    """Where samples are from and in which words: `mix` fine to raw, `rates` what replaces either.

    `unreviewed`: drafts of annotations count, too. `validation` is the share of each set's episodes that is held out. `cache`
    is the folder of decoded pictures.
    """

    sets: tuple[SourceSet, ...]
    cache: Path
    mix: str = "1:1"
    rates: LanguageRates = field(default_factory=LanguageRates)
    unreviewed: bool = False
    validation: float = 0.0
    questions: QuestionOptions = field(default_factory=QuestionOptions)

    def __post_init__(self) -> None:
        if not self.sets:
            raise FineVLAError("no data set is named; 'sets' lists at least one path")
        if not 0.0 <= self.validation < 1.0:
            raise FineVLAError(f"validation is {self.validation}; it is the share of episodes held out, 0 to below 1")
