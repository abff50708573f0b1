"""Text, JSON and YAML files of others, read as what they are: with or without a mark, UTF-8, UTF-16 or GBK.

Lines end where JSON and editors end them, never at U+2028 and its like, which may stand inside a text. What cannot be read
for certain is refused: a wrong character in a task is worse than none.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from finevla_core.errors import DamagedFileError, FineVLAError

MARKS = (  # longest first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Signs at which Python's splitlines and some readers of JSONL end a line though JSON does not; written escaped.
UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")
HALF = re.compile("[\ud800-\udfff]")
CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
KANA = re.compile("[\u3040-\u30ff]")
COMMON = 0.9  # of the characters of a GBK text of two bytes, so many at least are among the 6,763 of everyday writing
MERGE = "<<"  # YAML's key that takes other mappings' entries; may stand there more than once
MAX_BYTES, MAX_SETTINGS_BYTES = 1 << 31, 1 << 20
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError)
BETWEEN = re.compile(r"[\s,\x1e\ufeff]*")  # what may stand between two JSON values of a file of them


@dataclass(frozen=True)
class Text:
    """A text and how it was stored: "UTF-8", "UTF-8 with BOM", "UTF-16", "GBK" ..."""

    text: str
    encoding: str


def decoded(data: bytes, where: str) -> Text:
    """Return the text in a file's bytes; raises `DamagedFileError` beginning with `where` if it is in no known encoding."""
    for mark, name in MARKS:
        if data.startswith(mark):
            try:
                said = "UTF-8 with BOM" if name == "utf-8-sig" else name.upper()
                return Text(data.decode(name), said)
            except UnicodeDecodeError as error:
                raise DamagedFileError(f"{where} begins as {said} text, but byte {error.start} is none") from error
    if (wide := _wide(data[:4])) is not None:
        try:
            return Text(data.decode(wide), wide.upper())
        except UnicodeDecodeError as error:
            raise DamagedFileError(f"{where} looks like {wide.upper()} text, but byte {error.start} is none") from error
    try:
        return Text(data.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError as error:
        if (text := _gbk(data)) is not None:
            return Text(text, "GBK")
        raise DamagedFileError(
            f"{where} is neither UTF-8 nor GBK text (byte {error.start} is {data[error.start]:#04x}); save it as UTF-8"
        ) from error


def read_text(path: Path, most: int = MAX_BYTES) -> Text:
    """Read a text file; raises `FineVLAError` (`DamagedFileError` for its content) naming the file."""
    try:
        if path.stat().st_size > most:
            raise DamagedFileError(f"'{path}' has {path.stat().st_size} bytes; that is no text file of its kind")
        data = path.read_bytes()
    except OSError as error:
        raise FineVLAError(f"'{path}' cannot be read: {error.strerror}") from error
    return decoded(data, f"'{path}'")


def read_json(path: Path, most: int = MAX_BYTES) -> Any:
    """Read a JSON file, also with the bare NaN and Infinity that Python writes; raises `FineVLAError` naming the file."""
    text = read_text(path, most).text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"'{path}' cannot be read as JSON: {_said(error)}") from error
    if HALF.search(text) or ("\\u" in text and _has_half(found)):
        raise DamagedFileError(f"'{path}' holds half a character (a lone surrogate); write it anew as UTF-8")
    return found


def read_json_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read the objects of a .jsonl file, and a sentence for each place at which there is none.

    Objects may also span lines, follow each other on one, or stand in one list. Raises `FineVLAError` naming the file.
    """
    text = read_text(path).text
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for line, value in _json_values(text):
        some = value if isinstance(value, list) and not rows and not problems else [value]
        for row in some:
            if not isinstance(row, dict):
                problems.append(f"'{path}', line {line}, is not a JSON object and was left out")
            elif _has_half(row):
                problems.append(f"'{path}', line {line}, holds half a character (a lone surrogate) and was left out")
            else:
                rows.append(row)
    return rows, problems


class _NamesOnce(yaml.SafeLoader):
    """Plain data, of which no mapping names an entry twice: YAML's own reader lets the last one count, and says nothing."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != MERGE:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"entry {key.value!r} is there twice; leave one out", key.start_mark
                    )
                seen.add(key.value)
        return node


