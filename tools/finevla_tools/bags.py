"""`finevla bags list | info | play | repair`: recordings without the ros2 command line."""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finevla_core.errors import FineVLAError
from finevla_core.recording.episode import RECORDING, TRASH, load
from finevla_core.recording.metadata import METADATA
from finevla_core.recording.repair import MAX_YAML, mcap_files, repair
from finevla_core.recording.scan import Channel, Message, Scan

NS = 1_000_000_000
SHOWN = 60  # characters of a task in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla bags`."""
    jobs = parser.add_subparsers(dest="job", required=True)
    listed = jobs.add_parser("list", help="the recordings in a folder")
    listed.add_argument("folder", type=Path)
    shown = jobs.add_parser("info", help="what is in a recording")
    shown.add_argument("bag", type=Path, help="the folder of a recording, or an MCAP file")
    played = jobs.add_parser("play", help="publish what was recorded, as it was offered then")
    played.add_argument("bag", type=Path, help="the folder of a recording, or an MCAP file")
    played.add_argument("--rate", type=float, default=1.0, help="times as fast as it was [1]")
    played.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="only these")
    played.add_argument("--prefix", default="", help="put before every topic's name, as in /replay")
    played.add_argument("--commands", action="store_true", help="also what could move a robot")
    mended = jobs.add_parser("repair", help="make a whole recording of what a crash has left")
    mended.add_argument("bag", type=Path, help="the folder of a recording, or an MCAP file; it is not touched")
    mended.add_argument("--out", type=Path, help="where to [beside it, NAME_repaired]")


def run(arguments: argparse.Namespace) -> int:
    """`finevla bags`."""
    if arguments.job == "list":
        return show_list(arguments.folder)
    if arguments.job == "info":
        return show(arguments.bag)
    if arguments.job == "play":
        from finevla_tools.play import play

        return play(arguments.bag, arguments.rate, arguments.topics, arguments.prefix, arguments.commands)
    return mend(arguments.bag, arguments.out)


@dataclass
class Summary:
    """What is known about a recording without reading its messages."""

    folder: Path
    state: str
    storage: str = ""
    start_ns: int = 0
    duration_s: float = 0.0
    messages: int = 0
    size: int = 0
    topics: list[tuple[str, str, int]] = field(default_factory=list)  # name, type, messages
    facts: dict[str, Any] = field(default_factory=dict)


def summary(bag: Path) -> Summary:
    """Of a recording's folder; raises `FineVLAError` if it is none."""
    facts = load(bag)
    files = [file for file in bag.iterdir() if file.is_file()] if bag.is_dir() else []
    found = Summary(bag, "unfinished", size=sum(file.stat().st_size for file in files), facts=facts)
    metadata = bag / METADATA
    if not metadata.is_file():
        if not any(file.suffix == ".mcap" for file in files):
            raise FineVLAError(f"'{bag}' is no recording: it has neither {METADATA} nor an MCAP file")
        return found
    try:
        if metadata.stat().st_size > MAX_YAML:
            raise ValueError("it is too large")
        told = yaml.safe_load(metadata.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        found.storage = str(told["storage_identifier"])
        found.start_ns = int(told["starting_time"]["nanoseconds_since_epoch"])
        found.duration_s = int(told["duration"]["nanoseconds"]) * 1e-9
        found.messages = int(told["message_count"])
        for entry in told["topics_with_message_count"]:
            topic = entry["topic_metadata"]
            found.topics.append((str(topic["name"]), str(topic["type"]), int(entry["message_count"])))
        found.facts = dict(told.get("custom_data") or {}) | facts
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise FineVLAError(f"'{metadata}' cannot be read: {' '.join(str(error).split())[:200]}") from error
    found.state = "finished" if facts.get("state") in (None, RECORDING) else str(facts["state"])
    return found


def show_list(folder: Path) -> int:
    """One line per recording; the trash is counted."""
    if not folder.is_dir():
        raise FineVLAError(f"'{folder}' is no folder; give the one that episodes are recorded in")
    table = Table(box=None, pad_edge=False)
    for name in ("recording", "state", "task", "outcome", "seconds", "messages", "MB", "lost"):
        table.add_column(
            name, justify="right" if name in ("seconds", "messages", "MB", "lost") else "left", overflow="fold"
        )
    count, odd = 0, []
    for bag in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != TRASH):
        try:
            found = summary(bag)
        except FineVLAError as error:
            odd.append(str(error))
            continue
        count += 1
        lost = sum(n for key in ("dropped", "lost") if isinstance(n := found.facts.get(key, 0), int))
        told = [_one_line(str(found.facts.get(key, ""))) for key in ("task", "outcome")]
        numbers = (f"{found.duration_s:.1f}", str(found.messages), f"{found.size / 1e6:.1f}", str(lost))
        table.add_row(*map(escape, (bag.name, found.state, *told, *numbers)))
    console = Console(width=None if Console().is_terminal else 200)
    if count:
        console.print(table)
    trashed = len([path for path in (folder / TRASH).iterdir() if path.is_dir()]) if (folder / TRASH).is_dir() else 0
    print(f"{count} recordings" + (f", {trashed} discarded ones in {folder / TRASH}" if trashed else ""))
    for sentence in odd:
        print(f"not a recording: {sentence}")
    return 0


