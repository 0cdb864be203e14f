"""One trial: only folds without a record are trained, and the figures are numpy's."""

import dataclasses

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Targets
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Trained
from kt_grid.errors import EngineError, StoreError, UsageError
from kt_grid.search.observer import Silent
from kt_grid.search.racing import GivenUp
from kt_grid.search.runner import TrialRunner
from kt_grid.search.setup import Setup
from kt_grid.space import DecisionTree
from kt_grid.space.objective import Extras, Objective
from kt_grid.space.seeds import derive_seed
from kt_grid.splitters.folds import KFold, make_splits
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, SplitFacts

SCORES = [0.25, 0.875, 0.5]


class Weights:
    layers = ()

    def save_weights(self, path):
        path.write_text("weights", encoding="utf-8")

    def count_params(self):
        return 12


class FakeEngine:
    """Gives what it is told to, and notes what it is asked."""

    name = "fake"

    def __init__(self, scores=SCORES):
        self.scores = scores
        self.tasks = []
        self.fits = []

    def run(self, trainings):
        fit = trainings.fit
        for task in trainings.tasks:
            self.tasks.append(task)
            self.fits.append(fit)
            given = {} if task.test is None else self.scores[task.split]
            if isinstance(given, BaseException):
                raise given
            scores = given if isinstance(given, dict) else {"val_accuracy": given}
            yield Trained(task.split, scores, fit.epochs, 1.5, Weights(), engine="fake", steps=35)

    @property
    def trained(self):
        return [task.split for task in self.tasks]


class Told(Silent):
    def __init__(self):
        self.folds = []

    def fold(self, parameters):
        self.folds.append(parameters)


@pytest.fixture
def trial():
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [3])
    hp.Choice("epochs", [5])
    hp.Choice("batch_size", [4])
    return Trial(hp, trial_id="0000")


@pytest.fixture
def make_runner(tmp_path):
    def make(engine, **changes):
        rows = np.arange(8, dtype=np.float32)
        targets = Targets(Arrays(rows[:, None], rows % 2))
        setup = Setup(
            targets=targets,
            arrays=targets.given,
            cv=KFold(3),
            splits=make_splits(KFold(3), 8),
            fit=FitArguments(epochs=2, batch_size=32),
            passed_axes=(),
            objective=Objective("val_accuracy", "max"),
            extras=Extras(),
            race=None,
            only=None,
            seed=7,
            engine="fake",
            identity=Identity("val_accuracy", folds=3, seed=7),
            described=SplitFacts(),
            tree=DecisionTree(),
        )
        own = {n: changes.pop(n) for n in ("longest", "observer", "kept") if n in changes}
        runner = TrialRunner(
            setup=dataclasses.replace(setup, **changes),
            hypermodel=None,
            engine=engine,
            store=SearchStore(tmp_path, "search"),
            longest=5,
            kept=frozenset(),
            observer=Told(),
        )
        return dataclasses.replace(runner, **own)

    return make


def test_metrics_are_the_mean_the_std_and_every_fold(make_runner, trial):
    metrics = make_runner(FakeEngine()).run(trial)
    assert metrics == {
        "val_accuracy": pytest.approx(np.mean(SCORES), rel=1e-15),
        "val_accuracy_std": pytest.approx(np.std(SCORES), rel=1e-15),
        "split0_val_accuracy": 0.25,
        "split1_val_accuracy": 0.875,
        "split2_val_accuracy": 0.5,
    }
    assert {type(value) for value in metrics.values()} == {float}


def test_other_metrics_are_averaged_where_every_fold_has_them(make_runner, trial):
    scores = [
        {"val_accuracy": 0.5, "val_loss": 1.0, "val_auc": 0.5},
        {"val_accuracy": 0.5, "val_loss": 2.0, "val_auc": float("nan")},
        {"val_accuracy": 0.5, "val_loss": 6.0, "val_auc": 0.5},
    ]
    metrics = make_runner(FakeEngine(scores)).run(trial)
    assert metrics["val_loss"] == 3.0
    assert "val_auc" not in metrics


def test_a_bare_number_is_the_objective(make_runner, trial):
    metrics = make_runner(FakeEngine([{"": score} for score in SCORES])).run(trial)
    assert metrics["split1_val_accuracy"] == 0.875


