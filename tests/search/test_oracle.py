"""The oracle hands out every combination exactly once, in grid order, whatever interrupts it."""

import itertools
import json
import threading

import keras_tuner
import pytest
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus

import kt_grid.search.oracle
from kt_grid.errors import GridError
from kt_grid.search.oracle import GridOracle
from kt_grid.store.directory import SearchStore

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def make_oracle(hyperparameters, directory=None, **options):
    oracle = GridOracle(OBJECTIVE, hyperparameters=hyperparameters, **options)
    if directory is not None:
        oracle.store = SearchStore(directory, "search")
        oracle.reload()
    return oracle


def finish(oracle, trial, score=1.0, status=TrialStatus.COMPLETED):
    if status == TrialStatus.COMPLETED:
        oracle.update_trial(trial.trial_id, {"val_loss": score})
    trial.status = status
    oracle.end_trial(trial)


def finish_all(oracle, tuner_id="tuner0", limit=None):
    """(id, values) of the trials handed out, each finished before the next is asked for."""
    handed = []
    while limit is None or len(handed) < limit:
        trial = oracle.create_trial(tuner_id)
        if trial.status == TrialStatus.STOPPED:
            break
        handed.append((trial.trial_id, trial.hyperparameters.values))
        finish(oracle, trial)
    return handed


def values_of(oracle):
    return [values for _, values in finish_all(oracle)]


def two_by_three():
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [8, 4])
    hp.Choice("activation", ["relu", "tanh", "linear"])
    return hp


ONE_AXIS = {
    "choice": (lambda hp: hp.Choice("a", [3, 1, 2], default=2), [3, 1, 2]),
    "choice of words": (lambda hp: hp.Choice("a", ["x", "b"]), ["x", "b"]),
    "int by step, default in the middle": (
        lambda hp: hp.Int("a", 1, 10, step=3, default=7),
        [1, 4, 7, 10],
    ),
    "int by step, end not met": (lambda hp: hp.Int("a", 1, 9, step=3), [1, 4, 7]),
    "int without step": (lambda hp: hp.Int("a", 3, 6), [3, 4, 5, 6]),
    "int by factors": (lambda hp: hp.Int("a", 8, 64, step=2, sampling="log"), [8, 16, 32, 64]),
    "float to an end that rounding loses": (
        lambda hp: hp.Float("a", 0.0, 0.9, step=0.1),
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    ),
    "float by factors": (
        lambda hp: hp.Float("a", 1e-4, 1e-1, step=10, sampling="log"),
        [1e-4, 1e-3, 1e-2, 1e-1],
    ),
    "float without step": (
        lambda hp: hp.Float("a", 0.0, 1.0),
        [0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95],
    ),
    "boolean": (lambda hp: hp.Boolean("a"), [True, False]),
    "boolean, default True": (lambda hp: hp.Boolean("a", default=True), [True, False]),
    "fixed": (lambda hp: hp.Fixed("a", "only"), ["only"]),
}


@pytest.mark.parametrize(("declare", "expected"), ONE_AXIS.values(), ids=ONE_AXIS)
def test_values_of_an_axis_are_tried_in_declared_order(declare, expected):
    hp = keras_tuner.HyperParameters()
    declare(hp)
    tried = [values["a"] for values in values_of(make_oracle(hp))]
    assert tried == expected
    assert [type(value) for value in tried] == [type(value) for value in expected]


def test_a_product_is_tried_in_the_order_of_itertools_product():
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", ["y", "x"])
    hp.Int("b", 1, 3)
    hp.Boolean("c")
    hp.Fixed("d", 0.5)
    product = itertools.product(["y", "x"], [1, 2, 3], [True, False], [0.5])
    expected = [dict(zip("abcd", values, strict=True)) for values in product]
    oracle = make_oracle(hp)
    assert oracle.total_trials() == len(expected) == 12
    assert values_of(oracle) == expected


def test_the_grid_gives_the_order_of_booleans():
    hp = keras_tuner.HyperParameters()
    hp.Boolean("a")
    oracle = make_oracle(hp, grid={"a": (False, True)})
    assert values_of(oracle) == [{"a": False}, {"a": True}]


