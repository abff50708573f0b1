"""SVG pictures for pages: elements with a class each, so that `style.css` colours them by day, by night and on paper.

ElementTree writes the text, so nothing has to be escaped by hand. A plotting library would fix the colours in the picture,
and has no words to show when a bar is pointed at.
"""

import io
import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence

PNG_COLOURS = {"good": "#7d96ab", "bad": "#c8452f", "limit": "#c8452f", "axis": "#9aa3ab", "tick": "#5a646e"}
PNG_SIDES = {"line": ("x1", "y1", "x2", "y2"), "rect": ("x", "y"), "text": ("x", "y")}
PNG_SCALE, PNG_COLUMNS = 2, 3  # pixels a unit, pictures a row


class Drawing:
    """A picture of `width` x `height` units; `title` says it to those who cannot see it."""

    def __init__(self, width: float, height: float, title: str, kind: str = "") -> None:
        self.width, self.height = width, height
        names = {"viewBox": f"0 0 {width:g} {height:.0f}", "role": "img", "aria-label": title}
        self.root = ET.Element("svg", names | ({"class": kind} if kind else {}))
        ET.SubElement(self.root, "title").text = title

    def add(self, tag: str, kind: str = "", text: str = "", hover: str = "", **attributes: float | str) -> None:
        """Add an element of class `kind`; `hover` is shown when it is pointed at. `text_anchor` becomes `text-anchor`."""
        given = {"class": kind} if kind else {}
        given |= {name.replace("_", "-"): _short(value) for name, value in attributes.items()}
        element = ET.SubElement(self.root, tag, given)
        element.text = text or None
        if hover:
            ET.SubElement(element, "title").text = hover

    def write(self, x: float, y: float, text: str, anchor: str = "start", kind: str = "tick") -> None:
        """Add a text that starts, ends or is centred (`middle`) at a place."""
        self.add("text", kind, text, x=x, y=y, text_anchor=anchor)

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """Add a straight line from (x1, y1) to (x2, y2) of CSS class `kind`."""
        self.add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def __html__(self) -> str:
        """Return the SVG, as templates ask for it."""
        return ET.tostring(self.root, encoding="unicode", method="html")


def round_places(low: float, high: float, wanted: int) -> list[float]:
    """Return about `wanted` round numbers from `low` to `high`, evenly apart."""
    rough = max((high - low) / wanted, 1e-12)
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(step * k) for k in range(first, last + 1)]


def png_sheet(drawings: Sequence[tuple[str, Drawing]], title: str) -> bytes:
    """Paint named drawings of one size on one picture, for who cannot open the page: rectangles, lines and texts."""
    from PIL import Image, ImageDraw, ImageFont

    wide, tall = (max((getattr(d, side) for _, d in drawings), default=150) + 30 for side in ("width", "height"))
    rows = max(-(-len(drawings) // PNG_COLUMNS), 1)
    image = Image.new("RGB", (round(PNG_SCALE * wide * PNG_COLUMNS), round(PNG_SCALE * (36 + tall * rows))), "#fbfbf9")
    draw, (small, large) = ImageDraw.Draw(image), (ImageFont.load_default(size=PNG_SCALE * size) for size in (10, 15))
    draw.text((12 * PNG_SCALE, 10 * PNG_SCALE), title, "#1c2126", large)
    for k, (name, drawing) in enumerate(drawings):
        x0, y0 = wide * (k % PNG_COLUMNS) + 12, 52 + tall * (k // PNG_COLUMNS)
        draw.text((PNG_SCALE * (x0 + 8), PNG_SCALE * (y0 - 16)), name, "#1c2126", small)
        for element in drawing.root:
            colour = PNG_COLOURS.get(element.get("class", ""), "#1c2126")
            sides = [float(element.get(side, 0)) for side in PNG_SIDES.get(element.tag, ())]
            at = [PNG_SCALE * (place + (y0 if j % 2 else x0)) for j, place in enumerate(sides)]
            if element.tag == "rect":
                wide_high = [PNG_SCALE * float(element.get(side, 0)) for side in ("width", "height")]
                draw.rectangle((*at, at[0] + wide_high[0], at[1] + wide_high[1]), colour)
            elif element.tag == "line":
                draw.line(at, colour, PNG_SCALE)
            elif element.tag == "text":
                anchor = {"end": "rs", "middle": "ms"}.get(element.get("text-anchor", ""), "ls")
                draw.text((at[0], at[1]), element.text or "", colour, small, anchor=anchor)
    image.save(buffer := io.BytesIO(), "png", optimize=True)
    return buffer.getvalue()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
