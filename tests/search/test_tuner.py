"""The tuner: what a search leaves behind, however it was interrupted, and what it is good for."""

import json
import shutil
import warnings
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest
import sklearn.model_selection
from scipy.stats import rankdata
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

import kt_grid
from kt_grid.errors import (
    MismatchError,
    ObjectiveError,
    PredictionError,
    SearchFailedError,
    UsageError,
)
from kt_grid.plan.options import Options
from kt_grid.report.formats import render
from kt_grid.search.observer import Silent
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.splitters import KFold

RANDOM = np.random.RandomState(5)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)

RAISES, DIVERGES = range(10, 20), range(20, 30)


class Cheap(keras_tuner.HyperModel):
    """Scores a model by its initial weights: all of a search but the training, which is slow."""

    def __init__(self):
        super().__init__()
        self.fits = []

    def build(self, hp):
        units = hp.Choice("units", [2, 3, 4])
        model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        model.optimizer.build(model.trainable_variables)
        self.fits.append(hp.get("units"))
        if hp.get("units") in RAISES:
            raise ValueError("unlucky\nand more")
        if hp.get("units") in DIVERGES:
            return {"val_accuracy": float("nan")}
        return {"val_accuracy": float(abs(model.get_weights()[0]).mean()), "val_loss": 1.0}


class Other(Cheap):
    """Another source."""

    def fit(self, hp, model, *args, **kwargs):
        """Train as the other does."""
        return super().fit(hp, model, *args, **kwargs)


class Stop(Silent):
    """Interrupts after so many folds."""

    def __init__(self, after):
        self.left = after

    def fold(self, parameters):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def make(directory, hypermodel=None, **options):
    options = {"cv": KFold(2), "project_name": "search", "engine": "keras", **options}
    return CrossValidationTuner(hypermodel or Cheap(), directory=directory, **options)


def searched(directory, hypermodel=None, x=X, y=Y, fit=None, **options):
    tuner = make(directory, hypermodel, **({"objective": "val_accuracy"} | options))
    tuner.search(x, y, **(fit or {}))
    return tuner


def text(tuner):
    return render(tuner.search_results())


def by_units(tuner):
    return {t.parameters["units"]: t.scores for t in tuner.search_results().trials}


def weights_in(directory):
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("fold_*.weights.h5"))


def test_trial_json_sums_up_the_records_of_the_folds(tmp_path):
    tuner = searched(tmp_path, cv=KFold(3))
    for trial in tuner.oracle.get_best_trials(3):
        folder = tmp_path / "search" / f"trial_{trial.trial_id}"
        records = [json.loads((folder / f"fold_{i}.json").read_text()) for i in range(3)]
        scores = [record["scores"]["val_accuracy"] for record in records]
        state = json.loads((folder / "trial.json").read_text())
        metrics = {
            name: metric["observations"][0]["value"]
            for name, metric in state["metrics"]["metrics"].items()
        }
        assert metrics == {
            "val_accuracy": [pytest.approx(np.mean(scores), rel=1e-14)],
            "val_accuracy_std": [pytest.approx(np.std(scores), rel=1e-14)],
            "val_loss": [1.0],
            **{f"split{i}_val_accuracy": [score] for i, score in enumerate(scores)},
        }
        assert state["score"] == metrics["val_accuracy"][0]
        assert len({record["seed"] for record in records}) == 3


@pytest.mark.parametrize("module", [kt_grid, sklearn.model_selection], ids=["ours", "scikit-learn"])
def test_groups_are_kept_together(tmp_path, module):
    tuner = make(tmp_path, cv=module.GroupKFold(3))
    tuner.search(X, Y, groups=np.repeat(["ann", "bob", "cid"], 4))
    assert [test.tolist() for _, test in tuner._runner.setup.splits] == [
        [8, 9, 10, 11],
        [4, 5, 6, 7],
        [0, 1, 2, 3],
    ]
    assert tuner.refit(X, Y, groups=[1, 2, 3] * 4) is not None


def test_groups_of_another_length_are_refused(tmp_path, raises):
    with raises(UsageError, "groups of equal length", "[11, 12]"):
        make(tmp_path, cv=kt_grid.GroupKFold(3)).search(X, Y, groups=[0] * 11)


