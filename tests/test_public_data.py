"""Public data sets of all three kinds, from a file to predictions on the command line."""

import csv
import io
import signal
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

import kt_grid.cli
from kt_grid.search.predict import load_best_model

MODELS = """
import keras


def network(hp, units, activation, loss, metrics):
    hidden = keras.layers.Dense(hp.Choice("units", [4]), activation="relu")
    output = keras.layers.Dense(units, activation=activation)
    model = keras.Sequential([keras.layers.Normalization(), hidden, output])
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=metrics)
    return model


def binary(hp):
    return network(hp, 1, "sigmoid", "binary_crossentropy", ["accuracy"])


def sparse(hp):
    return network(hp, 3, "softmax", "sparse_categorical_crossentropy", ["accuracy"])


def one_hot(hp):
    return network(hp, 3, "softmax", "categorical_crossentropy", ["accuracy"])


def number(hp):
    return network(hp, 1, None, "mean_squared_error", ["mae"])
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "models", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def main(*words):
        monkeypatch.setattr(sys, "argv", ["kt-grid", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            kt_grid.cli.main()
        shown = capfd.readouterr()
        assert not ended.value.code, shown.err
        return shown

    yield main
    signal.signal(signal.SIGTERM, handler)
    sys.modules.pop("models", None)


def table(name, named):
    """A bundled data set of scikit-learn's, its classes by name or as numbers from 1."""
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = loaded.frame
    if "target_names" in loaded and len(loaded.target_names):
        names = loaded.target_names
        frame["target"] = [names[i] if named else i + 1 for i in frame["target"]]
    return frame


@pytest.mark.parametrize(
    ("name", "model", "named", "write"),
    [
        pytest.param("breast_cancer", "binary", True, "csv", id="binary-names"),
        pytest.param("iris", "sparse", True, "csv", id="iris-names", marks=pytest.mark.full),
        pytest.param(
            "wine", "one_hot", False, "parquet", id="wine-from-1-one-hot", marks=pytest.mark.full
        ),
    ],
)
def test_classes(call, tmp_path, name, model, named, write):
    frame = table(name, named)
    path = str(tmp_path / f"{name}.{write}")
    getattr(frame, f"to_{write}")(path, index=False)
    search = ("run", f"models.py:{model}", "--data", path, "--cv", "shuffled-kfold", "--grid")
    shown = call(*search, "epochs=8")
    # The likeliest class alone would score less.
    assert float(shown.out.split()[1]) > frame["target"].value_counts(normalize=True).max()
    told = [line for line in shown.err.splitlines() if line.startswith("kt-grid: ")]
    assert all("defaults:" in line for line in told)
    frame.drop(columns="target").to_csv("new.csv", index=False)
    for words in ((), ("--ensemble",)):
        text = call("predict", f"models.py:{model}", "--data", "new.csv", *words).out
        classes = [row["class"] for row in csv.DictReader(io.StringIO(text))]
        assert np.mean(np.array(classes) == frame["target"].astype(str)) > 0.7


def test_numbers(call, tmp_path):
    frame = table("diabetes", named=False)
    frame.to_csv(tmp_path / "diabetes.csv", sep=";", index=False)
    search = ("run", "models.py:number", "--data", "diabetes.csv", "--target", "target", "--grid")
    shown = call(*search, "epochs=8")
    assert "objective min:val_loss" in shown.err
    shown = call("predict", "models.py:number", "--data", "diabetes.csv")
    predicted = pd.read_csv(io.StringIO(shown.out))["prediction"]
    expected = load_best_model(tmp_path / "runs" / "models").predict(
        frame.drop(columns="target").to_numpy("float32"), verbose=0
    )
    np.testing.assert_allclose(predicted, expected[:, 0], rtol=1e-5)


def test_a_fresh_template_is_searched_as_it_is(call):
    assert "wrote mine.py" in call("new", "mine.py").err
    shown = call("run", "mine.py", "--grid", "epochs=1", "--dry-run")
    assert shown.out.splitlines()[-1] == "4 trials, 12 fits"
    shown = call("run", "mine.py", "--grid", "epochs=1", "--grid", "units=4", "--no-refit")
    assert shown.out.startswith("Best: ")
