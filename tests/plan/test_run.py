"""From an experiment and options to a plan, and from a plan to a finished search."""

import json
import os
import re

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.digests import splits_digest
from kt_grid.errors import DataError, GridError, MismatchError, ObjectiveError, UsageError
from kt_grid.plan.experiments import REGISTRY, Experiment
from kt_grid.plan.options import Options
from kt_grid.plan.plan import plan
from kt_grid.plan.run import run
from kt_grid.report.formats import render
from kt_grid.search.observer import Silent
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.space import make_axes
from kt_grid.space.objective import Score
from kt_grid.splitters.folds import make_splits
from kt_grid.store.files import read_sealed, write_sealed
from kt_grid.store.held_out import read_predictions
from kt_grid.store.records import SearchRecord
from kt_grid.store.results import read_results


class Cheap(keras_tuner.HyperModel):
    """Scores a model by its initial weights, which takes no training."""

    def build(self, hp):
        model = keras.Sequential([keras.layers.Dense(hp.Choice("units", [2, 3]))])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        model.optimizer.build(model.trainable_variables)
        return float(abs(model.get_weights()[0]).mean())


WEIGHTS = np.tile([0.5, 2.0, 1.0], 10).astype(np.float32)


class Counted(Silent):
    def __init__(self):
        self.begun = None
        self.folds = 0

    def begin(self, trials, folds, finished):
        self.begun = (trials, folds, finished)

    def fold(self, parameters):
        self.folds += 1


@pytest.fixture
def planned(tmp_path, toy_csv):
    """Plans a search of two trials and three folds."""

    def make(model=None, **options):
        options = {"directory": tmp_path / "runs", "data": toy_csv, "engine": "keras"} | options
        return plan(Experiment("cheap", model or Cheap()), Options(**options))

    return make


@pytest.fixture
def stubbed(planned, stub_engine):
    """Plans one whose engine scores by the seed alone, and so has nothing to refit."""
    return lambda **options: planned(**{"refit": False, **options})


def test_a_plan_of_the_tutorial_is_its_grid_on_its_data(pima):
    made = plan(REGISTRY["batch_epochs"], Options(grid={"epochs": (3,)}))
    sizes = [10, 20, 40, 60, 80, 100]
    assert made.trials() == [{"batch_size": size, "epochs": 3} for size in sizes]
    assert made.splits == 3
    assert made.setup.identity.rows == 768
    assert made.setup.identity.fit == {"epochs": 100, "batch_size": 10}
    assert str(made.setup.objective) == "max:val_accuracy"
    np.testing.assert_array_equal(made.dataset.x, pima.x)
    assert made.finished() is None


