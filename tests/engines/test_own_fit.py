"""A HyperModel's own `fit` is honoured, and what it declares is known before the search."""

from contextlib import nullcontext

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments, fit_arguments, overrides_fit
from kt_grid.engines.base import Task, Trainings
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.engines.own_fit import declare_fit, fit_own, written_arguments
from kt_grid.errors import SearchFailedError, UsageError
from kt_grid.search.observer import Silent
from kt_grid.search.setup import make_setup
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.space.objective import Extras, Objective

pytestmark = pytest.mark.usefixtures("eagerly")

X = np.random.RandomState(1).normal(size=(16, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)
ARRAYS = Arrays(X, Y)


class Logistic(keras_tuner.HyperModel):
    """Builds only; the classes below train in their own ways."""

    def build(self, hp):
        model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])
        return model


class Returns(Logistic):
    def __init__(self, result):
        super().__init__()
        self.result = result
        self.calls = []

    def fit(self, hp, model, *args, **kwargs):
        self.calls.append((args, kwargs))
        return self.result


def test_an_overridden_fit_is_noticed():
    assert overrides_fit(Returns(1.0))
    assert not overrides_fit(Logistic())


@pytest.mark.parametrize(
    ("result", "scores"),
    [
        (0.25, {"": 0.25}),
        (np.float32(0.25), {"": 0.25}),
        ({"val_f1": np.float32(0.5), "val_loss": 2}, {"val_f1": 0.5, "val_loss": 2.0}),
        (keras.callbacks.History(), {}),
    ],
    ids=["float", "numpy", "dict", "history"],
)
def test_what_fit_returns_are_the_scores(result, scores):
    returned = fit_own(Returns(result), None, None, ARRAYS, ARRAYS, FitArguments())
    assert returned == scores
    assert {type(value) for value in returned.values()} <= {float}


@pytest.mark.parametrize("result", [None, "0.5", [0.5]], ids=["none", "word", "list"])
def test_another_result_fails_the_trial(result):
    with pytest.raises(keras_tuner.errors.FailedTrialError, match="to return a History, a number"):
        fit_own(Returns(result), None, None, ARRAYS, ARRAYS, FitArguments())


def test_fit_is_given_rows_weights_validation_data_and_copies_of_callbacks():
    hypermodel = Returns(1.0)
    callback = keras.callbacks.TerminateOnNaN()
    weights = np.arange(16.0)
    fit = FitArguments(class_weight={0: 1, 1: 2}, callbacks=(callback,), own={"steps": 3})
    test = Arrays(X[:4], Y[:4], weights[:4])
    fit_own(hypermodel, None, None, Arrays(X, Y, weights), test, fit)
    ((x, y), kwargs) = hypermodel.calls[0]
    assert x is X
    assert y is Y
    assert kwargs.pop("sample_weight") is weights
    assert [len(part) for part in kwargs.pop("validation_data")] == [4, 4, 4]
    (copied,) = kwargs.pop("callbacks")
    assert isinstance(copied, keras.callbacks.TerminateOnNaN)
    assert copied is not callback
    assert kwargs == {"class_weight": {0: 1, 1: 2}, "steps": 3}


def test_the_refit_has_no_validation_data():
    hypermodel = Returns(1.0)
    fit_own(hypermodel, None, None, ARRAYS, None, FitArguments())
    assert set(hypermodel.calls[0][1]) == {"callbacks"}


class Guide(Logistic):
    """As in keras-tuner's guide; also notes the steps of an epoch and the epochs."""

    def __init__(self):
        super().__init__()
        self.trained = []

    def fit(self, hp, model, *args, **kwargs):
        size = hp.Choice("batch_size", [4, 8])
        history = model.fit(*args, batch_size=size, **kwargs, verbose=0)
        self.trained.append((history.params["steps"], history.params["epochs"]))
        return history


class Plain(Guide):
    """Takes batch size and epochs as they come."""

    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, **kwargs, verbose=0)
        self.trained.append((history.params["steps"], history.params["epochs"]))
        return history


class Conditional(Logistic):
    def fit(self, hp, model, x, y, **kwargs):
        hp.Choice("warm", [True, False])
        model.summary()


