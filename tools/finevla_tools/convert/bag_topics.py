"""Names of a bag's topics: which are a robot's, and which say in plain text what is to be done."""

from collections.abc import Mapping

TEXT = "std_msgs/msg/String"  # without a stamp
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


def listed(types: Mapping[str, str]) -> str:
    """What topics there are, for a sentence."""
    return f"there is {', '.join(sorted(types)[:12]) or 'nothing'}"


def spoken_topic(types: Mapping[str, str], namespace: str | None) -> str:
    """The topic on which somebody else's stack says in plain text what is to be done; nothing if there is none."""
    ours = sorted(topic for topic, kind in types.items() if kind == TEXT and is_below(topic, namespace))
    return next((topic for word in SPOKEN for topic in ours if topic.rsplit("/", 1)[-1] == word), "")
