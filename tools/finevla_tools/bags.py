"""`finevla bags list | info | play | repair`: recordings without the ros2 command line."""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.bag_metadata import METADATA
from finevla_core.recording.bag_reader import BagReader, information, is_storage
from finevla_core.recording.episode import RECORDING, TRASH, load
from finevla_core.recording.mcap_scan import Channel, RecordedMessage
from finevla_core.recording.repair import repair
from finevla_core.recording.sqlite_reader import SqliteScan
from finevla_core.time_units import NS_PER_S
from finevla_tools.path_hints import data_set_of, way_on

BAG = "the folder of a recording, or a file of it (MCAP, SQLite's .db3)"
SHOWN = 60  # characters of a task in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the jobs list, info, play and repair and their options to `parser`."""
    jobs = parser.add_subparsers(dest="job", required=True, metavar="list|info|play|repair")
    listed = jobs.add_parser("list", help="list the recordings in a folder")
    listed.add_argument("folder", type=Path, help="the folder that episodes are recorded in")
    shown = jobs.add_parser("info", help="show what is in a recording")
    shown.add_argument("bag", type=Path, help=BAG)
    played = jobs.add_parser("play", help="publish what was recorded, with the QoS of then")
    played.add_argument("bag", type=Path, help=BAG)
    played.add_argument("--rate", type=float, default=1.0, help="speed: 2 plays twice as fast as it was recorded [1]")
    played.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="play only these")
    played.add_argument("--prefix", default="", help="put before every topic's name, as in /replay")
    played.add_argument("--commands", action="store_true", help="also play commands, which could move a robot")
    mended = jobs.add_parser("repair", help="make a whole recording of what a crash has left")
    mended.add_argument("bag", type=Path, help=f"{BAG}; it is not touched")
    mended.add_argument("--out", type=Path, help="folder to make; without it NAME_repaired beside the recording")


def run(arguments: argparse.Namespace) -> int:
    """Run one job of `finevla bags`; return the exit code."""
    if arguments.job == "list":
        return show_list(arguments.folder)
    _refuse_other_kinds(arguments.bag)
    if arguments.job == "info":
        return show(arguments.bag)
    if arguments.job == "play":
        from finevla_tools.bag_playback import play

        return play(arguments.bag, arguments.rate, arguments.topics, arguments.prefix, arguments.commands)
    return mend(arguments.bag, arguments.out)


def _refuse_other_kinds(bag: Path) -> None:
    """Raise `FineVLAError` for data of another kind, naming the command that takes it."""
    holds_storage = is_storage(bag) if bag.is_file() else bag.is_dir() and any(map(is_storage, bag.iterdir()))
    if not holds_storage and (told := way_on(bag, is_for_recordings=True)):
        raise FineVLAError(f"'{bag}' is no recording of ROS topics{told}")


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
    notes: list[str] = field(default_factory=list)


def summary(bag: Path) -> Summary:
    """Summarise the recording in a folder; raises `FineVLAError` if it is no recording."""
    facts = load(bag)
    files = [file for file in bag.iterdir() if file.is_file()] if bag.is_dir() else []
    found = Summary(bag, "unfinished", size=sum(file.stat().st_size for file in files), facts=facts)
    metadata = bag / METADATA
    if not bag.exists():
        raise FineVLAError(f"'{bag}' is not there; give {BAG}")
    if not metadata.is_file():
        if not any(map(is_storage, files)):
            raise FineVLAError(f"'{bag}' is no recording: it has neither {METADATA} nor an MCAP or SQLite (.db3) file")
        return found
    try:
        told = information(metadata)
        found.storage = str(told["storage_identifier"])
        found.start_ns = int(told["starting_time"]["nanoseconds_since_epoch"])
        found.duration_s = int(told["duration"]["nanoseconds"]) * 1e-9
        found.messages = int(told["message_count"])
        for entry in told["topics_with_message_count"]:
            topic = entry["topic_metadata"]
            found.topics.append((str(topic["name"]), str(topic["type"]), int(entry["message_count"])))
        found.facts = (custom if isinstance(custom := told.get("custom_data"), dict) else {}) | facts
    except FineVLAError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DamagedFileError(f"'{metadata}' cannot be read: {' '.join(str(error).split())[:200]}") from error
    found.state = "finished" if facts.get("state") in (None, RECORDING) else str(facts["state"])
    return found