@pytest.mark.parametrize(
    ("hypermodel", "names", "supplied"),
    [
        pytest.param(Guide(), ["batch_size"], {"batch_size", "verbose", "callbacks"}, id="guide"),
        pytest.param(Plain(), [], {"verbose"}, id="plain"),
        pytest.param(Conditional(), ["warm"], set(), id="more than fit"),
    ],
)
def test_fit_is_asked_beforehand_what_it_declares(hypermodel, names, supplied):
    space, passed = declare_fit(hypermodel, keras_tuner.HyperParameters(), ARRAYS, FitArguments())
    assert [entry.name for entry in space.space] == names
    assert passed - {"validation_data"} == supplied


class Loud(Logistic):
    """Leaves traces of every call of its fit."""

    def __init__(self):
        super().__init__()
        self.runs = 0


class HandsOn(Loud):
    def fit(self, hp, model, x, y, **kwargs):
        self.runs += 1
        held_out = kwargs.pop("validation_data", None)
        return model.fit(x, y, validation_data=held_out, **kwargs)


class Supers(HandsOn):
    def fit(self, hp, model, *args, **kwargs):
        self.runs += 1
        return super().fit(hp, model, *args, verbose=0, **kwargs)


class Sets(Loud):
    def fit(self, hp, model, *args, **kwargs):
        self.runs += 1
        print("fits")
        kwargs["batch_size"] = 4
        return model.fit(*args, **kwargs)


class Unpacks(Loud):
    def fit(self, hp, model, *args, **kwargs):
        self.runs += 1
        more = {"batch_size": 4}
        return model.fit(*args, **kwargs, **more)


class Declares(Loud):
    def fit(self, hp, model, *args, **kwargs):
        self.runs += 1
        size = self.size(hp)
        return model.fit(*args, **{**kwargs, "batch_size": size})

    def size(self, hp):
        return hp.Choice("batch_size", [4, 8])


class Takes(Loud):
    def fit(self, hp, model, x, y, **kwargs):
        self.runs += 1
        epochs = kwargs.pop("epochs", 9)
        return model.fit(x, y, epochs=epochs, batch_size=kwargs.pop("batch_size", 4), verbose=0)


class Untold(Loud):
    def fit(self, *given, **kwargs):
        self.runs += 1
        return given[1].fit(*given[2:], batch_size=4, **kwargs)


@pytest.mark.parametrize(
    ("hypermodel", "runs", "supplied"),
    [
        pytest.param(HandsOn(), 0, set(), id="hands on"),
        pytest.param(Supers(), 0, {"verbose"}, id="calls super"),
        pytest.param(Sets(), 1, {"batch_size"}, id="changes what it hands on"),
        pytest.param(Unpacks(), 1, {"batch_size"}, id="unpacks a dict"),
        pytest.param(Declares(), 1, {"batch_size"}, id="declares in a method"),
        pytest.param(Takes(), 0, {"verbose"}, id="takes out what it was given"),
        pytest.param(Untold(), 1, {"batch_size"}, id="names no hp"),
    ],
)
def test_a_fit_is_run_beforehand_only_if_it_may_declare(hypermodel, runs, supplied, capsys):
    _, passed = declare_fit(hypermodel, keras_tuner.HyperParameters(), ARRAYS, FitArguments())
    assert hypermodel.runs == runs
    assert supplied <= passed
    assert ("batch_size" in passed) == ("batch_size" in supplied)
    assert capsys.readouterr().out == ""


def make_tuner(directory, hypermodel, **options):
    return CrossValidationTuner(hypermodel, cv=2, directory=directory, engine="keras", **options)


def test_what_a_fit_takes_out_of_its_arguments_reaches_it(tmp_path):
    class Steps(Takes):
        def fit(self, hp, model, *args, **kwargs):
            self.history = super().fit(hp, model, *args, **kwargs)
            return self.history

    hypermodel = Steps()
    make_tuner(tmp_path, hypermodel).search(X, Y, epochs=2, batch_size=8)
    assert hypermodel.history.params["epochs"] == 2
    assert hypermodel.history.params["steps"] == 1
    grid = make_tuner(tmp_path, hypermodel, grid={"epochs": [3]}, project_name="grid")
    grid.search(X, Y, epochs=2, batch_size=8)
    assert hypermodel.history.params["epochs"] == 3


def test_an_axis_that_fit_overrules_is_told(tmp_path):
    class Fixed(Logistic):
        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, epochs=2, verbose=0, **kwargs)

    notes = []

    class Told(Silent):
        def note(self, message):
            notes.append(message)

    tuner = make_tuner(tmp_path, Fixed(), grid={"epochs": [2, 3]}, observer=Told())
    tuner.search(X, Y)
    assert "axis 'epochs' of the grid changes nothing, as Fixed.fit sets it" in notes