def test_results_are_a_table_with_scikit_learns_columns(tmp_path):
    tuner = searched(tmp_path, cv=KFold(3))
    table = tuner.results()
    yardstick = GridSearchCV(DummyClassifier(), {"random_state": [0]}, cv=3).fit(X, Y).cv_results_
    expected = {c.replace("random_state", "units") for c in yardstick if "score_time" not in c}
    ours = {"trial_id", "status", "standard_error", "p_value", "standing", "reason"}
    assert expected == set(table.columns) - ours

    scores = table[[f"split{i}_test_score" for i in range(3)]].to_numpy()
    np.testing.assert_allclose(table["mean_test_score"], scores.mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(table["std_test_score"], scores.std(axis=1), rtol=1e-14)
    ranks = rankdata(-table["mean_test_score"], method="min")
    np.testing.assert_array_equal(table["rank_test_score"], ranks)
    assert list(table["param_units"]) == [2, 3, 4]
    best = table.loc[table["mean_test_score"].idxmax()]
    assert tuner.best_score == best["mean_test_score"]
    assert tuner.best_params == best["params"]


def test_the_tutorials_closing_lines_run_on_a_tuner(tmp_path, capsys):
    grid_result = searched(tmp_path, cv=KFold(3))
    capsys.readouterr()
    print("Best: %f using %s" % (grid_result.best_score_, grid_result.best_params_))  # noqa: UP031 - the tutorial's line
    means = grid_result.cv_results_["mean_test_score"]
    stds = grid_result.cv_results_["std_test_score"]
    params = grid_result.cv_results_["params"]
    for mean, stdev, param in zip(means, stds, params):  # noqa: B905 - likewise
        print("%f (%f) with: %r" % (mean, stdev, param))  # noqa: UP031 - likewise
    assert capsys.readouterr().out == text(grid_result)


def test_what_scikit_learn_calls_its_results_it_would_find_alike(tmp_path):
    """As far as the trials are finished; the others are told apart by nan."""
    tuner = searched(tmp_path, cv=KFold(3), grid={"units": [2, 10, 3]})
    ours, scores = tuner.cv_results_, [t.scores for t in tuner.search_results().trials]

    class Recorded(DummyClassifier):
        """Scores what our folds scored, one after the other."""

        def __init__(self, units=None):
            super().__init__()
            self.units = units

        def score(self, x, y):
            fold = int(x[0, 0])
            found = dict(zip([2, 10, 3], scores, strict=True))[self.units]
            if not found:
                raise ValueError
            return found[fold]

    rows, folds = np.arange(3)[:, None].repeat(2, 1), KFold(3)
    grid = GridSearchCV(Recorded(), {"units": [2, 10, 3]}, cv=folds, refit=False)
    with warnings.catch_warnings():
        # Of the failed scores.
        warnings.simplefilter("ignore", UserWarning)
        theirs = grid.fit(rows, np.arange(3) % 2).cv_results_
    timed = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}
    assert set(theirs) - timed == set(ours) - timed
    assert timed & set(ours) == {"mean_fit_time", "std_fit_time"}
    assert ours["params"] == theirs["params"]
    for name in set(theirs) - timed - {"params"}:
        np.testing.assert_allclose(
            np.ma.filled(ours[name].astype(float)), np.ma.filled(theirs[name].astype(float))
        )
        assert ours[name].dtype == theirs[name].dtype or name == "param_units"


