"""Masks, and settings that are inputs of a compiled program."""

import keras
import numpy as np
import pytest
from scipy import stats

from kt_grid.engines.fused.program_inputs import ProgramInputs, draw_masks, dropout_rates, share_all

EXAMPLE = np.zeros((1, 4), "float32")


def model(*layers):
    keras.utils.clear_session(free_memory=False)
    built = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    built.compile("sgd", "mse")
    return built


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_masks_drop_their_share(rate):
    mask = draw_masks(np.random.PCG64(3), rate, (200, 50))
    assert mask.shape == (200, 50)
    assert stats.binomtest(int((~mask).sum()), mask.size, rate).pvalue > 0.001


def test_masks_are_independent_between_units_and_rows():
    mask = draw_masks(np.random.PCG64(3), 0.5, (5000, 2)).astype(float)
    assert abs(np.corrcoef(mask.T)[0, 1]) < 0.05
    assert abs(np.corrcoef(mask[:-1, 0], mask[1:, 0])[0, 1]) < 0.05


@pytest.mark.parametrize("units", [6, 5], ids=["even", "odd"])
def test_masks_go_on_where_the_last_ones_ended(units):
    stream, other = np.random.PCG64(3), np.random.PCG64(3)
    parts = [draw_masks(stream, 0.5, (epochs, units)) for epochs in (3, 5)]
    np.testing.assert_array_equal(np.concatenate(parts), draw_masks(other, 0.5, (8, units)))


def test_layers_that_are_called_once_take_masks_from_outside():
    once, never = keras.layers.Dropout(0.5), keras.layers.Dropout(0.0)
    inputs = ProgramInputs(model(once, never), EXAMPLE, rows=10)
    assert [(masked.layer, masked.shape) for masked in inputs.masked] == [(once, (4,))]


def test_layer_that_is_called_twice_keeps_its_own_randomness():
    keras.utils.clear_session(free_memory=False)
    dropout, inputs = keras.layers.Dropout(0.5), keras.Input((4,))
    twice = keras.Model(inputs, keras.layers.Dense(1)(dropout(dropout(inputs))))
    twice.compile("sgd", "mse")
    assert ProgramInputs(twice, EXAMPLE, rows=10).masked == []


def test_turned_drops_and_scales_and_is_taken_back():
    dropout = keras.layers.Dropout(0.75)
    made = model(dropout)
    inputs = ProgramInputs(made, EXAMPLE, rows=2)
    inputs.set(made)
    x = np.array([[1.0, 2, 3, 4]], "float32")
    mask = np.array([[True, False, True, False]])
    with inputs.turned([mask]):
        dropped = np.asarray(dropout(x, training=True))
    assert dropped.tolist() == [[4.0, 0.0, 12.0, 0.0]]
    assert "call" not in vars(dropout)
    assert np.asarray(dropout(x)).tolist() == x.tolist()


def test_bounds_are_read_from_the_model_at_hand():
    bounded = lambda bound: model(  # noqa: E731
        keras.layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(bound))
    )
    first, second = bounded(4.0), bounded(0.5)
    inputs = ProgramInputs(first, EXAMPLE, rows=2)
    inputs.set(second)
    constraint = first.layers[0].kernel.constraint
    with inputs.turned([]):
        limited = np.asarray(constraint(np.ones((4, 2), "float32")))
    assert np.linalg.norm(limited, axis=0) == pytest.approx(0.5, rel=1e-5)
    assert constraint.max_value == 4.0


def test_momentum_is_read_from_the_model_at_hand():
    first, second = model(), model()
    for made, momentum in ((first, 0.9), (second, 0.25)):
        made.compile(keras.optimizers.SGD(0.1, momentum=momentum), "mse")
    inputs = ProgramInputs(first, EXAMPLE, rows=2)
    inputs.set(second)
    with inputs.turned([]):
        read = first.optimizer.momentum
        assert (read != 0, float(keras.ops.cast(read, "float32"))) == (True, 0.25)
    assert type(first.optimizer.momentum) is float
    assert first.optimizer.momentum == 0.9


