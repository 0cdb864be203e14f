"""A race: what is given up and why, by hand, at random, and in whole searches."""

import json
from dataclasses import replace
from fractions import Fraction

import keras_tuner
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from keras_tuner.engine.trial import TrialStatus

from kt_grid.analysis.confidence_set import Design
from kt_grid.analysis.measurement import Measurement
from kt_grid.errors import UsageError
from kt_grid.report.formats import render
from kt_grid.search.observer import Silent
from kt_grid.search.oracle import make_oracle
from kt_grid.search.racing import Incumbents, Race, Rivals, check_racing, make_race
from kt_grid.space.objective import Objective, Score
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import SplitFacts
from kt_grid.store.results import read_results

ACCURACY = Objective("val_accuracy", "max")
ERROR = Objective("val_mse", "min")
GRID = {"units": list(range(2, 14))}


OVERLAP = 0.1


def race(kind="bound", objective=ACCURACY, folds=3, passes=1, averaged=1, step=0.0):
    design = Design(OVERLAP, step)
    measurement = Measurement("folds", passes, folds, averaged, 100, False, design)
    return Race(kind, objective, folds * passes * averaged, measurement)


def beside(*rivals, best=0):
    return Rivals(rivals, best)


@pytest.mark.parametrize(
    ("objective", "scores", "best", "reason"),
    [
        pytest.param(ACCURACY, [], [1.0, 1.0, 1.0], "", id="nothing to go by"),
        # 0.2 and twice 1 make 2.2, that is a mean of 0.7333.
        pytest.param(
            ACCURACY,
            [0.2],
            [0.8, 0.7, 0.75],
            "its mean can't be better than 0.733333, and another one's is 0.75",
            id="can't win",
        ),
        pytest.param(ACCURACY, [0.25], [0.8, 0.7, 0.75], "", id="can tie"),
        pytest.param(ACCURACY, [0.5, 0.5], [0.8, 0.7, 0.75], "1 and 2 of 3", id="from the second"),
        pytest.param(ACCURACY, [0.0, 0.0, 0.0], [0.8, 0.7, 0.75], "", id="all there"),
        pytest.param(ACCURACY, [0.3], [0.1 + 0.2, 1.0, 1.0], "", id="a tie but for rounding"),
        pytest.param(ERROR, [6.0], [1.0, 2.0, 3.0], "", id="less is better, can tie"),
        pytest.param(
            ERROR,
            [6.6],
            [1.0, 2.0, 3.0],
            "its mean can't be better than 2.2, and another one's is 2",
            id="less is better, can't win",
        ),
    ],
)
def test_by_bound_a_trial_is_given_up_once_it_can_not_tie(objective, scores, best, reason):
    if reason == "1 and 2 of 3":
        reason = "its mean can't be better than 0.666667, and another one's is 0.75"
    assert race(objective=objective).judge(scores, beside(best)) == reason


@pytest.mark.parametrize(
    ("objective", "scores", "best"),
    [
        pytest.param(ACCURACY, [], [76.0, 75.0, 77.0], id="in percent"),
        pytest.param(ACCURACY, [1.01], [0.5, 0.5, 0.5], id="above 1"),
        pytest.param(ERROR, [-0.01], [0.5, 0.5, 0.5], id="below 0"),
    ],
)
def test_a_score_beyond_the_bound_ends_the_search(raises, objective, scores, best):
    with raises(UsageError, "racing by a bound", objective.name, "no better than"):
        race(objective=objective).judge(scores, beside(best))


def test_a_share_may_round_to_a_little_more_than_1():
    assert race().judge([float(np.float32(1) + np.float32(1e-7))], beside([1.0] * 3)) == ""


