"""The published figures, as the file that comes with kt-grid has them."""

import csv
import json

import pytest

from kt_grid.data import bundled
from kt_grid.errors import UsageError
from kt_grid.report.published import published_results
from kt_grid.space import key

SIZES = {
    "batch_epochs": 18,
    "optimizer": 7,
    "learning_rate": 30,
    "init": 8,
    "activation": 8,
    "dropout": 50,
    "neurons": 7,
}


@pytest.mark.parametrize(("name", "size"), SIZES.items(), ids=SIZES)
def test_every_line_of_the_file_comes_once(name, size):
    lines = [line for line in _lines() if line["experiment"] == name]
    published = published_results(name)
    assert len(published) == len(lines) == size
    for line, (where, figures) in zip(lines, published.items(), strict=True):
        assert where == key(json.loads(line["parameters"]))
        assert "{:f} {:f}".format(*figures) == f"{line['mean_accuracy']} {line['std_accuracy']}"


def test_the_file_holds_128_lines():
    assert len(_lines()) == sum(SIZES.values()) == 128


def test_a_line_of_the_tutorial():
    assert published_results("batch_epochs")[key({"batch_size": 10, "epochs": 10})] == (
        0.348958,
        0.024774,
    )


@pytest.mark.parametrize("name", ["mine", ""])
def test_other_experiments_are_not_published(raises, name):
    with raises(UsageError, "--published", repr(name)):
        published_results(name)


def _lines():
    with bundled("published_results.csv").open(newline="") as file:
        return list(csv.DictReader(file))
