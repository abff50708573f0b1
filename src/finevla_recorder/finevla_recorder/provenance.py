"""What made an episode: software, policy bundle, robot and safety file, each with a hash, so that it can be found again."""

import hashlib
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_ros.share_paths import bundle_directory


@cache
def software() -> dict[str, str]:
    """Version, and the commit where this runs from a checkout ("-dirty": with changes)."""
    return {"version": metadata.version("finevla_recorder"), "commit": _commit()}


def policy(bundle: str) -> dict[str, str]:
    """The bundle that the policy says it runs; the manifest has the hashes of all its files."""
    try:
        manifest = bundle_directory(bundle) / "manifest.yaml" if bundle else None
    except (FineVLAError, OSError, ValueError):  # of another machine, given by a path, or no name that a file can have
        manifest = None
    return {"bundle": bundle, "manifest_sha256": sha256(manifest)}


def described(path: Path | None) -> dict[str, str]:
    """A file by name and hash."""
    return {"file": path.name if path else "", "sha256": sha256(path)}


def sha256(path: Path | None) -> str:
    """Return the SHA-256 of a file in hexadecimal; "" without a path or if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""
    except OSError:
        return ""


def facts(bundle: str, robot: str, robot_path: Path, safety_path: Path | None) -> dict[str, Any]:
    """All of it, for episode.json."""
    return {
        "software": software(),
        "policy": policy(bundle),
        "robot": {"name": robot, **described(robot_path)},
        "safety": described(safety_path),
    }


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).resolve().parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
