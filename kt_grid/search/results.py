"""The results of a search at hand: in words, in figures, as a table, in a file."""

import os
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.vocabulary import PYTHON
from kt_grid.errors import PredictionError, UsageError
from kt_grid.report.base import FolderFormat, Subject
from kt_grid.report.columns import rows, trial_columns
from kt_grid.report.formats import FORMATS, format_named
from kt_grid.report.notebook import Figures, VerdictCard, as_html, search_as_html
from kt_grid.search.held_out import Predicted, PredictsHeldOut, recorded_outputs
from kt_grid.search.selection import find_trial
from kt_grid.space import Parameters, axis_names
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_output
from kt_grid.store.held_out import read_predictions
from kt_grid.store.results import COMPLETED, FAILED, STOPPED, SearchResults, TrialResult
from kt_grid.store.results import read_results as read_stored

if TYPE_CHECKING:
    import pandas as pd

_BY_ENDING = {
    ".html": "html",
    ".csv": "csv",
    ".json": "json",
    ".md": "markdown",
    ".txt": "table",
}


def read_results(
    search: str | os.PathLike[str] | SearchStore, objective: str | None = None
) -> "Results":
    """Read all that a search's directory says.

    Args:
        search: The search's folder, such as `runs/neurons`.
        objective: Another metric of the folds' records to show and rank by than the search's
            own, such as `val_loss`.

    Returns:
        The results of the grid that was last asked for.

    Raises:
        StoreError: If there is no search, or its search.json is damaged.
        ObjectiveError: If the metric isn't in the records, or its direction isn't known.

    Example:
        ```python
        results = kt_grid.read_results("runs/neurons")
        print(results.verdict())
        ```
    """
    store = search if isinstance(search, SearchStore) else SearchStore.at(search)
    return Results.of(read_stored(store, objective), store.root)


