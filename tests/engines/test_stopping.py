"""What is held back to decide when to stop, and what a refit makes of it."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task
from kt_grid.engines.stopping import (
    check_hold_back,
    hold_back,
    kept_epochs,
    make_callbacks,
    without_stopping,
)
from kt_grid.errors import SplitError, UsageError

ROWS = np.arange(100, 140)
TASK = Task(0, ROWS, np.arange(10), 5)
STOPPING = FitArguments(epochs=9, early_stopping=2, validation_split=0.25)


def test_rows_are_held_back_at_random_by_the_seed():
    held = hold_back(TASK, STOPPING, None)
    assert len(held.watch) == 10
    assert sorted([*held.train, *held.watch]) == ROWS.tolist()
    assert np.all(np.diff(held.train) > 0)
    assert held.watch.max() - held.watch.min() > 20
    again = hold_back(TASK, STOPPING, None)
    np.testing.assert_array_equal(again.watch, held.watch)
    other = hold_back(Task(0, ROWS, TASK.test, 6), STOPPING, None)
    assert {*other.watch} != {*held.watch}


def test_groups_stay_together():
    groups = np.arange(200) // 5
    held = hold_back(TASK, STOPPING, groups)
    assert not {*groups[held.train]} & {*groups[held.watch]}
    assert 10 <= len(held.watch) < 15


@pytest.mark.parametrize("seed", range(6))
def test_one_large_group_does_not_take_all_rows(seed):
    groups = np.where(np.arange(200) < 136, 0, 1)
    held = hold_back(Task(0, ROWS, TASK.test, seed), STOPPING, groups)
    assert held.watch.tolist() == ROWS[-4:].tolist()


def test_the_last_rows_of_a_time_series_are_held_back():
    fit = FitArguments(early_stopping=2, in_time=True)
    assert hold_back(TASK, fit, None).watch.tolist() == ROWS[-8:].tolist()
    turned = Task(0, ROWS[::-1], TASK.test, 5)
    assert sorted(hold_back(turned, fit, None).watch) == ROWS[-8:].tolist()
    groups = np.arange(200) // 16
    held = hold_back(TASK, fit, groups)
    assert not {*groups[held.train]} & {*groups[held.watch]}


@pytest.mark.parametrize(
    ("task", "fit"),
    [
        pytest.param(TASK, FitArguments(), id="nothing asked for"),
        pytest.param(Task(-1, ROWS, None, 5), STOPPING, id="refit"),
    ],
)
def test_nothing_is_held_back(task, fit):
    assert hold_back(task, fit, None) is task


def test_something_is_left_to_train_on():
    one_group = np.zeros(200)
    with pytest.raises(SplitError, match=r"Expected 2 or more groups of rows .* Received: 1 in"):
        hold_back(TASK, STOPPING, one_group)
    with pytest.raises(SplitError, match=r"Expected 2 or more rows .* Received: 1 in a split"):
        check_hold_back([(np.array([3]), np.array([1]))], STOPPING, None)
    check_hold_back([(np.array([3]), np.array([1]))], FitArguments(), None)
    greedy = FitArguments(validation_split=0.99)
    assert len(hold_back(Task(0, ROWS[:3], TASK.test, 5), greedy, None).train) == 1


@pytest.mark.parametrize(
    ("fit", "groups"),
    [
        pytest.param(STOPPING, None, id="drawn"),
        pytest.param(FitArguments(early_stopping=2, in_time=True), None, id="in time"),
        pytest.param(STOPPING, np.arange(200) // 5, id="groups"),
    ],
)
@pytest.mark.parametrize("nothing", [slice(0, 130), slice(106, 200)], ids=["first", "last"])
def test_rows_that_weigh_nothing_are_neither_all_held_back_nor_all_left(fit, groups, nothing):
    weights = np.ones(200)
    weights[nothing] = 0
    held = hold_back(TASK, fit, groups, weights)
    assert weights[held.watch].any()
    assert weights[held.train].any()
    if groups is not None:
        assert not {*groups[held.train]} & {*groups[held.watch]}
    ones = hold_back(TASK, fit, groups, np.ones(200))
    assert ones.watch.tolist() == hold_back(TASK, fit, groups).watch.tolist()


def test_one_row_that_weighs_anything_is_refused_before_training():
    weights = np.zeros(200)
    weights[ROWS[0]] = 1
    with pytest.raises(SplitError, match=r"weigh more than 0 to train on.* Received: 1"):
        check_hold_back([(ROWS, TASK.test)], STOPPING, None, weights)


def test_callbacks_are_fresh_and_early_stopping_goes_back_to_the_best():
    own = keras.callbacks.TerminateOnNaN()
    fit = FitArguments(callbacks=(own,), early_stopping=4)
    copied, stopping = make_callbacks(fit)
    assert type(copied) is type(own)
    assert copied is not own
    assert (stopping.monitor, stopping.patience) == ("val_loss", 4)
    assert stopping.restore_best_weights


@pytest.mark.parametrize(
    ("callback", "kept"),
    [
        pytest.param(SimpleNamespace(best_epoch=2), 7, id="another callback"),
        pytest.param(keras.callbacks.EarlyStopping(), 7, id="last weights"),
        pytest.param(keras.callbacks.EarlyStopping(restore_best_weights=True), 3, id="best"),
    ],
)
def test_epochs_are_those_of_the_weights_that_are_kept(callback, kept):
    callback.best_epoch, callback.best_weights = 2, []
    assert kept_epochs([callback], 7) == kept


def test_early_stopping_that_never_got_to_choose_keeps_the_last_epoch():
    never = keras.callbacks.EarlyStopping(restore_best_weights=True, start_from_epoch=9)
    never.on_train_begin()
    assert kept_epochs([never], 7) == 7


@pytest.mark.parametrize(
    ("epochs", "median"), [([4, 9, 2], 4), ([4, 5], 5), ([3], 3)], ids=["odd", "even", "one"]
)
def test_a_refit_trains_the_median_and_watches_nothing(epochs, median):
    watching = keras.callbacks.ReduceLROnPlateau(monitor="val_loss")
    other = keras.callbacks.TerminateOnNaN()
    fit = FitArguments(epochs=50, callbacks=(watching, other), early_stopping=3)
    refit = without_stopping(fit, epochs)
    assert (refit.epochs, refit.callbacks, refit.stopping) == (median, (other,), {})


def test_a_refit_after_whole_trainings_is_one():
    fit = FitArguments(epochs=50, callbacks=(keras.callbacks.EarlyStopping(monitor="loss"),))
    assert without_stopping(fit, [3, 4]) is fit


@pytest.mark.parametrize(
    "arguments",
    [
        {"early_stopping": 0},
        {"early_stopping": 1.5},
        {"early_stopping": True},
        {"validation_split": 1.0},
        {"validation_split": "0.2"},
        {"class_weight": "balanced"},
    ],
    ids=["no epoch", "no number of epochs", "yes", "all rows", "word", "no weights"],
)
def test_what_cannot_be_meant_is_refused(arguments):
    with pytest.raises(UsageError, match=r"Expected .*\. Received: "):
        FitArguments(**arguments)


def test_a_fifth_is_held_back_unless_it_is_said():
    assert FitArguments(early_stopping=3).stopping == {
        "validation_split": 0.2,
        "early_stopping": 3,
    }
    assert FitArguments().stopping == {}
