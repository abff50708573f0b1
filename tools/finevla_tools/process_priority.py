"""Ordinary priority for a process whose video encoder helped itself to more.

SVT-AV1 makes its threads, and the one that opens it, real-time ones of the highest priority if it may, as root may: everything
else on the machine starves while it encodes, nodes that move an arm too, and whatever is started from there inherits it.
"""

import contextlib
import os
from pathlib import Path


def give_way() -> None:
    """Take real-time priority from all threads of this process."""
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            if os.sched_getscheduler(int(task.name)) != os.SCHED_OTHER:
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
