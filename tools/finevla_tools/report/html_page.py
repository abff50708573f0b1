"""A page for people: blocks of plain data become one HTML file that loads nothing from elsewhere but its own videos.

Callers give text, numbers and drawings. Whatever is a plain `str` is escaped; the few words in bold, code or links come from
the functions below and can be joined to text with `+`.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jinja2
from markupsafe import Markup

from finevla_tools.report.svg import Drawing

LOADER = jinja2.PackageLoader("finevla_tools.report")
ENVIRONMENT = jinja2.Environment(
    loader=LOADER, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Heading:
    """A title above blocks; `anchor` can be linked to, level 3 is a smaller one."""

    text: str
    anchor: str = ""
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a note is smaller and grey."""

    text: str
    is_note: bool = True


@dataclass(frozen=True)
class Items:
    """Block of a page: a bulleted list of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class KeyNumbers:
    """The few numbers that sum it up over a bar of the `kept` share (0 to 1); what is named `loss` is in red, as its rest."""

    cells: Sequence[tuple[str, str]]
    kept: float
    loss: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; a head with a `#` in front is of numbers, one that is named in `wide` has room and may break words."""

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    wide: Sequence[str] = ()
    is_sortable: bool = True
    is_narrow: bool = False

    def has_small(self, column: int) -> bool:
        """Return whether a column has numbers with something smaller behind them, such as an interval."""
        return any(isinstance(row[column], Markup) and "</small>" in row[column] for row in self.rows)


@dataclass(frozen=True)
class Figure:
    """Drawings, and notes on them, under a caption."""

    caption: str
    blocks: Sequence["Block"]
    is_flagged: bool = False


@dataclass(frozen=True)
class Video:
    """A video file beside the page: its relative address."""

    address: str
    caption: str


@dataclass(frozen=True)
class Container:
    """Blocks that belong together: a section with an anchor, a grid of figures, or a part that can be folded."""

    form: Literal["section", "stack", "charts", "pictures", "clusters", "videos", "fold"]
    blocks: Sequence["Block"]
    anchor: str = ""
    summary: str = ""  # of a part that can be folded
    is_open: bool = False


Block = Drawing | Heading | Paragraph | Items | KeyNumbers | Table | Figure | Video | Container


# What text may hold beside letters: bold, a file name or command, what matters less, a fault, a link `(anchor, text)` to a
# place on the page, lines below each other, a bar of so many letters. Text that they are given is escaped.
bold, code, soft, warning = (Markup(f"<{tag}>{{}}</{tag}>").format for tag in ("b", "code", "small", "em"))
link = Markup('<a href="#{}">{}</a>').format
lines = Markup("<br>").join
meter = Markup('<span class="meter" style="width:{:.1f}em"></span>').format


def render(title: str, heading: str, blocks: Sequence[Block]) -> str:
    """Return the page's HTML; the same blocks give the same text."""
    style, script = (Markup(LOADER.get_source(ENVIRONMENT, name)[0]) for name in ("style.css", "tables.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    given = {"title": title, "heading": heading, "blocks": blocks, "style": style, "script": script, "digest": digest}
    text = ENVIRONMENT.get_template("page.html.j2").render(given)
    return text.encode("utf-8", "replace").decode()  # names of files may hold what UTF-8 cannot
