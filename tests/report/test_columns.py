"""The table of figures: every format shows it, each search has the columns it needs."""

import csv
import io
import json

import pytest

from kt_grid.report.base import Subject
from kt_grid.report.columns import LAYOUTS, Column, rows, trial_columns
from kt_grid.report.formats import render
from kt_grid.report.published import published_results
from kt_grid.store.results import read_results

SCORES = [[0.25, 0.5, 0.75], [0.5, 0.5, 0.5]]


@pytest.fixture
def subject(make_search):
    def subject(outcomes=SCORES, grid=None, published=None, **about):
        store = make_search(grid or {"neurons": [1, 5]}, outcomes, **about)
        return Subject(read_results(store), published or {})

    return subject


def headings(layout, subject):
    return [column.heading for column in trial_columns(layout, subject)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_are_unique_in_a_layout(layout, subject):
    columns = trial_columns(layout, subject(published=published_results("neurons")))
    for names in (
        [c.name for c in columns],
        [c.heading for c in columns],
        [c.csv for c in columns],
    ):
        given = [name for name in names if name]
        assert len(set(given)) == len(given)


@pytest.mark.parametrize(
    ("about", "outcomes", "heading"),
    [
        pytest.param({"repeats": 3}, SCORES, "seed variance", id="repeats"),
        pytest.param({"fit": {"early_stopping": 2}}, SCORES, "epochs trained", id="early-stopping"),
        pytest.param({}, [SCORES[0], "bad"], "reason", id="failed"),
        pytest.param({}, [SCORES[0], (0.5,)], "reason", id="pruned"),
        pytest.param({"published": published_results("neurons")}, SCORES, "published", id="theirs"),
    ],
)
def test_people_see_a_column_only_where_it_says_something(subject, about, outcomes, heading):
    assert heading in headings("page", subject(outcomes, **about))
    assert heading not in headings("page", subject())


def test_programs_get_the_same_columns_whatever_happened(subject):
    often, once = subject(repeats=3), subject([SCORES[0], "bad"])
    assert headings("csv", often) == headings("csv", once)


def test_a_value_may_be_none_and_an_axis_may_not_count(make_search):
    condition = {"parent": "rate", "values": [7]}
    unmet = [{"name": "n", "values": [1], "conditions": [condition]}]
    results = read_results(make_search({"rate": [None, 0.5]}, SCORES, unmet=unmet))
    rate, n = (c for c in trial_columns("page", Subject(results)) if c.name in ("rate", "n"))
    assert [rate.text(row) for row in rows(Subject(results))] == ["None", "0.5"]
    assert [n.text(row) for row in rows(Subject(results))] == ["", ""]


@pytest.fixture
def another(monkeypatch):
    """One more figure, in every layout: no format may need more than its declaration."""
    column = Column(
        "range", lambda row: row.trial.mean / 4, "{:.2e}".format, title="range of the scores"
    )
    for name, layout in LAYOUTS.items():
        monkeypatch.setitem(LAYOUTS, name, (*layout, column))


@pytest.mark.parametrize("style", ["table", "markdown", "html"])
def test_one_more_figure_is_shown_to_people(subject, another, style):
    shown = render(subject().results, style)
    assert "range of the scores" in shown
    assert shown.count("1.25e-01") == 2


def test_one_more_figure_is_given_to_programs(subject, another):
    results = subject().results
    assert [t["range"] for t in json.loads(render(results, "json"))["trials"]] == [0.125] * 2
    table = csv.DictReader(io.StringIO(render(results, "csv")))
    assert [row["range"] for row in table] == ["0.125"] * 2
