"""A search is worked out in one place, whoever asks for it."""

from dataclasses import replace

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.code_digest import code_digest
from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.errors import DataError, SplitError, UsageError
from kt_grid.search.identity import package_versions
from kt_grid.search.keras_tuners import as_hypermodel
from kt_grid.search.setup import is_same_code, make_setup
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.space import key
from kt_grid.space.objective import Extras, Objective
from kt_grid.splitters import StratifiedKFold
from kt_grid.splitters.folds import KFold, check_cv, make_splits
from kt_grid.store.records import SearchRecord

X = np.arange(24, dtype=np.float32).reshape(12, 2)
Y = np.arange(12) % 2
SPARSE = Loss("sparse_categorical_crossentropy", 3)
BINARY = Loss("binary_crossentropy", 1)
NUMBERS = Loss("mean_squared_error", 1)


class WithFit(keras_tuner.HyperModel):
    """Passes a batch size of its own, and has an axis of its own."""

    def build(self, hp):
        return _model(hp)

    def fit(self, hp, model, x, y, **kwargs):
        rounds = hp.Int("rounds", 1, 2)
        return model.fit(x, y, epochs=rounds, batch_size=4, verbose=0)


def _model(hp):
    return _compiled("sparse_categorical_crossentropy", 3, "softmax")


def _compiled(loss, units=1, activation="sigmoid", metrics=()):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation)])
    model.compile(loss=loss, metrics=[*metrics])
    return model


def _losses(hp):
    return _compiled(hp.Choice("loss", ["mse", "binary_crossentropy"]), metrics=["accuracy"])


def _never(hp):
    raise AssertionError("built")


def make(model=_model, y=Y, weights=None, groups=None, **changes):
    arguments = {
        "cv": KFold(3),
        "grid": {},
        "fit": {"epochs": 2, "batch_size": 4},
        "objective": Objective("val_loss", "min"),
        "extras": Extras(),
        **changes,
    }
    return make_setup(as_hypermodel(model), Arrays(X, y, weights, groups), **arguments)


def record_of(setup, **changes):
    """What search.json says of a search that was set up."""
    known = SearchRecord(
        (),
        experiment="search",
        repeats=setup.repeats,
        identity=setup.identity,
        versions=package_versions(),
        builds=setup.built(),
    )
    return replace(known, **changes)


def test_the_target_takes_the_form_of_the_models_loss():
    setup = make(y=np.array([1.0, 3.0, 5.0] * 4))
    assert setup.arrays.y.tolist() == [0, 1, 2] * 4
    assert setup.arrays.labels == ("1", "3", "5")
    assert setup.targets.for_loss(setup.loss_of({})) is setup.arrays


def test_the_target_takes_the_form_of_each_trials_own_loss():
    """With labels 1 and 2, mean_squared_error takes the numbers, a crossentropy their places."""
    y = np.array([1.0, 2.0] * 6)
    for values in (["mse", "binary_crossentropy"], ["binary_crossentropy", "mse"]):
        setup = make(_losses, y=y, grid={"loss": values})
        by_loss = {value: setup.loss_of({"loss": value}) for value in values}
        assert by_loss == {"mse": NUMBERS, "binary_crossentropy": BINARY}
        forms = {name: setup.targets.for_loss(loss).y.tolist() for name, loss in by_loss.items()}
        assert forms == {"mse": [1, 2] * 6, "binary_crossentropy": [0, 1] * 6}
        # What all have in common is the target as the data has it.
        assert setup.arrays.y.tolist() == y.tolist()


def test_losses_that_count_places_otherwise_each_have_their_own():
    def build(hp):
        kind = hp.Choice("kind", ["sparse_categorical", "categorical"])
        return _compiled(f"{kind}_crossentropy", 3, "softmax")

    setup = make(build, y=np.array([1.0, 2.0, 3.0] * 4))
    places = setup.targets.for_loss(setup.loss_of({"kind": "sparse_categorical"})).y
    rows = setup.targets.for_loss(setup.loss_of({"kind": "categorical"})).y
    assert places.tolist() == [0, 1, 2] * 4
    assert rows.tolist() == np.eye(3)[[0, 1, 2] * 4].tolist()


def test_the_identity_knows_nothing_of_the_order_of_losses():
    orders = [["mse", "binary_crossentropy"], ["binary_crossentropy", "mse"]]
    first, second = (make(_losses, grid={"loss": order}).identity for order in orders)
    assert first == second


def test_a_target_that_can_be_none_for_the_only_loss_is_refused(raises):
    with raises(DataError, "4 units"):
        make(y=np.arange(12.0) % 4)


def test_a_network_of_kt_grids_own_needs_no_look_at_it():
    setup = make(_never, is_network=True, grid={"units": [2, 3]}, objective=None)
    assert setup.fit == FitArguments(epochs=2, batch_size=4)
    assert (setup.builds, setup.code, setup.built()) == (None, None, {})
    assert [*setup.tree.combinations({"units": [2, 3]})] == [{"units": 2}, {"units": 3}]
    assert setup.loss_of({"units": 2}) == BINARY
    assert setup.objective == Objective("val_accuracy", "max")


