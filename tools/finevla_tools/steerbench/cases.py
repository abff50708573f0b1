"""The frozen cases of SteerBench: a pure function of its seed, written down, and checked again whenever one is run."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, fields
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.scene import LEVELS, Scene
from finevla_sim.scene_sampling import TEST_SEEDS
from finevla_sim.tasks import FACTORS, sample_goal
from finevla_tools.evaluation.trials import Case, Trial, trials_at
from finevla_tools.steerbench.benchmark_settings import NAME, ROUNDS, SEED, SETTINGS, VERSION

FIRST_SEED = TEST_SEEDS + 2_000_000  # behind those of `finevla evaluate`; used for nothing else
SEEDS_PER_VERSION, SEEDS_PER_LEVEL, SEEDS_PER_SETTING, TRIES = 100_000_000, 10_000_000, 100_000, 200
DIGITS = 6  # of a scene's numbers in its digest: the last ones differ between processors
DRAWS = 100  # goals that a trial's chance is counted in


@dataclass(frozen=True)
class SteerCase:
    """One frozen scene: which round of which setting and level, its task, its seed, and a digest of what that gives."""

    setting: str
    level: str
    number: int
    task: str
    seed: int
    digest: str

    @property
    def key(self) -> str:
        """Text that identifies the case within a version: level/setting/number."""
        return f"{self.level}/{self.setting}/{self.number}"

    @property
    def case(self) -> Case:
        """The case as `finevla evaluate` has it."""
        return Case(SETTINGS[self.setting].kind, self.task, self.number)


def frozen_text() -> str:
    """Return the file of the frozen cases, as it is in the package."""
    return (files("finevla_tools.steerbench") / f"version_{VERSION}.csv").read_text(encoding="utf-8")


def cases_sha256() -> str:
    """Return the SHA-256 of the frozen cases, which every result carries."""
    return hashlib.sha256(frozen_text().encode()).hexdigest()


@lru_cache(maxsize=1)
def frozen_cases() -> tuple[SteerCase, ...]:
    """Return all frozen cases, round by round: in each round one of each setting and level."""
    rows = csv.DictReader(io.StringIO(frozen_text()))
    return tuple(
        SteerCase(r["setting"], r["level"], int(r["number"]), r["task"], int(r["seed"]), r["digest"]) for r in rows
    )


def draw_cases(ik: ArmIK, rounds: Iterable[int] = range(ROUNDS), seed: int = SEED) -> Iterator[SteerCase]:
    """Draw the cases of some rounds anew: the first seeds of each whose goals can be reached. Raises `FineVLAError`."""
    for number in rounds:
        for place, setting in enumerate(SETTINGS.values()):
            for height, level in enumerate(LEVELS):
                dice = np.random.default_rng([seed, place, height, number])
                task = str(dice.choice(setting.tasks))
                first = FIRST_SEED + (seed - SEED) * SEEDS_PER_VERSION + height * SEEDS_PER_LEVEL
                first += place * SEEDS_PER_SETTING + number * TRIES
                yield _first_solvable(SteerCase(setting.name, level, number, task, first, ""), ik)


def cases_text(cases: Iterable[SteerCase]) -> str:
    """Return cases as the text of their file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(SteerCase)])
    writer.writerows(astuple(case) for case in cases)
    return text.getvalue()


def steer_trials(case: SteerCase, ik: ArmIK) -> tuple[Scene, list[Trial]]:
    """Return the scene and the trials of a frozen case.

    Raises:
        FineVLAError: The case cannot be solved here, or its scene or words are not the frozen ones.
    """
    found = trials_at(case.case, case.seed, case.level, ik)
    if found is None:
        raise FineVLAError(
            f"case '{case.key}' of {NAME} {VERSION} cannot be solved with this robot's files: no arm gets to what is asked "
            "for; put urdf/ and config/ back to those of the release"
        )
    if (digest := digest_of(*found)) != case.digest:
        raise FineVLAError(
            f"case '{case.key}' is not that of {NAME} {VERSION} (digest {digest}, frozen {case.digest}): the simulator's "
            "scenes or sentences were changed, so results could not be compared; use the release's, or make a new version"
        )
    return found


def digest_of(scene: Scene, trials: list[Trial]) -> str:
    """Return 12 hexadecimal digits of all that a scene and its trials are, numbers to `DIGITS` places."""
    plain = _rounded({"scene": asdict(scene), "trials": [[asdict(t.goal), t.text, t.told] for t in trials]})
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def chance(scene: Scene, trial: Trial, factors: Iterable[str]) -> float:
    """Return how often a goal drawn at random in the scene happens to have the factors as this trial is told them."""
    names, dice = [FACTORS[factor] for factor in factors], np.random.default_rng([scene.seed, trial.member, DRAWS])
    drawn = [sample_goal(scene, dice) for _ in range(DRAWS)]
    return sum(all(getattr(goal, n) == getattr(trial.goal, n) for n in names) for goal in drawn) / DRAWS


def _first_solvable(case: SteerCase, ik: ArmIK) -> SteerCase:
    for seed in range(case.seed, case.seed + TRIES):
        if found := trials_at(case.case, seed, case.level, ik):
            return SteerCase(case.setting, case.level, case.number, case.task, seed, digest_of(*found))
    raise FineVLAError(f"no scene for case '{case.key}' among {TRIES} seeds; this is a mistake in the benchmark")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return round(float(value), DIGITS) + 0.0 if isinstance(value, (float, np.floating)) else value