def test_conditional_axes_count_only_where_their_parents_say_so():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["plain", "deep", "wide"])
    with hp.conditional_scope("kind", ["deep", "wide"]):
        hp.Int("layers", 1, 3)
        with hp.conditional_scope("layers", [2, 3]):
            hp.Boolean("skip")
    hp.Choice("rate", [0.1, 0.2])

    expected = []
    axes = (["plain", "deep", "wide"], [1, 2, 3], [True, False], [0.1, 0.2])
    for kind, layers, skip, rate in itertools.product(*axes):
        chosen = {"kind": kind, "layers": layers, "skip": skip, "rate": rate}
        if layers == 1 or kind == "plain":
            del chosen["skip"]
        if kind == "plain":
            del chosen["layers"]
        if chosen not in expected:
            expected.append(chosen)

    oracle = make_oracle(hp)
    assert oracle.total_trials() == len(expected) == 22
    assert values_of(oracle) == expected


def test_one_name_under_two_conditions_takes_the_values_of_the_scope_that_counts():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Choice("size", [1, 2])
    with hp.conditional_scope("kind", ["b"]):
        hp.Choice("size", [3])
    assert values_of(make_oracle(hp)) == [
        {"kind": "a", "size": 1},
        {"kind": "a", "size": 2},
        {"kind": "b", "size": 3},
    ]


def test_a_value_twice_is_refused():
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", [1, 2, 1])
    with pytest.raises(GridError, match=r"every value once for axis 'a'\. Received: 1 twice"):
        make_oracle(hp).create_trial("tuner0")


def test_max_trials_stops_after_so_many():
    oracle = make_oracle(two_by_three(), max_trials=4)
    assert oracle.total_trials() == 4
    assert len(finish_all(oracle)) == 4


def test_no_trials_at_most_are_refused(raises):
    with raises(GridError, "1 or more trials", "0"):
        make_oracle(two_by_three(), max_trials=0)


def test_a_reopened_trial_is_handed_out_again_under_its_id():
    oracle = make_oracle(two_by_three(), max_trials=2)
    first = values_of(oracle)
    oracle.reopen(oracle.finished_trials()[0].trial_id)
    assert oracle.remaining_trials() == 1
    again = oracle.create_trial("tuner0")
    assert (again.trial_id, again.hyperparameters.values) == ("0000", first[0])


@pytest.mark.parametrize("seed", [0, 7])
def test_every_seed_is_taken_as_it_is(seed):
    assert make_oracle(two_by_three(), seed=seed).seed == seed


def test_callers_at_the_same_time_get_different_trials():
    callers = 12
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 1, callers)
    oracle = make_oracle(hp)
    together = threading.Barrier(callers)
    handed = []

    def ask(number):
        together.wait()
        handed.append(oracle.create_trial(f"tuner{number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(t.hyperparameters.values["a"] for t in handed) == list(range(1, callers + 1))
    assert len({t.trial_id for t in handed}) == callers
    assert oracle.create_trial("one more").status == TrialStatus.IDLE


def test_a_caller_gets_its_running_trial_again_and_then_the_next():
    oracle = make_oracle(two_by_three())
    first = oracle.create_trial("tuner0")
    assert oracle.create_trial("tuner0").trial_id == first.trial_id
    finish(oracle, first)
    assert oracle.create_trial("tuner0").trial_id != first.trial_id


@pytest.mark.parametrize("running", [0, 1, 2])
@pytest.mark.parametrize("finished", range(6))
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, finished, running):
    uninterrupted = finish_all(make_oracle(two_by_three(), tmp_path / "whole"))
    before = make_oracle(two_by_three(), tmp_path / "parts")
    handed = finish_all(before, limit=finished)
    for number in range(running):
        before.create_trial(f"killed{number}")
    after = make_oracle(two_by_three(), tmp_path / "parts")
    assert after.remaining_trials() == 6 - finished
    assert handed + finish_all(after) == uninterrupted
    assert after.remaining_trials() == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"trial_id": "0001"}'])
def test_a_damaged_trial_is_run_again(tmp_path, damage):
    whole = finish_all(make_oracle(two_by_three(), tmp_path))
    (tmp_path / "search" / "trial_0001" / "trial.json").write_text(damage)
    again = [values for _, values in finish_all(make_oracle(two_by_three(), tmp_path))]
    assert again == [whole[1][1]]


def test_a_trial_costs_the_same_however_many_went_before(monkeypatch):
    """Counts what is done, since a clock would tell little."""
    advanced, written = [0], []

    def counted(axes, combinations=kt_grid.search.oracle.combinations):
        for parameters in combinations(axes):
            advanced[0] += 1
            yield parameters

    class Disk:
        def write_trial(self, trial_id, state):
            written[-1].append(state)

    monkeypatch.setattr(kt_grid.search.oracle, "combinations", counted)
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 10, 49)
    hp.Int("b", 100, 149)
    oracle = make_oracle(hp)
    oracle.store = Disk()
    steps = []
    for _ in range(2_000):
        before = advanced[0]
        written.append([])
        finish(oracle, oracle.create_trial("tuner0"))
        steps.append(advanced[0] - before)
    sizes = {len(json.dumps(written[number])) for number in (100, 1_000, 1_900)}
    assert len(sizes) == 1
    assert {len(states) for states in written} == {2}
    assert set(steps) == {1}
    assert oracle.create_trial("tuner0").status == TrialStatus.STOPPED


