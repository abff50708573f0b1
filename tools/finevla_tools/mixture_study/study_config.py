"""What a mixture study is: a run's configuration, and the ratios, heads and seeds that replace its own; one cell for each.

Every wrong entry of its file is refused in one sentence, before torch is loaded.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.text_files import read_yaml
from finevla_sim.tasks import TASKS
from finevla_tools.evaluation.scene_counts import QUICK, Size
from finevla_tools.steerbench.benchmark_settings import ROUNDS
from finevla_tools.training.config import ANSWERS, VLARunConfig, load_run_config
from finevla_tools.training.config_entries import check_names, mapping_of, names_of, read_entries, said, value_of
from finevla_tools.training.mixture import ALSO, MIXES

RATIOS = tuple(reversed(tuple(MIXES)))  # raw goals alone first
WIDEST = "1:1"  # tells every frame in both ways, so that it needs all that any other needs
STEERBENCH, EVALUATE = "steerbench", "evaluate"
OWN = {STEERBENCH: ("rounds", "level"), EVALUATE: ("pairs", "tasks", "hard", "held_out")}
LEVELS = {"easy": ("easy",), "hard": ("hard",), "both": ("easy", "hard")}
MOST = {"rounds": ROUNDS, "pairs": 1000, "tasks": 1000, "hard": 1000, "held_out": 1000}


@dataclass(frozen=True)
class StudyEvaluation:
    """How each policy is tried: `rounds` of SteerBench on a `level`, or scenes of `finevla evaluate`; `only` names tasks."""

    by: str = STEERBENCH
    rounds: int = 5
    level: str = "easy"
    pairs: int = QUICK.pairs
    tasks: int = QUICK.tasks
    hard: int = 0
    held_out: int = QUICK.held_out
    only: tuple[str, ...] = ()

    @property
    def size(self) -> Size:
        """Numbers of scenes, as `finevla evaluate` has them."""
        return Size(self.pairs, self.tasks, self.hard, self.held_out)

    def plain(self) -> dict[str, Any]:
        """Return what decides the trials, as JSON knows it."""
        return {"by": self.by, "only": list(self.only)} | {name: getattr(self, name) for name in OWN[self.by]}


@dataclass(frozen=True)
class StudyCell:
    """One policy of a study: its place in the table, and the configuration that it is trained by."""

    head: str
    ratio: str
    seed: int
    config: VLARunConfig

    @property
    def name(self) -> str:
        """Name of the cell's folder."""
        return f"{self.head}_{self.ratio.replace(':', 'to')}_seed{self.seed}"

    @property
    def text(self) -> str:
        """Name of the cell for people."""
        return f"{self.head} {self.ratio} seed {self.seed}"


@dataclass(frozen=True)
class MixtureStudy:
    """A study; `heads` maps names to the options of each head."""

    name: str
    base: VLARunConfig
    ratios: tuple[str, ...]
    heads: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    evaluation: StudyEvaluation = field(default_factory=StudyEvaluation)

    def cells(self) -> list[StudyCell]:
        """Return all cells, seed after seed: what is there when it is interrupted has whole curves first."""
        return [
            StudyCell(head, ratio, seed, self._config(head, ratio, seed))
            for seed in self.seeds
            for head in self.heads
            for ratio in self.ratios
        ]

    def widest(self, cell: StudyCell) -> StudyCell:
        """Return the cell with the mixture whose data do for all of the study's ratios."""
        ratio = WIDEST if len(self.ratios) > 1 else self.ratios[0]
        return StudyCell(cell.head, ratio, cell.seed, self._config(cell.head, ratio, cell.seed))

    def _config(self, head: str, ratio: str, seed: int) -> VLARunConfig:
        base, replace = self.base, dataclasses.replace
        policy = replace(base.policy, head=head, options=dict(self.heads[head]))
        return replace(
            base, policy=policy, data=replace(base.data, mix=ratio), training=replace(base.training, seed=seed)
        )


