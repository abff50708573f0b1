"""The demonstration behind `finevla demo`: one stack, several instructions, and outputs written on every way out."""

import argparse
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_tools.demo_instructions import DemoStep, programme
from finevla_tools.demo_outputs import Outputs, report_of
from finevla_tools.demo_terminal import converse
from finevla_tools.demonstration_acts import NOT_RUN, ActResult, Performance, sentence_of
from finevla_tools.launch_file import Launch
from finevla_tools.node_log import NodeLog
from finevla_tools.overload import OverloadWatch
from finevla_tools.session_host import SessionHost
from finevla_tools.up import Interrupts, SecondStack

INTERRUPTED = 130
UNUSED = ("motion", "robot_state_publisher")  # home and go_to, and TF: a busy computer need not carry them


def run_demo(arguments: argparse.Namespace, launch: Launch) -> int:
    """`finevla demo` with options that were checked, on the processes of `launch`; returns the exit code."""
    with Interrupts() as interrupts, NodeLog(arguments.out / "nodes.log", arguments.show_nodes) as log:
        if arguments.interactive:
            return converse(launch, arguments.seconds, log, interrupts)
        launch = replace(launch, processes=tuple(p for p in launch.processes if p.name not in UNUSED))
        host = SessionHost(launch, log.write, OverloadWatch(), interrupts)
        return DemoRun(arguments, host, log).run()


class DemoRun:
    """One run of the programme, whose outcome is written whatever happens."""

    def __init__(self, arguments: argparse.Namespace, host: SessionHost, log: NodeLog) -> None:
        self.arguments, self.host, self.log = arguments, host, log
        self.outputs = Outputs(arguments.out)
        self.results: list[ActResult] = []
        self.failures: list[str] = []
        self.is_interrupted = False
        self._is_overload_told = False

    def run(self) -> int:
        """Perform, write, and end the stack; returns the exit code. Raises `SecondStack`, and then nothing is written."""
        with self.host:
            try:
                try:
                    self._perform()
                except SecondStack:
                    raise
                except Exception as error:  # the outputs are worth more than a traceback
                    self.failures.append(sentence_of(error))
                    if not isinstance(error, FineVLAError):
                        self.log.write("finevla demo", traceback.format_exc())
                self.host.interrupts.hold()
            except KeyboardInterrupt:  # there is only one: from here on signals make haste
                self.is_interrupted = True
            return self._finish()

    def _perform(self) -> None:
        self.host.refuse_second()
        self.outputs.begin()
        self.log.begin()
        print(
            f"starting simulator, camera ingest, policy and safety bridge; they write to {self.log.path} ...",
            flush=True,
        )
        self.results = [ActResult(act) for act in self.acts()]
        self.host.start()
        performance = Performance(self.host, self.arguments.seconds, _tell, lambda text: self.log.write("demo", text))
        performance.run(self.results, self._on_done)
        if any(result.outcome for result in self.results) and not self.host.chunks().accepted:
            self.failures.append("not one chunk of the policy was accepted; report.json and nodes.log say why")

    def acts(self) -> list[DemoStep]:
        """Return what is asked, in order."""
        robot = default_robot()
        ik = ArmIK(robot.embodiment, robot.urdf_path)
        return programme(lambda seed, task: sample_scene(seed, task, ik), self.arguments.all)

    def _on_done(self, number: int, result: ActResult) -> None:
        _print_result(number, result)
        overload = self.host.overload.sentence()
        if overload and not self._is_overload_told:
            self._is_overload_told = True
            print(f"   {overload}; going on", flush=True)
        self.outputs.show(number, result)
        self.outputs.write_report(self._report())

    def _report(self) -> dict[str, Any]:
        failures = [*self.failures, *self.outputs.failures]
        failures += [f"{r.act.text}: {r.failure}" for r in self.results if r.failure not in ("", NOT_RUN)]
        if left := sum(result.failure == NOT_RUN for result in self.results):
            failures.append(f"not run: {left} of {counted(len(self.results), 'instruction')}")
        return {
            "is_complete": bool(self.results) and not failures and not self.is_interrupted,
            "is_interrupted": self.is_interrupted,
            "failures": failures,
            **report_of(self.results, self.host),
        }

    def _finish(self) -> int:
        """Write everything, then say so; returns the exit code."""
        self.host.overload.sample()
        run = sum(not result.failure for result in self.results)
        closing = (
            [f"interrupted after {run} of {counted(len(self.results), 'instruction')}"] if self.is_interrupted else []
        )
        self.outputs.finish([*closing, *self.failures])
        report = self._report()
        self.outputs.write_report(report)
        _print_summary(report, self.arguments.out)
        for failure in dict.fromkeys((*report["failures"], *self.outputs.failures)):
            if not self.is_interrupted:
                print(f"error: {failure}", file=sys.stderr)
        if self.is_interrupted:
            return INTERRUPTED
        is_disobeyed = self.arguments.strict and report["factors_obeyed"] < report["factors_told"]
        return int(bool(report["failures"] or self.outputs.failures) or is_disobeyed)


def _tell(line: str) -> None:
    print(line, flush=True)


def _print_result(number: int, result: ActResult) -> None:
    print(f"\n{number}. asked:    {result.act.text}")
    if result.understood:
        print(f"   understood: {result.understood}")
    print(f"   happened: {result.happened()}{_distance(result)}")
    if not result.failure and result.outcome is not None:
        missed = [factor.replace("_", " ") for factor, ok in result.obeyed.items() if not ok]
        print(f"   {'obeyed' if not missed else 'not as told: ' + ', '.join(missed)}")
    sys.stdout.flush()


def _distance(result: ActResult) -> str:
    """How near the gripper came (horizontally) to what it went to."""
    outcome = result.outcome
    is_told = outcome is not None and outcome.object and not outcome.lifted and not result.failure
    return f", {outcome.distance_m * 1e3:.0f} mm off its middle" if outcome is not None and is_told else ""


def _print_summary(report: dict[str, Any], folder: Path) -> None:
    if report["is_interrupted"]:
        print(f"\ninterrupted after {report['acts_run']} of {counted(report['acts_planned'], 'instruction')}", end="")
    print(f"\n{report['factors_obeyed']} of {report['factors_told']} factors obeyed; video and report in {folder}")
    if troubles := [f"{report[key]} {key}" for key in ("refused", "stops", "retries") if report[key]]:
        print(f"{', '.join(troubles)}: the report says why")
    if report["overload"]["sentence"]:
        print(report["overload"]["sentence"])
    sys.stdout.flush()