@pytest.mark.parametrize(
    ("status", "score"),
    [
        pytest.param(TrialStatus.FAILED, None, id="failed"),
        pytest.param(TrialStatus.INVALID, None, id="invalid"),
        pytest.param(TrialStatus.COMPLETED, float("nan"), id="nan"),
        pytest.param(TrialStatus.COMPLETED, float("-inf"), id="infinite"),
    ],
)
def test_a_failed_trial_is_never_among_the_best_nor_tried_again(tmp_path, status, score):
    oracle = make_oracle(two_by_three(), tmp_path)
    bad = oracle.create_trial("tuner0")
    finish(oracle, bad, score, status)
    assert oracle.get_trial(bad.trial_id).status == TrialStatus.FAILED
    rest = finish_all(make_oracle(two_by_three(), tmp_path))
    assert len(rest) == 5
    best = make_oracle(two_by_three(), tmp_path).get_best_trials(10)
    assert [trial.trial_id for trial in best] == [trial_id for trial_id, _ in rest]


@pytest.mark.parametrize(("direction", "expected"), [("min", [1, 3, 0, 2]), ("max", [0, 2, 1, 3])])
def test_best_trials_come_best_first_and_ties_in_grid_order(direction, expected):
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 0, 3)
    oracle = GridOracle(keras_tuner.Objective("val_loss", direction), hyperparameters=hp)
    trials = [oracle.create_trial(f"tuner{number}") for number in range(4)]
    for trial, score in reversed(list(zip(trials, [0.5, 0.25, 0.5, 0.25], strict=True))):
        finish(oracle, trial, score)
    best = oracle.get_best_trials(4)
    assert [trial.hyperparameters.values["a"] for trial in best] == expected
    assert oracle.get_best_trials(1) == best[:1]


def test_an_axis_met_only_while_training_joins_the_grid():
    oracle = make_oracle(None)
    tried = []
    while (trial := oracle.create_trial("tuner0")).status == TrialStatus.RUNNING:
        tried.append(trial.hyperparameters.Choice("late", [2, 1, 3]))
        finish(oracle, trial)
    assert tried == [2, 1, 3]


def test_keras_tuner_still_tells_an_oracle_its_directory_through_a_private_method(tmp_path):
    """GridOracle learns its directory there when another Tuner drives it."""
    assert callable(keras_tuner.Oracle._set_project_dir)
    oracle = make_oracle(two_by_three())
    BaseTuner(oracle, directory=str(tmp_path), project_name="named")
    assert oracle.store.root == tmp_path / "named"


class StockTuner(keras_tuner.Tuner):
    """A Tuner that knows nothing of kt-grid."""

    def run_trial(self, trial):
        self.seen.append(dict(trial.hyperparameters.values))
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt
        return {"val_loss": float(trial.hyperparameters.get("units"))}


def stock_tuner(directory, stop_after=None):
    oracle = GridOracle(OBJECTIVE, hyperparameters=two_by_three())
    tuner = StockTuner(oracle, directory=str(directory), project_name="stock")
    tuner.seen, tuner.stop_after = [], stop_after
    return tuner


def test_a_stock_tuner_can_drive_the_oracle(tmp_path):
    tuner = stock_tuner(tmp_path)
    tuner.search()
    product = itertools.product([8, 4], ["relu", "tanh", "linear"])
    assert tuner.seen == [{"units": u, "activation": a} for u, a in product]
    best = tuner.get_best_hyperparameters(1)[0].values
    assert best == {"units": 4, "activation": "relu"}


@pytest.mark.parametrize("stop_after", [1, 2, 6])
def test_a_stock_tuner_resumes(tmp_path, stop_after):
    interrupted = stock_tuner(tmp_path, stop_after)
    with pytest.raises(KeyboardInterrupt):
        interrupted.search()
    resumed = stock_tuner(tmp_path)
    resumed.search()
    product = itertools.product([8, 4], ["relu", "tanh", "linear"])
    whole = [{"units": u, "activation": a} for u, a in product]
    assert interrupted.seen[:-1] + resumed.seen == whole
