"""Figures of all held-out rows are scikit-learn's."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from kt_grid.analysis import pooled
from kt_grid.analysis.pooled import Pooled, pool
from kt_grid.data.targets import Loss
from kt_grid.errors import PredictionError, StoreError
from kt_grid.search.outputs import Outputs
from kt_grid.store.directory import SearchStore
from kt_grid.store.held_out import HeldOut, read_predictions, write_predictions

rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])),
    min_size=2,
    max_size=60,
)


@given(rows)
def test_auc_and_threshold(pairs):
    y_true, y_score = (np.array(side) for side in zip(*pairs, strict=True))
    assume(0 < y_true.sum() < len(y_true))
    auc = metrics.roc_auc_score(y_true, y_score)
    assert pooled.roc_auc(y_true, y_score) == pytest.approx(auc, abs=1e-12)
    fpr, tpr, thresholds = metrics.roc_curve(y_true, y_score, drop_intermediate=False)
    threshold = pooled.best_threshold(y_true, y_score)
    at = np.flatnonzero(thresholds == threshold)
    assert (tpr - fpr)[at] == pytest.approx((tpr - fpr)[1:].max(), abs=1e-12)


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60),
    st.booleans(),
)
def test_confusion_matrix(pairs, words):
    y_true, y_pred = (np.array(side) for side in zip(*pairs, strict=True))
    if words:
        y_true, y_pred = y_true.astype(str), y_pred.astype(str)
    classes, counts = pooled.confusion_matrix(y_true, y_pred)
    expected = metrics.confusion_matrix(y_true, y_pred, labels=classes)
    np.testing.assert_array_equal(counts, expected)
    assert classes.tolist() == sorted(set(y_true.tolist()) | set(y_pred.tolist()))


@pytest.mark.parametrize(
    "y_true", [[1, 1, 1], [0, 0, 0], [0, 1, 2]], ids=["ones", "zeros", "three-classes"]
)
@pytest.mark.parametrize("figure", [pooled.roc_auc, pooled.best_threshold])
def test_other_classes_are_refused(raises, figure, y_true):
    with raises(PredictionError, "classes 0 and 1"):
        figure(np.array(y_true), np.array([0.1, 0.2, 0.3]))


def held_out(y_true, y_pred):
    return HeldOut.of_splits([(np.arange(len(y_true)), np.asarray(y_true), np.asarray(y_pred))])


@pytest.mark.parametrize(
    "y_true", [[0, 0, 1, 1], [[0.0], [0.0], [1.0], [1.0]]], ids=["flat", "column"]
)
def test_two_classes(y_true):
    figures = pool(held_out(y_true, [[0.1], [0.6], [0.55], [0.9]]))
    assert figures == Pooled(
        rows=4,
        figures={"accuracy": 0.75, "auc": 0.75, "threshold": 0.9},
        classes=(0, 1),
        confusion=((1, 1), (0, 2)),
    )


@pytest.mark.parametrize("one_hot", [False, True], ids=["numbers", "one-hot"])
def test_several_classes(one_hot):
    y_true = np.array([0, 1, 2, 1])
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3]])
    figures = pool(held_out(np.eye(3)[y_true] if one_hot else y_true, shares))
    assert (figures.figures, figures.classes) == ({"accuracy": 0.75}, (0, 1, 2))
    expected = metrics.confusion_matrix(y_true, shares.argmax(axis=1))
    np.testing.assert_array_equal(figures.confusion, expected)


def test_what_the_loss_says_counts_and_not_the_shapes():
    """Logits of two classes are no shares, and shares of a regression no classes."""
    y_true, raw = [0, 0, 1, 1], [[0.2], [-3.0], [2.0], [0.7]]
    logits = Outputs(Loss("binary_crossentropy", 1, from_logits=True))
    figures = pool(held_out(y_true, raw), logits)
    assert (figures.figures["accuracy"], figures.confusion) == (0.75, ((1, 1), (0, 2)))
    assert figures.figures["threshold"] == pytest.approx(1 / (1 + np.exp(-0.7)))
    numbers = pool(held_out(y_true, [[0.1], [0.6], [0.55], [0.9]]), Outputs(Loss("mse", 1)))
    assert (numbers.classes, "r2" in numbers.figures) == ((), True)


def test_a_regression():
    random = np.random.RandomState(0)
    y_true = random.normal(size=30).astype(np.float32)
    y_pred = (y_true + random.normal(size=30)).astype(np.float32)
    figures = pool(held_out(y_true, y_pred[:, None])).figures
    assert list(figures.values()) == [
        pytest.approx(metrics.mean_absolute_error(y_true, y_pred), rel=1e-6),
        pytest.approx(metrics.root_mean_squared_error(y_true, y_pred), rel=1e-6),
        pytest.approx(metrics.r2_score(y_true, y_pred), rel=1e-6),
    ]


def test_predictions_come_back_split_after_split(tmp_path):
    store = SearchStore(tmp_path, "search")
    for split, test in enumerate([np.array([2, 0]), np.array([1])]):
        write_predictions(store, "0000", split, test, test % 2, test[:, None] / 4)
    read = read_predictions(store, "0000", 2)
    assert (read.rows.tolist(), read.y_true.tolist()) == ([2, 0, 1], [0, 0, 1])
    assert read.y_pred.tolist() == [[0.5], [0.0], [0.25]]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:80]), id="cut"),
        pytest.param(
            lambda path: np.savez(path, y_pred=np.array([{}], dtype=object)), id="pickled"
        ),
    ],
)
def test_predictions_that_cannot_be_read(tmp_path, raises, harm):
    store = SearchStore(tmp_path, "search")
    write_predictions(store, "0000", 0, np.arange(3), np.arange(3), np.arange(3))
    harm(store.trial_dir("0000") / "fold_0.predictions.npz")
    with raises(PredictionError, "fold_0.predictions.npz", "keep_predictions=True"):
        read_predictions(store, "0000", 1)


def test_several_outputs_are_kept_but_not_pooled(tmp_path, raises):
    store = SearchStore(tmp_path, "search")
    outputs = {"a": np.zeros(3), "b": np.ones((3, 2))}
    write_predictions(store, "0000", 0, np.arange(3), outputs, list(outputs.values()))
    with np.load(store.trial_dir("0000") / "fold_0.predictions.npz") as file:
        assert sorted(file) == ["rows", "y_pred.0", "y_pred.1", "y_true.a", "y_true.b"]
    with raises(PredictionError, "one output", "y_true.a"):
        read_predictions(store, "0000", 1)


def test_no_disk_space_is_told(tmp_path, monkeypatch, raises):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with raises(StoreError, "No space left"):
        write_predictions(
            SearchStore(tmp_path, "search"), "0000", 0, np.arange(1), np.arange(1), np.arange(1)
        )
