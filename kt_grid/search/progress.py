"""A search's progress: a bar on a terminal or in a notebook, elsewhere lines."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.spinner import Spinner

from kt_grid.analysis.wording import name as in_words
from kt_grid.errors import UsageError, printable
from kt_grid.report.notebook import as_html
from kt_grid.search.observer import NotesAsWarnings, Observer
from kt_grid.space import Parameters

_SECONDS_BETWEEN_LINES = 60.0
_REFRESHES_PER_SECOND = 4
# Columns of a terminal that a bar, the counts, the best mean and the time left take at most.
_REST = 66
_SHORTEST_NAME = 12

VERBOSE = ("auto", 0, 1, 2)


def observer_for(
    verbose: str | int, own: Observer, name: str, metric: Callable[[], str]
) -> Observer:
    """Choose what a search shows, as Keras's `verbose` has it.

    Args:
        verbose: 0 for nothing but warnings, 1 for a bar, 2 for a line per trial; "auto" is 1 on a
            terminal and in a notebook, else 2.
        own: The observer that the search has; any but `NotesAsWarnings` stays.
        name: The search.
        metric: Tells what is optimised, once that is known.

    Returns:
        What shows it; on stderr, so that a script's own output stays its own.

    Raises:
        UsageError: If `verbose` is something else, or asks for more than the own observer.
    """
    if verbose not in VERBOSE:
        raise UsageError(
            f"Expected verbose to be one of {', '.join(map(repr, VERBOSE))}. Received: {verbose!r}"
        )
    if not isinstance(own, NotesAsWarnings):
        if verbose not in VERBOSE[:2]:
            raise UsageError(f"Expected an observer or verbose. Received: both, {verbose=}")
        return own
    if verbose == 0:
        return own
    in_notebook = Console().is_jupyter
    # A notebook paints stderr as if it were an error.
    console = Console(stderr=not in_notebook, force_jupyter=False)
    if verbose == 2 or (verbose == "auto" and not in_notebook and not console.is_terminal):
        return TrialLines(metric, console)
    return NotebookProgress(name, metric) if in_notebook else TerminalProgress(name, console, True)


@dataclass
class Pace:
    """How far a search is, and how long it takes at its present speed.

    Attributes:
        trials: Number of combinations.
        folds: Trainings per trial.
        clock: Tells the time in seconds.
        trials_done: Trials that are finished, those of earlier runs included.
        folds_done: Their folds, and those of the trials in progress.
        best: The best mean score; None if there is none.
    """

    trials: int = 0
    folds: int = 0
    clock: Callable[[], float] = time.monotonic
    trials_done: int = 0
    folds_done: int = 0
    best: float | None = None

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Begin, or go on after an interruption."""
        self.trials, self.folds = trials, folds
        self.trials_done, self.folds_done = finished, finished * folds
        self._began_with = self.folds_done
        self._began = self._moved = self.clock()

    def fold(self) -> None:
        """Count a fold."""
        self.folds_done += 1
        self._moved = self.clock()

    def trial(self, best: float | None) -> None:
        """Count a trial; one that failed or was pruned has fewer folds than the others."""
        self.trials_done += 1
        self.folds_done = max(self.folds_done, self.trials_done * self.folds)
        self.best = best
        self._moved = self.clock()

    @property
    def counts(self) -> tuple[str, str]:
        """Trials and folds that are done, of all."""
        folds = self.trials * self.folds
        return f"trial {self.trials_done}/{self.trials}", f"fold {self.folds_done}/{folds}"

    @property
    def found(self) -> str:
        """The best mean; empty if there is none."""
        return "" if self.best is None else f"best {self.best:.4f}"

    @property
    def left(self) -> str:
        """The time left; empty before a fold is trained."""
        trained = self.folds_done - self._began_with
        if not trained:
            return ""
        missing = self.trials * self.folds - self.folds_done
        expected = (self._moved - self._began) / trained * missing
        seconds = max(0.0, expected - (self.clock() - self._moved))
        days, rest = divmod(round(seconds), 24 * 3600)
        return f"{days}d {rest // 3600}h left" if days else f"{timedelta(seconds=rest)} left"