def test_a_plan_of_a_model_lists_what_the_model_declares(planned):
    assert planned().trials() == [{"units": 2}, {"units": 3}]
    grown = planned(grid={"units": (5,), "epochs": (1, 2)})
    assert grown.trials() == [{"units": 5, "epochs": 1}, {"units": 5, "epochs": 2}]


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        ({"seed": 8}, "seed"),
        ({"folds": 4}, "cv"),
        ({"cv": "shuffled-kfold"}, "cv"),
        ({"sample": 0.5}, "rows"),
        ({"objective": "max:val_x"}, "objective"),
        ({"engine": "auto"}, "engine"),
        ({"target": "a"}, "data"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_numbers_depend_on_is_part_of_the_identity(planned, options, entry):
    one, other = planned(**options).setup.identity, planned().setup.identity
    assert getattr(one, entry) != getattr(other, entry)


def test_the_grid_and_the_place_are_no_part_of_the_identity(planned, tmp_path):
    other = planned(grid={"units": (7,)}, directory=tmp_path / "other", keep="all", refit=False)
    assert other.setup.identity == planned().setup.identity


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cv": "loo"}, UsageError, "kfold, shuffled-kfold, .*Received: 'loo'"),
        ({"folds": 25}, UsageError, "at least as many rows as folds"),
        ({"sample": 1.5}, UsageError, "--sample"),
        ({"objective": "val_mine"}, ObjectiveError, "max:val_mine"),
        ({"grid": {"units": (1, 1)}}, GridError, "1 twice"),
        ({"data": "no.csv"}, DataError, "no such file"),
    ],
    ids=["cv", "folds", "sample", "objective", "grid", "data"],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    planned, tmp_path, options, error, words
):
    with pytest.raises(error, match=words):
        planned(**options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "text", "features"),
    [
        pytest.param({"groups": "who"}, "GroupKFold(3)", ("a", "fold"), id="groups"),
        pytest.param(
            {"folds_from": "fold"}, "PredefinedSplit(24 rows in 2 folds)", ("a",), id="folds-from"
        ),
        pytest.param(
            {"cv": "StratifiedGroupKFold", "folds": 2, "groups": "0"},
            "StratifiedGroupKFold(2)",
            ("a", "fold"),
            id="by-position",
        ),
    ],
)
def test_columns_that_say_how_to_split_are_no_features(stubbed, tmp_path, options, text, features):
    path = tmp_path / "groups.csv"
    lines = [f"{'xyz'[i % 3]}{i % 4},{i},{i % 3 - 1},{i % 2}" for i in range(24)]
    path.write_text("\n".join(["who,a,fold,class", *lines]), encoding="utf-8")
    # Words can't be features, so the other column is left out of the file where it isn't used.
    if "groups" not in options:
        path.write_text(re.sub(r"(?m)^[^,]+,", "", path.read_text("utf-8")), encoding="utf-8")
    made = stubbed(data=path, **options)
    assert (repr(made.setup.cv), made.dataset.features) == (text, features)
    splits = make_splits(made.setup.cv, 24, made.dataset.y, made.setup.arrays.groups)
    assert [*made.setup.identity.splits] == [
        f"0.{number}: {splits_digest([split])}" for number, split in enumerate(splits)
    ]
    if made.setup.arrays.groups is not None:
        assert all(
            not set(made.setup.arrays.groups[train]) & set(made.setup.arrays.groups[test])
            for train, test in splits
        )
        assert run(made, Counted()).complete


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"groups": "nobody"}, "one of the columns of .*'nobody'", id="no-column"),
        pytest.param({"groups": "class", "target": "class"}, "set aside.*'class'", id="target"),
        pytest.param({"folds_from": "a"}, "numbered from 0, or -1", id="fractions"),
    ],
)
def test_columns_that_cannot_split_are_refused(planned, options, words):
    with pytest.raises(UsageError, match=words):
        planned(**options)


@pytest.mark.parametrize(
    ("options", "splits"),
    [
        pytest.param({"cv": "time-series-split", "folds": 4}, 4, id="time-series"),
        pytest.param({"cv": "shuffle-split", "test_size": 0.5}, 3, id="overlapping"),
        pytest.param({"cv": "leave-one-out", "sample": 0.25}, 6, id="leave-one-out"),
        pytest.param({"cv": "repeated-kfold", "folds": 2, "repeats": 2}, 4, id="repeated"),
        pytest.param({"cv": "stratified-kfold", "repeats": 2}, 6, id="repeats"),
    ],
)
def test_any_splits_make_a_search(stubbed, options, splits):
    counted = Counted()
    results = run(stubbed(**options), counted)
    assert (results.splits, counted.folds) == (splits, 2 * splits)
    frame = results.to_frame()
    assert frame.filter(regex=r"^split\d+_test_score$").shape == (2, splits)
    assert stubbed(**options).finished() == results


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param("1,0\n2,1\n3,2\n", "two classes for binary_crossentropy.*0, 1, 2", id="three"),
        pytest.param("1,0\n2,1\n3,0.5\n", "0 and 1 in column '1'.*0.5", id="fraction"),
        pytest.param("1,a\n2,b\n3,c\n", "two classes.*a, b, c", id="names"),
        pytest.param("1,a\n2,a\n3,a\n", "two classes.*Received: a", id="one name"),
    ],
)
def test_two_classes_must_be_there_where_the_network_expects_them(tmp_path, rows, words):
    path = tmp_path / "rows.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        plan(REGISTRY["neurons"], Options(data=path))


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        pytest.param("no yes no yes", ("no", "yes"), id="names"),
        pytest.param("1 2 1 2", ("1", "2"), id="other numbers"),
        pytest.param("0 1 0 1", (), id="0 and 1"),
    ],
)
def test_two_classes_become_0_and_1(tmp_path, classes, labels):
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{i},{c}\n" for i, c in enumerate(classes.split())), encoding="utf-8")
    made = plan(REGISTRY["neurons"], Options(data=path, folds=2))
    assert made.dataset.y.tolist() == [0, 1, 0, 1]
    assert made.dataset.labels == labels