@given(
    st.integers(1, 5).flatmap(
        lambda folds: st.lists(
            st.lists(st.integers(0, 10), min_size=folds, max_size=folds), min_size=1, max_size=8
        )
    )
)
def test_by_bound_nothing_is_given_up_that_wins_or_ties(trials):
    folds, best, given_up = len(trials[0]), None, []
    referee = race(folds=folds)
    for tenths in trials:
        scores, rival = [t / 10 for t in tenths], best and [t / 10 for t in best]
        looks = [bool(rival and referee.judge(scores[:n], beside(rival))) for n in range(folds + 1)]
        exact = [
            bool(best) and n < folds and Fraction(sum(tenths[:n]) + 10 * (folds - n)) < sum(best)
            for n in range(folds + 1)
        ]
        assert looks == exact
        if any(looks):
            given_up.append(tenths)
        elif best is None or sum(tenths) > sum(best):
            best = tenths
    assert sum(best) == max(sum(tenths) for tenths in trials)
    assert all(sum(tenths) < sum(best) for tenths in given_up)


def paired(ours, theirs, overlap=OVERLAP, step=0.0):
    """Two trials on some folds: Student's t of the differences, two-sided, by its formula."""
    differences = np.array(theirs) - np.array(ours)
    variance = differences.var(ddof=1) + step**2 / 6
    t = differences.mean() / np.sqrt(variance * (1 / len(differences) + overlap))
    return 2 * float(scipy.stats.t.sf(abs(t), len(differences) - 1))


BEST = [0.80, 0.82, 0.81, 0.79, 0.80]


@pytest.mark.parametrize(
    ("scores", "gives_up"),
    [
        pytest.param([0.1, 0.1], False, id="two folds say nothing"),
        pytest.param([0.50, 0.54, 0.52], True, id="far behind"),
        pytest.param([0.78, 0.70, 0.80], False, id="behind by chance"),
        pytest.param([0.90, 0.93, 0.92], False, id="ahead"),
        pytest.param(BEST[:4], False, id="equal"),
        pytest.param([0.75, 0.78, 0.76, 0.74], True, id="four folds"),
        pytest.param([0.1] * 5, False, id="all there"),
    ],
)
def test_by_test_a_trial_is_given_up_once_noise_does_not_explain_it(scores, gives_up):
    """Of five folds there are two looks, after the third and the fourth, at half the level."""
    reason = race("test", folds=5).judge(scores, beside(BEST))
    if 2 < len(scores) < 5 and scores != BEST[:4] and scores[0] < BEST[0]:
        p = 2 * paired(scores, BEST[: len(scores)])
        assert (p < 0.05) is gives_up
        assert not gives_up or reason.endswith(f"p = {p:.3g}")
    assert bool(reason) is gives_up
    mirrored = race("test", ERROR, folds=5)
    flipped = mirrored.judge([1 - s for s in scores], beside([1 - s for s in BEST]))
    assert bool(flipped) is gives_up


def test_by_test_all_that_are_complete_say_how_large_the_noise_is():
    """Three folds of two trials say little, those of many the more."""
    random = np.random.default_rng(0)
    rivals = (0.8 + 0.01 * random.normal(size=(20, 5))).tolist()
    behind = [0.75, 0.70, 0.72]
    referee = race("test", folds=5)
    assert referee.judge(behind, beside(rivals[0])) == ""
    reason = referee.judge(behind, beside(*rivals))
    assert reason.startswith("significantly worse than the best one on the same folds, p = ")


def test_repeats_on_the_same_folds_are_one_measurement():
    """After the first pass a look has whole passes: their mean on three folds."""
    referee = race("test", folds=3, averaged=3)
    assert referee.looks == (3, 6)
    best = [0.8] * 9
    scores = [0.78, 0.60, 0.66, 0.56, 0.66, 0.64]
    p = 2 * paired([0.67, 0.63, 0.65], best[:3])
    assert p < 0.05
    assert referee.judge(scores, beside(best)).endswith(f"p = {p:.3g}")
    assert referee.judge(scores[:5], beside(best)) == ""
    assert 2 * paired(scores[:3], best[:3]) > 0.05
    assert referee.judge(scores[:3], beside(best)) == ""


