"""The table of metrics is checked against Keras itself."""

import inspect

import keras
import numpy as np
import pytest

from kt_grid.space.metrics import METRICS, find_metric, is_weighted

# They add up or wrap what a model gives them: no value of theirs is better than another.
WITHOUT_DIRECTION = {"Mean", "Sum"}
NO_METRIC = {"Metric", "MeanMetricWrapper"}

CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(keras.metrics, inspect.isclass)
    if name not in NO_METRIC
}
LOSSES = {
    name: kind
    for name, kind in inspect.getmembers(keras.losses, inspect.isclass)
    if issubclass(kind, keras.losses.Loss) and name != "Loss"
}
FUNCTIONS = {
    name
    for module in (keras.metrics, keras.losses)
    for name, _ in inspect.getmembers(module, inspect.isfunction)
    if name not in ("get", "serialize", "deserialize")
}


@pytest.mark.parametrize("name", sorted({*CLASSES, *LOSSES, *FUNCTIONS}))
def test_every_metric_and_loss_of_keras_is_there(name):
    found = find_metric(name)
    assert found is not None
    assert (found.direction is None) is (name in WITHOUT_DIRECTION)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_losses_are_those_of_keras(metric):
    by_letters = {name.lower() for name in LOSSES}
    known = by_letters | {name.lower() for name in (*CLASSES, *FUNCTIONS)}
    words = {word.replace("_", "") for word in (metric.name, *metric.spellings)}
    # Older versions of Keras lack some.
    if words & {word.replace("_", "") for word in known}:
        assert metric.is_loss is bool(words & by_letters)


ONE_OF_TWO = {"num_classes": 2, "target_class_ids": [0]}
ARGUMENTS = {
    "IoU": ONE_OF_TWO,
    "OneHotIoU": ONE_OF_TWO,
    "MeanIoU": {"num_classes": 2},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


def make(name):
    return CLASSES[name](**ARGUMENTS.get(name, {}))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_objects_are_found_by_the_names_that_keras_gives_them(name):
    first, second = make(name).name, make(name).name
    expected = find_metric(name)
    assert find_metric(first) is expected
    assert find_metric(second) is expected
    assert find_metric(f"weighted_{first}") is expected


@pytest.mark.parametrize(
    "name", sorted(name for name in CLASSES if getattr(find_metric(name), "best", None) is not None)
)
def test_no_metric_is_better_than_its_best_value(name):
    """Perfect predictions score the best value, and no others score better."""
    metric, known = make(name), find_metric(name)
    random = np.random.RandomState(0)
    places = random.randint(0, 2, 40).astype("float32")
    table = np.eye(2, dtype="float32")[places.astype(int)]
    flat = known.target in ("two classes", "indices") or name in ("Accuracy", "LogCoshError")
    y = places[:, None] if flat else table
    perfect = table if "Sparse" in name else y
    if name in ("Hinge", "SquaredHinge"):
        perfect = 2 * y - 1
    metric.update_state(y, perfect)
    score = float(np.mean(metric.result()))
    assert score == pytest.approx(known.best, abs=1e-5)
    metric.reset_state()
    metric.update_state(y, random.uniform(0, 1, perfect.shape).astype("float32"))
    sign = 1 if known.direction == "max" else -1
    assert sign * float(np.mean(metric.result())) < sign * score + 1e-6


def test_names_are_given_once():
    words = [word for metric in METRICS for word in (metric.name, *metric.spellings)]
    letters = [word.replace("_", "") for word in words]
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("name", ["mine", "my_accuracy", "", "_1", "weighted_", "f1"])
def test_what_keras_does_not_define_is_not_guessed(name):
    assert find_metric(name) is None


def test_weighted():
    assert is_weighted("weighted_accuracy")
    assert not is_weighted("accuracy")
