"""The folder of a run of `finevla train CONFIG`: where its checkpoints lie. No torch here."""

from pathlib import Path

from finevla_core.errors import FineVLAError

CHECKPOINTS, RUN_FILE, POLICY_FILE, AVERAGE = "checkpoints", "run.yaml", "policy.yaml", "ema"


def checkpoint_steps(run: Path) -> list[int]:
    """Return the steps of which a run has checkpoints, the newest last; none for what is no run."""
    folder = run / CHECKPOINTS
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(int(path.name) for path in found if path.name.isdecimal() and (path / POLICY_FILE).is_file())


def checkpoint_of(run: Path, step: int) -> Path:
    """Return the folder of a run's checkpoint of `step`, which need not be there."""
    return run / CHECKPOINTS / str(step)


def newest_checkpoint(run: Path, step: int | None = None) -> Path:
    """Return the folder of a run's newest checkpoint, or of that of `step`; raises `FineVLAError` if there is none."""
    steps = checkpoint_steps(run)
    if not steps:
        raise FineVLAError(f"'{run}' has no checkpoint of 'finevla train CONFIG'; give the folder that --out named")
    if step is not None and step not in steps:
        raise FineVLAError(f"'{run}' has no checkpoint of step {step}; there are {', '.join(map(str, steps))}")
    return checkpoint_of(run, steps[-1] if step is None else step)
