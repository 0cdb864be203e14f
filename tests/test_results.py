"""A directory becomes results: scores, means, ranks and what is missing."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kt_grid.errors import StoreError
from kt_grid.results import read_results, summarise
from kt_grid.store import SearchStore, read_json, write_json

GRID = {"units": [5, 10], "rate": [0.1, 0.2]}
SCORES = [[0.5, 0.75, 1.0], [0.25, 0.25, 0.25], [1.0, 0.75, 0.5], [0.0, 0.5, 0.25]]


@pytest.fixture
def results(make_search):
    return read_results(make_search(GRID, SCORES))


def test_trials_come_in_grid_order_with_parameters_in_grid_order(results):
    expected = [{"units": u, "rate": r} for u in (5, 10) for r in (0.1, 0.2)]
    assert [trial.parameters for trial in results.trials] == expected
    assert [[*trial.parameters] for trial in results.trials] == [["units", "rate"]] * 4
    assert [trial.trial_id for trial in results.trials] == ["0000", "0001", "0002", "0003"]


def test_mean_and_std_are_numpys(results):
    for trial, scores in zip(results.trials, SCORES, strict=True):
        assert trial.scores == tuple(scores)
        assert trial.mean == pytest.approx(np.mean(scores), rel=1e-12)
        assert trial.std == pytest.approx(np.std(scores, ddof=0), rel=1e-12)


def test_results_know_the_search(results):
    assert (results.experiment, results.seed, results.splits, results.total) == ("search", 7, 3, 4)
    assert str(results.objective) == "max:val_accuracy"
    assert results.complete
    assert results.about["format"] == 1


@pytest.mark.parametrize(
    ("direction", "ranks", "best"),
    [
        pytest.param("max", [1, 3, 1, 3], "0000", id="max"),
        pytest.param("min", [3, 1, 3, 1], "0001", id="min"),
    ],
)
def test_equal_means_share_a_rank_and_the_first_is_best(make_search, direction, ranks, best):
    store = make_search(GRID, SCORES, objective=f"{direction}:val_accuracy")
    results = read_results(store)
    assert [trial.rank for trial in results.trials] == ranks
    assert results.best.trial_id == best


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    means=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    direction=st.sampled_from(["min", "max"]),
)
def test_ranks_are_scipys(make_search, means, direction):
    store = make_search(
        {"n": range(len(means))},
        [[float(m)] for m in means],
        objective=f"{direction}:val_loss",
        folds=1,
    )
    sign = 1 if direction == "min" else -1
    expected = scipy.stats.rankdata(sign * np.array(means), method="min").tolist()
    assert [trial.rank for trial in read_results(store).trials] == expected


def test_failed_running_and_missing_trials(make_search):
    results = read_results(make_search(GRID, [SCORES[0], "ValueError: bad", None]))
    completed, failed, running = results.trials
    assert [t.status for t in results.trials] == ["COMPLETED", "FAILED", "RUNNING"]
    assert (results.completed, results.failed) == ([completed], [failed])
    assert (failed.reason, running.reason, completed.reason) == ("ValueError: bad", None, None)
    for trial in (failed, running):
        assert (trial.scores, trial.mean, trial.std, trial.rank) == ((), None, None, None)
    assert (results.total, results.complete, results.best) == (4, False, completed)


def test_a_search_with_failures_is_complete_but_may_have_no_best(make_search):
    results = read_results(make_search({"units": [5, 10]}, ["no", "no"]))
    assert (results.complete, results.best) == (True, None)


def test_an_empty_search(make_search):
    results = read_results(make_search(GRID, []))
    assert (results.trials, results.total, results.complete) == ((), 4, False)


def test_only_the_grid_last_asked_for_counts(make_search):
    make_search({"units": [5, 10, 15]}, [[0.5], [0.25], [1.0]], folds=1)
    smaller = read_results(make_search({"units": [10, 5]}, [], folds=1))
    assert [trial.parameters["units"] for trial in smaller.trials] == [10, 5]
    assert [trial.rank for trial in smaller.trials] == [2, 1]


def test_seconds_are_those_of_all_folds(make_search):
    store = make_search(GRID, SCORES)
    assert read_results(store).trials[0].fit_seconds == 0 + 0.5 + 1
    (store.trial_dir("0000") / "fold_1.json").write_text("damaged")
    assert read_results(store).trials[0].fit_seconds is None


def test_repeats_divide_the_splits(make_search):
    results = read_results(make_search({"units": [5]}, [[0.5] * 6], folds=6, repeats=2))
    assert (results.splits, results.folds) == (6, 3)


def test_frame_has_scikit_learns_columns(make_search):
    frame = read_results(make_search(GRID, [SCORES[0], "no"])).to_frame()
    assert list(frame) == [
        *("trial_id", "status", "params", "param_units", "param_rate"),
        *("split0_test_score", "split1_test_score", "split2_test_score"),
        *("mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time"),
    ]
    row = frame.iloc[0]
    assert row["params"] == {"units": 5, "rate": 0.1}
    assert (row["split1_test_score"], row["mean_test_score"], row["rank_test_score"]) == (
        0.75,
        0.75,
        1,
    )
    assert row["mean_fit_time"] == 0.5
    numbers = frame.iloc[1][
        ["split0_test_score", "mean_test_score", "std_test_score", "mean_fit_time"]
    ]
    assert all(math.isnan(number) for number in numbers)
    assert np.isnan(frame["rank_test_score"].iloc[1])


def test_frame_of_a_search_without_trials_has_its_columns(make_search):
    frame = read_results(make_search(GRID, [])).to_frame()
    assert len(frame) == 0
    assert {"param_units", "mean_test_score", "rank_test_score"} <= set(frame)


def test_no_search(tmp_path, raises):
    with raises(StoreError, str(tmp_path / "none"), "Run it first"):
        read_results(SearchStore(tmp_path, "none"))


@pytest.mark.parametrize("entry", ["grid", "objective", "folds", "repeats", "seed", "experiment"])
def test_search_json_without_an_entry(make_search, raises, entry):
    store = make_search(GRID, SCORES)
    identity = store.read_identity()
    del identity[entry]
    write_json(store.root / "search.json", identity)
    with raises(StoreError, str(store.root), entry):
        read_results(store)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(["status"], ..., id="no-status"),
        pytest.param(["hyperparameters"], None, id="no-parameters"),
        pytest.param(["metrics", "metrics"], {}, id="no-metrics"),
        pytest.param(["metrics", "metrics", "split1_val_accuracy", "observations"], [], id="empty"),
        pytest.param(
            ["metrics", "metrics", "split1_val_accuracy", "observations"],
            [{"value": []}],
            id="no-value",
        ),
        pytest.param(
            ["metrics", "metrics", "split1_val_accuracy", "observations"],
            [{"value": ["x"]}],
            id="text",
        ),
    ],
)
def test_damaged_trial(make_search, raises, place, value):
    store = make_search(GRID, SCORES)
    path = store.trial_dir("0001") / "trial.json"
    state = inner = read_json(path)
    *way, last = place
    for name in way:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    write_json(path, state)
    with raises(StoreError, str(store.root)):
        read_results(store)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_summarise_is_numpys_and_does_not_depend_on_order(scores):
    by_split = dict(enumerate(scores))
    mean, std = summarise(by_split)
    assert mean == np.mean(scores)
    assert std == np.std(scores, ddof=0)
    assert summarise(dict(reversed(by_split.items()))) == (mean, std)
