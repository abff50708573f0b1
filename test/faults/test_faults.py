"""Every fault that the stack makes a promise about, done on purpose: `finevla doctor --drill` as a test, with a tiny bundle.

Asserted are promises, limits and what the operator is told; how long anything took is a matter of the benchmark.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_bundle import make_tiny_bundle

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.faults.drill_catalogue import chosen, drills_for
from finevla_tools.faults.drill_session import Session
from finevla_tools.faults.drill_types import Drill
from finevla_tools.faults.hostile_drills import hostile_drills
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, launch_path

pytestmark = pytest.mark.stack
DRILLS = drills_for([p.name for p in load_launch(launch_path(DEFAULT_FILE), {"robot": "sim"}).processes])
# Of hostile clients one of each kind; the others run by command: finevla doctor --drill --hostile
HOSTILE = chosen(
    (
        "second states 0.35 at rest",
        "second states shifted plan",
        "beats with the newest challenge",
        "command once at rest",
        "stop best effort",
        "yes after new words",
        "authority for 10 MB",
        "flood of chunk of 56 MB",
        "malformed action_chunk",
        "policy says 100 s",
        "process ends with 2",
    ),
    hostile_drills(),
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, cobotmagic_file: Path) -> Iterator[Session]:
    """One stack for all drills that leave it as it was."""
    robot = load_embodiment(cobotmagic_file)
    bundle = make_tiny_bundle(tmp_path_factory.mktemp("faults") / "tiny", robot, drift=1.0, pace=0.4)
    with Session(str(bundle), "reach the cube") as session:
        yield session


@pytest.mark.parametrize("drill", [*HOSTILE, *DRILLS], ids=lambda drill: drill.name.replace(" ", "-"))
def test_drill(session: Session, drill: Drill) -> None:
    heard = len(session.log)
    result = session.run(drill)
    assert not result.broken, "\n".join([*result.broken, *result.saw, *session.log[heard:][-40:]])


def test_node_of_which_nothing_is_promised_is_refused() -> None:
    with pytest.raises(FineVLAError, match="nothing is promised of node 'teleop'"):
        drills_for(["policy", "teleop"])


def test_unknown_drill_is_refused_by_the_nearest_name() -> None:
    with pytest.raises(FineVLAError, match="did you mean 'bridge hangs'"):
        chosen(["bridge hang"], DRILLS)


def test_hostile_drills_have_names_of_their_own() -> None:
    names = [drill.name for drill in [*DRILLS, *hostile_drills()]]
    assert len(set(names)) == len(names)
    assert len(hostile_drills()) >= 75
