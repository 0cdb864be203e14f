"""The models that a search keeps."""

import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus

from kt_grid import CrossValidationTuner
from kt_grid.errors import PredictionError, UsageError
from kt_grid.search.models import WeightKeeper, load_refit, recorded_fit
from kt_grid.search.oracle import GridOracle
from kt_grid.search.predict import load_predictor
from kt_grid.splitters import KFold
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, SearchRecord

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def build(hp):
    units = hp.Choice("units", [2, 3])
    model = keras.Sequential(
        [keras.layers.Dense(units, activation="tanh"), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    searched = CrossValidationTuner(build, "val_accuracy", cv=KFold(3), directory=folder)
    searched.search(X, Y, epochs=3, batch_size=4)
    return searched


def test_every_fold_model_gives_its_recorded_scores(tuner):
    trial = tuner.oracle.get_best_trials(1)[0]
    models = tuner.load_fold_models(trial)
    folds = KFold(3).split(X, Y)
    for split, (model, (_, test)) in enumerate(zip(models, folds, strict=True)):
        record = tuner.store.read_fold(trial.trial_id, split)
        loss, accuracy = model.evaluate(X[test], Y[test], verbose=0)
        assert loss == pytest.approx(record.scores["val_loss"], rel=1e-5)
        assert accuracy == record.scores["val_accuracy"]


def test_models_with_a_shared_layer_are_loaded_each_with_its_own_weights(tmp_path):
    shared = keras.layers.Dense(4, activation="tanh")

    def own(hp):
        model = keras.Sequential([keras.Input((3,)), shared, keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Choice("rate", [0.1, 0.2])), "mse")
        return model

    tuner = CrossValidationTuner(own, cv=KFold(3), directory=tmp_path, keep="all")
    tuner.search(X, Y, epochs=2)
    refit = tuner.refit()
    before = refit.predict(X, verbose=0)
    trial = tuner.oracle.get_best_trials(1)[0]
    models = tuner.load_fold_models(trial)
    for split, (_, test) in enumerate(KFold(3).split(X, Y)):
        loss = models[split].evaluate(X[test], Y[test], verbose=0)
        scores = tuner.store.read_fold(trial.trial_id, split).scores
        assert loss == pytest.approx(scores["val_loss"], rel=1e-5)
    one, other = (model.layers[0].get_weights()[0] for model in tuner.get_best_models(2))
    assert not np.allclose(one, other)
    assert refit.predict(X, verbose=0).tolist() == before.tolist()
    assert tuner.predict(X).tolist() == before.tolist()


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda tuner: tuner.get_best_models(1), id="best model"),
        pytest.param(
            lambda tuner: tuner.load_fold_models(tuner.oracle.get_best_trials(1)[0]), id="folds"
        ),
        pytest.param(lambda tuner: tuner.refit(X, Y), id="refit"),
    ],
)
def test_weights_are_not_loaded_into_the_model_of_edited_code(tmp_path, raises, use):
    def searched_by(activation):
        def own(hp):
            units = hp.Choice("units", [2, 3])
            hidden = keras.layers.Dense(units, activation=activation)
            model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
            model.compile("sgd", "mse")
            return model

        return CrossValidationTuner(own, cv=KFold(3), directory=tmp_path, seed=3)

    searched_by("tanh").search(X, Y, epochs=1)
    use(searched_by("tanh"))
    with raises(PredictionError, "code that builds another one"):
        use(searched_by("relu"))


def test_refit_is_another_training_on_all_rows(tuner):
    model = tuner.refit()
    assert (
        load_refit(tuner.store).predict(X, verbose=0).tolist()
        == model.predict(X, verbose=0).tolist()
    )
    folds = tuner.load_fold_models(tuner.oracle.get_best_trials(1)[0])
    assert all(not np.allclose(fold.get_weights()[0], model.get_weights()[0]) for fold in folds)


def test_refits_of_other_trials_stand_beside_the_best_one(tmp_path, raises):
    tuner = CrossValidationTuner(build, "val_accuracy", cv=KFold(3), directory=tmp_path)
    tuner.search(X, Y, epochs=1, batch_size=4)
    best, other = (trial.trial_id for trial in tuner.oracle.get_best_trials(2))
    tuner.refit()
    before = tuner.store.model_file.read_bytes()
    with raises(PredictionError, f"refit(trial='{other}')"):
        load_predictor(tuner.store.root, trial=other)
    model = tuner.refit(trial=other)
    units = tuner.oracle.get_trial(other).hyperparameters.get("units")
    assert model.layers[0].units == units
    assert tuner.store.model_file.read_bytes() == before
    assert (tuner.store.root / "refits" / f"trial_{other}" / "model.keras").exists()
    predicted = load_predictor(tuner.store.root, trial={"units": units}).outputs(X)
    np.testing.assert_allclose(predicted, model.predict(X, verbose=0), rtol=1e-6)
    # The best trial, named or not, is the same model in the same place.
    assert tuner.refit(trial=best).layers[0].units != units
    assert load_predictor(tuner.store.root, trial=int(best)).model.layers[0].units != units
    assert not tuner.store.refit_dir(best).exists()
    # Done once, it is loaded.
    written = (tuner.store.refit_dir(other) / "model.keras").stat().st_mtime_ns
    again = CrossValidationTuner(build, "val_accuracy", cv=KFold(3), directory=tmp_path)
    assert again.refit(X, Y, trial=other).layers[0].units == units
    assert (tuner.store.refit_dir(other) / "model.keras").stat().st_mtime_ns == written


