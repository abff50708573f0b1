"""Entry points of the nodes: a Ctrl-C that meets one while it still loads its libraries ends it, and leaves no traceback."""

import gc
import importlib
import os
import signal
from collections.abc import Callable
from types import FrameType


def entry_point(module: str) -> Callable[[], int]:
    """Return what imports `module`, which takes seconds, and runs its `main`.

    This module must be imported before anything that takes long, and import nothing that does.
    """

    def run() -> int:
        signal.signal(signal.SIGINT, _leave)  # until `run_node` installs its own
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `finevla up` starts us with it blocked
        gc.disable()  # what libraries are made of stays: to look for garbage among it takes a fifth of a node's start ...
        main = importlib.import_module(module).main
        gc.freeze()  # ... and tens of milliseconds each time, later, in the middle of a motion
        gc.enable()
        return int(main())

    return run


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Nothing has begun, and what is half imported cannot be unwound: a KeyboardInterrupt there comes out as any error."""
    os._exit(0)
