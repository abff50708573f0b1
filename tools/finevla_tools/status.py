"""`finevla status`: one live screen - instruction, rates, latencies, safety, diagnostics; `--once` prints it once."""

import argparse
import math
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from finevla_client.connection import STALE_S, STATES, Connection
from finevla_core.bridge_report import STEP_REMARK
from finevla_core.plural_phrases import counted
from finevla_ros import qos
from finevla_tools.stderr_notices import announcer

LISTEN_S = 2.5  # within this every node is discovered (1.6 s measured) and reports its diagnostics (every second)
LEVEL_COLORS = {0: "green", 1: "yellow", 2: "red", 3: "red"}
STATE_COLORS = ("yellow", "cyan", "green", "red")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla status` to `parser`."""
    parser.add_argument(
        "--once", action="store_true", help="print once, as without a terminal; exit code 1 if there is no stack"
    )
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def run(arguments: argparse.Namespace) -> int:
    """Show the status until Ctrl-C, or print it once with --once (exit code 1 if the stack does not answer)."""
    diagnostics: dict[str, Any] = {}

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(f"/{arguments.namespace.strip('/')}/"):
                diagnostics[status.name] = (time.monotonic(), status)

    with Connection(arguments.namespace, notify=announcer()) as client:
        client.listen("/diagnostics", DiagnosticArray, qos.ALL, on_diagnostics)
        console = Console()
        if arguments.once or not console.is_terminal:  # a live screen is nothing for a file or a pipe
            there = client.wait(lambda: {"policy/status", "safety/status"} <= set(client.newest), 5.0)
            since_s = time.monotonic()
            client.wait(lambda: time.monotonic() - since_s > LISTEN_S and _all_heard(client, diagnostics), 2 * LISTEN_S)
            console.print(screen(client, diagnostics))
            if not there:
                print(f"error: {client.missing()}", file=sys.stderr)
            return 0 if there else 1
        with Live(console=console, refresh_per_second=5, screen=True) as live:
            while True:
                live.update(screen(client, diagnostics))
                time.sleep(0.2)


def _all_heard(client: Connection, diagnostics: dict[str, Any]) -> bool:
    """Whether every node here that publishes diagnostics has been heard, and the instruction that the policy follows."""
    policy, instruction = client.heard("policy/status"), client.newest.get("active_instruction")
    if policy is not None and policy.instruction_id != (instruction.id if instruction is not None else ""):
        return False
    publishers = client.node.get_publishers_info_by_topic("/diagnostics")
    nodes = {f"{publisher.node_namespace}/{publisher.node_name}" for publisher in publishers}
    ours = {node for node in nodes if node.startswith(f"/{client.namespace.strip('/')}/")}
    return all(any(name.startswith(f"{node}:") for name in diagnostics) for node in ours)


def screen(client: Connection, diagnostics: dict[str, Any]) -> Group:
    """The whole screen from what has come so far."""
    table = Table(title=f"FineVLA /{client.namespace}", show_header=False, title_justify="left", expand=True)
    table.add_column(style="bold", no_wrap=True, width=12)
    table.add_column()
    instruction = client.newest.get("active_instruction")
    said = escape(instruction.fine or instruction.raw) if instruction is not None and instruction.id else "[dim]none[/]"
    table.add_row("instruction", said)
    table.add_row("understood", _understood(client))
    table.add_row("policy", _policy(client))
    table.add_row("safety", _safety(client))
    health = Table(show_header=False, expand=True)
    health.add_column(no_wrap=True)
    health.add_column()
    for name, (seen_s, status) in sorted(diagnostics.items()):
        level = status.level[0] if isinstance(status.level, bytes) else status.level
        old = time.monotonic() - seen_s > 2 * STALE_S
        color = "red" if old else LEVEL_COLORS[level]
        health.add_row(escape(name), f"[{color}]{'no longer heard' if old else escape(status.message)}[/]")
    if not diagnostics:
        health.add_row("diagnostics", "[red]none heard[/]")
    return Group(table, health)


def _understood(client: Connection) -> str:
    """What the policy takes the active instruction for, or why none is active."""
    status = client.heard("policy/status")
    if status is None:
        return "[red]not heard[/]"
    if status.instruction_id:
        return escape(status.understood)
    return f"[yellow]{escape(status.refusal)}[/]" if status.refusal else "[dim]nothing was said yet[/]"


def _policy(client: Connection) -> str:
    status = client.heard("policy/status")
    if status is None:
        return "[red]not heard[/]"
    of_server = f" ({status.server_s * 1e3:.1f} ms of them in the server)" if status.server_s else ""
    text = (
        f"{escape(status.bundle)} on {escape(status.provider)}, {status.state}; {status.rate_hz:.1f} chunks/s, "
        f"inference {status.inference_s * 1e3:.1f} ms{of_server}, horizon {status.horizon_s:.1f} s, "
        f"{counted(status.chunks, 'chunk')}"
    )
    return f"{text} [yellow]{escape(status.text)}[/]" if status.text else text


def _safety(client: Connection) -> str:
    status = client.heard("safety/status")
    if status is None:
        return "[red]not heard[/]"
    refused = ", ".join(f"{c} {n}" for c, n in zip(status.reject_codes, status.reject_counts, strict=True))
    age = "none yet" if math.isnan(status.chunk_age_s) else f"{status.chunk_age_s * 1e3:.0f} ms"
    advice = {status.STOPPED: " - when it is safe: 'finevla reset', then say it again"}.get(status.state, "")
    if status.stepping and not advice:
        advice = " - " + ("a plan waits for a yes: 'finevla step'" if status.waiting else STEP_REMARK)
    return (
        f"[{STATE_COLORS[status.state]}]{STATES[status.state]}[/]: {escape(status.reason)}[bold]{advice}[/]; "
        f"{status.chunks_accepted} accepted, {status.chunks_rejected} refused{f' ({refused})' if refused else ''}; "
        f"chunk age {age}, plan left {status.plan_left_s:.1f} s; in command: {escape(status.client) or 'nobody'}"
    )
