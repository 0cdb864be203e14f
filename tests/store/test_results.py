"""A directory becomes results: scores, means, ranks and what is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kt_grid.errors import ObjectiveError, StoreError
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import read_sealed, write_sealed
from kt_grid.store.results import read_results

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
    assert results.about.identity.objective == "max:val_accuracy"


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
        "std_fit_time",
    ]
    row = frame.iloc[0]
    assert row["params"] == {"units": 5, "rate": 0.1}
    assert (row["split1_test_score"], row["mean_test_score"], row["rank_test_score"]) == (
        0.75,
        0.75,
        1,
    )
    assert (row["mean_fit_time"], row["std_fit_time"]) == (0.5, pytest.approx(6**-0.5))
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


def test_a_metric_that_was_no_number_once_is_not_among_those_to_choose_from(make_search, raises):
    store = make_search({"units": [1, 2]}, [[0.5, 0.5, 0.5]] * 2)
    for trial_id in store.trial_ids():
        for record in store.read_folds(trial_id):
            # What isn't finite isn't recorded.
            halves = {} if (trial_id, record.split) == ("0001", 2) else {"val_half": 0.25}
            scores = {**record.scores, "val_loss": 0.5, **halves}
            store.write_fold(trial_id, replace(record, scores=scores), None)
    assert read_results(store, "val_loss").best.mean == 0.5
    words = ("finite number: val_accuracy, val_loss. ", "fold 2 of trial 0001 has none")
    with raises(ObjectiveError, "Received: 'val_half', for which", *words):
        read_results(store, "max:val_half")
    with raises(ObjectiveError, "Received: 'val_none', for which fold 0 of trial 0000 has none"):
        read_results(store, "max:val_none")


@pytest.mark.parametrize("entry", ["grid", "objective", "folds", "repeats", "seed", "experiment"])
def test_search_json_without_an_entry(make_search, raises, entry):
    store = make_search(GRID, SCORES)
    entries = read_sealed(store.root / "search.json")
    del entries[entry]
    write_sealed(store.root / "search.json", entries)
    with raises(StoreError, str(store.root), entry):
        read_results(store)


OTHER = [{"value": [0.875]}]
ALTERED = {
    "no status": (["status"], ...),
    "no parameters": (["hyperparameters"], None),
    "no metrics": (["metrics", "metrics"], {}),
    "no observation": (["metrics", "metrics", "split1_val_accuracy", "observations"], []),
    "no value": (
        ["metrics", "metrics", "split1_val_accuracy", "observations"],
        [{"value": []}],
    ),
    "a text": (
        ["metrics", "metrics", "split1_val_accuracy", "observations"],
        [{"value": ["x"]}],
    ),
    "another score": (
        ["metrics", "metrics", "split1_val_accuracy", "observations"],
        OTHER,
    ),
}


@pytest.mark.parametrize(("place", "value"), ALTERED.values(), ids=ALTERED)
def test_a_trial_that_disagrees_with_its_folds_is_worked_out_from_them(make_search, place, value):
    """Whoever alters trial.json and its checksum with it can't alter the result."""
    store = make_search(GRID, SCORES)
    whole = read_results(store)
    path = store.trial_file("0001")
    state = inner = read_sealed(path)
    *way, last = place
    for name in way:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    write_sealed(path, state)
    results = read_results(store)
    assert results.trials == whole.trials
    (told,) = results.damage
    assert told.startswith("trial_0001/trial.json is damaged")
    assert (": expected" in told or " is missing" in told) == (value not in ({}, OTHER))


SPOIL = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "junk": lambda path: path.write_bytes(bytes(range(256))),
    "a figure altered": lambda path: path.write_text(path.read_text().replace("0.25", "0.75")),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
@pytest.mark.parametrize("name", ["trial.json", "fold_0.json", "fold_2.json"])
def test_one_file_of_a_completed_trial_can_be_spared_but_is_missed(make_search, name, spoil):
    store = make_search(GRID, SCORES)
    whole = read_results(store)
    spoil(store.trial_dir("0001") / name)
    results = read_results(store)
    assert [t.scores for t in results.trials] == [t.scores for t in whole.trials]
    assert [t.rank for t in results.trials] == [t.rank for t in whole.trials]
    state = "missing" if spoil is SPOIL["deleted"] else "damaged"
    assert results.damage == (f"trial_0001/{name} is {state}",)


