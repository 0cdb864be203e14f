"""Passes for contenders only: which trials get them, and that any road there gives the same."""

import numpy as np
import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.verdict import judge
from kt_grid.errors import UsageError
from kt_grid.report.formats import render
from kt_grid.search.observer import Silent
from kt_grid.search.racing import check_only, check_passes
from kt_grid.space.objective import Objective
from kt_grid.splitters import KFold, Repeated, ShuffleSplit, TimeSeriesSplit
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import SplitFacts
from kt_grid.store.results import read_results

GRID = {"units": list(range(2, 10))}
# In tenths of what a score is: 9 and 4 units are equally good, the rest is far behind or near.
WORTH = {2: 0, 3: 8, 4: 10, 5: 1, 6: 9.9, 7: 2, 8: 3, 9: 10}
CV = Repeated(KFold(3, shuffle=True, random_state=0), 4)


class Stop(Silent):
    """Interrupts after so many folds."""

    def __init__(self, after):
        self.left = after

    def fold(self, parameters):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def searched(stub_search, tmp_path, monkeypatch):
    """Runs a search in a folder; returns its results and the folds trained."""

    def run(folder="some", **options):
        defaults = {"objective": "val_loss", "grid": GRID, "cv": CV, "keep": "best"}
        options = {**defaults, **options, "search": False}
        tuner, engine = stub_search(tmp_path / folder, **options)
        stub_run = engine.run

        def graded(trainings):
            worth = WORTH[trainings.hyperparameters.get("units")] / 10
            for trained in stub_run(trainings):
                score = worth + 0.05 * trained.scores["val_accuracy"]
                trained.scores.update(val_accuracy=score, val_loss=1 - score)
                yield trained

        monkeypatch.setattr(engine, "run", graded)
        tuner.search(np.zeros((12, 1)), np.arange(12) % 2)
        return tuner.search_results(), engine.trained

    return run


