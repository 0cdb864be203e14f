"""Builds get what they ask for, as from keras-tuner, and what they ask for is noted."""

import copy
import pickle

import keras_tuner
import pytest

from kt_grid.errors import GridError, UnforeseenAxisError
from kt_grid.space import DecisionTree
from kt_grid.space.asking import AskingHyperParameters


def product(hp):
    return {"a": hp.Choice("a", [2, 1]), "b": hp.Boolean("b"), "c": hp.Fixed("c", "x")}


def scopes(hp):
    got = {"kind": hp.Choice("kind", ["flat", "wide"])}
    with hp.conditional_scope("kind", ["wide"]):
        got["width"] = hp.Int("width", 1, 3)
        with hp.conditional_scope("width", [2, 3]):
            got["deep"] = hp.Boolean("deep")
    got["rate"] = hp.Choice("rate", [0.5, 0.1], parent_name="kind", parent_values=["flat"])
    return {name: value for name, value in got.items() if value is not None}


def loop(hp):
    layers = hp.Int("layers", 1, 3)
    return {"layers": layers} | {f"u{i}": hp.Choice(f"u{i}", [8, 16]) for i in range(layers)}


def branch(hp):
    if hp.Boolean("flat"):
        return {"flat": True}
    return {"flat": False, "units": hp.Choice("units", [4, 8])}


def nested(hp):
    got = {"blocks": hp.Int("blocks", 1, 2)}
    for i in range(got["blocks"]):
        got[f"n{i}"] = hp.Int(f"n{i}", 1, 2)
        for j in range(got[f"n{i}"]):
            got[f"u{i}{j}"] = hp.Choice(f"u{i}{j}", [4, 8])
    return got


def name_scopes(hp):
    with hp.name_scope("one"):
        got = {"one/a": hp.Int("a", 1, 2)}
        with hp.name_scope("two"), hp.name_scope("x"):
            got["one/two/x/a"] = hp.Int("a", 3, 4)
        with hp.conditional_scope("a", [2]):
            inner = hp.Boolean("c")
    return got | ({} if inner is None else {"one/c": inner})


def sampled(hp):
    return {
        "f": hp.Float("f", 0.0, 0.5, step=0.25),
        "g": hp.Float("g", 0.125, 1.0, step=2, sampling="log"),
        "n": hp.Int("n", 2, 16, step=2, sampling="log"),
    }


def twice(hp):
    got = {"kind": hp.Choice("kind", ["a", "b"])}
    with hp.conditional_scope("kind", ["a"]):
        one = hp.Choice("units", [1, 2])
    with hp.conditional_scope("kind", ["b"]):
        other = hp.Choice("units", [3, 4, 5])
    again = hp.Choice("kind", ["a", "b"])
    return got | {"units": one if again == "a" else other}


class OfItsOwn(keras_tuner.HyperModel):
    def build(self, hp):
        return loop(hp)


def dependent(hp):
    a = hp.Int("a", 1, 3)
    return {"a": a, "b": hp.Int("b", 1, a)}


def explorer(build):
    def explore(values):
        hp = AskingHyperParameters(values)
        build(hp)
        return hp.asked

    return explore


def keras_tuners(build, folder):
    """What builds get in keras-tuner's own grid search."""
    found = []

    class Stub(keras_tuner.GridSearch):
        def run_trial(self, trial, *args, **kwargs):
            found.append(build(trial.hyperparameters))
            return 0.0

    Stub(
        lambda hp: build(hp) and None,
        directory=str(folder),
        overwrite=True,
        max_consecutive_failed_trials=1,
    ).search(verbose=0)
    return found


def as_set(parameters):
    return {tuple(sorted(one.items())) for one in parameters}


PROGRAMS = [
    pytest.param(product, 4, id="product"),
    pytest.param(scopes, 2 + 1 + 2 * 2, id="conditional-scopes"),
    pytest.param(loop, 2 + 4 + 8, id="loop"),
    pytest.param(branch, 3, id="branch"),
    pytest.param(nested, 6 + 36, id="nested-loops"),
    pytest.param(name_scopes, 2 * 1 + 2 * 2, id="name-scopes"),
    pytest.param(sampled, 3 * 4 * 4, id="steps"),
    pytest.param(OfItsOwn().build, 14, id="hypermodel"),
    pytest.param(twice, 2 + 3, id="one-name-twice"),
    pytest.param(dependent, 1 + 2 + 3, id="dependent-range"),
]


@pytest.mark.parametrize(("build", "count"), PROGRAMS)
def test_a_trial_gets_its_own_parameters(build, count):
    tree = DecisionTree()
    found = [*tree.combinations({}, explorer(build))]
    assert len(found) == tree.count({}) == count
    for parameters in found:
        hp = AskingHyperParameters(parameters, closed=True)
        assert build(hp) == hp.parameters == parameters


# keras-tuner fails with a KeyError where a name has two conditions, and reads the bounds of a range
# only once, so it doesn't follow a dependent one.
@pytest.mark.parametrize(("build", "count"), PROGRAMS[:-2])
def test_combinations_are_those_of_keras_tuners_grid_search(tmp_path, build, count):
    found = [*DecisionTree().combinations({}, explorer(build))]
    assert as_set(found) == as_set(keras_tuners(build, tmp_path))
    assert len(found) == count


