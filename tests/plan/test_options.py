"""The line that runs a search again says what the search was told."""

from dataclasses import replace
from pathlib import Path

import pytest

from kt_grid.data import Reading
from kt_grid.plan.experiments import REGISTRY
from kt_grid.plan.options import Options, command


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({}, "kt-grid run neurons", id="defaults"),
        pytest.param(
            {"grid": {"neurons": (5, 10)}, "folds": 5, "seed": 1, "sample": 0.5},
            "kt-grid run neurons --grid neurons=5,10 --folds 5 --seed 1 --sample 0.5",
            id="options",
        ),
        pytest.param(
            {"cv": "shuffled-kfold", "repeats": 2, "data": Path("a b.csv"), "refit": False},
            "kt-grid run neurons --cv shuffled-kfold --repeats 2 --data 'a b.csv'",
            id="quoted",
        ),
        pytest.param(
            {"racing": "bound"}, "kt-grid run neurons --racing bound", id="which folds are trained"
        ),
        pytest.param(
            {"sample_weight": "w", "class_weight": ("yes=2", "no=1"), "early_stopping": 5},
            "kt-grid run neurons --sample-weight w --early-stopping 5 --class-weight yes=2 "
            "--class-weight no=1",
            id="training",
        ),
        pytest.param(
            {
                "reading": Reading(
                    "\t", False, "latin-1", {"sex": "one-hot", "": "drop"}, missing="keep"
                )
            },
            "kt-grid run neurons --separator tab --encoding latin-1 --missing keep --no-header "
            "--encode sex=one-hot --encode drop",
            id="reading",
        ),
    ],
)
def test_command_that_runs_a_search_again(changes, line):
    assert command(REGISTRY["neurons"], Options(**changes)) == line


def test_command_of_an_experiment_of_ones_own():
    own = replace(REGISTRY["neurons"], name="build", source="some/own.py")
    assert command(own, Options()) == "kt-grid run some/own.py:build"
    assert command(replace(own, name="own"), Options()) == "kt-grid run some/own.py"
