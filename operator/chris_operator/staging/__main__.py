"""The command line of staging: `python -m chris_operator.staging stage-in | publish [--root DIR]`.

Both read job.json and leave a Report as termination message. Exit codes are contract.EXIT_*.
"""

import argparse
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from chris_operator.staging import contract, ready
from chris_operator.staging.contract import Report, Step
from chris_operator.staging.document import ContractError
from chris_operator.staging.errors import StagingError
from chris_operator.staging.places import Places, log
from chris_operator.staging.sentry import Ending, plugin_started


def main() -> int:
    """Run one step; returns its exit code."""
    parser = argparse.ArgumentParser(prog="chris_operator.staging", description=__doc__)
    parser.add_argument("step", choices=["stage-in", "publish"])
    parser.add_argument("--root", default="/", help="where /chris, /share and /dev lie (for tests)")
    arguments = parser.parse_args()
    raise_file_limit()
    step: Step = arguments.step
    act = run_stage_in if step == "stage-in" else run_publish
    return guarded(step, Places(arguments.root), act)


def guarded(step: Step, places: Places, act: Callable[[Places], Report]) -> int:
    """Run a step, leave its report, and say everything on the log."""
    try:
        report = act(places)
    except StagingError as error:
        log(error.log_text())
        report = error.report(step)
    except (ContractError, OSError) as error:
        log(f"{type(error).__name__}: {error}")
        report = Report(step, ok=False, code="JobInvalid", message="job.json cannot be used; see the log")
    except Exception as error:  # noqa: BLE001 - the report must say that we failed, whatever it was
        log(traceback.format_exc())
        message = f"an error of ours ({type(error).__name__}); see the log"
        report = Report(step, ok=False, code="Internal", message=message)
    places.write_report(report)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """What a report means to Kubernetes."""
    if not report.ok:
        return contract.EXIT_ABORTED if report.code == "Aborted" else contract.EXIT_STAGING_FAILED
    failed = report.step == "publish" and report.exit_code != 0
    return contract.EXIT_PLUGIN_FAILED if failed else contract.EXIT_OK


def run_stage_in(places: Places) -> Report:
    """Bring the inputs; SIGTERM ends it at once (the first process of a container has no default for it)."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(contract.EXIT_ABORTED))
    ready.begin_staging(places)
    try:
        from chris_operator.staging.checkpoint import restore  # noqa: PLC0415 - publish comes without these two
        from chris_operator.staging.stage_in import stage_in  # noqa: PLC0415

        job = places.load_job()
        restore(places, job)
        return stage_in(places, job)
    except BaseException:
        with suppress(OSError):
            ready.say(places, ready.FAILED)
        raise


def run_publish(places: Places) -> Report:
    """Wait for the plugin's end and publish.

    Everything that takes time to load is loaded while the plugin runs: it cannot start before we watch.
    """
    ended = Ending()
    ended.watch()
    ready.wait_until_ready(places)
    with plugin_started(places) as watch:
        try:
            from chris_operator.staging.publish import publish  # noqa: PLC0415

            life = watch.wait_for_end()
            return publish(places, places.load_job(), life, ended)
        except StagingError as error:
            from chris_operator.staging.checkpoint import after_removal  # noqa: PLC0415

            return after_removal(error, places, watch, ended)


def raise_file_limit() -> None:
    """Take as many open files as we may: each level of a deep tree holds one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads of a failed step may still wait for Swift
