"""A command as a process: its last words, its exit status, and its end by a signal."""

import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from kt_grid.cli.interruption import Interruption
from kt_grid.errors import KtGridError, UsageError, printable
from kt_grid.plan.experiments.loading import fault_in_own_code
from kt_grid.splitters import RareClassWarning

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
_LONGEST = 2_000

_interruption = Interruption()
# Empty, or what the last words of an interrupted command say beside that it was.
_advice: list[str] = []


def run(command: Callable[[], int | None]) -> NoReturn:
    """Run a command and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Args:
        command: Runs what `sys.argv` says, and returns an exit status or raises.
    """
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    _advice.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name may hold what the terminal's encoding doesn't.
            stream.reconfigure(errors="backslashreplace")
    sys.unraisablehook = _unraisable
    warnings.simplefilter("once", RareClassWarning)
    warnings.showwarning = _show_warning
    stderr = os.dup(2) if sys.stderr is not None else os.open(os.devnull, os.O_WRONLY)
    with _interruption.armed(lambda: _leave(INTERRUPTED, stderr)):
        status = _status(command, debug)
    if status == INTERRUPTED:
        _leave(status, stderr)
    os.close(stderr)
    sys.exit(status)


def _status(command: Callable[[], int | None], debug: bool) -> int:
    """Run the command and tell its exit status, whatever goes wrong."""
    try:
        status = int(command() or 0)
        if sys.stdout is not None:
            sys.stdout.flush()
    except TyperException as error:
        message = error.format_message()
        typer.echo(message, err=True) if message.startswith("Usage:") else complain(message)
        status = WRONG_USAGE
    except BrokenPipeError:
        _abandon_stdout()
        status = FAILED
    except (Exception, KeyboardInterrupt) as error:
        status = _fault(error, debug)
    return INTERRUPTED if _interruption.happened else status


def _fault(error: BaseException, debug: bool) -> int:
    if isinstance(error, KeyboardInterrupt) or _interruption.happened:
        return INTERRUPTED
    if debug:
        traceback.print_exc()
    if isinstance(error, KtGridError):
        complain(error.on_command_line)
    elif isinstance(error, MemoryError):
        complain("Expected enough memory. Received: none left. Use less data or a smaller model")
    elif own := fault_in_own_code(error):
        complain(own)
    elif isinstance(error, OSError):
        complain(f"Expected files and streams to work. Received: {error}")
        _abandon_stdout()
    else:
        told = f"{type(error).__name__}: {error}"
        complain(f"A fault in kt-grid; please report it ({told}). --debug shows where")
    return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,  # noqa: ARG001 - warnings' signature
    line: str | None = None,
) -> None:
    if issubclass(category, RareClassWarning):
        complain(str(message))
    else:
        typer.echo(
            warnings.formatwarning(message, category, filename, lineno, line), err=True, nl=False
        )


def _unraisable(fault: "sys.UnraisableHookArgs") -> None:
    """Be quiet about a KeyboardInterrupt that came where Python can't raise it."""
    if not _interruption.happened:
        sys.__unraisablehook__(fault)


def _abandon_stdout() -> None:
    """Whoever read stdout has gone, or its disk is full: nothing is left to flush."""
    if sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _leave(status: int, stderr: int) -> None:
    """End the process without waiting for threads that train, and show the cursor again."""
    told = " ".join(["Interrupted.", *_advice])
    cleared = "\r\x1b[K\x1b[?25h" if os.isatty(stderr) else ""
    with suppress(OSError):
        os.write(stderr, f"{cleared}kt-grid: {told}\n".encode())
    _exit(status)


# Replaced where the process has to live on.
_exit: Callable[[int], object] = os._exit


def can_resume() -> None:
    """Let an interruption say that the command can be resumed."""
    _advice[:] = ["Run the same command to resume."]


def complain(message: str) -> None:
    """Print one line on stderr; control characters in it can't reach the terminal."""
    typer.echo(f"kt-grid: {_brief(message)}", err=True)


def _brief(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
