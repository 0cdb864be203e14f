"""Whom a trial has to beat: the best before it in the grid, and nobody else."""

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from kt_grid.search.oracle import make_oracle
from kt_grid.search.racing import Race
from kt_grid.search.rivals import Rivals
from kt_grid.space.objective import Objective

FAILS, GIVES_UP = "fails", "gives up"


class Beaten(Race):
    """Says whom it compares with."""

    def judge(self, scores, best):
        return f"{best}"


@pytest.fixture
def make():
    def make(values, direction="max"):
        grid = {"a": values} if isinstance(values[0], int) else values
        oracle = make_oracle(Objective("val_score", direction), 7, grid)
        race = Beaten("bound", Objective("val_score", direction), (0, 1), 1.0, 0.0)
        return oracle, Rivals(oracle, race)

    return make


def look(rivals, trial):
    """The scores that a trial has to beat."""
    judge = rivals.judge_of(trial)
    return None if judge is None else judge([])


def end(oracle, trial, score):
    if isinstance(score, str):
        trial.status = TrialStatus.FAILED if score is FAILS else TrialStatus.STOPPED
    else:
        metrics = {f"split{i}_val_score": score + i for i in range(2)}
        oracle.update_trial(trial.trial_id, {"val_score": score + 0.5, **metrics})
        trial.status = TrialStatus.COMPLETED
    oracle.end_trial(trial)


@pytest.mark.parametrize(
    ("scores", "direction", "rivals"),
    [
        pytest.param([1, 2, 3], "max", [None, "[1.0, 2.0]", "[2.0, 3.0]"], id="rising"),
        pytest.param([1, 2, 3], "min", [None, "[1.0, 2.0]", "[1.0, 2.0]"], id="less is better"),
        pytest.param([FAILS, 2, 1], "max", [None, None, "[2.0, 3.0]"], id="a failed one"),
        pytest.param([2, GIVES_UP, 1], "max", [None, *["[2.0, 3.0]"] * 2], id="one given up"),
    ],
)
def test_the_best_completed_trial_is_to_be_beaten(make, scores, direction, rivals):
    oracle, known = make([1, 2, 3], direction)
    for score, rival in zip(scores, rivals, strict=True):
        trial = oracle.create_trial("tuner0")
        assert look(known, trial) == rival
        end(oracle, trial, score)


def test_what_comes_later_in_the_grid_does_not_count(make):
    """As where a file of an early trial was lost."""
    oracle, known = make([1, 2, 3])
    for score in (1, 5, 3):
        trial = oracle.create_trial("tuner0")
        look(known, trial)
        end(oracle, trial, score)
    for trial_id, rival in (("0001", "[1.0, 2.0]"), ("0000", None), ("0002", "[1.0, 2.0]")):
        oracle.reopen(trial_id)
        trial = oracle.create_trial("tuner0")
        assert trial.trial_id == trial_id
        assert look(known, trial) == rival
        end(oracle, trial, GIVES_UP if trial_id == "0001" else 1)


def test_what_the_grid_does_not_have_any_more_does_not_count(make):
    oracle, _ = make([1, 2, 3])
    for score in (9, 1, 2):
        end(oracle, oracle.create_trial("tuner0"), score)
    shrunk, known = make([2, 3, 4])
    shrunk.trials = oracle.trials
    trial = keras_tuner.engine.trial.Trial(shrunk.hyperparameters.copy(), "0003")
    trial.hyperparameters.values = {"a": 4}
    assert look(known, trial) == "[2.0, 3.0]"


def test_a_list_of_grids_is_walked_through_in_its_order(make):
    oracle, known = make([{"a": [1, 2]}, {"a": [2, 3], "b": [(1, 2), None]}])
    found = []
    for score in (1, 3, 2, 4, 0, 1):
        trial = oracle.create_trial("tuner0")
        found.append(look(known, trial))
        end(oracle, trial, score)
    assert found == [None, "[1.0, 2.0]", *["[3.0, 4.0]"] * 2, *["[4.0, 5.0]"] * 2]
    # Only what comes before it: as if those after it had never run.
    oracle.reopen("0002")
    assert look(known, oracle.create_trial("tuner0")) == "[3.0, 4.0]"


def test_an_axis_met_late_begins_the_walk_anew(make):
    oracle, known = make([1, 2])
    trial = oracle.create_trial("tuner0")
    assert look(known, trial) is None
    trial.hyperparameters.Choice("b", [10, 20])
    end(oracle, trial, 1)
    for place in ((1, 20), (2, 10), (2, 20)):
        trial = oracle.create_trial("tuner0")
        assert tuple(trial.hyperparameters.values.values()) == place
        assert look(known, trial) == "[1.0, 2.0]"
        end(oracle, trial, 0)


def test_nobody_is_to_be_beaten_where_there_is_no_race(make):
    oracle, _ = make([1, 2])
    end(oracle, oracle.create_trial("tuner0"), 1)
    assert Rivals(oracle).judge_of(oracle.create_trial("tuner0")) is None
