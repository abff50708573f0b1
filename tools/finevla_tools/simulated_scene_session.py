"""A simulated scene on the running stack: lay it out, say something, record ground truth and pictures until all rests.

Every wait is one for a state. A stopped bridge is reset if that is allowed: here, nobody stands next to the arms.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sensor_msgs.msg import CompressedImage

from finevla_client.connection import STATES
from finevla_client.errors import NoAnswer
from finevla_client.results import InstructionAnswer
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.safety.events import RESET_ADVICE
from finevla_interfaces.msg import SafetyEvent, SceneTruth
from finevla_ros import qos
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.world import Truth
from finevla_tools.ground_truth import truth_from_msg
from finevla_tools.motion_end import RATE_HZ, REST_S, rests
from finevla_tools.overload import OverloadWatch
from finevla_tools.progress_timeout import Patience
from finevla_tools.session_errors import InstructionRefused, Interruption, NotReady, StackDied
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import BAD_INPUT, Stack

HOLDING, FOLLOWING, STOPPED = 1, 2, 3  # states of `SafetyStatus`
# Codes of events: the bridge's own, and the watchdog's that only follows upon others.
DISABLING, STOPPING, REJECTIONS, BRAKING = "state.disabled", "state.stopped", "chunk.rejections", "watchdog.brake"
LOOK_S = 0.5  # how often progress is looked for
READY_USUAL_S, SCENE_USUAL_S = 5.0, 3.0  # on a free computer
PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0  # between two tries, where the answer does not say how long
SETTLED_BY_S = 30.0
SCENE_TRIES = 4
NO_TRIES = 3  # a no counts that comes so often from a stack that is ready; the bridge may be disabled for a blink
SLOWEST = 0.1  # of real time, that a motion is watched at
CHUNKS_AT_REST = 3  # fewer accepted while the arms rest, and it is the policy that is not heard


@dataclass
class FollowedRecording:
    """What was seen while one instruction was followed; pictures are JPEG.

    `accepted` is the bridge's count of chunks at each ground truth. `stop` says that the bridge "stopped" or "was disabled"
    in the middle, and why; `is_policy_to_blame` if it was for chunks that no limit allows. `ending` says why the policy gave
    the instruction up by itself. Both are empty if they did not.
    """

    trace: list[Truth] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    understood: str = ""
    stop: str = ""
    is_policy_to_blame: bool = False
    ending: str = ""

    def is_over(self) -> bool:
        """Return whether the arms rest, and not because the policy is not heard."""
        window = round(REST_S * RATE_HZ)
        return rests(self.trace) and self.accepted[-1] - self.accepted[-1 - window] >= CHUNKS_AT_REST


class StackSession:
    """The running stack as a demonstration sees it.

    `clock` is the one that `client` stamps by; `is_interrupted` ends every wait with an `Interruption`; `may_reset`: a bridge
    that stopped is reset without a person's word. `latest` is what was recorded last, also if `follow` raised.
    """

    def __init__(
        self,
        client: SimulationClient,
        stack: Stack,
        overload: OverloadWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_interrupted: Callable[[], bool] = lambda: False,
        may_reset: bool = True,
    ) -> None:
        self.client, self.stack, self.may_reset = client, stack, may_reset
        self.overload = overload or OverloadWatch()
        self.clock, self.is_interrupted = clock, is_interrupted
        self.recording: FollowedRecording | None = None
        self.latest: FollowedRecording | None = None
        self._truths = 0
        self._events: list[SafetyEvent] = []  # of bridge and watchdog since the last instruction
        robot = default_robot()
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        client.listen("sim/ground_truth", SceneTruth, qos.NEWEST, self._on_truth)
        client.listen("camera_overview/image_raw/compressed", CompressedImage, qos.SENSOR, self._on_picture)
        client.listen("safety/events", SafetyEvent, qos.ALL, self._on_event)

    def scene(self, seed: int, task: str) -> Scene:
        """The scene that the simulator makes of this seed."""
        return sample_scene(seed, task, self.ik)

    def get_ready(self, usual_s: float = READY_USUAL_S, may_reset: bool | None = None) -> None:
        """Wait until the bridge holds and the policy sees, and reset a bridge that stopped if that is allowed.

        `may_reset` goes before the stage's own. Raises `NotReady` if it does not come to that.
        """
        may_reset = self.may_reset if may_reset is None else may_reset
        patience, refused = Patience(self.clock), ""

        def progress() -> object:
            return self._heard(), refused

        while True:
            since_s = self.clock()
            self._until("the stack to be ready", lambda: self._is_decided(since_s), patience, progress)  # noqa: B023
            if self._is_ready(since_s):
                self.overload.waited("the stack to be ready", patience.spent_s, usual_s)
                return
            if not may_reset:
                raise NotReady(f"the safety bridge is stopped: {self.stop_reason()}")
            try:
                self.client.reset_simulated_bridge()
            except FineVLAError as error:
                refused = str(error)
                if patience.is_over(progress()):
                    text = f"the safety bridge could not be reset in {patience.spent_s:.0f} s: {refused}"
                    raise NotReady(text, is_final=True) from error
                self._pause(refused)

    def lay_out(self, seed: int, task: str, settle_s: float = 0.0) -> Scene:
        """Reset the simulator to a scene; the arms rest first, so that nothing is pulled from under a running plan.

        The bridge has then held for `settle_s` without a break, if it does so within half a minute. Raises `NotReady` if
        bridge, policy or simulator do not come to it.
        """
        trouble = ""
        for _ in range(SCENE_TRIES):
            self._end_instruction()
            self.get_ready()
            if not (trouble := self._reset_scene(seed, task)):
                self.get_ready()
                self._settle(settle_s)
                return self.scene(seed, task)
        text = f"the simulator does not show the scene of seed {seed} after {SCENE_TRIES} tries: {trouble}"
        raise NotReady(text, is_final=True)

    def follow(
        self, instruction: Instruction, seconds: float, on_understood: Callable[[str], None] | None = None
    ) -> FollowedRecording | None:
        """Say it and record until the arms rest after having moved, the bridge stops, the policy gives it up, or the time
        (of the simulation) is up; None if it only said "stop".

        `on_understood` hears what the policy takes it for, if it says so. Raises `InstructionRefused` if the policy will not
        follow it, and `NotReady` if the stack cannot.
        """
        self._events = []
        self.recording = self.latest = recording = FollowedRecording()
        try:
            since_s = self.clock()
            answer = self._say(instruction)
            if not answer.id:
                return None
            recording.understood = answer.understood
            if recording.understood and on_understood is not None:
                on_understood(recording.understood)
            self._watch(recording, answer.id, seconds, since_s)
        finally:
            self.recording = None
        if not recording.trace:
            stop = f"the safety bridge {recording.stop}" if recording.stop else ""
            raise NotReady(stop or "the simulator sends no ground truth; look at its output")
        return recording

    def check(self) -> None:
        """Raises `StackDied` if a node has ended."""
        if self.stack.failed:
            raise StackDied(self.stack.epitaph, is_final=self.stack.exit_code == BAD_INPUT)

    def stop_reason(self) -> str:
        """Why the bridge is stopped, as it was heard last; empty if it is not."""
        status = self.client.newest.get("safety/status")
        return _without_advice(status.reason) if status is not None and status.state == STOPPED else ""

    def _cause(self) -> str:
        """What the bridge or the watchdog said first of a stop: the bridge may know only that it was asked to."""
        errors = (e.text for e in tuple(self._events) if e.level == SafetyEvent.ERROR and e.code != BRAKING)
        text = _without_advice(next(errors, ""))
        return text.removeprefix("stopped: ").removeprefix("stop: ")

    def _said(self, code: str) -> str:
        """The sentence of the first event with that code; empty if there was none."""
        return next((str(event.text) for event in tuple(self._events) if event.code == code), "")

    def _settle(self, seconds: float) -> None:
        """Wait until the bridge has held for so long without a break, or `SETTLED_BY_S` are over; it holds then."""
        if not seconds:
            return
        patience = Patience(self.clock, most_s=SETTLED_BY_S)
        while not patience.is_over():
            self._events = []
            if not self.client.wait(lambda: self.stack.failed or self.is_interrupted() or self._is_broken(), seconds):
                break
            self.get_ready()
        self.get_ready()

    def _is_broken(self) -> bool:
        """Whether the bridge did not hold all the time since the events were forgotten."""
        return bool(self._said(DISABLING) or self._said(STOPPING)) or self._state(-1.0) != HOLDING

    def _end_instruction(self) -> None:
        patience = Patience(self.clock)
        while True:
            self.check()
            try:
                self.client.say(Instruction(raw="stop"))
                return
            except FineVLAError as error:
                if patience.is_over(str(error)):
                    raise NotReady(f"nobody takes the word stop: {error}", is_final=True) from error
            self._pause()

    def _reset_scene(self, seed: int, task: str) -> str:
        """Why it did not work; empty if the scene is shown."""
        patience = Patience(self.clock)
        try:
            self.client.reset_scene(seed, task)
            before = self._truths + 1  # one of the scene before may still be on its way
            self._until("the scene", lambda: self._truths > before and self._is_shown(seed, task), patience)
            self.client.adopt_scene()
        except (StackDied, Interruption):
            raise
        except FineVLAError as error:
            self._pause()
            return str(error)
        self.overload.waited("the scene", patience.spent_s, SCENE_USUAL_S)
        return ""

    def _say(self, instruction: Instruction) -> InstructionAnswer:
        for _ in range(NO_TRIES):
            try:
                return self.client.say(instruction)
            except NoAnswer as error:
                raise NotReady(str(error)) from error
            except FineVLAError as error:
                reason = str(error)
            since_s = self.clock()
            self._until("the bridge to be heard", lambda: self._state(since_s) is not None, Patience(self.clock))  # noqa: B023
            if not (self._state(since_s) in (HOLDING, FOLLOWING) and self.client.is_ready()):
                raise NotReady(reason)
        raise InstructionRefused(reason)

    def _watch(self, recording: FollowedRecording, instruction_id: str, seconds: float, since_s: float) -> None:
        most = round(seconds * RATE_HZ)
        was_active = False

        def has_ended() -> bool:
            nonlocal was_active
            message = self.client.newest.get("active_instruction")
            is_active = message is not None and message.id == instruction_id
            was_active = was_active or is_active
            return was_active and not is_active

        def is_over() -> bool:
            is_done = len(recording.trace) >= most or recording.is_over()
            is_kept = self._state(since_s) == STOPPED or bool(self._said(DISABLING))
            return is_done or is_kept or has_ended()

        patience = Patience(self.clock, most_s=max(60.0, seconds / SLOWEST))
        try:
            self._until("the arms to rest", is_over, patience, lambda: len(recording.trace))
        except NotReady:
            if len(recording.trace) < REST_S * RATE_HZ:
                raise
        heard_s = self.clock()
        self._until("the bridge to be heard", lambda: self._state(heard_s) is not None, Patience(self.clock))
        if reason := self.stop_reason():
            recording.stop = f"stopped: {self._cause() or reason}"
            recording.is_policy_to_blame = bool(self._said(REJECTIONS))
            self.overload.stopped(event.code for event in self._events)
        elif disabled := self._said(DISABLING):  # that ends an instruction too, however short it was
            recording.stop = f"was disabled: {disabled}"
        elif has_ended():
            policy = self.client.newest.get("policy/status")
            recording.ending = str(getattr(policy, "refusal", "") or getattr(policy, "text", "")) or "it was ended"

    def _until(
        self,
        what: str,
        condition: Callable[[], bool],
        patience: Patience,
        progress: Callable[[], object] | None = None,
    ) -> None:
        """Wait for a state; raises `NotReady` at the end of `patience`, `StackDied` and `Interruption` at once."""
        progress = progress or self._heard

        def is_over() -> bool:
            return self.stack.failed or self.is_interrupted() or condition()

        while not self.client.wait(is_over, LOOK_S):
            if patience.is_over(progress()):
                raise NotReady(f"waited {patience.spent_s:.0f} s for {what}: {self._lack()}", is_final=True)
        self.check()
        if self.is_interrupted():
            raise Interruption("interrupted")

    def _pause(self, answer: str = "") -> None:
        """As long as the answer asks for, or a moment."""
        asked = re.search(r"(\d+(?:\.\d+)?) s\b", answer)
        seconds = min(max(PAUSE_S, float(asked[1]) if asked else 0.0), LONGEST_PAUSE_S)
        self.client.wait(lambda: self.stack.failed or self.is_interrupted(), seconds)
        self.check()
        if self.is_interrupted():
            raise Interruption("interrupted")

    def _state(self, since_s: float) -> int | None:
        """The bridge's state, if it was heard since then."""
        if self.client.received_s.get("safety/status", -1.0) <= since_s:
            return None
        return int(self.client.newest["safety/status"].state)

    def _is_ready(self, since_s: float) -> bool:
        """Whether the bridge holds and the policy sees, both heard since then."""
        policy_s = self.client.received_s.get("policy/status", -1.0)
        return self._state(since_s) == HOLDING and policy_s > since_s and self.client.is_ready()

    def _is_decided(self, since_s: float) -> bool:
        """Whether there is nothing to wait for: all is ready, or only a reset helps."""
        return self._is_ready(since_s) or self._state(since_s) == STOPPED

    def _is_shown(self, seed: int, task: str) -> bool:
        truth = self.client.newest.get("sim/ground_truth")
        return truth is not None and (truth.seed, truth.task) == (seed, task)

    def _heard(self) -> object:
        """What changes while a stack gets ready."""
        policy, safety = self.client.newest.get("policy/status"), self.client.newest.get("safety/status")
        return (
            len(self.client.newest),
            policy is not None and (policy.bundle, policy.state),
            safety is not None and (safety.state, safety.reason),
        )

    def _lack(self) -> str:
        """What is heard of policy and bridge, for the person."""
        policy, safety = self.client.newest.get("policy/status"), self.client.newest.get("safety/status")
        policy_is = policy.state if policy is not None else "not heard"
        bridge_is = f"{STATES[safety.state]} ({safety.reason})" if safety is not None else "not heard"
        return f"policy {policy_is}, bridge {bridge_is}" + (f"; {self.stack.last_end}" if self.stack.last_end else "")

    def _on_truth(self, message: SceneTruth) -> None:
        self._truths += 1
        self.overload.hear()
        if (recording := self.recording) is not None:
            safety = self.client.newest.get("safety/status")
            recording.accepted.append(int(safety.chunks_accepted) if safety is not None else 0)
            recording.trace.append(truth_from_msg(message))

    def _on_picture(self, message: CompressedImage) -> None:
        if (recording := self.recording) is not None:
            recording.pictures.append(bytes(message.data))

    def _on_event(self, message: SafetyEvent) -> None:
        self._events.append(message)


def wait_for_stack(client: SimulationClient, stack: Stack, timeout_s: float) -> None:
    """Wait until the stack can be steered; raises `FineVLAError` saying what is missing, at once if a node ended."""
    deadline = time.monotonic() + timeout_s
    while not client.wait(client.is_ready, 0.5):
        if stack.failed:
            raise FineVLAError(stack.epitaph)
        if time.monotonic() > deadline:
            client.wait_until_ready(0.0)


def _without_advice(text: str) -> str:
    """A reason less what a person would have to do: here it is done."""
    return str(text).replace(f"; {RESET_ADVICE}", "")
