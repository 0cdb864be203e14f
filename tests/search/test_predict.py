"""What a finished search predicts, by hand-set weights and plain numpy."""

import keras
import numpy as np
import pandas as pd
import pytest

from kt_grid.data.encoding import Encoder
from kt_grid.errors import DamageError, DataError, PredictionError, StoreError, UsageError
from kt_grid.search.predict import load_best_model, load_predictor, predict_file
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import FoldRecord, Identity, RefitRecord, SearchRecord

X = np.array([[1, 2], [3, -1], [-2, 0.5], [0, 0]], dtype=np.float32)
FEATURES = ("left", "right")
RANDOM = np.random.RandomState(4)


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path, "search")


@pytest.fixture
def rows_csv(tmp_path):
    path = tmp_path / "rows.csv"
    lines = ["left,class,right", *(f"{left},0,{right}" for left, right in X)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def make(store, units, activation, loss, folds=2, **about):
    """A search whose refit and fold models have random weights; those weights, the refit's last."""
    store.prepare()
    known = {"features": FEATURES, "target_column": 1} | about
    given = {name: value for name, value in known.items() if value is not None}
    store.write_record(record_of(folds, **given))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation=activation)])
    model.compile(loss=loss)
    model.optimizer.build(model.trainable_variables)
    drawn = []
    for split in [*range(folds), None]:
        drawn.append([RANDOM.normal(size=w.shape) for w in model.get_weights()])
        model.set_weights(drawn[-1])
        if split is not None:
            record = FoldRecord(split, {"units": units}, 1, {}, 1, 1.0, "keras")
            store.write_fold("0001", record, model.save_weights)
    identity = record_of(folds).identity
    store.write_refit(RefitRecord("0001", {"units": units}, 1, identity), model.save)
    return drawn


def record_of(folds, **entries):
    identity = Identity("min:val_loss", folds=folds, seed=7)
    record = SearchRecord((), experiment="search", repeats=1, identity=identity)
    return record.with_entries(entries)


def linear(weights):
    return X @ weights[0] + weights[1]


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def softmax(values):
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


def columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.mark.parametrize(
    "loss",
    [
        "binary_crossentropy",
        keras.losses.BinaryCrossentropy(),
        keras.losses.binary_crossentropy,
    ],
    ids=["name", "object", "function"],
)
@pytest.mark.parametrize("ensemble", [False, True], ids=["refit", "ensemble"])
def test_a_binary_classifier_gives_probability_and_class(store, rows_csv, loss, ensemble):
    drawn = make(store, 1, "sigmoid", loss)
    members = drawn[:-1] if ensemble else drawn[-1:]
    expected = np.mean([sigmoid(linear(weights))[:, 0] for weights in members], axis=0)
    given = columns(list(predict_file(store, rows_csv, ensemble=ensemble)))
    assert list(given) == ["row", "p_0", "p_1", "class"]
    assert given["row"] == [0, 1, 2, 3]
    np.testing.assert_allclose(given["p_1"], expected, rtol=1e-5)
    np.testing.assert_allclose(given["p_0"], 1 - expected, rtol=1e-5, atol=1e-7)
    assert given["class"] == (expected > 0.5).astype(int).tolist()


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("ensemble", [False, True], ids=["refit", "ensemble"])
def test_a_classifier_of_many_gives_the_likeliest(store, rows_csv, loss, ensemble):
    drawn = make(store, 3, "softmax", loss)
    members = drawn[:-1] if ensemble else drawn[-1:]
    expected = np.mean([softmax(linear(weights)) for weights in members], axis=0)
    given = columns(list(predict_file(store, rows_csv, ensemble=ensemble)))
    assert given["class"] == expected.argmax(axis=1).tolist()
    shown = np.transpose([given[f"p_{place}"] for place in range(3)])
    np.testing.assert_allclose(shown, expected, rtol=1e-5)


def test_a_regression_gives_its_prediction(store, rows_csv):
    weights = make(store, 1, "linear", "mse")[-1]
    given = columns(list(predict_file(store, rows_csv)))
    assert list(given) == ["row", "prediction"]
    np.testing.assert_allclose(given["prediction"], linear(weights)[:, 0], rtol=1e-5, atol=1e-6)


