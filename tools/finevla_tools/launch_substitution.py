"""`$(...)` substitutions of the ROS 2 launch format, carried out on plain text; the subset that this project uses.

Values that were put in are never looked at again: what an argument or the environment holds is text, not a program.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from finevla_core.errors import FineVLAError
from finevla_ros.share_paths import bundle_runtime

# Python texts without escapes on both sides of == or !=, as `eval` gets them in conditions.
_COMPARISON = re.compile(r"""\s*(?:'([^'"\\]*)'|"([^'"\\]*)")\s*(==|!=)\s*(?:'([^'"\\]*)'|"([^'"\\]*)")\s*""")
KNOWN = ("var", "env", "find-pkg-share", "dirname", "eval", "bundle-runtime")


@dataclass(frozen=True)
class Scope:
    """What substitutions can see; `share` finds a package's share folder and raises `FineVLAError` if there is none,
    `runtime` says what runs a policy bundle (see `finevla_ros.launch_extension`)."""

    variables: Mapping[str, str]
    environment: Mapping[str, str]
    folder: str
    share: Callable[[str], str]
    runtime: Callable[[str], str] = bundle_runtime


def expand(text: str, scope: Scope) -> str:
    """`text` with its substitutions carried out; raises `FineVLAError` naming what is not understood."""
    parts: list[str] = []
    at = 0
    while (start := text.find("$(", at)) >= 0:
        end = _closing(text, start)
        parts += [text[at:start], _substitute(text[start + 2 : end], scope)]
        at = end + 1
    return "".join([*parts, text[at:]])


def _closing(text: str, start: int) -> int:
    """Where the `)` of the `$(` at `start` is; quotes hide closing brackets, as `ros2 launch` has it."""
    quotes = [""]
    at = start + 2
    while at < len(text):
        if text.startswith("$(", at):
            quotes.append("")
            at += 2
            continue
        sign = text[at]
        if quotes[-1]:
            quotes[-1] = "" if sign == quotes[-1] else quotes[-1]
        elif sign in "'\"":
            quotes[-1] = sign
        elif sign == ")":
            quotes.pop()
            if not quotes:
                return at
        at += 1
    raise FineVLAError(f"'$(' is not closed in '{text}'")


def split_words(text: str) -> list[str]:
    """Split at blanks outside quotes and nested substitutions; the quotes around a word are taken off."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        begin, quote = at, text[at] if text[at] in "'\"" else ""
        at += bool(quote)
        while at < len(text) and not (text[at] == quote if quote else text[at].isspace()):
            at = _closing(text, at) + 1 if text.startswith("$(", at) else at + 1
        found.append(text[begin + bool(quote) : at])
        at += bool(quote)
    return found


def _substitute(content: str, scope: Scope) -> str:
    kind, *rest = split_words(content) or [""]
    if kind == "command":
        raise FineVLAError(
            "'$(command ...)' runs a program while the file is read, which this runner does not do; for robot_description"
            " start finevla_control's robot_state_publisher, which expands the xacro itself"
        )
    if kind not in KNOWN:
        raise FineVLAError(
            f"substitution '$({kind} ...)' is not supported by this runner (ros2 launch may have it); "
            f"known are {', '.join(KNOWN)}"
        )
    arguments = [expand(word, scope) for word in rest]
    wanted = {"dirname": (0,), "env": (1, 2)}.get(kind, (1,))
    if len(arguments) not in wanted:
        raise FineVLAError(
            f"'$({content})' has {len(arguments)} arguments; '{kind}' takes {' or '.join(map(str, wanted))}"
        )
    if kind == "dirname":
        return scope.folder
    if kind == "env":
        return _environment(arguments, scope)
    if kind == "eval":
        return _compare(arguments[0])
    if kind == "bundle-runtime":
        return scope.runtime(arguments[0])
    if kind == "find-pkg-share":
        return scope.share(arguments[0])
    if arguments[0] not in scope.variables:
        raise FineVLAError(f"variable '{arguments[0]}' is not declared")
    return scope.variables[arguments[0]]


def _environment(arguments: list[str], scope: Scope) -> str:
    value = scope.environment.get(arguments[0], arguments[1] if len(arguments) > 1 else None)
    if value is None:
        raise FineVLAError(f"environment variable '{arguments[0]}' is not set and '$(env ...)' names no default")
    return value


def _compare(expression: str) -> str:
    match = _COMPARISON.fullmatch(expression)
    if match is None:
        raise FineVLAError(f"only comparisons of two quoted texts are supported in $(eval ...), found '{expression}'")
    left, right = match[1] if match[1] is not None else match[2], match[4] if match[4] is not None else match[5]
    return str((left == right) == (match[3] == "==")).lower()
