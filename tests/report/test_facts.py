"""What is said of how a search was run, also where its search.json says little."""

import pytest

from kt_grid.report.facts import run_facts
from kt_grid.store.results import read_results


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        pytest.param([[6, 3]] * 3, "6 train, 3 held out", id="equal"),
        pytest.param([[7, 3], [6, 4]], "6 train, 4 held out; 7 train, 3 held out", id="two"),
        pytest.param(
            [[n, 9] for n in (1, 2, 3, 4)],
            "1 train, 9 held out; 2 train, 9 held out; 3 train, 9 held out; …",
            id="many",
        ),
    ],
)
def test_rows_per_fold(make_search, rows, text):
    results = read_results(make_search({"n": [1]}, [], split_rows=rows))
    assert run_facts(results)["rows per fold"] == text


def test_an_old_search_says_less(make_search):
    results = read_results(make_search({"n": [1]}, [], objective="min:val_loss"))
    assert run_facts(results) == {
        "objective": "val_loss, less is better",
        "folds": "3",
        "seed": "7",
    }
