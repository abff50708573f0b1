"""Names of a bag's topics: which are a robot's, and which say in plain text what is to be done."""

from collections.abc import Iterable, Mapping

from finevla_core.recording.mcap_scan import Channel
from finevla_tools.convert.message_types import READ, TEXT, kind_of

# Last words of topics on which others publish what is to be done, the surest first.
SPOKEN = (
    "language_instruction",
    "instruction",
    "task_description",
    "task_instruction",
    "task",
    "prompt",
    "language_prompt",
)


def types_of(channels: Iterable[Channel]) -> dict[str, str]:
    """The type of each topic; of several on one, as after a change of versions, the one that is read."""
    ranks = {kind: rank for rank, kind in enumerate(READ)}
    found: dict[str, str] = {}
    for channel in channels:
        kind = kind_of(channel)
        if ranks.get(kind, len(ranks)) < ranks.get(found.setdefault(channel.topic, kind), len(ranks)):
            found[channel.topic] = kind
    return found


def is_at(topic: str, relative: str, namespace: str | None) -> bool:
    """Whether a topic has a name of the robot file, in the namespace or, where none is given, in any."""
    if relative.startswith("/"):
        return topic == relative
    if namespace is not None:
        return topic == "/".join(("", *filter(None, (namespace.strip("/"), relative))))
    return topic == relative or topic.endswith(f"/{relative}")


def is_below(topic: str, namespace: str | None) -> bool:
    """Whether a topic is in the namespace, where one is given."""
    space = (namespace or "").strip("/")
    return not space or topic.startswith(f"/{space}/")


def listed(types: Mapping[str, str], name: str = "") -> str:
    """What topics there are, for a sentence; those of that name first, with their types."""
    named = sorted(topic for topic in types if name and is_at(topic, name, None))
    there = [f"{topic} ({types[topic] or 'no type'})" for topic in named]
    there += [topic for topic in sorted(types) if topic not in named]
    return f"there is {', '.join(there[:12]) or 'nothing'}"


def spoken_topic(types: Mapping[str, str], namespace: str | None) -> str:
    """The topic on which somebody else's stack says in plain text what is to be done; nothing if there is none."""
    ours = sorted(topic for topic, kind in types.items() if kind == TEXT and is_below(topic, namespace))
    return next((topic for word in SPOKEN for topic in ours if topic.rsplit("/", 1)[-1] == word), "")
