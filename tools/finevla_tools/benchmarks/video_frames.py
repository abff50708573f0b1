"""The videos of a sample: where they are, which pictures the published runners take, and those as parts of a message.

An address in `EvalSets.json` may be a path beside it with a time span, `videos/a.mp4#t=3.2,7.9` (W3C Media Fragments).
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import LFS, is_pointer
from finevla_tools.annotate.vlm_frames import ViewFile, read_frames
from finevla_tools.benchmarks.evaluation_files import BenchSample
from finevla_tools.benchmarks.model_requests import text_part
from finevla_tools.benchmarks.set_folders import video_files

SPAN = re.compile(r"#t=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class FrameRule:
    """How many pictures a second, at most how many of a view, and their JPEG quality."""

    fps: float
    most: int
    quality: int


VQA_FRAMES, CAPTION_FRAMES = FrameRule(2.0, 500, 75), FrameRule(4.0, 512, 85)


@dataclass(frozen=True)
class ViewClip:
    """A camera's video of a sample; `duration_s` is None for all of the file."""

    file: ViewFile
    duration_s: float | None = None

    @property
    def address(self) -> str:
        """The file's path with its time span, as a browser plays it."""
        if self.duration_s is None:
            return str(self.file.path)
        return f"{self.file.path}#t={self.file.begin_s:.3f},{self.file.begin_s + self.duration_s:.3f}"


def find_views(folder: Path, sample: BenchSample) -> tuple[list[ViewClip], list[str]]:
    """Return the views of a sample that are on this machine, and the names of those that are not, in order."""
    found, missing = [], []
    for k, name in enumerate(sample.views, 1):
        clip = _clip(folder, sample, name, f"view{k}")
        if clip is None:
            missing.append(name)
        elif is_pointer(clip.file.path):
            missing.append(f"{name} (a pointer of Git LFS)")
        else:
            found.append(clip)
    return found, missing


def why_missing(folder: Path, samples: Iterable[BenchSample]) -> str:
    """Return what brings the videos of samples that have none here, as the end of a sentence."""
    if any("Git LFS" in name for sample in samples for name in find_views(folder, sample)[1]):
        return f"they are pointers of Git LFS: {LFS}"
    return "put them at Videos/<dataset>/<sample_id>/<view>.mp4"


def _clip(folder: Path, sample: BenchSample, name: str, key: str) -> ViewClip | None:
    for path in video_files(folder, sample.dataset, sample.sample_id, (name, key)):
        return ViewClip(ViewFile(name, path))
    address = sample.addresses.get(name, "")
    span = SPAN.search(address)
    path = folder / SPAN.sub("", address)
    if not address or "://" in address or not path.is_file():
        return None
    if span is None:
        return ViewClip(ViewFile(name, path))
    begin, end = float(span[1]), float(span[2])
    return ViewClip(ViewFile(name, path, begin, end), max(end - begin, 0.0))


def picture_times(clip: ViewClip, rule: FrameRule) -> list[float]:
    """Return the times of the pictures: every so many frames from the first on, or evenly if those are too many."""
    import av

    try:
        with av.open(str(clip.file.path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            native = float(stream.average_rate or 30.0)
            seconds = (container.duration or 0) / 1e6
            total = stream.frames or round(seconds * native)
    except (av.FFmpegError, IndexError, OSError) as error:
        said = str(error)[:200]
        raise DamagedFileError(f"view '{clip.file.name}': '{clip.file.path}' cannot be read: {said}") from error
    if clip.duration_s is not None:
        total = min(total, round(clip.duration_s * native))
    indices = list(range(0, max(total, 1), max(1, round(native / rule.fps))))
    if len(indices) > rule.most:
        indices = [int(k * (total - 1) / (rule.most - 1)) for k in range(rule.most)]
    return [k / native for k in indices]


def view_parts(
    clips: Sequence[ViewClip], labels: Sequence[str], rule: FrameRule, shuffled_by: str = ""
) -> list[dict[str, Any]]:
    """Return the pictures of all views as parts of a message, each view behind its label if there are several.

    With `shuffled_by` the pictures of each view are in an order drawn by it: what is left is what needs no order.
    """
    if not clips:
        raise FineVLAError("no video of it is here")
    parts: list[dict[str, Any]] = []
    for clip, label in zip(clips, labels, strict=True):
        frames = read_frames(clip.file, picture_times(clip, rule), quality=rule.quality, stamped=False)
        if shuffled_by:
            random.Random(f"{shuffled_by} {clip.file.name}").shuffle(frames)
        if len(clips) > 1:
            parts.append(text_part(f"[View: {label}]"))
        parts += [{"type": "image_url", "image_url": {"url": frame.url}} for frame in frames]
    return parts


def expected_pictures(sample: BenchSample, views: int, rule: FrameRule) -> int:
    """Return how many pictures a sample will have, without opening its videos; 20 s are assumed where nothing is said."""
    return views * min(int((sample.duration_s or 20.0) * rule.fps) + 1, rule.most)


def caption_label(name: str, number: int) -> str:
    """Return what the published caption task calls a view: the main one, wrists and sides by their words, else its name."""
    lower = name.lower()
    if number == 0:
        return "This is the main view of the video."
    side = next((side for side in ("left", "right") if side in lower), "")
    if "wrist" in lower or "hand" in lower:
        return f"{side} wrist view".strip()
    return f"{side} side view" if side else name