class TerminalProgress:
    """Shows trials and folds done, the best mean so far, and the time left.

    On a terminal that is a bar; elsewhere a line a minute.

    Args:
        name: The search.
        console: Where to show it.
        stays: Whether the bar stays there in the end.
    """

    def __init__(self, name: str, console: Console, stays: bool = False) -> None:
        self._name, self._console = name, console
        self._pace = Pace()
        self._noted: set[str] = set()
        self._ended = threading.Event()
        self._lines: threading.Thread | None = None
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[pace].counts[0]}"),
            TextColumn("{task.fields[pace].counts[1]}"),
            TextColumn("{task.fields[pace].found}"),
            TextColumn("{task.fields[pace].left}"),
            console=console,
            expand=True,
            transient=not stays,
            refresh_per_second=_REFRESHES_PER_SECOND,
            disable=not console.is_terminal,
        )

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Draw the bar."""
        self._pace.begin(trials, folds, finished)
        if not self._console.is_terminal:
            self._ended.clear()
            self._lines = threading.Thread(target=self._tell, daemon=True)
            self._lines.start()
            return
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._progress.add_task(
            self._described(""),
            total=trials * folds,
            completed=self._pace.folds_done,
            pace=self._pace,
        )
        self._progress.start()

    def fold(self, parameters: Parameters) -> None:
        """Move on by one fold."""
        self._pace.fold()
        self._draw(self._described(f" {parameters}"))

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:  # noqa: ARG002 - Observer's signature
        """Count one more trial."""
        self._pace.trial(best)
        self._draw(None)

    def note(self, message: str) -> None:
        """Print a line above the bar, if it wasn't there before."""
        if message not in self._noted:
            self._noted.add(message)
            _print(self._console, message)

    def end(self) -> None:
        """Take the bar away."""
        self._ended.set()
        if self._lines:
            self._lines.join()
        if self._console.is_terminal:
            self._progress.stop()

    def _draw(self, description: str | None) -> None:
        for task in self._progress.task_ids:
            self._progress.update(task, description=description, completed=self._pace.folds_done)

    def _described(self, parameters: str) -> str:
        """The search's name, and the parameters where the terminal has room for them."""
        room = max(self._console.width - _REST, _SHORTEST_NAME)
        text, name = printable(f"{self._name}{parameters}"), printable(self._name)
        if len(text) <= room:
            return text
        return name if len(name) <= room else f"{name[: room - 1]}…"

    def _tell(self) -> None:
        """Print a line a minute until the search ends."""
        while not self._ended.wait(_SECONDS_BETWEEN_LINES):
            told = [*self._pace.counts, self._pace.found, self._pace.left]
            _print(self._console, f"{self._name}: {', '.join(filter(None, told))}")


class TrialLines:
    """Prints a line per trial.

    Args:
        metric: Tells what is optimised.
        console: Where to print it.
    """

    def __init__(self, metric: Callable[[], str], console: Console) -> None:
        self._metric, self._console = metric, console
        self._pace = Pace()
        self._noted: set[str] = set()

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Say what there is to do."""
        self._pace.begin(trials, folds, finished)
        done = f", {finished} of them finished" if finished else ""
        _print(self._console, f"{trials} trials of {folds} folds{done}")

    def fold(self, parameters: Parameters) -> None:  # noqa: ARG002 - Observer's signature
        """Count a fold."""
        self._pace.fold()

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:
        """Print the trial's line."""
        self._pace.trial(best)
        reached = "no score" if score is None else f"{self._metric()}={score:.6g}"
        told = filter(None, (reached, self._pace.found, self._pace.left))
        _print(self._console, f"{self._pace.counts[0]}: {in_words(parameters)}: {', '.join(told)}")

    def note(self, message: str) -> None:
        """Print it, if it wasn't there before."""
        if message not in self._noted:
            self._noted.add(message)
            _print(self._console, message)

    def end(self) -> None:
        """Do nothing: the last trial's line is there."""


class NotebookProgress:
    """Shows a bar in a notebook, and below it the best trial, the time left and the notes.

    Args:
        name: The search.
        metric: Tells what is optimised.
    """

    def __init__(self, name: str, metric: Callable[[], str]) -> None:
        self._name, self._metric = name, metric
        self._pace = Pace()
        self._notes: list[str] = []
        self._best = self._now = ""
        self._handle: Any = None

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Draw the bar."""
        self._pace.begin(trials, folds, finished)
        self._draw()

    def fold(self, parameters: Parameters) -> None:
        """Move on by one fold."""
        self._pace.fold()
        self._now = in_words(parameters)
        self._draw()

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:
        """Count one more trial."""
        self._pace.trial(best)
        if score is not None and score == best:
            self._best = f" with {in_words(parameters)}"
        self._draw()

    def note(self, message: str) -> None:
        """Show a line below the bar, if it wasn't there before."""
        if message not in self._notes:
            self._notes.append(message)
            self._draw()

    def end(self) -> None:
        """Show how far it came."""
        self._now = ""
        self._draw()

    def _draw(self) -> None:
        from IPython.display import HTML, display

        shown = HTML(self._html())
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def _html(self) -> str:
        pace, total = self._pace, self._pace.trials * self._pace.folds
        best = "" if pace.best is None else f"best {self._metric()}={pace.best:.6g}{self._best}"
        running = pace.left if self._now else ""
        return as_html(
            heading=self._name,
            about=", ".join(filter(None, (*pace.counts, running, self._now))) if total else None,
            done=round(100 * pace.folds_done / total, 1) if total else None,
            lines=list(filter(None, (best, *self._notes))),
        )


def _print(console: Console, message: str) -> None:
    line = f"kt-grid: {printable(message)}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def waiting(console: Console, message: str) -> Iterator[None]:
    """Show that something is under way which takes seconds, on a terminal only.

    Args:
        console: Where to show it.
        message: What it is.

    Yields:
        Nothing, for the while that it takes.
    """
    if not console.is_terminal:
        yield
        return
    with Live(Spinner("dots", message), console=console, transient=True) as shown:
        # At once: while a library is loaded no other thread may run.
        shown.refresh()
        yield