def test_an_axis_that_fit_looks_up_counts(tmp_path):
    class Looks(Loud):
        def fit(self, hp, model, *args, **kwargs):
            self.runs += 1
            return model.fit(*args, epochs=hp.get("epochs"), verbose=0, **kwargs)

    tuner = make_tuner(tmp_path, Looks(), grid={"epochs": [2, 3]})
    tuner.search(X, Y)
    assert tuner.hypermodel.runs == 2 * 2 + 2


def test_an_axis_declared_in_fit_is_in_the_grid_before_the_search(tmp_path):
    hypermodel = Guide()
    tuner = make_tuner(tmp_path, hypermodel)
    begun = []

    class Told(Silent):
        def begin(self, trials, folds, finished):
            begun.append((trials, folds, finished))

    tuner.observer = Told()
    tuner.search(X, Y, epochs=2)
    assert begun == [(2, 2, 0)]
    assert list(tuner.results()["params"]) == [{"batch_size": 4}, {"batch_size": 8}]
    # Eight rows to train on: two steps of four, one of eight.
    assert hypermodel.trained == [(2, 2)] * 2 + [(1, 2)] * 2


def test_the_grid_is_passed_on_where_fit_supplies_nothing(tmp_path):
    hypermodel = Plain()
    tuner = make_tuner(tmp_path, hypermodel, grid={"batch_size": [2], "epochs": [3, 1]})
    tuner.search(X, Y)
    assert hypermodel.trained == [(4, 3)] * 2 + [(4, 1)] * 2


def test_the_grid_counts_beside_arguments_of_the_search(tmp_path):
    hypermodel = Plain()
    tuner = make_tuner(tmp_path, hypermodel, grid={"batch_size": [2], "epochs": [3, 1]})
    tuner.search(X, Y, epochs=2, batch_size=8)
    assert hypermodel.trained == [(4, 3)] * 2 + [(4, 1)] * 2


def test_the_grid_stands_before_what_fit_declares(tmp_path):
    hypermodel = Guide()
    tuner = make_tuner(tmp_path, hypermodel, grid={"batch_size": [2], "epochs": [1]})
    tuner.search(X, Y)
    assert hypermodel.trained == [(4, 1)] * 2


def test_after_a_history_the_model_is_scored_as_fit_left_it():
    task = Task(0, np.arange(8), np.arange(8, 16), 3)
    fit = FitArguments(own={"epochs": 2})
    hp = keras_tuner.HyperParameters()
    (trained,) = KerasFit().run(Trainings(Plain(), hp, ARRAYS, fit, [task]))
    kernel, bias = trained.model.get_weights()
    predicted = 1 / (1 + np.exp(-(X[8:] @ kernel + bias)[:, 0]))
    losses = -np.log(np.where(Y[8:] == 1, predicted, 1 - predicted))
    assert trained.scores["val_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert trained.scores["val_accuracy"] == np.mean((predicted > 0.5) == Y[8:])


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        (0.5, "COMPLETED", None),
        ({"val_accuracy": 0.5}, "COMPLETED", None),
        (None, "FAILED", "Expected HyperModel.fit to return a History, a number or a dict"),
        ({"val_other": 0.5}, "FAILED", "Expected a finite val_accuracy among the scores"),
    ],
    ids=["float", "dict", "none", "dict without the objective"],
)
def test_a_trial_takes_what_fit_returns(tmp_path, result, status, reason):
    tuner = make_tuner(tmp_path, Returns(result), objective="val_accuracy")
    with nullcontext() if reason is None else pytest.raises(SearchFailedError, match=reason):
        tuner.search(X, Y)
    (trial,) = tuner.search_results().trials
    assert trial.status == status
    assert (trial.reason or "").startswith(reason or "")
    assert trial.scores == ((0.5, 0.5) if reason is None else ())


class Careful(Guide):
    """Does something else with the model first."""

    def fit(self, hp, model, *args, **kwargs):
        model.count_params()
        return super().fit(hp, model, *args, **kwargs)


def test_an_argument_that_fit_supplies_is_not_passed_twice(tmp_path):
    hypermodel = Careful()
    tuner = make_tuner(tmp_path, hypermodel, grid={"batch_size": [2]})
    tuner.search(X, Y)
    assert [t.reason for t in tuner.search_results().trials] == [None]
    assert hypermodel.trained == [(4, 1)] * 2