def test_the_step_of_an_accuracy_counts_as_noise():
    ours, theirs = [0.5, 0.5, 0.5001], [0.6, 0.6, 0.6]
    assert race("test", folds=5).judge(ours, beside(theirs))
    assert not race("test", folds=5, step=0.5).judge(ours, beside(theirs))


def test_scores_without_noise_say_nothing():
    assert race("test", folds=5).judge([0.5] * 3, beside([0.6] * 5)) == ""


def test_a_race_is_made_of_what_the_splits_are():
    splits = SplitFacts(((6, 2),) * 3 + ((7, 1),) * 3, fresh_folds=False)
    made = make_race("bound", ACCURACY, 2, splits, "Repeated(KFold(3), 2)", 8)
    assert (made.splits, made.measurement.folds, made.measurement.averaged) == (6, 3, 2)
    assert made.measurement.design.step == pytest.approx(1 / 2)
    fresh = make_race("test", ERROR, 2, replace(splits, fresh_folds=True), "KFold(3)", 8)
    assert (fresh.measurement.passes, fresh.looks) == (1, (3, 4, 5))
    assert make_race(None, ACCURACY, 2, splits) is None


@pytest.mark.parametrize(
    ("folds", "repeats", "looks"),
    [(10, 1, range(3, 10)), (5, 3, (3, 4, 5, 10)), (3, 3, (3, 6)), (2, 3, (4,))],
    ids=str,
)
def test_a_test_looks_at_whole_passes_after_the_first(folds, repeats, looks):
    splits = SplitFacts(((2 * folds - 2, 2),) * folds * repeats, fresh_folds=True)
    assert make_race("test", ACCURACY, repeats, splits, "KFold", 2 * folds).looks == tuple(looks)


def test_a_time_series_has_no_test(raises):
    splits = SplitFacts(((2, 2), (4, 2), (6, 2), (8, 2)), fresh_folds=True)
    with raises(UsageError, "racing by a test", "time series", "racing='bound'"):
        make_race("test", ACCURACY, 1, splits, "TimeSeriesSplit(4)", 10)
    assert make_race("bound", ACCURACY, 1, splits, "TimeSeriesSplit(4)", 10)