class Unregistered(keras.layers.Layer):
    """A layer that a file can't name."""

    def call(self, inputs):
        return 2 * inputs


class Indescribable(Unregistered):
    def __init__(self, function):
        super().__init__()
        self.function = function


@pytest.mark.parametrize(
    ("make", "refits", "word"),
    [
        pytest.param(Unregistered, True, "register_keras_serializable", id="read"),
        pytest.param(lambda: Indescribable(object()), False, "--no-refit", id="saved"),
    ],
)
def test_what_keras_cannot_read_or_save_is_said_with_the_mend(tmp_path, raises, make, refits, word):
    def own(hp):
        hp.Choice("units", [2])
        model = keras.Sequential([keras.Input((3,)), make(), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    tuner = CrossValidationTuner(own, "val_loss", cv=2, directory=tmp_path, engine="keras")
    tuner.search(X, Y, epochs=1)
    if refits:
        assert tuner.refit().predict(X, verbose=0).shape == (24, 1)
    with raises(PredictionError, word):
        load_refit(tuner.store) if refits else tuner.refit()


def test_a_file_of_another_keras_names_both_versions(tmp_path, raises, monkeypatch):
    def own(hp):
        hp.Choice("units", [2])
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    def unknown(*args, **kwargs):
        raise TypeError("Unrecognized keyword arguments passed to Dense")

    tuner = CrossValidationTuner(own, "val_loss", cv=2, directory=tmp_path, engine="keras")
    tuner.search(X, Y, epochs=1)
    tuner.refit()
    monkeypatch.setattr(keras.saving, "load_model", unknown)
    with raises(PredictionError, "from_config"):
        load_refit(tuner.store)
    monkeypatch.setattr("kt_grid.search.models.saved_by", lambda _: "3.99.0")
    with raises(PredictionError, "Keras 3.99.0", f"this is Keras {keras.__version__}"):
        load_refit(tuner.store)


def test_no_refit_is_missed_with_the_mend(tmp_path, raises):
    with raises(PredictionError, "refit()"):
        load_refit(SearchStore(tmp_path, "none"))


def test_unbuilt_models_need_rows_to_be_loaded(tuner, raises):
    again = CrossValidationTuner(
        build,
        "val_accuracy",
        cv=KFold(3),
        directory=tuner.directory,
        project_name=tuner.project_name,
    )
    assert isinstance(again.hypermodel, keras_tuner.HyperModel)
    with raises(PredictionError, "keras.Input"):
        again.get_best_models(1)


def test_a_trial_that_was_not_the_best_of_fewer_folds_has_not_all_weights(tuner, raises):
    trial = tuner.oracle.get_best_trials(1)[0]
    whole = tuner.store.read_fold(trial.trial_id, 0)
    tuner.store.write_fold(trial.trial_id, dataclasses.replace(whole, weights=""), None)
    try:
        with raises(PredictionError, "of all folds", "keep='all'"):
            tuner.load_fold_models(trial)
    finally:
        tuner.store.write_fold(trial.trial_id, whole, None)


@pytest.mark.parametrize(
    ("fit", "given"),
    [
        pytest.param({"epochs": 5, "batch_size": 8}, {"epochs": 5, "batch_size": 8}, id="plain"),
        pytest.param(
            {"epochs": 5, "class_weight": {"0": 1.0, "1": 3.0}, "early_stopping": 2},
            {"epochs": 5, "class_weight": {"0": 1.0, "1": 3.0}, "early_stopping": 2},
            id="weights of classes",
        ),
    ],
)
def test_a_search_knows_how_it_trained(tmp_path, fit, given):
    assert recorded_fit(directory_of(tmp_path, fit), None) == given


def test_what_no_file_can_hold_is_asked_for_again(tmp_path, raises):
    with raises(UsageError, "callbacks", "to be given again"):
        recorded_fit(directory_of(tmp_path, {"epochs": 5, "callbacks": ["Mine()"]}), None)


def directory_of(folder, fit):
    store = SearchStore(folder, "search")
    identity = Identity("max:val_accuracy", folds=3, seed=7, fit=fit)
    store.write_record(SearchRecord((), experiment="search", repeats=1, identity=identity))
    return store


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
        keeper.refresh()
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
    keeper.refresh()
    assert _kept(tmp_path) == [1]
    assert keeper.best_score == again
    assert len(notes) == 1
    assert not keeper.reopen_lost(notes.append)


def test_another_word_is_refused():
    with pytest.raises(UsageError, match=r"one of all, best\. Received: 'some'"):
        WeightKeeper("some", None, None)