def test_the_same_search_elsewhere_gives_the_same_bytes(tmp_path):
    report = text(searched(tmp_path / "a"))
    assert report == text(searched(tmp_path / "b"))
    assert report.count("with:") == 3
    assert report != text(searched(tmp_path / "c", seed=8))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Searches that nothing came between, by which weights they keep, and their folders."""
    folders = {keep: tmp_path_factory.mktemp(keep) for keep in ("best", "all")}
    return {keep: (searched(path, keep=keep), path) for keep, path in folders.items()}


@pytest.mark.parametrize(
    ("folds", "keep"), [*((folds, "best") for folds in range(1, 7)), (3, "all")]
)
def test_an_interrupted_search_goes_on_to_the_same_bytes(tmp_path, whole, folds, keep):
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "parts", observer=Stop(folds), keep=keep)
    again = Cheap()
    resumed = searched(tmp_path / "parts", again, keep=keep)
    assert len(again.fits) == 6 - folds
    uninterrupted, folder = whole[keep]
    assert text(resumed) == text(uninterrupted)
    assert weights_in(tmp_path / "parts") == weights_in(folder)


def test_a_result_does_not_depend_on_what_else_is_in_the_grid_nor_on_the_order(tmp_path):
    whole = by_units(searched(tmp_path / "a"))
    turned = by_units(searched(tmp_path / "b", grid={"units": [4, 2]}))
    assert list(turned) == [4, 2]
    assert turned == {units: whole[units] for units in (4, 2)}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"seed": 8}, "another seed, 7 there, 8 asked for", id="seed"),
        pytest.param({"cv": KFold(3)}, "another cv,", id="folds"),
        pytest.param({"objective": "val_loss"}, "another objective,", id="objective"),
        pytest.param({"x": X + 1}, "another data,", id="features"),
        pytest.param({"y": 1 - Y}, "another data,", id="target"),
        pytest.param({"x": X[:10], "y": Y[:10]}, "another rows, 12 there, 10 asked", id="rows"),
        pytest.param({"hypermodel": Other()}, "another model source,", id="model"),
        pytest.param({"fit": {"epochs": 9}}, "another fit,", id="epochs"),
    ],
)
def test_another_search_in_the_same_place_is_refused(tmp_path, whole, changes, named):
    searched_before, folder = whole["best"]
    before = text(searched_before)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    del files[tmp_path / "search" / "tuner0.json"]
    with pytest.raises(MismatchError, match=named):
        searched(tmp_path, **changes)
    assert {path: path.read_bytes() for path in files} == files
    assert text(searched(tmp_path)) == before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"seed": 8, "cv": KFold(3)}, id="seed, folds"),
        pytest.param({"x": X[:10], "y": Y[:10]}, id="rows"),
        pytest.param({"hypermodel": Other(), "objective": "val_loss"}, id="model, objective"),
    ],
)
def test_another_search_in_the_same_place_replaces_it_if_asked_to(tmp_path, whole, changes):
    shutil.copytree(whole["best"][1], tmp_path, dirs_exist_ok=True)
    replaced = searched(tmp_path, overwrite=True, **changes)
    fresh = searched(tmp_path / "fresh", **changes)
    assert text(replaced) == text(fresh)


def test_a_refused_search_deletes_nothing(tmp_path):
    searched(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(MismatchError):
        searched(tmp_path, seed=8)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files


def test_a_grown_grid_trains_only_what_is_new_and_a_shrunk_one_shows_only_what_is_asked(tmp_path):
    first = by_units(searched(tmp_path, grid={"units": [2, 4]}))
    grown = Cheap()
    whole = by_units(searched(tmp_path, grown, grid={"units": [2, 3, 4]}))
    assert grown.fits == [3, 3]
    assert list(whole) == [2, 3, 4]
    assert {units: whole[units] for units in first} == first

    shrunk = Cheap()
    tuner = searched(tmp_path, shrunk, grid={"units": [4, 3]})
    assert shrunk.fits == []
    assert by_units(tuner) == {units: whole[units] for units in (4, 3)}
    assert {t.hyperparameters.values["units"] for t in tuner.oracle.get_best_trials(9)} == {3, 4}
    assert tuner.remaining_trials == 0


FAILING = {"units": [10, 20, 11, 21, 12, 2, 3]}


def test_what_fails_is_named_and_the_others_go_on(tmp_path):
    trials = searched(tmp_path, grid=FAILING).search_results().trials
    assert [t.status for t in trials] == ["FAILED"] * 5 + ["COMPLETED"] * 2
    assert trials[0].reason.startswith("in test_tuner.py, line ")
    assert trials[0].reason.endswith(": ValueError: unlucky")
    assert trials[1].reason.startswith("Expected a finite val_accuracy among the scores")
    assert [t.scores for t in trials[:5]] == [()] * 5
    again = Cheap()
    searched(tmp_path, again, grid=FAILING)
    assert again.fits == []


def test_a_failed_trial_is_never_among_the_best(tmp_path, capsys):
    tuner = searched(tmp_path, grid=FAILING, keep="all")
    units = [hp.values["units"] for hp in tuner.get_best_hyperparameters(7)]
    assert sorted(units) == [2, 3]
    assert len(tuner.get_best_models(7)) == 2
    tuner.results_summary(7)
    shown = capsys.readouterr().out
    for trial in tuner.search_results().trials:
        assert (f"Trial {trial.trial_id} summary" in shown) == (trial.status == "COMPLETED")
    with pytest.raises(PredictionError, match="Expected the weights of all folds of trial 0000"):
        tuner.load_model(tuner.oracle.trials["0000"])


def test_a_search_in_which_all_fail_has_no_best(tmp_path):
    tuner = make(tmp_path, objective="val_accuracy", grid={"units": [10, 20]})
    with pytest.raises(SearchFailedError, match=r"2 that failed: .*unlucky"):
        tuner.search(X, Y)
    for ask in (lambda: tuner.best_score, lambda: tuner.best_params, tuner.refit):
        with pytest.raises(PredictionError, match="Expected a completed trial"):
            ask()
    reasons = [f"  failed: {trial.reason}\n" for trial in tuner.search_results().failed]
    lines = [f"nan (nan) with: {{'units': {units}}}" for units in (10, 20)]
    assert text(tuner) == "".join(map("".join, zip(lines, reasons, strict=True)))


def test_a_failure_is_not_shouted_on_the_terminal(tmp_path, capsys):
    searched(tmp_path, grid={"units": [10, 2]})
    assert "Traceback" not in capsys.readouterr().err


def test_a_search_writes_nothing_to_a_scripts_own_output(tmp_path, capfd):
    searched(tmp_path)
    searched(tmp_path).refit()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [
        pytest.param("auto", ["3 trials of 2 folds", "trial 3/3: units=4", "left"], id="auto"),
        pytest.param(2, ["trial 1/3: units=2: val_accuracy=0."], id="lines"),
        pytest.param(1, [], id="bar, where there is no terminal"),
        pytest.param(0, [], id="silent"),
        pytest.param(False, [], id="false"),
    ],
)
def test_verbose_means_what_it_means_to_keras(tmp_path, capfd, verbose, shown):
    searched(tmp_path, fit={"verbose": verbose})
    out, err = capfd.readouterr()
    assert (out, err == "") == ("", not shown)
    for words in shown:
        assert words in err


def test_failures_are_told_when_they_come_and_alike_ones_once(tmp_path, capfd):
    searched(tmp_path, grid=FAILING, fit={"verbose": 2})
    lines = capfd.readouterr().err.splitlines()
    told = [line for line in lines if "failed: " in line]
    assert [line.split()[2] for line in told if line.endswith("ValueError: unlucky")] == ["0000"]
    assert "trial 1/7: units=10: no score" in lines[lines.index(told[0]) + 1]


def test_a_silent_search_warns_of_what_is_worth_telling(tmp_path):
    # Here warnings are errors.
    with pytest.raises(kt_grid.KtGridWarning, match="axis 'unit' of the grid isn't asked for"):
        searched(tmp_path, grid={"unit": [3]}, fit={"verbose": 0})


@pytest.mark.parametrize("verbose", [3, "loud", None])
def test_another_verbose_is_refused(tmp_path, raises, verbose):
    with raises(UsageError, "verbose to be one of 'auto', 0, 1, 2", repr(verbose)):
        searched(tmp_path, fit={"verbose": verbose})


def test_an_observer_takes_the_place_of_what_verbose_shows(tmp_path, capfd, raises):
    searched(tmp_path, observer=Silent())
    searched(tmp_path, observer=Silent(), fit={"verbose": 0})
    assert capfd.readouterr() == ("", "")
    with raises(UsageError, "an observer or verbose"):
        searched(tmp_path, observer=Silent(), fit={"verbose": 2})


def test_a_tuner_shows_itself_in_a_notebook(tmp_path):
    assert "not searched yet" in make(tmp_path)._repr_html_()
    tuner = searched(tmp_path)
    assert tuner._repr_html_() == tuner.search_results()._repr_html_()


@pytest.mark.parametrize("asked", [{"keep": "all"}, {"keep": "best"}, {}], ids=str)
def test_whose_weights_are_kept(tmp_path, asked):
    tuner = searched(tmp_path, grid={"units": [2, 10, 3, 4]}, **asked)
    best = tuner.oracle.get_best_trials(1)[0].trial_id
    # The command line's default is Python's too.
    keep = asked.get("keep", Options().keep)
    kept = {"all": ["0000", "0002", "0003"], "best": [best]}[keep]
    names = [f"search/trial_{i}/fold_{split}.weights.h5" for i in kept for split in (0, 1)]
    assert weights_in(tmp_path) == names
    assert len(tuner.load_fold_models(tuner.oracle.trials[best])) == 2


def test_weights_that_are_not_kept_are_missed_with_the_mend(tmp_path):
    tuner = searched(tmp_path, keep="best")
    worst = tuner.oracle.get_best_trials(3)[-1]
    with pytest.raises(PredictionError, match="Search with keep='all'"):
        tuner.load_model(worst)


def test_the_refit_is_trained_once(tmp_path):
    first, again = Cheap(), Cheap()
    tuner = searched(tmp_path, first)
    best = tuner.best_params["units"]
    before = len(first.fits)
    model = tuner.refit()
    tuner.refit()
    assert first.fits[before:] == [best]
    later = searched(tmp_path, again)
    np.testing.assert_array_equal(later.refit().get_weights()[0], model.get_weights()[0])
    assert again.fits == []


def test_a_refit_on_other_rows_is_another_one(tmp_path):
    hypermodel = Cheap()
    tuner = searched(tmp_path, hypermodel)
    tuner.refit()
    tuner.refit(X + 1, Y)
    assert len(hypermodel.fits) == 6 + 2


def test_a_class_is_weighed_by_its_own_name_in_the_search_and_in_every_refit(tmp_path):
    """With classes 1 and 2, and as plain Keras does it with 0 and 1."""

    def build(hp):
        zeros = {"kernel_initializer": "zeros"}
        model = keras.Sequential([keras.layers.Dense(hp.Choice("units", [1]), "sigmoid", **zeros)])
        model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
        return model

    tuner = searched(tmp_path, build, X, Y + 1, {"class_weight": {2: 9}, "batch_size": 12})
    plain = keras.Sequential([keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")])
    plain.compile(keras.optimizers.SGD(1.0), "binary_crossentropy")
    plain.fit(X, Y, batch_size=12, sample_weight=np.where(Y == 1, 9.0, 1.0), verbose=0)
    for refitted in (tuner.refit(), tuner.refit(X, Y + 1)):
        for ours, theirs in zip(refitted.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    again = make(tmp_path, build, objective="val_accuracy")
    refitted = again.refit(X, Y + 1)
    np.testing.assert_allclose(refitted.get_weights()[0], plain.get_weights()[0], rtol=1e-5)


def test_predictions_are_the_refits_here_and_later(tmp_path):
    tuner = searched(tmp_path)
    with pytest.raises(PredictionError, match=r"Call the tuner's refit"):
        tuner.predict(X)
    (kernel, bias, out, out_bias) = tuner.refit().get_weights()
    expected = (X @ kernel + bias) @ out + out_bias
    np.testing.assert_allclose(tuner.predict(X), expected, rtol=1e-5, atol=1e-6)
    later = kt_grid.load_best_model(tmp_path / "search")
    np.testing.assert_allclose(later.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "fit", "error", "words"),
    [
        ({"objective": "val_mine"}, {}, ObjectiveError, "Write max:val_mine or min:val_mine"),
        ({"objective": "accuracy"}, {}, ObjectiveError, "on the held-out fold"),
        ({"keep": "some"}, {}, UsageError, "keep to be one of all, best"),
        ({"engine": "warp"}, {}, UsageError, "engine to be one of auto, .*keras"),
        ({"grid": {"units": []}}, {}, UsageError, "at least one value for axis 'units'"),
        ({"cv": 1}, {}, UsageError, "Received: 1"),
        ({"cv": 13}, {}, UsageError, "at least as many rows as folds"),
        ({}, {"sample_weight": Y[:3]}, UsageError, "equal length"),
    ],
    ids=["direction", "val_", "keep", "engine", "empty axis", "one fold", "many folds", "weights"],
)
def test_what_cannot_be_meant_is_refused(tmp_path, options, fit, error, words):
    with pytest.raises(error, match=words):
        searched(tmp_path, fit=fit, **options)


def network(hp, build=keras.Sequential):
    hidden = keras.layers.Dense(hp.Choice("units", [3]), activation="relu")
    model = build([hidden, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def functional(hp):
    def connect(layers):
        inputs = outputs = keras.Input((2,))
        for layer in layers:
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)

    return network(hp, connect)


class Trained(keras_tuner.HyperModel):
    def build(self, hp):
        return network(hp)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "model",
    [network, functional, Trained()],
    ids=["unbuilt sequential", "functional", "HyperModel"],
)
def test_every_kind_of_model_is_trained_scored_and_loaded(tmp_path, model):
    tuner = searched(tmp_path, model, fit={"epochs": 2, "batch_size": 4}, objective="val_loss")
    (trial,) = tuner.oracle.get_best_trials(1)
    folds = [np.arange(6), np.arange(6, 12)]
    losses = []
    for held_out, fold_model in zip(folds, tuner.load_fold_models(trial), strict=True):
        predicted, truth = fold_model.predict(X[held_out], verbose=0)[:, 0], Y[held_out]
        losses.append(-np.log(np.where(truth == 1, predicted, 1 - predicted)).mean())
    (result,) = tuner.search_results().trials
    np.testing.assert_allclose(result.scores, losses, rtol=1e-5)
    best = tuner.load_model(trial)
    held_out = folds[int(np.argmin(losses))]
    scored = best.evaluate(X[held_out], Y[held_out], verbose=0, return_dict=True)
    assert scored["loss"] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_one_training_serves_as_a_prefix_of_a_longer_one(tmp_path):
    """A combination's score doesn't depend on which other numbers of epochs are in the grid."""
    both = searched(tmp_path / "a", network, grid={"epochs": [1, 2]})
    alone = searched(tmp_path / "b", network, grid={"epochs": [2]})
    assert both.search_results().trials[1].scores == alone.search_results().trials[0].scores


def from_directory(store, trials=()):
    """One whose oracle has these trials, the best first."""
    made = CrossValidationTuner.__new__(CrossValidationTuner)
    made.store, made._runner = store, "runner"
    made.oracle = SimpleNamespace(get_best_trials=lambda count: [*trials][:count])
    made._models = SimpleNamespace(
        best_fold=lambda *asked: ("best", *asked), all_folds=lambda *asked: ["all", *asked]
    )
    return made


def trial(score, **values):
    return SimpleNamespace(score=np.float32(score), hyperparameters=SimpleNamespace(values=values))


def test_the_best_trial_gives_score_and_parameters(make_search):
    best = trial(0.75, units=3)
    made = from_directory(make_search({"units": [2, 3]}, []), [best, trial(0.5, units=2)])
    assert (made.best_score, type(made.best_score)) == (0.75, float)
    parameters = made.best_params
    parameters["units"] = 9
    assert made.best_params == {"units": 3}


def test_there_is_no_best_without_a_completed_trial(make_search, raises):
    made = from_directory(make_search({"units": [2]}, []))
    for name in ("best_score", "best_params"):
        with raises(PredictionError, "completed trial", "Search first"):
            getattr(made, name)


def test_results_are_those_on_disk(make_search):
    made = from_directory(make_search({"units": [2, 3]}, [[0.5, 1.0, 0.0], [1.0, 1.0, 0.25]]))
    assert made.search_results().best.parameters == {"units": 3}
    frame = made.results()
    assert frame["param_units"].tolist() == [2, 3]
    assert frame["mean_test_score"].tolist() == [0.5, 0.75]
    assert frame["rank_test_score"].tolist() == [2, 1]


def test_models_are_asked_for_with_what_scored_them(make_search):
    made = from_directory(make_search({"units": [2]}, []))
    assert made.load_model("a trial") == ("best", "a trial", "runner")
    assert made.load_fold_models("a trial") == ["all", "a trial", "runner"]


def test_predictions_need_a_refit(make_search, raises):
    made = from_directory(make_search({"units": [2]}, [[0.5, 1.0, 0.0]]))
    with raises(PredictionError, "refit"):
        made.predict([[0.0]])


def stub_tuner(directory, kind=CrossValidationTuner, **options):
    """A search of two trials and three folds that trains nothing."""

    def build(hp):
        hp.Choice("units", [2, 3])
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    return kind(build, "val_loss", KFold(3), directory=directory, **options)


def search_stub(tuner):
    tuner.search(np.zeros((6, 1)), np.arange(6) % 2)


class Around(CrossValidationTuner):
    """Does something around every trial."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.done = []

    def run_trial(self, trial, *args, **kwargs):
        self.done.append(trial.trial_id)
        return super().run_trial(trial, *args, **kwargs)


