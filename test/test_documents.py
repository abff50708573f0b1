"""Promises of the documents: links lead somewhere, and what pages name - commands, options, topics, files - exists."""

import argparse
import functools
import importlib
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from finevla_core.embodiment import Embodiment
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import load_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_tools.cli import COMMANDS
from finevla_tools.security_map import LIFECYCLE_SERVICES, OPERATOR, PARAMETER_SERVICES, Member, members

ROOT = Path(__file__).parents[1]
PACKAGES = [*(p.parent for p in sorted(ROOT.glob("src/*/package.xml"))), ROOT / "tools"]
PACKAGE_PAGES = [folder / "README.md" for folder in PACKAGES]
ADAPTERS_PAGE = ROOT / "tools/adapters/README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    *DOCS,
    *PACKAGE_PAGES,
    ROOT / "test/benchmark/README.md",
    ADAPTERS_PAGE,
    ROOT / "models/tabletop/card.md",
]
ARCHITECTURE = ROOT / "docs/architecture.md"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
# Written by commands of ours for their users; everything else that source text names must be in the repository.
WRITTEN = {"card.md", "report.md"}
OTHERS_OPTIONS = {"--show-args"}  # of ros2 launch


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    """Anchors of a page: its own, and those that its headings get (as GitHub makes them)."""
    text = prose(page)
    heads = (head.replace("`", "") for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE))
    slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    return frozenset(slugs | set(re.findall(r'<a id="([\w-]+)">', text)))


def commands(page: Path) -> Iterator[list[str]]:
    """Command lines of a page, in words: of its fenced blocks, and those in the middle of its text."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *INLINE.findall(prose(page))]:
        if re.match(r"(\$ )?(finevla|ros2 launch finevla|make) ", line.strip()):
            yield shlex.split(line.strip().removeprefix("$ "), comments=True)


@functools.cache
def options(command: str) -> frozenset[str]:
    """All options of a command, those of its subcommands among them."""
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    found, todo = set[str](), [parser]
    while todo:
        for action in todo.pop()._actions:
            found.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                todo += action.choices.values()
    return frozenset(found)


@functools.cache
def launch_arguments() -> frozenset[str]:
    text = (ROOT / "launch/cobotmagic.launch.yaml").read_text(encoding="utf-8")
    return frozenset(entry["arg"]["name"] for entry in yaml.safe_load(text)["launch"] if "arg" in entry)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_anchors_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), f"{name_of(page)} links to {target}"
        assert not anchor or anchor in anchors(place), f"{name_of(page)} links to {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        targets = (
            page.parent / target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+\.md[^)]*)\)", prose(page))
        )
        todo += {target.resolve() for target in targets} - reached
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for tool, *words in commands(page):
        if tool == "make":
            assert words[0] in targets, words
        elif tool == "ros2":
            assert {word.partition(":=")[0] for word in words if ":=" in word} <= launch_arguments(), words
        elif words[0].startswith("-") or words[0] == "COMMAND":
            assert words[-1] in ("--help", "-h"), words
        else:
            assert words[0] in COMMANDS, words
            given = {word.partition("=")[0] for word in words if word.startswith("-") and not word.startswith("---")}
            assert given <= options(words[0]), words
            assert {word.partition(":=")[0] for word in words if ":=" in word} <= launch_arguments(), words


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=name_of)
def test_options_named_in_the_text_exist(page: Path) -> None:
    known = OTHERS_OPTIONS.union(*(options(command) for command in COMMANDS))
    for code in INLINE.findall(prose(page)):
        if code.startswith("--"):
            assert code.split()[0].partition("=")[0] in known, f"{name_of(page)} names {code}"


def test_readme_fits_on_its_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("page", PACKAGE_PAGES, ids=name_of)
def test_packages_have_a_short_readme_that_names_what_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 20
    module = page.parent / ("finevla_tools" if page.parent.name == "tools" else page.parent.name)
    for code in INLINE.findall(text):
        if re.fullmatch(r"[\w./*]+(\.py|/)", code):
            assert any(any(base.glob(code)) for base in (page.parent, module, ROOT, ROOT / "src/finevla_core")), code
        for path in re.findall(r"pytest (\S+)", code):
            assert (ROOT / path).is_dir(), code


def test_readme_begins_with_things_of_the_first_scene(cobotmagic_file: Path) -> None:
    """What a newcomer copies first is on the table."""
    (said,) = re.findall(
        r'^finevla say "reach the (\w+ \w+) with', (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    launch = yaml.safe_load((ROOT / "launch/cobotmagic.launch.yaml").read_text(encoding="utf-8"))["launch"]
    default = {entry["arg"]["name"]: entry["arg"]["default"] for entry in launch if "arg" in entry}
    robot = load_robot(cobotmagic_file)
    scene = sample_scene(int(default["seed"]), default["task"], ArmIK(robot.embodiment, robot.urdf_path))
    assert said.replace(" ", "_") in {thing.name for thing in scene.objects}


@pytest.mark.parametrize("folder", ["src", "tools", "test", "launch", "config", "urdf", "docker"])
def test_source_names_no_document_that_is_not_here(folder: str) -> None:
    ends = {".py", ".sh", ".yaml", ".xacro", ".msg", ".srv", ".action"}
    for path in (p for p in (ROOT / folder).rglob("*") if p.suffix in ends and p != Path(__file__)):
        for found in re.findall(r"[\w./-]*\w\.md\b", path.read_text(encoding="utf-8")):
            is_here = any((ROOT / base / found).exists() for base in ("", "docs"))
            assert is_here or Path(found).name in WRITTEN, f"{name_of(path)} names {found}"


def test_glossary_is_in_order_and_says_each_word_once() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [word.lower().replace(",", "") for word, _ in rows[1:] if not word.startswith("---")]
    assert words == sorted(set(words))
    plain = {part for word, _ in rows for part in re.split(r", | \(", word.lower())}
    for _, meaning in rows:
        for other in re.findall(r"\*([^*]+)\*", meaning):
            name = other.lower().removesuffix("'s")
            assert {name, name.removesuffix("s")} & plain, f"the glossary has no line for '{other}'"


# The tables of the architecture page ------------------------------------------------------------------------------------------


def table(heading: str) -> dict[str, tuple[str, set[str], set[str]]]:
    """Rows of the table below a heading by name: type, and the nodes of the third and of the fourth column.

    A cell `{a,b}_c` has two names, and what stands in brackets is a remark.
    """
    section = ARCHITECTURE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = {}
    for row in re.findall(r"^\| (`.+?) \|$", section, re.MULTILINE):
        cells = [cell.strip() for cell in row.split(" |")]
        nodes = [set(re.findall(r"\w+", re.sub(r"\(.*?\)|: one of them", "", cell))) for cell in cells[2:4]]
        for names in INLINE.findall(cells[0]):
            parts = [part.split(",") for part in re.split(r"[{}]", names)]
            for name in map("".join, itertools.product(*parts)):
                found[name] = (cells[1], nodes[0], nodes[1])
    return found


@pytest.fixture(scope="module")
def processes(robot: Embodiment) -> dict[str, Member]:
    """The table of rights, which is compared with a running stack elsewhere."""
    return {name: member for name, member in members(robot).items() if name != "spawner"}


def sides(processes: dict[str, Member], out: str, into: str) -> dict[str, tuple[set[str], set[str]]]:
    """By name, who has it on either side; of the recorder what it always does, of the operator what it sends."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for process, member in processes.items():
        both = (member.usual, member.sometimes) if process != "recorder" else (member.usual,)
        for k, side in enumerate((out, into)):
            if process == OPERATOR and side == "subscribes":
                continue
            for name in {name for rights in both for name in getattr(rights, side)}:
                found.setdefault(name, (set(), set()))[k].add(process)
    return found


