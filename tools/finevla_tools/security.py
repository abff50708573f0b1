"""Keystores of SROS 2 behind `finevla security` and `finevla up security:=`: made, checked, and told about."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_ros.namespaces import checked_namespace
from finevla_ros.share_paths import robot_file
from finevla_tools.security_check import last_day, problems
from finevla_tools.security_keystore import create, enclave_path
from finevla_tools.security_map import OPERATOR, members
from finevla_tools.security_permissions import checked_domain
from finevla_tools.security_probe import environment, refuse_insecure_dds


def run_security(arguments: argparse.Namespace) -> int:
    """`finevla security create` and `check`."""
    folder = arguments.folder.expanduser().absolute()
    namespace, domain = checked_namespace(arguments.namespace), _domain(arguments.domain)
    known = members(load_embodiment(robot_file(arguments.robot)))
    if arguments.job == "create":
        paths = create(folder, namespace, domain, known, arguments.days)
        _tell(folder, namespace, domain, paths)
        return 0
    found = problems(folder, namespace, domain, known)
    if found:
        print("\n".join(found))
        return 1
    print(
        f"all is well with {folder} until {last_day(folder):%Y-%m-%d}: signatures, dates, modes, {len(known)} enclaves"
    )
    return 0


def secure_stack(keystore: str, namespace: str, robot: str, enclaves: Sequence[str]) -> None:
    """Before a stack with `security:=keystore` starts: refuse what would not be secure, and join as the operator.

    Args:
        keystore: Folder of the keystore.
        namespace: Namespace of the stack.
        robot: Robot file, a name or a path.
        enclaves: Of the nodes that are to start.

    Raises:
        FineVLAError: The keystore is wrong, an enclave is not in the table of rights, or this DDS has no security.
    """
    folder, namespace, domain = Path(keystore), checked_namespace(namespace), _domain(None)
    known = members(load_embodiment(robot_file(robot)))
    needed = {name: m for name, m in known.items() if name == OPERATOR or enclave_path(namespace, name) in enclaves}
    if strangers := sorted(set(enclaves) - {enclave_path(namespace, name) for name in needed}):
        raise FineVLAError(f"{strangers[0]} is not in the table of rights; leave it out, or start without security:=")
    if found := problems(folder, namespace, domain, needed):
        more = f" (and {len(found) - 1} more: finevla security check {folder})" if len(found) > 1 else ""
        raise FineVLAError(f"{found[0]}{more}")
    operator = enclave_path(namespace, OPERATOR)
    refuse_insecure_dds(folder, operator, domain)
    os.environ.update(environment(folder, operator))


def _domain(given: str | None) -> int:
    return checked_domain(given if given is not None else os.environ.get("ROS_DOMAIN_ID") or "0")


def _tell(folder: Path, namespace: str, domain: int, paths: Sequence[str]) -> None:
    print(f"{folder}: {len(paths)} enclaves for ROS domain {domain}: {', '.join(paths)}")
    print(f"start the stack with: finevla up security:={folder}" + _arguments(namespace))
    print("and in the terminals of the operator, before any other command:")
    for name, value in environment(folder, enclave_path(namespace, OPERATOR)).items():
        print(f"  export {name}={value}")
    print(f"Who has {folder / 'private'} can make keys for anybody: move it off the robot.")


def _arguments(namespace: str) -> str:
    return "" if namespace == "finevla" else f" namespace:={namespace}"
