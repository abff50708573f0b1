"""Several processes of one run on this machine, as torchrun would start them; if one ends badly, the others are ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

POLL_S = 0.2
TOLD = "FINEVLA_TOLD"  # in the environment of processes whose parent has told already what they would
END_S = 10.0  # for a process to leave by itself, after another one has failed


def run_ranks(command: Sequence[str], count: int) -> int:
    """Run `finevla` with the words `command` in `count` processes; returns 0, or the exit code of the first that failed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), TOLD: "1"}
    words = [sys.executable, "-m", "finevla_tools.cli", *command]
    ranks = [
        subprocess.Popen(words, env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]
    try:
        while all(rank.poll() is None for rank in ranks) or not any(rank.returncode for rank in ranks):
            if all(rank.poll() is not None for rank in ranks):
                return 0
            time.sleep(POLL_S)
        return next(rank.returncode for rank in ranks if rank.returncode)
    finally:
        _end(ranks)


def _end(ranks: Sequence[subprocess.Popen[bytes]]) -> None:
    """They wait for each other, so that those that are left would do so for ever."""
    for rank in ranks:
        if rank.poll() is None:
            rank.terminate()
    for rank in ranks:
        try:
            rank.wait(END_S)
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()
