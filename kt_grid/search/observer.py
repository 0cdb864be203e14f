"""Who is told how a search goes on, and in what words."""

import warnings
from typing import Protocol

from kt_grid.errors import KtGridWarning
from kt_grid.space import Parameters


class Observer(Protocol):
    """Is told how a search goes on."""

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """A search begins.

        Args:
            trials: Number of combinations.
            folds: Trainings per trial.
            finished: Trials that are finished already.
        """

    def fold(self, parameters: Parameters) -> None:
        """One more fold is trained.

        Args:
            parameters: Its trial's parameters.
        """

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:
        """One more trial is finished.

        Args:
            parameters: Its parameters.
            score: Its mean score; None if it failed or was given up.
            best: The best mean score so far; None if there is none.
        """

    def note(self, message: str) -> None:
        """Something is worth telling, once.

        Args:
            message: One line.
        """

    def end(self) -> None:
        """The search ends, in whatever way."""


class Silent:
    """An observer that keeps it to itself."""

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Do nothing."""

    def fold(self, parameters: Parameters) -> None:
        """Do nothing."""

    def trial(self, parameters: Parameters, score: float | None, best: float | None) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class NotesAsWarnings(Silent):
    """An observer that shows nothing, and warns of what is worth telling."""

    def note(self, message: str) -> None:
        """Warn."""
        warnings.warn(message, KtGridWarning, stacklevel=2)
