"""Fixtures of the safety core's tests: the stack around a watchdog, and what a bridge guards."""

from pathlib import Path

import pytest
from guarded_arms import Guarded
from watched_stack import Setup


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def setup(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Setup:
    return Setup.of(cobotmagic_file if request.param == "cobotmagic" else single_file)


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def guarded(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Guarded:
    return Guarded.of(cobotmagic_file if request.param == "cobotmagic" else single_file)
