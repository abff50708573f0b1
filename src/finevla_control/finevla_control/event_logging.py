"""How the nodes of this package say the same thing again: every event on a topic, in the log once and then with a count.

The first of a kind is logged at once. Repetitions are counted and told after 10 s, then at growing intervals, so that a fault
that lasts all night takes some lines and not some megabytes.
"""

import re
import time
from dataclasses import dataclass, field

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher

from finevla_core.safety.events import Event
from finevla_core.warning_backoff import TellingTimes
from finevla_interfaces.msg import SafetyEvent
from finevla_ros.flood_watch import Allowance

KIND = 40  # letters by which two sentences are taken for the same, whatever numbers are in them
KINDS = 64  # that are told apart; what comes on top of them counts as one
QUIET_S = 10.0  # what was not said for so long is said at once again
FLUSH_S = 1.0
EVENTS_HZ = 50.0  # of one code: as many as a policy may send chunks


@dataclass
class _Kind:
    """What was said, when last, and how often since it was told without being logged."""

    text: str
    last_s: float
    times: TellingTimes = field(default_factory=TellingTimes)
    count: int = 0


class RepeatLog:
    """Decides which sentences are worth a line, and puts the others into a count."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def note(self, kind: str, text: str, now_s: float) -> list[str]:
        """Return the lines to log now that `text` is said."""
        kind = kind if kind in self._kinds or len(self._kinds) < KINDS else ""
        lines = self.due(now_s)
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = _Kind(text, now_s)
            known.times.is_due(now_s)
            return [*lines, text]
        known.text, known.last_s = text, now_s
        known.count += 1
        return lines

    def due(self, now_s: float) -> list[str]:
        """Return the counts that are to be told now."""
        lines = []
        for kind, known in list(self._kinds.items()):
            is_over, since_s = now_s - known.last_s >= QUIET_S, known.times.told_s
            if known.count and (is_over or known.times.is_due(now_s)):
                times = "once" if known.count == 1 else f"{known.count} times"
                lines.append(f"{known.text} (repeated {times} in the last {now_s - since_s:.0f} s)")
                known.count = 0
            if is_over:
                del self._kinds[kind]
        return lines


class SeldomLog:
    """What a node says: the first of a kind at once, its repetitions as a count."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counters = {level: RepeatLog() for level in (SafetyEvent.INFO, SafetyEvent.WARN)}
        node.create_timer(FLUSH_S, self._flush, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def warn(self, text: str, kind: str = "") -> None:
        """Say it as a warning; what has the same `kind` (as a rule how it begins) is the same again."""
        self._say(SafetyEvent.WARN, text, kind)

    def info(self, text: str, kind: str = "") -> None:
        """Say it as information, else as `warn`."""
        self._say(SafetyEvent.INFO, text, kind)

    def _say(self, level: int, text: str, kind: str) -> None:
        kind = kind or re.sub(r"\d+", "0", text)[:KIND]
        self._log(level, self._counters[level].note(kind, text, time.monotonic()))

    def _flush(self) -> None:
        for level, counter in self._counters.items():
            self._log(level, counter.due(time.monotonic()))

    def _log(self, level: int, lines: list[str]) -> None:
        logger = self._node.get_logger()
        for line in lines:  # one call site per severity: rclpy refuses to log with two from the same line
            if level == SafetyEvent.WARN:
                logger.warning(line)
            else:
                logger.info(line)


class EventLog:
    """Safety events are published; in the log a policy that is refused at 10 Hz is a line with a count.

    Of what is refused to a flood the first `EVENTS_HZ` a second and kind are published, every stop is.
    """

    def __init__(self, node: Node, publisher: Publisher) -> None:
        self._node, self._publisher, self._seldom = node, publisher, SeldomLog(node)
        self._usual: dict[str, Allowance] = {}

    def tell(self, event: Event) -> None:
        """Publish and log; a stop is logged each time, for each one was ended by a person before the next."""
        usual = self._usual.setdefault(event.code, Allowance(EVENTS_HZ))
        if event.level < SafetyEvent.ERROR and not usual.take(time.monotonic()):
            return
        message = SafetyEvent(
            level=event.level,
            code=event.code,
            text=event.text,
            instruction_id=event.instruction_id,
            chunk_sequence=event.chunk_sequence,
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
        text = f"{event.code}: {event.text}"
        if event.level == SafetyEvent.ERROR:
            self._node.get_logger().error(text)
        elif event.level == SafetyEvent.WARN:
            self._seldom.warn(text, event.code)
        else:
            self._seldom.info(text)
