"""A safety bridge played by a test: says its state at 25 Hz, and follows or refuses chunks as it is told."""

from collections.abc import Callable
from typing import Any

from probe import Probe

from finevla_interfaces import msg
from finevla_ros import qos

PERIOD_S = 0.04


class PlayedBridge:
    """Make it before the probe is entered; change `status` with `say`.

    `refuses` gives the code for which a chunk is refused, "" if it is followed. What reaches `active_instruction` is in
    `heard`, chunks are in `chunks`.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.status = msg.SafetyStatus(state=msg.SafetyStatus.HOLDING, reason="holding", epoch=1, speed_scale=1.0)
        self.is_silent = False
        self.refuses: Callable[[msg.ActionChunk], str] = lambda _: ""
        self.heard: list[msg.Instruction] = []
        self.chunks: list[msg.ActionChunk] = []
        node = probe.node
        self._status = node.create_publisher(msg.SafetyStatus, "safety/status", qos.LATCHED)
        self._events = node.create_publisher(msg.SafetyEvent, "safety/events", qos.ALL)
        node.create_subscription(msg.ActionChunk, "action_chunk", self._on_chunk, qos.ALL)
        node.create_subscription(msg.Instruction, "active_instruction", self.heard.append, qos.LATCHED)
        node.create_timer(PERIOD_S, self._speak)

    def say(self, **changes: Any) -> None:
        """Change the status and publish it at once."""
        for name, value in changes.items():
            setattr(self.status, name, value)
        self._speak()

    def stop(self, reason: str) -> None:
        """Latch a stop."""
        self.say(state=msg.SafetyStatus.STOPPED, reason=reason, client="", chunk_sequence=0, instruction_id="")

    def reset(self) -> None:
        """Begin a new epoch, holding."""
        self.say(state=msg.SafetyStatus.HOLDING, reason="holding", epoch=self.status.epoch + 1)

    def _speak(self) -> None:
        if not self.is_silent:
            self.status.header.stamp = self.probe.node.get_clock().now().to_msg()
            self._status.publish(self.status)

    def _on_chunk(self, chunk: msg.ActionChunk) -> None:
        self.chunks.append(chunk)
        code = self.refuses(chunk)
        if self.status.state not in (msg.SafetyStatus.HOLDING, msg.SafetyStatus.FOLLOWING):
            code = "bridge.state"
        if not code:
            self.say(
                state=msg.SafetyStatus.FOLLOWING,
                client=chunk.client,
                chunk_sequence=chunk.sequence,
                instruction_id=chunk.instruction_id,
            )
            return
        event = msg.SafetyEvent(level=msg.SafetyEvent.WARN, code=code, instruction_id=chunk.instruction_id)
        event.chunk_sequence, event.text = chunk.sequence, f"chunk {chunk.sequence} refused: it breaks {code}"
        self._events.publish(event)