def test_epochs_and_batch_size_are_axes_of_one_value_without_a_column(stubbed, tmp_path):
    first = run(stubbed(epochs=5))
    assert [trial.parameters for trial in first.trials] == [{"units": 2}, {"units": 3}]
    assert {trial.epochs for trial in first.trials} == {(5, 5, 5)}
    assert [axis.name for axis in first.axes] == ["units"]
    assert not [name for name in first.to_frame() if "epochs" in name]
    then = run(stubbed(epochs=8, batch_size=4))
    assert {trial.epochs for trial in then.trials} == {(8, 8, 8)}
    assert [trial.trial_id for trial in then.trials] == ["0002", "0003"]
    assert then.about.training == {"epochs": 8, "batch_size": 4}
    again, counted = stubbed(epochs=5), Counted()
    assert run(again, counted).trials == first.trials
    assert counted.folds == 0
    assert again.finished().trials == first.trials
    # The column is there where the axis is asked for as one.
    grid = run(stubbed(grid={"epochs": (5,)}))
    assert grid.trials[0].parameters == {"epochs": 5, "units": 2}
    assert grid.trials[0].scores == first.trials[0].scores
    assert grid.about.training == {"batch_size": 10}


def test_to_state_what_holds_anyway_changes_nothing(stubbed):
    plain, stated = stubbed(), stubbed(epochs=100, batch_size=10)
    assert stated.grid == plain.grid
    before, counted = run(plain), Counted()
    assert run(stated, counted).trials == before.trials
    assert counted.folds == 0
    assert run(stubbed(batch_size=11)).trials[0].parameters == {"units": 2}
    assert run(stated, counted).trials == before.trials
    assert counted.folds == 0


@pytest.mark.parametrize("grid", [{"batch_size": (10, 20)}, {"batch_size": (10,)}])
def test_a_default_that_is_stated_beside_an_axis_of_that_name_is_refused(planned, raises, grid):
    with raises(UsageError, "--batch-size or an axis batch_size", "both"):
        planned(grid=grid, batch_size=10)


@pytest.mark.parametrize("grid", [{"epochs": (2, 3)}, [{"units": (2,)}, {"epochs": (2,)}]])
def test_epochs_beside_an_axis_of_that_name_are_refused(planned, raises, grid):
    with raises(UsageError, "--epochs or an axis epochs", "both"):
        planned(grid=grid, epochs=2)


def test_epochs_that_the_model_asks_for_are_its_own(planned, raises):
    class Asks(Cheap):
        def build(self, hp):
            hp.Choice("epochs", [1, 2])
            return super().build(hp)

    with raises(UsageError, "--epochs or an axis epochs", "both"):
        planned(Asks(), epochs=2)


def test_a_finished_search_is_read_and_not_trained(planned):
    first, again = Counted(), Counted()
    results = run(planned(), first)
    assert (first.begun, first.folds) == ((2, 3, 0), 6)
    assert [trial.parameters for trial in results.trials] == [{"units": 2}, {"units": 3}]
    assert planned().finished() == results
    assert run(planned(), again) == results
    assert again.begun is None


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        pytest.param({"grid": {"units": (2, 3, 4)}}, 3, id="a grown grid"),
        pytest.param({"grid": {"units": (3,)}}, 0, id="a shrunk grid"),
        pytest.param({"overwrite": True}, 6, id="overwrite"),
    ],
)
def test_another_wish_is_no_finished_search(stubbed, options, trained):
    run(stubbed())
    made, counted = stubbed(**options), Counted()
    assert made.finished() is None
    results = run(made, counted)
    assert counted.folds == trained
    assert [t.parameters for t in results.trials] == made.trials()
    assert results.complete


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="contiguous"),
        pytest.param({"cv": "shuffled-kfold"}, id="shuffled"),
        pytest.param({"cv": "repeated-stratified-kfold"}, id="repeated"),
    ],
)
@pytest.mark.parametrize("keep", ["best", "all"])
def test_more_repeats_train_only_what_is_new(stubbed, tmp_path, options, keep):
    options = {"keep": keep, **options}
    whole = run(stubbed(repeats=3, directory=tmp_path / "whole", **options))
    trained = []
    for repeats in (1, 3, 2, 3, 4):
        counted = Counted()
        results = run(stubbed(repeats=repeats, **options), counted)
        trained.append(counted.folds)
        assert (results.splits, results.complete) == (3 * repeats, True)
        if repeats == 3:
            assert render(results) == render(whole)
    assert trained == [6, 12, 0, 0, 6]


