"""A refitted model on new rows: its figures by scikit-learn and plain numpy."""

import keras
import numpy as np
import pytest
import sklearn.metrics

from kt_grid.errors import DataError, PredictionError
from kt_grid.search.evaluate import evaluate_file
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, RefitRecord, SearchRecord

RANDOM = np.random.RandomState(3)
X = RANDOM.normal(size=(40, 2)).astype(np.float32)
# The last class stands in no row, but the model has an output for it.
PLACES = RANDOM.randint(0, 2, 40)
LABELS = ["bad", "good", "ugly"]


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path, "search")


@pytest.fixture
def write(tmp_path):
    """Writes rows with targets, and perhaps a head, as CSV."""

    def write(targets, *, head="left,class,right", rows=X):
        path = tmp_path / "new.csv"
        lines = [f"{a},{target},{b}" for (a, b), target in zip(rows, targets, strict=True)]
        path.write_text("\n".join([head, *lines] if head else lines), encoding="utf-8")
        return path

    return write


def make(store, units, loss, metrics=(), activation="linear", **about):
    """A search whose refit has random weights; what it gives for `X` before its activation."""
    store.prepare()
    identity = Identity("min:val_loss", folds=2, seed=7)
    known = {"features": ["left", "right"], "target": "class", "target_column": 1} | about
    record = SearchRecord((), experiment="search", repeats=1, identity=identity)
    store.write_record(record.with_entries(known))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation=activation)])
    model.compile(loss=loss, metrics=[*metrics])
    model.optimizer.build(model.trainable_variables)
    kernel, bias = (RANDOM.normal(size=w.shape) for w in model.get_weights())
    model.set_weights([kernel, bias])
    store.write_refit(RefitRecord("0001", {"units": units}, 1, identity), model.save)
    return X @ kernel + bias


def softmax(values):
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


