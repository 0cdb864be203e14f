"""Columns that are hardly features are told; others aren't."""

import numpy as np
import pytest

from kt_grid.data import Reading, read_data

ROWS = 30
FLOATS = [f"{v:.3f}" for v in np.random.default_rng(1).normal(size=ROWS)]


def notes_of(tmp_path, name, cells, reading=None):
    path = tmp_path / "rows.csv"
    lines = [
        f"{name},x,class",
        *(f"{c},{f},{i % 2}" for i, (c, f) in enumerate(zip(cells, FLOATS, strict=True))),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_data(path, reading=reading or Reading()).notes


@pytest.mark.parametrize(
    ("name", "cells", "word"),
    [
        pytest.param("version", [3] * ROWS, "same value in all rows", id="constant"),
        pytest.param("n", range(1, ROWS + 1), "numbers the rows", id="counted"),
        pytest.param("n", [*range(ROWS)][::-1], "numbers the rows", id="counted down"),
        pytest.param("customer_id", [7 * n + 100 for n in range(ROWS)], "like an id", id="id"),
        pytest.param("customerID", [7 * n + 100 for n in range(ROWS)], "like an id", id="camel"),
        pytest.param(
            "big", [2**24 + n // 2 for n in range(ROWS)], "single precision", id="rounded"
        ),
    ],
)
def test_a_column_is_told_with_the_option_that_leaves_it_out(tmp_path, name, cells, word):
    (note,) = notes_of(tmp_path, name, cells)
    assert word in note
    assert f"--drop '{name}'" in note


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        pytest.param("paid", [7 * n + 100 for n in range(ROWS)], id="different amounts"),
        pytest.param("age", [20 + n % 13 for n in range(ROWS)], id="whole numbers"),
        pytest.param("id", [n % 7 for n in range(ROWS)], id="ids that come again"),
        pytest.param("a", FLOATS, id="fractions"),
        pytest.param("flag", [n % 2 for n in range(ROWS)], id="flags"),
    ],
)
def test_a_feature_is_not_told_of(tmp_path, name, cells):
    assert notes_of(tmp_path, name, cells) == ()


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        pytest.param([f"row {n}" for n in range(ROWS)], "another value in every row", id="names"),
        pytest.param(["Bern"] * ROWS, "same value in all rows", id="one word"),
        pytest.param(["Bern", "Basel"] * (ROWS // 2), "", id="words"),
    ],
)
def test_words_are_looked_at_too(tmp_path, cells, word):
    notes = notes_of(tmp_path, "city", cells, Reading(encode={"city": "one-hot"}))
    assert [word in note for note in notes] == [True] * bool(word)


def test_gaps_do_not_count(tmp_path):
    cells = [5 if n % 4 else "" for n in range(ROWS)]
    (note,) = notes_of(tmp_path, "site", cells, Reading(missing="keep"))
    assert "same value in all rows that have one" in note