def test_several_outputs_are_numbered(store, rows_csv):
    weights = make(store, 2, "linear", "mse")[-1]
    given = columns(list(predict_file(store, rows_csv)))
    assert list(given) == ["row", "prediction_0", "prediction_1"]
    both = np.transpose([given["prediction_0"], given["prediction_1"]])
    np.testing.assert_allclose(both, linear(weights), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["1,2", "3,-1", "-2,0.5", "0,0"], id="no header, no target"),
        pytest.param(["1,9,2", "3,9,-1", "-2,9,0.5", "0,9,0"], id="no header"),
        pytest.param(["right,left", "2,1", "-1,3", "0.5,-2", "0,0"], id="another order"),
        pytest.param(
            ["id,right,left", "7,2,1", "7,-1,3", "7,0.5,-2", "7,0,0"], id="another column"
        ),
    ],
)
def test_columns_are_found_with_or_without_the_target(store, tmp_path, rows_csv, lines):
    make(store, 1, "linear", "mse")
    path = tmp_path / "other.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert list(predict_file(store, path)) == list(predict_file(store, rows_csv))


def test_other_columns_are_refused(store, tmp_path):
    make(store, 1, "linear", "mse")
    path = tmp_path / "wide.csv"
    path.write_text("1,2,3,4\n", encoding="utf-8")
    with pytest.raises(DataError, match="to have 2 feature columns, or 3 with the target"):
        list(predict_file(store, path))


def test_the_best_model_is_the_refit(store):
    weights = make(store, 2, "linear", "mse")[-1]
    outputs = load_best_model(store.root).predict(X, verbose=0)
    np.testing.assert_allclose(outputs, linear(weights), rtol=1e-5, atol=1e-6)


def test_nothing_can_be_predicted_before_a_search(store, rows_csv):
    with pytest.raises(StoreError, match="Run it first"):
        list(predict_file(store, rows_csv))
    with pytest.raises(PredictionError, match="Expected a refitted model"):
        load_best_model(store.root)


def test_a_refit_without_its_model_is_none(store, rows_csv, raises):
    make(store, 1, "linear", "mse")
    store.model_file.unlink()
    with raises(PredictionError, "refit()"):
        list(predict_file(store, rows_csv))


