"""Where the operator speaks: instructions by topic, plain text, service and action, one memory behind all of them.

Words that mean stop are obeyed in the callback that hears them, whatever state anything is in; other words are read in
threads of their own, since nobody knows how long a policy takes. `changed` guards the memory and the topic that tells of it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node
from std_msgs.msg import String

from finevla_core.active_instruction import Steering
from finevla_core.bridge_report import ENDED_CODE, UNHEARD, UNHEARD_S, BridgeReport, refusal_now
from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError, one_line, quoted
from finevla_core.instruction import Instruction, same_words
from finevla_core.stop_words import StopUtterance, stop_word
from finevla_core.understanding import NotUnderstood, Understanding
from finevla_interfaces import msg
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.bounded_services import serve
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.executor import AsideGroup
from finevla_ros.messages import instruction_from_msg, instruction_to_msg

SAID_STOP = "the operator said stop"
STOP_MEANWHILE = "a stop came meanwhile: say it again if it is still wanted"
LOGGED = 300  # characters of an instruction that go into the log
STREAM_S = 3.0  # `ros2 topic pub` says it again each second
CLOSE_S = 2.0
MOST_WAITING = 4  # instructions by service or action that are read, or wait for it
BUSY = "other instructions are still being read: say it again in a moment"
STREAM, ENDED = "the same words still come", "their instruction is over ({}): end that publisher, then say them once"


class NotNow(FineVLAError):
    """No instruction may begin at the moment, whatever it says; one that runs goes on."""


@dataclass(frozen=True)
class Answer:
    """What became of words: the active instruction and what it is taken for, or none if they meant stop; and a remark."""

    instruction: Instruction | None
    understanding: Understanding | None
    text: str


@dataclass(frozen=True)
class Occasion:
    """When words were heard: stops counted so far, and the bridge's epoch (None before its first word).

    If either differs later, a stop came between.
    """

    stops: int
    epoch: int | None


@dataclass(frozen=True)
class _Mail:
    message: msg.Instruction
    topic: str
    number: int  # of the publisher's messages on that topic
    occasion: Occasion


class InstructionServer:
    """Makes the node's steering interfaces, except the action.

    `client` is the name by which the bridge knows our chunks. `read` says what the policy takes an instruction for; it
    raises `NotUnderstood`, or `NotNow` if there is no policy at work. `warn` logs a sentence.
    """

    def __init__(
        self, node: Node, client: str, read: Callable[[Instruction], Understanding], warn: Callable[[str], None]
    ) -> None:
        self.node, self.client, self.read, self.warn = node, client, read, warn
        self.changed = threading.Condition()  # never held for longer than it takes to publish an instruction
        # Also held while a chunk is published, so that no old one follows a new instruction; a stop does not wait for it.
        self.sending = threading.Lock()
        self.steering = Steering()
        self.report: BridgeReport | None = None
        self.reported_s = float("-inf")
        self._stops = 0
        self._order = threading.Lock()  # instructions are read one after the other
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._inbox = threading.Condition()
        self._mail: _Mail | None = None
        self._is_closed = False
        self._last: tuple[_Mail, float] | None = None  # what a topic said last, and when
        self.active_publisher = node.create_publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        subscribe(node, msg.Instruction, "instruction", self._on_instruction, qos.ALL)
        subscribe(node, String, "instruction/text", self._on_text, qos.ALL)
        # Of any size: what is too long is refused by its words, for it may begin with a stop.
        serve(node, SetInstruction, "set_instruction", self._on_service, most_bytes=0, callback_group=AsideGroup())
        self._reader = threading.Thread(target=self._read_mail, name="instructions", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End the thread that reads what topics said; one that is in the middle of a text ends with it."""
        with self._inbox:
            self._is_closed = True
            self._inbox.notify()
        self._reader.join(timeout=CLOSE_S)

    def tell_if_idle(self) -> None:
        """Say that no instruction is active: what a policy that died here was told last is still remembered elsewhere."""
        with self.changed:
            if self.steering.active is None:
                self.active_publisher.publish(msg.Instruction())

    def occasion(self) -> Occasion:
        """Return the moment by which to tell later whether a stop came in between."""
        return Occasion(self._stops, self.report.epoch if self.report else None)

    def steer(self, message: msg.Instruction, occasion: Occasion | None = None, fault: str = "") -> Answer:
        """Obey words, from any thread but the executor's.

        `fault` is what else is wrong with the request. Raises `FineVLAError` with the reason for what is refused. What is
        not understood, contradicts itself or is no instruction at all ends the running one, too: nobody changes his mind
        to have the old one go on.
        """
        if (stop := stop_word(message.raw) or stop_word(message.fine)) is not None:
            return Answer(None, None, self.stop(stop))
        if occasion is None and not self._places.acquire(blocking=False):
            # Each waits in a thread, and when all wait no stop could be heard by service or action.
            self._refuse(BUSY, ends=False)
            raise NotNow(BUSY)
        try:
            return self._steer(message, occasion or self.occasion(), fault)
        finally:
            if occasion is None:
                self._places.release()

    def _steer(self, message: msg.Instruction, occasion: Occasion, fault: str) -> Answer:
        with self._order:
            try:
                if fault:
                    raise FineVLAError(fault)
                instruction = instruction_from_msg(message)
                if (running := self._same(instruction)) is not None:
                    return running
                self._check_now(occasion)
                with self.changed:
                    instruction = self.steering.following(instruction)
                understanding = self.read(instruction)
            except NotNow as error:
                self._refuse(str(error), ends=False)
                raise
            except FineVLAError as error:
                self._refuse(str(error), ends=True)
                raise
            return self._begin(instruction, understanding, occasion)

    def stop(self, utterance: StopUtterance) -> str:
        """End the active instruction and have the bridge brake whatever moves, also if none is active; returns a sentence."""
        with self.changed:
            self._stops += 1
            active = self.steering.active
            if active is None or not self.steering.clear(active.id, "stopped", SAID_STOP):
                self.steering.refusal = SAID_STOP
            self.steering.end_episode()
            self.active_publisher.publish(msg.Instruction())
            self.changed.notify_all()
        text = "stopped: no instruction is active any more" if active else "stopped: no instruction was active"
        if utterance.rest:
            text += f"; the whole of it was taken for a stop, since it begins with '{utterance.word}'"
        self.warn(f"{SAID_STOP}; {text}")
        return text

    def end(self, how: str, text: str, instruction_id: str | None = None, quietly: bool = False) -> None:
        """End the active instruction (if it is that one): no more chunks, and the bridge comes to a smooth stop.

        Without an id the episode ends, also where no instruction is active. `quietly`: when the process ends, nothing can
        be published any more.
        """
        with self.changed:
            was_ended = self._end(how, text, instruction_id, quietly)
            if instruction_id is None:
                self.steering.end_episode()
        if was_ended and not quietly:
            self.node.get_logger().info(f"instruction ended: {text}")

    def finish(self, instruction_id: str, limit_s: float) -> None:
        """End an instruction whose time is up: done if the bridge has followed it, else refused."""
        with self.changed:
            tally, is_waiting = self.steering.tally, self.report is not None and self.report.is_waiting
            is_done = tally.is_followed(self.now_s())
            text = f"{tally.summary(is_waiting)}, in {limit_s:.1f} s" if is_done else tally.summary(is_waiting)
        self.end("done" if is_done else "refused", text, instruction_id)

    def on_bridge(self, report: BridgeReport, followed: int) -> None:
        """Hear the bridge: a stop ends the active instruction. `followed` is the chunk of ours that it follows, 0 = none."""
        with self.changed:
            self.report, self.reported_s = report, time.monotonic()
            active, why = self.steering.active, report.ending(self.steering.epoch)
            self.steering.tally.on_followed(followed)
            if why:
                self.steering.end_episode()
        if why and active is not None:
            self.end("stopped", why, active.id)

    def on_chunk_refused(self, instruction_id: str, sequence: int, code: str, text: str) -> None:
        """Hear from the bridge that it refused a chunk; for it an instruction may be over that is still active here."""
        with self.changed:
            if not self.steering.accepts(instruction_id):
                return
            self.steering.tally.on_refused(sequence, code, text)
            reason = self.steering.tally.reason
        if code == ENDED_CODE:
            self.end("stopped", f"stopped: {reason}", instruction_id)

    def on_target_absent(self, instruction_id: str, stamp_ns: int, text: str) -> bool:
        """Hear from the policy that it does not see the target; True if that has lasted and the instruction is over."""
        with self.changed:
            is_over = self.steering.accepts(instruction_id) and self.steering.on_target_absent(stamp_ns)
        if is_over:
            self.end("absent", f"{text}: say it again when it is there", instruction_id)
        return is_over

    def send(self, chunk: ActionChunk, publish: Callable[[], None]) -> bool:
        """Publish a chunk and count it, unless it is not the active instruction's any more: then False."""
        with self.sending:
            with self.changed:
                if not self.steering.accepts(chunk.instruction_id):
                    return False
                self.steering.on_chunk(chunk.sequence, self.now_s())
            publish()
        return True

    def bridge_silence(self) -> str:
        """Return the sentence for a safety bridge that is not heard; empty if it is."""
        return UNHEARD if time.monotonic() - self.reported_s > UNHEARD_S else ""

    def now_s(self) -> float:
        """Return the time of the node's clock (simulated time with `use_sim_time`), seconds."""
        return float(self.node.get_clock().now().nanoseconds) * 1e-9

    def _same(self, instruction: Instruction) -> Answer | None:
        """The answer if it is the active instruction, said again: by its id, or without one."""
        with self.changed:
            active, steering = self.steering.active, self.steering
            if active is None or instruction.id not in ("", active.id) or not same_words(active, instruction):
                return None
            return Answer(active, steering.understanding, self.report.remark() if self.report else "")

    def _check_now(self, occasion: Occasion) -> int:
        """The bridge's epoch, if an instruction heard on that occasion may begin now."""
        now = self.occasion()
        if now.stops != occasion.stops or occasion.epoch not in (None, now.epoch):
            raise NotNow(STOP_MEANWHILE)
        refusal = refusal_now(self.report, time.monotonic() - self.reported_s, self.client)
        if refusal or now.epoch is None:
            raise NotNow(refusal)
        return now.epoch

    def _begin(self, instruction: Instruction, understanding: Understanding, occasion: Occasion) -> Answer:
        """Make it the active instruction and say so, unless a stop came while it was read."""
        instruction = instruction.stamped(self.node.get_clock().now().nanoseconds)
        try:
            with self.sending, self.changed:
                is_new = self.steering.set(instruction, understanding, self._check_now(occasion))
                if is_new:
                    self.active_publisher.publish(instruction_to_msg(instruction, understanding.summary))
                    self.changed.notify_all()
        except FineVLAError as error:  # an id that is used up, too: it says nothing about what is wanted
            self._refuse(str(error), ends=False)
            raise
        if is_new:
            shown, taken = quoted(instruction.prompt(), LOGGED), one_line(understanding.summary, LOGGED)
            self.node.get_logger().info(f"instruction '{instruction.id}': {shown} (understood: {taken})")
        return Answer(instruction, understanding, self.report.remark() if self.report else "")

    def _refuse(self, text: str, ends: bool) -> None:
        with self.changed:
            if self.steering.refuse(text, ends):
                self._tell_end()
        self.warn(f"instruction refused: {text}")

    def _end(self, how: str, text: str, instruction_id: str | None, quietly: bool) -> bool:
        active = self.steering.active
        if active is None or not self.steering.clear(instruction_id or active.id, how, text):
            return False
        self._tell_end(quietly)
        return True

    def _tell_end(self, quietly: bool = False) -> None:
        self.changed.notify_all()
        if not quietly:
            self.active_publisher.publish(msg.Instruction())

    def _on_service(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        """In a thread of its own: a stop does not wait for the words before it to be read."""
        try:
            answer = self.steer(request.instruction)
        except FineVLAError as error:
            response.message = str(error)
            response.unknown = list(error.unknown) if isinstance(error, NotUnderstood) else []
            return response
        response.accepted, response.message = True, answer.text
        if answer.instruction is not None and answer.understanding is not None:
            response.id, response.understood = answer.instruction.id, answer.understanding.summary
            response.unknown = list(answer.understanding.unknown)
            response.certainty, response.checked = answer.understanding.certainty, answer.understanding.is_checked
        return response

    def _on_instruction(self, message: msg.Instruction, info: dict[str, int]) -> None:
        self._on_topic(message, "instruction", info)

    def _on_text(self, message: String, info: dict[str, int]) -> None:
        self._on_topic(msg.Instruction(raw=message.data), "instruction/text", info)

    def _on_topic(self, message: msg.Instruction, topic: str, info: dict[str, int]) -> None:
        """In the executor's thread: a stop is obeyed here, everything else waits for its turn, and only the newest does."""
        if (stop := stop_word(message.raw) or stop_word(message.fine)) is not None:
            self.stop(stop)
            return
        with self._inbox:
            self._mail = _Mail(message, topic, info.get("publication_sequence_number") or 0, self.occasion())
            self._inbox.notify()

    def _read_mail(self) -> None:
        while True:
            with self._inbox:
                self._inbox.wait_for(lambda: self._mail is not None or self._is_closed)
                if self._is_closed:
                    return
                mail, self._mail = self._mail, None
            if mail is None or self._is_stream(mail):
                continue
            try:
                self.steer(mail.message, mail.occasion)
            except FineVLAError:
                continue  # it is logged, and in the heartbeat

    def _is_stream(self, mail: _Mail) -> bool:
        """Whether it is a publisher that goes on saying what has ended: then these are no new words, and nothing moves."""
        now_s, last = time.monotonic(), self._last
        self._last = (mail, now_s)
        if last is None or mail.message.id or self.steering.active is not None or not self.steering.refusal:
            return False
        before, heard_s = last
        goes_on = before.number < mail.number and now_s - heard_s < STREAM_S
        if not goes_on or (before.topic, before.message) != (mail.topic, mail.message):
            return False
        why = self.steering.refusal
        self._refuse(
            why if why.startswith(STREAM) else f"{STREAM} on {mail.topic}, but {ENDED.format(why)}", ends=False
        )
        return True