def test_rates_of_layers_that_drop_something():
    layers = [keras.layers.Dropout(rate, name=f"d{i}") for i, rate in enumerate((0.0, 0.3, 1.0))]
    assert dropout_rates(model(*layers)) == {"d1": 0.3}


def test_layers_of_one_name_keep_their_own_randomness():
    """Names are unique within one model, but not beside those of a model within it."""
    inner = keras.Sequential([keras.layers.Dropout(0.9, name="d"), keras.layers.Dense(4)])
    made = model(inner, keras.layers.Dropout(0.1, name="d"), keras.layers.Dropout(0.3, name="e"))
    assert dropout_rates(made) == {"e": 0.3}


def test_statistics_are_inputs_where_they_are_set():
    normal = keras.layers.Normalization
    rows = keras.Input((4, 2))
    wrapped = keras.layers.TimeDistributed(normal(name="within"))(normal(name="own")(rows))
    made = keras.Model(rows, keras.layers.Dense(1)(wrapped))
    made.compile("sgd", "mse")
    made.layers[1].adapt(np.ones((3, 4, 2)))
    made.layers[2].layer.adapt(np.ones((3, 2)))
    inputs = ProgramInputs(made, np.ones((1, 4, 2), "float32"), rows=2)
    told = {name: {"name": name, "mean": 5} for name in ("own", "within")}
    assert inputs.share("Normalization", told["own"], "mean") is None
    assert inputs.share("Normalization", told["within"], "mean") == 5


def test_one_bound_for_two_layers_becomes_two():
    norm = keras.constraints.MaxNorm(1.0)
    shared = model(*(keras.layers.Dense(4, kernel_constraint=norm) for _ in range(2)))
    two = (keras.constraints.MaxNorm(bound) for bound in (0.5, 2.0))
    apart = model(*(keras.layers.Dense(4, kernel_constraint=norm) for norm in two))
    inputs = ProgramInputs(shared, EXAMPLE, rows=2)
    inputs.set(apart)
    kernels = [layer.kernel for layer in shared.layers[:2]]
    with inputs.turned([]):
        limited = [np.asarray(kernel.constraint(np.ones((4, 4), "float32"))) for kernel in kernels]
    assert [np.linalg.norm(each, axis=0).max() for each in limited] == pytest.approx([0.5, 2.0])


@pytest.mark.parametrize(
    ("owner", "config", "setting", "shown"),
    [
        pytest.param(
            "Dense", {"kernel_initializer": {"a": 1}}, "kernel_initializer", None, id="init"
        ),
        pytest.param("MaxNorm", {"max_value": 3}, "max_value", None, id="bound"),
        pytest.param("MinMaxNorm", {"max_value": 3}, "max_value", 3, id="other_bound"),
        pytest.param("SGD", {"learning_rate": 0.1}, "learning_rate", None, id="rate"),
        pytest.param("SGD", {"learning_rate": {"b": 2}}, "learning_rate", {"b": 2}, id="schedule"),
        pytest.param("Dropout", {"rate": 0.0}, "rate", False, id="no_dropout"),
        pytest.param("Dropout", {"rate": 0.4}, "rate", True, id="dropout"),
        pytest.param("Dropout", {"rate": 1.0}, "rate", 1.0, id="all_dropped"),
        pytest.param("SGD", {"momentum": 0.0}, "momentum", False, id="no_momentum"),
        pytest.param("SGD", {"momentum": 0.4}, "momentum", True, id="momentum"),
        pytest.param("RMSprop", {"momentum": 0.4}, "momentum", 0.4, id="other_momentum"),
    ],
)
def test_what_programs_share(owner, config, setting, shown):
    assert share_all(owner, config, setting) == shown
