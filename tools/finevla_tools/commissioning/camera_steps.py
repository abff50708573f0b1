"""Cameras: alive, fast enough, each what it is taken for and the right way up, which only a person can tell."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.embodiment import Camera
from finevla_core.errors import FineVLAError
from finevla_tools.commissioning.person_answers import NotAnswered, Person
from finevla_tools.commissioning.step_outcome import StepOutcome, failed, passed, skipped
from finevla_tools.commissioning.topic_listener import TopicListener

ENOUGH = 0.8  # of the rate that the driver was told
BLACK = 8  # mean of 255: a lens cap, or an exposure that failed
AGAIN_S = 1.5  # a new picture, after somebody held a hand before a camera
NONE, AGAIN = "none", "again"


def check_rates(ears: TopicListener) -> Iterator[StepOutcome]:
    """Every camera: whether it sends, how fast, and what is wrong with the pictures."""
    frames = {frame: c.name for c in ears.robot.cameras for frame in (c.frame, c.driver_frame)}
    seen: dict[str, NDArray[np.uint8]] = {}
    for camera in ears.robot.cameras:
        outcome, picture = _alive(ears, camera, frames)
        if picture is not None:
            twin = next((name for name, other in seen.items() if np.array_equal(other, picture)), "")
            if twin and picture.std() > 1.0:
                found = f"its picture is that of camera {twin}, bit for bit: one device on two topics"
                outcome = failed(
                    outcome.step, found, "give each its own serial number in the robot file", **outcome.facts
                )
            seen[camera.name] = picture
        yield outcome


def _alive(ears: TopicListener, camera: Camera, frames: dict[str, str]) -> tuple[StepOutcome, NDArray[np.uint8] | None]:
    step, stream = f"camera.{camera.name}", ears.cameras[camera.name]
    if not stream.count:
        return failed(step, f"no picture came on {stream.topic}", _why_silent(ears, camera)), None
    frame = ears.frame(camera.name)
    facts = {"rate_hz": round(stream.rate_hz, 1), "frame": frame}
    try:
        picture = ears.picture(camera.name)
    except FineVLAError as error:
        return failed(step, str(error), "tell its driver another format", **facts), None
    found = f"{stream.rate_hz:.1f} pictures a second"
    if (whose := frames.get(frame, camera.name)) != camera.name:
        remedy = f"exchange the serial numbers of {camera.name} and {whose} in the robot file"
        return failed(step, f"its pictures are camera {whose}'s, by their frame_id", remedy, **facts), picture
    if picture.mean() < BLACK:
        return failed(step, "its picture is black", "take the cap off; light; exposure of the driver", **facts), picture
    least_hz = max(ENOUGH * camera.rate_hz, ears.robot.observation_rate_hz)
    if stream.rate_hz < least_hz:
        remedy = "another USB port or controller (3 cameras are much for one), a shorter exposure, a less busy computer"
        return failed(step, f"{found}; {camera.rate_hz} are expected", remedy, **facts), picture
    return passed(step, f"{found} on {stream.topic}", **facts), picture


def _why_silent(ears: TopicListener, camera: Camera) -> str:
    topic = ears.cameras[camera.name].topic
    raw = topic.removesuffix("/compressed")
    other, transport = (f"{topic}/compressed", "compressed") if raw == topic else (raw, "raw")
    if ears.publishers(topic):
        return f"its driver is there and silent: look at its output, is camera {camera.name} plugged in?"
    if ears.publishers(other):
        return f"{other} is there: give --transport {transport}, and transport:={transport} to the stack"
    return "nobody publishes it: start the drivers (cameras:=orbbec, realsense or usb), or correct 'topic' in the robot file"


def look_at_pictures(ears: TopicListener, person: Person, folder: Path) -> Iterator[StepOutcome]:
    """Show every camera's picture under a number, not under its name: the person says which camera it is."""
    names = [name for name, stream in ears.cameras.items() if stream.count]
    random.shuffle(names)
    for number, name in enumerate(names, 1):
        yield _look(ears, person, name, folder / f"picture_{number}.png")


def _look(ears: TopicListener, person: Person, name: str, file: Path) -> StepOutcome:
    step, choices = f"picture.{name}", (*ears.robot.camera_names, NONE, AGAIN)
    try:
        while True:
            Image.fromarray(ears.picture(name)).save(file)
            _open(file)
            question = (
                f"Which camera shows what is in {file}? If you cannot tell, hold a hand before one of them and take a new "
                "picture: again."
            )
            if (shown := person.ask(f"picture.{name}.which", question, choices)) != AGAIN:
                break
            ears.listen(AGAIN_S)
        is_upright = person.ask(f"picture.{name}.upright", "Is it the right way up?", ("yes", "no")) == "yes"
    except NotAnswered as reason:
        return skipped(step, f"{reason}; its picture is {file.name}")
    except FineVLAError as error:
        return failed(step, str(error), "look at the camera's driver")
    facts = {"file": file.name, "shown": shown, "is_upright": is_upright}
    if shown == NONE:
        return failed(step, "the picture is none of this robot's cameras", f"another device for camera {name}", **facts)
    if shown != name:
        remedy = (
            f"exchange serial, usb_port or device of {name} and {shown} in the robot file, or plug them the other way"
        )
        return failed(step, f"the topic of camera {name} shows camera {shown}: exchanged", remedy, **facts)
    if not is_upright:
        remedy = "turn the camera in its mount, or have its driver turn the picture; the policy has learned it upright"
        return failed(step, f"the picture of camera {name} is not the right way up", remedy, **facts)
    return passed(step, f"it is camera {name}, the right way up", **facts)


def _open(file: Path) -> None:
    """In the desktop's viewer, where there is one and somebody sits before it."""
    if sys.stdin.isatty() and (viewer := shutil.which("xdg-open")):
        subprocess.Popen(
            [viewer, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
