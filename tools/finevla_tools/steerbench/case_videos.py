"""Videos of SteerBench's cases: the trials of a case side by side; a policy that fails while it is filmed has none."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from finevla_tools.evaluation.pair_videos import write_video
from finevla_tools.evaluation.runner import Trier
from finevla_tools.steerbench.benchmarked_policies import Contestant
from finevla_tools.steerbench.cases import SteerCase, steer_trials
from finevla_tools.steerbench.result_pages import videos_to_show
from finevla_tools.steerbench.runner import TrialHang, load_trier, time_limit
from finevla_tools.work.parallel_map import Once, over


def write_films(
    contestant: Contestant, cases: Sequence[SteerCase], count: int, folder: Path, processes: int, limit_s: float
) -> list[SteerCase]:
    """Run the first `count` cases of each setting again and film them; return those that have a video.

    Existing videos are kept. The oracle shows no motion on the way and gets none.
    """
    if contestant.role == "oracle":
        return []
    wanted = videos_to_show(cases, count, folder)
    todo = [(case, path) for case, path in wanted if not path.is_file()]
    if todo:
        (folder / "videos").mkdir(exist_ok=True)
        film = Once(partial(load_trier, contestant, limit_s), partial(_film, contestant.role, limit_s))
        for _ in over(film, todo, min(processes, len(todo)), in_order=False, is_apart=True, died=lambda _: None):
            pass
    return [case for case, path in wanted if path.is_file()]


def _film(role: str, limit_s: float, trier: Trier, item: tuple[SteerCase, Path]) -> None:
    case, path = item
    scene, trials = steer_trials(case, trier.ik)
    try:
        with time_limit(limit_s * len(trials)):
            write_video(trier, role, scene, trials, path)
    except (TrialHang, Exception):  # counted where it was scored; the page shows the others
        return