def test_fewer_repeats_have_the_figures_of_a_search_that_never_had_more(planned, tmp_path):
    run(planned(repeats=3))
    fewer = run(planned(repeats=1))
    alone = run(planned(repeats=1, directory=tmp_path / "alone"))
    assert render(fewer) == render(alone)
    assert fewer.best.parameters == alone.best.parameters
    assert planned(repeats=1).finished() == fewer


def test_more_repeats_that_were_interrupted_are_no_finished_trials(stubbed):
    class Stop(Counted):
        def fold(self, parameters):
            super().fold(parameters)
            if self.folds == 4:
                raise KeyboardInterrupt

    run(stubbed())
    with pytest.raises(KeyboardInterrupt):
        run(stubbed(repeats=2), Stop())
    halfway = read_results(stubbed().store)
    assert [trial.status for trial in halfway.trials] == ["COMPLETED", "RUNNING"]
    assert not halfway.complete
    counted = Counted()
    assert run(stubbed(repeats=2), counted).complete
    assert counted.folds == 2
    assert run(stubbed(), Counted()).complete


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param({"cv": "shuffled-kfold"}, {"cv": "repeated-kfold"}, id="other-repeats"),
        pytest.param({"folds": 3}, {"folds": 4}, id="other-folds"),
        pytest.param({"folds": 2, "repeats": 2}, {"folds": 4}, id="fewer-of-more"),
    ],
)
def test_other_folds_are_another_search(stubbed, first, then):
    run(stubbed(**{"repeats": 2, **first}))
    with pytest.raises(MismatchError, match=r"another (cv|folds|splits)"):
        run(stubbed(**{"repeats": 2, **then}))


def test_splits_that_were_ever_asked_for_are_remembered(stubbed):
    """Both words make the same first repeat, so only the records of the second tell."""
    run(stubbed(cv="shuffled-kfold", repeats=2))
    run(stubbed(cv="shuffled-kfold", repeats=1))
    with pytest.raises(MismatchError, match=r"another (cv|folds|splits)"):
        run(stubbed(cv="repeated-kfold", repeats=2))


def test_a_trial_that_failed_in_a_split_that_counts_no_more_gets_another_chance(
    planned, monkeypatch
):
    class Unlucky(Cheap):
        def fit(self, hp, model, x, y, **kwargs):
            os.environ["FITS"] += "."
            if len(os.environ["FITS"]) == 5:
                raise ValueError("unlucky")
            return super().fit(hp, model, x, y, **kwargs)

    monkeypatch.setenv("FITS", "")
    assert len(run(planned(Unlucky(), repeats=2)).failed) == 1
    counted = Counted()
    fewer = run(planned(Unlucky(), repeats=1, refit=False), counted)
    assert (len(fewer.completed), counted.folds) == (2, 0)


def test_only_the_first_trials_are_asked_for(stubbed):
    few = run(stubbed(max_trials=1))
    assert ([t.parameters for t in few.trials], few.total) == ([{"units": 2}], 1)
    assert stubbed(max_trials=1).finished() == few
    assert stubbed(max_trials=1).trials() == [{"units": 2}]
    counted = Counted()
    assert run(stubbed(), counted).total == 2
    assert counted.folds == 3
    assert run(stubbed(max_trials=1), Counted()).total == 1


GRID = [{"units": [2, 3], "depth": [None, (1, 2)]}, {"units": [4], "rate": ["auto", 0.5]}]


class Odd(Cheap):
    """Asks for values that keras-tuner's own entries can't hold."""

    def build(self, hp):
        name, values = ("depth", (None, (1, 2))) if "depth" in hp else ("rate", ("auto", 0.5))
        # Without assert, for which pytest would write code that can't be known for sure.
        if hp.get(name) not in values or not hp.Choice("bias", [True, False]):
            raise ValueError(hp.values)
        return super().build(hp)


def test_a_list_of_dicts_with_odd_values_is_searched_and_resumed(planned):
    first, again, grown = Counted(), Counted(), Counted()
    made = planned(Odd(), grid=[*GRID, {"units": [2], "depth": [None], "bias": [True]}])
    assert len(made.trials()) == 7
    results = run(made, first)
    assert results.complete
    assert not results.failed
    assert [trial.parameters for trial in results.trials] == made.trials()
    assert made.finished() == results
    assert run(planned(Odd(), grid=made.grid, refit=False), again) == results
    assert again.begun is None
    bigger = [*made.grid, {"units": [9], "rate": [0.5]}]
    assert len(run(planned(Odd(), grid=bigger), grown).trials) == 8
    assert grown.folds == 3
    lines = render(results).splitlines()
    assert lines[1].endswith("with: {'units': 2, 'depth': None}")
    assert lines[2].endswith("with: {'units': 2, 'depth': (1, 2)}")


