"""How a step runs: settings, one transaction on the volume, an exit code; the same for every step."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from exposer import log as logs
from exposer.errors import ExitCode, ExposerError, from_os_error
from exposer.progress import Progress, State, read_progress, write_progress
from exposer.settings import read_settings
from exposer.volume import Transaction, open_volume
from init_scripts.interrupts import Interrupted, interruptible
from init_scripts.settings import PodSettings
from init_scripts.signing_state import refuse_foreign

S = TypeVar("S", bound=PodSettings)
TERMINATION_LOG = Path("/dev/termination-log")
"""What a kubelet keeps of a container as the reason of its end (``terminationMessagePath`` of the Kubernetes API)."""


_LONGEST_MESSAGE = 1000  # characters, of the 4096 bytes that it keeps


def run_step(
    step: str,
    cls: type[S],
    work: Callable[[S, Transaction], None],
    argv: Sequence[str] | None,
    description: str,
) -> int:
    """Run ``work`` as the transaction ``step`` of the pod's volume; returns the exit code.

    A step that is complete with the same inputs does nothing and returns 0.
    """
    return run_program(step, cls, lambda settings, report: _transact(step, settings, work, report), argv, description)


def run_program(
    step: str,
    cls: type[S],
    run: "Callable[[S, Reporter], None]",
    argv: Sequence[str] | None,
    description: str,
) -> int:
    """Read the settings and call ``run``; every way it can end becomes a reported exit code."""
    logs.outlive_stderr()
    try:
        settings = read_settings(cls, argv, prog=step, description=description)
    except ExposerError as error:
        logs.configure()
        logging.getLogger(step).error("%s", error)  # noqa: TRY400 - a wrong setting needs no traceback
        return error.exit_code
    logs.configure(settings.log_format, settings.log_level)
    report = Reporter(step, settings.chain_dir)
    try:
        with interruptible():
            run(settings, report)
    except (Exception, Interrupted) as error:  # a documented exit code, never a stray traceback
        logging.getLogger(step).debug("the cause", exc_info=error)  # a traceback may quote values: for who asks for it
        code, reason = _outcome(error, settings.chain_dir)
    else:
        return ExitCode.DONE
    logging.getLogger(step).error("%s", reason)
    brief = reason.partition("\n")[0]  # the rest is a binary's own words: for the log, not for HTTP
    report("failed", code, brief)
    with (
        contextlib.suppress(OSError),
        TERMINATION_LOG.open("r+", errors="backslashreplace") as log,
    ):  # never made: it is there in a pod alone
        log.write(reason[:_LONGEST_MESSAGE])
    return code


def _outcome(error: BaseException, volume: Path) -> tuple[int, str]:
    """Exit code and reason of whatever ended a step on this ``volume``."""
    if isinstance(error, Interrupted):
        return 128 + error.signal, f"ended by {error.signal.name}"
    known = from_os_error(error, volume) if isinstance(error, OSError) else error
    if isinstance(known, ExposerError):
        return int(known.exit_code), str(known)
    return ExitCode.FAULT, f"{type(error).__name__}; run with EXPOSER_LOG_LEVEL=debug to see where"


def _transact(step: str, settings: S, work: Callable[[S, Transaction], None], report: "Reporter") -> None:
    log = logging.getLogger(step)
    inputs = settings.inputs()
    refuse_foreign(settings.root, force=settings.force)
    with open_volume(settings.root) as volume:
        transaction = volume.begin(
            step,
            inputs,
            negligible=settings.negligible,
            changeable=settings.changeable,
            force=settings.force,
            founds=settings.FOUNDS,
        )
        if transaction is None:
            log.info("already complete on this volume")
            report.settle()
            return
        report("running")
        log.info("starts for %s", settings.chain_id)
        try:
            work(settings, transaction)
        except Exception as error:
            if _outcome(error, settings.chain_dir)[0] == ExitCode.TEMPORARY:  # it will be tried again: leave it room
                with contextlib.suppress(OSError):
                    volume.discard(step)
            raise
        report("done", 0)
        log.info("complete")


class Reporter:
    """Tells the sidecar how far the step is; a volume that refuses even that must not hide the real failure."""

    def __init__(self, step: str, root: Path) -> None:
        self._step = step
        self._root = root
        self._started = time.time()

    def settle(self) -> None:
        """The step is complete: correct what an earlier run, cut short or refused, said last; else touch nothing."""
        former = read_progress(self._root).get(self._step)
        if former is None or former.state != "done":
            self("done", 0)

    def __call__(self, state: State, exit_code: int | None = None, reason: str = "") -> None:
        """Say how far the step is."""
        ended = None if state == "running" else time.time()
        with contextlib.suppress(OSError):
            write_progress(self._root, Progress(self._step, state, self._started, ended, exit_code, reason))
