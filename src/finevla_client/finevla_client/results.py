"""What the stack answered and says of itself, as data."""

from dataclasses import dataclass, field

from finevla_core.bridge_report import BridgeReport
from finevla_interfaces import msg
from finevla_ros.messages import report_from_msg


@dataclass(frozen=True)
class InstructionAnswer:
    """What became of an instruction: its id, or none and a sentence if it ended the active one ("stop").

    `message` of an accepted one is what the operator should know beside, `understood` what the policy takes it for,
    `unknown` are the words that it passed over; `certainty` is 0 where nothing was checked.
    """

    id: str
    message: str
    understood: str = ""
    unknown: tuple[str, ...] = ()
    certainty: float = 0.0
    is_checked: bool = False


@dataclass(frozen=True)
class FollowingAnswer:
    """Whether the arms follow an instruction; `message` is what the bridge says, or why the instruction is over."""

    is_followed: bool
    message: str


@dataclass(frozen=True)
class BridgeAnswer:
    """The safety bridge's own confirmation of a stop or a reset, in a sentence."""

    message: str


@dataclass(frozen=True)
class MotionResult:
    """The end of a motion that arrived: "there", or "there already" if nothing had to move."""

    message: str


@dataclass(frozen=True)
class RecorderAnswer:
    """What the recorder did, in a sentence; `episode` is the name of the one that began or ended."""

    episode: str
    message: str


@dataclass(frozen=True)
class PolicySummary:
    """What the policy node says of itself; texts are empty where there is nothing to say.

    `state` is "inactive", "idle", "running" or "waiting for observations"; `refusal` is why the last instruction was
    refused or ended; `rate_hz` counts chunks, `inference_s` is their median, `horizon_s` what one of them reaches ahead.
    """

    state: str
    bundle: str
    provider: str
    instruction_id: str
    understood: str
    refusal: str
    text: str
    chunks: int
    rate_hz: float
    inference_s: float
    horizon_s: float


@dataclass(frozen=True)
class BridgeSummary(BridgeReport):
    """What the safety bridge says of itself, beside what decides about instructions.

    `rejections` counts refused chunks by their code; `planned` is where the values are commanded to be now (rad, grippers
    0 closed to 1 open), empty if that is not known; `clearance_m` is the least distance along the running plan, NaN if
    not known, and `closest` what comes so near there.
    """

    instruction_id: str = ""
    chunks_accepted: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    plan_left_s: float = 0.0
    speed_scale: float = 1.0
    clearance_m: float = float("nan")
    closest: str = ""
    planned: tuple[float, ...] = ()


@dataclass(frozen=True)
class RobotStatus:
    """Policy and bridge as they were heard last; None where one is not heard."""

    policy: PolicySummary | None
    bridge: BridgeSummary | None


def policy_summary(message: msg.PolicyStatus) -> PolicySummary:
    """Return a policy's status as data."""
    return PolicySummary(
        state=str(message.state),
        bundle=str(message.bundle),
        provider=str(message.provider),
        instruction_id=str(message.instruction_id),
        understood=str(message.understood),
        refusal=str(message.refusal),
        text=str(message.text),
        chunks=int(message.chunks),
        rate_hz=float(message.rate_hz),
        inference_s=float(message.inference_s),
        horizon_s=float(message.horizon_s),
    )


def bridge_summary(message: msg.SafetyStatus) -> BridgeSummary:
    """Return a bridge's status as data; a state that nobody knows is one in which nothing may move."""
    report = report_from_msg(message)
    return BridgeSummary(
        **vars(report),
        instruction_id=str(message.instruction_id),
        chunks_accepted=int(message.chunks_accepted),
        rejections=dict(zip(message.reject_codes, map(int, message.reject_counts), strict=False)),
        plan_left_s=float(message.plan_left_s),
        speed_scale=float(message.speed_scale),
        clearance_m=float(message.clearance_m),
        closest=str(message.closest),
        planned=tuple(message.planned),
    )
