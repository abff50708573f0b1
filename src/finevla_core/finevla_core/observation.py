"""One moment of the robot: images of all cameras and the state vector, with the stamp of the oldest part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError


@dataclass(frozen=True)
class Observation:
    """Images `(cameras, H, W, 3)` uint8 RGB and state `(D,)` float32 (rad; grippers 0 closed ... 1 open)."""

    stamp_ns: int
    cameras: tuple[str, ...]
    images: NDArray[np.uint8]
    image_stamps_ns: tuple[int, ...]
    state: NDArray[np.float32]
    state_stamp_ns: int
    sequence: int = 0

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            raise FineVLAError(f"images must be (cameras, H, W, 3) uint8, got {self.images.shape} {self.images.dtype}")
        if not len(self.cameras) == len(self.image_stamps_ns) == self.images.shape[0]:
            raise FineVLAError(
                f"{len(self.cameras)} camera names, {len(self.image_stamps_ns)} stamps, {self.images.shape[0]} images: "
                "there must be one of each per camera"
            )
        if self.state.dtype != np.float32 or self.state.ndim != 1 or not np.isfinite(self.state).all():
            raise FineVLAError(f"state must be a finite float32 vector, got {self.state.shape} {self.state.dtype}")

    @property
    def skew_s(self) -> float:
        """Newest part's stamp minus oldest part's, seconds."""
        stamps = (*self.image_stamps_ns, self.state_stamp_ns)
        return (max(stamps) - min(stamps)) * 1e-9
