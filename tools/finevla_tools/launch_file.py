"""The part of the ROS 2 YAML launch format that this project uses, read into a list of processes; the rest is refused.

Real `ros2 launch` reads the same files. Nothing here starts anything.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory

from finevla_core.errors import FineVLAError

ACTIONS = ("arg", "let", "set_env", "node", "executable", "group")
NODE_KEYS = {"pkg", "exec", "name", "namespace", "param", "remap", "args", "if", "unless", "respawn", "output"}
_INNERMOST = re.compile(r"\$\((\S+?)(?:\s+([^()$]*?))?\)")
_EQUALITY = re.compile(r"""^['"]?\s*['"]([^'"]*)['"]\s*(==|!=)\s*['"]([^'"]*)['"]\s*['"]?$""")
TRUE, FALSE = ("true", "1"), ("false", "0")


@dataclass(frozen=True)
class Process:
    """One process to start: `command` is complete; `respawn` starts it again when it ends."""

    name: str
    command: tuple[str, ...]
    respawn: bool


@dataclass(frozen=True)
class Launch:
    """Processes, environment and the values of the arguments."""

    processes: tuple[Process, ...]
    environment: Mapping[str, str]
    arguments: Mapping[str, str]


def load_launch(path: Path, given: Mapping[str, str]) -> Launch:
    """Read a launch file with arguments `given`; raises `FineVLAError` naming what it does not understand."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FineVLAError(f"launch file '{path}' cannot be read: {error}") from error
    if not isinstance(raw, Mapping) or not isinstance(raw.get("launch"), list):
        raise FineVLAError(f"launch file '{path}' has no list 'launch:'")
    reader = _Reader(path, given)
    try:
        reader.read(raw["launch"])
    except FineVLAError as error:
        raise FineVLAError(f"launch file '{path}': {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FineVLAError(f"launch file '{path}': missing or malformed entry ({error!r})") from error
    if unknown := sorted(set(given) - set(reader.known)):
        raise FineVLAError(f"unknown argument '{unknown[0]}'; '{path.name}' knows {', '.join(reader.known)}")
    return Launch(tuple(reader.processes), reader.environment, reader.variables)


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """`key:=value` words to a mapping."""
    given = {}
    for word in words:
        key, sign, value = word.partition(":=")
        if not sign or not key:
            raise FineVLAError(f"'{word}' is not an argument; write key:=value, e.g. bundle:=tabletop")
        given[key] = value
    return given


class _Reader:
    def __init__(self, path: Path, given: Mapping[str, str]) -> None:
        self.path, self.given = path, given
        self.variables: dict[str, str] = {}
        self.known: list[str] = []
        self.environment: dict[str, str] = {}
        self.processes: list[Process] = []

    def read(self, actions: Sequence[Any]) -> None:
        """Actions in order, as `ros2 launch` does them."""
        for action in actions:
            if not isinstance(action, Mapping) or len(action) != 1:
                raise FineVLAError(f"an action must have exactly one kind, found {action!r:.80}")
            kind, body = next(iter(action.items()))
            handler = getattr(self, f"_do_{kind}", None)
            if handler is None:
                raise FineVLAError(
                    f"action '{kind}' is not supported by this runner; use ros2 launch, or {', '.join(ACTIONS)}"
                )
            handler(body)

    def text(self, value: Any) -> str:
        """A value with its substitutions carried out, innermost first."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        while (match := _INNERMOST.search(text)) is not None:
            text = text[: match.start()] + self._substitute(match.group(1), match.group(2) or "") + text[match.end() :]
        if "$(" in text:
            raise FineVLAError(f"substitution in '{text}' is not understood")
        return text

    def _substitute(self, kind: str, rest: str) -> str:
        if kind == "var":
            if rest not in self.variables:
                raise FineVLAError(f"variable '{rest}' is not declared")
            return self.variables[rest]
        if kind == "find-pkg-share":
            try:
                return str(get_package_share_directory(rest))
            except PackageNotFoundError as error:
                raise FineVLAError(f"package '{rest}' is not in this environment") from error
        if kind == "env":
            name, _, default = rest.partition(" ")
            return os.environ.get(name, default.strip("'\""))
        if kind == "dirname":
            return str(self.path.parent)
        if kind == "eval":
            match = _EQUALITY.match(rest)
            if match is None:
                raise FineVLAError(f"only comparisons of two texts are supported in $(eval ...), found '{rest}'")
            return str((match[1] == match[3]) == (match[2] == "==")).lower()
        raise FineVLAError(f"substitution '$({kind} ...)' is not supported by this runner")

    def _do_arg(self, body: Mapping[str, Any]) -> None:
        name = str(body["name"])
        self.known.append(name)
        if name in self.given:
            self.variables[name] = self.given[name]
        elif "default" in body:
            self.variables[name] = self.text(body["default"])
        else:
            raise FineVLAError(f"argument '{name}' has no default; give {name}:=...")

    def _do_let(self, body: Mapping[str, Any]) -> None:
        self.variables[str(body["name"])] = self.text(body["value"])

    def _do_set_env(self, body: Mapping[str, Any]) -> None:
        self.environment[str(body["name"])] = self.text(body["value"])

    def _do_group(self, body: Sequence[Mapping[str, Any]]) -> None:
        conditions = [entry for entry in body if set(entry) <= {"if", "unless"}]
        if all(self._wanted(entry) for entry in conditions):
            self.read([entry for entry in body if entry not in conditions])

    def _do_node(self, body: Mapping[str, Any]) -> None:
        if unknown := set(body) - NODE_KEYS:
            raise FineVLAError(f"node key '{sorted(unknown)[0]}' is not supported by this runner")
        if not self._wanted(body):
            return
        package, executable = self.text(body["pkg"]), self.text(body["exec"])
        try:
            path = Path(get_package_prefix(package)) / "lib" / package / executable
        except PackageNotFoundError as error:
            raise FineVLAError(f"package '{package}' is not in this environment") from error
        if not path.exists():
            raise FineVLAError(f"package '{package}' has no executable '{executable}'")
        command = [str(path), *shlex.split(self.text(body.get("args", ""))), "--ros-args"]
        if "name" in body:
            command += ["-r", f"__node:={self.text(body['name'])}"]
        if "namespace" in body:
            command += ["-r", f"__ns:=/{self.text(body['namespace']).strip('/')}"]
        for remap in body.get("remap", []):
            command += ["-r", f"{self.text(remap['from'])}:={self.text(remap['to'])}"]
        for entry in body.get("param", []):
            if "from" in entry:
                command += ["--params-file", self.text(entry["from"])]
            else:
                command += ["-p", f"{entry['name']}:={_parameter(self.text(entry['value']))}"]
        self._add(self.text(body.get("name", executable)), command, body)

    def _do_executable(self, body: Mapping[str, Any]) -> None:
        if unknown := set(body) - {"cmd", "name", "if", "unless", "respawn", "output"}:
            raise FineVLAError(f"executable key '{sorted(unknown)[0]}' is not supported by this runner")
        if self._wanted(body):
            command = shlex.split(self.text(body["cmd"]))
            self._add(self.text(body.get("name", command[0])), command, body)

    def _add(self, name: str, command: Sequence[str], body: Mapping[str, Any]) -> None:
        respawn = self._truth(self.text(body.get("respawn", "false")))
        self.processes.append(Process(name, tuple(command), respawn))

    def _wanted(self, body: Mapping[str, Any]) -> bool:
        wanted = self._truth(self.text(body["if"])) if "if" in body else True
        return wanted and not (self._truth(self.text(body["unless"])) if "unless" in body else False)

    @staticmethod
    def _truth(text: str) -> bool:
        if text.lower() not in TRUE + FALSE:
            raise FineVLAError(f"'{text}' is not a condition; it must come out as true or false")
        return text.lower() in TRUE


def _parameter(text: str) -> str:
    """Texts are quoted for rcl's YAML reader, unless they read as numbers or booleans; an empty text stays a text."""
    try:
        plain = isinstance(yaml.safe_load(text), int | float | bool)
    except yaml.YAMLError:
        plain = False
    return text if plain else "'" + text.replace("'", "''") + "'"
