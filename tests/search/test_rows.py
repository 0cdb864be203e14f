"""What a search is given as rows, and what serves it: the same predictions by every road."""

import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import kt_grid
from kt_grid.cli import app
from kt_grid.errors import DataError, UsageError
from kt_grid.search.rows import take_rows
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.splitters import KFold

RANDOM = np.random.RandomState(2)
CITIES = np.array(["Bern", "Oslo", "Rome"])[np.arange(12) % 3]
FRAME = pd.DataFrame({"city": CITIES, "n": RANDOM.normal(size=12).round(3)})
FRAME["class"] = np.where(FRAME["n"] + (CITIES == "Rome") > 0, "yes", "no")


def build(hp):
    layers = [keras.layers.Dense(hp.Choice("units", [3])), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def dataset(tmp_path):
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    return kt_grid.read_data(
        tmp_path / "rows.csv", reading=kt_grid.Reading(encode={"city": "one-hot"})
    )


@pytest.mark.usefixtures("eagerly")
def test_a_search_on_a_file_is_served_by_every_road_with_the_same_bytes(tmp_path, dataset):
    tuner = CrossValidationTuner(
        build, cv=KFold(3), directory=tmp_path, project_name="mine", engine="keras"
    )
    tuner.search(dataset, epochs=1, batch_size=6)
    tuner.refit()
    new = FRAME[["n", "city"]][::-1].assign(other="x")
    new.to_csv(tmp_path / "new.csv", index=False)

    line = ["predict", "mine", "--data", str(tmp_path / "new.csv"), "--directory", str(tmp_path)]
    ended = CliRunner().invoke(app, [*line, "--output", str(tmp_path / "line.csv")])
    assert ended.exit_code == 0, ended.output
    code = (
        "import sys, kt_grid, pandas\n"
        "predictor = kt_grid.load_predictor(sys.argv[1])\n"
        "predictor.predict(pandas.read_csv(sys.argv[2])).to_csv(sys.argv[3], index=False)\n"
    )
    places = [tmp_path / name for name in ("mine", "new.csv", "python.csv")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *places], check=True, timeout=120)
    served = (tmp_path / "python.csv").read_bytes()
    assert served == (tmp_path / "line.csv").read_bytes()

    table = pd.read_csv(tmp_path / "python.csv")
    encoded = np.stack([*[new["city"] == c for c in ("Bern", "Oslo", "Rome")], new["n"]], axis=1)
    model = kt_grid.load_best_model(tmp_path / "mine")
    expected = model.predict(encoded.astype(np.float32), verbose=0)[:, 0]
    assert list(table) == ["row", "p_no", "p_yes", "class"]
    np.testing.assert_allclose(table["p_yes"], expected, rtol=1e-5)

    predictor = kt_grid.load_predictor(tmp_path / "mine")
    unseen = new.assign(city="Kyiv")
    with pytest.raises(DataError, match="'Kyiv'"):
        predictor.predict(unseen)
    encoded[:, :3] = 0
    expected = model.predict(encoded.astype(np.float32), verbose=0)[:, 0]
    found = predictor.predict(unseen, unknown="ignore")
    np.testing.assert_allclose(found["p_yes"], expected, rtol=1e-5)
    assert found.index.equals(new.index)


def test_a_dataset_brings_its_targets_names_and_encodings(dataset, raises):
    arrays, told = take_rows(dataset, None, None, None, {})
    assert arrays.labels == ("no", "yes")
    np.testing.assert_array_equal(arrays.x, dataset.x)
    assert told["features"] == ["city", "n"]
    assert told["encoders"][0]["column"] == "city"
    assert told["reading"] == {"encode": {"city": "one-hot"}}
    with raises(UsageError, "Dataset, which has its targets", "y too"):
        take_rows(dataset, dataset.y, None, None, {})


def _batches():
    while True:
        yield np.ones((2, 3)), np.arange(2)


def test_a_generator_is_as_long_as_steps_per_epoch_says(raises):
    fit = {"steps_per_epoch": 3, "epochs": 2}
    arrays, _ = take_rows(_batches(), None, None, None, fit)
    assert (arrays.rows, arrays.x.shape, fit) == (6, (6, 3), {"epochs": 2})
    with raises(UsageError, "unknown length", "steps_per_epoch"):
        take_rows(_batches(), None, None, None, {})
    short = (batch for batch, _ in zip(_batches(), range(2), strict=False))
    with raises(UsageError, "steps_per_epoch=3", "2"):
        take_rows(short, None, None, None, {"steps_per_epoch": 3})


def test_an_endless_dataset_is_as_long_as_steps_per_epoch_says():
    import tensorflow as tf

    endless = tf.data.Dataset.from_tensor_slices((np.ones((4, 3)), np.arange(4))).batch(2).repeat()
    arrays, _ = take_rows(endless, None, None, None, {"steps_per_epoch": 3})
    assert arrays.y.tolist() == [0, 1, 2, 3, 0, 1]


def test_arrays_leave_steps_per_epoch_alone():
    fit = {"steps_per_epoch": 3}
    take_rows(np.ones((4, 3)), np.arange(4), None, None, fit)
    assert fit == {"steps_per_epoch": 3}
