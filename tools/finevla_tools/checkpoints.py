"""Where the checkpoints of a run of `finevla train CONFIG` lie."""

from pathlib import Path

from finevla_core.errors import FineVLAError

CHECKPOINTS_FOLDER, POLICY_FILE, RUN_FILE = "checkpoints", "policy.yaml", "run.yaml"


def is_vla_run(run: Path) -> bool:
    """Return whether a folder is a run with at least one checkpoint of a vision-language-action policy."""
    return bool(_steps(run))


def newest_checkpoint(run: Path, step: int | None = None) -> Path:
    """Return the folder of a run's newest checkpoint, or of that of `step`; raises `FineVLAError` if there is none."""
    steps = _steps(run)
    if not steps:
        raise FineVLAError(f"'{run}' has no checkpoint of 'finevla train CONFIG'; give the folder that --out named")
    if step is not None and step not in steps:
        raise FineVLAError(f"'{run}' has no checkpoint of step {step}; there are {', '.join(map(str, steps))}")
    return run / CHECKPOINTS_FOLDER / str(steps[-1] if step is None else step)


def _steps(run: Path) -> list[int]:
    folder = run / CHECKPOINTS_FOLDER
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal() and (p / POLICY_FILE).is_file())
