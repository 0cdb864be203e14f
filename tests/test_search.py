"""From an experiment and options to a plan, and from a plan to a finished search."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.errors import DataError, GridError, MismatchError, ObjectiveError, UsageError
from kt_grid.experiments import REGISTRY, Experiment
from kt_grid.observer import Silent
from kt_grid.search import Options, command, plan, run
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
        ({"objective": "val_loss"}, "objective"),
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


def test_classes_must_be_0_and_1_where_the_network_expects_them(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text("1,0\n2,1\n3,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"classes 0 and 1 in column '1'.*Received: 2"):
        plan(REGISTRY["neurons"], Options(data=path))


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
    assert run(planned(), counted).trials == results.trials
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


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({}, "kt-grid run neurons", id="defaults"),
        pytest.param(
            {"grid": {"neurons": (5, 10)}, "folds": 5, "seed": 1, "sample": 0.5},
            "kt-grid run neurons --grid neurons=5,10 --folds 5 --seed 1 --sample 0.5",
            id="options",
        ),
        pytest.param(
            {"cv": "shuffled-kfold", "data": Path("a b.csv"), "repeats": 2},
            "kt-grid run neurons --cv shuffled-kfold --repeats 2 --data 'a b.csv'",
            id="quoted",
        ),
        pytest.param(
            {"directory": Path("elsewhere"), "refit": False, "workers": 3},
            "kt-grid run neurons",
            id="what-changes-no-number",
        ),
    ],
)
def test_command_that_runs_a_search_again(changes, line):
    planned = plan(REGISTRY["neurons"], Options())
    assert command(replace(planned, options=Options(**changes))) == line


def test_command_of_an_experiment_of_ones_own():
    own = replace(REGISTRY["neurons"], name="build", source="some/own.py")
    assert command(plan(own, Options())) == "kt-grid run some/own.py:build"
    assert command(plan(replace(own, name="own"), Options())) == "kt-grid run some/own.py"