@pytest.mark.usefixtures("stub_engine")
def test_what_a_subclass_does_around_a_trial_is_done_in_this_process(tmp_path):
    tuner = stub_tuner(tmp_path, Around, workers="auto")
    assert tuner.placement.workers == 1
    search_stub(tuner)
    assert tuner.done == ["0000", "0001"]
    plain = stub_tuner(tmp_path, project_name="plain")
    search_stub(plain)
    assert list(tuner.results()["mean_test_score"]) == list(plain.results()["mean_test_score"])


@pytest.mark.parametrize(
    "elsewhere",
    [{"workers": 2}, {"scheduler": "tcp://nobody:1"}, {"trial_timeout": 5.0}],
    ids=lambda options: next(iter(options)),
)
def test_a_run_trial_of_ones_own_is_refused_with_workers(tmp_path, raises, elsewhere):
    with raises(UsageError, "Around.run_trial", "workers=1"):
        stub_tuner(tmp_path, Around, **elsewhere)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["on_batch_begin", "on_batch_end", "on_epoch_begin", "on_epoch_end"]
)
def test_methods_that_nothing_calls_are_refused(tmp_path, raises, name):
    kind = type("Hooked", (CrossValidationTuner,), {name: lambda *_: None})
    with raises(UsageError, "callbacks=", f"Hooked.{name}"):
        stub_tuner(tmp_path, kind)


