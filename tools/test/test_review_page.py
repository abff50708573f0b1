"""Promises of the review page in a real Chromium: all of it by keyboard, with few actions, and nothing is ever lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")
from browser import CHROMIUM, NO_BROWSER, Browser
from review_stage import ReviewStage, data_set, drafts, write_drafts

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER)]
SAVED = "document.body.dataset.saved === 'yes'"


class Person:
    """Somebody at the page, whose actions are counted: a key is one, a text that is typed is one."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.actions = browser, 0

    def press(self, *keys: str) -> None:
        self.browser.press(*keys)
        self.actions += len(keys)

    def type(self, text: str) -> None:
        self.browser.type(text)
        self.actions += 1

    def at(self, episode: int | str) -> None:
        """Wait until an episode is shown and all is saved."""
        self.browser.wait(f"document.body.dataset.episode === '{episode}' && {SAVED}")

    def chosen(self) -> str:
        return str(self.browser.run("document.querySelector('.chosen .value, .chosen')?.textContent"))

    def open(self, url: str, name: str, episode: int | str) -> None:
        """Come to the page as somebody."""
        self.browser.open(url)
        self.browser.wait("document.body.dataset.episode !== undefined")
        self.browser.run(f"localStorage.setItem('finevla-review:reviewer', {json.dumps(name)}); sessionStorage.clear()")
        self.browser.open(url + "/?again")
        self.browser.wait(f"document.getElementById('reviewer').value === {json.dumps(name)}")
        self.at(episode)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    data_set(folder / "set")
    write_drafts(folder / "annotations.parquet", [row for n in range(3) for row in drafts(n)])
    return folder


@pytest.fixture
def given(folder: Path, tmp_path: Path) -> tuple[Any, ...]:
    return folder / "set", folder / "annotations.parquet", "--db", str(tmp_path / "r.db"), "--reviewer", "Li"


@pytest.fixture
def stage(given: tuple[Any, ...]) -> Iterator[ReviewStage]:
    with ReviewStage(*given) as stage:
        yield stage


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def person(browser: Browser, stage: ReviewStage) -> Person:
    person = Person(browser)
    person.open(stage.url, "Li", 0)
    return person


def items(stage: ReviewStage, episode: int = 0, reviewer: str = "Li") -> dict[str, list[dict[str, Any]]]:
    _, found = stage.ask("GET", f"/api/episodes/{episode}?reviewer={reviewer}")
    by_slot: dict[str, list[dict[str, Any]]] = {}
    for row in found["items"]:
        by_slot.setdefault(row["slot"], []).append(row)
    return by_slot


def status(stage: ReviewStage, episode: int) -> str:
    return str(stage.ask("GET", f"/api/episodes/{episode}?reviewer=Li")[1]["status"])