def test_what_the_grid_states_is_given_as_it_is():
    def build(hp):
        units = [hp.get("units"), hp["units"], hp.values["units"], hp.values.get("units")]
        assert units == [(4, None)] * 4
        return "units" in hp, hp.Choice("rate", [0.1, 0.2])

    hp = AskingHyperParameters({"units": (4, None), "rate": None, "other": 3})
    assert build(hp) == (True, None)
    assert hp.parameters == {"units": (4, None), "rate": None}
    assert [one.values for one in hp.asked] == [(), (0.1, 0.2)]


def test_the_first_value_comes_first_whatever_the_default_is():
    hp = AskingHyperParameters()
    assert (hp.Boolean("on"), hp.Int("n", 1, 3, default=2)) == (True, 1)
    assert [one.default for one in hp.asked] == [False, 2]
    kept = AskingHyperParameters(kept=["on"])
    assert (kept.Boolean("on"), kept.parameters) == (False, {})


def test_what_stands_under_conditions_that_do_not_hold_is_not_asked_for():
    hp = AskingHyperParameters({"kind": "flat", "width": 3})
    hp.Choice("kind", ["flat", "wide"])
    with hp.conditional_scope("kind", ["wide"]):
        assert hp.Int("width", 1, 3) is None
    assert "width" not in hp
    assert "width" not in hp.values
    with pytest.raises(ValueError, match="inactive"):
        hp.get("width")
    assert hp.parameters == {"kind": "flat"}


def test_a_scope_may_depend_on_what_only_the_grid_states():
    hp = AskingHyperParameters({"m/kind": "wide"})
    with hp.name_scope("m"), hp.conditional_scope("kind", ["wide"]):
        assert hp.Int("width", 2, 3) == 2
    assert hp.parameters == {"m/kind": "wide", "m/width": 2}
    with pytest.raises(ValueError, match="not defined"), hp.conditional_scope("kind", ["wide"]):
        pass


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda hp: dict(hp.values), id="dict"),
        pytest.param(lambda hp: {**hp.values}, id="unpacked"),
        pytest.param(lambda hp: dict(hp.values.items()), id="items"),
        pytest.param(lambda hp: hp.values.copy(), id="copy"),
        pytest.param(lambda hp: {name: hp.values[name] for name in hp.values}, id="loop"),
    ],
)
def test_whoever_reads_all_values_asks_for_all_that_are_given(read):
    hp = AskingHyperParameters({"a": 1, "b": 2})
    assert read(hp) == {"a": 1, "b": 2} == hp.parameters


def test_what_is_looked_up_in_vain_is_noted_without_a_value():
    hp = AskingHyperParameters()
    assert (hp.values.get("a", 7), "b" in hp) == (7, False)
    assert [(one.name, one.values) for one in hp.asked] == [("a", ()), ("b", ())]
    assert hp.parameters == {}
    with pytest.raises(KeyError):
        hp.get("c")


def test_what_a_trial_has_not_is_unforeseen():
    hp = AskingHyperParameters({"a": 1}, kept=["k"], closed=True)
    assert (hp.Choice("a", [1, 2]), hp.Choice("k", [3, 4])) == (1, 3)
    with pytest.raises(UnforeseenAxisError) as caught:
        hp.Boolean("late")
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - the test's own
    assert (error.name, error.values, error.default) == ("late", (True, False), False)
    assert str(error) == str(caught.value)
    assert [one.name for one in hp.asked] == ["a", "k", "late"]


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda hp: pickle.loads(pickle.dumps(hp)), id="pickle"),  # noqa: S301
    ],
)
def test_copies_of_the_object_go_on_where_it_is(copied):
    hp = AskingHyperParameters({"layers": 2, "other": 1})
    loop(hp)
    again = copied(hp)
    assert again.parameters == hp.parameters == {"layers": 2, "u0": 8, "u1": 8}
    again.Choice("more", [1, 2])
    assert [one.name for one in again.asked] == ["layers", "u0", "u1", "more"]
    assert "more" not in hp.parameters


def test_a_hypermodel_that_is_not_tunable_adds_no_axes():
    class Fixed(keras_tuner.HyperModel):
        def build(self, hp):
            return hp.Choice("a", [1, 2]), hp.Int("n", 1, 3, default=2)

    hp = AskingHyperParameters({"a": 2}, closed=True)
    assert Fixed(tunable=False).build(hp) == (2, 2)
    assert hp.parameters == {"a": 2}
    tree = DecisionTree()
    assert [*tree.combinations({}, explorer(Fixed(tunable=False).build))] == [{}]
    stated = {"a": [1, 2], "n": [7]}
    found = [*tree.combinations(stated, explorer(Fixed(tunable=False).build))]
    assert found == [{"a": 1, "n": 7}, {"a": 2, "n": 7}]


def test_a_configuration_is_keras_tuners():
    hp = AskingHyperParameters({"kind": "wide", "other": 1})
    scopes(hp)
    plain = keras_tuner.HyperParameters.from_config(hp.get_config())
    assert plain.values == {"kind": "wide", "width": 1}
    assert [entry.name for entry in plain.space] == ["kind", "width", "deep", "rate"]
    assert "other" not in hp.parameters
    again = AskingHyperParameters.from_config(hp.get_config())
    assert scopes(again) == {"kind": "wide", "width": 1}


def test_values_that_cannot_be_an_axis_are_refused(raises):
    with raises(GridError, "'x'", "1 twice"):
        AskingHyperParameters().Choice("x", [1, 2, 1])