def show_list(folder: Path) -> int:
    """One line per recording; the trash is counted."""
    if not folder.is_dir():
        raise FineVLAError(f"'{folder}' is no folder; give the one that episodes are recorded in")
    if data_set_of(folder) is not None:
        _refuse_other_kinds(folder)
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
            odd.append(f"{error}{way_on(bag, is_for_recordings=True)}")
            continue
        count += 1
        lost = sum(n for key in ("dropped", "lost") if isinstance(n := found.facts.get(key, 0), int))
        told = [_one_line(str(found.facts.get(key, ""))) for key in ("task", "outcome")]
        numbers = (f"{found.duration_s:.1f}", str(found.messages), f"{found.size / 1e6:.1f}", str(lost))
        table.add_row(*map(escape, (bag.name, found.state, *told, *numbers)))
    if not count and not odd:
        if (folder / METADATA).is_file() or any(map(is_storage, folder.iterdir())):
            raise FineVLAError(f"'{folder}' is a recording itself; 'finevla bags info {folder}' says what is in it")
        _refuse_other_kinds(folder)
    console = Console(width=None if Console().is_terminal else 200)
    if count:
        console.print(table)
    trashed = len([path for path in (folder / TRASH).iterdir() if path.is_dir()]) if (folder / TRASH).is_dir() else 0
    print(
        f"{counted(count, 'recording')} in '{folder}'"
        + (f", {trashed} discarded ones in {folder / TRASH}" if trashed else "")
    )
    for sentence in odd:
        print(f"not a recording: {sentence}")
    return 0


def _one_line(text: str) -> str:
    """A task may be a whole paragraph: the table shows how it begins."""
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]} ..."


def show(bag: Path) -> int:
    """All about one recording; of an unfinished one, or a single file, what its messages tell."""
    try:
        found = read_summary(bag) if bag.is_file() else summary(bag)
    except DamagedFileError:  # of metadata.yaml: the messages are there all the same
        if not any(map(is_storage, bag.iterdir())):
            raise
        found = Summary(bag, "unfinished")
    if found.state == "unfinished" or (bag.is_dir() and not _is_there(bag, found.messages)):
        found = read_summary(bag)
    lines = [
        ("recording", str(bag)),
        ("state", found.state + ("; make it whole with 'finevla bags repair'" if found.state == "unfinished" else "")),
        ("storage", found.storage),
        (
            "start",
            _date(found.start_ns) if found.messages else "",
        ),
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
    lines += [("note", note) for note in found.notes]
    for key, value in lines:
        print(f"{key + ':':14s}{value}")
    print("topics:")
    width = max((len(name) for name, _, _ in found.topics), default=0)
    for name, kind, count in found.topics:
        print(f"  {name:{width}s} {count:8d}  {kind}")
    return 0


def read_summary(bag: Path) -> Summary:
    """By reading every message: for a recording without an index, or of which something is missing."""
    counts: dict[tuple[str, str], int] = {}
    reader = BagReader(bag)
    found = Summary(bag, "finished", facts=load(bag if bag.is_dir() else bag.parent), notes=list(reader.stored.notes))
    found.size = sum(file.stat().st_size for file in reader.stored.files)
    first, last = 0, 0
    for scan in reader.scans():
        found.storage = "sqlite3" if isinstance(scan, SqliteScan) else "mcap"
        for entry in scan:
            if isinstance(entry, Channel):
                counts.setdefault(_key(entry), 0)
            elif isinstance(entry, RecordedMessage):
                counts[_key(entry.channel)] += 1
                first = min(first, entry.log_ns) if found.messages else entry.log_ns
                last = max(last, entry.log_ns)
                found.messages += 1
        found.notes += [f"{scan.path.name}: {complaint}" for complaint in scan.report.complaints]
        if not scan.report.is_finished or scan.report.complaints:
            found.state = "unfinished"
    found.start_ns, found.duration_s = first, (last - first) * 1e-9
    found.topics = [(name, kind, count) for (name, kind), count in counts.items()]
    found.facts = reader.stored.custom | found.facts
    for name, written in reader.stored.counts.items():
        lacking = written - sum(count for (topic, _), count in counts.items() if topic == name)
        if lacking > 0:
            found.state = "unfinished"
            found.notes.append(
                f"{lacking} of {counted(written, 'message')} of {name} that {METADATA} counts are not there"
            )
    return found


def _is_there(bag: Path, messages: int) -> bool:
    """Whether the files' own indexes count as many messages as metadata.yaml does."""
    reader = BagReader(bag)
    counts = [scan.count() for scan in reader.scans()]
    return not reader.stored.notes and None not in counts and sum(filter(None, counts)) == messages


def mend(bag: Path, out: Path | None) -> int:
    """Repair and say what came of it; exit code 1 if there was no message to recover."""
    done = repair(bag, out)
    for sentence in done.sentences:
        print(sentence)
    print(
        f"'{done.folder}': {counted(done.messages, 'message')}, {done.duration_s:.3f} s, {counted(len(done.counts), 'topic')}"
    )
    for name, missing in done.missing.items():
        print(f"  {name}: {counted(missing, 'message')} of what was written lost")
    if done.was_whole:
        print("the recording was whole already; this is a copy of it")
    return 0 if done.messages else 1


def _key(channel: Channel) -> tuple[str, str]:
    kind = channel.schema.name if channel.schema else ""
    return channel.topic, kind if channel.encoding == "cdr" else f"{kind} ({channel.encoding})".strip()


def _date(ns: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ns // NS_PER_S))
    except (OverflowError, ValueError, OSError):
        return f"{ns} ns after 1970, which no clock tells"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items() if v)
    return str(value)
