"""Start ROS in this process, or say in one sentence why it cannot be: each process of ours does it here."""

import os
from collections.abc import Sequence

import rclpy
from rclpy._rclpy_pybind11 import RCLError, RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy.signals import SignalHandlerOptions

from finevla_core.errors import FineVLAError, quoted

MOST_DOMAIN = 232  # beyond it Fast DDS finds no ports, and ends the process without an error


def start_ros(
    args: Sequence[str] | None = (),
    context: rclpy.Context | None = None,
    handlers: SignalHandlerOptions | None = None,
) -> None:
    """Initialise rclpy; `args` None = this process's own words. Raises `FineVLAError` for what ROS does not take."""
    _check_domain(os.environ.get("ROS_DOMAIN_ID", ""))
    try:
        rclpy.init(args=None if args is None else list(args), context=context, signal_handler_options=handlers)
    except (RCLInvalidROSArgsError, UnknownROSArgsError) as error:
        raise FineVLAError(f"these arguments are not ROS's: {_said(error)}; see 'ros2 run --help'") from error
    except RCLError as error:
        raise FineVLAError(why_kept_out(error)) from error


def why_kept_out(error: Exception) -> str:
    """Return what an `RCLError` of a process that joins ROS means for the person."""
    if os.environ.get("ROS_SECURITY_ENABLE") == "true":
        return (
            f"ROS_SECURITY_ENABLE is true and DDS does not let this process in (it says: {_said(error)}); "
            "see docs/security.md, or unset ROS_SECURITY_ENABLE"
        )
    return f"ROS cannot be started here: {_said(error)}; see the environment's ROS_ variables"


def _check_domain(given: str) -> None:
    if given.strip() and not (given.strip().isascii() and given.strip().isdigit() and int(given) <= MOST_DOMAIN):
        raise FineVLAError(f"ROS_DOMAIN_ID is {quoted(given)}; it must be a whole number from 0 to {MOST_DOMAIN}")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
