"""Questions about pictures, to be learned beside actions: of `vqa` rows of data sets, and of a file of JSON lines.

Places in a picture (points, boxes) follow it to the policy's size; one that is cut away with the picture's edge takes its
question along.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.images import BROKEN, CompressedImage, ImageFormat, fit_point, to_policy_image
from finevla_core.text_files import read_json_lines
from finevla_tools.convert.episode_names import inside
from finevla_tools.convert.lerobot_pictures import declared_camera
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.training.episodes import TrainingEpisode, answer_json

QUESTION, POINT = "question", "point"
ENTRIES = ("image", "question", "answer")


@dataclass(frozen=True)
class PictureAnswer:
    """A question, its answer, and its picture: a file, or (set, episode's place in it, frame, camera's place)."""

    question: str
    answer: str
    kind: str
    picture: Path | tuple[int, int, int, int]


def questions_of_set(
    number: int,
    files: LeRobotFiles,
    episodes: Sequence[tuple[int, TrainingEpisode]],
    cameras: Mapping[str, str],
    images: ImageFormat,
) -> Iterator[PictureAnswer]:
    """Give the questions of a set's episodes (with their places in it) about cameras that the policy sees.

    `cameras` maps the policy's names to the set's keys.
    """
    names = {key: name for name, key in cameras.items()}
    for place, episode in episodes:
        for one in episode.questions:
            if one.camera in names:
                camera = declared_camera(one.camera, one.camera, files.features[one.camera].get("shape"), files.root)
                answer = fitted_answer(one.answer, camera.height, camera.width, images, names[one.camera])
                if answer is not None:
                    where = (number, place, one.frame, list(cameras).index(names[one.camera]))
                    yield PictureAnswer(one.question, answer, _kind(answer), where)


def questions_of_file(path: Path, images: ImageFormat) -> list[PictureAnswer]:
    """Return the questions of a file of JSON lines {image, question, answer}; images are named from the file's folder.

    Raises `FineVLAError` naming the line that is none, or whose picture cannot be read.
    """
    if not path.is_file():
        raise FineVLAError(
            f'\'{path}\' of \'vlm\' does not exist; it is a file of lines {{"image", "question", "answer"}}'
        )
    rows, problems = read_json_lines(path)
    if problems:
        raise DamagedFileError(problems[0])
    found = []
    for number, row in enumerate(rows, 1):
        where = f"'{path}', entry {number}"
        if lacking := [name for name in ENTRIES if not isinstance(row.get(name), str) or not row[name].strip()]:
            raise FineVLAError(f"{where} has no '{lacking[0]}'; each line says image, question and answer, as texts")
        picture, height, width = named_picture(path.parent, row["image"], where)
        answer = fitted_answer(row["answer"], height, width, images)
        if answer is not None:
            found.append(PictureAnswer(row["question"], answer, _kind(answer), picture))
    return found


def question_content(question: str, answer: str, folder: Path, pictures: Sequence[Path]) -> bytes:
    """Return what a hash of questions covers, in their order: texts, and pictures by size and name below `folder`.

    Without the names, questions that differ by their pictures alone could change places, and nobody would see it.
    """
    named = [(picture.relative_to(folder).as_posix(), picture.stat().st_size) for picture in pictures]
    return f"{question}\0{answer}\0{named}\0".encode()


def named_picture(folder: Path, name: str, where: str) -> tuple[Path, int, int]:
    """Return a picture's file that a row names, below the row's own folder, with its height and width.

    Raises:
        FineVLAError: It lies elsewhere, is not there, or is neither JPEG nor PNG; `where` begins the sentence.
    """
    picture = inside(folder, name, where)
    try:
        with Image.open(picture, formats=("JPEG", "PNG")) as opened:
            width, height = opened.size
    except FileNotFoundError as error:
        raise FineVLAError(f"{where}: its picture '{picture}' does not exist") from error
    except BROKEN as error:
        raise DamagedFileError(f"{where}: '{picture}' is no JPEG or PNG picture: {error}") from error
    return picture, height, width


def read_picture(path: Path, images: ImageFormat, camera: str = "") -> NDArray[np.uint8]:
    """Return a picture's file as the policy sees it; raises `FineVLAError` naming it."""
    try:
        return to_policy_image(CompressedImage(path.read_bytes()), images, camera)
    except OSError as error:
        raise FineVLAError(f"'{path}' cannot be read: {error.strerror}") from error
    except FineVLAError as error:
        raise error.retold(f"'{path}': {error}") from error


def fitted_answer(answer: str, height: int, width: int, images: ImageFormat, camera: str = "") -> str | None:
    """Return an answer with its points and boxes in pixels of the fitted picture; None if one is no longer on it."""
    said = answer_json(answer)
    if said is None or not {"point", "detections"} & said.keys():
        return answer
    said = dict(said)
    if _is_numbers(said.get("point"), 2):
        point = _fitted(said["point"], height, width, images, camera)
        if point is None:
            return None
        said["point"] = point
    if isinstance(said.get("detections"), list):
        boxes = []
        for one in said["detections"]:
            if isinstance(one, Mapping) and _is_numbers(one.get("bbox"), 4):
                box = _fitted(one["bbox"], height, width, images, camera)
                if box is None:
                    return None
                one = {**one, "bbox": box}
            boxes.append(one)
        said["detections"] = boxes
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def _fitted(numbers: Sequence[float], height: int, width: int, images: ImageFormat, camera: str) -> list[int] | None:
    """Pairs x, y as they are in the fitted picture; a box may reach over its edge and is cut there, its middle may not."""
    places = np.array(
        [fit_point(x, y, height, width, images, camera) for x, y in np.reshape(numbers, (-1, 2)).tolist()]
    )
    size = np.array([images.width, images.height])
    if ((middle := places.mean(axis=0)) < 0).any() or (middle >= size).any():
        return None
    return [int(n) for n in np.clip(np.round(places), 0, size - 1).ravel()]


def _is_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(n, int | float) and not isinstance(n, bool) and np.isfinite(n) for n in value)
    )


def _kind(answer: str) -> str:
    said = answer_json(answer)
    return POINT if said is not None and "point" in said else QUESTION
