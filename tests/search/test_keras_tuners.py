"""keras-tuner's arguments: what they do there, they do here; the rest is refused with a reason."""

import inspect

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.errors import NewEntryError, SplitError, UsageError
from kt_grid.search.keras_tuners import _REFUSED, executed, listed_grid
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.space.seeds import derive_seed
from kt_grid.splitters import KFold, RepeatedKFold, StratifiedKFold

X = np.random.RandomState(0).normal(size=(12, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)


def build(hp):
    units = hp.Choice("units", [2, 3])
    rate = hp.Float("rate", 0.125, 0.375, step=0.125, default=0.25)
    model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def listed(**values):
    hyperparameters = keras_tuner.HyperParameters()
    for name, offered in values.items():
        hyperparameters.Choice(name, offered)
    return hyperparameters


@pytest.fixture
def searched(tmp_path, stub_engine):
    def search(model=build, **options):
        options = {"objective": "val_loss", "cv": KFold(3), "directory": tmp_path, **options}
        tuner = CrossValidationTuner(model, **options)
        tuner.search(X, Y)
        return tuner

    return search


def parameters(tuner):
    return [trial.parameters for trial in tuner.search_results().trials]


def theirs(tmp_path, **options):
    """What keras-tuner's own grid search tries, the default first."""
    tuner = keras_tuner.GridSearch(
        build, keras_tuner.Objective("val_loss", "min"), directory=tmp_path / "theirs", **options
    )
    tuner.run_trial = lambda *_: {"val_loss": 1.0}
    tuner.search()
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def as_set(combinations):
    return {tuple(sorted((n, round(v, 6)) for n, v in values.items())) for values in combinations}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="default"),
        pytest.param({"hyperparameters": listed(units=[4, 8])}, id="overridden"),
        pytest.param(
            {"hyperparameters": listed(units=[4, 8]), "tune_new_entries": False}, id="others fixed"
        ),
        pytest.param(
            {"hyperparameters": listed(units=[4], rate=[0.5]), "allow_new_entries": False},
            id="nothing new",
        ),
    ],
)
def test_the_combinations_are_keras_tuners(tmp_path, searched, options, capsys):
    tuner = searched(**options)
    assert as_set(parameters(tuner)) == as_set(theirs(tmp_path, **options))
    assert tuner.search_results().complete


def test_what_is_not_tuned_has_its_default_in_the_model(tmp_path, searched):
    rates = []

    def seen(hp):
        model = build(hp)
        rates.append(round(float(model.optimizer.learning_rate), 6))
        return model

    tuner = searched(seen, hyperparameters=listed(units=[4, 8]), tune_new_entries=False)
    assert set(rates) == {0.25}
    assert parameters(tuner) == [{"units": 4}, {"units": 8}]


def test_what_is_tuned_or_not_counts_when_a_search_goes_on(searched):
    assert len(parameters(searched(tune_new_entries=False))) == 1
    assert len(parameters(searched())) == 6
    assert len(parameters(searched(tune_new_entries=False, grid={"units": [3, 2]}))) == 2


def test_the_grid_stands_above_what_hyperparameters_list():
    listed_ones = listed(units=[4, 8], rate=[0.5])
    merged = listed_grid({"units": [16], "epochs": [1, 2]}, listed_ones)
    assert [*merged.items()] == [("units", (16,)), ("rate", (0.5,)), ("epochs", (1, 2))]
    assert listed_grid([{"units": [16]}, {"epochs": [1]}], listed_ones) == [
        {"units": (16,), "rate": (0.5,)},
        {"units": (4, 8), "rate": (0.5,), "epochs": (1,)},
    ]
    assert listed_grid({"units": [1]}, None) == {"units": [1]}


def test_hyperparameters_of_another_kind_are_refused(raises):
    with raises(UsageError, "keras_tuner.HyperParameters", "as grid"):
        listed_grid({}, {"units": [4]})


def test_what_must_not_be_asked_for_is_named_before_anything_is_trained(searched, raises):
    with raises(NewEntryError, "out of units", "'rate'", "allow_new_entries=True"):
        searched(hyperparameters=listed(units=[4, 8]), allow_new_entries=False)


def test_executions_are_repeats_on_the_same_folds_with_other_seeds(searched):
    cv = KFold(3, shuffle=True, random_state=1)
    tuner = searched(grid={"units": [2], "rate": [0.1]}, cv=cv, executions_per_trial=2)
    results = tuner.search_results()
    assert (results.splits, results.repeats, results.folds) == (6, 2, 3)
    assert not results.fresh_folds
    splits = [test.tolist() for _, test in tuner._runner.setup.splits]
    assert splits[:3] == splits[3:] == [test.tolist() for _, test in cv.split(X)]
    records = [tuner.store.read_fold("0000", split) for split in range(6)]
    values = {"units": 2, "rate": 0.1}
    assert [r.seed for r in records] == [derive_seed(7, values, *divmod(n, 3)) for n in range(6)]


@pytest.mark.parametrize(
    ("cv", "executions", "expected"),
    [
        pytest.param(5, 1, "(5, 1)", id="once"),
        pytest.param(5, 3, "(5, 3)", id="number"),
        pytest.param(
            StratifiedKFold(5), 3, "(Repeated(StratifiedKFold(5), 3, same_folds=True), 1)", id="own"
        ),
    ],
)
def test_executions_become_repeats(cv, executions, expected):
    assert repr(executed(cv, executions)) == expected


@pytest.mark.parametrize(
    ("cv", "executions"), [(5, 0), (5, 1.5), (RepeatedKFold(random_state=1), 2), (5, 1001)]
)
def test_executions_that_cannot_be_meant_are_refused(raises, cv, executions):
    with raises((SplitError, UsageError)):
        executed(cv, executions)


def test_every_argument_of_keras_tuner_is_taken_or_refused():
    kinds = (keras_tuner.GridSearch, keras_tuner.Tuner)
    known = {name for kind in kinds for name in inspect.signature(kind).parameters}
    ours = {*inspect.signature(CrossValidationTuner).parameters}
    assert known - {"kwargs"} <= ours | {*_REFUSED}
    assert not ours & {*_REFUSED}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_has_no_meaning_here_is_refused_with_the_reason(tmp_path, raises, name):
    with raises(UsageError, f"no {name}: {_REFUSED[name]}", "'x'"):
        CrossValidationTuner(build, directory=tmp_path, **{name: "x"})


def test_what_happens_anyway_may_be_asked_for(tmp_path):
    CrossValidationTuner(build, directory=tmp_path, max_retries_per_trial=0, logger=None)


def test_a_misspelt_argument_is_named(tmp_path, raises):
    with raises(UsageError, "max_trial=3"):
        CrossValidationTuner(build, directory=tmp_path, max_trial=3)
