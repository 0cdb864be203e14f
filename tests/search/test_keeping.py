"""Whose weights stay on disk."""

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from kt_grid.errors import UsageError
from kt_grid.search.keeping import WeightKeeper
from kt_grid.search.oracle import GridOracle
from kt_grid.store.directory import SearchStore

FAILS = None


@pytest.fixture
def search(tmp_path):
    """Runs trials with given scores; returns who has weights after each and at last."""

    def run(scores, keep="best", direction="max"):
        hp = keras_tuner.HyperParameters()
        hp.Int("a", 1, len(scores))
        objective = keras_tuner.Objective("val_score", direction)
        oracle = GridOracle(objective, hyperparameters=hp)
        oracle.store = store = SearchStore(tmp_path, "search")
        keeper = WeightKeeper(keep, oracle, store)
        kept = []
        for score in scores:
            trial = oracle.create_trial("tuner0")
            for split in range(2):
                store.weights(trial.trial_id, split).write_bytes(b"weights")
            finish(oracle, trial, score)
            keeper.take(trial)
            kept.append(_kept(tmp_path))
        keeper.settle()
        return kept, _kept(tmp_path), keeper

    return run


def finish(oracle, trial, score):
    if score is not FAILS:
        oracle.update_trial(trial.trial_id, {"val_score": score})
    trial.status = TrialStatus.FAILED if score is FAILS else TrialStatus.COMPLETED
    oracle.end_trial(trial)


def _kept(directory):
    """Numbers of the trials that have the weights of both folds; of none there may be half."""
    found = [int(p.parent.name[-4:]) for p in directory.glob("search/trial_*/fold_*.weights.h5")]
    assert all(found.count(number) == 2 for number in found)
    return sorted(set(found))


@pytest.mark.parametrize(
    ("scores", "direction", "meanwhile", "at_last"),
    [
        pytest.param([1, 2, 3], "max", [[0], [1], [2]], [2], id="rising"),
        pytest.param([1, 2, 3], "min", [[0], [0], [0]], [0], id="rising, less is better"),
        pytest.param([3, 2, 1], "max", [[0], [0], [0]], [0], id="falling"),
        pytest.param([2, 2, 1], "max", [[0], [0, 1], [0, 1]], [0], id="a tie waits for the end"),
        pytest.param([2, 2, 3], "max", [[0], [0, 1], [2]], [2], id="a tie is beaten"),
        pytest.param([FAILS, 1, FAILS], "max", [[], [1], [1]], [1], id="failed ones"),
        pytest.param([FAILS, FAILS], "max", [[], []], [], id="all fail"),
    ],
)
def test_only_the_best_keeps_its_weights(search, scores, direction, meanwhile, at_last):
    assert search(scores, "best", direction)[:2] == (meanwhile, at_last)


def test_all_keep_their_weights_if_asked(search):
    assert search([1, FAILS, 2], "all")[:2] == ([[0], [0, 1], [0, 1, 2]], [0, 1, 2])


@pytest.mark.parametrize("again", [4, 3, 2], ids=["better", "equal", "worse"])
def test_a_trial_run_again_is_not_compared_with_itself(search, tmp_path, monkeypatch, again):
    """Another machine may give it other scores."""
    monkeypatch.setattr(SearchStore, "lost_weights", lambda *_: [1])
    notes = []
    keeper = search([1, 3])[2]
    assert keeper.reopen_lost(notes.append)
    trial = keeper.oracle.create_trial("tuner0")
    finish(keeper.oracle, trial, again)
    keeper.take(trial)
    assert _kept(tmp_path) == [1]
    keeper.settle()
    assert _kept(tmp_path) == [1]
    assert keeper.best_score == again
    assert len(notes) == 1
    assert not keeper.reopen_lost(notes.append)


def test_another_word_is_refused():
    with pytest.raises(UsageError, match=r"one of all, best\. Received: 'some'"):
        WeightKeeper("some", None, None)
