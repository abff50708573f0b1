"""Stamped messages to observations: the only code that does it, live in the ingest node and offline from bags.

It holds no clock of its own: the same messages in the same order, asked at the same times, give the same observations.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.alignment import NONE, Choice, choose
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import Loader, to_policy_image
from finevla_core.observation import Observation
from finevla_core.time_units import S_PER_NS

# Stamps of one stream may arrive a little out of order; a step back by more than this is a restarted clock (a bag that
# loops, a simulator that was restarted), and everything buffered belongs to another time.
CLOCK_RESET_S = 0.5
# Clocks of two machines differ by milliseconds; a stamp this far ahead of the observer's own clock is a wrong clock.
FUTURE_S = 0.1
# Part of the observation period that must pass before the next: less than all of it, so that a camera's jitter does not
# cost every second observation.
GAP = 0.8
# Enough to go back to the frame that belongs to the slowest camera's: 0.27 s at 30 Hz; states: 0.25 s at 1 kHz.
IMAGES_KEPT = 8
STATES_KEPT = 256

Frame = tuple[int, Loader]
State = tuple[int, NDArray[np.float32]]


@dataclass(frozen=True)
class Problem:
    """Why there is no observation: the source concerned, a stable code, a sentence."""

    source: str
    code: str
    text: str


Problems = tuple[Problem, ...]


@dataclass(frozen=True)
class ImageMessage:
    """An image as it was received (live or by the recorder) at `received_ns`; `load` gives its content."""

    received_ns: int
    camera: str
    stamp_ns: int
    load: Loader


@dataclass(frozen=True)
class StateMessage:
    """A joint state (rad, m) as it was received at `received_ns`."""

    received_ns: int
    stamp_ns: int
    names: Sequence[str]
    positions: Sequence[float]


class Assembler:
    """Buffers the newest images and joint states of an embodiment; `observe` aligns them, `poll` says when."""

    def __init__(self, embodiment: Embodiment) -> None:
        self.embodiment = embodiment
        self._sequence = 0
        self.resets = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything buffered; sequence numbers go on."""
        self._images: dict[str, deque[tuple[int, Loader]]] = {
            name: deque(maxlen=IMAGES_KEPT) for name in self.embodiment.camera_names
        }
        self._states: deque[State] = deque(maxlen=STATES_KEPT)
        self._bad_state: Problem | None = None
        self._tried: dict[str, int] = {}
        self._observed_ns: int | None = None

    def add_image(self, camera: str, stamp_ns: int, load: Loader) -> None:
        """A frame of a camera; `load` gives its content and is called only if the frame is used."""
        if camera not in self._images:
            raise FineVLAError(f"camera '{camera}' is not one of {', '.join(self._images)}")
        frames = self._images[camera]
        if frames and not self._in_order(stamp_ns, frames[-1][0]):
            return
        self._images[camera].append((stamp_ns, load))

    def add_state(self, stamp_ns: int, names: Sequence[str], positions: Sequence[float]) -> None:
        """A joint state, in any order of joints; further joints (mimic, base) are ignored, a broken one is a problem.

        One message must hold all joints: a vector patched together from two would hide how far apart they lie.
        """
        index = {name: i for i, name in enumerate(names)}
        if index and not any(joint in index for joint in self.embodiment.joints):
            return  # another device on the same topic
        if self._states and not self._in_order(stamp_ns, self._states[-1][0]):
            return
        missing = [j for j in self.embodiment.joints if index.get(j, len(positions)) >= len(positions)]
        if missing:
            self._bad_state = Problem("joint_states", "state.joints", f"joint '{missing[0]}' is missing from it")
            return
        if self.embodiment.order_in(names) is None:
            self._bad_state = Problem("joint_states", "state.joints", "it names a joint twice")
            return
        values = self.embodiment.to_values([positions[index[j]] for j in self.embodiment.joints])
        if not np.isfinite(values).all():
            self._bad_state = Problem("joint_states", "state.finite", "it holds values that are not finite")
            return
        self._bad_state = None
        self._states.append((stamp_ns, values.astype(np.float32)))

    def poll(self, now_ns: int) -> Observation | Problems | None:
        """To be called after each image: what `observe` gives as soon as all cameras have moved on; None until then.

        At most the robot's observation rate. `now_ns` is when the image was received; a stamp ahead of it by no more
        than clocks differ (or than /clock lags behind the images) is taken as now.
        """
        newest = {name: frames[-1][0] for name, frames in self._images.items() if frames}
        if len(newest) < len(self._images) or any(self._tried.get(name) == stamp for name, stamp in newest.items()):
            return None
        rate_hz = self.embodiment.observation_rate_hz
        if self._observed_ns is not None and (min(newest.values()) - self._observed_ns) * S_PER_NS < GAP / rate_hz:
            return None
        # Without this an older frame would be shown again, and again, for as long as the clocks disagree.
        if ahead := {name: stamp - now_ns for name, stamp in newest.items() if (stamp - now_ns) * S_PER_NS > FUTURE_S}:
            self._tried = newest
            return tuple(Problem(f"camera {n}", "image.future", _ahead("images", ns)) for n, ns in ahead.items())
        result = self.observe(max(now_ns, *newest.values()))
        if isinstance(result, Observation):
            self._observed_ns = min(result.image_stamps_ns)
            self._tried = dict(zip(result.cameras, result.image_stamps_ns, strict=True))
        else:  # whoever lags behind is waited for, and then the others' frames are still good
            latest = max(newest.values())
            late = {n: ns for n, ns in newest.items() if (latest - ns) * S_PER_NS > self.embodiment.max_skew_s}
            self._tried = late or newest
        return result

    def observe(self, at_ns: int) -> Observation | Problems:
        """One moment not after `at_ns`: that of the camera whose newest image is the oldest.

        Every camera gives the image that belongs to it by the robot's `images_by`, the joint state is by its `states_by`.
        Problems instead if something is missing, too old, too far apart or broken; nothing is ever filled in.
        """
        moment = self._align(at_ns)
        if not isinstance(moment, _Moment):
            return moment
        problems: list[Problem] = []
        images = self._decoded(moment.frames, problems)
        if problems:
            return tuple(problems)
        self._sequence += 1
        return Observation(
            stamp_ns=moment.oldest_ns,
            cameras=self.embodiment.camera_names,
            images=np.stack(images),
            image_stamps_ns=moment.image_stamps_ns,
            state=moment.state[1],
            state_stamp_ns=moment.state[0],
            sequence=self._sequence - 1,
        )

    def diagnose(self, at_ns: int) -> Problems:
        """What `observe` would complain about before it looks into the images; changes nothing."""
        moment = self._align(at_ns)
        return () if isinstance(moment, _Moment) else moment

    def _in_order(self, stamp_ns: int, newest_ns: int) -> bool:
        if (newest_ns - stamp_ns) * S_PER_NS > CLOCK_RESET_S:
            self.clear()
            self.resets += 1
            return True
        return stamp_ns > newest_ns

    def _align(self, at_ns: int) -> "_Moment | Problems":
        problems: list[Problem] = []
        usable = [self._usable_images(name, at_ns, problems) for name in self.embodiment.camera_names]
        reference = min((frames[-1][0] for frames in usable if frames), default=at_ns)
        state = self._state_at(reference, at_ns, problems)
        if problems or state is None:
            return tuple(problems)
        chosen = [_chosen([stamp for stamp, _ in frames], reference, self.embodiment.images_by) for frames in usable]
        frames = tuple(frames[c.before[0]] for frames, c in zip(usable, chosen, strict=True) if c is not None)
        if len(frames) < len(usable):
            name = self.embodiment.camera_names[chosen.index(None)]
            return (Problem(f"camera {name}", "image.missing", "no image has come of the others' moment"),)
        moment = _Moment(frames, state)
        if moment.skew_s > self.embodiment.max_skew_s:
            return (self._skew_problem(moment),)
        return moment

    def _usable_images(self, camera: str, at_ns: int, problems: list[Problem]) -> list[Frame]:
        frames, source = self._images[camera], f"camera {camera}"
        usable = [frame for frame in frames if frame[0] <= at_ns]
        age_s = (at_ns - usable[-1][0]) * S_PER_NS if usable else float("inf")
        if age_s <= self.embodiment.max_age_s:
            return usable
        if not frames:
            problems.append(Problem(source, "image.missing", "no image has come"))
        elif frames[-1][0] > at_ns:
            problems.append(Problem(source, "image.future", _ahead("images", frames[-1][0] - at_ns)))
        else:
            text = f"its newest image is {age_s:.2f} s old; {self.embodiment.max_age_s} s are allowed"
            problems.append(Problem(source, "image.stale", text))
        return []

    def _state_at(self, reference_ns: int, at_ns: int, problems: list[Problem]) -> State | None:
        source, stamps = "joint_states", [stamp for stamp, _ in self._states]
        usable = bisect_right(stamps, at_ns)
        chosen = _chosen(stamps[:usable], reference_ns, self.embodiment.states_by)
        age_s = (at_ns - stamps[chosen.before[0]]) * S_PER_NS if chosen is not None else float("inf")
        if chosen is not None and age_s <= self.embodiment.max_age_s:
            return self._mixed(chosen, reference_ns)
        if self._bad_state is not None:
            problems.append(self._bad_state)
        elif not stamps:
            problems.append(Problem(source, "state.missing", "no joint state has come"))
        elif stamps[-1] > at_ns and not usable:
            problems.append(Problem(source, "state.future", _ahead("stamps", stamps[-1] - at_ns)))
        elif chosen is None and (at_ns - stamps[usable - 1]) * S_PER_NS <= self.embodiment.max_age_s:
            text = f"none has come yet that is {self.embodiment.states_by} to the images"
            problems.append(Problem(source, "state.missing", text))
        else:
            age_s = min(age_s, (at_ns - stamps[usable - 1]) * S_PER_NS)
            text = f"the newest is {age_s:.2f} s old; {self.embodiment.max_age_s} s are allowed"
            problems.append(Problem(source, "state.stale", text))
        return None

    def _mixed(self, chosen: Choice, reference_ns: int) -> State:
        """The chosen joint state, or the two of them weighted, which is one of the moment itself."""
        before, after, weight = self._states[chosen.before[0]], self._states[chosen.after[0]], float(chosen.weight[0])
        if weight == 0:
            return before
        values = (1 - weight) * before[1] + weight * after[1]
        return reference_ns, np.asarray(values, np.float32)

    def _skew_problem(self, moment: "_Moment") -> Problem:
        """Names the camera that is apart from the others, and the joint states only if the cameras are together."""
        stamps = moment.image_stamps_ns
        middle_ns, state_ns = sorted(stamps)[len(stamps) // 2], moment.state[0]
        allowed = f"{self.embodiment.max_skew_s * 1e3:.0f} ms are allowed"
        if (max(stamps) - min(stamps)) * S_PER_NS > self.embodiment.max_skew_s:
            apart_ns, name = max((abs(s - middle_ns), n) for n, s in zip(self._images, stamps, strict=True))
            text = f"its image that is nearest to the other cameras' lies {apart_ns * 1e-6:.0f} ms from them; {allowed}"
            return Problem(f"camera {name}", "skew", text)
        apart_ns = max(max(stamps) - state_ns, state_ns - min(stamps))
        text = f"the one that is nearest to the images lies {apart_ns * 1e-6:.0f} ms from them; {allowed}"
        return Problem("joint_states", "skew", text)

    def _decoded(self, frames: Sequence[Frame], problems: list[Problem]) -> list[NDArray[np.uint8]]:
        images = []
        for name, (_, load) in zip(self.embodiment.camera_names, frames, strict=True):
            try:
                images.append(to_policy_image(load(), self.embodiment.images, name))
            except FineVLAError as error:
                problems.append(Problem(f"camera {name}", "image.broken", str(error)))
        return images


def _chosen(stamps: Sequence[int], at_ns: int, policy: str) -> Choice | None:
    """For one moment, None if there is no such message."""
    choice = choose(np.array(stamps, np.int64), np.array([at_ns], np.int64), policy)
    return None if choice.before[0] == NONE else choice


@dataclass(frozen=True)
class _Moment:
    """One frame per camera and the joint state that belong together, not decoded yet."""

    frames: tuple[Frame, ...]
    state: State

    @property
    def image_stamps_ns(self) -> tuple[int, ...]:
        return tuple(stamp for stamp, _ in self.frames)

    @property
    def oldest_ns(self) -> int:
        return min(*self.image_stamps_ns, self.state[0])

    @property
    def skew_s(self) -> float:
        return (max(*self.image_stamps_ns, self.state[0]) - self.oldest_ns) * S_PER_NS


def _ahead(what: str, ahead_ns: int) -> str:
    return f"its {what} are {ahead_ns * S_PER_NS:.2f} s ahead of this clock; synchronise the clocks"


def observe_all(
    embodiment: Embodiment, messages: Iterable[ImageMessage | StateMessage]
) -> Iterator[Observation | Problems]:
    """What the ingest node would have published (and complained about) had it received these messages, in this order."""
    assembler = Assembler(embodiment)
    for message in messages:
        if isinstance(message, StateMessage):
            assembler.add_state(message.stamp_ns, message.names, message.positions)
            continue
        assembler.add_image(message.camera, message.stamp_ns, message.load)
        result = assembler.poll(message.received_ns)
        if result is not None:
            yield result
