"""What a format is given, and what it owes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kt_grid.analysis.comparison import Analysis, analyse
from kt_grid.analysis.verdict import Verdict, judge
from kt_grid.analysis.vocabulary import COMMAND_LINE, Vocabulary
from kt_grid.report.published import Published
from kt_grid.space import Parameters, key
from kt_grid.store.results import SearchResults, TrialResult


@dataclass(frozen=True)
class Subject:
    """A search that is reported.

    Attributes:
        results: The search, finished or not.
        published: The tutorial's figures by parameters, to stand beside ours.
        words: How the verdict names what it advises.
    """

    results: SearchResults
    published: Published = field(default_factory=dict)
    words: Vocabulary = COMMAND_LINE

    @cached_property
    def analysis(self) -> Analysis:
        """What the statistics say of it."""
        return analyse(self.results)

    @cached_property
    def verdict(self) -> Verdict:
        """What it shows."""
        return judge(self.analysis, self.words)

    @property
    def published_best(self) -> tuple[Parameters, float, float] | None:
        """The best published setting, the first of equal ones, its mean and std."""
        if not self.published:
            return None
        best = max(self.published, key=lambda key: self.published[key][0])
        parameters: Parameters = json.loads(best)
        axes = [axis.name for axis in self.results.axes]
        ordered = {axis: parameters[axis] for axis in axes if axis in parameters}
        return {**ordered, **parameters}, *self.published[best]

    def published_of(self, trial: TrialResult) -> tuple[float, float] | None:
        """Return the published mean and std for a trial's parameters."""
        return self.published.get(key(trial.parameters))


@dataclass(frozen=True)
class TextFormat:
    """A format that is one text.

    Attributes:
        name: What `--format` calls it.
        one: Writes a search; the text ends with a line break.
        several: Writes several searches side by side, likewise.
    """

    name: str
    one: Callable[[Subject], str]
    several: Callable[[Sequence[Subject]], str]

    def render(self, subjects: Sequence[Subject], *, side_by_side: bool = False) -> str:
        """Write searches: one by itself unless asked otherwise, several side by side."""
        if len(subjects) == 1 and not side_by_side:
            return self.one(subjects[0])
        return self.several(subjects)


@dataclass(frozen=True)
class FolderFormat:
    """A format that is a folder of files.

    Attributes:
        name: What `--format` calls it.
        reader: What reads the folder.
        write: Writes searches into a folder; returns how to look at it.
    """

    name: str
    reader: str
    write: Callable[[Sequence[Subject], Path], str]
