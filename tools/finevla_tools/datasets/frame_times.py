"""Whether the time stamps of a data set's rows run at the rate that its metadata say."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError

if TYPE_CHECKING:
    import pyarrow as pa

    from finevla_tools.datasets.lerobot_files import LeRobotFiles

STAMPS = "timestamp"
OFF_RATE = 0.1  # share by which a rate may differ: drivers drop frames, but not so many
IMPOSSIBLE = 10.0  # times: no recorder is so far from its own rate
UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
SAME = 0.2  # share by which times may differ from those of a unit
LOOKED_AT = 20  # episodes by which the rate of all is judged


def usual_step_s(stamps: NDArray[np.floating]) -> float:
    """Return the usual time from row to row, s; NaN where stamps `(T,)` do not say one."""
    steps = np.diff(np.asarray(stamps, np.float64))
    steps = steps[np.isfinite(steps)]
    step = float(np.median(steps)) if len(steps) else np.nan
    return step if step > 0 else np.nan


def impossible_times(stamps: NDArray[np.floating], fps: float) -> str:
    """Return a sentence where no robot's frames are as far apart as stamps `(T,)` say, with what mends it; else nothing."""
    step_s = usual_step_s(stamps)
    times = step_s * fps
    if not np.isfinite(times) or 1 / IMPOSSIBLE < times < IMPOSSIBLE:
        return ""
    unit = next((name for name, size in UNITS.items() if abs(times / size - 1) < SAME), "")
    mend = f"they are in {unit}: write the column in seconds" if unit else "correct the column, or 'fps' there"
    return (
        f"its rows are {step_s:.4g} s apart by column '{STAMPS}', {1 / fps:.4g} s are due at the {fps:g} frames per second "
        f"of meta/info.json; {mend}"
    )


def refuse_impossible_times(table: "pa.Table", fps: float, where: str) -> None:
    """Raise `DamagedFileError` beginning with `where` if the rows' times cannot be true; rows without any are counted."""
    if (stamps := _stamps(table)) is not None and (said := impossible_times(stamps, fps)):
        raise DamagedFileError(f"{where}: {said}")


def other_rate(dataset: "LeRobotFiles") -> str:
    """Return a sentence where rows run at another rate than the data set says, by its first episodes; else nothing."""
    for episode in dataset.episodes[:LOOKED_AT]:
        try:
            stamps = _stamps(dataset.read(episode, (STAMPS,)))
        except Exception:  # whatever it is, it costs this episode when it is read
            continue
        rate = np.nan if stamps is None else 1 / usual_step_s(stamps)
        if np.isfinite(rate) and abs(rate / dataset.fps - 1) > OFF_RATE:
            return (
                f"the rows of {episode.name} come {rate:.3g} times a second by column '{STAMPS}', meta/info.json says "
                f"{dataset.fps:g}; speeds and times are wrong if that is not corrected"
            )
    return ""


def _stamps(table: "pa.Table") -> NDArray[np.floating] | None:
    import pyarrow as pa

    if STAMPS not in table.column_names:
        return None
    column = table.column(STAMPS)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)) or column.null_count:
        return None  # what it holds instead is told where times are needed
    return np.asarray(column.to_numpy(), np.float64)
