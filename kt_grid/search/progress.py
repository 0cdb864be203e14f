"""A search's progress on a terminal."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kt_grid.errors import printable
from kt_grid.space import Parameters


class TerminalProgress:
    """Shows trials and folds done, the best so far, and the time left.

    Args:
        name: The experiment.
        console: Where to draw; nothing moves if it is no terminal.
    """

    def __init__(self, name: str, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[trials]}"),
            TextColumn("fold {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[best]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._name = name
        self._task = self._progress.add_task(name, total=None, trials="", best="", visible=False)
        self._trials = self._finished = self._before = self._folds = 0
        self._noted: set[str] = set()

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Draw the bar."""
        self._trials, self._finished, self._before, self._folds = trials, finished, finished, folds
        left = (trials - finished) * folds
        if self._progress.console.is_terminal:
            self._progress.start()
        self._progress.update(self._task, total=left, visible=True, trials=self._count())

    def fold(self, parameters: Parameters) -> None:
        """Move on by one fold."""
        self._progress.update(self._task, advance=1, description=f"{self._name} {parameters}")

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:  # noqa: ARG002 - Observer's signature
        """Count one more trial."""
        self._finished += 1
        shown = "" if best is None else f"best {best:.4f}"
        # A trial that failed or was given up has fewer folds than the others.
        folds = (self._finished - self._before) * self._folds
        self._progress.update(self._task, completed=folds, trials=self._count(), best=shown)

    def note(self, message: str) -> None:
        """Print a line above the bar, if it wasn't there before."""
        if message not in self._noted:
            self._noted.add(message)
            line = f"kt-grid: {printable(message)}"
            self._progress.console.print(line, highlight=False, markup=False)

    def end(self) -> None:
        """Take the bar away."""
        if self._progress.console.is_terminal:
            self._progress.stop()

    def _count(self) -> str:
        return f"trial {self._finished}/{self._trials}"
