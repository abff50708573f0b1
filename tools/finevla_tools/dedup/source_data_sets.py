"""Data sets that trajectories come from: LeRobot's of v2.0 to v3.0, and folders of unified episodes, ours and FineVLA's.

Opening reads metadata alone; what of an episode's own file is wrong is found by `trajectory_loading`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json
from finevla_tools.canonical.convert import RECORD_FILE
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import AUTOMATIC, Given, settle
from finevla_tools.canonical.unified_files import META_FILE, read_meta
from finevla_tools.canonical.unified_values import Targets
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, open_dataset

ARMS = ("left", "right")
STATE = "observation.state"
SPACES = {"eef": ("eef", "gripper"), "joint": ("joint", "gripper")}  # what of an arm's slots each space compares


@dataclass(frozen=True)
class EpisodeRequest:
    """What to take of each episode: `space` eef or joint, of `arms`, from `origin` state or action, at `fps` if given."""

    space: str = "eef"
    arms: tuple[str, ...] = ARMS
    origin: str = "state"
    fps: float | None = None
    max_frames: int = 20_000
    compat: bool = False  # FineVLA's reading of poses in several parts
    grippers: Given = AUTOMATIC  # their scale


@dataclass(frozen=True)
class DedupSource:
    """One opened data set. `map` None: `files` are no LeRobot rows but unified episodes, or values compared as they are.

    `targets` are those of unified episodes; `files` is None where such a folder does not lie in its data set.
    """

    name: str
    root: Path
    fps: float | None
    episodes: tuple[EpisodeFile, ...]
    files: LeRobotFiles | None
    map: FieldMap | None = None
    targets: Targets | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_unified(self) -> bool:
        """Whether the source is a folder of unified episodes (80 values per frame)."""
        return self.targets is not None

    def reader(self) -> "DedupSource":
        """The same without its lists: what a worker needs, small enough to be sent with each episode."""
        files = None if self.files is None else replace(self.files, episodes=(), task_table={}, problems=())
        return replace(self, episodes=(), files=files, problems=(), notes=())


@dataclass(frozen=True)
class Entry:
    """One episode of one of the sources; `dropped` is why it is left out before it is read."""

    id: str
    source: int
    file: EpisodeFile
    dropped: str = ""
    forced: bool = False

    @property
    def episode(self) -> int:
        """Episode index in its data set."""
        return self.file.index


def open_sources(roots: Sequence[Path], wanted: EpisodeRequest, given_map: str | None) -> tuple[DedupSource, ...]:
    """Raises `FineVLAError` for what is no data set, has not what is wanted, or would be compared at different rates."""
    if not roots:
        raise FineVLAError("no data set is named")
    if len({root.resolve() for root in roots}) != len(roots):
        twice = next(root for root in roots if [r.resolve() for r in roots].count(root.resolve()) > 1)
        raise FineVLAError(f"'{twice}' is named twice")
    opened = [_open(root, name, wanted, given_map) for root, name in zip(roots, _names(roots), strict=True)]
    if empty := [source for source in opened if not source.episodes]:
        raise FineVLAError(f"'{empty[0].root}' has no episodes")
    return tuple(opened)


def check_rates(sources: Sequence[DedupSource], fps: float | None) -> None:
    """Raise `FineVLAError` if trajectories of different frame rates would be compared, or a rate is not known."""
    known = {source.fps for source in sources}
    if fps is not None:
        if unknown := [source for source in sources if source.fps is None]:
            raise FineVLAError(f"'{unknown[0].root}' does not say its frame rate: --fps cannot be made of it")
    elif len(known) > 1:
        said = ", ".join(f"{s.name} {'?' if s.fps is None else f'{s.fps:g}'}" for s in sources)
        raise FineVLAError(
            f"the data sets have different frame rates ({said}); --fps N resamples them all, --by dataset keeps them apart"
        )


def entries_of(sources: Sequence[DedupSource]) -> list[Entry]:
    """All episodes of all sources, in order."""
    return [
        Entry(f"{source.name}/{file.name}", number, file)
        for number, source in enumerate(sources)
        for file in source.episodes
    ]


def _open(root: Path, name: str, wanted: EpisodeRequest, given_map: str | None) -> DedupSource:
    if _is_unified(root):
        return _open_unified(root, name, wanted)
    files = open_dataset(root)
    source = DedupSource(name, root, files.fps, files.episodes, files, problems=files.problems)
    try:
        # Poses of the tool point, whichever frame a data set's own are of: data sets are compared with each other.
        fields = choose_map(files, given_map, wanted.compat, own_tip=False)
    except FineVLAError:
        if given_map or wanted.space != "joint" or STATE not in files.features:
            raise
        note = f"{name} has no field map: {_column(wanted)} is taken as one arm's joints, its last value as the gripper"
        return replace(source, notes=(note,))
    fields = _reduced(fields, wanted, root)
    fields = fields if wanted.compat else settle(files, fields, wanted.grippers)
    return replace(source, map=fields, notes=tuple(f"{name}: {sentence}" for sentence in fields.told))


def _open_unified(root: Path, name: str, wanted: EpisodeRequest) -> DedupSource:
    """A folder of unified episodes; tasks and rate are those of the data set around it, or of our record."""
    targets = read_meta(root / META_FILE) if (root / META_FILE).is_file() else Targets()
    form = targets.as_dict()[f"{wanted.space}_{wanted.origin}"]
    if not form.startswith("abs_"):
        raise FineVLAError(f"'{root}': its {wanted.space} {wanted.origin}s are {form}, absolute ones are compared")
    paths = {int(p.stem[8:]): p for p in sorted(root.glob("episode_*.parquet")) if p.stem[8:].isdecimal()}
    around = open_dataset(root.parent) if (root.parent / "meta" / "info.json").is_file() else None
    known: Mapping[int, EpisodeFile] = {e.index: e for e in around.episodes} if around else {}
    episodes = tuple(
        replace(known[i], path=paths[i], is_shared=False) if i in known else EpisodeFile(i, paths[i], None, None)
        for i in sorted(paths)
    )
    problems = () if around is None else around.problems
    if missing := sorted(set(known) - set(paths)):
        problems += (f"'{root}' lacks episodes of its data set: {len(missing)}, the first is {missing[0]}",)
    fps = around.fps if around else _recorded_rate(root)
    return DedupSource(name, root, fps, episodes, around, targets=targets, problems=problems)


def _is_unified(root: Path) -> bool:
    return not (root / "meta" / "info.json").is_file() and (
        (root / META_FILE).is_file() or next(root.glob("episode_*.parquet"), None) is not None
    )


def _recorded_rate(root: Path) -> float | None:
    record = read_json(root / RECORD_FILE) if (root / RECORD_FILE).is_file() else None
    fps = record.get("fps") if isinstance(record, dict) else None
    return float(fps) if isinstance(fps, int | float) and 0 < fps <= 10_000 else None


def _reduced(fields: FieldMap, wanted: EpisodeRequest, root: Path) -> FieldMap:
    """The map's part that is needed: what else is in the columns may be broken."""
    computed = tuple(way for way in fields.forward if way.slot.split("_")[0] in wanted.arms)
    parts = SPACES[wanted.space]
    if wanted.space == "joint":
        computed = ()
    needed = {f"{arm}_{part}" for arm in wanted.arms for part in (*parts, *(("joint",) if computed else ()))}

    def cut(some: Sequence[Field]) -> tuple[Field, ...]:
        return tuple(field for field in some if field.slot in needed)

    made = replace(fields, state=cut(fields.state), action=cut(fields.action), forward=computed)
    if wanted.origin == "state":
        made = replace(made, action=())
    there = {f.slot for f in getattr(made, wanted.origin)}
    there |= {way.slot for way in computed if way.slot.replace("_eef", "_joint") in there}
    if not any(f"{arm}_{parts[0]}" in there for arm in wanted.arms):
        what = "end-effector poses" if wanted.space == "eef" else "joints"
        other = ", --space joint compares joints" if wanted.space == "eef" and _has_joints(fields, wanted) else ""
        raise FineVLAError(
            f"'{root}': field map '{fields.name}' has no {what} of the {' or '.join(wanted.arms)} arm in the "
            f"{wanted.origin}; give another --map or --arms{other}"
        )
    return made


def _has_joints(fields: FieldMap, wanted: EpisodeRequest) -> bool:
    return any(f.slot == f"{arm}_joint" for f in getattr(fields, wanted.origin) for arm in wanted.arms)


def _column(wanted: EpisodeRequest) -> str:
    return STATE if wanted.origin == "state" else "action"


def _names(roots: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of the folders above as tell them apart; `unified_output` is nobody's name."""
    parts = [root.resolve().parts[1:] for root in roots]
    parts = [p[:-1] if p[-1:] == ("unified_output",) and len(p) > 1 else p for p in parts]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(p[-depth:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    counts = Counter(names)
    return [f"{name}:{k}" if counts[name] > 1 else name for k, name in enumerate(names)]