def test_a_refit_of_odd_values_is_not_made_twice(planned):
    grid = {"units": [2], "depth": [(1, 2)]}
    run(planned(Odd(), grid=grid))
    written = planned(Odd()).store.model_file.stat().st_mtime_ns
    run(planned(Odd(), grid={**grid, "depth": [(1, 2), None]}, max_trials=1))
    assert planned(Odd()).store.model_file.stat().st_mtime_ns == written


def test_a_refit_that_was_left_out_is_made_up_for(planned):
    results = run(planned(refit=False))
    store = planned().store
    assert not store.model_file.exists()
    assert planned(refit=False).finished() == results
    assert planned().finished() is None
    counted = Counted()
    assert run(planned(), counted).trials == results.trials
    assert counted.folds == 0
    assert store.read_refit().parameters == results.best.parameters


def test_another_search_in_its_place_is_refused(stubbed):
    run(stubbed())
    with pytest.raises(MismatchError, match="another seed, 7 there, 8 asked for"):
        run(stubbed(seed=8))
    assert run(stubbed(seed=8, overwrite=True)).seed == 8


def test_a_plan_and_the_tuner_describe_a_search_alike(planned, tmp_path):
    """So either goes on with what the other began."""
    made = planned()
    run(made)
    written = json.loads((tmp_path / "runs" / "cheap" / "search.json").read_text())
    assert SearchRecord.from_json(written).identity == made.setup.identity
    assert written["features"] == ["a", "b", "c"]
    assert (written["target"], written["target_column"]) == ("class", 3)
    tuner = CrossValidationTuner(
        Cheap(), cv=3, engine="keras", directory=tmp_path / "runs", project_name="cheap"
    )
    counted = tuner.observer = Counted()
    tuner.search(made.dataset.x, made.dataset.y, epochs=100, batch_size=10)
    assert counted.begun == (2, 3, 2)
    assert counted.folds == 0


def test_a_sample_is_searched_on_its_share_of_the_rows(planned):
    made = planned(sample=0.5)
    assert made.dataset.rows == made.setup.identity.rows == 12
    whole = planned().dataset.x.tolist()
    places = [whole.index(row) for row in made.dataset.x.tolist()]
    assert places == sorted(set(places))


@pytest.mark.parametrize("option", ["keep", "engine"])
def test_a_plan_refuses_words_that_only_training_would_meet(option):
    with pytest.raises(UsageError, match=rf"Expected {option} to be one of .* Received: 'some'"):
        plan(REGISTRY["neurons"], Options(**{option: "some"}))


class Judged(Cheap):
    """Several metrics by the fit, and a score by a function of the predictions."""

    def build(self, hp):
        units = hp.Choice("units", [2, 3])
        model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        score = super().fit(hp, model, x, y, **kwargs)
        return {"val_accuracy": score, "val_loss": score, "val_auc": 1 - score}


def spread(y_true, y_pred):
    return float(np.ptp(y_pred)) if len(y_true) == len(y_pred) else float("nan")


SPREAD = Score("spread", spread, "min")


@pytest.fixture
def judged(tmp_path, toy_csv):
    def make(experiment=None, **options):
        options = {"directory": tmp_path / "runs", "data": toy_csv, "engine": "keras"} | options
        known = {"objective": "val_accuracy", "scores": (SPREAD,)} | (experiment or {})
        made = Experiment("judged", Judged(), **known)
        return plan(made, Options(**options))

    return make


def test_a_finished_search_is_ranked_by_another_metric_without_training(judged):
    made = judged()
    results = run(made)
    by_auc = read_results(made.store, "val_auc")
    best, other = results.best, by_auc.best
    assert best.parameters != other.parameters
    (same,) = [trial for trial in results.trials if trial.parameters == other.parameters]
    assert other.scores == pytest.approx([1 - score for score in same.scores])
    assert by_auc.objective.direction == "max"
    frame = by_auc.to_frame()
    np.testing.assert_allclose(frame["mean_test_score"], 1 - results.to_frame()["mean_test_score"])
    by_spread = read_results(made.store, "val_spread")
    assert by_spread.objective.direction == "min"
    assert read_results(made.store, "max:val_spread").best != by_spread.best
    assert read_results(made.store).best == best


