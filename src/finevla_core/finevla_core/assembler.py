"""Stamped messages to observations: the only code that does it, live in the ingest node and offline from bags.

It holds no clock of its own: the same messages in the same order, asked at the same times, give the same observations.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import Loader, to_policy_image
from finevla_core.observation import Observation

NS = 1e-9
# Stamps of one stream may arrive a little out of order; a step back by more than this is a restarted clock (a bag that
# loops, a simulator that was restarted), and everything buffered belongs to another time.
CLOCK_RESET_S = 0.5
# Clocks of two machines differ by milliseconds; a stamp this far ahead of the observer's own clock is a wrong clock.
FUTURE_S = 0.1
IMAGES_KEPT = 8
STATES_KEPT = 256


@dataclass(frozen=True)
class Problem:
    """Why there is no observation: the source concerned, a stable code, a sentence."""

    source: str
    code: str
    text: str


class Assembler:
    """Buffers the newest images and joint states of an embodiment and aligns them on request."""

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
        self._states: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=STATES_KEPT)
        self._bad: dict[str, Problem] = {}

    def add_image(self, camera: str, stamp_ns: int, load: Loader) -> None:
        """A frame of a camera; `load` gives its content and is called only if the frame is used."""
        if camera not in self._images:
            raise FineVLAError(f"camera '{camera}' is not one of {', '.join(self._images)}")
        frames = self._images[camera]
        if frames and not self._in_order(stamp_ns, frames[-1][0]):
            return
        self._images[camera].append((stamp_ns, load))

    def add_state(self, stamp_ns: int, names: Sequence[str], positions: Sequence[float]) -> None:
        """A joint state; joints of no concern are ignored, an incomplete or non-finite one is remembered as a problem."""
        if self._states and not self._in_order(stamp_ns, self._states[-1][0]):
            return
        index = {name: i for i, name in enumerate(names)}
        missing = [j for j in self.embodiment.joints if index.get(j, len(positions)) >= len(positions)]
        if missing:
            self._bad["joint_states"] = Problem(
                "joint_states", "state.joints", f"joint '{missing[0]}' is missing from it"
            )
            return
        values = self.embodiment.to_values([positions[index[j]] for j in self.embodiment.joints])
        if not np.isfinite(values).all():
            self._bad["joint_states"] = Problem("joint_states", "state.finite", "it holds values that are not finite")
            return
        self._bad.pop("joint_states", None)
        self._states.append((stamp_ns, values.astype(np.float32)))

    def newest_stamps(self) -> dict[str, int]:
        """Newest stamp per camera, 0 if there is none yet."""
        return {name: frames[-1][0] if frames else 0 for name, frames in self._images.items()}

    def observe(self, at_ns: int) -> Observation | tuple[Problem, ...]:
        """The newest image of every camera not after `at_ns`, and the joint state nearest to the oldest of them.

        Problems instead if something is missing, too old, too far apart or broken; nothing is ever filled in.
        """
        problems: list[Problem] = []
        chosen = [self._newest_image(name, at_ns, problems) for name in self.embodiment.camera_names]
        frames = [frame for frame in chosen if frame is not None]
        reference = min((stamp for stamp, _ in frames), default=at_ns)
        state = self._nearest_state(reference, at_ns, problems)
        if problems or state is None:
            return tuple(problems)
        stamps = [stamp for stamp, _ in frames]
        oldest, newest = min(*stamps, state[0]), max(*stamps, state[0])
        skew_s = (newest - oldest) * NS
        if skew_s > self.embodiment.max_skew_s:
            return (self._skew_problem(dict(zip(self.embodiment.camera_names, stamps, strict=True)), state[0], skew_s),)
        images = self._decoded(frames, problems)
        if problems:
            return tuple(problems)
        self._sequence += 1
        return Observation(
            stamp_ns=oldest,
            cameras=self.embodiment.camera_names,
            images=np.stack(images),
            image_stamps_ns=tuple(stamps),
            state=state[1],
            state_stamp_ns=state[0],
            sequence=self._sequence - 1,
        )

    def _in_order(self, stamp_ns: int, newest_ns: int) -> bool:
        if (newest_ns - stamp_ns) * NS > CLOCK_RESET_S:
            self.clear()
            self.resets += 1
            return True
        return stamp_ns > newest_ns

    def _newest_image(self, camera: str, at_ns: int, problems: list[Problem]) -> tuple[int, Loader] | None:
        frames, source = self._images[camera], f"camera {camera}"
        usable = [frame for frame in frames if frame[0] <= at_ns]
        if not usable:
            if frames and (frames[0][0] - at_ns) * NS > FUTURE_S:
                text = f"its images are stamped {(frames[0][0] - at_ns) * NS:.2f} s ahead of this clock; synchronise the clocks"
                problems.append(Problem(source, "image.future", text))
            else:
                problems.append(Problem(source, "image.missing", "no image has come"))
            return None
        age_s = (at_ns - usable[-1][0]) * NS
        if age_s > self.embodiment.max_age_s:
            text = f"its newest image is {age_s:.2f} s old; {self.embodiment.max_age_s} s are allowed"
            problems.append(Problem(source, "image.stale", text))
            return None
        return usable[-1]

    def _nearest_state(
        self, reference_ns: int, at_ns: int, problems: list[Problem]
    ) -> tuple[int, NDArray[np.float32]] | None:
        source = "joint_states"
        stamps = [stamp for stamp, _ in self._states]
        usable = bisect_right(stamps, at_ns)
        if not usable:
            problems.append(self._bad.get(source) or Problem(source, "state.missing", "no joint state has come"))
            return None
        after = bisect_right(stamps, reference_ns, hi=usable)
        nearest = min(range(max(0, after - 1), min(usable, after + 1)), key=lambda i: abs(stamps[i] - reference_ns))
        if (at_ns - stamps[nearest]) * NS > self.embodiment.max_age_s:
            text = f"the newest is {(at_ns - stamps[usable - 1]) * NS:.2f} s old; {self.embodiment.max_age_s} s are allowed"
            problems.append(self._bad.get(source) or Problem(source, "state.stale", text))
            return None
        return self._states[nearest]

    def _skew_problem(self, stamps: dict[str, int], state_ns: int, skew_s: float) -> Problem:
        every = {f"camera {name}": stamp for name, stamp in stamps.items()} | {"joint_states": state_ns}
        behind = min(every, key=lambda source: every[source])
        text = f"it lies {skew_s * 1e3:.0f} ms behind the newest part; {self.embodiment.max_skew_s * 1e3:.0f} ms are allowed"
        return Problem(behind, "skew", text)

    def _decoded(self, frames: Sequence[tuple[int, Loader]], problems: list[Problem]) -> list[NDArray[np.uint8]]:
        images = []
        for name, (_, load) in zip(self.embodiment.camera_names, frames, strict=True):
            try:
                images.append(to_policy_image(load(), self.embodiment.image_height, self.embodiment.image_width))
            except FineVLAError as error:
                problems.append(Problem(f"camera {name}", "image.broken", str(error)))
        return images
