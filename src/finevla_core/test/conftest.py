"""Fixtures of the watchdog's tests."""

from pathlib import Path

import pytest
from watched_stack import Setup


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def setup(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Setup:
    return Setup.of(cobotmagic_file if request.param == "cobotmagic" else single_file)
