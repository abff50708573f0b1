"""A stack that is played, for the demonstration's tests: bridge, policy and simulator in one object, in a time of its own.

What goes wrong is set beforehand: answers that services give, states that last, processes that end.
"""

import io
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from PIL import Image
from sensor_msgs.msg import CompressedImage

from finevla_client.results import InstructionAnswer
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.safety.events import RESET_ADVICE
from finevla_core.stop_words import stop_word
from finevla_interfaces import msg
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_tools.launch_file import Launch
from finevla_tools.overload import OverloadWatch
from finevla_tools.session_host import SessionHost
from finevla_tools.simulated_scene_session import StackSession
from finevla_tools.up import Interrupts

DISABLED, HOLDING, FOLLOWING, STOPPED = range(4)
STEP_S = 0.1
MOVES_S = 1.5  # how long an arm needs to where it is sent to
STOPS_AFTER_S = 1.0


class PlayedTime:
    """Seconds that pass only where somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1.0

    def __call__(self) -> float:
        return self.now_s


class PlayedStack:
    """Stands for both the client and the processes of a stack.

    `resets`, `scenes` and `sayings` are answers in turn: None or nothing left = yes, a sentence = no, an exception = raised.
    `stops` are, in turn for each instruction that is followed, the reason of a stop in its middle, or None, with the event's
    `stop_code`; `endings` why the policy gives it up. Between `disabled_s` the bridge is disabled. `silent` topics are not
    heard. `at` calls a function when that time is reached.
    """

    namespace = "finevla"

    def __init__(self, time: PlayedTime) -> None:
        self.time = time
        self.newest: dict[str, Any] = {}
        self.received_s: dict[str, float] = {}
        self.listeners: dict[str, list[Callable[[Any], None]]] = {}
        self.resets: deque[str | Exception | None] = deque()
        self.scenes: deque[str | Exception | None] = deque()
        self.sayings: deque[str | Exception | None] = deque()
        self.stops: deque[str | None] = deque()
        self.stop_code = "state.lost"
        self.events_before_a_stop: list[msg.SafetyEvent] = []
        self.endings: deque[str | None] = deque()
        self.disabled_s = (-1.0, -1.0)
        self.silent: set[str] = set()
        self.steps_per_truth = 1  # 1 = ten times a second
        self.at: dict[float, Callable[[], None]] = {}
        self.state, self.reason = HOLDING, "joint states are fresh; holding"
        self.instruction = self.refusal = ""
        self.chunks = self.said = 0
        self.asked_resets_s: list[float] = []
        self.words: list[str] = []  # and when they came
        self.said_s: list[float] = []
        self.failed, self.epitaph, self.exit_code, self.last_end = False, "", 0, ""
        robot = default_robot()
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        self._moving_s = 0.0
        self._stop: str | None = None
        self._ending: str | None = None
        self._lay_out(1_000_000, "reach")

    def die(self, epitaph: str) -> None:
        """A process ends that is not started again."""
        self.failed, self.epitaph, self.exit_code, self.last_end = True, epitaph, 1, epitaph

    def listen(self, topic: str, kind: Any, profile: Any, callback: Callable[[Any], None]) -> None:
        """As `SimulationClient` does."""
        del kind, profile
        self.listeners.setdefault(topic, []).append(callback)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """As `SimulationClient` does; the only place where time passes."""
        until_s = self.time.now_s + timeout_s
        while not condition():
            if self.time.now_s >= until_s:
                return False
            self._step()
        return True

    def is_ready(self) -> bool:
        """As `SimulationClient` does."""
        safety = self.newest.get("safety/status")
        return "policy/status" in self.newest and safety is not None and safety.state in (HOLDING, FOLLOWING)

    def say(self, instruction: Instruction) -> InstructionAnswer:
        """Follow it if the next answer is yes; a stop always."""
        self.words.append(instruction.raw)
        self.said_s.append(self.time.now_s)
        if stop_word(instruction.raw):
            self._end("the operator said stop")
            return InstructionAnswer("", "stopped")
        _answer(self.sayings)
        if self.state not in (HOLDING, FOLLOWING):
            raise FineVLAError(f"the bridge is {('disabled', '', '', 'stopped')[self.state]}: {self.reason}")
        self.said += 1
        self.instruction, self.refusal, self.state, self._moving_s = f"instruction {self.said}", "", FOLLOWING, 0.0
        self._stop = self.stops.popleft() if self.stops else None
        self._ending = self.endings.popleft() if self.endings else None
        return InstructionAnswer(self.instruction, "", f"played: {instruction.raw}")

    def reset_simulated_bridge(self) -> str:
        """Leave STOPPED if the next answer is yes."""
        self.asked_resets_s.append(self.time.now_s)
        _answer(self.resets)
        if self.state != STOPPED:
            raise FineVLAError("nothing to reset")
        self.state, self.reason = HOLDING, "holding"
        return "holding"

    def adopt_scene(self) -> None:
        """These arms are where they were."""

    def reset_scene(self, seed: int, task: str) -> str:
        """Lay it out if the next answer is yes."""
        _answer(self.scenes)
        self._lay_out(seed, task)
        return "laid out"

    def say_stop(self, text: str) -> str:
        """As `SimulationClient` does."""
        return self.say(Instruction(raw=text)).message

    def stop(self, reason: str) -> None:
        """The bridge stops the arms."""
        self.state, self.reason = STOPPED, f"{reason}; {RESET_ADVICE}"
        self._end(reason)
        for event in self.events_before_a_stop:
            self._tell("safety/events", event)
        self._tell(
            "safety/events", msg.SafetyEvent(level=2, code=self.stop_code, text=f"stopped: {reason}; {RESET_ADVICE}")
        )

    def _lay_out(self, seed: int, task: str) -> None:
        self.seed, self.task = seed, task
        self._objects = [(o.name, o.centre) for o in sample_scene(seed, task, self.ik).objects]
        self._start = self._objects[0][1] + [0.0, 0.1, 0.2]
        self._moving_s = 0.0

    def _end(self, refusal: str) -> None:
        self.instruction, self.refusal = "", refusal
        if self.state == FOLLOWING:
            self.state = HOLDING

    def _step(self) -> None:
        self.time.now_s += STEP_S
        for due_s in [due_s for due_s in self.at if due_s <= self.time.now_s]:
            self.at.pop(due_s)()
        if self.failed:
            return
        began_s, ended_s = self.disabled_s
        if began_s <= self.time.now_s < ended_s:
            if self.state != DISABLED:
                self.state, self.reason = DISABLED, "joint states stopped coming; nothing is commanded"
                self._end(self.reason)
                self._tell("safety/events", msg.SafetyEvent(level=0, code="state.disabled", text=self.reason))
        elif self.state == DISABLED:
            self.state, self.reason = HOLDING, "joint states are fresh; holding"
        if self.state == FOLLOWING:
            self._moving_s += STEP_S
            self.chunks += 1
            if self._stop is not None and self._moving_s > STOPS_AFTER_S:
                self.stop(self._stop)
            elif self._ending is not None and self._moving_s > STOPS_AFTER_S:
                self._end(self._ending)
        self._report()

    def _report(self) -> None:
        self._tell("active_instruction", msg.Instruction(id=self.instruction))
        policy = SimpleNamespace(
            bundle="played", provider="nobody", inference_s=0.01, state="idle", text="", refusal=self.refusal
        )
        self._tell("policy/status", policy)
        self._tell("safety/status", msg.SafetyStatus(state=self.state, reason=self.reason, chunks_accepted=self.chunks))
        if round(self.time.now_s / STEP_S) % self.steps_per_truth == 0:
            self._tell("sim/ground_truth", self._truth())
        if round(self.time.now_s / STEP_S) % 5 == 0:
            self._tell("camera_overview/image_raw/compressed", PICTURE)

    def _truth(self) -> msg.SceneTruth:
        share = min(self._moving_s / MOVES_S, 1.0)
        hand = self._start + share * (self._objects[0][1] - self._start)
        message = msg.SceneTruth(
            seed=self.seed, task=self.task, left_tcp=_pose(hand), right_tcp=_pose([0.0, -0.5, 1.0])
        )
        message.objects = [msg.SceneObject(name=name, pose=_pose(place)) for name, place in self._objects]
        message.objects += [
            msg.SceneObject(name=name, pose=_pose([9.0, 9.0, 0.0])) for name in ("left_bowl", "right_bowl", "post")
        ]
        return message

    def _tell(self, topic: str, message: Any) -> None:
        if topic in self.silent:
            return
        self.newest[topic] = message
        self.received_s[topic] = self.time.now_s
        for listener in self.listeners.get(topic, ()):
            listener(message)


class PlayedHost(SessionHost):
    """Opens one played stack after the other; `load` is what the computer says of itself."""

    def __init__(
        self, stacks: Sequence[PlayedStack], interrupts: Interrupts, load: float = 0.5, **options: Any
    ) -> None:
        time = stacks[0].time
        arguments = {"namespace": "finevla", "seed": "1000000", "task": "reach"}
        overload = OverloadWatch(2, lambda: load, time)
        super().__init__(Launch((), arguments), lambda *_: None, overload, interrupts, **options)
        self.stacks = list(stacks)
        self.time = time

    def refuse_second(self) -> None:
        """There is no other."""

    def open_stage(self) -> tuple[Any, StackSession]:
        """Open the next one."""
        stack = self.stacks.pop(0)
        return stack, StackSession(stack, stack, self.overload, self.time, may_reset=self.may_reset)  # type: ignore[arg-type]


def press_ctrl_c() -> None:
    """As the terminal does."""
    os.kill(os.getpid(), signal.SIGINT)


def _answer(answers: "deque[str | Exception | None]") -> None:
    answer = answers.popleft() if answers else None
    if isinstance(answer, Exception):
        raise answer
    if answer is not None:
        raise FineVLAError(answer)


def _pose(place: Any) -> Pose:
    x, y, z = map(float, place)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0))


def _picture() -> CompressedImage:
    buffer = io.BytesIO()
    Image.fromarray(np.full((480, 640, 3), 120, np.uint8)).save(buffer, "jpeg")
    return CompressedImage(format="jpeg", data=buffer.getvalue())


PICTURE = _picture()
