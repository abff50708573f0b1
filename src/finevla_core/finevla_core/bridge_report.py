"""What the safety bridge last said of itself, and what follows for instructions: which may begin, and which must end.

Policy, command line and whoever else takes words ask here, so that all give the operator the same sentence.
"""

from dataclasses import dataclass

from finevla_core.safety.events import State

UNHEARD_S = 1.0  # the bridge speaks at 25 Hz: silent for so long, it hangs, died, or was never there
UNHEARD = "no safety bridge is heard on safety/status, and nothing moves without one: start it, or look at its output"
ENDED_CODE = "chunk.ended"  # refused because its instruction is over for the bridge, by a stop that others did not hear
STEP_REMARK = "step mode: every plan waits for a yes ('finevla step')"


@dataclass(frozen=True)
class BridgeReport:
    """The parts of a `SafetyStatus` that decide about instructions.

    `client` has command authority ("" = nobody), `epoch` grows with every reset and restart, `is_waiting` says that in
    step mode a plan waits for the operator's yes.
    """

    state: State
    reason: str = ""
    client: str = ""
    epoch: int = 0
    is_stepping: bool = False
    is_waiting: bool = False

    def refusal(self, client: str) -> str:
        """Return why no instruction may begin now for the chunks of `client`, one sentence; empty if one may."""
        if self.state is State.STOPPED:
            return f"the bridge is stopped ({self.reason}): when it is safe, 'finevla reset', then say it again"
        if self.state is State.DISABLED:
            return f"the bridge is disabled ({self.reason}): say it again when that is mended"
        is_busy = self.state is State.FOLLOWING or self.is_waiting
        if is_busy and self.client not in ("", client):
            return f"'{self.client}' has command authority and moves the arms: stop it or let it end, then say it again"
        return ""

    def remark(self) -> str:
        """Return what an operator must know although his instruction is accepted, one sentence; empty = nothing."""
        return STEP_REMARK if self.is_stepping else ""

    def ending(self, epoch: int) -> str:
        """Return why an instruction that began in `epoch` is over, one sentence; empty if it may go on.

        A stop and its reset may both go by unheard: then only the epoch tells of them.
        """
        if self.state in (State.STOPPED, State.DISABLED):
            return f"stopped: {self.reason}"
        if self.epoch != epoch:
            return "stopped: the bridge was reset or started again meanwhile; say it again"
        return ""


def refusal_now(report: BridgeReport | None, age_s: float, client: str) -> str:
    """Return why no instruction may begin now, one sentence; empty if one may.

    Args:
        report: The newest one, None if none came yet.
        age_s: Seconds since it came.
        client: Fully qualified node name of whoever would send the chunks.
    """
    if report is None or age_s > UNHEARD_S:
        return UNHEARD
    return report.refusal(client)
