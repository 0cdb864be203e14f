"""A finer grid: what stays, what comes in between, and on which scale."""

import numpy as np
import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.zoom import propose_zoom
from kt_grid.store.results import read_results

TEN = {"folds": 10, "split_rows": [[900, 100]] * 10}


@pytest.fixture
def zoomed(make_search):
    """Proposes a zoom into a search whose good combinations are equally good, all others bad."""

    def zoomed(grid, good, **about):
        count = int(np.prod([len(values) for values in grid.values()]))
        noise = np.random.RandomState(0).normal(size=(count, 10))
        noise -= noise.mean(axis=1, keepdims=True)
        scores = [
            ((0.9 if n in good else 0.3) + 0.01 * row).tolist() for n, row in enumerate(noise)
        ]
        analysis = analyse(read_results(make_search(grid, scores, **{**TEN, **about})))
        contenders = {analysis.trials.index(trial) for trial in analysis.contenders}
        assert contenders == set(good)
        return propose_zoom(analysis)

    return zoomed


@pytest.mark.parametrize(
    ("values", "good", "finer"),
    [
        pytest.param([1, 5, 10, 15, 20], [1, 2], (3, 5, 8, 10, 13), id="whole-numbers"),
        pytest.param([1, 5, 10], [0], (1, 3), id="lower-end"),
        pytest.param([1, 5, 10], [2], (8, 10), id="upper-end"),
        pytest.param([1, 2, 3], [1], None, id="no-whole-number-between"),
        pytest.param([1, 2, 4, 8, 16], [2], (3, 4, 6), id="whole-numbers-log"),
        pytest.param([0.0, 0.1, 0.2], [1], (0.05, 0.1, 0.15), id="floats"),
        pytest.param([0.001, 0.01, 0.1], [1], (0.00316, 0.01, 0.0316), id="log"),
        pytest.param([-1.0, 0.0, 1.0], [1], (-0.5, 0.0, 0.5), id="around-zero"),
        pytest.param([100.0, 100.1, 100.2], [1], (100.05, 100.1, 100.15), id="narrow"),
        pytest.param([1e-8, 2e-8, 3e-8], [1], (1.5e-8, 2e-8, 2.5e-8), id="tiny"),
        pytest.param([10, 5, 1], [1], (8, 5, 3), id="falling"),
        pytest.param([5, 1, 10], [0], (3, 5, 8), id="in-no-order"),
        pytest.param(["a", "b", "c"], [0, 2], None, id="words-alone-cannot-be-refined"),
        pytest.param([False, True], [1], None, id="booleans"),
        pytest.param([7], [0], None, id="one-value"),
    ],
)
def test_one_axis(zoomed, values, good, finer):
    zoom = zoomed({"n": values}, good)
    assert (zoom and zoom.grid) == (finer and {"n": finer})
    if zoom:
        assert {type(value) for value in zoom.grid["n"]} == {type(values[0])}
        assert zoom.refined == ("n",)


def test_words_are_reduced_beside_a_number(zoomed):
    zoom = zoomed({"w": ["a", "b", "c"], "n": [1, 5, 9]}, [1, 7])
    assert zoom.grid == {"w": ("a", "c"), "n": (3, 5, 7)}
    assert [*zoom.grid] == ["w", "n"]
    assert zoom.refined == ("n",)


def test_two_numbers_are_refined_around_every_good_combination(zoomed):
    zoom = zoomed({"a": [1, 5, 9], "r": [0.1, 1.0, 10.0]}, [0, 4])
    assert zoom.grid == {"a": (1, 3, 5, 7), "r": (0.1, 0.316, 1.0, 3.16)}


def test_a_zoom_can_be_zoomed_into_until_nothing_is_left(zoomed):
    values, seen = [1, 9, 17], []
    while (zoom := zoomed({"n": values}, [values.index(9)])) is not None:
        values = list(zoom.grid["n"])
        seen.append(values)
    assert seen == [[5, 9, 13], [7, 9, 11], [8, 9, 10]]


def test_conditional_axes_stay_as_they_are(make_search):
    condition = {"parent": "n", "values": [7]}
    axis = {"name": "m", "values": [1, 2], "conditions": [condition]}
    store = make_search({"n": [1, 5]}, [[0.5] * 10, [0.6] * 10], unmet=[axis], **TEN)
    assert [*propose_zoom(analyse(read_results(store))).grid] == ["n"]


@pytest.mark.parametrize("outcomes", [[], ["bad", "bad"]], ids=["nothing", "all-failed"])
def test_nothing_to_zoom_into(make_search, outcomes):
    assert propose_zoom(analyse(read_results(make_search({"n": [1, 5]}, outcomes)))) is None
