"""The house's rules about names and docstrings: a public class name is unique, and a docstring says something."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FEWEST_WORDS = 5
MOST_WITHOUT = 20  # public functions without a docstring, whose names say all


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("src", "tools"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "test" not in file.relative_to(ROOT).parts:
                yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_public_class_names_are_unique() -> None:
    files = defaultdict(list)
    for file, module in modules():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].append(file)
    assert len(files) > 500
    assert {name: some for name, some in files.items() if len(some) > 1} == {}


def test_docstrings_say_something() -> None:
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    found = [
        f"{file}: {text}"
        for file, module in modules()
        for node in ast.walk(module)
        if isinstance(node, documented) and (text := ast.get_docstring(node)) and len(text.split()) < FEWEST_WORDS
    ]
    assert found == []


def test_public_functions_have_docstrings() -> None:
    without = [
        f"{file}: {node.name}"
        for file, module in modules()
        for node in module.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name != "main"
        if not ast.get_docstring(node)
    ]
    assert len(without) <= MOST_WITHOUT, without