@dataclass(frozen=True, repr=False)
class Results(PredictsHeldOut, SearchResults):
    """What is known of a search, and what can be made of it; TensorFlow isn't needed.

    In a notebook it shows as its verdict and its best trials.

    Attributes:
        directory: The search's folder.

    Example:
        ```python
        results = kt_grid.read_results("runs/neurons")
        results.report("page.html")
        ```
    """

    directory: Path = Path()

    @classmethod
    def of(cls, results: SearchResults, directory: Path) -> Self:
        """Take over what was read from a directory."""
        known = {field.name: getattr(results, field.name) for field in fields(SearchResults)}
        return cls(**known, directory=directory)

    @cached_property
    def _subject(self) -> Subject:
        return Subject(self, words=PYTHON)

    def __repr__(self) -> str:
        best = self.best
        found = (
            f", best {self.objective.name}={best.mean:.6g} with {best.parameters}" if best else ""
        )
        return f"<{self.experiment}: {self.finished} of {self.total} trials finished{found}>"

    def _repr_html_(self) -> str:
        return search_as_html(self._subject)

    def verdict(self) -> VerdictCard:
        """Say what the search shows, and how sure that is.

        Returns:
            The verdict; `str` makes a text of it, and a notebook shows a card.
        """
        return VerdictCard.of(self._subject.verdict)

    def plot(self) -> Figures:
        """Draw the figures of the report.

        Returns:
            A sequence of `matplotlib.figure.Figure`, which a notebook shows with captions.
        """
        return Figures.of(self._subject)

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the command line's word
    ) -> str:
        """Write a report as `kt-grid report` does.

        Args:
            path: The file to write; the folder for tensorboard. A text is returned without one.
            format: text, table, markdown, csv, json, html or tensorboard. By default what the
                file's ending says (.html, .csv, .json, .md; .txt is a table), else text.

        Returns:
            The report; where it was written if there is a path, or how to look at it.

        Raises:
            UsageError: If there is no such format, the ending says none, or a folder has no path.
            StoreError: If it can't be written.
        """
        target = None if path is None else Path(path)
        chosen = format_named(format) if format is not None else FORMATS[_by_ending(target)]
        if isinstance(chosen, FolderFormat):
            if target is None:
                raise UsageError(
                    f"Expected a folder to write {chosen.name} to. Received: none. "
                    f"{chosen.reader} reads a directory"
                )
            return chosen.write([self._subject], target)
        text = chosen.render([self._subject])
        if target is None:
            return text
        write_output(target, text)
        return str(target)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per trial begun.

        Returns:
            scikit-learn's columns in grid order, and of each trial `standard_error` of its mean,
            `p_value` (of being the best in truth), `standing` ("best", "tied" where it may be as
            good, or "worse"; None where that can't be said) and the `reason` of a failure.
        """
        frame, trials = super().to_frame(), rows(self._subject)
        for column in trial_columns("frame", self._subject):
            frame[column.name] = [column.value(row) for row in trials]
        return frame.astype({"standard_error": float, "p_value": float})

    @property
    def best_score_(self) -> float:
        """The mean score of the best trial, by scikit-learn's name."""
        mean = self._best().mean
        assert mean is not None  # noqa: S101 - what is ranked has one
        return mean

    @property
    def best_params_(self) -> Parameters:
        """The parameters of the best trial, by scikit-learn's name."""
        return dict(self._best().parameters)

    @property
    def cv_results_(self) -> dict[str, Any]:
        """The finished trials as scikit-learn's `GridSearchCV` has them.

        Arrays by name, in grid order: `mean_fit_time`, `std_fit_time` (seconds), `param_*` (masked
        where a trial hasn't the axis), `params` (a list of dicts), `split0_test_score` …,
        `mean_test_score`, `std_test_score` (ddof=0), `rank_test_score`; with the training rows'
        scores if they were wanted. There are no `mean_score_time` and `std_score_time`, since
        nothing measures them. A trial that failed or was pruned has nan, and the last rank.
        """
        ended = [trial.status in (COMPLETED, FAILED, STOPPED) for trial in self.trials]
        trials = [trial for trial, has_ended in zip(self.trials, ended, strict=True) if has_ended]
        last = 1 + sum(trial.rank is not None for trial in trials)
        ranks = [last if trial.rank is None else trial.rank for trial in trials]
        frame = super().to_frame().loc[ended]
        figures = [name for name in map(str, frame) if name.endswith(("_score", "_time"))]
        return {
            "params": [dict(trial.parameters) for trial in trials],
            **{f"param_{name}": _masked(name, trials) for name in axis_names(self.axes)},
            **{name: frame[name].to_numpy(np.float64) for name in figures},
            "rank_test_score": np.array(ranks, np.int32),
        }

    def _held_out(self, trial: Any) -> Predicted:
        found, store = find_trial(self, trial), SearchStore.at(self.directory)
        kept = read_predictions(store, found.trial_id, self.splits)
        return Predicted(kept, recorded_outputs(self.about, found.parameters), self.folds)

    def _best(self) -> TrialResult:
        if self.best is None:
            raise PredictionError(
                f"Expected a completed trial in {self.directory}. Received: none. Search first"
            )
        return self.best


class ResultsOfDirectory(PredictsHeldOut):
    """What a tuner makes of the results in its directory.

    Attributes:
        store: The search's directory.
    """

    store: SearchStore

    def results(self, objective: str | None = None) -> "pd.DataFrame":
        """Return one row per trial, with scikit-learn's column names.

        Args:
            objective: Another metric to show and rank by than the search's own.

        Returns:
            `param_*`, `split0_test_score` …, `mean_test_score`, `std_test_score` (ddof=0),
            `rank_test_score`, `mean_fit_time`, `std_fit_time` (seconds) and what `Results.to_frame`
            adds: the standard error of the mean, p, standing, and why a trial failed; in grid
            order.
        """
        return self.search_results(objective).to_frame()

    def search_results(self, objective: str | None = None) -> Results:
        """Return the results as objects, perhaps by another metric."""
        return read_results(self.store, objective)

    def verdict(self) -> VerdictCard:
        """Say what the search shows, and how sure that is.

        Returns:
            The verdict; `str` makes a text of it, and a notebook shows a card.

        Example:
            ```python
            print(tuner.verdict())
            ```
        """
        return self.search_results().verdict()

    def plot(self) -> Figures:
        """Draw the figures of the report.

        Returns:
            A sequence of `matplotlib.figure.Figure`, which a notebook shows with captions.

        Example:
            ```python
            tuner.plot()[0].savefig("grid.png")
            ```
        """
        return self.search_results().plot()

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the command line's word
    ) -> str:
        """Write a report; arguments, returns and errors as `Results.report` has them.

        Example:
            ```python
            tuner.report("page.html")
            print(tuner.report(format="markdown"))
            ```
        """
        return self.search_results().report(path, format=format)

    def _repr_html_(self) -> str:
        if not self.store.exists():
            return as_html(
                heading=self.store.root.name, about=f"not searched yet, in {self.store.root}"
            )
        return self.search_results()._repr_html_()

    @property
    def best_params_(self) -> Parameters:
        """The parameters of the best trial, by scikit-learn's name."""
        return self.search_results().best_params_

    @property
    def cv_results_(self) -> dict[str, Any]:
        """The finished trials as scikit-learn's `GridSearchCV` has them; see `Results`."""
        return self.search_results().cv_results_


def _by_ending(path: Path | None) -> str:
    if path is None:
        return "text"
    if path.suffix not in _BY_ENDING:
        raise UsageError(
            f"Expected a file that ends with one of {', '.join(_BY_ENDING)}, or format=…. "
            f"Received: {path.name!r}"
        )
    return _BY_ENDING[path.suffix]


def _masked(axis: str, trials: list[TrialResult]) -> npt.NDArray[Any]:
    """The values of an axis; masked where a trial has none, as in scikit-learn."""
    values = np.empty(len(trials), dtype=object)
    # One by one, since a tuple is one value.
    for index, trial in enumerate(trials):
        values[index] = trial.parameters.get(axis)
    return np.ma.MaskedArray(values, [axis not in trial.parameters for trial in trials])
