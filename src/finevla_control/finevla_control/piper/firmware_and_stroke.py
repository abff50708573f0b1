"""What an arm is asked and told once after it connects: its firmware, and the stroke of its gripper.

Some units report an opening of 0 until they are told their stroke (0x47D), and telling changes what they say: so ask first,
and do not overwrite an answer that contradicts.
"""

import math

from finevla_control.piper import protocol as p
from finevla_control.piper.feedback import Feedback

ASK_EVERY_S = 0.5
ASK_TIMES = 6  # then the firmware is taken for one that does not know the question


class Setup:
    """Counts what was asked of one arm on one bus."""

    def __init__(self, stroke_m: float) -> None:
        self.stroke_m = stroke_m
        self.asked, self.asked_s, self.is_told = 0, -math.inf, False

    def is_contradicted(self, feedback: Feedback) -> bool:
        """Whether the gripper says another stroke; 0 = it was never set."""
        said = feedback.stroke_m
        return not math.isnan(said) and said != 0.0 and abs(said - self.stroke_m) > 5e-4

    def due(self, feedback: Feedback, now_s: float) -> list[p.CanFrame]:
        """The frames to send now; none of them moves anything."""
        if not feedback.is_connected(now_s):
            self.asked, self.is_told = 0, False  # it may come back as another arm, or freshly switched on
            return []
        contradicted = self.is_contradicted(feedback)
        firmware = feedback.firmware()
        is_known = firmware is not None and not math.isnan(feedback.stroke_m)
        if now_s - self.asked_s < ASK_EVERY_S:
            return []
        frames = []
        if not self.is_told and not contradicted and (is_known or self.asked >= ASK_TIMES):
            frames.append(p.gripper_setup(self.stroke_m))
            self.asked, self.is_told = 0, True  # and read back what it has taken
        elif self.asked >= ASK_TIMES and not contradicted:
            return []
        self.asked, self.asked_s = self.asked + 1, now_s
        return [*frames, p.ask_gripper_setup(), *([p.ask_firmware()] if firmware is None else [])]
