"""A search's progress: a bar on a terminal, a line a minute elsewhere."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from kt_grid.errors import printable
from kt_grid.space import Parameters

_SECONDS_BETWEEN_LINES = 60.0
_REFRESHES_PER_SECOND = 4
# Columns of a terminal that a bar, the counts, the best mean and the time left take at most.
_REST = 66
_SHORTEST_NAME = 12


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
    """

    def __init__(self, name: str, console: Console) -> None:
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
            transient=True,
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
            self._print(message)

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
            self._print(f"{self._name}: {', '.join(filter(None, told))}")

    def _print(self, message: str) -> None:
        line = f"kt-grid: {printable(message)}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def waiting(console: Console, message: str) -> AbstractContextManager[object]:
    """Show that something is under way which takes seconds, on a terminal only.

    Args:
        console: Where to show it.
        message: What it is.

    Returns:
        A context manager for the while that it takes.
    """
    return console.status(message) if console.is_terminal else nullcontext()
