"""What is done in one place stays there: files and folders that appear whole, locks, processes that share work."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# tools/setup runs before there is anything to import.
OWN = sorted([*ROOT.glob("tools/finevla_tools/**/*.py"), *ROOT.glob("src/finevla_*/finevla_*/**/*.py")])
WORK, RECORDING = "tools/finevla_tools/work/", "src/finevla_core/finevla_core/recording/"
CALLS = {
    "a rename into place": (r"\b(os\.(replace|rename|renames)|shutil\.move)\(|\.rename\(", (WORK, RECORDING)),
    "a lock on a file": (r"\b(flock|lockf)\(", (WORK, RECORDING)),
    "processes that share work": (r"(\bPool|ProcessPoolExecutor)\(", (WORK,)),
}
TEMPORARY = re.compile(r"\.(tmp|temp|new|part)\b")


def test_there_are_sources_to_search() -> None:
    assert len(OWN) > 300
    for prefix in (WORK, RECORDING):
        assert any(_name(path).startswith(prefix) for path in OWN)


@pytest.mark.parametrize("what", CALLS)
def test_it_stands_in_the_rooms_made_for_it_alone(what: str) -> None:
    pattern, rooms = CALLS[what]
    found = {_name(path) for path in OWN if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert found, "else the pattern finds nothing any more"
    assert [name for name in sorted(found) if not name.startswith(rooms)] == []


def test_names_of_temporary_files_are_made_in_one_place() -> None:
    found = {_name(path) for path in OWN if any(TEMPORARY.search(text) for text in _texts(path))}
    assert found == {f"{RECORDING}atomic_files.py"}


def _texts(path: Path) -> list[str]:
    """All string constants but docstrings' prose: a name has no spaces."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if " " not in text]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
