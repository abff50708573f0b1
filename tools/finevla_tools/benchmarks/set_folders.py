"""Where the files of a set lie: the folders that the published instructions clone it to, and under which names.

Folders and names differ between the published instructions, which have changed.
"""

from collections.abc import Iterator
from pathlib import Path

from finevla_core.errors import FineVLAError

SETS, QUESTIONS, FACTS = "EvalSets.json", "QAEvalSets.json", "GT_AtomicFacts.jsonl"
CARD = "benchmark.json"  # of what 'finevla bench make' wrote: beside its parts
CLONES = ("", "EvalData", "Eval_Set")  # of the newer and of the older instructions
VIDEOS = ("Videos", "videos")  # both cases are in use


def set_folder(folder: Path) -> Path:
    """Return the folder in which a set's files lie: `folder`, or the one in it that the data set was cloned to."""
    return next((folder / name for name in CLONES if (folder / name / SETS).is_file()), folder)


def set_name(folder: Path) -> str:
    """Return what results on a set are called by: its folder; of a part of an own benchmark the benchmark, too."""
    folder = folder.resolve()
    is_part = (folder.parent / CARD).is_file()
    return f"{folder.parent.name}-{folder.name}" if is_part else folder.name


def facts_file(folder: Path) -> Path:
    """Return the file of a set's atomic facts, also one that is named after who extracted them.

    Raises:
        FineVLAError: There are several such.
    """
    path = folder / FACTS
    others = sorted(folder.glob(f"{path.stem}_*{path.suffix}"))
    if path.is_file() or not others:
        return path
    if len(others) > 1:
        names = ", ".join(other.name for other in others)
        raise FineVLAError(
            f"'{folder}' has several files of atomic facts ({names}); rename the one that counts to {FACTS}"
        )
    return others[0]


def video_files(folder: Path, dataset: str, sample_id: str, stems: tuple[str, ...]) -> Iterator[Path]:
    """Give the videos that there are of a sample's view, by any of its names.

    The folder of the sample's data set comes first; then any other, since older files call some data sets otherwise.
    """
    if not sample_id or any(Path(name).name != name or name == ".." for name in (sample_id, dataset)):
        return
    for base in (folder / clone / name for clone in CLONES for name in VIDEOS):
        if base.is_dir():
            others = sorted(path.name for path in base.iterdir() if path.is_dir() and path.name != dataset)
            for name in (dataset, *others):
                yield from (p for stem in stems if (p := base / name / sample_id / f"{stem}.mp4").is_file())