@pytest.mark.parametrize(
    ("word", "words"),
    [
        pytest.param(
            "val_mae", ["val_accuracy, val_auc, val_loss, val_spread", "val_mae"], id="no"
        ),
        pytest.param("val_own", ["the direction", "max:val_own"], id="direction"),
        pytest.param("accuracy", ["held-out"], id="side"),
    ],
)
def test_other_metrics_are_refused(judged, raises, word, words):
    made = judged()
    run(made)
    with raises(ObjectiveError, *words):
        read_results(made.store, word)


@pytest.mark.parametrize(
    ("experiment", "options"),
    [
        pytest.param({"objective": SPREAD}, {}, id="of-the-experiment"),
        pytest.param({}, {"objective": "val_spread"}, id="by-name"),
    ],
)
def test_a_score_is_optimised(judged, experiment, options):
    made = judged(experiment, **options)
    results = run(made)
    assert (str(results.objective), results.complete) == ("min:val_spread", True)
    assert results.best.mean == min(trial.mean for trial in results.trials)
    assert made.finished() == results


def test_train_scores_have_scikit_learns_names(judged):
    made = judged(objective="val_spread", train_scores=True)
    frame = run(made).to_frame()
    names = [f"split{split}_train_score" for split in range(3)]
    assert [*frame.columns[-5:]] == [*names, "mean_train_score", "std_train_score"]
    for trial_id, scores in zip(frame["trial_id"], frame[names].to_numpy(), strict=True):
        records = [made.store.read_fold(trial_id, split) for split in range(3)]
        assert scores.tolist() == [record.scores["train_spread"] for record in records]
        assert all("train_loss" in record.scores for record in records)
    np.testing.assert_allclose(frame["mean_train_score"], frame[names].mean(axis=1))
    np.testing.assert_allclose(frame["std_train_score"], frame[names].std(axis=1, ddof=0))
    losses = read_results(made.store, "val_loss").to_frame()
    assert (losses["mean_train_score"] != frame["mean_train_score"]).all()


def test_what_was_not_asked_for_at_first_is_refused_later(judged):
    run(judged())
    with pytest.raises(MismatchError, match="another train_scores, null there, true asked for"):
        run(judged(train_scores=True))
    with pytest.raises(MismatchError, match="another predictions"):
        run(judged(keep_predictions=True))


def test_predictions_are_kept_for_every_held_out_row(judged):
    made = judged(keep_predictions=True)
    results = run(made)
    for trial in results.trials:
        kept = read_predictions(made.store, trial.trial_id, 3)
        assert kept.rows.tolist() == list(range(24))
        np.testing.assert_array_equal(kept.y_true, made.dataset.y)
        scores = read_results(made.store, "val_spread")
        (same,) = [t for t in scores.trials if t.trial_id == trial.trial_id]
        spreads = [np.ptp(kept.y_pred[i : i + 8]) for i in (0, 8, 16)]
        assert same.scores == pytest.approx(spreads)


UNITS = {"units": (2, 3, 5, 6, 7, 8, 9, 10)}
RACED = {"objective": "max:val_accuracy", "grid": UNITS, "folds": 4, "refit": False}


class Fair(Cheap):
    """Scores that lie between 0 and 1, one of its own for every combination and fold."""

    def fit(self, hp, model, x, y, **kwargs):
        model.optimizer.build(model.trainable_variables)
        return {"val_accuracy": abs(float(model.get_weights()[0][0, 0])) % 1}


def test_a_raced_search_is_finished_as_long_as_its_race_is_the_same(planned):
    def make(**options):
        return planned(Fair(), **{**RACED, "racing": "bound", **options})

    results = run(make())
    assert results.complete
    assert results.given_up
    assert make().finished() == results
    assert make(racing=None).finished() is None
    assert make(racing="test").finished() is None
    assert results.about.origin.command.endswith("--racing bound")
    counted = Counted()
    whole = run(make(racing=None), counted)
    assert counted.folds == sum(t.partial_scores.count(None) for t in results.given_up)
    assert not whole.given_up
    assert whole.best.parameters == results.best.parameters
    assert make().finished() == whole


