"""The one door for everything that can be benchmarked: a bundle, a policy server, the oracle, random motion, and blind ones."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.bundle import load_bundle, used_files
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST
from finevla_tools.argument_checks import bundle_path

BASELINES_ALONE = ("oracle", "random")  # which need no bundle


@dataclass(frozen=True)
class Contestant:
    """What is benchmarked.

    `role` is what `finevla_tools.evaluation.runner.Trier` calls it: "policy", "blind", "oracle" or "random"; `bundle` has the
    policy or, with a `server`, the transforms to it.
    """

    name: str
    role: str
    bundle: Path | None = None
    server: str = ""

    def identity(self) -> dict[str, Any]:
        """Return what a result says of the policy, as plain data; `sha256` is of its manifest and all files it runs on."""
        found: dict[str, Any] = {
            "name": self.name,
            "role": self.role,
            "runtime": "",
            "sha256": "",
            "is_on_server": False,
        }
        if self.bundle is None:
            return found
        manifest = load_bundle(self.bundle).manifest
        digest = hashlib.sha256((self.bundle / MANIFEST).read_bytes())
        for file in sorted(used_files(manifest).values()):
            digest.update(manifest.files[file].encode())
        is_on_server = bool(self.server) or manifest.runtime == "remote"
        return found | {"runtime": manifest.runtime, "sha256": digest.hexdigest(), "is_on_server": is_on_server}


def contestant_of(policy: str, bundle: Path | None, is_blind: bool) -> Contestant:
    """Return what a person names on the command line: a bundle's folder, `ws://HOST:PORT` with a bundle, oracle or random.

    Raises:
        FineVLAError: It is none of these, its bundle is damaged or missing, or there are no words to be blind to.
    """
    if policy in BASELINES_ALONE:
        if is_blind or bundle is not None:
            raise FineVLAError(f"'{policy}' hears no words and has no bundle; leave --blind and --bundle out")
        return Contestant(policy, policy)
    server = policy if "://" in policy else ""
    if server and not server.startswith(("ws://", "wss://")):
        raise FineVLAError(f"'{policy}' is no policy server's address: write ws://HOST:PORT")
    if server and bundle is None:
        raise FineVLAError(
            f"'{policy}' needs --bundle with the transforms to it, e.g. models/examples/pi05_aloha (docs/policy_servers.md)"
        )
    if not server and bundle is not None:
        raise FineVLAError("--bundle goes with a policy server's address; give the bundle itself as the policy")
    folder = bundle if server and bundle is not None else bundle_path(policy)
    name = load_bundle(folder).manifest.name
    return Contestant(f"{name}_blind" if is_blind else name, "blind" if is_blind else "policy", folder, server)