def sigmoid(values):
    return 1 / (1 + np.exp(-values[:, 0]))


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        pytest.param(["no", "yes"], ["no", "yes"], id="texts"),
        pytest.param(["1", "2.0"], ["1", "2"], id="numbers-with-names"),
        pytest.param(["0", "1"], [], id="numbers"),
    ],
)
@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
def test_two_classes(store, write, words, labels, logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    metrics = [keras.metrics.BinaryAccuracy("accuracy", threshold=0 if logits else 0.5)]
    activation = "linear" if logits else "sigmoid"
    probabilities = sigmoid(make(store, 1, loss, metrics, activation, labels=labels))
    found = evaluate_file(store, write([words[place] for place in PLACES]))
    predicted = probabilities > 0.5
    assert found.rows == 40
    assert found.figures == pytest.approx(
        {
            "loss": sklearn.metrics.log_loss(PLACES, probabilities),
            "accuracy": sklearn.metrics.accuracy_score(PLACES, predicted),
        },
        rel=1e-4,
    )
    assert found.classes == tuple(labels or ["0", "1"])
    assert np.array_equal(found.confusion, sklearn.metrics.confusion_matrix(PLACES, predicted))


@pytest.mark.parametrize("kind", ["categorical", "sparse_categorical"])
@pytest.mark.parametrize("labels", [LABELS, ["1", "3", "7"], []], ids=["texts", "numbers", "none"])
def test_many_classes_are_all_in_the_matrix(store, write, kind, labels):
    loss, metric = f"{kind}_crossentropy", f"{kind}_accuracy"
    outputs = softmax(make(store, 3, loss, [metric], "softmax", labels=labels))
    words = labels or ["0", "1", "2"]
    found = evaluate_file(store, write([words[place] for place in PLACES]))
    predicted = outputs.argmax(axis=1)
    expected = {
        "loss": sklearn.metrics.log_loss(PLACES, outputs, labels=[0, 1, 2]),
        metric: sklearn.metrics.accuracy_score(PLACES, predicted),
    }
    assert found.figures == pytest.approx(expected, rel=1e-4)
    assert next(iter(found.figures)) == "loss"
    assert found.classes == tuple(words)
    by_hand = sklearn.metrics.confusion_matrix(PLACES, predicted, labels=[0, 1, 2])
    assert np.array_equal(found.confusion, by_hand)


def test_numbers_have_figures_and_no_matrix(store, write):
    predicted = make(store, 1, "mse", ["mae"])[:, 0]
    targets = RANDOM.normal(size=40).round(3)
    found = evaluate_file(store, write(targets))
    expected = {
        "loss": sklearn.metrics.mean_squared_error(targets, predicted),
        "mae": sklearn.metrics.mean_absolute_error(targets, predicted),
    }
    assert found.figures == pytest.approx(expected, rel=1e-4)
    assert (found.classes, found.confusion) == ((), ())


def test_columns_are_found_by_name_or_place(store, write):
    make(store, 1, "mse")
    targets = RANDOM.normal(size=40).round(3)
    named = evaluate_file(store, write(targets))
    assert evaluate_file(store, write(targets, head="")) == named
    turned = write(targets, head="right,class,left", rows=X[:, ::-1])
    assert evaluate_file(store, turned) == named


def test_rows_with_gaps_are_treated_as_in_the_search(store, write, raises):
    about = {"reading": {"missing": "drop", "na_values": ["-"], "zero_is_missing": ["left"]}}
    predicted = make(store, 1, "mse", **about)[:, 0]
    targets = RANDOM.normal(size=40).round(3)
    rows = X.astype(object)
    rows[3, 0], rows[5, 1] = 0, "-"
    told = targets.astype(object)
    told[7] = "NA"
    kept = [row for row in range(40) if row not in (3, 5, 7)]
    found = evaluate_file(store, write(told, rows=rows))
    assert found.rows == 37
    expected = sklearn.metrics.mean_squared_error(targets[kept], predicted[kept])
    assert found.figures["loss"] == pytest.approx(expected, rel=1e-4)
    make(store, 1, "mse")
    with raises(DataError, "line 9, column 2 ('class')", "'NA'"):
        evaluate_file(store, write(told))


@pytest.mark.parametrize("labels", [LABELS, []], ids=["texts", "numbers"])
def test_arrays_have_a_target_too(store, tmp_path, labels):
    about = {"features": [], "target": "y", "target_column": -1, "labels": labels}
    loss = "sparse_categorical_crossentropy"
    outputs = softmax(make(store, 3, loss, (), "softmax", **about))
    path = tmp_path / "new.npz"
    np.savez(path, x=X, y=np.array(labels)[PLACES] if labels else PLACES)
    found = evaluate_file(store, path)
    expected = sklearn.metrics.log_loss(PLACES, outputs, labels=[0, 1, 2])
    assert found.figures["loss"] == pytest.approx(expected, rel=1e-4)
    assert np.sum(found.confusion) == 40


@pytest.mark.parametrize(
    ("labels", "strange", "told"),
    [
        pytest.param(LABELS, "odd", ["line 4", "bad, good, ugly", "'odd'"], id="text"),
        pytest.param(["1", "3", "7"], "2", ["line 4", "1, 3, 7", "'2'"], id="number-with-name"),
        pytest.param([], "3", ["from 0 to 2", "3 in row 2"], id="number"),
    ],
)
def test_a_class_that_was_not_there_in_training_is_refused(
    store, write, raises, labels, strange, told
):
    make(store, 3, "sparse_categorical_crossentropy", (), "softmax", labels=labels)
    # Other classes alone: as many as the model has, so that they could be numbered anew.
    targets = [(labels or ["0", "1"])[0]] * 40
    targets[2] = strange
    with raises(DataError, *told):
        evaluate_file(store, write(targets))


def test_rows_without_a_target_are_refused(store, tmp_path, raises):
    make(store, 1, "mse")
    path = tmp_path / "new.csv"
    path.write_text("left,right\n1,2\n", encoding="utf-8")
    with raises(DataError, "'class'", "left, right"):
        evaluate_file(store, path)


def test_a_search_on_arrays_of_python_has_no_file_to_read(store, write, raises):
    make(store, 1, "mse")
    plain = store.read_record().with_entries({"target_column": None})
    store.write_record(plain)
    with raises(PredictionError, "load_predictor"):
        evaluate_file(store, write(PLACES))
