"""Promises of text files: the right characters or one sentence, whatever editor of whatever country wrote them."""

import json
from pathlib import Path

import pytest

from finevla_core.errors import DamagedFileError, DiskFullError, FineVLAError, is_disk_full, unwritable
from finevla_core.text_files import decoded, json_line, name_text, read_json, read_json_lines, read_text, read_yaml

CHINESE = "拿起红色方块，放进盘子里"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((CHINESE, e) for e in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "gbk", "gb18030", "gb2312")),
        ("Würfel greifen", "utf-8"),
        ("Würfel", "utf-16"),
        ('{"a": 1}', "utf-16-le"),
        ('{"a": "杯"}', "utf-16-be"),
        ('{"a": "杯"}', "utf-32-le"),
        ("a\u2028b\x85c", "utf-8"),
        ("", "utf-8"),
    ],
)
def test_a_text_comes_back_as_it_was_written(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), "file").text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ünal öffnet die Tür", "latin-1"),
        ("naïve café déjà vu", "cp1252"),
        ("ÜBERGRÖSSE ÄÖÜ", "latin-1"),
        ("赤いブロックを取る", "shift_jis"),
        ("赤いブロックを取る", "euc_jp"),
        ("拿起紅色方塊放到盤子", "big5"),
        ("привет мир", "cp1251"),
        ("Привет мир, возьми куб", "koi8-r"),
        ("put 红 block", "gbk"),  # one pair may as well be two Latin letters
    ],
)
def test_a_text_that_may_be_another_is_refused(text: str, encoding: str) -> None:
    with pytest.raises(DamagedFileError, match="^'x' is neither UTF-8 nor GBK text .*; save it as UTF-8$"):
        decoded(text.encode(encoding), "'x'")


def test_a_text_cut_within_a_sign_is_refused() -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        with pytest.raises(DamagedFileError, match="file"):
            decoded(CHINESE.encode(encoding)[:-1], "file")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ROWS = [{"task_index": 0, "task": "a\u2028b"}, {"task_index": 1, "task": CHINESE}, {"task_index": 2, "task": "c\x0bd"}]
LINES = [json.dumps(row, ensure_ascii=False) for row in ROWS]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(LINES),
        "\n".join(LINES) + "\n\n",
        "\r\n".join(LINES) + "\r\n",
        "\r".join(LINES),
        "\ufeff" + "\n".join(LINES),
        ("\ufeff" + "\n".join(LINES)).encode("utf-16-le"),
        "\n".join(LINES).encode("gb18030"),
        "".join(LINES),
        ",\n".join(LINES),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2, ensure_ascii=False),
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "\x1e" + "\n\x1e".join(LINES),
        "\n".join("\ufeff" + line for line in LINES),
    ],
    ids=range(14),
)
def test_objects_of_a_jsonl_file_are_all_there(tmp_path: Path, content: str | bytes) -> None:
    assert read_json_lines(write(tmp_path / "x.jsonl", content)) == (ROWS, [])


def test_a_broken_line_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    text = f"{LINES[0]}\n{LINES[1][:20]}\n{LINES[1]}\n17\n{LINES[2]}\0\0\n" + '{"task": "\\ud83d"}\n{"a": [1,\n'
    rows, problems = read_json_lines(write(tmp_path / "x.jsonl", text))
    assert rows == ROWS
    assert [problem.split(", ")[1] for problem in problems] == ["line 2", "line 4", "line 5", "line 6", "line 7"]


@pytest.mark.parametrize("content", ["", "{", '{"a": 1} x', "[" * 100_000, '{"a": "\\ud800"}', b'\xff\xfe{\0"\0'])
def test_broken_json_is_one_sentence_that_names_the_file(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(DamagedFileError, match=r"^'.*x\.json' [^\n]*$"):
        read_json(write(tmp_path / "x.json", content))


def test_json_and_yaml_of_windows_are_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "gbk"):
        assert read_json(write(tmp_path / "x.json", json.dumps([CHINESE], ensure_ascii=False).encode(encoding))) == [
            CHINESE
        ]
        assert read_yaml(write(tmp_path / "x.yaml", f"task: {CHINESE}\r\n".encode(encoding))) == {"task": CHINESE}
    with pytest.raises(DamagedFileError, match="read as YAML"):
        read_yaml(write(tmp_path / "x.yaml", "a: [1"))
    with pytest.raises(DamagedFileError, match="read as YAML"):
        read_yaml(write(tmp_path / "x.yaml", "!!python/object/apply:os.getcwd []"))


def test_a_tab_in_yaml_is_told_with_its_line_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match=r"indent with blanks, not with tabs: .*, line 2, column 1") as caught:
        read_yaml(write(tmp_path / "x.yaml", "training:\n\tsteps: 5\n"))
    assert "unicode string" not in str(caught.value)


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="entry 'steps' is there twice.*line 4"):
        read_yaml(write(tmp_path / "x.yaml", "name: x\ntraining:\n  steps: 5\n  steps: 500\n"))
    merged = "base: &base {a: 1, b: 2}\nmore: &more\n  <<: *base\n  b: 3\nlast: {<<: *more, b: 4}\n"
    assert read_yaml(write(tmp_path / "x.yaml", merged))["last"] == {"a": 1, "b": 4}
    with pytest.raises(FineVLAError, match="cannot be read"):
        read_text(tmp_path / "none")


def test_what_we_write_is_one_line_for_every_reader() -> None:
    value = {"task": "a\u2028b\u2029c\x85d\x0be\x1ef \ufeff g\ud800 " + CHINESE}
    line = json_line(value)
    assert line.splitlines() == [line]
    assert json.loads(line) == value
    assert CHINESE in line
    line.encode()


def test_a_file_name_of_an_old_chinese_system_is_text() -> None:
    assert name_text(CHINESE.encode("gbk").decode("utf-8", "surrogateescape")) == CHINESE
    assert name_text("b\udcff") == "b\N{REPLACEMENT CHARACTER}"
    assert name_text("\ud83d") == "\N{REPLACEMENT CHARACTER}"
    assert name_text(CHINESE) == CHINESE


def test_a_full_disk_is_told_from_other_faults_through_every_wrapper() -> None:
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise RuntimeError("the encoder failed") from error
    except RuntimeError as error:
        assert is_disk_full(error)
    assert isinstance(unwritable("x", OSError(28, "No space left on device")), DiskFullError)
    assert is_disk_full(RuntimeError("database or disk is full"))
    assert not is_disk_full(OSError(13, "Permission denied"))
    assert not isinstance(unwritable("x", OSError(13, "Permission denied")), DiskFullError)
    assert type(DamagedFileError("a").retold("b")) is DamagedFileError
    assert [e.kind for e in (FineVLAError, DamagedFileError, DiskFullError)] == ["mistake", "damaged file", "full disk"]