@pytest.mark.parametrize(("folds", "repeats"), [(3, 1), (2, 1)], ids=["three", "two"])
def test_too_few_folds_for_a_test_are_refused(raises, folds, repeats):
    splits = SplitFacts(((8 - 8 // folds, 8 // folds),) * folds * repeats, fresh_folds=False)
    with raises(UsageError, "more than 3 folds", "racing by a test", str(folds), "cv"):
        make_race("test", ACCURACY, repeats, splits, "KFold", 8)
    assert make_race("bound", ACCURACY, repeats, splits, "KFold", 8) is not None


@pytest.mark.parametrize("name", ["max:val_accuracy", "max:val_auc", "min:val_mse", "max:val_acc"])
def test_metrics_whose_best_value_is_known_can_be_raced_by_bound(name):
    direction, _, metric = name.partition(":")
    check_racing("bound", Objective(metric, direction))


@pytest.mark.parametrize(
    "objective",
    [
        Objective("val_loss", "min"),
        Objective("val_poisson", "min"),
        Objective("val_kl_divergence", "min"),
        Objective("val_mine", "max"),
        Objective("val_true_positives", "max"),
        Objective("val_accuracy", "min"),
        Objective("val_mse", "max"),
    ],
    ids=str,
)
def test_others_are_refused(raises, objective):
    check_racing("test", objective)
    check_racing(None, objective)
    with raises(UsageError, "bounded objective", str(objective), "racing='test'"):
        check_racing("bound", objective)


def test_a_function_may_have_a_metrics_name_and_other_values(raises):
    score = Score("accuracy", max, "max")
    with raises(UsageError, "bounded objective"):
        check_racing("bound", score.objective, [score])


def test_another_word_is_refused(raises):
    with raises(UsageError, "bound or test", "'often'"):
        check_racing("often", ACCURACY)


class Stop(Silent):
    """Interrupts after so many folds."""

    def __init__(self, after):
        self.left = after

    def fold(self, parameters):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


# The race by a test needs a score without a coarse step, as an accuracy on few rows has.
OBJECTIVES = {"bound": "val_accuracy", "test": "val_loss"}


@pytest.fixture
def raced(stub_search, tmp_path, monkeypatch):
    """Runs a search of twelve trials in a folder; returns its results and the folds trained.

    Of a score a part is the trial's own, the rest the fold's: as much for the race by a bound,
    and little for that by a test, which has to see that trials differ.
    """

    def run(folder="raced", kind="bound", **options):
        defaults = {"objective": OBJECTIVES[kind], "grid": GRID, "cv": 5, "keep": "best"}
        options = {**defaults, **options, "search": False}
        tuner, engine = stub_search(tmp_path / folder, **options)
        stub_run = engine.run

        def graded(trainings):
            own = trainings.hyperparameters.get("units") * 5 % 12 / 12
            rest = 0.5 if kind == "bound" else 0.05
            for trained in stub_run(trainings):
                score = (1 - rest) * own + rest * trained.scores["val_accuracy"]
                trained.scores.update(val_accuracy=score, val_loss=1 - score)
                yield trained

        monkeypatch.setattr(engine, "run", graded)
        tuner.search(np.zeros((6, 1)), np.arange(6) % 2)
        return tuner.search_results(), engine.trained

    return run


def files(folder):
    """All that a search leaves, but for keras-tuner's own order of trials."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("oracle.json", "lock.json")
    }


@pytest.mark.parametrize("keep", ["best", "all"])
def test_by_bound_the_best_is_that_of_the_whole_search(raced, keep):
    whole, all_folds = raced("whole", keep=keep)
    results, folds = raced(racing="bound", keep=keep)
    assert results.best == whole.best
    assert len(all_folds) == 60
    assert len(folds) < 60
    assert set(folds) < set(all_folds)
    complete = {trial.trial_id: trial.scores for trial in whole.trials}
    assert results.given_up
    for trial in results.given_up:
        known = [score for score in trial.partial_scores if score is not None]
        assert known == [*complete[trial.trial_id][: len(known)]]
        assert trial.partial_scores[len(known) :] == (None,) * (5 - len(known))
        assert (trial.scores, trial.mean, trial.std, trial.rank) == ((), None, None, None)
        assert np.mean(complete[trial.trial_id]) < whole.best.mean
        assert trial.reason.startswith(f"given up after {len(known)} of 5 folds: its mean can't")
    assert results.complete
    assert sum(bool(t.partial_scores) for t in results.trials) == len(results.given_up)


def test_what_is_given_up_is_stopped_for_keras_tuner_and_never_the_best(raced, tmp_path):
    results, _ = raced(racing="bound")
    store = SearchStore(tmp_path / "raced", "search")
    for trial in results.given_up:
        state = store.read_trial(trial.trial_id)
        assert (state["status"], state["score"]) == ("STOPPED", None)
        assert state["message"] == trial.reason
        assert not store.keeps_weights(trial.trial_id)


def test_all_best_trials_are_complete(stub_search, tmp_path):
    tuner, _ = stub_search(tmp_path, objective="val_accuracy", grid=GRID, cv=5, racing="bound")
    best = tuner.oracle.get_best_trials(100)
    assert {trial.status for trial in best} == {"COMPLETED"}
    assert len(best) == len(tuner.search_results().completed) < 12
    assert tuner.oracle.remaining_trials() == 0


@pytest.fixture(scope="module")
def races():
    """Of races that nothing came between, by kind: how many trainings, and what they left."""
    return {}


@pytest.mark.parametrize("kind", ["bound", "test"])
@pytest.mark.parametrize("after", [1, 6, 17])
def test_an_interrupted_race_ends_with_the_same_bytes(raced, tmp_path, races, kind, after):
    if kind not in races:
        results, whole = raced("whole", kind, racing=kind)
        assert results.given_up
        races[kind] = len(whole), files(tmp_path / "whole")
    trainings, left = races[kind]
    with pytest.raises(KeyboardInterrupt):
        raced("parts", kind, racing=kind, observer=Stop(after))
    _, rest = raced("parts", kind, racing=kind)
    assert len(rest) == trainings - after
    assert files(tmp_path / "parts") == left
    assert raced("parts", kind, racing=kind)[1] == []
    assert files(tmp_path / "parts") == left


@pytest.mark.parametrize("kind", ["bound", "test"])
def test_without_the_race_only_the_missing_folds_are_trained(raced, tmp_path, kind):
    _, folds = raced("raced", kind, racing=kind)
    assert len(folds) < 60
    assert "racing" in json.loads((tmp_path / "raced/search/search.json").read_text())
    results, rest = raced("raced", kind)
    whole, _ = raced("whole", kind)
    assert sorted(folds + rest) == sorted((units, i) for units in GRID["units"] for i in range(5))
    assert render(results, "json") == render(whole, "json")
    assert files(tmp_path / "raced") == files(tmp_path / "whole")


def test_what_was_complete_before_the_race_stays(raced, tmp_path):
    whole, _ = raced()
    results, folds = raced(racing="bound")
    assert folds == []
    assert render(results) == render(whole)


def test_a_trial_is_judged_again_when_its_rival_is_gone(raced):
    """Without the best ones in the grid, what was given up for them may be the best."""
    first, _ = raced(racing="bound")
    left = [t.parameters["units"] for t in first.given_up]
    results, _ = raced(racing="bound", grid={"units": left})
    alone, _ = raced("alone", grid={"units": left})
    assert results.best.parameters == alone.best.parameters
    assert results.best.scores == alone.best.scores
    assert render(results) == render(raced("raced alone", racing="bound", grid={"units": left})[0])


def test_more_folds_are_another_race(raced):
    splits = [(np.delete(np.arange(6), i), np.array([i])) for i in range(6)]
    raced(cv=splits[:4], racing="bound")
    results, _ = raced(cv=splits, racing="bound")
    whole, _ = raced("whole", cv=splits)
    assert results.complete
    assert (results.best.parameters, results.best.scores) == (
        whole.best.parameters,
        whole.best.scores,
    )


def test_a_record_that_is_lost_is_trained_again(raced, tmp_path):
    first, _ = raced(racing="bound")
    before = files(tmp_path / "raced")
    trial = first.given_up[0]
    folder = tmp_path / "raced" / "search" / f"trial_{trial.trial_id}"
    (folder / "fold_0.json").write_text("{")
    assert read_results(SearchStore(tmp_path / "raced", "search")).damage
    _, folds = raced(racing="bound")
    assert folds == [(trial.parameters["units"], 0)]
    assert files(tmp_path / "raced") == before


def test_scores_in_percent_end_the_search(stub_search, tmp_path, raises, monkeypatch):
    tuner, engine = stub_search(
        tmp_path, search=False, objective="val_accuracy", grid=GRID, racing="bound"
    )
    run = engine.run

    def in_percent(trainings):
        for trained in run(trainings):
            trained.scores["val_accuracy"] *= 100
            yield trained

    monkeypatch.setattr(engine, "run", in_percent)
    with raises(UsageError, "no better than 1", "racing by a bound"):
        tuner.search(np.zeros((6, 1)), np.arange(6) % 2)
    assert len(engine.trained) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 2}, ["2 workers"]),
        ({"scheduler": "tcp://host:1"}, ["the scheduler tcp://host:1"]),
        ({"trial_timeout": 5.0}, ["a trial timeout of 5 s"]),
        ({"racing": "sometimes"}, ["'sometimes'"]),
        ({"objective": "val_loss"}, ["val_loss"]),
    ],
    ids=str,
)
def test_what_cannot_be_raced_is_refused_before_anything_is_written(
    raced, raises, tmp_path, options, words
):
    with raises(UsageError, "racing", *words):
        raced(**{"racing": "bound", **options})
    assert not (tmp_path / "raced").exists()


FAILS, GIVES_UP = "fails", "gives up"


class Beaten(Race):
    """Says whom it compares with."""

    def judge(self, scores, rivals):
        return f"{rivals.scores[rivals.best]}"


@pytest.fixture
def make_incumbents():
    def make_incumbents(values, direction="max"):
        grid = {"a": values} if isinstance(values[0], int) else values
        oracle = make_oracle(Objective("val_score", direction), 7, grid)
        race = Beaten(
            "bound",
            Objective("val_score", direction),
            2,
            Measurement("folds", 1, 2, 1, None, False, Design(1.0)),
        )
        return oracle, Incumbents(oracle, race)

    return make_incumbents


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
def test_the_best_completed_trial_is_to_be_beaten(make_incumbents, scores, direction, rivals):
    oracle, known = make_incumbents([1, 2, 3], direction)
    for score, rival in zip(scores, rivals, strict=True):
        trial = oracle.create_trial("tuner0")
        assert look(known, trial) == rival
        end(oracle, trial, score)


def test_what_comes_later_in_the_grid_does_not_count(make_incumbents):
    """As where a file of an early trial was lost."""
    oracle, known = make_incumbents([1, 2, 3])
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


def test_what_the_grid_does_not_have_any_more_does_not_count(make_incumbents):
    oracle, _ = make_incumbents([1, 2, 3])
    for score in (9, 1, 2):
        end(oracle, oracle.create_trial("tuner0"), score)
    shrunk, known = make_incumbents([2, 3, 4])
    shrunk.trials = oracle.trials
    trial = keras_tuner.engine.trial.Trial(shrunk.hyperparameters.copy(), "0003")
    trial.hyperparameters.values = {"a": 4}
    assert look(known, trial) == "[2.0, 3.0]"


def test_a_list_of_grids_is_walked_through_in_its_order(make_incumbents):
    oracle, known = make_incumbents([{"a": [1, 2]}, {"a": [2, 3], "b": [(1, 2), None]}])
    found = []
    for score in (1, 3, 2, 4, 0, 1):
        trial = oracle.create_trial("tuner0")
        found.append(look(known, trial))
        end(oracle, trial, score)
    assert found == [None, "[1.0, 2.0]", *["[3.0, 4.0]"] * 2, *["[4.0, 5.0]"] * 2]
    # Only what comes before it: as if those after it had never run.
    oracle.reopen("0002")
    assert look(known, oracle.create_trial("tuner0")) == "[3.0, 4.0]"


def test_an_axis_met_late_begins_the_walk_anew(make_incumbents):
    oracle, known = make_incumbents([1, 2])
    trial = oracle.create_trial("tuner0")
    assert look(known, trial) is None
    trial.hyperparameters.Choice("b", [10, 20])
    end(oracle, trial, 1)
    for place in ((1, 20), (2, 10), (2, 20)):
        trial = oracle.create_trial("tuner0")
        assert tuple(trial.hyperparameters.values.values()) == place
        assert look(known, trial) == "[1.0, 2.0]"
        end(oracle, trial, 0)


def test_nobody_is_to_be_beaten_where_there_is_no_race(make_incumbents):
    oracle, _ = make_incumbents([1, 2])
    end(oracle, oracle.create_trial("tuner0"), 1)
    assert Incumbents(oracle).judge_of(oracle.create_trial("tuner0")) is None