def test_a_fit_of_ones_own_declares_its_axes_and_keeps_its_arguments():
    setup = make(WithFit())
    assert [*setup.tree.combinations({})] == [{"rounds": 1}, {"rounds": 2}]
    assert dict(setup.fit.own) == {}
    assert setup.passed_axes == ()


def test_builds_are_asked_for_every_combination_once():
    seen = []

    def build(hp):
        deep = hp.Int("deep", 1, 2)
        seen.append((deep, *(hp.Choice(f"units_{n}", [2, 3]) for n in range(deep))))
        return _model(hp)

    setup = make(build)
    expected = [(1, a) for a in (2, 3)] + [(2, a, b) for a in (2, 3) for b in (2, 3)]
    found = [tuple(values.values()) for values in setup.tree.combinations({})]
    assert found == expected
    assert len(seen) == len(set(seen)) <= len(expected)
    assert setup.builds.losses == [SPARSE]


def test_at_most_so_many_builds_are_run_as_there_are_trials():
    seen = []

    def build(hp):
        seen.append(hp.Int("units", 1, 100))
        return _model(hp)

    make(build, max_trials=3)
    assert seen == [1, 2, 3]


def test_builds_that_are_known_of_the_same_code_are_not_run_again():
    seen = []

    def build(hp):
        # A count outside would be a change of what the code leads to.
        __import__("sys").modules[__name__].COUNTED.append(hp.Choice("loss", ["mse", "mae"]))
        return _losses(hp)

    COUNTED.clear()
    first = make(build, objective=None)
    assert COUNTED == ["mse", "mae"]
    seen, COUNTED[:] = [*COUNTED], []
    assert first.code.certain
    again = make(build, objective=None, known=record_of(first))
    assert COUNTED == []
    assert seen == ["mse", "mae"]
    assert (again.identity, again.tree.root) == (first.identity, first.tree.root)
    assert again.built() == first.built()


COUNTED: list[str] = []


def test_combinations_beyond_those_that_are_known_are_built():
    COUNTED.clear()
    first = make(_counting, grid={"loss": ["mse"]})
    assert COUNTED == ["mse"]
    again = make(_counting, grid={"loss": ["mse", "mae"]}, known=record_of(first))
    assert COUNTED == ["mse", "mae"]
    assert [*again.tree.combinations({})] == [{"loss": "mse"}, {"loss": "mae"}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(["mse"], ["mse", "binary_crossentropy"], id="more"),
        pytest.param(["mse", "binary_crossentropy"], ["mse", "binary_crossentropy"], id="alike"),
    ],
)
def test_an_objective_is_chosen_by_known_models_and_new_ones(before, after):
    """Of labels 1 and 2 an accuracy has a meaning for a crossentropy alone."""
    about = {"y": np.array([1.0, 2.0] * 6), "objective": None, "cv": KFold(3)}
    first = make(_losses, grid={"loss": before}, **about)
    fresh = make(_losses, grid={"loss": after}, **about)
    again = make(_losses, grid={"loss": after}, known=record_of(first), **about)
    assert again.objective == fresh.objective == first.objective
    assert (again.identity, again.notes) == (fresh.identity, fresh.notes)
    assert again.objective.name == "val_loss"


def test_where_no_model_can_be_built_any_more_the_objective_stays():
    first = make(objective=None)
    assert first.objective.name == "val_loss"
    assert make(_never, objective=None, known=record_of(first)).objective == first.objective
    assert make(_never, objective=None).objective.name == "val_accuracy"


def _counting(hp):
    __import__("sys").modules[__name__].COUNTED.append(hp.Choice("loss", ["mse", "mae"]))
    return _compiled(hp.get("loss"))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"digest": "0" * 32}, False, id="other code"),
        pytest.param({"python": "2.7"}, False, id="another Python"),
        pytest.param({"certain": False}, False, id="not read whole"),
    ],
)
def test_code_is_the_same_if_it_surely_is(changes, same):
    setup = make()
    assert is_same_code(record_of(setup), replace(setup.code, **changes)) is same


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"builds": {}}, id="nothing is known of it"),
        pytest.param({"versions": {**package_versions(), "keras": "1.0"}}, id="other versions"),
    ],
)
def test_code_is_not_the_same_for_sure_in_another_environment(changes):
    setup = make()
    assert not is_same_code(record_of(setup, **changes), setup.code)


