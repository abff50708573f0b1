"""`finevla serve`: a bundle for any client of openpi or starVLA, and for policy nodes on other machines."""

import argparse
import contextlib
import ipaddress
import os
import signal
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError, quoted
from finevla_core.plural_phrases import counted
from finevla_core.policy.onnx_options import Execution
from finevla_tools.argument_checks import at_least, bundle_path
from finevla_tools.argument_parser import add_execution_options
from finevla_tools.stderr_notices import announce, note

if TYPE_CHECKING:
    from finevla_tools.serve.served_bundle import HostedBundle

MAX_CLIENTS = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the bundle and the options of `finevla serve` to `parser`."""
    parser.add_argument("bundle", help="policy bundle: a name in models or a path")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; beyond this machine a token is needed"
    )
    parser.add_argument("--port", type=int, default=8000, help="port; 0 = any that is free")
    parser.add_argument(
        "--token-env", default="", metavar="NAME", help="environment variable with the token that clients must send"
    )
    also = "%(metavar)s; without a host on this machine alone, for nobody is asked for a token there"
    parser.add_argument("--robotwin", default="", metavar="[HOST:]PORT", help=f"RoboTwin's classic clients on {also}")
    parser.add_argument("--xpolicylab", default="", metavar="[HOST:]PORT", help=f"XPolicyLab's clients on {also}")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each inference")
    add_execution_options(parser)
    parser.add_argument("--clients", type=int, default=32, help="most clients at a time")
    parser.add_argument("--batch", type=int, default=8, help="most observations that go through the policy together")


def run(arguments: argparse.Namespace) -> int:
    """Serve a bundle until Ctrl-C; return the exit code."""
    at_least(1, threads=arguments.threads, clients=arguments.clients, batch=arguments.batch)
    token = checked_token(arguments.host, arguments.token_env)
    if not 0 <= arguments.port <= 65535:
        raise FineVLAError(f"--port is {arguments.port}; it must be between 0 and 65535")
    if arguments.clients > MAX_CLIENTS:
        raise FineVLAError(f"--clients is {arguments.clients}; at most {MAX_CLIENTS} are served at a time")
    robotwin, xpolicylab = (endpoint(getattr(arguments, name), f"--{name}") for name in ("robotwin", "xpolicylab"))
    folder = bundle_path(arguments.bundle)
    announce(f"loading bundle '{arguments.bundle}'")
    from finevla_tools.serve.served_bundle import host_bundle
    from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions

    execution = Execution(arguments.provider, arguments.precision, note)
    hosted = host_bundle(folder, arguments.threads, arguments.batch, execution)
    options = ServerOptions(arguments.host, arguments.port, token, arguments.clients)
    over = threading.Event()
    with contextlib.ExitStack() as life:
        server = PolicyServer(hosted.session, hosted.metadata(_version()), options, _print)
        server.start()
        life.callback(server.close)
        start_simulator_doors(life, hosted, robotwin, xpolicylab, arguments.clients)
        for number in (signal.SIGINT, signal.SIGTERM):
            life.callback(signal.signal, number, signal.signal(number, lambda *_: over.set()))
        m = hosted.manifest
        _print(
            f"'{m.name}' on {hosted.provider} is served at ws://{arguments.host}:{server.port}: chunks of "
            f"{counted(m.horizon, 'row')}, "
            f"{m.dt_s} s apart; cameras {', '.join(m.cameras)}; end with Ctrl-C"
        )
        over.wait()
    return 0


def start_simulator_doors(
    life: contextlib.ExitStack,
    hosted: "HostedBundle",
    robotwin: tuple[str, int] | None,
    xpolicylab: tuple[str, int] | None,
    clients: int,
) -> None:
    """Listen for simulators at these addresses, until `life` ends; raises `FineVLAError` where that cannot be."""
    from finevla_tools.serve.robotwin_protocol import RobotwinServer
    from finevla_tools.serve.simulator_observations import state_places
    from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions
    from finevla_tools.serve.xpolicylab_protocol import XPolicyLabSession

    if robotwin is not None:
        classic = RobotwinServer(hosted.session, robotwin, clients, _print)
        classic.start()
        life.callback(classic.close)
        _print(f"RoboTwin's classic clients are served at {robotwin[0]}:{classic.port}")
    if xpolicylab is not None:
        state_places(hosted.manifest.values)
        options = ServerOptions(*xpolicylab, "", clients)
        frames = PolicyServer(lambda: XPolicyLabSession(hosted.session()), b"", options, _print)
        frames.start()
        life.callback(frames.close)
        _print(f"XPolicyLab's clients are served at ws://{xpolicylab[0]}:{frames.port}")


def checked_token(host: str, token_env: str) -> str:
    """Return the token that clients need; raises `FineVLAError` for an address beyond this machine without one."""
    token = os.environ.get(token_env, "").strip() if token_env else ""
    if token_env and not token:
        raise FineVLAError(f"the environment variable '{token_env}' of --token-env is not set or empty")
    if not token and not is_loopback(host):
        raise FineVLAError(
            f"--host {host} is reached from other machines: put a token into an environment variable and name it by --token-env"
        )
    return token


def endpoint(given: str, option: str) -> tuple[str, int] | None:
    """Return host and port of "[HOST:]PORT", loopback without a host; None for nothing, `FineVLAError` for what is neither."""
    if not given:
        return None
    host, _, port = given.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise FineVLAError(f"{option} is {quoted(given)}; give a port, 0 to 65535, or HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _version() -> str:
    try:
        return version("finevla")
    except PackageNotFoundError:
        return "source"


def _print(text: str) -> None:
    print(text, flush=True)