class Sizes(CrossValidationTuner):
    """As in keras-tuner's guide."""

    def run_trial(self, trial, *args, **kwargs):
        kwargs["batch_size"] = trial.hyperparameters.Int("batch_size", 32, 64, step=32)
        return super().run_trial(trial, *args, **kwargs)


class Declares(CrossValidationTuner):
    def run_trial(self, trial):
        trial.hyperparameters.Int("more", 1, 2)
        return super().run_trial(trial)


class Data(CrossValidationTuner):
    def run_trial(self, trial):
        return super().run_trial(trial, np.zeros(3))


@pytest.mark.parametrize(
    ("kind", "word"), [(Sizes, "batch_size"), (Declares, "more"), (Data, "data")]
)
@pytest.mark.usefixtures("stub_engine")
def test_what_a_subclass_gives_a_trial_is_refused(tmp_path, raises, kind, word):
    with raises(UsageError, "super().run_trial(trial)", f"Received: {word}"):
        search_stub(stub_tuner(tmp_path, kind))


class Alone(CrossValidationTuner):
    def run_trial(self, trial):
        return {"val_loss": 0.25}


class Adds(CrossValidationTuner):
    def run_trial(self, trial):
        return {name: value + 1 for name, value in super().run_trial(trial).items()}


@pytest.mark.parametrize("kind", [Alone, Adds])
@pytest.mark.usefixtures("stub_engine")
def test_a_result_that_is_not_the_folds_fails_its_trial(tmp_path, raises, kind):
    tuner = stub_tuner(tmp_path, kind)
    with raises(SearchFailedError, f"{kind.__name__}.run_trial", "(2 trials)"):
        search_stub(tuner)
    assert list(tuner.results()["status"]) == ["FAILED", "FAILED"]
    assert tuner.search_results().damage == ()


