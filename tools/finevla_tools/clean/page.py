"""The report's page."""

from pathlib import Path
from typing import Any

PAGE = "index.html"


def write_page(folder: Path, dataset: Any, plan: Any, decisions: Any) -> None:
    """To come."""
