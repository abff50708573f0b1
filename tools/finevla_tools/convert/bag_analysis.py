"""First pass over a bag: stamps of everything, and what of it makes which frame."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core import alignment
from finevla_core.alignment import NONE, Choice, Ordinals, Stamps
from finevla_core.assembler import CLOCK_RESET_S, Assembler
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, ImageFormat, RawImage, to_policy_image
from finevla_core.observation import Observation
from finevla_core.plural_phrases import counted
from finevla_core.recording.label_contradiction import same_words
from finevla_core.time_units import NS_PER_S
from finevla_tools.convert import bag_notices, compressed_pictures, frame_grid
from finevla_tools.convert.bag_joint_topics import LEADER
from finevla_tools.convert.bag_stamps import StampCheck
from finevla_tools.convert.bag_stream import (
    CHECKED,
    LAST_NS,
    PLANNED,
    RECEIVED,
    SAID,
    STAMPS,
    BagMessage,
    BagRecording,
    JointReading,
    RecordedCommand,
    SpokenInstruction,
    camera_stream,
)
from finevla_tools.convert.episode import Picture
from finevla_tools.convert.frame_grid import Commands, Segment
from finevla_tools.convert.joint_angles import AUTO, JOINT_UNITS, RangeCheck
from finevla_tools.convert.task_labels import TaskTable, label_in

MODES, ACTIONS = ("fixed", "live"), ("commanded", "next", "chunk")
OBSERVED = "observation"
# Part of a step by which an observation may come early or late before it counts as a gap (live mode).
LIVE_JITTER = 0.5
SLOWER = 1.5  # times a frame's step: messages so far apart are of a slower stream
STALE_S = 60.0  # an instruction that was given longer before is worth a sentence
STAND_IN = RawImage("mono8", 1, 1, 1, b"\0")  # a picture that nobody looks at


@dataclass(frozen=True)
class BagOptions:
    """How frames are made of messages; the defaults refuse rather than bend.

    `fps` None is the robot file's observation rate. `max_skew_s` None is the robot file's. `max_repeats` is the share of
    frames that may show the same picture as the frame before.
    """

    mode: str = "fixed"
    fps: int | None = None
    images: str = "nearest"
    states: str = "nearest"
    max_skew_s: float | None = None
    gaps: str = "refuse"
    min_frames: int = 2
    max_repeats: float = 0.05
    actions: str = "commanded"
    max_hold_s: float = 0.5
    cameras: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    namespace: str | None = None
    task: str | TaskTable = ""
    stamps: str = STAMPS[0]
    state_topics: tuple[str, ...] = ()
    joint_unit: str = AUTO

    def __post_init__(self) -> None:
        for what, value, known in (
            ("mode", self.mode, MODES),
            ("images", self.images, alignment.IMAGE_POLICIES),
            ("states", self.states, alignment.POLICIES),
            ("gaps", self.gaps, frame_grid.GAPS),
            ("actions", self.actions, ACTIONS),
            ("stamps", self.stamps, STAMPS),
            ("joint unit", self.joint_unit, JOINT_UNITS),
        ):
            if value not in known:
                raise FineVLAError(f"{what} '{value}' is unknown; known are {', '.join(known)}")
        if self.mode == "live" and (self.fps, self.size, self.cameras) != (None, None, None):
            raise FineVLAError(
                "live mode makes what the ingest node makes: rate, size and cameras are the robot file's"
            )
        if self.mode == "live" and self.stamps == RECEIVED:
            raise FineVLAError("live mode makes what the ingest node makes, which goes by the messages' own stamps")


class BagAnalysis:
    """First pass over a bag: stamps of everything, and what of it makes which frame."""

    def __init__(self, recording: BagRecording, options: BagOptions) -> None:
        self.recording, self.options, self.embodiment = recording, options, recording.embodiment
        e = self.embodiment
        self.fps = options.fps or round(e.observation_rate_hz)
        self.step_ns = NS_PER_S // self.fps
        self.max_skew_ns = int((options.max_skew_s or e.max_skew_s) * NS_PER_S)
        self.cameras = [camera_stream(c) for c in recording.cameras]
        self._stamps: dict[str, array[int]] = {}
        self._ordinals: dict[str, array[int]] = {}
        self.odd_stamps: dict[str, int] = {}  # by stream, how many
        self._points: dict[str, tuple[array[int], array[int], array[int]]] = {}
        self.said: list[tuple[int, SpokenInstruction]] = []
        self.label = "" if options.task else label_in(recording.labels) or label_in(recording.custom)
        self.sizes: dict[str, tuple[int, int]] = {}
        self.broken_states = 0
        self._unstamped: Counter[str] = Counter()
        if options.mode == "live" and recording.parts:
            raise FineVLAError(bag_notices.not_live([part.topic for part in recording.parts]))
        self._problem = "a camera has no picture"
        self._ranges = RangeCheck(e)
        self.needs: dict[str, tuple[str, Ordinals]] = {}  # slot: stream, ordinal per frame
        self.weights: dict[str, NDArray[np.float64]] = {}  # by stream of joint states: of the later one of two
        self.points: dict[str, Ordinals] = {}  # by controller: which point of the command
        self.skews: dict[str, Stamps] = {}
        self.leaders = [part.stream for part in recording.leaders]
        self.is_led = False  # actions are where the leading arms were
        self._measured = {*self.cameras, *recording.state_streams}
        observed = self._scan()
        self.times = self._moments() if options.mode == "fixed" else observed
        self.segments = self._decide()
        self.unframed = self._unframed()
        streams = [*self.cameras, *recording.state_streams, *((OBSERVED,) if options.mode == "live" else ())]
        self.histograms = frame_grid.report(self.skews, {stream: self.stamps(stream) for stream in streams})
        # The second pass needs what was chosen, not what it was chosen from: an hour's stamps are megabytes.
        for spent in (self._stamps, self._ordinals, self._points, self.skews):
            spent.clear()

    # --- first pass

    def _scan(self) -> Stamps:
        """Collect stamps; in live mode also observe, with stand-ins for the pictures. Gives the observations' stamps."""
        assembler = Assembler(self.embodiment) if self.options.mode == "live" else None
        observed, newest, stamps = array("q"), dict[str, int](), StampCheck()
        for m in self.recording.messages():
            self._note(m, newest, stamps)
            observation = observe(assembler, m, lambda _: STAND_IN) if assembler else None
            if isinstance(observation, Observation):
                observed.append(observation.stamp_ns)
                self._add(OBSERVED, observation.stamp_ns, len(observed) - 1)
            elif observation:
                self._problem = f"{observation[0].source}: {observation[0].text}"
        if self.options.stamps == CHECKED and (apart := stamps.apart()):
            raise FineVLAError(bag_notices.clocks_apart(*apart))
        self.told = self.recording.notes  # complete now; the second pass does not read to the end
        self.lost = dict(self.recording.lost)
        self.told += self._ranges.notes()
        self.said = [(at if at > 0 else -at - stamps.delay_ns(), said) for at, said in self.said]
        self.odd_stamps = stamps.odd(max(self.max_skew_ns, self.step_ns))
        return np.array(observed, np.int64)

    def _note(self, m: BagMessage, newest: dict[str, int], stamps: StampCheck) -> None:
        if isinstance(m.content, JointReading) and m.content.values is not None:
            self._ranges.add(m.stream, m.content.values)
        if m.stream in self.leaders:
            if m.content.values is not None:
                self._add(m.stream, m.stamp_ns, m.ordinal)
            return
        self._refuse_unstamped(m)
        back_s = (newest.get(m.stream, m.stamp_ns) - m.stamp_ns) / NS_PER_S
        if self.options.stamps != RECEIVED and m.stream in self._measured:
            stamps.add(m.stream, m.stamp_ns, m.received_ns)
        if back_s > CLOCK_RESET_S and m.stream != SAID and self.options.mode == "fixed":
            raise FineVLAError(f"the clock of {m.stream} steps back by {back_s:.1f} s; cut the recording there")
        newest[m.stream] = max(m.stamp_ns, newest.get(m.stream, m.stamp_ns))
        if m.stream == SAID:
            if m.stamp_ns or not self.said or _texts(m.content) != _texts(self.said[-1][1]):
                self.said.append((m.stamp_ns or -m.received_ns, m.content))  # of the latter, see the end of the scan
            return
        if isinstance(m.content, JointReading) and m.content.values is None:
            self.broken_states += 1
            return
        if m.stream in self.cameras and m.stream not in self.sizes and self.options.mode == "fixed":
            self.sizes[m.stream] = self.options.size or compressed_pictures.size(
                self.picture(m.stream, m.content), f"a picture of {m.stream}"
            )
        if isinstance(m.content, RecordedCommand):
            joints = next(c.joints for c in self.embodiment.controllers if c.name == m.stream)
            self._ranges.add_command(m.stream, joints, m.content.positions)
            owner, point, due = self._points.setdefault(m.stream, (array("i"), array("i"), array("q")))
            for p in np.argsort(m.content.due_ns, kind="stable"):
                owner.append(m.ordinal)
                point.append(int(p))
                due.append(m.content.due_ns[p])
        self._add(m.stream, m.stamp_ns, m.ordinal)

    def _refuse_unstamped(self, m: BagMessage) -> None:
        """A simulation's first message may be of time 0; a second one is of a driver that does not stamp."""
        if m.stamp_ns or m.stream == SAID or self.options.mode == "live":
            return
        self._unstamped[m.stream] += 1
        if self._unstamped[m.stream] > 1:
            raise FineVLAError(
                f"the messages of {m.stream} are not stamped (the time in their headers is 0); --stamps received takes "
                f"the times at which they were recorded, of all topics"
            )

    def _add(self, stream: str, stamp_ns: int, ordinal: int) -> None:
        self._stamps.setdefault(stream, array("q")).append(stamp_ns)
        self._ordinals.setdefault(stream, array("i")).append(ordinal)

    def stamps(self, stream: str) -> Stamps:
        """Stamps of a stream's usable messages, in the order of the recording."""
        return np.array(self._stamps.get(stream, ()), np.int64)

    # --- what makes which frame

    def _moments(self) -> Stamps:
        needed = {stream: self.stamps(stream) for stream in (*self.cameras, *self.recording.state_streams)}
        if empty := [stream for stream, stamps in needed.items() if not len(stamps)]:
            why = "; its messages name a joint twice" if self.recording.twice and empty[0] not in self.cameras else ""
            raise FineVLAError(f"nothing usable of {empty[0]} was recorded{why}")
        first, last = (max(needed, key=lambda s: needed[s].min()), min(needed, key=lambda s: needed[s].max()))
        if (apart_ns := int(needed[first].min() - needed[last].max())) > 0:
            hint = "" if self.options.stamps == RECEIVED else "; if a clock was wrong, use --stamps received"
            raise FineVLAError(
                f"{first} begins {apart_ns / NS_PER_S:.1f} s after the end of {last}, by their stamps{hint}"
            )
        return frame_grid.grid(
            max(int(s.min()) for s in needed.values()), min(int(s.max()) for s in needed.values()), self.fps
        )

    def _decide(self) -> list[Segment]:
        o = self.options
        if not len(self.times) and o.mode == "live":
            raise FineVLAError(f"the ingest node would have observed nothing: {self._problem}")
        if not len(self.times):
            raise FineVLAError("no moment has a picture of every camera and a joint state; look at the topics' stamps")
        lacks: dict[str, NDArray[np.bool_]] = {}
        if o.mode == "fixed":
            for stream in self.cameras:
                lacks[stream] = self._take(stream, stream, self._choice(stream, o.images), self.max_skew_ns)
            for stream in self.recording.state_streams:
                state = self._choice(stream, o.states)
                lacks[stream] = self._take(stream, stream, state, self.max_skew_ns)
                self.needs[after(stream)], self.weights[stream] = (stream, state.after), state.weight
        else:
            self.needs[OBSERVED] = OBSERVED, np.arange(len(self.times), dtype=np.int32)
        lacks |= self._actions()
        if not o.task and not self.label:
            lacks["an instruction"] = np.array([not text(self.said_at(t)) for t in self.times], bool)
            if lacks["an instruction"].all():
                raise FineVLAError(
                    "it has no label (task in episode.json or its custom data) and no instruction was recorded in it; say "
                    "what was done by --task, in words or as a table of episodes"
                )
        cut = self._segments(lacks)
        self._refuse_repeats(cut)
        return cut

    def _unframed(self) -> list[str]:
        """What was recorded before the first frame and after the last, in words."""
        needed = [*self.needs, *self._measured]
        spans = {s: (int(stamps.min()), int(stamps.max())) for s in needed if len(stamps := self.stamps(s))}
        if self.said and not self.options.task and not self.label:
            spans["an instruction"] = self.said[0][0], LAST_NS
        first, last = self.segments[0].first, self.segments[-1].end - 1
        return bag_notices.unframed(spans, self._measured, int(self.times[first]), int(self.times[last]))

    def _segments(self, lacks: Mapping[str, NDArray[np.bool_]]) -> list[Segment]:
        least = max(1, self.options.min_frames) + (self.options.actions == "next")
        if self.options.mode == "fixed":
            if self.options.gaps == "refuse":
                self._refuse_slow(lacks)
            return frame_grid.segments(lacks, self.times, self.options.gaps, least)
        # Observations come when cameras do: an interval that is no step is a gap between two frames, not instead of one.
        late = np.abs(np.diff(self.times) - NS_PER_S / self.fps) > LIVE_JITTER * NS_PER_S / self.fps
        if late.any() and self.options.gaps == "refuse":
            k = int(np.flatnonzero(late)[0])
            length_s = (self.times[k + 1] - self.times[k]) / NS_PER_S
            raise FineVLAError(
                f"{int(late.sum())} of its observations do not come {self.fps} times a second, the first after "
                f"{length_s:.2f} s; use --gaps cut to make several episodes of it"
            )
        bounds = [0, *(int(k) + 1 for k in np.flatnonzero(late)), len(self.times)]
        found: list[Segment] = []
        problem: FineVLAError | None = None
        for first, end in pairwise(bounds):
            try:
                within = {topic: lack[first:end] for topic, lack in lacks.items()}
                parts = frame_grid.segments(within, self.times[first:end], self.options.gaps, least)
                found += [Segment(first + part.first, first + part.end) for part in parts]
            except FineVLAError as error:
                problem = problem or error
        if not found:
            assert problem is not None
            raise problem
        return found

    def _refuse_slow(self, lacks: Mapping[str, NDArray[np.bool_]]) -> None:
        """Raise `FineVLAError` if frames lack for want of a stream that is slower than they are, which is no gap of it."""
        for stream in (*self.cameras, *self.recording.state_streams):
            stamps = np.unique(self.stamps(stream))
            if not lacks[stream].any() or len(stamps) < 3:
                continue
            every_ns = float(np.median(np.diff(stamps)))
            if every_ns > SLOWER * self.step_ns:
                raise FineVLAError(bag_notices.slower(stream, NS_PER_S / every_ns, self.fps))

    def _choice(self, stream: str, how: str) -> Choice:
        chosen = alignment.choose(self.stamps(stream), self.times, how)
        ordinals = np.append(np.array(self._ordinals.get(stream, ()), np.int32), NONE).astype(np.int32)
        return Choice(ordinals[chosen.before], ordinals[chosen.after], chosen.weight, chosen.skew_ns)

    def _take(self, slot: str, stream: str, choice: Choice, most_ns: int) -> NDArray[np.bool_]:
        lack: NDArray[np.bool_] = (choice.before == NONE) | (choice.skew_ns > most_ns)
        self.needs[slot], self.skews[slot] = (stream, choice.before), choice.skew_ns[~lack]
        return lack

    def _actions(self) -> dict[str, NDArray[np.bool_]]:
        hold_ns = int(self.options.max_hold_s * NS_PER_S)
        if self.options.actions == "next":
            return {}
        self.is_led = self.options.actions == "commanded" and self._is_led()
        if self.is_led:
            return {s: self._take(s, s, self._choice(s, "nearest"), self.max_skew_ns) for s in self.leaders}
        self._refuse_uncommanded()
        if self.options.actions == "chunk":
            chosen = alignment.choose(self.stamps(PLANNED), self.times + self.step_ns // 10, "previous")
            return {PLANNED: self._take(PLANNED, PLANNED, chosen, hold_ns)}
        lacks = {}
        for controller in self.embodiment.controllers:
            name = controller.name
            owner, point, due = self._points.get(name, ((), (), ()))
            commands = Commands(
                self.stamps(name), np.array(due, np.int64), np.array(owner, np.int32), np.array(point, np.int32)
            )
            message, self.points[name], held = frame_grid.choose_command(commands, self.times, self.step_ns, hold_ns)
            self.needs[name], lacks[name] = (name, message), message == NONE
            self.skews[name] = held[message != NONE]
        return lacks

    def _is_led(self) -> bool:
        """Whether no command was recorded, but where each arm was that leads one of the robot's."""
        is_commanded = any(len(self.stamps(controller.name)) for controller in self.embodiment.controllers)
        return not is_commanded and bool(self.leaders) and all(len(self.stamps(s)) for s in self.leaders)

    def _refuse_uncommanded(self) -> None:
        """Raise `FineVLAError` if what the actions are made of was not recorded at all: no stamps are to blame then."""
        is_chunk = self.options.actions == "chunk"
        wanted = [PLANNED] if is_chunk else [controller.name for controller in self.embodiment.controllers]
        if missing := [name for name in wanted if not len(self.stamps(name))]:
            raise FineVLAError(bag_notices.uncommanded(missing, wanted, is_chunk, self.recording.leader_problem))

    def _refuse_repeats(self, cut: Sequence[Segment]) -> None:
        frames = sum(s.end - s.first for s in cut)
        for stream in self.cameras if self.options.mode == "fixed" else ():
            repeats = sum(self.repeats(stream, s) for s in cut)
            if repeats > self.options.max_repeats * frames:
                raise FineVLAError(
                    f"{repeats} of {counted(frames, 'frame')} would show {stream}'s picture of the frame "
                    "before: it is slower than "
                    f"{self.fps} frames per second; choose a lower --fps, or allow it by --max-repeats"
                )

    def repeats(self, slot: str, segment: Segment) -> int:
        """Frames of a piece that show the same picture as the frame before."""
        ordinals = self.needs[slot][1][segment.first : segment.end]
        return int((np.diff(ordinals) == 0).sum())

    def said_at(self, at_ns: int) -> SpokenInstruction | None:
        """The instruction in force at a moment."""
        return max((s for s in self.said if s[0] <= at_ns), key=lambda s: s[0], default=(0, None))[1]

    def picture(self, stream: str, data: bytes) -> Picture:
        """The picture in a message, as the options want it; compressed ones of any size stay as they are."""
        image = self.recording.image(stream, data)
        where = f"a picture of {stream}"
        if isinstance(image, CompressedImage) and self.options.size is None:
            return compressed_pictures.recorded(image, where)
        try:
            if self.options.size is not None:
                return to_policy_image(image, ImageFormat(*self.options.size))
            assert isinstance(image, RawImage)
            return compressed_pictures.raw(image)
        except FineVLAError as error:
            raise FineVLAError(f"{where}: {error}") from error

    def task(self, k: int) -> str:
        """A frame's task, the raw goal: by option, by the episode's own label, else by the instruction in force.

        Of an instruction that says the label's words its own count, beside which its fine text is kept.
        """
        if self.options.task:
            return str(self.options.task)
        said = self.said_at(self.times[k])
        return text(said) if not self.label or self.agrees(said) else self.label

    def agrees(self, said: SpokenInstruction | None) -> bool:
        """Whether an instruction says what the episode's label says."""
        return said is not None and any(same_words(t, self.label) for t in (said.raw, said.fine) if t.strip())

    def notes(self, segment: Segment) -> list[str]:
        """Where label and instructions contradict each other, and how old an instruction was that nobody gave again."""
        found = [*self.told, *([bag_notices.odd_stamps(self.odd_stamps)] if self.odd_stamps else [])]
        found += self.unframed
        if self.is_led:
            found.append(bag_notices.led([part.topic for part in self.recording.leaders]))
        if self.options.task:
            return found
        first_ns = int(self.times[segment.first])
        for stamp_ns, said in self.said:
            if stamp_ns > int(self.times[segment.end - 1]) or not text(said):
                continue
            age_s = (first_ns - stamp_ns) / NS_PER_S
            when = f"{age_s:.0f} s before its first frame" if age_s > 0 else f"at {-age_s:.1f} s"
            if self.label and not self.agrees(said):
                found.append(f"its label is '{self.label}', the instruction of {when} '{text(said)}'; the label counts")
            elif not self.label and age_s > STALE_S and said is self.said_at(first_ns):
                found.append(f"its task '{text(said)}' was said {when}, and nothing labels the episode")
        return found

    def end(self, segment: Segment) -> int:
        """Before which frame of the grid a piece's frames end: the last state may be an action only."""
        return segment.end - (self.options.actions == "next")


def after(stream: str) -> str:
    """The slot of the later one of two joint states."""
    return f"{stream} after"


def observe(assembler: Assembler, m: BagMessage, load: Any) -> Any:
    """One message to the assembler, as the ingest node and `observe_all` give it; what came of it."""
    if isinstance(m.content, JointReading) and m.stream.split()[0] != LEADER:
        assembler.add_state(m.stamp_ns, m.content.names, m.content.positions)
    elif isinstance(m.content, bytes):
        assembler.add_image(m.stream.removeprefix("camera "), m.stamp_ns, lambda: load(m))
        return assembler.poll(m.received_ns)
    return None


def text(said: SpokenInstruction | None) -> str:
    """The raw words where there are some, else the fine ones."""
    return "" if said is None else said.raw.strip() or said.fine.strip()


def _texts(said: SpokenInstruction) -> tuple[str, str]:
    return said.raw.strip(), said.fine.strip()
