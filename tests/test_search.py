"""From an experiment and options to a plan, and from a plan to a finished search."""

import json

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.errors import DataError, GridError, MismatchError, ObjectiveError, UsageError
from kt_grid.experiments import REGISTRY, Experiment
from kt_grid.observer import Silent
from kt_grid.search import Options, plan, run
from kt_grid.tuner import CrossValidationTuner


class Cheap(keras_tuner.HyperModel):
    """Scores a model by its initial weights, which takes no training."""

    def build(self, hp):
        model = keras.Sequential([keras.layers.Dense(hp.Choice("units", [2, 3]))])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        model.optimizer.build(model.trainable_variables)
        return float(abs(model.get_weights()[0]).mean())


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
    def make(model=None, **options):
        options = {"directory": tmp_path / "runs", "data": toy_csv, "engine": "keras"} | options
        return plan(Experiment("cheap", model or Cheap()), Options(**options))

    return make


def test_a_plan_of_the_tutorial_is_its_grid_on_its_data(pima):
    made = plan(REGISTRY["batch_epochs"], Options(grid={"epochs": (3,)}))
    sizes = [10, 20, 40, 60, 80, 100]
    assert made.trials() == [{"batch_size": size, "epochs": 3} for size in sizes]
    assert made.splits == 3
    assert made.identity["rows"] == 768
    assert made.identity["fit"] == {"epochs": 100, "batch_size": 10}
    assert str(made.objective) == "max:val_accuracy"
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
    assert planned(**options).identity[entry] != planned().identity[entry]


def test_the_grid_and_the_place_are_no_part_of_the_identity(planned, tmp_path):
    other = planned(grid={"units": (7,)}, directory=tmp_path / "other", keep="all", refit=False)
    assert other.identity == planned().identity


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cv": "loo"}, UsageError, "kfold, shuffled-kfold. Received: 'loo'"),
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
def test_another_wish_is_no_finished_search(planned, options, trained):
    run(planned())
    made, counted = planned(**options), Counted()
    assert made.finished() is None
    results = run(made, counted)
    assert counted.folds == trained
    assert [t.parameters for t in results.trials] == made.trials()
    assert results.complete


def test_a_refit_that_was_left_out_is_made_up_for(planned):
    results = run(planned(refit=False))
    store = planned().store
    assert not store.model_file.exists()
    assert planned(refit=False).finished() == results
    assert planned().finished() is None
    counted = Counted()
    assert run(planned(), counted) == results
    assert counted.folds == 0
    assert store.refit_parameters() == results.best.parameters


def test_another_search_in_its_place_is_refused(planned):
    run(planned())
    with pytest.raises(MismatchError, match="another seed, 7 there, 8 asked for"):
        run(planned(seed=8))
    assert run(planned(seed=8, overwrite=True)).seed == 8


def test_a_plan_and_the_tuner_describe_a_search_alike(planned, tmp_path):
    """So either goes on with what the other began."""
    made = planned()
    run(made)
    written = json.loads((tmp_path / "runs" / "cheap" / "search.json").read_text())
    assert {name: written[name] for name in made.identity} == made.identity
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
    assert made.dataset.rows == made.identity["rows"] == 12
    whole = planned().dataset.x.tolist()
    places = [whole.index(row) for row in made.dataset.x.tolist()]
    assert places == sorted(set(places))


@pytest.mark.parametrize("option", ["keep", "engine"])
def test_a_plan_refuses_words_that_only_training_would_meet(option):
    with pytest.raises(UsageError, match=rf"Expected {option} to be one of .* Received: 'some'"):
        plan(REGISTRY["neurons"], Options(**{option: "some"}))
