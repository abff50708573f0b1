"""The part of the ROS 2 YAML launch format that this project uses, read into a list of processes; the rest is refused.

Real `ros2 launch` reads the same files: what it would refuse (a number where it wants text) is refused here too.
"""

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory

from finevla_core.errors import FineVLAError, unknown
from finevla_tools.launch_substitution import Scope, expand, split_words

CONDITIONS = {"if", "unless"}
PROCESS_KEYS = {"name", "args", "respawn", "respawn_delay", "output", "env"} | CONDITIONS
KEYS = {
    "arg": {"name", "default", "description", "choice"} | CONDITIONS,
    "let": {"name", "value"} | CONDITIONS,
    "set_env": {"name", "value"} | CONDITIONS,
    "set_remap": {"from", "to"} | CONDITIONS,
    "node": {"pkg", "exec", "namespace", "param", "remap", "ros_args"} | PROCESS_KEYS,
    "executable": {"cmd"} | PROCESS_KEYS,
    "group": {"children", "scoped"} | CONDITIONS,
    "include": {"file", "arg"} | CONDITIONS,
}
TRUE, FALSE = ("true", "1"), ("false", "0")


@dataclass(frozen=True)
class Process:
    """One process to start: `command` is complete, `environment` comes on top of ours, `respawn` starts it again."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    respawn: bool
    respawn_delay_s: float
    node: str = ""  # full name of the node it runs, empty = none or its own choice


@dataclass(frozen=True)
class Launch:
    """Processes in order, the values of the arguments, and what each argument is for, choices included."""

    processes: tuple[Process, ...]
    arguments: Mapping[str, str]
    descriptions: Mapping[str, str] = field(default_factory=dict)


class _Entry(dict[str, Any]):
    """A mapping that knows its line."""

    line = 0


class _Loader(yaml.SafeLoader):
    pass


def _construct(loader: _Loader, node: yaml.MappingNode) -> _Entry:
    entry = _Entry({str(k): v for k, v in loader.construct_mapping(node, deep=True).items()})
    entry.line = node.start_mark.line + 1
    return entry


_Loader.add_constructor("tag:yaml.org,2002:map", _construct)


def load_launch(path: Path, given: Mapping[str, str]) -> Launch:
    """Read a launch file with arguments `given`; raises `FineVLAError` naming file, line and what is not understood."""
    reader = _Reader(given)
    try:
        reader.read_file(path)
    except RecursionError as error:
        raise FineVLAError(f"launch file '{path}' is nested too deeply") from error
    if odd := sorted(set(given) - set(reader.descriptions)):
        raise FineVLAError(unknown("argument", odd[0], reader.descriptions))
    return Launch(tuple(reader.processes), reader.variables, reader.descriptions)


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """`key:=value` words to a mapping."""
    given = {}
    for word in words:
        key, sign, value = word.partition(":=")
        if not sign or not key:
            raise FineVLAError(f"'{word}' is not an argument; write key:=value, e.g. bundle:=tabletop")
        given[key] = value
    return given


def _read_yaml(path: Path) -> list[Any]:
    try:
        # A subclass of SafeLoader: it makes plain data only.
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise FineVLAError(f"launch file '{path}' cannot be read: {text}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("launch"), list):
        raise FineVLAError(f"launch file '{path}' has no list 'launch:'")
    return list(raw["launch"])


class _Reader:
    """Actions are carried out in order, as `ros2 launch` does; groups are scopes, includes are not."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.variables: dict[str, str] = dict(given)
        self.environment: dict[str, str] = {}
        self.remaps: list[str] = []  # of every node, before its own
        self.descriptions: dict[str, str] = {}
        self.processes: list[Process] = []
        self.files: list[Path] = []

    def read_file(self, path: Path) -> None:
        """Read a launch file and those it includes; raises `FineVLAError` if it includes itself."""
        if path.resolve() in self.files:
            raise FineVLAError(f"launch file '{path}' includes itself")
        actions = _read_yaml(path)
        self.files.append(path.resolve())
        self.read(actions)
        self.files.pop()

    def read(self, actions: Sequence[Any]) -> None:
        """Carry out a list of actions in order; raises `FineVLAError` with file and line of an unsupported one."""
        for action in actions:
            if not isinstance(action, _Entry) or len(action) != 1:
                line = f":{action.line}" if isinstance(action, _Entry) else ""
                raise FineVLAError(
                    f"{self.files[-1]}{line}: an action must have exactly one kind, found {action!r:.80}"
                )
            kind, body = next(iter(action.items()))
            depth = len(self.files)
            try:
                self._act(kind, body)
            except FineVLAError as error:
                if len(self.files) > depth or str(error).startswith(str(self.files[-1])):
                    raise  # it already says where
                raise FineVLAError(f"{self.files[-1]}:{action.line}: {error}") from error

    def _act(self, kind: str, body: Any) -> None:
        if kind not in KEYS:
            raise FineVLAError(
                f"action '{kind}' is not supported by this runner (ros2 launch may have it); known are {', '.join(KEYS)}"
            )
        if kind == "group" and isinstance(body, list):
            body = _Entry(children=body)
        if not isinstance(body, _Entry):
            raise FineVLAError(f"'{kind}' must be a mapping, found {body!r:.80}")
        if odd := sorted(map(str, set(body) - KEYS[kind])):
            raise FineVLAError(f"key '{odd[0]}' of '{kind}' is not supported by this runner")
        if self._is_wanted(body):
            getattr(self, f"_do_{kind}")(body)

    def _do_arg(self, body: _Entry) -> None:
        name = _text(body, "name")
        if name not in self.variables:
            if "default" not in body:
                raise FineVLAError(f"argument '{name}' has no default; give {name}:=...")
            self.variables[name] = self._expanded(body, "default")
        choices = [self._expanded(entry, "value") for entry in _entries(body, "choice", {"value"})]
        self.descriptions.setdefault(name, _description(body, choices))
        if choices and self.variables[name] not in choices:
            raise FineVLAError(f"{name}:={self.variables[name]} is not one of {', '.join(choices)}")

    def _do_let(self, body: _Entry) -> None:
        self.variables[self._expanded(body, "name")] = self._expanded(body, "value")

    def _do_set_env(self, body: _Entry) -> None:
        self.environment[self._expanded(body, "name")] = self._expanded(body, "value")

    def _do_set_remap(self, body: _Entry) -> None:
        self.remaps = [*self.remaps, f"{self._expanded(body, 'from')}:={self._expanded(body, 'to')}"]

    def _do_group(self, body: _Entry) -> None:
        children, scoped = body.get("children"), body.get("scoped", True)
        if not isinstance(children, list) or not isinstance(scoped, bool):
            raise FineVLAError("'group' needs a list of actions under 'children', and 'scoped' must be true or false")
        before = self.variables, self.environment, self.remaps
        if scoped:
            self.variables, self.environment = dict(self.variables), dict(self.environment)
        self.read(children)
        if scoped:
            self.variables, self.environment, self.remaps = before

    def _do_include(self, body: _Entry) -> None:
        given = {
            self._expanded(e, "name"): self._expanded(e, "value") for e in _entries(body, "arg", {"name", "value"})
        }
        self.variables |= given
        path = Path(self._expanded(body, "file"))
        if path.suffix == ".py":  # a program: ros2 launch runs it, and is told what the include tells
            words = [f"{name}:={value}" for name, value in given.items() if value]
            self._add(path.name.partition(".")[0], ["ros2", "launch", str(path), *words], _Entry())
        else:
            self.read_file(path)

    def _do_node(self, body: _Entry) -> None:
        package, executable = self._expanded(body, "pkg"), self._expanded(body, "exec")
        command = [str(_executable(package, executable)), *shlex.split(self._expanded(body, "args", "")), "--ros-args"]
        command += shlex.split(self._expanded(body, "ros_args", ""))
        name, space = self._expanded(body, "name", ""), self._expanded(body, "namespace", "").strip("/")
        command += ["-r", f"__node:={name}"] if name else []
        command += ["-r", f"__ns:=/{space}"] if space else []
        own = _entries(body, "remap", {"from", "to"})
        for rule in (*self.remaps, *(f"{self._expanded(e, 'from')}:={self._expanded(e, 'to')}" for e in own)):
            command += ["-r", rule]
        for entry in _entries(body, "param", {"name", "value", "type", "from"}):
            command += self._parameter(entry)
        self._add(name or executable, command, body, f"/{space}/{name}".replace("//", "/") if name else "")

    def _do_executable(self, body: _Entry) -> None:
        # As ros2 launch has it, what a substitution gives is never split: a path may have blanks.
        words = split_words(_text(body, "cmd")) + split_words(_text(body, "args", ""))
        command = [expand(word, self._scope()) for word in words]
        if not command:
            raise FineVLAError("'cmd' is empty")
        self._add(self._expanded(body, "name", command[0]), command, body)

    def _parameter(self, entry: _Entry) -> list[str]:
        if "from" in entry:
            return ["--params-file", self._expanded(entry, "from")]
        name, value = self._expanded(entry, "name"), entry.get("value")
        if not isinstance(value, str | int | float | bool):
            raise FineVLAError(f"parameter '{name}' has no value of a supported kind (text, number, true or false)")
        kind = entry.get("type")
        if kind not in (None, "str"):
            raise FineVLAError(f"type '{kind}' of parameter '{name}' is not supported by this runner; known is str")
        text = expand(value, self._scope()) if isinstance(value, str) else str(value).lower()
        return ["-p", f"{name}:={text if kind is None and _is_plain(text) else _quoted(text)}"]

    def _add(self, name: str, command: Sequence[str], body: _Entry, node: str = "") -> None:
        delay = body.get("respawn_delay", 0.0)
        if isinstance(delay, bool) or not isinstance(delay, float | int) or not 0 <= delay < 3600:
            raise FineVLAError(f"respawn_delay is {delay!r}; give seconds as a number")
        count = Counter(p.name.partition("#")[0] for p in self.processes)[name]
        unique = f"{name}#{count + 1}" if count else name
        respawn = _truth(self._expanded(body, "respawn", "false"))
        own = {self._expanded(e, "name"): self._expanded(e, "value") for e in _entries(body, "env", {"name", "value"})}
        self.processes.append(Process(unique, tuple(command), self.environment | own, respawn, float(delay), node))

    def _is_wanted(self, body: _Entry) -> bool:
        return _truth(self._expanded(body, "if", "true")) and not _truth(self._expanded(body, "unless", "false"))

    def _expanded(self, body: _Entry, key: str, default: str | None = None) -> str:
        return expand(_text(body, key, default), self._scope())

    def _scope(self) -> Scope:
        return Scope(self.variables, os.environ | self.environment, str(self.files[-1].parent), _share)


