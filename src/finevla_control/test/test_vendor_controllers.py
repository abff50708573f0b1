"""Promises of the controllers in front of a vendor's driver: silent until told, from where the arms are, within limits."""

from pathlib import Path

import numpy as np
import pytest

from finevla_control.vendor_controllers import DIALECTS, VendorArms, VendorOptions
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import Point
from finevla_core.urdf import expand, joint_limits

MS, S = 1_000_000, 1_000_000_000
NOW = 50 * S
HOME = (0.1, 1.3, -1.6, 0.2, 0.4, -0.1, 0.06)  # the last is the gripper's opening, m
ARM, GRIPPER = "left_arm_controller", "left_gripper_controller"
JOINTS = tuple(f"left_joint{i}" for i in range(1, 7))


class Bench:
    """Arms that stay where they are unless told otherwise."""

    def __init__(self, file: Path, urdf: Path, dialect: str = "single", **options: object) -> None:
        self.robot, self.dialect = load_embodiment(file), DIALECTS[dialect]
        limits = joint_limits(expand(urdf), self.robot.joints)
        self.arms = VendorArms(self.robot, limits, self.dialect, VendorOptions(**options))  # type: ignore[arg-type]

    def feel(
        self, now_ns: int = NOW, values: tuple[float, ...] = HOME, arms: tuple[str, ...] = ("left", "right")
    ) -> str:
        return "".join(self.arms.felt(arm, now_ns, self.dialect.names, values, [0.1] * 7, now_ns) for arm in arms)

    def go(self, offset: float, now_ns: int = NOW, seconds: float = 1.0, speed: float | None = None) -> None:
        velocities = () if speed is None else (speed,) * 6
        points = [Point(round(seconds * S), tuple(p + offset for p in HOME[:6]), velocities)]
        self.arms.accept(ARM, JOINTS, points, 0, now_ns)

    def run(self, start_ns: int, seconds: float, feel: bool = True) -> np.ndarray:
        """Commands (N, 7) of the left arm at 200 Hz; arms that follow at once."""
        seen = []
        for now in range(start_ns, start_ns + round(seconds * S), 5 * MS):
            command = self.arms.command(now)
            assert command is not None
            seen.append(command["left"])
            if feel:
                for arm, target in command.items():
                    self.arms.felt(arm, now, self.dialect.names, target, [], now)
        return np.array(seen)


@pytest.fixture
def bench(cobotmagic_file: Path, cobotmagic_urdf: Path) -> Bench:
    return Bench(cobotmagic_file, cobotmagic_urdf)


def test_nothing_is_commanded_before_both_arms_have_spoken_and_a_trajectory_has_come(bench: Bench) -> None:
    bench.feel(arms=("left",))
    assert bench.arms.state() is None
    with pytest.raises(FineVLAError, match="no joint states of both arms"):
        bench.go(0.1)
    assert bench.arms.command(NOW) is None
    bench.feel()
    assert bench.arms.command(NOW) is None
    bench.go(0.1)
    assert bench.arms.command(NOW)["left"] == pytest.approx(HOME)  # from the measured state, gripper included
    assert bench.arms.command(NOW)["right"] == pytest.approx(HOME)


def test_state_has_our_names_units_and_the_older_stamp(bench: Bench) -> None:
    bench.feel(NOW, arms=("left",))
    bench.feel(NOW + 3 * MS, arms=("right",))
    stamp_ns, positions, velocities = bench.arms.state()
    assert stamp_ns == NOW
    assert positions == pytest.approx([*HOME[:6], 0.03] * 2)  # a finger travels half of the opening
    assert velocities == pytest.approx([*[0.1] * 6, 0.05] * 2)


@pytest.mark.parametrize("values", [(*HOME[:6],), (*HOME[:5], float("nan"), 0.06), (*HOME[:6], float("inf"))])
def test_state_that_is_not_whole_is_ignored(bench: Bench, values: tuple[float, ...]) -> None:
    assert "left arm" in bench.feel(values=values)
    assert bench.arms.state() is None