def test_every_fold_has_its_rows_and_a_seed_of_its_own(make_runner, trial):
    engine = FakeEngine()
    make_runner(engine).run(trial)
    assert [task.test.tolist() for task in engine.tasks] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [task.train.tolist() for task in engine.tasks] == [
        [3, 4, 5, 6, 7],
        [0, 1, 2, 6, 7],
        [0, 1, 2, 3, 4, 5],
    ]
    values = {"units": 3, "batch_size": 4}
    assert [task.seed for task in engine.tasks] == [derive_seed(7, values, 0, i) for i in range(3)]


@pytest.mark.parametrize(("passed", "own"), [((), {}), (("epochs",), {"epochs": 5})])
def test_the_trial_says_how_long_it_trains(make_runner, trial, passed, own):
    engine = FakeEngine()
    make_runner(engine, passed_axes=passed).run(trial)
    assert (engine.fits[0].epochs, engine.fits[0].batch_size) == (5, 4)
    assert engine.fits[0].own == own


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_recorded_folds_are_not_trained_again(make_runner, trial, done):
    stopped = [*SCORES[:done], KeyboardInterrupt(), None, None][: max(3, done + 1)]
    if done < 3:
        with pytest.raises(KeyboardInterrupt):
            make_runner(FakeEngine(stopped)).run(trial)
    else:
        make_runner(FakeEngine()).run(trial)
    again = FakeEngine()
    runner = make_runner(again)
    assert runner.run(trial)["val_accuracy"] == pytest.approx(np.mean(SCORES), rel=1e-15)
    assert again.trained == [0, 1, 2][done:]
    assert runner.observer.folds == [trial.hyperparameters.values] * (3 - done)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: (path / "fold_1.weights.h5").unlink(), id="no weights"),
        pytest.param(lambda path: (path / "fold_1.json").unlink(), id="no record"),
        pytest.param(lambda path: (path / "fold_1.json").write_text("{"), id="half a record"),
        pytest.param(
            lambda path: (path / "fold_1.json").write_text(
                (path / "fold_1.json").read_text().replace("0.875", "0.975")
            ),
            id="an altered record",
        ),
    ],
)
def test_a_fold_that_is_not_there_whole_is_trained_again(make_runner, trial, tmp_path, spoil):
    make_runner(FakeEngine()).run(trial)
    spoil(tmp_path / "search" / "trial_0000")
    again = FakeEngine()
    make_runner(again).run(trial)
    assert again.trained == [1]


@pytest.mark.parametrize(
    "other", [{"units": 4}, {"epochs": 6}, {"batch_size": 8}], ids=["units", "epochs", "batch_size"]
)
def test_records_of_other_parameters_do_not_count(make_runner, trial, other):
    make_runner(FakeEngine()).run(trial)
    trial.hyperparameters.values |= other
    again = FakeEngine()
    make_runner(again).run(trial)
    assert again.trained == [0, 1, 2]


def test_records_of_another_seed_do_not_count(make_runner, trial):
    make_runner(FakeEngine()).run(trial)
    again = FakeEngine()
    make_runner(again, seed=8).run(trial)
    assert again.trained == [0, 1, 2]


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (ValueError("too wide\nand more"), "^in test_runner.py, line .+: ValueError: too wide$"),
        (MemoryError("none left"), "^in test_runner.py, line .+: MemoryError: none left$"),
        (float("nan"), "Expected a finite val_accuracy"),
        (float("inf"), "Expected a finite val_accuracy"),
        ({"val_loss": 1.0}, "Expected a finite val_accuracy among the scores"),
    ],
    ids=["raises", "out of memory", "nan", "infinite", "no objective"],
)
def test_what_goes_wrong_in_a_fold_fails_the_trial_with_the_reason(
    make_runner, trial, score, reason
):
    with pytest.raises(keras_tuner.errors.FailedTrialError, match=reason):
        make_runner(FakeEngine([0.5, score, 0.5])).run(trial)


def test_a_full_disk_ends_the_search_and_not_only_the_trial(make_runner, trial, tmp_path):
    (tmp_path / "search").write_text("a file in the folder's place")
    with pytest.raises(keras_tuner.errors.FatalRuntimeError, match="Expected to write") as caught:
        make_runner(FakeEngine()).run(trial)
    assert isinstance(caught.value.__cause__, StoreError)


@pytest.mark.parametrize(
    ("fault", "caught", "reason"),
    [
        (OSError(28, "No space left"), keras_tuner.errors.FatalRuntimeError, "No space left"),
        (
            RuntimeError("Can't close the file (errno = 28, error message = 'x')"),
            keras_tuner.errors.FatalRuntimeError,
            "Expected to write .*No space left",
        ),
        (
            MemoryError("none left"),
            keras_tuner.errors.FailedTrialError,
            "MemoryError: none left$",
        ),
    ],
    ids=["disk", "disk, as HDF5 says it", "memory"],
)
def test_weights_that_cannot_be_written(make_runner, trial, monkeypatch, fault, caught, reason):
    def save_weights(self, path):
        raise fault

    monkeypatch.setattr(Weights, "save_weights", save_weights)
    with pytest.raises(caught, match=reason):
        make_runner(FakeEngine()).run(trial)


