"""`finevla bench steer`: a policy in the frozen scenes of SteerBench, and results that can be compared, signed and checked."""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finevla_core.errors import FineVLAError
from finevla_tools.argument_checks import UNKNOWN, at_least, refuse_other_content
from finevla_tools.stderr_notices import announce
from finevla_tools.steerbench.benchmark_settings import NAME, ROUNDS, VERSION
from finevla_tools.steerbench.benchmarked_policies import Contestant, contestant_of

if TYPE_CHECKING:
    from finevla_tools.steerbench.cases import SteerCase
    from finevla_tools.steerbench.runner import Row

STEP = 5  # rounds between looks at whether a comparison is decided


def add_arguments(jobs: Any) -> None:
    """Add the job steer and its options to the subparsers of `finevla bench`."""
    text = f"{NAME} {VERSION}: does it do as told? Frozen scenes, pairs of sentences, partial credit"
    job = jobs.add_parser("steer", description=text, help=text)
    job.add_argument("policy", nargs="?", help="policy bundle, ws://HOST:PORT with --bundle, oracle, or random")
    job.add_argument("--bundle", type=Path, help="with a policy server: the bundle that has the transforms to it")
    job.add_argument("--blind", action="store_true", help="it hears a sentence about a goal drawn at random instead")
    job.add_argument("--level", choices=("easy", "hard", "both"), default="easy", help="of the scenes")
    job.add_argument(
        "--rounds", type=int, default=ROUNDS, help="how many; each has one case of every setting and level"
    )
    job.add_argument("--out", type=Path, help="folder of the result; default out/steer/NAME; goes on there")
    job.add_argument("--videos", type=int, default=1, help="cases of each setting to film")
    job.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one per core")
    job.add_argument("--trial-limit", type=float, default=300.0, metavar="S", help="seconds after which a trial hangs")
    job.add_argument(
        "--against", type=Path, metavar="RESULT", help="end as soon as it is better, equal or worse than that"
    )
    job.add_argument("--margin", type=float, default=2.0, help="points of 100 within which policies are equal")
    job.add_argument("--key", type=Path, help="private ed25519 key in PEM, to sign the result with")
    job.add_argument(
        "--compare", type=Path, nargs="+", metavar="RESULT", help="only compare results, with the first one"
    )
    job.add_argument("--verify", type=Path, metavar="RESULT", help="only check a result and its signature")
    job.add_argument("--public-key", type=Path, help="with --verify: the key that must have signed it")


def run(arguments: argparse.Namespace) -> int:
    """Run, compare or verify; return the exit code: 1 for a result that is whole and not signed. Raises `FineVLAError`."""
    if not 0.0 < arguments.margin <= 100.0:
        raise FineVLAError(f"--margin is {arguments.margin:g}; give points above 0 and up to 100")
    if arguments.verify is not None:
        return _verify(arguments.verify, arguments.public_key)
    if arguments.compare:
        return _compare(arguments.compare, arguments.margin)
    if arguments.policy is None:
        raise FineVLAError("name a policy, e.g. 'finevla bench steer models/tabletop'; or --compare, or --verify")
    at_least(0, videos=arguments.videos)
    at_least(1, rounds=arguments.rounds, processes=arguments.processes)
    if arguments.rounds > ROUNDS:
        raise FineVLAError(f"--rounds is {arguments.rounds}; {NAME} {VERSION} has {ROUNDS}")
    if not arguments.trial_limit > 0.0:
        raise FineVLAError(f"--trial-limit is {arguments.trial_limit:g}; give seconds above 0")
    contestant = contestant_of(arguments.policy, arguments.bundle, arguments.blind)
    out = arguments.out or Path("out/steer") / contestant.name
    refuse_other_content(out, UNKNOWN)
    if arguments.key is not None:
        from finevla_tools.steerbench.result_signing import read_private_key

        read_private_key(arguments.key)  # before hours of work
    announce(f"loading the simulator; '{contestant.name}' is run in {NAME} {VERSION} to {out}")
    return _bench(arguments, contestant, out)