def files(folder):
    """All that a search leaves, but for keras-tuner's own order of trials."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("oracle.json", "lock.json")
    }


CONTENDERS = {"only": "contenders"}


def test_only_those_that_may_be_best_after_the_first_pass_have_the_others(searched):
    results, folds = searched(**CONTENDERS)
    kept = [t.parameters["units"] for t in results.completed]
    assert {4, 6, 9} <= {*kept} < {*GRID["units"]}
    assert results.complete
    assert len(folds) == 8 * 3 + len(kept) * 9
    assert sorted(folds) == sorted(
        (units, split) for units in GRID["units"] for split in range(12 if units in kept else 3)
    )
    whole, _ = searched("whole")
    assert results.best.parameters == whole.best.parameters
    assert results.best.scores == whole.best.scores
    for trial in results.given_up:
        assert trial.first_scores == [*whole.trials[int(trial.trial_id)].scores[:3]]
        assert trial.reason.startswith("given up after 3 of 12 folds: significantly worse than ")
    record = results.about.contenders
    assert [*record.kept] == [t.trial_id for t in results.completed]
    assert [*record.dropped] == [t.trial_id for t in results.given_up]


@pytest.mark.parametrize("keep", ["best", "all"])
def test_the_same_command_gives_the_same_and_trains_nothing(searched, tmp_path, keep):
    searched(**CONTENDERS, keep=keep)
    before = files(tmp_path / "some")
    assert searched(**CONTENDERS, keep=keep)[1] == []
    assert files(tmp_path / "some") == before


def test_the_best_keeps_all_its_weights(searched, tmp_path):
    results, _ = searched(**CONTENDERS)
    store = SearchStore(tmp_path / "some", "search")
    assert all(record.weights for record in store.read_folds(results.best.trial_id))
    others = [t.trial_id for t in results.trials if t.trial_id != results.best.trial_id]
    assert not any(store.keeps_weights(trial_id) for trial_id in others)


@pytest.mark.parametrize("after", [1, 23, 24, 30])
def test_an_interrupted_search_ends_with_the_same_bytes(searched, tmp_path, after):
    _, whole = searched("whole", **CONTENDERS)
    with pytest.raises(KeyboardInterrupt):
        searched("parts", **CONTENDERS, observer=Stop(after))
    _, rest = searched("parts", **CONTENDERS)
    assert len(rest) == len(whole) - after
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_workers_give_the_same_bytes(searched, tmp_path):
    searched("one", **CONTENDERS)
    searched("two", **CONTENDERS, workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_search_of_one_pass_goes_on(searched):
    searched("some", cv=KFold(3, shuffle=True, random_state=0))
    results, folds = searched("some", **CONTENDERS)
    assert min(split for _, split in folds) == 3
    whole, _ = searched("whole", **CONTENDERS)
    assert render(results, "json") == render(whole, "json")


def test_without_it_the_others_are_trained_too(searched):
    _, folds = searched("some", **CONTENDERS)
    results, rest = searched("some")
    assert len(folds) + len(rest) == 8 * 12
    assert results.about.contenders is None
    whole, _ = searched("whole")
    assert render(results, "json") == render(whole, "json")
    # And back: what was trained stays.
    again, folds = searched("some", **CONTENDERS)
    assert folds == []
    assert len(again.completed) == 8


def test_another_grid_is_looked_at_anew(searched):
    first, _ = searched("some", **CONTENDERS, grid={"units": [2, 5, 7, 8, 3]})
    assert first.best.parameters == {"units": 3}
    results, _ = searched("some", **CONTENDERS)
    alone, _ = searched("whole", **CONTENDERS)
    assert [t.trial_id for t in alone.completed] != []
    assert results.best.parameters == alone.best.parameters
    dropped = {t.parameters["units"] for t in alone.given_up}
    assert {t.parameters["units"] for t in results.given_up} <= dropped


def test_more_passes_go_to_the_same_contenders(searched):
    few, _ = searched("some", **CONTENDERS)
    more = Repeated(KFold(3, shuffle=True, random_state=0), 6)
    results, folds = searched("some", **CONTENDERS, cv=more)
    assert results.about.contenders == few.about.contenders
    assert len(folds) == 6 * len(few.completed)


def test_the_verdict_compares_all(searched):
    results, _ = searched(**CONTENDERS)
    analysis = analyse(results)
    assert {t.trial.parameters["units"] for t in analysis.dropped} == {
        t.parameters["units"] for t in results.given_up
    }
    assert all(t.p <= 0.05 for t in analysis.dropped)
    assert not analysis.pruned
    verdict = judge(analysis)
    assert re_counts(verdict.headline) == (len(analysis.worse), 7)
    assert any("by the first of 4 passes" in finding for finding in verdict.findings)
    assert not any("pruned" in line for line in verdict.lines())


def re_counts(headline):
    """Numbers of those that are worse, and of all others."""
    words = headline.split(". ")[1].split()
    return int(words[0]), int(words[3])


def test_another_metric_says_only_what_it_shows(searched, tmp_path):
    """By it those that were dropped may be the best ones."""
    searched(**CONTENDERS)
    results = read_results(SearchStore(tmp_path / "some", "search"), "min:val_accuracy")
    analysis = analyse(results)
    assert not analysis.dropped
    assert len(analysis.pruned) == len(results.given_up)
    findings = judge(analysis).findings
    assert any("pruned early on min:val_loss, and aren't compared" in f for f in findings)


FACTS = SplitFacts(((8, 4),) * 6, fresh_folds=True)
LOSS = Objective("val_loss", "min")


@pytest.mark.parametrize(
    ("repeats", "facts", "cv", "words"),
    [
        (1, FACTS, "KFold(6)", "several passes"),
        (2, SplitFacts(((6, 6),) * 2, True), "Repeated(ShuffleSplit(1), 2)", "single fold"),
        (2, FACTS, "Repeated(TimeSeriesSplit(3), 2)", "time series"),
    ],
    ids=["one pass", "one fold", "time series"],
)
def test_what_shows_no_contenders_is_refused(raises, repeats, facts, cv, words):
    with raises(UsageError, words):
        check_passes(LOSS, repeats, facts, cv, 12)


def test_random_splits_show_contenders():
    check_passes(LOSS, 2, FACTS, "Repeated(ShuffleSplit(3), 2)", 12)


def test_words(raises):
    check_only(None, "test")
    check_only("contenders", None)
    with raises(UsageError, "contenders", "'best'"):
        check_only("best", None)
    with raises(UsageError, "racing", "both"):
        check_only("contenders", "bound")


def test_nothing_is_written_of_what_is_refused(searched, raises, tmp_path):
    with raises(UsageError, "several passes"):
        searched(**CONTENDERS, cv=3)
    with raises(UsageError, "time series"):
        searched(**CONTENDERS, cv=Repeated(TimeSeriesSplit(3), 2))
    results, _ = searched(**CONTENDERS, cv=Repeated(ShuffleSplit(3, random_state=0), 2))
    assert results.complete
