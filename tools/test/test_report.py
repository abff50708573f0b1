"""Promises of pages: words of others stay words, nothing is loaded from elsewhere, day and night are coloured, tables sort."""

import io
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="jinja2 comes with 'make train-setup'; the robot makes no pages")
from PIL import Image

from finevla_core.plural_phrases import counted
from finevla_tools import report as package
from finevla_tools.number_format import duration, number, percentage, shortened
from finevla_tools.report import html_page as p
from finevla_tools.report.charts import histogram, histogram_chart, traces_chart
from finevla_tools.report.distance_plots import RootScale, agreement, heat_map, plane, tree
from finevla_tools.report.path_plots import PathPanel, paths_chart
from finevla_tools.report.svg import Drawing, png_sheet

HOSTILE = "</td></style><script>alert('x')</script><img src=x onerror=\"alert(1)\"> & 'so' \"on\""
TEMPLATES = Path(package.__file__).parent / "templates"
ROWS = [["1,200", "ten", "75.0%"], ["7", "nine 10", "8.3%"], ["-", "nine 9", "100.0%"], ["30", "eleven", "-"]]


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.cells += [""] * (tag == "td")
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells:
            self.cells[-1] += data


def blocks(word: str) -> list[p.Block]:
    """One of each kind, with `word` wherever a text can be."""
    return [
        p.Heading(word, "there"),
        p.Paragraph(word + p.code(word) + p.soft(word) + p.warning(word)),
        p.Items([word, p.bold(word)]),
        p.KeyNumbers([("3", word)], 0.5, word),
        p.Table(word, [word, f"#{word}"], [[word, p.lines([word, p.link("there", word)])]], wide=[word]),
        p.Figure(word, [every_drawing(word)[0], p.Paragraph(word)], is_flagged=True),
        p.Container("videos", [p.Video(word, word)]),
        p.Container("fold", [p.Paragraph(word)], summary=word, is_open=True),
        p.Container("section", every_drawing(word), "section"),
    ]


def every_drawing(word: str) -> list[Drawing]:
    """Each kind of picture, as full as it gets."""
    square = np.array([[0, 1, np.nan], [1, 0, 4], [np.nan, 4, 0]])
    labels, spans, kinds, scale = np.array([1, 1, 2]), [(1, 0, 2), (2, 2, 3)], {1: "c1", 2: "c0"}, RootScale(4.0)
    path = np.array([[0, 0], [5, 9]])
    state = np.linspace(0, 1, 30)[:, None]
    return [
        histogram_chart(histogram([1, 2, 3], [False, False, True], 2.5, False), word, word),
        traces_chart(state, state, [word], [3], 10.0, word),
        heat_map(square, spans, scale, kinds, word),
        tree(np.array([[0.0, 1, 1, 2], [2, 3, 4, 3]]), labels, spans, scale, 2.0, kinds, word),
        plane(np.array([[0.0, 0], [1, 0], [0, 1]]), labels, [word] * 3, {0}, kinds, word),
        agreement(np.arange(4.0), np.arange(4.0), word),
        paths_chart([PathPanel(word, path, [path], 100.0)], 1, "c1", word),
    ]


def test_words_of_others_stay_words() -> None:
    hostile, plain = (Seen(p.render(word, word, blocks(word))) for word in (HOSTILE, "quokka"))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert hostile.tags["script"] == 1
    assert hostile.cells[0] == HOSTILE
    cut = 2  # a trace and a panel show only part of a long name
    assert hostile.text.count(HOSTILE) == plain.text.count("quokka") - cut > 30


def test_heads_stand_over_their_numbers_with_and_without_intervals() -> None:
    """Room for what is smaller is made in the columns that have it, also in rows that have none, and in no other."""
    rows = [["a", p.soft("x"), "1", "2" + p.soft("1 to 3")], ["b", "", "</small>", "-"]]
    text = p.render("t", "h", [p.Table("t", ["name", "note", "#one", "#two"], rows)])
    assert re.findall(r"<th(?: [^>]*)?>", text) == ["<th>", "<th>", '<th class="n">', '<th class="n spread">']
    assert text.count('<td class="n spread">') == 2
    assert "td.spread:not(:has(small))::after" in text


def test_names_that_are_no_text_are_no_error() -> None:
    assert "a?b" in p.render("t", "h", [p.Paragraph("a\udcffb")])


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = p.render("t", "h", blocks("word"))
    seen = Seen(text)
    assert all(a.startswith(("#", "data:image/png;base64,")) or a == "word" for a in seen.addresses)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch|XMLHttp", text)
    assert "default-src 'none'" in text


def test_the_same_data_give_the_same_page() -> None:
    assert p.render("t", "h", blocks("word")) == p.render("t", "h", blocks("word"))


def test_every_class_of_a_drawing_or_block_has_its_look() -> None:
    used = set(" ".join(re.findall(r'class="([^"]*)"', p.render("t", "h", blocks("word")))).split())
    style = (TEMPLATES / "style.css").read_text()
    assert len(used) > 30
    assert used - set(re.findall(r"\.([a-z][\w-]*)", style)) <= {
        "tick",
        "between",
        "fold",
        "sortable",
    }  # these look as usual


