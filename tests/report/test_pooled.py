"""The best trial by all held-out rows, in every format."""

import json

import numpy as np
import pytest

from kt_grid.errors import PredictionError, UsageError
from kt_grid.report.pooled import FORMATS, pool_best, render_pooled
from kt_grid.store.held_out import write_predictions
from kt_grid.store.results import read_results

YOUDEN = "maximises Youden's J, the true positive rate minus the false positive rate"
BY_PROBABILITY = np.array([0.0, 1.0]), np.array([[0.2], [0.9]])
BY_CLASS = np.array([1, 2]), np.array([[0.1, 0.7, 0.2], [0.2, 0.5, 0.3]])
NUMBERS = np.array([1.0, 3.0]), np.array([[1.0], [2.0]])


@pytest.fixture
def pooled(make_search):
    def pooled(kept=BY_PROBABILITY, name="search", **about):
        grid = {"units": [1, 2]}
        store = make_search(grid, [[0.5, 0.5], [0.75, 1.0]], folds=2, name=name, **about)
        for split in range(2):
            write_predictions(store, "0001", split, np.arange(2), *kept)
        return pool_best(store, read_results(store))

    return pooled


def test_text_is_of_the_best_trial(pooled):
    assert render_pooled([pooled()]).splitlines() == [
        "All 4 held-out predictions of {'units': 2}",
        "accuracy: 1.000000",
        "auc: 1.000000",
        f"threshold: 0.900000 ({YOUDEN})",
        "class  predicted 0  predicted 1",
        "    0            2            0",
        "    1            0            2",
    ]


@pytest.mark.parametrize(
    ("kept", "labels", "classes"),
    [
        pytest.param(BY_PROBABILITY, ["no", "yes"], ["no", "yes"], id="two"),
        pytest.param(BY_CLASS, ["setosa", "versicolor", "virginica"],
                     ["versicolor", "virginica"], id="some-of-three"),
        pytest.param(BY_CLASS, [], ["1", "2"], id="numbers"),
        pytest.param((np.array([1.0, 2.0]), BY_CLASS[1]), ["a", "b", "c"], ["b", "c"], id="floats"),
        pytest.param(NUMBERS, ["a", "b"], [], id="no-classes"),
    ],
)  # fmt: skip
def test_classes_have_their_names(pooled, kept, labels, classes):
    document = json.loads(render_pooled([pooled(kept, labels=labels)], "json"))
    assert document["classes"] == classes


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_shows_every_figure(pooled, style):
    shown = render_pooled([pooled(labels=["no", "yes"])], style)
    assert shown.endswith("\n")
    for words in ("0.9", "accuracy", "auc", "yes", "units"):
        assert words in shown
    assert YOUDEN in shown.replace("&#39;", "'")


def test_markdown(pooled):
    assert render_pooled([pooled(BY_CLASS, labels=["a", "b", "<c>"])], "markdown").splitlines() == [
        "**All 4 held-out predictions of {'units': 2}**",
        "",
        "- accuracy: 0.500000",
        "",
        "| class | predicted b | predicted &lt;c> |",
        "| ---: | ---: | ---: |",
        "| b | 2 | 0 |",
        "| &lt;c> | 2 | 0 |",
    ]


def test_json(pooled):
    assert json.loads(render_pooled([pooled()], "json")) == {
        "experiment": "search",
        "trial_id": "0001",
        "parameters": {"units": 2},
        "predictions": 4,
        "figures": {"accuracy": 1.0, "auc": 1.0, "threshold": 0.9},
        "criteria": {"threshold": YOUDEN},
        "classes": ["0", "1"],
        "confusion_matrix": [[2, 0], [0, 2]],
    }


def test_json_has_no_number_for_what_is_none(pooled):
    same = np.array([1.5, 1.5]), np.array([[1.5], [1.0]])
    assert json.loads(render_pooled([pooled(same)], "json"))["figures"]["r2"] is None


def test_a_page_escapes_names(pooled):
    page = render_pooled([pooled(labels=["<script>", "yes"], name="own")], "html")
    assert "predicted &lt;script&gt;" in page
    assert page.count("<script>") == 1
    assert "<td>2</td>" in page


def test_several_searches(pooled):
    found = [pooled(), pooled(NUMBERS, name="other")]
    first, second = render_pooled(found).split("\n\n")
    assert "accuracy: " in first
    assert "mean absolute error: 0.500000" in second
    assert [d["experiment"] for d in json.loads(render_pooled(found, "json"))] == [
        *("search", "other")
    ]


@pytest.mark.parametrize("style", ["csv", "tensorboard"])
def test_other_formats_are_refused(pooled, raises, style):
    with raises(UsageError, "--pooled", "text, table, markdown, json, html", style):
        render_pooled([pooled()], style)


def test_a_search_without_a_completed_trial_has_none(make_search, raises):
    store = make_search({"units": [1]}, ["unlucky"])
    with raises(PredictionError, "completed trial"):
        pool_best(store, read_results(store))
