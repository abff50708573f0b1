"""Promises of what the model is shown and of how its answers are read: pictures of their times, and JSON that fits."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")

from PIL import Image
from vlm_run import write_video

from finevla_core.errors import DamagedFileError
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.json_schema import find_json, schema_errors
from finevla_tools.annotate.vlm_frames import ViewFile, fixed_times, phase_times, read_frames

SCHEMA = {
    "type": "object",
    "properties": {"episode": {"type": "string", "const": "t"}, "n": {"type": "integer", "minimum": 1}},
    "required": ["episode", "n"],
    "additionalProperties": False,
}


# Pictures --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_pictures_are_those_of_their_times_small_and_with_legible_times(codec: str, tmp_path: Path) -> None:
    view = ViewFile("high", write_video(tmp_path / "v.mp4", seconds=2.0, codec=codec, size=(640, 480)))
    frames = read_frames(view, (0.0, 1.0, 2.0))
    pictures = [np.asarray(Image.open(io.BytesIO(frame.jpeg))) for frame in frames]
    assert [picture.shape for picture in pictures] == [(384, 512, 3)] * 3
    light = [float(picture[200:, 300:].mean()) for picture in pictures]
    assert np.allclose(light, [0, 121, 242], atol=12)
    black = np.flatnonzero(pictures[2][:, 0].mean(axis=1) < 100)
    assert 0.10 * 384 <= len(black) <= 0.14 * 384
    assert (pictures[0][:46, :150] > 200).any()
    assert base64.b64decode(frames[0].url.partition(",")[2]) == frames[0].jpeg


def test_later_episode_of_a_shared_file_is_found(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", seconds=4.0)
    (frame,) = read_frames(ViewFile("high", path, begin_s=2.0), (1.0,))
    light = float(np.asarray(Image.open(io.BytesIO(frame.jpeg)))[30:, 40:].mean())
    assert abs(light - 255 * 30 / 41) < 12


def test_pictures_of_the_next_episode_in_a_shared_file_are_not_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", seconds=4.0)
    view = ViewFile("high", path, begin_s=1.0, end_s=2.0)
    (last,) = read_frames(view, (1.0,))  # the last picture of its own, at 1.9 s of the file
    light = float(np.asarray(Image.open(io.BytesIO(last.jpeg)))[30:, 40:].mean())
    assert abs(light - 255 * 19 / 41) < 4
    with pytest.raises(DamagedFileError, match=r"ends before 2\.00 s of the episode"):
        read_frames(view, (0.5, 2.0))


def test_phases_choose_the_times() -> None:
    def fact(from_s: float, to_s: float, slot: str, step: int) -> Annotation:
        return Annotation(0, from_s, to_s, "action_sequence", slot, "x", "motion", step=step)

    facts = [
        fact(1.0, 2.0, "primitive_action", 1),
        fact(2.0, 5.0, "primitive_action", 2),
        fact(1.8, 1.9, "gripper_state", 0),
    ]
    times = phase_times(facts, 6.0, 32)
    assert {0.0, 1.0, 1.5, 1.8, 1.9, 2.0, 3.5, 5.0, 6.0} <= set(times)
    assert list(times) == sorted(times)
    assert len(phase_times(facts, 6.0, 4)) == 4
    assert phase_times([], 6.0, 32) == fixed_times(6.0, 2.0, 32)


# JSON ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [({"episode": "t", "n": 1}, ""), ({"episode": "u", "n": 1}, 'must be "t"'), ({"episode": "t"}, "lacks 'n'"),
     ({"episode": "t", "n": True}, "must be integer"), ({"episode": "t", "n": 0}, "fewer than 1"),
     ({"episode": "t", "n": 1, "m": 1}, "was not asked for"), ([], "must be object")],
)  # fmt: skip
def test_schema_is_checked_here(value: Any, said: str) -> None:
    found = list(schema_errors(value, SCHEMA))
    assert said in " ".join(found)
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '<think>{"b": 2}</think>{"a": 1}', 'thought {"b": 2}</think> {"a": 1}', 'So: {"a": 1} is it.',
             '```json\n{"a": 1}\n```', 'set {x} then {"a": 1}'],
)  # fmt: skip
def test_json_is_found_behind_thinking_and_words(text: str) -> None:
    assert find_json(text) == {"a": 1}


@pytest.mark.parametrize("text", ["", "no", "[1]", '{"a": NaN}', "{" * 5000, '{"a":' * 3000])
def test_no_json_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="holds no JSON"):
        find_json(text)
