"""What an input is taken for before it is converted: episodes, columns, cameras, the scale of grippers, sources of tasks."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.convert.episode import Header, Reference, Source
from finevla_tools.convert.source_registry import SourceKind

LOOKED_AT = 20  # episodes that are opened
NAMES = 16


def inspect(source: Source, kind: SourceKind, arguments: argparse.Namespace, out: Path | None) -> int:
    """Print it; 0 if all episodes that were looked at can be read."""
    references = source.references()
    episodes = counted(len(references), "episode")
    print(f"'{arguments.input}': {episodes}, read as {kind.text} (--kind {kind.name})")
    said: set[str] = set()  # a data set's field map and its columns are decided by the same rules, and say the same

    def say(line: str) -> None:
        if line.strip() not in said:
            said.add(line.strip())
            print(line)

    certain = _lerobot(source, arguments, out, say)
    settle = getattr(source, "settle", None)
    try:
        for sentence in settle() if settle else ():
            say(f"  {sentence}")
    except FineVLAError as error:
        say(f"  not certain: {error}")
        certain = False
    refused = 0
    kinds: Counter[tuple[str, ...]] = Counter()
    for reference in references[:LOOKED_AT]:
        try:
            kinds[tuple(_lines(source.open(_piece(source, reference)).header, is_settled=settle is not None))] += 1
        except FineVLAError as error:
            refused += 1
            print(f"  {reference.name} would be refused: {error}")
    for lines, count in kinds.items():
        looked_at = counted(min(len(references), LOOKED_AT), "episode")
        print(f"  {looked_at}:" if len(kinds) == 1 and not refused else f"  {count} of the first {looked_at}:")
        for line in lines:
            print(f"    {line}")
    return 0 if certain and not refused and references else 1


def _lerobot(source: Source, arguments: argparse.Namespace, out: Path | None, say: Callable[[str], None]) -> bool:
    """Its columns, and its field map to `out`; whether they are certain."""
    from finevla_tools.convert.lerobot_source import LeRobotSource

    if not isinstance(source, LeRobotSource):
        if out is not None:
            raise FineVLAError("a field map is written of LeRobot data sets only; leave the file out")
        return True
    from finevla_tools.canonical.field_map_scales import Given
    from finevla_tools.canonical.inspect import inspect as columns

    return columns(source.files(), None, Given(arguments.gripper, arguments.gripper_action), out, say) == 0


def _piece(source: Source, reference: Reference) -> Reference:
    pieces = getattr(source, "pieces", None)
    found: Reference = pieces(reference)[0] if pieces else reference
    return found


def _lines(header: Header, is_settled: bool) -> Iterator[str]:
    """What an episode's header says; of grippers only where nothing was decided, and told, over all episodes before."""
    yield f"robot {header.robot}, {header.fps} frames/s"
    for what, names in (("state", header.state_names), ("action", header.action_names)):
        yield f"{what} ({len(names)}): {', '.join(names[:NAMES])}{', ...' if len(names) > NAMES else ''}"
    yield "cameras: " + (", ".join(f"{c.name} {c.width}x{c.height}" for c in header.cameras) or "none")
    scale = {} if is_settled else header.facts.get("gripper_scale", {})
    for what, said in scale.items() if isinstance(scale, dict) else [("", scale)]:
        yield f"gripper scale{f' of the {what}' if what else ''}: {said}"
    if "task_from" in header.facts:
        yield f"task from: {header.facts['task_from']}"
    if left_out := header.facts.get("left_out"):
        yield f"left out: {', '.join(map(str, left_out[:NAMES]))}"