def load_study(path: Path) -> MixtureStudy:
    """Read the file of a study; raises `FineVLAError` that names the file, the entry and what is wrong."""
    try:
        return parse_study(read_yaml(path))
    except FineVLAError as error:
        raise error if str(path) in str(error) else error.retold(f"'{path}': {error}") from error


def parse_study(raw: Any) -> MixtureStudy:
    """Return the study in a file's content; raises `FineVLAError` that names the entry and what is wrong."""
    found = mapping_of(raw, "the file")
    check_names(found, ("name", "run", "ratios", "heads", "seeds", "evaluation"), ("name", "run"), "the file")
    name = value_of(found, "name", str, "")
    if Path(name).name != name:
        raise FineVLAError(f"name is {said(name)}; it becomes the name of a folder, give one without '/'")
    base = load_run_config(Path(value_of(found, "run", str, "")))
    heads = _heads(found.get("heads", [base.policy.head]), base)
    seeds = tuple(_listed(found.get("seeds", [base.training.seed]), "seeds"))
    if odd := [
        seed for seed in seeds if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 32
    ]:
        raise FineVLAError(f"seeds: {said(odd[0])} is none; give whole numbers from 0 on")
    evaluation = _evaluation(mapping_of(found.get("evaluation", {}), "evaluation"))
    return MixtureStudy(name, base, _ratios(found.get("ratios", list(RATIOS))), heads, seeds, evaluation)


def _ratios(raw: Any) -> tuple[str, ...]:
    ratios = []
    for value in _listed(raw, "ratios"):
        if isinstance(value, int):  # YAML 1.1 takes 1:1 without quotes for a number of base 60
            raise FineVLAError(f'ratios: {value} is none; put them in quotes, as ["1:1", "0:1"]')
        ratio = ALSO.get(str(value), str(value))
        if ratio not in MIXES:
            raise FineVLAError(f"ratios: {said(value)} is none; known are {', '.join((*MIXES, *ALSO))}, fine : raw")
        ratios.append(ratio)
    return tuple(_listed(ratios, "ratios"))


def _heads(raw: Any, base: VLARunConfig) -> dict[str, Mapping[str, Any]]:
    own = {base.policy.head: base.policy.options}
    if isinstance(raw, Mapping):
        heads = {str(head): mapping_of({} if some is None else some, f"heads.{head}") for head, some in raw.items()}
    else:
        heads = {head: own.get(head, {}) for head in _listed(names_of(raw, "heads"), "heads")}
    if not heads:
        raise FineVLAError("heads is empty; leave it out to take the run's")
    if ANSWERS in heads:
        raise FineVLAError(f"head '{ANSWERS}' makes no actions, so that it cannot be tried; name another")
    return dict(heads)


def _listed(raw: Any, where: str) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise FineVLAError(f"{where} must list at least one, not {said(raw)}")
    if doubled := [one for k, one in enumerate(raw) if one in raw[:k]]:
        raise FineVLAError(f"{where}: {said(doubled[0])} is there twice")
    return raw


def _evaluation(raw: Mapping[str, Any]) -> StudyEvaluation:
    by = raw.get("by", STEERBENCH)
    if by not in OWN:
        raise FineVLAError(f"evaluation.by: {unknown('way', by, OWN)}")
    check_names(raw, ("by", "only", *OWN[by]), (), f"evaluation by {by}")
    only = tuple(names_of(raw.get("only", []), "evaluation.only"))
    if odd := [task for task in only if task not in TASKS]:
        raise FineVLAError(f"evaluation.only: {unknown('task', odd[0], TASKS)}")
    entries = {key: value for key, value in raw.items() if key != "only"}
    made: StudyEvaluation = read_entries(StudyEvaluation, entries, "evaluation", only=only)
    for key in OWN[by]:
        value = getattr(made, key)
        least = 1 if key == "rounds" else 0
        if key in MOST and not least <= value <= MOST[key]:
            raise FineVLAError(f"evaluation.{key} is {value}; it must be between {least} and {MOST[key]}")
    if made.level not in LEVELS:
        raise FineVLAError(f"evaluation.level: {unknown('level', made.level, LEVELS)}")
    return made