def test_driver_that_speaks_by_name_is_read_by_name(cobotmagic_file: Path, cobotmagic_urdf: Path) -> None:
    bench = Bench(cobotmagic_file, cobotmagic_urdf, "agx")
    for arm in ("left", "right"):
        assert not bench.arms.felt(arm, NOW, bench.dialect.names[::-1], HOME[::-1], [], NOW)
    _, positions, velocities = bench.arms.state()
    assert positions == pytest.approx([*HOME[:6], 0.03] * 2)
    assert velocities is None
    assert "lacks joints" in bench.arms.felt("left", NOW, ("joint1",), (0.0,), [], NOW)


def test_gripper_goes_out_as_opening_or_as_travel_where_the_driver_doubles(
    cobotmagic_file: Path, cobotmagic_urdf: Path
) -> None:
    for doubles, sent in ((False, 0.08), (True, 0.04)):
        bench = Bench(cobotmagic_file, cobotmagic_urdf, doubles_gripper=doubles)
        bench.feel()
        bench.arms.accept(GRIPPER, ("left_gripper_joint1",), [Point(S, (0.04,))], 0, NOW)
        for now in range(NOW, NOW + 2 * S, 5 * MS):
            bench.feel(now)
            command = bench.arms.command(now)["left"]
        assert command[6] == pytest.approx(sent)


def test_trajectory_is_played_within_range_and_speed_whatever_it_says(bench: Bench) -> None:
    bench.feel()
    bench.go(0.3)
    seen = bench.run(NOW, 2.0)
    assert seen[-1][:6] == pytest.approx([p + 0.3 for p in HOME[:6]])
    bench.arms.accept(
        ARM, JOINTS, [Point(0, (0.4, -1.0, -1.6, 0.2, 0.4, -0.1))], 0, NOW + 2 * S
    )  # a step, out of range
    seen = bench.run(NOW + 2 * S, 1.0)
    assert seen[-1][1] == 0.0
    assert abs(np.diff(seen[:, :6], axis=0)).max() <= 3.0 * 0.005 + 1e-9


def test_states_that_stop_are_a_brake_and_a_hold_and_trajectories_are_refused_meanwhile(bench: Bench) -> None:
    bench.feel()
    bench.go(0.8)
    bench.run(NOW, 0.4)
    lost = NOW + 4 * S // 10
    seen = bench.run(lost, 1.0, feel=False)
    speed = np.diff(seen[:, 0]) / 0.005
    assert speed[0] == pytest.approx(0.8, rel=1e-3)
    assert abs(np.diff(speed)).max() < 5.0 * 0.005 * 1.1  # slows down by no more than 5 rad/s^2
    assert speed[-1] == 0.0
    assert "stopped coming" in bench.arms.events[0]
    with pytest.raises(FineVLAError, match="no joint states"):
        bench.go(0.1, lost + S)


@pytest.mark.parametrize(("sank", "goes_on"), [(0.05, True), (0.5, False)])
def test_states_that_come_back_are_held_unless_the_arm_is_elsewhere(bench: Bench, sank: float, goes_on: bool) -> None:
    bench.feel()
    bench.go(0.0)
    held = bench.run(NOW, 1.5)[-1]
    bench.run(NOW + 3 * S // 2, 0.5, feel=False)
    back = NOW + 2 * S
    bench.feel(back, values=(HOME[0], HOME[1] + sank, *HOME[2:]))
    assert bench.arms.is_commanding == goes_on
    if goes_on:
        assert bench.arms.command(back)["left"] == pytest.approx(held)
    else:
        bench.go(0.0, back)
        assert bench.arms.command(back)["left"][1] == pytest.approx(HOME[1] + sank)


def test_arm_that_does_not_follow_is_held_where_it_is(bench: Bench) -> None:
    bench.feel()
    bench.go(1.0, seconds=1.0)
    for now in range(NOW, NOW + 2 * S, 5 * MS):
        bench.arms.command(now)
        bench.feel(now)
    assert "too far from its trajectory" in bench.arms.events[0]
    assert bench.arms.command(NOW + 2 * S)["left"] == pytest.approx(HOME)


def test_robot_that_is_no_pair_of_pipers_is_refused(single_file: Path, cobotmagic_urdf: Path) -> None:
    with pytest.raises(FineVLAError, match="no pair of Piper arms"):
        Bench(single_file, cobotmagic_urdf)
