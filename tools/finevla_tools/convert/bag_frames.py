"""Second pass over a bag: what was chosen for a frame is collected as it comes by."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.alignment import NONE, Ordinals
from finevla_core.assembler import Assembler
from finevla_core.errors import FineVLAError
from finevla_core.images import EncodedImage
from finevla_core.observation import Observation
from finevla_tools.convert.bag_analysis import OBSERVED, STAND_IN, BagAnalysis, after, observe
from finevla_tools.convert.bag_joint_topics import combined
from finevla_tools.convert.bag_stream import PLANNED, BagMessage, camera_stream
from finevla_tools.convert.episode import EpisodeFrame, Picture
from finevla_tools.convert.frame_grid import Segment

# Pictures that wait for what belongs to them. At 30 Hz and VGA this is over two seconds of three raw cameras.
MAX_WAITING_BYTES = 256 << 20


class Collector:
    """Frames of one piece of a bag."""

    def __init__(self, analysis: BagAnalysis, segment: Segment) -> None:
        self._analysis, self._segment = analysis, segment

    def frames(self) -> Iterator[EpisodeFrame]:
        """The frames of a piece, in order."""
        waiting: tuple[int, NDArray[np.float32], dict[str, Picture]] | None = None
        for k, found in self._gather():
            state = self._state(k, found)
            if waiting is not None:
                yield EpisodeFrame(waiting[1], state, waiting[2], self._analysis.task(waiting[0]))
            shown = self._shown(found)
            if self._analysis.options.actions == "next":
                waiting = k, state, shown
            else:
                yield EpisodeFrame(state, self._action(k, found), shown, self._analysis.task(k))

    def _gather(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """For each frame, by slot, the contents that were chosen; they are kept from when they come by until then."""
        last = {stream: self._last_use(stream) for stream, _ in self._analysis.needs.values()}
        held: dict[str, dict[int, Any]] = {stream: {} for stream in last}
        k, waiting = self._segment.first, 0
        for stream, ordinal, content in self._contents():
            uses = last.get(stream)
            if uses is None or ordinal >= len(uses) or uses[ordinal] < k:
                continue
            held[stream][ordinal] = content
            waiting += len(content) if isinstance(content, bytes) else 0
            if waiting > MAX_WAITING_BYTES:
                raise FineVLAError(
                    "its topics were recorded seconds apart from their stamps; too many pictures had to wait"
                )
            while k < self._segment.end and all(int(o[k]) in held[s] for s, o in self._analysis.needs.values()):
                yield k, {slot: held[s][int(o[k])] for slot, (s, o) in self._analysis.needs.items()}
                for s, o in self._analysis.needs.values():
                    if last[s][o[k]] == k and (gone := held[s].pop(int(o[k]), None)) is not None:
                        waiting -= len(gone) if isinstance(gone, bytes) else 0
                k += 1
            if k == self._segment.end:
                return
        raise FineVLAError("it ended before its last frame: it changed while it was read")

    def _last_use(self, stream: str) -> Ordinals:
        """By ordinal of a stream: the last frame that uses it, `NONE` if none does."""
        chosen = [o for s, o in self._analysis.needs.values() if s == stream]
        last = np.full(1 + max(int(o[self._segment.first : self._segment.end].max()) for o in chosen), NONE, np.int32)
        for ordinals in chosen:
            np.maximum.at(
                last,
                ordinals[self._segment.first : self._segment.end],
                np.arange(self._segment.first, self._segment.end, dtype=np.int32),
            )
        return last

    def _contents(self) -> Iterator[tuple[str, int, Any]]:
        assembler = Assembler(self._analysis.embodiment) if self._analysis.options.mode == "live" else None
        count = 0

        def load(m: BagMessage) -> EncodedImage:
            is_wanted = self._segment.first <= count < self._segment.end
            return self._analysis.recording.image(m.stream, m.content) if is_wanted else STAND_IN

        for m in self._analysis.recording.messages():
            yield m.stream, m.ordinal, m.content
            observation = observe(assembler, m, load) if assembler else None
            if isinstance(observation, Observation):
                yield OBSERVED, count, observation
                count += 1
            elif observation is not None and self._segment.first <= count < self._segment.end:
                # The first pass took a stand-in for the picture, so this observation is missing now, and those after
                # it would be counted wrongly.
                for problem in (p for p in observation if p.code == "image.broken"):
                    raise FineVLAError(f"{problem.source}: {problem.text}")

    def _state(self, k: int, found: Mapping[str, Any]) -> NDArray[np.float32]:
        if self._analysis.options.mode == "live":
            return found[OBSERVED].state  # type: ignore[no-any-return]
        parts = []
        for stream, weights in self._analysis.weights.items():
            earlier, later, weight = found[stream].values, found[after(stream)].values, weights[k]
            parts.append(earlier if weight == 0 else (1 - weight) * earlier + weight * later)
        return np.asarray(combined(parts), np.float32)

    def _action(self, k: int, found: Mapping[str, Any]) -> NDArray[np.float32]:
        if self._analysis.options.actions == "chunk":
            return np.asarray(found[PLANNED], np.float32)
        if self._analysis.is_led:
            return np.asarray(combined(found[stream].values for stream in self._analysis.leaders), np.float32)
        at: dict[str, float] = {}
        for controller in self._analysis.embodiment.controllers:
            at |= dict(
                zip(
                    controller.joints,
                    found[controller.name].positions[self._analysis.points[controller.name][k]],
                    strict=True,
                )
            )
        return self._analysis.embodiment.to_values([at[joint] for joint in self._analysis.embodiment.joints]).astype(
            np.float32
        )

    def _shown(self, found: Mapping[str, Any]) -> dict[str, Picture]:
        if self._analysis.options.mode == "live":
            observation = found[OBSERVED]
            wanted = set(self._analysis.recording.cameras)
            return {c: i for c, i in zip(observation.cameras, observation.images, strict=True) if c in wanted}
        return {
            c: self._analysis.picture(camera_stream(c), found[camera_stream(c)])
            for c in self._analysis.recording.cameras
        }