class Hooked(CrossValidationTuner):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.called = []

    def on_search_begin(self):
        self.called.append("begin")
        super().on_search_begin()

    def on_trial_begin(self, trial):
        self.called.append(f"begin {trial.trial_id}")
        super().on_trial_begin(trial)

    def on_trial_end(self, trial):
        self.called.append(f"end {trial.trial_id}")
        super().on_trial_end(trial)

    def on_search_end(self):
        self.called.append("end")
        super().on_search_end()


@pytest.mark.parametrize("workers", [1, 2, "auto"])
@pytest.mark.usefixtures("stub_engine", "stub_workers")
def test_hooks_are_called_wherever_trials_run(tmp_path, workers):
    tuner = stub_tuner(tmp_path, Hooked, workers=workers)
    search_stub(tuner)
    trials = [f"{word} {number}" for number in ("0000", "0001") for word in ("begin", "end")]
    assert sorted(tuner.called) == sorted(["begin", *trials, "end"])
    assert (tuner.called[0], tuner.called[-1]) == ("begin", "end")


@pytest.mark.usefixtures("stub_engine")
def test_a_directory_stays_as_it_is_where_nothing_was_done(tmp_path):
    def build(hp, made=lambda: open):  # what it opens can't be known
        hp.Choice("units", [2, 3])
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    def searched(**options):
        tuner = CrossValidationTuner(build, "val_loss", KFold(3), directory=tmp_path, **options)
        search_stub(tuner)
        files = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".json", ".h5")]
        return tuner, {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    tuner, before = searched()
    assert not tuner._require_runner().setup.code.certain
    assert json.loads((tmp_path / "search" / "oracle.json").read_text())["start_order"]
    _, after = searched()
    assert after == before
