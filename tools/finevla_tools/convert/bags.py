"""rosbag2 recordings as episodes: at the moments at which the ingest node would have observed, or at a fixed rate.

A bag is read twice: first for its stamps, from which it is decided what makes which frame, then for the frames.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.assembler import CLOCK_RESET_S, Assembler
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, EncodedImage, RawImage, to_policy_image
from finevla_core.observation import Observation
from finevla_tools.convert import pictures, resample
from finevla_tools.convert.bagfile import (
    PLANNED,
    SAID,
    STATE,
    Measured,
    Message,
    Recording,
    Said,
    Trajectory,
    camera_stream,
    is_bag,
)
from finevla_tools.convert.episode import Camera, Frame, Header, Picture, Reference, Words
from finevla_tools.convert.naming import episode_names
from finevla_tools.convert.resample import NONE, SECOND, Choice, Commands, Ordinals, Segment, Stamps

MODES, ACTIONS = ("fixed", "live"), ("commanded", "next", "chunk")
OBSERVED = "observation"
# Pictures that wait for what belongs to them. At 30 Hz and VGA this is over two seconds of three raw cameras.
MAX_WAITING_BYTES = 256 << 20
# Part of a step by which an observation may come early or late before it counts as a gap (live mode).
LIVE_JITTER = 0.5
KEPT_CUSTOM = 64 << 10  # characters of a recorder's own metadata that go on into the data set
TRASH = "trash"  # where the recorder puts what is discarded
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
    task: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (
            ("mode", self.mode, MODES),
            ("images", self.images, resample.HOWS[:2]),
            ("states", self.states, resample.HOWS),
            ("gaps", self.gaps, resample.GAPS),
            ("actions", self.actions, ACTIONS),
        ):
            if value not in known:
                raise FineVLAError(f"{what} '{value}' is unknown; known are {', '.join(known)}")
        if self.mode == "live" and (self.fps, self.size, self.cameras) != (None, None, None):
            raise FineVLAError(
                "live mode makes what the ingest node makes: rate, size and cameras are the robot file's"
            )


@dataclass
class BagSource:
    """All bags at or below `root`, by name of their folder."""

    root: Path
    embodiment: Embodiment
    options: BagOptions = field(default_factory=BagOptions)
    _last: "_Analysis | None" = field(default=None, init=False, repr=False, compare=False)

    def references(self) -> list[Reference]:
        """One per bag."""
        if is_bag(self.root):
            found = [self.root]
        else:
            below = (p for p in self.root.rglob("*") if not _is_aside(p.relative_to(self.root)))
            found = sorted(p for p in below if is_bag(p) and not (p.is_file() and is_bag(p.parent)))
        relative = [p.stem if p == self.root else str(p.relative_to(self.root).with_suffix("")) for p in found]
        return [Reference(name, path) for name, path in zip(episode_names(relative), found, strict=True)]

    def pieces(self, reference: Reference) -> list[Reference]:
        """The episodes of a bag: several if it has gaps and these are to be cut."""
        count = len(self._analysed(reference.path).segments)
        names = [reference.name] if count == 1 else [f"{reference.name}-{i:03d}" for i in range(count)]
        return [Reference(name, reference.path, i) for i, name in enumerate(names)]

    def open(self, reference: Reference) -> "BagEpisode":
        """A piece of a bag; the first, if it is one of `references`."""
        analysis = self._analysed(reference.path)
        return BagEpisode(analysis, analysis.segments[int(reference.part)], reference.name)

    def _analysed(self, path: Path) -> "_Analysis":
        if self._last is None or self._last.recording.path != path:
            self._last = None
            e, o = self.embodiment, self.options
            cameras = e.camera_names if o.cameras is None else o.cameras
            try:
                self._last = _Analysis(Recording(path, e, cameras, o.namespace), o)
            except FineVLAError as error:
                raise _named(path, error) from error
        return self._last


class BagEpisode:
    """Frames of one piece of a bag."""

    def __init__(self, analysis: "_Analysis", segment: Segment, name: str) -> None:
        self._analysis, self._segment = analysis, segment
        self.header = analysis.header(segment, name)

    def frames(self) -> Iterator[Frame]:
        """Second pass: what was chosen is collected as it comes by."""
        try:
            yield from self._analysis.frames(self._segment)
        except FineVLAError as error:
            raise _named(self._analysis.recording.path, error) from error


class _Analysis:
    """First pass over a bag: stamps of everything, and what of it makes which frame."""

    def __init__(self, recording: Recording, options: BagOptions) -> None:
        self.recording, self.options, self.embodiment = recording, options, recording.embodiment
        e = self.embodiment
        self.fps = options.fps or round(e.observation_rate_hz)
        self.step_ns = SECOND // self.fps
        self.max_skew_ns = int((options.max_skew_s or e.max_skew_s) * SECOND)
        self.cameras = [camera_stream(c) for c in recording.cameras]
        self._stamps: dict[str, array[int]] = {}
        self._ordinals: dict[str, array[int]] = {}
        self._points: dict[str, tuple[array[int], array[int], array[int]]] = {}
        self.said: list[tuple[int, Said]] = []
        self.sizes: dict[str, tuple[int, int]] = {}
        self.broken_states = 0
        self._problem = "a camera has no picture"
        self.needs: dict[str, tuple[str, Ordinals]] = {}  # slot: stream, ordinal per frame
        self.weight: NDArray[np.float64] = np.zeros(0)
        self.points: dict[str, Ordinals] = {}  # by controller: which point of the command
        self.skews: dict[str, Stamps] = {}
        observed = self._scan()
        self.times = self._moments() if options.mode == "fixed" else observed
        self.segments = self._decide()
        streams = [*self.cameras, STATE, *((OBSERVED,) if options.mode == "live" else ())]
        self.histograms = resample.report(self.skews, {stream: self.stamps(stream) for stream in streams})
        # The second pass needs what was chosen, not what it was chosen from: an hour's stamps are megabytes.
        for spent in (self._stamps, self._ordinals, self._points, self.skews):
            spent.clear()

    # --- first pass

    def _scan(self) -> Stamps:
        """Collect stamps; in live mode also observe, with stand-ins for the pictures. Gives the observations' stamps."""
        assembler = Assembler(self.embodiment) if self.options.mode == "live" else None
        observed, newest = array("q"), dict[str, int]()
        for m in self.recording.messages():
            self._note(m, newest)
            observation = _observe(assembler, m, lambda _: STAND_IN) if assembler else None
            if isinstance(observation, Observation):
                observed.append(observation.stamp_ns)
                self._add(OBSERVED, observation.stamp_ns, len(observed) - 1)
            elif observation:
                self._problem = f"{observation[0].source}: {observation[0].text}"
        return np.array(observed, np.int64)

    def _note(self, m: Message, newest: dict[str, int]) -> None:
        back_s = (newest.get(m.stream, m.stamp_ns) - m.stamp_ns) / SECOND
        if back_s > CLOCK_RESET_S and m.stream != SAID and self.options.mode == "fixed":
            raise FineVLAError(f"the clock of {m.stream} steps back by {back_s:.1f} s; cut the recording there")
        newest[m.stream] = max(m.stamp_ns, newest.get(m.stream, m.stamp_ns))
        if m.stream == SAID:
            self.said.append((m.stamp_ns, m.content))
            return
        if m.stream == STATE and m.content.values is None:
            self.broken_states += 1
            return
        if m.stream in self.cameras and m.stream not in self.sizes and self.options.mode == "fixed":
            self.sizes[m.stream] = self.options.size or _size(self._picture(m.stream, m.content), m.stream)
        if isinstance(m.content, Trajectory):
            owner, point, due = self._points.setdefault(m.stream, (array("i"), array("i"), array("q")))
            for p in np.argsort(m.content.due_ns, kind="stable"):
                owner.append(m.ordinal)
                point.append(int(p))
                due.append(m.content.due_ns[p])
        self._add(m.stream, m.stamp_ns, m.ordinal)

    def _add(self, stream: str, stamp_ns: int, ordinal: int) -> None:
        self._stamps.setdefault(stream, array("q")).append(stamp_ns)
        self._ordinals.setdefault(stream, array("i")).append(ordinal)

    def stamps(self, stream: str) -> Stamps:
        """Stamps of a stream's usable messages, in the order of the recording."""
        return np.array(self._stamps.get(stream, ()), np.int64)

    # --- what makes which frame

    def _moments(self) -> Stamps:
        needed = {stream: self.stamps(stream) for stream in (*self.cameras, STATE)}
        if empty := [stream for stream, stamps in needed.items() if not len(stamps)]:
            raise FineVLAError(f"nothing usable of {empty[0]} was recorded")
        return resample.grid(
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
            state = self._choice(STATE, o.states)
            lacks[STATE] = self._take(STATE, STATE, state, self.max_skew_ns)
            self.needs["after"], self.weight = (STATE, state.after), state.weight
        else:
            self.needs[OBSERVED] = OBSERVED, np.arange(len(self.times), dtype=np.int32)
        lacks |= self._actions()
        if not o.task:
            lacks["an instruction"] = np.array([not _text(self._said_at(t)) for t in self.times], bool)
            if lacks["an instruction"].all():
                raise FineVLAError("no instruction was recorded in it; say what was done by --task")
        cut = self._segments(lacks)
        self._refuse_repeats(cut)
        return cut

    def _segments(self, lacks: Mapping[str, NDArray[np.bool_]]) -> list[Segment]:
        least = max(1, self.options.min_frames) + (self.options.actions == "next")
        if self.options.mode == "fixed":
            return resample.segments(lacks, self.times, self.options.gaps, least)
        # Observations come when cameras do: an interval that is no step is a gap between two frames, not instead of one.
        late = np.abs(np.diff(self.times) - SECOND / self.fps) > LIVE_JITTER * SECOND / self.fps
        if late.any() and self.options.gaps == "refuse":
            k = int(np.flatnonzero(late)[0])
            length_s = (self.times[k + 1] - self.times[k]) / SECOND
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
                parts = resample.segments(within, self.times[first:end], self.options.gaps, least)
                found += [Segment(first + part.first, first + part.end) for part in parts]
            except FineVLAError as error:
                problem = problem or error
        if not found:
            assert problem is not None
            raise problem
        return found

    def _choice(self, stream: str, how: str) -> Choice:
        chosen = resample.choose(self.stamps(stream), self.times, how)
        ordinals = np.append(np.array(self._ordinals.get(stream, ()), np.int32), NONE).astype(np.int32)
        return Choice(ordinals[chosen.before], ordinals[chosen.after], chosen.weight, chosen.skew_ns)

    def _take(self, slot: str, stream: str, choice: Choice, most_ns: int) -> NDArray[np.bool_]:
        lack: NDArray[np.bool_] = (choice.before == NONE) | (choice.skew_ns > most_ns)
        self.needs[slot], self.skews[slot] = (stream, choice.before), choice.skew_ns[~lack]
        return lack

    def _actions(self) -> dict[str, NDArray[np.bool_]]:
        hold_ns = int(self.options.max_hold_s * SECOND)
        if self.options.actions == "next":
            return {}
        if self.options.actions == "chunk":
            chosen = resample.choose(self.stamps(PLANNED), self.times + self.step_ns // 10, "previous")
            return {PLANNED: self._take(PLANNED, PLANNED, chosen, hold_ns)}
        lacks = {}
        for controller in self.embodiment.controllers:
            name = controller.name
            owner, point, due = self._points.get(name, ((), (), ()))
            commands = Commands(
                self.stamps(name), np.array(due, np.int64), np.array(owner, np.int32), np.array(point, np.int32)
            )
            message, self.points[name], held = resample.choose_command(commands, self.times, self.step_ns, hold_ns)
            self.needs[name], lacks[name] = (name, message), message == NONE
            self.skews[name] = held[message != NONE]
        return lacks

    def _refuse_repeats(self, cut: Sequence[Segment]) -> None:
        frames = sum(s.end - s.first for s in cut)
        for stream in self.cameras if self.options.mode == "fixed" else ():
            repeats = sum(self._repeats(stream, s) for s in cut)
            if repeats > self.options.max_repeats * frames:
                raise FineVLAError(
                    f"{repeats} of {frames} frames would show {stream}'s picture of the frame before: it is slower than "
                    f"{self.fps} frames per second; choose a lower --fps, or allow it by --max-repeats"
                )

    def _repeats(self, slot: str, segment: Segment) -> int:
        ordinals = self.needs[slot][1][segment.first : segment.end]
        return int((np.diff(ordinals) == 0).sum())

    def _said_at(self, at_ns: int) -> Said | None:
        return max((s for s in self.said if s[0] <= at_ns), key=lambda s: s[0], default=(0, None))[1]

    # --- what is told of an episode

    def header(self, segment: Segment, name: str) -> Header:
        """Everything about one piece."""
        e, o = self.embodiment, self.options
        sizes = {c: self.sizes.get(camera_stream(c), (e.image_height, e.image_width)) for c in self.recording.cameras}
        spoken = [] if o.task else self._spoken(segment)
        return Header(
            name=name,
            fps=self.fps,
            robot=e.name,
            state_names=e.names,
            action_names=e.names,
            cameras=tuple(Camera(c, *sizes[c]) for c in self.recording.cameras),
            words=tuple(word for k, (time_s, said) in enumerate(spoken) for word in _words(k, time_s, said)),
            facts=self._facts(segment, spoken),
        )

    def _spoken(self, segment: Segment) -> list[tuple[float, Said]]:
        """Instructions of a piece with the time of the first frame that obeys them, s after its first frame."""
        spoken: list[tuple[float, Said]] = []
        for k in range(segment.first, self._end(segment)):
            said = self._said_at(self.times[k])
            if said is not None and (not spoken or spoken[-1][1] is not said):
                spoken.append(((k - segment.first) / self.fps, said))
        return spoken

    def _facts(self, segment: Segment, spoken: Sequence[tuple[float, Said]]) -> dict[str, Any]:
        o = self.options
        facts: dict[str, Any] = {
            "source": self.recording.path.name,
            "frames_by": o.mode if o.mode == "live" else {"fps": self.fps, "images": o.images, "states": o.states},
            "max_skew_ms": self.max_skew_ns / 1e6,
            "actions_by": o.actions,
            "first_stamp_ns": int(self.times[segment.first]),
            "piece": [self.segments.index(segment), len(self.segments)],
            "broken_states": self.broken_states,
            "instructions": [
                {"time_s": t, "id": s.id, "raw": s.raw, "fine": s.fine, "factors": dict(s.factors)} for t, s in spoken
            ],
            "histograms_ms": self.histograms,
        }
        if o.mode == "fixed":
            facts["repeated_pictures"] = {stream: self._repeats(stream, segment) for stream in self.cameras}
        custom = self.recording.custom
        if custom and sum(len(k) + len(v) for k, v in custom.items()) <= KEPT_CUSTOM:
            facts["recording"] = custom
        if told := _told(self.recording.path):
            facts["episode"] = told
        return facts

    # --- second pass

    def frames(self, segment: Segment) -> Iterator[Frame]:
        """The frames of a piece, in order."""
        waiting: tuple[int, NDArray[np.float32], dict[str, Picture]] | None = None
        for k, found in self._gather(segment):
            state = self._state(k, found)
            if waiting is not None:
                yield Frame(waiting[1], state, waiting[2], self._task(waiting[0]))
            shown = self._shown(found)
            if self.options.actions == "next":
                waiting = k, state, shown
            else:
                yield Frame(state, self._action(k, found), shown, self._task(k))

    def _gather(self, segment: Segment) -> Iterator[tuple[int, dict[str, Any]]]:
        """For each frame, by slot, the contents that were chosen; they are kept from when they come by until then."""
        last = {stream: self._last_use(stream, segment) for stream, _ in self.needs.values()}
        held: dict[str, dict[int, Any]] = {stream: {} for stream in last}
        k, waiting = segment.first, 0
        for stream, ordinal, content in self._contents(segment):
            uses = last.get(stream)
            if uses is None or ordinal >= len(uses) or uses[ordinal] < k:
                continue
            held[stream][ordinal] = content
            waiting += len(content) if isinstance(content, bytes) else 0
            if waiting > MAX_WAITING_BYTES:
                raise FineVLAError(
                    "its topics were recorded seconds apart from their stamps; too many pictures had to wait"
                )
            while k < segment.end and all(int(o[k]) in held[s] for s, o in self.needs.values()):
                yield k, {slot: held[s][int(o[k])] for slot, (s, o) in self.needs.items()}
                for s, o in self.needs.values():
                    if last[s][o[k]] == k and (gone := held[s].pop(int(o[k]), None)) is not None:
                        waiting -= len(gone) if isinstance(gone, bytes) else 0
                k += 1
            if k == segment.end:
                return
        raise FineVLAError("it ended before its last frame: it changed while it was read")

    def _last_use(self, stream: str, segment: Segment) -> Ordinals:
        """By ordinal of a stream: the last frame that uses it, `NONE` if none does."""
        chosen = [o for s, o in self.needs.values() if s == stream]
        last = np.full(1 + max(int(o[segment.first : segment.end].max()) for o in chosen), NONE, np.int32)
        for ordinals in chosen:
            np.maximum.at(
                last, ordinals[segment.first : segment.end], np.arange(segment.first, segment.end, dtype=np.int32)
            )
        return last

    def _contents(self, segment: Segment) -> Iterator[tuple[str, int, Any]]:
        assembler = Assembler(self.embodiment) if self.options.mode == "live" else None
        count = 0

        def load(m: Message) -> EncodedImage:
            is_wanted = segment.first <= count < segment.end
            return self.recording.image(m.stream, m.content) if is_wanted else STAND_IN

        for m in self.recording.messages():
            yield m.stream, m.ordinal, m.content
            observation = _observe(assembler, m, load) if assembler else None
            if isinstance(observation, Observation):
                yield OBSERVED, count, observation
                count += 1
            elif observation is not None and segment.first <= count < segment.end:
                # The first pass took a stand-in for the picture, so this observation is missing now, and those after
                # it would be counted wrongly.
                for problem in (p for p in observation if p.code == "image.broken"):
                    raise FineVLAError(f"{problem.source}: {problem.text}")

    def _state(self, k: int, found: Mapping[str, Any]) -> NDArray[np.float32]:
        if self.options.mode == "live":
            return found[OBSERVED].state  # type: ignore[no-any-return]
        before, after, weight = found[STATE].values, found["after"].values, self.weight[k]
        values = before if weight == 0 else (1 - weight) * before + weight * after
        return np.asarray(values, np.float32)

    def _action(self, k: int, found: Mapping[str, Any]) -> NDArray[np.float32]:
        if self.options.actions == "chunk":
            return np.asarray(found[PLANNED], np.float32)
        at: dict[str, float] = {}
        for controller in self.embodiment.controllers:
            at |= dict(
                zip(controller.joints, found[controller.name].positions[self.points[controller.name][k]], strict=True)
            )
        return self.embodiment.to_values([at[joint] for joint in self.embodiment.joints]).astype(np.float32)

    def _shown(self, found: Mapping[str, Any]) -> dict[str, Picture]:
        if self.options.mode == "live":
            observation = found[OBSERVED]
            wanted = set(self.recording.cameras)
            return {c: i for c, i in zip(observation.cameras, observation.images, strict=True) if c in wanted}
        return {c: self._picture(camera_stream(c), found[camera_stream(c)]) for c in self.recording.cameras}

    def _picture(self, stream: str, data: bytes) -> Picture:
        image = self.recording.image(stream, data)
        if self.options.size is not None:
            return to_policy_image(image, *self.options.size)
        if isinstance(image, CompressedImage):
            return pictures.encoded(bytes(image.data), f"a picture of {stream}")
        return pictures.raw(image)

    def _task(self, k: int) -> str:
        return self.options.task or _text(self._said_at(self.times[k]))

    def _end(self, segment: Segment) -> int:
        return segment.end - (self.options.actions == "next")


def _observe(assembler: Assembler, m: Message, load: Any) -> Any:
    """One message to the assembler, as the ingest node and `observe_all` give it; what came of it."""
    if isinstance(m.content, Measured):
        assembler.add_state(m.stamp_ns, m.content.names, m.content.positions)
    elif isinstance(m.content, bytes):
        assembler.add_image(m.stream.removeprefix("camera "), m.stamp_ns, lambda: load(m))
        return assembler.poll(m.received_ns)
    return None


def _is_aside(path: Path) -> bool:
    """What the recorder's operator discarded, and what is hidden (being written)."""
    return any(part == TRASH or part.startswith(".") for part in path.parts)


def _told(bag: Path) -> dict[str, Any]:
    """The recorder's episode.json beside the messages, if there is a sound one."""
    try:
        text = (bag / "episode.json").read_bytes()[: KEPT_CUSTOM + 1]
        told = json.loads(text) if len(text) <= KEPT_CUSTOM else None
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _size(picture: Picture, stream: str) -> tuple[int, int]:
    return pictures.size(picture, f"a picture of {stream}")


def _text(said: Said | None) -> str:
    return "" if said is None else said.fine.strip() or said.raw.strip()


def _words(k: int, time_s: float, said: Said) -> Iterator[Words]:
    """The goal in the operator's short words beside the fine task text; a later instruction is an interjection, too."""
    if said.fine.strip() and said.raw.strip():
        yield Words(time_s, "user", said.raw.strip(), "task_aug")
    if k:
        yield Words(time_s, "user", _text(said), "interjection", is_event=True)


def _named(path: Path, error: FineVLAError) -> FineVLAError:
    text = str(error)
    return error if text.startswith("bag '") else FineVLAError(f"bag '{path}': {text}")
