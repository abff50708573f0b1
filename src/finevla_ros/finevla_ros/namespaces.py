"""The namespace that a person or a program names: checked before ROS is asked, which answers a wrong one with a traceback."""

import re

from finevla_core.errors import FineVLAError, quoted

_NAMESPACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_LONGEST_NAMESPACE = 128


def checked_namespace(namespace: str) -> str:
    """`namespace` without slashes around it; raises `FineVLAError` if ROS does not allow it."""
    plain = namespace.strip("/")
    if len(plain) > _LONGEST_NAMESPACE or (plain and not _NAMESPACE.fullmatch(plain)):
        raise FineVLAError(
            f"{quoted(plain)} is no namespace; give at most {_LONGEST_NAMESPACE} letters, digits and underscores, as finevla"
        )
    return plain