def test_the_code_is_that_of_models_callbacks_and_scores():
    def callback():
        return keras.callbacks.TerminateOnNaN()

    setup = make(fit={"callbacks": [callback]})
    hypermodel = as_hypermodel(_model)
    assert setup.code == code_digest({"model": hypermodel, "callbacks[0]": setup.fit.callbacks[0]})
    assert setup.code != make().code


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        pytest.param({"cv": KFold(13)}, SplitError, "rows as folds", id="too-many-folds"),
        pytest.param({"fit": {"nonsense": 1}}, UsageError, "nonsense", id="no-argument"),
        pytest.param(
            {"weights": np.repeat([0, 1], [4, 8])}, UsageError, "split 0", id="nothing-weighs"
        ),
        pytest.param(
            {"weights": np.ones(12), "fit": {"class_weight": {0: 2.0}}},
            UsageError,
            "class_weight",
            id="two-kinds-of-weights",
        ),
        pytest.param(
            {"cv": [([0], [1]), ([1], [0])], "fit": {"validation_split": 0.5}},
            SplitError,
            "2 or more rows",
            id="nothing-to-hold-back",
        ),
        pytest.param({"racing": "bound"}, UsageError, "bounded objective", id="no-bound"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(changes, error, words, raises):
    changes = {**changes, "cv": check_cv(changes.get("cv", KFold(3)))}
    with raises(error, words):
        make(**changes)


@pytest.mark.parametrize(
    ("grid", "notes"),
    [
        pytest.param({"loss": ["mse"]}, [], id="asked for"),
        pytest.param(
            {"los": ["mse"], "depth": [1]},
            [
                "axis 'los' of the grid isn't asked for by any model, and left out. "
                "Did you mean 'loss'?",
                "axis 'depth' of the grid isn't asked for by any model, and left out",
            ],
            id="dead",
        ),
        pytest.param({"epochs": [1, 2], "batch_size": [4]}, [], id="of the training"),
    ],
)
def test_axes_that_no_model_asks_for_are_told(grid, notes):
    setup = make(_losses, grid=grid)
    assert [*setup.notes] == notes
    alive = {name for values in setup.tree.combinations(grid) for name in values}
    assert alive == {"loss", *grid} - {"los", "depth"}


SORTED = np.repeat([0, 1], 6)


@pytest.mark.parametrize(
    ("model", "cv", "groups", "stratified"),
    [
        pytest.param(_model, 3, None, True, id="a number of classes"),
        pytest.param(_losses, 3, None, False, id="one of the losses is for numbers"),
        pytest.param(_model, KFold(3), None, False, id="a splitter"),
    ],
)
def test_a_number_of_folds_is_stratified_for_classes_and_told(model, cv, groups, stratified):
    setup = make(model, y=SORTED, cv=cv, groups=groups)
    told = [note for note in setup.notes if note.startswith("folds StratifiedKFold(")]
    expected = StratifiedKFold(3) if stratified else KFold(3)
    assert len(told) == stratified
    assert setup.identity.cv == repr(setup.cv) == repr(expected)
    for (train, test), (wanted_train, wanted_test) in zip(
        setup.splits, make_splits(expected, 12, SORTED), strict=True
    ):
        assert (train.tolist(), test.tolist()) == (wanted_train.tolist(), wanted_test.tolist())


def test_repeats_of_a_number_of_folds_are_passes_over_all():
    setup = make(cv=3, repeats=2)
    assert (setup.repeats, len(setup.splits), setup.identity.folds) == (2, 6, 6)


def test_the_objective_is_chosen_by_what_all_models_compile():
    """An accuracy says nothing of the numbers that mean_squared_error is given."""
    chosen = make(_losses, y=np.array([1.0, 2.0] * 6), objective=None)
    assert (chosen.objective, chosen.objective.stated) == (
        Objective("val_loss", "min", stated=False),
        False,
    )
    assert any("val_loss" in note for note in chosen.notes)
    grid = {"loss": ["binary_crossentropy"]}
    assert make(_losses, grid=grid, objective=None).objective.name == "val_accuracy"


def test_equal_searches_have_equal_identities_and_others_do_not():
    assert make().identity == make().identity
    assert make(seed=8).identity != make().identity
    assert make(fit={"epochs": 3}).identity != make().identity


def test_a_tuner_and_whoever_plans_derive_the_same(tmp_path):
    """The plan gives a number of folds and passes; the tuner the same arguments."""
    tuner = CrossValidationTuner(
        _losses, cv=3, grid={"loss": ["mse"]}, directory=tmp_path, engine="keras"
    )
    fit = {"epochs": 2, "batch_size": 4, "class_weight": {0: 1.0, 1: 2.0}}
    one = tuner._make_setup(Arrays(X, Y), fit)
    other = make(
        _losses, cv=3, grid={"loss": ["mse"]}, fit=fit, objective=None, engine="keras", repeats=1
    )
    assert one.identity == other.identity
    assert (one.objective, one.notes, one.code) == (other.objective, other.notes, other.code)
    assert key(one.built()) == key(other.built())


@pytest.mark.parametrize(
    ("model", "edited", "same"),
    [
        pytest.param(_model, _losses, True, id="build: known by trial"),
        pytest.param(WithFit(), type("Other", (WithFit,), {"fit": WithFit.fit})(), True, id="fit"),
        pytest.param(
            WithFit(),
            type("Other", (WithFit,), {"fit": lambda *_, **__: 0.5})(),
            False,
            id="another fit",
        ),
    ],
)
def test_code_that_trains_outside_the_model_is_part_of_the_identity(model, edited, same):
    first, second = make(model).identity, make(edited).identity
    assert (first.model_source == second.model_source) is same