def read_yaml(path: Path, most: int = MAX_BYTES) -> Any:
    """Read a YAML file without tags of Python and entries named twice; raises `FineVLAError` naming the file."""
    text = read_text(path, most).text.removeprefix("\ufeff")
    try:
        return yaml.load(text, Loader=_NamesOnce)  # a subclass of SafeLoader: it makes plain data only
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"'{path}' cannot be read as YAML: {_said(error)}") from error


def read_settings(path: str | Path, what: str) -> Any:
    """Read a YAML file that a person wrote for this stack; raises `FineVLAError` that begins with `what` and names the file.

    `MALFORMED` are the exceptions of whoever takes its entries for what they should be.
    """
    try:
        return read_yaml(Path(path), MAX_SETTINGS_BYTES)
    except FineVLAError as error:
        raise FineVLAError(f"{what} {error}") from error


def json_line(value: object) -> str:
    """Return one line of JSON, text as it is read; signs that other readers take for the end of a line are escaped."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def name_text(name: str) -> str:
    """Return a file's name as text: one that is not UTF-8 (Python shows such bytes as lone surrogates) is read as GBK.

    What is neither keeps a replacement character for each odd byte.
    """
    if not HALF.search(name):
        return name
    data = name.encode("utf-8", "surrogateescape") if not _beyond_bytes(name) else b""
    return (_gbk(data) if data else None) or HALF.sub("\N{REPLACEMENT CHARACTER}", name)


def _beyond_bytes(name: str) -> bool:
    return any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in name)


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, by the zero bytes of a first ASCII character, as RFC 4627 tells them apart."""
    zeros = tuple(byte == 0 for byte in head)
    if len(head) == 4 and zeros in ((True, True, True, False), (False, True, True, True)):
        return "utf-32-be" if head[0] == 0 else "utf-32-le"
    if zeros[:2] in ((True, False), (False, True)):
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return None


def _gbk(data: bytes) -> str | None:
    """The text if it surely is GBK: what Western, Japanese and Traditional Chinese encodings give does not pass."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    odd = [c for c in text if ord(c) > 127]
    common = sum(len(c.encode("gb2312", "ignore")) == 2 for c in odd)
    if not odd or common < COMMON * len(odd) or KANA.search(text):
        return None
    # A single pair may be two Latin letters with accents: two characters in a row, or more than two in all, are needed.
    hanzi = CJK.findall(text)
    return text if re.search(f"{CJK.pattern}{{2}}", text) or len(hanzi) > 2 else None


def _json_values(text: str) -> Iterator[tuple[int, Any]]:
    """Line number and value, one after the other; None where there is no JSON, which goes on at the next line."""
    decoder = json.JSONDecoder()
    at, line, counted = 0, 1, 0
    ends = re.compile("\n|\r(?!\n)")
    while at < len(text):
        begin = _after(BETWEEN, text, at)
        if begin >= len(text):
            return
        line += len(ends.findall(text, counted, begin))
        counted = begin
        try:
            value, at = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            value = None
            end = ends.search(text, begin)
            at = len(text) if end is None else end.end()
        yield line, value


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _has_half(value: object) -> bool:
    if isinstance(value, str):
        return HALF.search(value) is not None
    if isinstance(value, dict):
        return any(_has_half(k) or _has_half(v) for k, v in value.items())
    return isinstance(value, list) and any(map(_has_half, value))


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.replace(' in "<unicode string>", line', ", line")  # the file is named before
    if "'\\t' that cannot start" in text:
        text = f"indent with blanks, not with tabs: {text}"
    return text if len(text) <= 200 else text[:200] + "..."