def test_a_trial_of_which_too_little_is_left_is_not_finished(make_search):
    store = make_search(GRID, SCORES)
    for name in ("trial.json", "fold_1.json"):
        (store.trial_dir("0001") / name).write_text("{")
    results = read_results(store)
    assert [t.status for t in results.trials] == ["COMPLETED", "RUNNING", "COMPLETED", "COMPLETED"]
    assert not results.complete
    assert results.damage == (
        "trial_0001/trial.json is damaged, trial_0001/fold_1.json is damaged",
    )


def test_a_trial_of_which_nothing_is_left_is_missed(make_search):
    store = make_search(GRID, [*SCORES[:3], "ValueError: bad"])
    store.trial_file("0003").write_text("{")
    results = read_results(store)
    assert len(results.trials) == 3
    assert results.damage == ("trial_0003/trial.json is damaged",)


def test_a_folder_that_was_only_made_is_no_damage(make_search):
    store = make_search(GRID, SCORES[:2])
    store.trial_dir("0002").mkdir()
    assert read_results(store).damage == ()


def test_records_of_other_parameters_do_not_count(make_search):
    store = make_search(GRID, SCORES)
    other = store.fold_file("0002", 1).read_bytes()
    store.fold_file("0001", 1).write_bytes(other)
    results = read_results(store)
    assert results.trials[1].scores == (0.25, 0.25, 0.25)
    assert results.damage == ("trial_0001/fold_1.json is damaged",)


def test_damage_outside_the_grid_is_nobodys_business(make_search):
    make_search({"units": [5, 10]}, [[0.5], [0.25]], folds=1)
    store = make_search({"units": [10]}, [], folds=1)
    store.fold_file("0000", 0).write_text("{")
    assert read_results(store).damage == ()


def test_a_search_without_its_json_is_named(make_search, raises):
    store = make_search(GRID, SCORES)
    (store.root / "search.json").unlink()
    with raises(StoreError, "search.json", "no such file beside trials", "overwrite=True"):
        read_results(store)


def test_a_write_between_two_looks_is_no_damage(make_search, monkeypatch):
    store = make_search(GRID, SCORES)
    looks = []

    def late(self, trial_id, split, read=SearchStore.read_fold):
        looks.append(split)
        return None if len(looks) == 1 else read(self, trial_id, split)

    monkeypatch.setattr(SearchStore, "read_fold", late)
    assert read_results(store).damage == ()


OUTCOMES = [[0.5, 0.75, 1.0], (0.25,), "bad", (0.5, 0.25)]


def test_what_was_given_up_shows_its_scores_without_a_mean_or_a_rank(make_search):
    results = read_results(make_search(GRID, OUTCOMES))
    _, first, _, second = results.trials
    assert results.given_up == [first, second]
    assert (results.finished, results.complete) == (4, True)
    assert (first.status, first.standing, first.reason) == (
        *("STOPPED", "pruned"),
        "given up: too far behind",
    )
    for trial, partial in ((first, (0.25, None, None)), (second, (0.5, 0.25, None))):
        assert trial.partial_scores == trial.fold_scores(3) == partial
        assert trial.first_scores == [score for score in partial if score is not None]
        assert (trial.scores, trial.mean, trial.std, trial.rank) == ((), None, None, None)
        assert (trial.fit_seconds, trial.steps) == (None, None)
    assert [trial.rank for trial in results.trials] == [1, None, None, None]
    frame = results.to_frame()
    shown = frame[[f"split{i}_test_score" for i in range(3)]].to_numpy()
    np.testing.assert_array_equal(
        shown[[1, 3]], [[0.25, math.nan, math.nan], [0.5, 0.25, math.nan]]
    )
    assert frame["mean_test_score"].isna().tolist() == [False, True, True, True]


def test_what_was_given_up_shows_another_metric_too(make_search):
    store = make_search(GRID, OUTCOMES)
    for trial_id in store.trial_ids():
        for record in store.read_folds(trial_id):
            scores = {**record.scores, "val_loss": 1 - record.scores["val_accuracy"]}
            store.write_fold(trial_id, replace(record, scores=scores), None)
    results = read_results(store, "val_loss")
    assert [trial.partial_scores for trial in results.given_up] == [
        (0.75, None, None),
        (0.5, 0.75, None),
    ]


def test_a_damaged_record_of_what_was_given_up_is_named(make_search):
    store = make_search(GRID, OUTCOMES)
    store.fold_file("0003", 0).write_text("{")
    results = read_results(store)
    assert results.damage == ("trial_0003/fold_0.json is damaged",)
    assert results.given_up[1].partial_scores == (None, 0.25, None)
    assert results.given_up[1].first_scores == []
