"""How numbers and parameters are written."""

import pytest

from kt_grid.analysis.wording import chance, count, direction, figure, name, percent, short
from kt_grid.space.objective import Objective


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0.0000"), (0.73456, "0.7346"), (-0.5, "-0.5000"), (12.3, "12.3000")),
        *((1234567.0, "1.235e+06"), (0.000123, "0.000123")),
    ],
)
def test_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, ""), (1.0, "1.000"), (0.05, "0.050"), (0.0006, "0.001"), (0.0004, "<0.001")],
)
def test_chance(p, text):
    assert chance(p) == text


def test_names_and_percentages():
    assert name({"a": 1, "b": "x"}) == "a=1, b=x"
    assert name({}) == "no parameters"
    assert percent(0.123) == "12 %"


def test_figure():
    assert (figure(0.5), figure(None)) == ("0.500000", "")


def test_count():
    assert [count(n, "fold") for n in (0, 1, 2)] == ["0 folds", "1 fold", "2 folds"]


def test_direction():
    assert direction(Objective("val_loss", "min")) == "lower is better"
    assert direction(Objective("val_accuracy", "max")) == "higher is better"