def test_the_refit_is_on_all_rows_with_its_own_seed(make_runner, trial):
    engine = FakeEngine()
    runner = make_runner(engine)
    assert isinstance(runner.refit(trial), Weights)
    (task,) = engine.tasks
    assert task.train.tolist() == list(range(8))
    assert task.test is None
    assert task.seed == derive_seed(7, {"units": 3, "batch_size": 4}, "refit")
    assert task.seed == runner.refit_seed(trial)


def test_a_refit_that_fails_says_why(make_runner, trial):
    class Broken(FakeEngine):
        def run(self, *asked):
            raise RuntimeError("no memory")
            yield

    with pytest.raises(EngineError, match=r"Expected the refit to succeed.*no memory"):
        make_runner(Broken()).refit(trial)


def test_record_says_how_large_the_model_is_and_how_long_it_learned(trial, make_runner):
    runner = make_runner(FakeEngine())
    runner.run(trial)
    record = runner.store.read_fold("0000", 0)
    assert (record.size, record.steps) == (12, 35)


def judge(*reasons):
    """Gives one reason after the other, and notes the scores that it is asked about."""
    left, asked = list(reasons), []

    def says(scores):
        asked.append(scores)
        return left.pop(0)

    return says, asked


def test_a_trial_is_given_up_after_a_fold_and_the_engine_ends(make_runner, trial):
    class Closing(FakeEngine):
        closed = False

        def run(self, trainings):
            try:
                yield from super().run(trainings)
            finally:
                self.closed = True

    engine = Closing()
    says, asked = judge("", "", "too far behind")
    with pytest.raises(GivenUp, match=r"^given up after 2 of 3 folds: too far behind$") as caught:
        make_runner(engine).run(trial, judge=says)
    # The traceback still holds the loop, so that nobody else can have closed it.
    assert caught.tb is not None
    assert engine.closed
    assert engine.trained == [0, 1]
    assert asked == [[], SCORES[:1], SCORES[:2]]


def test_a_trial_is_judged_by_its_records_before_anything_is_trained(make_runner, trial):
    with pytest.raises(GivenUp):
        make_runner(FakeEngine()).run(trial, judge=judge("", "", "too far behind")[0])
    again = FakeEngine()
    says, asked = judge("still too far behind")
    with pytest.raises(GivenUp, match="after 2 of 3 folds: still too far behind"):
        make_runner(again).run(trial, judge=says)
    assert (again.trained, asked) == ([], [SCORES[:2]])
    assert make_runner(again).run(trial)["val_accuracy"] == pytest.approx(np.mean(SCORES))
    assert again.trained == [2]


def test_a_trial_is_judged_by_the_folds_before_the_first_gap(make_runner, trial, tmp_path):
    make_runner(FakeEngine()).run(trial)
    (tmp_path / "search" / "trial_0000" / "fold_1.json").unlink()
    says, asked = judge("", "")
    make_runner(FakeEngine()).run(trial, judge=says)
    assert asked == [SCORES[:1], SCORES]


def test_a_fault_of_the_race_ends_the_search_and_not_only_the_trial(make_runner, trial):
    def says(scores):
        raise UsageError("Expected a bound. Received: 87.5")

    with pytest.raises(keras_tuner.errors.FatalRuntimeError, match=r"87\.5") as caught:
        make_runner(FakeEngine()).run(trial, judge=says)
    assert isinstance(caught.value.__cause__, UsageError)


def test_a_refit_trains_the_median_of_the_epochs_that_the_folds_kept(make_runner, trial):
    class Stopping(FakeEngine):
        def run(self, trainings):
            for trained in super().run(trainings):
                yield dataclasses.replace(trained, epochs=[2, 5, 3, 4][trained.split])

    engine = Stopping()
    runner = make_runner(engine, fit=FitArguments(epochs=2, early_stopping=1))
    runner.run(trial)
    runner.refit(trial)
    assert (engine.fits[-1].epochs, engine.fits[-1].stopping) == (3, {})
    again = Stopping()
    make_runner(again, fit=runner.setup.fit).run(trial)
    assert again.trained == []