def test_topics_of_the_architecture_page_are_those_of_the_code(processes: dict[str, Member]) -> None:
    real, told = sides(processes, "publishes", "subscribes"), table("Topics")
    for topic, (_, publishers, listeners) in told.items():
        assert topic in real, topic
        of_arm = {"left_piper_driver", "right_piper_driver"} - real[topic][0] - real[topic][1]
        assert publishers - of_arm - {"or", "camera", "drivers"} == real[topic][0], topic
        assert listeners - of_arm == real[topic][1], topic
    ours = {topic for topic, (out, into) in real.items() if out | into != {"controller_manager"}}
    theirs = {topic for topic in ours if topic.startswith("/")} - {"/tf", "/tf_static", "/clock"}
    assert ours - theirs == {t for t in told if t not in theirs}


def test_services_and_actions_of_the_architecture_page_are_those_of_the_code(processes: dict[str, Member]) -> None:
    real = sides(processes, "serves", "calls") | sides(processes, "acts", "asks")
    told = table("Services and actions")
    for name, (_, servers, callers) in told.items():
        assert name in real, name
        of_arm = {"left_piper_driver", "right_piper_driver"} - real[name][0]
        assert servers - of_arm == real[name][0], name
        assert callers == real[name][1], name
    inherited = (*PARAMETER_SERVICES, *LIFECYCLE_SERVICES)  # every node's, every lifecycle node's
    ours = {name for name, (servers, _) in real.items() if servers - {"controller_manager"}}
    assert {name for name in ours if name.rpartition("/")[2] not in inherited} == set(told)


WITH_ROS2_CONTROL = {"control_msgs/msg/JointTrajectoryControllerState"}  # comes with ROS 2 from apt only


@pytest.mark.parametrize("heading", ["Topics", "Services and actions"])
def test_types_on_the_architecture_page_exist(heading: str) -> None:
    kinds = {kind for kind, _, _ in table(heading).values()}
    assert kinds
    for kind in kinds - WITH_ROS2_CONTROL:
        package, folder, name = kind.split("/")
        assert hasattr(importlib.import_module(f"{package}.{folder}"), name), kind


def test_packages_and_nodes_of_the_architecture_page_are_those_of_the_code(processes: dict[str, Member]) -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    packages = text.partition("\n## Packages\n")[2].partition("\n## ")[0]
    for folder in PACKAGES:
        name = "finevla_tools" if folder.name == "tools" else folder.name
        row = re.search(rf"^\| \[{name}\]\S+ \| .* \| ?(.*?) ?\|$", packages, re.MULTILINE)
        assert row is not None, name
        code = "\n".join(p.read_text(encoding="utf-8") for p in (folder / name).rglob("*.py"))
        imported = set(re.findall(r"^\s*(?:from|import) finevla_(\w+)", code, re.MULTILINE)) - {
            name.removeprefix("finevla_")
        }
        assert set(re.findall(r"\w+", row[1])) == imported, name
    section = text.partition("\n## Nodes\n")[2].partition("\n## ")[0]
    nodes = {node for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for node in INLINE.findall(row)}
    assert nodes == set(processes) - {OPERATOR}