def test_a_bare_number_has_no_direction_of_its_own(tmp_path):
    tuner = make_tuner(tmp_path, Returns(0.5))
    with pytest.raises(SearchFailedError, match="a stated objective for the bare number"):
        tuner.search(X, Y)
    (trial,) = tuner.search_results().trials
    assert trial.reason.startswith("Expected a stated objective for the bare number")


class Written(Plain):
    """Passes on what it is given too, as keras-tuner's guides do, beside arguments of its own."""

    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, batch_size=8, epochs=2, **kwargs, verbose=0)
        self.trained.append((history.params["steps"], history.params["epochs"]))
        return history


class Evaluating(Plain):
    """Scores in other batches than it trains in."""

    def fit(self, hp, model, *args, **kwargs):
        history = super().fit(hp, model, *args, **kwargs)
        model.evaluate(*args, batch_size=16, verbose=0)
        return history


class Named(Plain):
    """Asks for its arguments by name."""

    def fit(self, hp, model, x, y, epochs, batch_size, validation_data, **kwargs):
        assert len(validation_data) == 2
        history = model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)
        self.trained.append((history.params["steps"], history.params["epochs"]))
        return history


class Sourceless(Logistic):
    exec("def fit(self, hp, model, x, y, **kwargs):\n    return model.fit(x, y, epochs=2)")  # noqa: S102 - our own text


@pytest.mark.parametrize(
    ("hypermodel", "written"),
    [
        pytest.param(Guide(), {"batch_size", "verbose"}, id="guide"),
        pytest.param(Plain(), {"verbose"}, id="plain"),
        pytest.param(Written(), {"batch_size", "epochs", "verbose"}, id="its own"),
        pytest.param(Careful(), {"batch_size", "verbose"}, id="its base's"),
        pytest.param(Evaluating(), {"verbose"}, id="evaluates"),
        pytest.param(Named(), {"verbose"}, id="what it is given by name"),
        pytest.param(Conditional(), set(), id="trains nothing"),
        pytest.param(Sourceless(), set(), id="no source"),
        pytest.param(Logistic(), set(), id="keras-tuner's"),
    ],
)
def test_what_fit_writes_itself_is_read_from_its_source(hypermodel, written):
    assert written_arguments(hypermodel) == written


@pytest.mark.parametrize(
    ("hypermodel", "own", "passed"),
    [
        pytest.param(Plain(), {"epochs": 3, "batch_size": 4}, ("batch_size", "epochs"), id="plain"),
        pytest.param(Guide(), {"epochs": 3}, ("epochs",), id="guide"),
        pytest.param(Written(), {}, (), id="its own arguments win"),
        pytest.param(Named(), {"epochs": 3, "batch_size": 4}, ("batch_size", "epochs"), id="named"),
        pytest.param(Logistic(), {}, (), id="no fit of its own"),
    ],
)
def test_a_search_gives_fit_what_it_does_not_supply_itself(hypermodel, own, passed):
    setup = make_setup(
        hypermodel,
        ARRAYS,
        cv=2,
        grid={"batch_size": [2], "epochs": [1]},
        fit={"epochs": 3, "batch_size": 4},
        objective=Objective("val_loss", "min"),
        extras=Extras(),
        engine="keras",
    )
    assert (dict(setup.fit.own), set(setup.passed_axes)) == (own, set(passed))


@pytest.mark.parametrize(
    ("hypermodel", "trained", "refitted"),
    [
        pytest.param(Written(), (1, 2), (2, 2), id="its own arguments win"),
        pytest.param(Named(), (2, 3), (4, 3), id="arguments by name are given"),
        pytest.param(Evaluating(), (2, 3), (4, 3), id="what evaluates says nothing of training"),
    ],
)
def test_arguments_are_given_once_and_where_they_are_asked_for(
    tmp_path, hypermodel, trained, refitted
):
    tuner = make_tuner(tmp_path, hypermodel)
    tuner.search(X, Y, epochs=3, batch_size=4)
    assert [t.status for t in tuner.search_results().trials] == ["COMPLETED"]
    tuner.refit()
    assert hypermodel.trained == [trained, trained, refitted]


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True, np.nan], ids=str)
def test_epochs_and_batches_are_whole_numbers_from_1(raises, name, value):
    with raises(UsageError, name, repr(value)):
        fit_arguments(keras_tuner.HyperModel(), {name: value})


def test_numpys_whole_numbers_become_pythons():
    fit = fit_arguments(keras_tuner.HyperModel(), {"epochs": np.int64(2)})
    assert (fit.epochs, type(fit.epochs)) == (2, int)