def _bench(arguments: argparse.Namespace, contestant: Contestant, out: Path) -> int:
    from finevla_tools.evaluation.report import markdown
    from finevla_tools.steerbench.case_videos import write_films
    from finevla_tools.steerbench.result_pages import result_tables
    from finevla_tools.steerbench.runner import open_steer_folder

    other = _read(arguments.against)[2] if arguments.against is not None else None
    open_steer_folder(out, contestant)
    started = time.monotonic()
    cases, rows = _run_rounds(arguments, contestant, out, other)
    shown = write_films(contestant, cases, arguments.videos, out, arguments.processes, arguments.trial_limit)
    _write(contestant, rows, shown, out, arguments.key)
    print("\n" + markdown(result_tables(rows)) + "\n")
    if faults := [row for row in rows if row["fault"]]:
        print(f"the policy failed in {len(faults)} of {len(rows)} trials, which count with 0 points; the first:")
        print(f"  {faults[0]['level']}/{faults[0]['setting']}/{faults[0]['number']}: {faults[0]['fault']}")
    print(f"{time.monotonic() - started:.0f} s; result: {out}/result.json, page: {out}/index.html")
    return 0


def _run_rounds(
    arguments: argparse.Namespace, contestant: Contestant, out: Path, other: "list[Row] | None"
) -> "tuple[list[SteerCase], list[Row]]":
    """Run all rounds, or, beside another result, as many as it takes to know."""
    from finevla_tools.steerbench.cases import frozen_cases
    from finevla_tools.steerbench.result_pages import verdicts_of
    from finevla_tools.steerbench.runner import run_cases

    levels = ("easy", "hard") if arguments.level == "both" else (arguments.level,)
    every = [case for case in frozen_cases() if case.level in levels]
    if other is None:
        ends = [arguments.rounds]
    else:
        ends = [*range(STEP, arguments.rounds, STEP), arguments.rounds]
    for end in ends:
        cases = [case for case in every if case.number < end]
        rows = run_cases(cases, contestant, out, arguments.processes, arguments.trial_limit)
        if other is not None:
            found = {level: verdicts_of(other, rows, level, arguments.margin)["all"] for level in levels}
            print("".join(f"{level}: {said}\n" for level, said in found.items()), end="", flush=True)
            if not any(said.startswith("not yet") for said in found.values()):
                break
    return cases, rows


def _write(contestant: Contestant, rows: "list[Row]", shown: "list[SteerCase]", out: Path, key: Path | None) -> None:
    from datetime import UTC, datetime

    from finevla_core.recording.atomic_files import write_text
    from finevla_tools.steerbench.result_files import make_body, write_result
    from finevla_tools.steerbench.result_pages import PAGE, result_page

    body = make_body(contestant.identity(), rows, datetime.now(UTC).isoformat(timespec="seconds"))
    signature = None
    if key is not None:
        from finevla_tools.steerbench.result_signing import sign_result

        signature = sign_result(body, key)
    write_result(out, body, signature)
    write_text(out / PAGE, result_page(body["policy"], rows, shown))


def _compare(paths: list[Path], margin: float) -> int:
    from finevla_tools.evaluation.report import markdown
    from finevla_tools.steerbench.result_pages import comparison_tables

    results: dict[str, list[Row]] = {}
    for path in paths:
        body, _, rows = _read(path)
        name = body["policy"]["name"]
        results[name if name not in results else str(path)] = rows
    print(markdown(comparison_tables(results, margin)))
    return 0


def _verify(path: Path, public_key: Path | None) -> int:
    body, signature, rows = _read(path)
    policy = body["policy"]
    print(f"{NAME} {VERSION}, cases {body['benchmark']['cases_sha256'][:12]}: the frozen ones")
    print(f"policy {policy['name']} {policy['sha256'] or '(no bundle)'}")
    print(f"{len(rows)} trials, as the summary has them; sha256 {body['trials_sha256']}")
    if signature is None:
        if public_key is not None:
            raise FineVLAError(f"'{path}' is not signed")
        print("not signed: whoever has the file may have changed it")
        return 1
    from finevla_tools.steerbench.result_signing import check_signature, read_public_fingerprint

    try:
        signer = check_signature(body, signature)
    except FineVLAError as error:
        raise FineVLAError(f"'{path}': {error}") from error
    if public_key is not None and read_public_fingerprint(public_key) != signer:
        raise FineVLAError(f"'{path}' was signed with another key ({signer[:16]}), not '{public_key}'")
    print(f"signed, and not changed since, by the key with fingerprint {signer}")
    return 0


def _read(path: Path) -> "tuple[dict[str, Any], dict[str, str] | None, list[Row]]":
    from finevla_tools.steerbench.result_files import read_result

    return read_result(path)