def _one_line(text: str) -> str:
    """A task may be a whole paragraph: the table shows how it begins."""
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]} ..."


def show(bag: Path) -> int:
    """All about one recording; of an unfinished one, or a single file, what its messages tell."""
    found = read_summary(bag) if bag.is_file() else summary(bag)
    if found.state == "unfinished":
        found = read_summary(bag)
    lines = [
        ("recording", str(bag)),
        ("state", found.state + ("; make it whole with 'finevla bags repair'" if found.state == "unfinished" else "")),
        ("storage", found.storage),
        ("start", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found.start_ns // NS)) if found.messages else ""),
        ("duration", f"{found.duration_s:.3f} s"),
        ("size", f"{found.size / 1e6:.1f} MB"),
        ("messages", str(found.messages)),
    ]
    shown = ("task", "operator", "scene", "outcome", "ended_by", "problem", "dropped", "lost", "policy", "software")
    lines += [(key, _plain(found.facts[key])) for key in shown if found.facts.get(key) not in (None, "")]
    said = found.facts.get("instructions")
    for entry in said if isinstance(said, list) else []:
        if isinstance(entry, dict):
            lines.append(("instruction", f"{entry.get('raw', '')} | {entry.get('fine', '')}".removesuffix(" | ")))
    for key, value in lines:
        print(f"{key + ':':14s}{value}")
    print("topics:")
    width = max((len(name) for name, _, _ in found.topics), default=0)
    for name, kind, count in found.topics:
        print(f"  {name:{width}s} {count:8d}  {kind}")
    return 0


def read_summary(bag: Path) -> Summary:
    """By reading every message: for a recording without an index."""
    counts: dict[tuple[str, str], int] = {}
    found = Summary(bag, "finished", "mcap", facts=load(bag if bag.is_dir() else bag.parent))
    first, last = 0, 0
    for file in mcap_files(bag):
        scan = Scan(file)
        for entry in scan:
            if isinstance(entry, Channel):
                counts.setdefault(_key(entry), 0)
            elif isinstance(entry, Message):
                counts[_key(entry.channel)] += 1
                first = min(first, entry.log_ns) if found.messages else entry.log_ns
                last = max(last, entry.log_ns)
                found.messages += 1
        found.size += scan.report.size
        if not scan.report.is_finished:
            found.state = "unfinished"
    found.start_ns, found.duration_s = first, (last - first) * 1e-9
    found.topics = [(name, kind, count) for (name, kind), count in counts.items()]
    return found


def mend(bag: Path, out: Path | None) -> int:
    """Repair and say what came of it; exit code 1 if there was no message to recover."""
    done = repair(bag, out)
    for sentence in done.sentences:
        print(sentence)
    print(f"'{done.folder}': {done.messages} messages, {done.duration_s:.3f} s, {len(done.counts)} topics")
    for name, missing in done.missing.items():
        print(f"  {name}: {missing} messages that were written are not there")
    if done.was_whole:
        print("the recording was whole already; this is a copy of it")
    return 0 if done.messages else 1


def _key(channel: Channel) -> tuple[str, str]:
    return channel.topic, channel.schema.name if channel.schema else ""


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items() if v)
    return str(value)