def alter(path):
    """One bit in the middle, where a model's weights are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("spoil", [alter, cut])
@pytest.mark.parametrize("name", ["model_file", "refit_file"])
def test_nothing_is_predicted_with_a_damaged_refit(store, rows_csv, raises, name, spoil):
    make(store, 1, "linear", "mse")
    spoil(getattr(store, name))
    with raises(DamageError, "model.keras", "refit.json", "another checksum"):
        list(predict_file(store, rows_csv))


@pytest.mark.parametrize("spoil", [alter, cut, lambda path: path.unlink()])
def test_an_ensemble_needs_all_folds_whole(store, rows_csv, raises, spoil):
    make(store, 1, "linear", "mse")
    spoil(store.weights("0001", 1))
    with raises(DamageError, "fold_1.weights.h5"):
        list(predict_file(store, rows_csv, ensemble=True))
    assert list(predict_file(store, rows_csv))


def test_an_ensemble_of_weights_that_were_dropped_is_refused(store, rows_csv, raises):
    make(store, 1, "linear", "mse")
    store.drop_weights("0001")
    with raises(PredictionError, "--ensemble", "--overwrite"):
        list(predict_file(store, rows_csv, ensemble=True))


def test_a_search_made_in_python_has_no_columns_to_read(store, rows_csv):
    make(store, 1, "linear", "mse")
    store.write_record(record_of(2))
    with pytest.raises(PredictionError, match=r"Use kt_grid\.load_predictor"):
        list(predict_file(store, rows_csv))


@pytest.mark.parametrize(
    ("units", "loss", "turned"),
    [
        pytest.param(1, keras.losses.BinaryCrossentropy(from_logits=True), sigmoid, id="binary"),
        pytest.param(
            3, keras.losses.SparseCategoricalCrossentropy(from_logits=True), softmax, id="many"
        ),
    ],
)
def test_logits_become_probabilities_and_classes_their_names(store, rows_csv, units, loss, turned):
    labels = ["bad", "good", "ugly"]
    weights = make(store, units, "linear", loss, labels=labels)[-1]
    expected = turned(linear(weights))
    given = columns(list(predict_file(store, rows_csv)))
    places = (expected[:, 0] > 0.5).astype(int) if units == 1 else expected.argmax(axis=1)
    assert given["class"] == [labels[place] for place in places]
    likelier = [given[f"p_{name}"][row] for row, name in enumerate(given["class"])]
    if units == 1:
        np.testing.assert_allclose(given["p_good"], expected[:, 0], rtol=1e-5)
    else:
        np.testing.assert_allclose(likelier, expected.max(axis=1), rtol=1e-5)


FRAME = pd.DataFrame(X, columns=[*FEATURES])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(FRAME, id="as-trained"),
        pytest.param(FRAME[["right", "left"]], id="another-order"),
        pytest.param(FRAME.assign(other="word", zero=0), id="further-columns"),
        pytest.param(FRAME.set_index(pd.Index(list("abcd"))), id="another-index"),
    ],
)
@pytest.mark.parametrize("ensemble", [False, True], ids=["refit", "ensemble"])
@pytest.mark.parametrize("column", [1, None], ids=["file", "python"])
def test_a_predictor_gives_what_the_command_line_gives(store, rows_csv, frame, ensemble, column):
    about = {"labels": ["no", "yes"], "target_column": column}
    drawn = make(store, 1, "sigmoid", "binary_crossentropy", **about)
    members = drawn[:-1] if ensemble else drawn[-1:]
    expected = np.mean([sigmoid(linear(weights))[:, 0] for weights in members], axis=0)
    predictor = load_predictor(store.root, ensemble=ensemble)
    given = predictor.predict(frame)
    assert list(given) == ["row", "p_no", "p_yes", "class"]
    np.testing.assert_allclose(given["p_yes"], expected, rtol=1e-5, atol=1e-7)
    assert given.index.equals(frame.index)
    alike = [predictor.predict(X)]
    if column is not None:
        alike.append(pd.DataFrame(list(predict_file(store, rows_csv, ensemble=ensemble))))
    for other in alike:
        pd.testing.assert_frame_equal(given.reset_index(drop=True), other)


@pytest.mark.parametrize("column", [1, None], ids=["file", "python"])
def test_a_predictor_names_the_columns_that_are_missing(store, raises, column):
    make(store, 1, "linear", "mse", target_column=column)
    with raises((DataError, PredictionError), "'left', 'right'"):
        load_predictor(store.root).predict(FRAME.rename(columns=str.upper))
    with raises(PredictionError, "2 columns: left, right", "(4, 1)"):
        load_predictor(store.root).predict(X[:, :1])


@pytest.mark.parametrize("how", ["one-hot", "ordinal"])
def test_unseen_categories_are_refused_or_ignored(store, tmp_path, raises, how):
    encoder = Encoder("city", how, ("Bern", "Rome"))
    column = {"one-hot": ["city"], "ordinal": ["city", "n"]}[how]
    about = {"features": column, "encoders": [encoder.to_json()], "target_column": 2}
    (kernel, bias) = make(store, 1, "linear", "mse", **about)[-1]
    frame = pd.DataFrame({"city": ["Rome", "Oslo", "Oslo"], "n": [1, 2, 3]})
    frame.to_csv(tmp_path / "new.csv", index=False)
    predictor = load_predictor(store.root)
    for place, predict in [
        ("line 3", lambda **words: [*predictor.file_rows(tmp_path / "new.csv", **words)]),
        ("row 1", lambda **words: predictor.predict(frame, **words)),
    ]:
        with raises(DataError, place, "('city')", "'Oslo'", "Bern, Rome", "1 more rows"):
            predict()
        if how == "ordinal":
            with raises(DataError, place, "'Oslo'"):
                predict(unknown="ignore")
        else:
            given = pd.DataFrame(predict(unknown="ignore"))["prediction"]
            expected = np.array([[0, 1], [0, 0], [0, 0]]) @ kernel + bias
            np.testing.assert_allclose(given, expected[:, 0], rtol=1e-5)
        with raises(UsageError, "--unknown refuse or ignore", "'zero'"):
            predict(unknown="zero")


def test_what_a_prediction_lacks_is_told_without_options_that_it_has_not(store, tmp_path, raises):
    make(store, 1, "linear", "mse")
    path = tmp_path / "gap.csv"
    path.write_text("left,right\n1,2\n,3\n", encoding="utf-8")
    with raises(DataError, "line 3, column 1 ('left')") as told:
        list(predict_file(store, path))
    assert "--missing" not in str(told.value)
