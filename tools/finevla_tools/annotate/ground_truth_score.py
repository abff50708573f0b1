"""Motion facts held against the truth that simulated demonstrations carry: precision and recall of each slot."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json_lines
from finevla_tools.annotate.motion_facts import ArmFacts, MotionFacts

if TYPE_CHECKING:
    from finevla_tools.annotate.draft import AnnotatedEpisode

EPISODES_FILE = "meta/finevla_episodes.jsonl"
WITHIN_S = 0.15  # an edge of a phase
EVENT_S = 0.2  # an event of a gripper: two frames of the simulator's 10 Hz
SAME_S = 0.5  # a closing is looked for within this time
EPSILON_S = 1e-6
GRASPS = {"sideways": "left and right side", "lengthways": "front and back"}


class Tally:
    """Counts per slot: what is true, what was said, and what of that was right."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.wrong: dict[str, list[str]] = defaultdict(list)

    def add(self, slot: str, true: str, said: str, where: str) -> None:
        """Count one slot of one episode; "" is nothing."""
        count = self.counts[slot]
        count[0] += bool(true)
        count[1] += bool(said)
        count[2] += bool(true) and true == said
        if true != said:
            self.wrong[slot].append(f"{where}: true {true or '-'}, said {said or '-'}")

    def lines(self) -> Iterator[str]:
        """Yield a table of it, one line per slot."""
        yield f"{'slot':28s} {'true':>6s} {'said':>6s} {'right':>6s}  precision   recall"
        for slot in sorted(self.counts):
            true, said, right = self.counts[slot]
            share = [f"{right / count:8.2%}" if count else "       -" for count in (said, true)]
            yield f"{slot:28s} {true:6d} {said:6d} {right:6d}   {share[0]} {share[1]}"


class Score:
    """The truth of a data set's episodes, and the tally of what was said of them."""

    def __init__(self, truth: Mapping[int, Mapping[str, Any]]) -> None:
        self.truth, self.tally, self.seen = truth, Tally(), 0

    @classmethod
    def of(cls, root: Path) -> "Score":
        """Read what is true; raises `FineVLAError` for a data set that does not say it."""
        path = root / EPISODES_FILE
        rows = read_json_lines(path)[0] if path.is_file() else []
        truth = {row["episode_index"]: row["truth"] for row in rows if isinstance(row.get("truth"), dict)}
        if not truth:
            raise FineVLAError(
                f"--score: '{root}' does not say what is true of its motions ({EPISODES_FILE}, 'truth'); only data sets that "
                "'finevla demonstrate' of this version writes do"
            )
        return cls(truth)

    def watch(self, made: Iterable["AnnotatedEpisode"]) -> Iterator["AnnotatedEpisode"]:
        """Yield the episodes as they come, and count each."""
        for episode in made:
            if episode.facts is not None and episode.index in self.truth:
                compare(self.tally, self.truth[episode.index], episode.facts, f"episode {episode.index}")
                self.seen += 1
            yield episode

    def lines(self) -> Iterator[str]:
        """Yield what is to be printed."""
        yield f"{self.seen} episodes against the simulator's truth; edges within {WITHIN_S} s, events within {EVENT_S} s"
        yield from self.tally.lines()


def compare(tally: Tally, truth: Mapping[str, Any], facts: MotionFacts, where: str) -> None:
    """Add one episode to the counts; `truth` is as `finevla_sim.gripper_truth.truth_of` makes it."""
    acting = "+".join(arm.side for arm in facts.acting)
    tally.add("active_actor", truth["arm"], acting, where)
    arm = facts.arms.get(truth["arm"])
    if arm is None:
        return
    if truth.get("moves_s"):
        for name, true_s, said_s in zip(("begins", "ends"), truth["moves_s"], arm.moves_s or (None, None), strict=True):
            _edge(tally, f"edge: motion {name}", true_s, said_s, where)
    _events(tally, truth["closings"], arm, where)
    came = next((grasp.approach for grasp in arm.grasps if grasp.is_try), arm.reach)
    if truth["approach"]:
        tally.add("approach_direction", truth["approach"], "" if came is None else came.side, where)
    if truth["grasp"] and came is not None:
        tally.add("contact_region", GRASPS[truth["grasp"]], came.fingers, where)
    turns = [grasp.turn.sense for grasp in arm.grasps if grasp.turn is not None]
    tally.add("rotation_direction", truth["turn"], turns[-1] if turns else "", where)
    if truth["path"] in ("over", "round"):
        shapes = [grasp.carry.shape for grasp in arm.grasps if grasp.carry is not None and not grasp.failed]
        tally.add("path_shape", truth["path"], shapes[-1] if shapes else "", where)
    for number in range(max(truth["retries"], arm.retries)):
        tally.add("retry", "yes" if number < truth["retries"] else "", "yes" if number < arm.retries else "", where)


def _events(tally: Tally, closings: list[Mapping[str, Any]], arm: ArmFacts, where: str) -> None:
    rest = list(arm.grasps)
    for closing in closings:
        at = f"{where} at {closing['end_s']:.1f} s"
        found = next((g for g in rest if abs(g.close.begin_s - closing["begin_s"]) < SAME_S), None)
        if found is None:
            tally.add("event: gripper closes", "yes", "", at)
            continue
        rest.remove(found)
        tally.add("event: gripper closes", "yes", _yes(found.close.end_s, closing["end_s"], EVENT_S), at)
        _edge(tally, "edge: grasp begins", closing["begin_s"], found.close.begin_s, at)
        _edge(tally, "edge: grasp ends", closing["end_s"], found.close.end_s, at)
        is_kept = closing["held"] and not closing["lost"]
        tally.add("held or not", "held" if is_kept else "not", "not" if found.failed else "held", at)
        opened = found.open
        if closing["opened_s"] is not None:
            begin_s, end_s = (None, None) if opened is None else (opened.begin_s, opened.end_s)
            tally.add("event: gripper opens", "yes", _yes(begin_s, closing["opened_s"], EVENT_S), at)
            _edge(tally, "edge: release begins", closing["opened_s"], begin_s, at)
            _edge(tally, "edge: release ends", closing["opened_end_s"], end_s, at)
            if is_kept and closing["left_s"] is not None:
                inside = begin_s is not None and end_s is not None and (
                    begin_s - EVENT_S - EPSILON_S <= closing["left_s"] <= end_s + EVENT_S + EPSILON_S
                )  # fmt: skip
                tally.add("event: last touch in release", "yes", "yes" if inside else "", at)
        if closing["lift_s"] is not None and found.close.held:
            lifts = [p.from_s for p in arm.phases if p.name == "lift" and p.from_s >= closing["end_s"] - SAME_S / 2]
            _edge(tally, "edge: lift begins", closing["lift_s"], lifts[0] if lifts else None, at)
    for grasp in rest:
        tally.add("event: gripper closes", "", "yes", f"{where} at {grasp.close.end_s:.1f} s")


def _yes(said_s: float | None, true_s: float, within_s: float) -> str:
    return "yes" if said_s is not None and abs(said_s - true_s) <= within_s + EPSILON_S else ""


def _edge(tally: Tally, name: str, true_s: float, said_s: float | None, where: str) -> None:
    right = _yes(said_s, true_s, WITHIN_S)
    tally.add(name, f"{true_s:.2f}", f"{true_s:.2f}" if right else ("" if said_s is None else f"{said_s:.3f}"), where)