def _text(body: _Entry, key: str, default: str | None = None) -> str:
    if key not in body and default is None:
        raise FineVLAError(f"'{key}' is missing")
    value = body.get(key, default)
    if not isinstance(value, str):
        raise FineVLAError(f"'{key}' must be a text, found {value!r:.40}; put it in quotes")
    return value


def _description(body: _Entry, choices: Sequence[str]) -> str:
    """What an argument is for, and the choices that the text does not name itself."""
    text = _text(body, "description", "")
    return text if all(choice in text for choice in choices) else f"{text} [{', '.join(choices)}]"


def _entries(body: _Entry, key: str, allowed: set[str]) -> list[_Entry]:
    entries = body.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(e, _Entry) for e in entries):
        raise FineVLAError(f"'{key}' must be a list of mappings")
    if odd := sorted(str(k) for e in entries for k in e if k not in allowed):
        raise FineVLAError(f"key '{odd[0]}' of '{key}' is not supported by this runner")
    return entries


def _share(package: str) -> str:
    try:
        return str(get_package_share_directory(package))
    except (PackageNotFoundError, ValueError) as error:
        raise FineVLAError(_not_installed(package)) from error


def _executable(package: str, executable: str) -> Path:
    try:
        path = Path(get_package_prefix(package)) / "lib" / package / executable
    except (PackageNotFoundError, ValueError) as error:
        raise FineVLAError(_not_installed(package)) from error
    if not executable or not path.is_file():
        raise FineVLAError(f"package '{package}' has no executable '{executable}'")
    return path


def _not_installed(package: str) -> str:
    return (
        f"package '{package}' is not in this environment; install it (from apt: ros-jazzy-{package.replace('_', '-')})"
    )


def _truth(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise FineVLAError(f"'{text}' is not a condition; it must come out as true or false")
    return text.lower() in TRUE


def _is_plain(text: str) -> bool:
    """Whether rcl's YAML reader takes the text for a number or a boolean."""
    try:
        return isinstance(yaml.safe_load(text), int | float | bool)
    except (yaml.YAMLError, ValueError):
        return False


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