class TestByKeyboard:
    def test_a_right_draft_is_approved_with_at_most_six_actions(self, person: Person, stage: ReviewStage) -> None:
        person.press("a")
        person.at(1)
        assert person.actions <= 6
        assert status(stage, 0) == "approved"

    def test_a_dimension_is_mended_with_at_most_twelve_actions(self, person: Person, stage: ReviewStage) -> None:
        person.press("3", "Enter")
        person.type("orange")
        person.press("Enter", "a")
        person.at(1)
        assert person.actions <= 12
        (color,) = items(stage)["target_color"]
        assert (color["value"], color["source"], color["reviewer"], color["status"]) == (
            "orange",
            "human",
            "Li",
            "approved",
        )

    def test_the_difference_to_the_draft_is_shown_word_by_word(self, person: Person) -> None:
        person.press("`", "ArrowDown", "Enter")
        person.type("the left arm grasps the orange cube from above and lifts it")
        person.press("Enter")
        person.at(0)
        assert person.browser.run("document.querySelector('.chosen del').textContent") == "red"
        assert person.browser.run("document.querySelector('.chosen ins').textContent") == "orange"

    def test_reject_reopen_drop_and_undo(self, person: Person, stage: ReviewStage) -> None:
        person.press("x")
        person.at(1)
        assert status(stage, 0) == "rejected"
        person.press("u")
        person.at(0)
        person.browser.wait("document.body.dataset.status === 'draft'")
        person.press("3", "d")
        person.at(0)
        assert items(stage)["target_color"][0]["status"] == "rejected"
        person.press("u")
        person.browser.wait("document.querySelectorAll('.claim.rejected').length === 0")
        person.at(0)
        assert items(stage)["target_color"][0]["status"] == "draft"

    def test_what_the_draft_does_not_say_is_added(self, person: Person, stage: ReviewStage) -> None:
        person.press("9", "i")
        person.type("the cube slips")
        person.press("Enter")
        person.browser.wait("[...document.querySelectorAll('.value')].some((v) => v.textContent === 'the cube slips')")
        person.at(0)
        (failure,) = items(stage)["failure"]
        assert (failure["value"], failure["dimension"]) == ("the cube slips", "failure_and_recovery")

    def test_an_edge_is_nudged_with_all_that_ends_there(self, person: Person, stage: ReviewStage) -> None:
        before = items(stage)
        person.press("1", "}", "}")
        person.press("h")  # whatever is asked next waits for what was nudged
        person.browser.wait("!!document.querySelector('.past')")
        after = items(stage)
        moved = before["step"][0]["to_s"] + 2 / 30
        ends = [after[slot][0]["to_s"] for slot in ("step", "primitive_action", "approach_direction")]
        starts = [after[slot][1]["from_s"] for slot in ("step", "primitive_action")]
        assert [*ends, *starts] == pytest.approx([moved] * 5, abs=1e-4)

    def test_a_step_is_split_at_the_playhead_and_mended_by_undo(self, person: Person, stage: ReviewStage) -> None:
        person.press("1", *"." * 9, "s")
        person.browser.wait("document.querySelectorAll('.claim').length === 11")
        person.at(0)
        steps = sorted((row["step"], row["from_s"], row["to_s"]) for row in items(stage)["step"])
        assert [step for step, _, _ in steps] == [1, 2, 3]
        assert steps[0][2] == steps[1][1] == pytest.approx(0.3, abs=1e-4)
        person.press("u")
        person.browser.wait("document.querySelectorAll('.claim.rejected').length === 2")
        person.at(0)
        assert sorted(r["step"] for r in items(stage)["step"] if r["status"] != "rejected") == [1, 2]

    def test_all_cameras_step_frame_by_frame_and_play_within_the_span(self, person: Person) -> None:
        times = "JSON.stringify([...document.querySelectorAll('video')].map((v) => Math.floor(v.currentTime * 30)))"
        person.browser.wait("[...document.querySelectorAll('video')].every((v) => v.readyState > 1)")
        person.press(".", ".", ".")
        assert json.loads(person.browser.wait(times)) == [3, 3]
        person.press(",")
        assert json.loads(person.browser.wait(times)) == [2, 2]
        person.press("-", "-", "-")
        assert person.browser.run("document.getElementById('rate').textContent") == "0.25×"
        person.press("1", "ArrowDown", "=", "=", "=", "=", "=", " ")
        person.browser.wait(
            "document.querySelector('video').playbackRate === 2 && !document.querySelector('video').paused"
        )
        person.browser.run(
            "window.seen = [];"
            "document.querySelector('video').addEventListener('timeupdate', (e) => seen.push(e.target.currentTime))"
        )
        person.browser.wait("seen.length > 6 && seen.some((t, k) => k && t < seen[k - 1])")
        assert min(person.browser.run("seen")) >= 1.2 - 1 / 30

    def test_help_and_chinese(self, person: Person) -> None:
        person.press("?")
        assert person.browser.run("document.getElementById('help').open")
        person.press("?", "t")
        assert person.browser.run("document.documentElement.lang") == "zh"
        assert "通过" in person.browser.run("document.getElementById('accept').textContent")
        person.press("t")
        assert "approve" in person.browser.run("document.getElementById('accept').textContent")

    def test_all_three_and_the_page_says_that_nothing_is_left(self, person: Person) -> None:
        for episode in (1, 2, ""):
            person.press("a")
            person.at(episode)
        assert "reviewed" in person.browser.run("document.getElementById('banner').textContent")

    def test_a_value_is_text_and_never_a_tag(self, browser: Browser, folder: Path, tmp_path: Path) -> None:
        bad = "<img src=x onerror='document.body.dataset.broken=1'><b>bold</b>"
        path = write_drafts(tmp_path / "a.parquet", [replace(row, value=bad) for row in drafts()])
        with ReviewStage(folder / "set", path, "--reviewer", "Li") as stage:
            person = Person(browser)
            person.open(stage.url, "Li", 0)
            assert person.browser.run("document.querySelector('.value').textContent") == bad
            assert person.browser.run("document.body.dataset.broken") is None