def test_a_raced_search_is_not_finished_where_a_rival_is_missing(planned):
    """As where a search for a smaller grid was killed before it looked at its trials."""
    made = planned(Fair(), **RACED, racing="bound")
    results = run(made)
    entry = read_sealed(made.store.root / "search.json")
    kept = [t for t in results.trials if t.status == "STOPPED"]
    units = tuple(trial.parameters["units"] for trial in kept)
    smaller = planned(Fair(), **{**RACED, "grid": {"units": units}}, racing="bound")
    entry |= {"asked": {"units": list(units)}}
    entry["grid"] = [axis.to_json() for axis in make_axes({"units": units})]
    write_sealed(made.store.root / "search.json", entry)
    assert read_results(made.store).complete
    assert smaller.finished() is None
    assert run(smaller).completed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"racing": "fast"}, ["bound or test", "'fast'"], id="word"),
        pytest.param({"racing": "bound"}, ["bounded objective", "val_score"], id="unbounded"),
        pytest.param({"racing": "test", "workers": 2}, ["one process", "2 workers"], id="workers"),
    ],
)
def test_a_race_that_cannot_be_meant_is_refused_by_the_plan(planned, raises, options, words):
    with raises(UsageError, "racing", *words):
        planned(objective="max:val_score", **options)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        pytest.param({"sample_weight": "weight"}, {"sample_weight": WEIGHTS}, id="rows"),
        pytest.param(
            {"class_weight": ("yes=3",)},
            {"class_weight": {1: 3.0}},
            id="classes",
            marks=pytest.mark.full,
        ),
    ],
)
def test_weights_and_early_stopping_reach_the_training(tmp_path, planned, options, arguments):
    """The same figures as from Python, with the same arrays."""
    rows = np.random.RandomState(1).uniform(-1, 1, (30, 3)).round(3)
    names = np.where(rows[:, 0] > 0, "yes", "no")
    lines = [f"{a},{w},{b},{n}" for (a, b, _), w, n in zip(rows, WEIGHTS, names, strict=True)]
    (tmp_path / "w.csv").write_text("\n".join(["a,weight,b,class", *lines, ""]), encoding="utf-8")

    def build(hp):
        model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
        model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
        hp.Choice("nothing", [1])
        return model

    made = planned(
        build,
        data=tmp_path / "w.csv",
        target="class",
        early_stopping=2,
        validation_split=0.3,
        grid={"epochs": (12,)},
        **options,
    )
    ours = run(made)
    tuner = CrossValidationTuner(
        build,
        made.setup.objective,
        grid={"epochs": (12,)},
        directory=tmp_path / "py",
        engine="keras",
    )
    columns = {"a": rows[:, 0], "weight": WEIGHTS, "b": rows[:, 1]}
    assert {*columns} - {*made.dataset.features} == {*options.values()} & {"weight"}
    tuner.search(
        np.column_stack([columns[name] for name in made.dataset.features]).astype(np.float32),
        (names == "yes").astype(np.float32),
        batch_size=10,
        early_stopping=2,
        validation_split=0.3,
        **arguments,
    )
    assert ours.complete
    assert not ours.failed
    (theirs,) = tuner.search_results().trials
    assert ours.trials[0].scores == theirs.scores
    records = [json.loads(made.store.fold_file("0000", n).read_text()) for n in range(3)]
    assert any(record["epochs"] < 12 for record in records)
    assert run(made).trials == ours.trials


def test_an_experiment_says_how_it_trains(planned):
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=1)
    fit = {"class_weight": {0: 2.0}, "callbacks": [stopping]}
    made = plan(Experiment("own", build_nothing, fit=fit), planned().options)
    assert made.setup.fit.class_weight == {"0": 2.0}
    assert made.setup.fit.callbacks == (stopping,)


def build_nothing(hp):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Choice("units", [1]))])
    model.compile(loss="mse")
    return model


def test_weights_of_no_class_are_refused_before_anything_is_trained(planned, raises):
    with raises(UsageError, "class_weight", "7"):
        planned(class_weight=("7=2",))


def test_weights_of_rows_and_of_classes_exclude_each_other(planned, raises):
    with raises(UsageError, "--sample-weight or --class-weight"):
        planned(sample_weight="a", class_weight=("1=2",))


def test_a_fit_of_ones_own_stops_by_itself(planned, raises):
    with raises(UsageError, "early_stopping=3", "inside fit"):
        planned(early_stopping=3)
