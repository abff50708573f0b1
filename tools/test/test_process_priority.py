"""Promise: encoding a video does not make this process a real-time one that starves the rest of the machine."""

import os
from pathlib import Path

import numpy as np

from finevla_tools.convert.episode import CameraStream
from finevla_tools.convert.video_encoder import CameraEncoder, Codec


def test_no_thread_is_left_with_real_time_priority(tmp_path: Path) -> None:
    encoder = CameraEncoder(tmp_path / "x.mp4", CameraStream("front", 128, 128), 10, Codec())
    for _ in range(12):  # more than the encoder's queue holds, so that it has opened and the first picture is in
        encoder.put(np.zeros((128, 128, 3), np.uint8))
    policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    encoder.finish()
    assert policies == {os.SCHED_OTHER}
