"""The line that runs a search again says what the search was told."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from kt_grid.data import Reading
from kt_grid.plan.experiments import REGISTRY
from kt_grid.plan.options import GROUPS, Options, command, declared


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({}, "kt-grid run neurons", id="defaults"),
        pytest.param(
            {"grid": {"neurons": (5, 10)}, "folds": 5, "seed": 1, "sample": 0.5},
            "kt-grid run neurons --grid neurons=5,10 --folds 5 --sample 0.5 --seed 1",
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
            "kt-grid run neurons --sample-weight w --class-weight yes=2 --class-weight no=1 "
            "--early-stopping 5",
            id="training",
        ),
        pytest.param(
            {"epochs": 5, "batch_size": 32, "name": "short"},
            "kt-grid run neurons --epochs 5 --batch-size 32 --name short",
            id="one training, and a name",
        ),
        pytest.param(
            {
                "separator": "tab",
                "header": False,
                "encoding": "latin-1",
                "encode": ("sex=one-hot", "drop"),
                "missing": "keep",
            },
            "kt-grid run neurons --separator tab --no-header --encoding latin-1 "
            "--encode sex=one-hot --encode drop --missing keep",
            id="reading",
        ),
        pytest.param(
            {
                "separator": "whitespace",
                "na_values": "-,NA",
                "zero_is_missing": "glucose,bmi",
                "drop": ("id", "a name"),
                "decimal": ",",
                "thousands": ".",
                "comment": "#",
            },
            "kt-grid run neurons --separator whitespace --na-values -,NA "
            "--zero-is-missing glucose,bmi --drop id --drop 'a name' --decimal , --thousands . "
            "--comment '#'",
            id="marks and gaps",
        ),
    ],
)
def test_command_that_runs_a_search_again(changes, line):
    assert command(REGISTRY["neurons"], Options(**changes)) == line


def test_command_of_an_experiment_of_ones_own():
    own = replace(REGISTRY["neurons"], name="build", source="some/own.py")
    assert command(own, Options()) == "kt-grid run some/own.py:build"
    assert command(replace(own, name="own"), Options()) == "kt-grid run some/own.py"


def test_every_field_but_the_grid_is_an_option_with_a_help_text_and_a_group():
    assert {f.name for f in fields(Options)} == {*declared(), "grid"}
    assert {option.group for option in declared().values()} == {*GROUPS}
    assert all(option.help.endswith(".") for option in declared().values())


def test_how_the_data_is_read():
    told = Options(separator="tab", header=True, encode=("a=one-hot", "drop"), missing="0")
    expected = Reading("\t", True, "utf-8", {"a": "one-hot", "": "drop"}, "0")
    assert told.reading == expected
    assert Options().reading == Reading()


def test_every_way_to_read_is_an_option():
    told = Options(
        separator="whitespace",
        header=False,
        encoding="latin-1",
        encode=("born=days:%d.%m.%Y",),
        missing="keep",
        na_values="-, NA",
        zero_is_missing="glucose,bmi",
        drop=("id", "name"),
        decimal=",",
        thousands=".",
        comment="#",
    )
    expected = Reading(
        separator="whitespace",
        header=False,
        encoding="latin-1",
        encode={"born": "days:%d.%m.%Y"},
        missing="keep",
        na_values=("-", "NA"),
        zero_is_missing=("glucose", "bmi"),
        drop=("id", "name"),
        decimal=",",
        thousands=".",
        comment="#",
    )
    assert told.reading == expected
    assert {f.name for f in fields(Reading)} == {*expected.to_json()}