class TestBadVideos:
    def test_a_camera_that_is_missing_or_damaged_is_told_and_the_rest_goes_on(
        self, browser: Browser, folder: Path, tmp_path: Path
    ) -> None:
        root = data_set(tmp_path / "set", 2)
        (root / "videos/chunk-000/observation.images.front/episode_000000.mp4").unlink()
        (root / "videos/chunk-000/observation.images.left/episode_000001.mp4").write_bytes(b"no video" * 100)
        path = write_drafts(tmp_path / "a.parquet", drafts(0) + drafts(1))
        failed = "document.querySelector('figure.failed p')?.textContent"
        with ReviewStage(root, path, "--reviewer", "Li") as stage:
            person = Person(browser)
            person.open(stage.url, "Li", 0)
            assert person.browser.wait(failed) == "the video file is missing"
            person.browser.wait("document.querySelector('video').readyState > 1")
            person.press(".")
            assert person.browser.run("Math.floor(document.querySelector('video').currentTime * 30)") == 1
            person.press("a")
            person.at(1)
            assert "cannot play this video" in person.browser.wait(failed)
            person.press("a")
            person.at("")


class TestNothingIsLost:
    def test_a_server_that_is_killed_amid_an_edit(self, browser: Browser, given: tuple[Any, ...]) -> None:
        person = Person(browser)
        with ReviewStage(*given) as stage:
            person.open(stage.url, "Li", 0)
            stage.kill()
            person.press("3", "Enter")
            person.type("orange")
            person.press("Enter")
            person.browser.wait("document.body.dataset.saved === 'cut'")
            port = str(stage.port)
        with ReviewStage(*given, "--port", port) as stage:
            person.at(0)
            assert items(stage)["target_color"][0]["value"] == "orange"

    def test_a_browser_that_is_closed_amid_an_edit(self, stage: ReviewStage, tmp_path: Path) -> None:
        with Browser(tmp_path / "profile") as browser:
            person = Person(browser)
            person.open(stage.url, "Li", 0)
            person.press("3", "Enter")
            person.type("half a wor")
        with Browser(tmp_path / "profile") as browser:
            person = Person(browser)
            browser.open(stage.url)
            browser.wait("document.querySelector('textarea')?.value === 'half a wor'")
            person.type("d")
            person.press("Enter")
            person.at(0)
        assert items(stage)["target_color"][0]["value"].startswith("half a wor")

    def test_who_comes_second_is_told_and_keeps_his_words(self, person: Person, stage: ReviewStage) -> None:
        name = items(stage)["target_color"][0]["item"]
        said = {
            "reviewer": "Li",
            "batch": "other",
            "edits": [{"item": name, "version": 0, "changes": {"value": "pink"}}],
        }
        person.press("3", "Enter")
        assert stage.ask("POST", "/api/episodes/0/edits", said)[0] == 200  # the same person in another window
        person.type("orange")
        person.press("Enter")
        person.browser.wait("document.querySelector('.chosen .mark')?.textContent.includes('orange')")
        assert items(stage)["target_color"][0]["value"] == "pink"
        person.press("Enter", "Enter")
        person.at(0)
        assert items(stage)["target_color"][0]["value"] == "orange"


class TestTwoPeople:
    def test_they_share_a_queue_and_never_an_episode(
        self, stage: ReviewStage, browser: Browser, tmp_path: Path
    ) -> None:
        first = Person(browser)
        first.open(stage.url, "Li", 0)
        with Browser(tmp_path / "profile") as other:
            second = Person(other)
            other.open(stage.url)
            other.wait("document.body.dataset.episode !== undefined")
            other.run("localStorage.setItem('finevla-review:reviewer', 'Wang'); sessionStorage.clear()")
            other.open(stage.url + "/?again")
            second.at(1)
            second.press("a")
            second.at(2)
            first.press("a")
            first.at("")  # the last one is Wang's
            other.run("document.querySelector('#filter').value = 'all'")
            second.press("a")
            second.at("")
        assert {status(stage, n) for n in range(3)} == {"approved"}
        by = {items(stage, n)["raw"][0]["reviewer"] for n in range(3)}
        assert by == {"Li", "Wang"}
