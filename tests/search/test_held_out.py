"""Predictions for held-out rows, against models and counts by hand."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from kt_grid.data.targets import Loss
from kt_grid.engines.first_model import CompileArguments
from kt_grid.errors import PredictionError, UsageError
from kt_grid.search.held_out import Predicted, predict_held_out, recorded_outputs
from kt_grid.search.outputs import Outputs
from kt_grid.search.results import read_results
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.space import DecisionTree, key, make_axes
from kt_grid.splitters import KFold
from kt_grid.store.held_out import HeldOut

RANDOM = np.random.RandomState(3)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
WORDS = np.where(X[:, 0] + 0.3 * X[:, 1] > 0, "yes", "no")


def build(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Choice("units", [2, 3]))])
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def searched(directory, model=build, x=X, y=WORDS, cv=None, **options):
    tuner = CrossValidationTuner(model, directory=directory, cv=cv or KFold(3), **options)
    tuner.search(x, y, verbose=0, epochs=2, batch_size=4)
    return tuner


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "kept",
    [pytest.param(False, id="worked out"), pytest.param(True, id="kept", marks=pytest.mark.full)],
)
def test_each_row_is_predicted_by_the_model_that_does_not_know_it(tmp_path, kept):
    tuner = searched(tmp_path, keep_predictions=kept, engine="keras")
    table = tuner.held_out_predictions()
    assert list(table) == ["row", "repeat", "fold", "y_true", "p_no", "p_yes", "class"]
    assert table["row"].tolist() == list(range(12))
    assert table["repeat"].tolist() == [0] * 12
    assert table["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table["y_true"].tolist() == WORDS.tolist()
    (best,) = tuner.oracle.get_best_trials(1)
    expected = np.concatenate(
        [
            model.predict(X[4 * fold : 4 * fold + 4], verbose=0)[:, 0]
            for fold, model in enumerate(tuner.load_fold_models(best))
        ]
    )
    np.testing.assert_allclose(table["p_yes"], expected, rtol=1e-5)
    np.testing.assert_allclose(table["p_no"], 1 - expected, rtol=1e-5)
    assert table["class"].tolist() == np.where(expected > 0.5, "yes", "no").tolist()
    right = (table["class"] == table["y_true"]).groupby(table["fold"]).mean()
    np.testing.assert_allclose(right, tuner.search_results().best.scores)

    counts = tuner.confusion_matrix()
    np.testing.assert_array_equal(
        counts, confusion_matrix(WORDS, table["class"], labels=["no", "yes"])
    )
    assert (counts.index.name, [*counts.index]) == ("true", ["no", "yes"])
    assert (counts.columns.name, [*counts.columns]) == ("predicted", ["no", "yes"])

    found = read_results(tmp_path / "search")
    if kept:
        pd.testing.assert_frame_equal(found.held_out_predictions(), table)
        pd.testing.assert_frame_equal(found.confusion_matrix(), counts)
    else:
        with pytest.raises(PredictionError, match="keep_predictions=True"):
            found.held_out_predictions()
    again = searched(tmp_path, keep_predictions=kept, engine="keras")
    pd.testing.assert_frame_equal(again.held_out_predictions(), table)


@pytest.mark.usefixtures("eagerly")
def test_any_trial_may_be_asked_for(tmp_path, raises):
    tuner = searched(tmp_path, engine="keras", grid={"units": [2, 3]}, keep="all")
    by_id = [tuner.held_out_predictions(trial) for trial in ("0000", "0001")]
    assert not by_id[0]["p_yes"].equals(by_id[1]["p_yes"])
    pd.testing.assert_frame_equal(tuner.held_out_predictions({"units": 3}), by_id[1])
    with raises(UsageError, "0000, 0001", "'9'"):
        tuner.held_out_predictions(9)


def test_weights_that_were_not_kept_are_missed(tmp_path, raises):
    tuner = searched(tmp_path, keep="best")
    best = tuner.search_results().best.trial_id
    other = "0001" if best == "0000" else "0000"
    assert len(tuner.held_out_predictions(best)) == 12
    with raises(PredictionError, f"trial {other}", "keep='all'"):
        tuner.held_out_predictions(other)


def told(y_true, y_pred, loss, labels=(), folds=1):
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred, np.float64)
    parts = [([n], y_true[n : n + 1], y_pred[n : n + 1]) for n in range(len(y_true))]
    return Predicted(HeldOut.of_splits(parts), Outputs(loss, labels), folds)


def test_repeats_and_folds_are_counted():
    found = told([0.5, 1, 2, 3], [[1], [2], [3], [4]], Loss("mean_squared_error", 1), folds=2)
    table = found.to_frame()
    assert list(table) == ["row", "repeat", "fold", "y_true", "prediction"]
    assert table["repeat"].tolist() == [0, 0, 1, 1]
    assert table["fold"].tolist() == [0, 1, 0, 1]
    assert table["y_true"].tolist() == [0.5, 1, 2, 3]
    assert table["prediction"].tolist() == [1, 2, 3, 4]


def test_several_targets_are_numbered():
    table = told([[1, 2]], [[3, 4]], Loss("mean_squared_error", 2)).to_frame()
    assert [*table.loc[0, ["y_true_0", "y_true_1", "prediction_0", "prediction_1"]]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("y_true", "loss"),
    [
        pytest.param([0, 2], Loss("sparse_categorical_crossentropy", 3), id="places"),
        pytest.param([[0], [2]], Loss("sparse_categorical_crossentropy", 3), id="column"),
        pytest.param([[1, 0, 0], [0, 0, 1]], Loss("categorical_crossentropy", 3), id="one-hot"),
    ],
)
def test_classes_have_their_names_in_whatever_form_the_loss_takes_them(y_true, loss):
    found = told(y_true, [[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]], loss, ("a", "b", "c"))
    table = found.to_frame()
    assert table["y_true"].tolist() == ["a", "c"]
    assert table["class"].tolist() == ["c", "c"]
    counts = found.confusion()
    assert counts.to_numpy().tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 1]]


def test_logits_become_probabilities():
    loss = Loss("binary_crossentropy", 1, from_logits=True)
    table = told([0, 1], [[-1.0], [0.25]], loss).to_frame()
    np.testing.assert_allclose(table["p_1"], 1 / (1 + np.exp([1.0, -0.25])))
    assert table["class"].tolist() == [0, 1]
    assert table["y_true"].tolist() == [0, 1]


def test_numbers_have_no_confusion_matrix(raises):
    with raises(PredictionError, "a classifier", "mean_squared_error"):
        told([1.0], [[2.0]], Loss("mean_squared_error", 1)).confusion()


def test_a_model_with_several_outputs_is_refused(raises):
    class Two:
        def predict(self, x, verbose):
            return [x, x]

    from kt_grid.data.arrays import Arrays

    with raises(PredictionError, "one output", "2 outputs"):
        predict_held_out([Two()], [([0], [1])], Arrays(X, X))


TWO_LOSSES = {
    "tree": DecisionTree.from_axes(make_axes({"kind": ["a", "b"]})).to_json(),
    "compiled": [CompileArguments(Loss(name)).to_json() for name in ("binary_crossentropy", "mse")],
    "ways": {key({"kind": "a"}): 0, key({"kind": "b"}): 1},
    "supplied": None,
}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param(
            {"builds": {"compiled": [{"loss": {"name": "hinge"}}] * 2}}, "hinge", id="builds"
        ),
        pytest.param({"command": "kt-grid run neurons"}, "binary_crossentropy", id="network"),
        pytest.param({"command": "kt-grid run a.py", "file": "a.py"}, None, id="0.1.0's"),
        pytest.param(
            {"builds": {"compiled": [{"loss": {"name": n}} for n in ("a", "b")]}}, None, id="lost"
        ),
        pytest.param({"builds": TWO_LOSSES}, "mse", id="by the trial's parameters"),
    ],
)
def test_what_outputs_mean_is_read_from_search_json(search_record, raises, entries, expected):
    from dataclasses import replace

    record = search_record(**{n: e for n, e in entries.items() if n != "builds"}, labels=["x"])
    record = replace(record, builds=entries.get("builds", {}))
    if expected is None:
        with raises(PredictionError, "the loss", "Ask the tuner"):
            recorded_outputs(record, {"kind": "b"})
    else:
        outputs = recorded_outputs(record, {"kind": "b"})
        assert (outputs.loss.name, outputs.labels) == (expected, ("x",))
