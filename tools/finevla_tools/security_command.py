"""`finevla security`: keys and permissions for SROS 2, so that only the stack's own processes take part, each in its part.

`create` makes the keystore for `finevla up security:=FOLDER`, `check` says what is wrong with one.
"""

import argparse
from pathlib import Path

from finevla_tools.security_permissions import DAYS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the jobs create and check and their options to `parser`."""
    jobs = parser.add_subparsers(dest="job", required=True, metavar="create|check")
    for name, text in (
        ("create", "write a keystore: an authority, and a key, a certificate and permissions for every process"),
        ("check", "verify signatures, dates and modes; exit code 1 if something is wrong"),
    ):
        job = jobs.add_parser(name, description=text, help=text)
        job.add_argument("folder", type=Path, help="the keystore")
        job.add_argument("--namespace", default="finevla", help="namespace of the stack")
        job.add_argument("--domain", help="ROS domain for which it is; default: ROS_DOMAIN_ID, or 0")
        job.add_argument("--robot", default="cobotmagic", help="robot file: a name in config/robots or a path")
    jobs.choices["create"].add_argument("--days", type=int, default=DAYS, help=f"how long it is valid, at most {DAYS}")


def run(arguments: argparse.Namespace) -> int:
    """Run `finevla security create` or `check`; return the exit code."""
    from finevla_tools.security import run_security

    return run_security(arguments)
