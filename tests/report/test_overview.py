"""Several searches side by side, beside the published best."""

import csv
import io
import json
import re

import numpy as np
import pytest

from kt_grid.plan.experiments import REGISTRY
from kt_grid.report.base import Subject, TextFormat
from kt_grid.report.formats import FORMATS, render, render_several
from kt_grid.report.overview import summary_cells
from kt_grid.report.published import published_results
from kt_grid.store.results import read_results

TEXTS = [name for name, kind in FORMATS.items() if isinstance(kind, TextFormat)]
FOLDS = {
    "folds": 5,
    "split_rows": [[80, 20]] * 5,
    "baseline": [0.3] * 5,
    "data": "d",
    "splits": ["s"],
}


@pytest.fixture
def searches(make_search):
    """One search per experiment of the tutorial, with a winner in the first only."""
    random = np.random.RandomState(0)
    found = []
    for name, experiment in REGISTRY.items():
        count = int(np.prod([len(values) for values in experiment.grid.values()]))
        spread = 0.0001 if not found else 0.05
        means = np.linspace(0.5, 0.9, count)[:, None]
        scores = (means + spread * random.normal(size=(count, 5))).tolist()
        found.append(read_results(make_search(experiment.grid, scores, name=name, **FOLDS)))
    return found


@pytest.fixture
def rendered(searches):
    subjects = [Subject(results, published_results(results.experiment)) for results in searches]
    return lambda style: render_several(subjects, style)


# The best of the tutorial's own tables.
PUBLISHED = {
    "batch_epochs": ("batch_size=20, epochs=100", 0.686198),
    "optimizer": ("optimizer=Adam", 0.704427),
    "learning_rate": ("learn_rate=0.01, momentum=0.0", 0.680990),
    "init": ("init_mode=uniform", 0.720052),
    "activation": ("activation=linear", 0.722656),
    "dropout": ("dropout_rate=0.2, weight_constraint=4", 0.723958),
    "neurons": ("neurons=5", 0.714844),
}


def test_summary_holds_our_best_and_the_published_one(rendered, searches):
    rows = [*csv.DictReader(io.StringIO(rendered("csv")))]
    assert [row["experiment"] for row in rows] == [*REGISTRY]
    for row, results in zip(rows, searches, strict=True):
        assert float(row["mean"]) == results.best.mean
        theirs = row["published_best"], pytest.approx(float(row["published_mean"]))
        assert theirs == PUBLISHED[row["experiment"]]
        assert row["verdict"].startswith("Take ")


@pytest.mark.parametrize("style", [style for style in TEXTS if style != "html"])
def test_every_format_names_every_search_and_ends_with_a_line_break(rendered, style):
    text = rendered(style)
    assert all(name in text for name in REGISTRY)
    assert re.search(r"[^\n]\n\Z", text)


@pytest.mark.parametrize("style", TEXTS)
def test_every_format_is_the_same_each_time(searches, style):
    once, again = (render_several([*map(Subject, searches[:2])], style) for _ in range(2))
    assert once == again


def test_text_is_that_of_a_run(rendered):
    blocks = rendered("text").split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [f"# {name}" for name in REGISTRY]
    assert all("Best: " in block for block in blocks)


def test_json_holds_every_search_whole(rendered):
    document = json.loads(rendered("json"))
    assert [row["experiment"] for row in document["summary"]] == [*REGISTRY]
    assert [search["experiment"] for search in document["searches"]] == [*REGISTRY]
    assert document["comparable"] is True
    assert document["searches"][0]["trials"][0]["published"]


def test_page_has_every_search_and_needs_nothing_else(rendered):
    page = rendered("html")
    assert "7 searches" in page
    assert re.search(r"[^\n]\n\Z", page)
    assert not re.search(r"https?:|url\((?!#)", page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all(f"<h2>{name}</h2>" in page for name in REGISTRY)


def test_searches_on_other_data_are_not_compared(make_search):
    one, other = (
        Subject(read_results(make_search({"n": [1]}, [[0.5] * 5], name=name, **about)))
        for name, about in [("one", FOLDS), ("other", {**FOLDS, "data": "e"})]
    )
    assert "don't compare" in render_several([one, other], "table")
    assert "compare across" in render_several([one, one], "markdown")


def test_searches_with_little_in_them(make_search):
    empty = read_results(make_search({"n": [1, 2]}, [], name="empty", **FOLDS))
    failed = read_results(make_search({"n": [1, 2]}, ["bad", "bad"], name="failed", **FOLDS))
    single = read_results(make_search({"n": [1]}, [[0.5] * 5], name="single", **FOLDS))
    for style in TEXTS:
        text = render_several([*map(Subject, (empty, failed, single))], style)
        assert "empty" in text
        assert style in ("csv", "json") or "published" not in text


def test_one_search_can_be_shown_as_one_of_several(searches):
    alone = [Subject(searches[0])]
    assert render_several(alone) == render(searches[0])
    assert render_several(alone, side_by_side=True) == f"# batch_epochs\n{render(searches[0])}"
    document = json.loads(render_several(alone, "json", side_by_side=True))
    assert [search["experiment"] for search in document["searches"]] == ["batch_epochs"]


def test_the_objective_is_named_where_there_are_several(make_search):
    def heads(*objectives):
        made = [
            make_search({"n": [1]}, [[0.5] * 3], name=name, objective=objective)
            for name, objective in zip("ab", objectives, strict=True)
        ]
        return summary_cells([Subject(read_results(store)) for store in made])[0]

    assert "objective" in heads("max:val_accuracy", "min:val_loss")
    assert "objective" not in heads("max:val_accuracy", "max:val_accuracy")
