"""The 80-value layout: which slot lies where, and what a file of it says of itself (FineVLA's CanonicalizeAndClean)."""

from dataclasses import dataclass
from typing import Any

DIM = 80
EEF_DIM = 7  # position and quaternion x, y, z, w; the slot keeps two more, so that a 6-D rotation would fit


@dataclass(frozen=True)
class Slot:
    """Values `start` to `stop` of the vector."""

    name: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of values in the slot."""
        return self.stop - self.start

    @property
    def is_eef(self) -> bool:
        """Whether the slot holds an end-effector pose."""
        return self.name.endswith("_eef")


SLOTS = {
    slot.name: slot
    for slot in (
        Slot("left_joint", 0, 7),
        Slot("left_eef", 7, 16),
        Slot("left_gripper", 16, 17),
        Slot("left_hand", 17, 29),
        Slot("right_joint", 29, 36),
        Slot("right_eef", 36, 45),
        Slot("right_gripper", 45, 46),
        Slot("right_hand", 46, 58),
        Slot("reserved", 58, 80),
    )
}
FRAME_INDEX, STATE, ACTION, MASK_STATE, MASK_ACTION = COLUMNS = (
    "frame_index", "state_unified", "action_unified", "mask_state", "mask_action",
)  # fmt: skip


def layout_json() -> dict[str, Any]:
    """Return start, end and size of each slot, as `slot_layout` in unified_meta.json."""
    return {s.name: {"start": s.start, "end": s.stop, "dim": s.size} for s in SLOTS.values()}