def test_day_and_night_have_all_colours() -> None:
    style = (TEMPLATES / "style.css").read_text()
    day, night = style.split("}", 1)[0], style[style.index("prefers-color-scheme: dark") :].split("}", 1)[0]
    assert set(re.findall(r"--[\w-]+(?=:)", day)) == set(re.findall(r"--[\w-]+(?=:)", night))
    used = set(re.findall(r"var\((--[\w-]+)", style))
    assert used - {"--own", "--least"} <= set(re.findall(r"--[\w-]+(?=:)", day))
    assert (
        "prefers-color-scheme: dark" in style.split("@media screen and")[1].split("{")[0] + style
    )  # paper stays white


def test_the_templates_are_installed() -> None:
    root = Path(package.__file__).parents[3]
    setup = (root / "setup.py").read_text()
    assert '"report/templates/*"' in setup
    assert {path.name for path in TEMPLATES.iterdir()} == {"page.html.j2", "style.css", "tables.js"}


def test_numbers_read_well() -> None:
    assert [number(x) for x in (0, 0.123456, 4e-5, 12345.6, float("inf"))] == ["0", "0.123", "4e-5", "12,346", "∞"]
    assert [counted(n, "pair") for n in (1, 2000)] == ["1 pair", "2,000 pairs"]
    assert [percentage(*x) for x in ((1, 4), (1, 1000), (0, 0), (5, 5))] == ["25 %", "0.10 %", "-", "100 %"]
    assert [duration(s) for s in (3.51, 600, 7200)] == ["3.5 s", "10.0 min", "2.0 h"]
    assert (shortened("abcdef", 4), shortened("abc", 4)) == ("abc…", "abc")


class TestHistogram:
    def test_one_flagged_among_thousands_is_seen_and_said(self) -> None:
        values = [1.0] * 5000 + [2.0]
        drawn = histogram_chart(histogram(values, [v > 1.5 for v in values], 1.5, False), "rad", "t").__html__()
        heights = {kind: float(h) for kind, h in re.findall(r'class="(good|bad)"[^>]* height="([\d.]+)"', drawn)}
        assert heights == {"good": 94.0, "bad": 3.0}
        assert re.search(r"<title>[\d.]+ to [\d.]+ rad: 1 episode, 1 flagged</title>", drawn)

    @pytest.mark.parametrize("is_log", [False, True])
    def test_the_threshold_stands_between_the_values_that_it_parts(self, is_log: bool) -> None:
        drawn = histogram_chart(histogram([1.0, 100.0], [False, True], 10.0, is_log), "m", "t").__html__()
        good, bad = (float(re.search(rf'class="{kind}" x="([\d.]+)"', drawn)[1]) for kind in ("good", "bad"))
        at = float(re.search(r'class="limit" x1="([\d.]+)"', drawn)[1])
        assert good < at < bad
        assert (abs((good + bad) / 2 - at) < 5) == is_log  # the middle only on a logarithmic axis

    def test_the_sheet_shows_what_the_page_shows(self) -> None:
        chart = histogram_chart(histogram([1.0, 2.0], [False, True], 1.5, False), "m", "t")
        pixels = Counter(Image.open(io.BytesIO(png_sheet([("a", chart), ("b", chart)], "t"))).convert("RGB").getdata())
        assert pixels[0xC8, 0x45, 0x2F] > 500
        assert pixels[0x7D, 0x96, 0xAB] > 500
        assert png_sheet([], "nothing").startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser: 'apt-get install chromium' brings one")
class TestInABrowser:
    def dom(self, folder: Path, text: str, code: str = "") -> Seen:
        """The page after its own script and then `code` have run."""
        if code:  # the policy allows the page's own script alone
            text = re.sub(r"<meta http-equiv=[^>]*>", "", text).replace("</body>", f"<script>{code}</script></body>")
        (folder / "page.html").write_text(text)
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        done = subprocess.run(
            [*command, "--dump-dom", f"file://{folder}/page.html"], capture_output=True, timeout=120, check=True
        )
        return Seen(done.stdout.decode())

    def test_the_policy_lets_the_page_s_own_script_run(self, tmp_path: Path) -> None:
        text = p.render("t", "h", [p.Table("n", ["#count", "name", "#share"], ROWS * 5)])
        seen = self.dom(tmp_path, text)
        assert (seen.tags["button"], seen.tags["input"]) == (3, 1)

    @pytest.mark.parametrize(
        ("column", "clicks", "expected"),
        [
            (0, 1, ["7", "30", "1,200", "-"]),
            (0, 2, ["-", "1,200", "30", "7"]),
            (1, 1, ["30", "-", "7", "1,200"]),  # eleven, nine 9, nine 10, ten
            (2, 1, ["7", "1,200", "-", "30"]),
        ],
    )
    def test_a_click_on_a_head_sorts(self, tmp_path: Path, column: int, clicks: int, expected: list[str]) -> None:
        text = p.render("t", "h", [p.Table("n", ["#count", "name", "#share"], ROWS)])
        click = f"document.querySelectorAll('th button')[{column}].click();" * clicks
        seen = self.dom(tmp_path, text, click)
        assert [cell.strip() for cell in seen.cells[::3]] == expected
        assert seen.attributes["aria-sort"] == 1

    def test_a_long_table_shows_only_rows_with_the_words_asked_for(self, tmp_path: Path) -> None:
        text = p.render("t", "h", [p.Table("n", ["#count", "name", "#share"], ROWS * 5)])
        code = "const f = document.querySelector('input'); f.value = 'NINE 8.3'; f.oninput()"
        assert self.dom(tmp_path, text, code).attributes["hidden"] == 15
