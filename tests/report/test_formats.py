"""The registry: what it knows, and what it says of it."""

import pytest

from kt_grid.errors import UsageError
from kt_grid.report.formats import FORMATS, describe_formats, format_named, render
from kt_grid.store.results import read_results

NAMES = ["text", "table", "markdown", "csv", "json", "html", "tensorboard"]


def test_formats_are_found_by_name():
    assert [format_named(name).name for name in NAMES] == [*FORMATS] == NAMES


def test_formats_are_described():
    assert describe_formats() == (
        "text, table, markdown, csv, json, html, or tensorboard (needs --output)."
    )


@pytest.mark.parametrize("name", ["xml", "Text"])
def test_unknown_format(raises, name):
    with raises(UsageError, "--format", ", ".join(NAMES), name):
        format_named(name)


def test_a_folder_is_no_text(make_search, raises):
    with raises(UsageError, "one text: text, table", "tensorboard, a folder"):
        render(read_results(make_search({"n": [1]}, [])), "tensorboard")
