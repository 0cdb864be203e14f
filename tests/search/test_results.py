"""The results at hand: what is read of a directory, and what can be made of it."""

import copy
import json
import pickle
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import kt_grid
from kt_grid.analysis.vocabulary import PYTHON
from kt_grid.errors import ObjectiveError, PredictionError, StoreError, UsageError
from kt_grid.report.base import Subject
from kt_grid.report.formats import format_named, render
from kt_grid.search.results import Results, read_results
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import read_results as read_stored

GRID = {"units": [2, 3, 4, 5]}
OUTCOMES = [[0.5, 1.0, 0.0], "<unlucky>", [0.75, 0.75, 0.9], (0.25,)]


@pytest.fixture
def store(make_search):
    return make_search(GRID, OUTCOMES, name="mine")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda store: store, id="store"),
        pytest.param(lambda store: store.root, id="path"),
        pytest.param(lambda store: str(store.root), id="text"),
        pytest.param(lambda store: f"{store.root}/", id="slash"),
        pytest.param(lambda store: store.root / ".." / "mine", id="dots"),
    ],
)
def test_a_search_is_read_from_wherever_it_is_named(store, place):
    found = kt_grid.read_results(place(store))
    assert found.trials == read_stored(store).trials
    assert found.best_score_ == pytest.approx(0.8)


def test_a_search_is_read_from_within_its_folder(store, monkeypatch):
    monkeypatch.chdir(store.root)
    assert kt_grid.read_results(".").best_params_ == {"units": 4}


def test_where_there_is_no_search_that_is_said(tmp_path, raises):
    with raises(StoreError, str(tmp_path / "mine"), "Run it first"):
        kt_grid.read_results(tmp_path / "mine")


def test_another_metric(store, raises):
    with raises(ObjectiveError, "val_other"):
        read_results(store, "max:val_other")


def test_the_table_tells_how_sure_the_figures_are_and_why_there_are_none(store):
    frame = read_results(store).to_frame().set_index("param_units")
    # Nothing is None in pandas 2, and NaN in pandas 3.
    shown = frame[["standing", "reason"]].fillna("")
    assert shown["standing"].tolist() == ["tied", "", "best", ""]
    assert shown["reason"].tolist() == ["", "<unlucky>", "", "given up: too far behind"]
    # The standard deviation over the folds, ddof=1, by the root of their number.
    expected = np.std([0.5, 1.0, 0.0], ddof=1) / np.sqrt(3)
    assert frame["standard_error"][2] == pytest.approx(expected)
    assert frame[["standard_error", "p_value"]].isna().all(axis=1).tolist() == [False, True] * 2


def test_scikit_learns_names(store):
    found = read_results(store)
    table = found.cv_results_
    assert found.best_score_ == pytest.approx(0.8)
    assert found.best_params_ == {"units": 4}
    assert table["params"] == [{"units": units} for units in GRID["units"]]
    assert table["rank_test_score"].tolist() == [2, 3, 1, 3]
    np.testing.assert_allclose(table["mean_test_score"], [0.5, np.nan, 0.8, np.nan])
    np.testing.assert_allclose(table["split0_test_score"], [0.5, np.nan, 0.75, 0.25])


def test_a_trial_without_an_axis_is_masked_there(make_search):
    grid = [{"kind": ["a"], "units": [(2, 3)]}, {"kind": ["b"]}]
    table = read_results(make_search(grid, [[1.0] * 3, [0.0] * 3])).cv_results_
    assert table["param_units"].tolist() == [(2, 3), None]
    assert table["param_units"].mask.tolist() == [False, True]
    assert table["params"][1] == {"kind": "b"}


def test_there_is_no_best_before_a_trial_is_completed(make_search, raises):
    found = read_results(make_search(GRID, ["unlucky"]))
    for name in ("best_score_", "best_params_"):
        with raises(PredictionError, "completed trial"):
            getattr(found, name)
    assert found.cv_results_["rank_test_score"].tolist() == [1]
    assert len(found.plot()) == 0


class Texts(HTMLParser):
    """The texts of a page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.open, self.tags = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts += [data.strip()] if data.strip() and self.open[-1] != "style" else []


def test_a_verdict_is_a_text_and_a_card(store):
    verdict = read_results(store).verdict()
    lines = str(verdict).splitlines()
    assert lines[0] == verdict.headline
    assert repr(verdict) == str(verdict)
    shown = Texts(verdict._repr_html_())
    assert verdict.headline in shown.texts
    assert set(verdict.findings) <= set(shown.texts)
    assert shown.open == []


def test_results_show_their_verdict_and_their_best_trials(store):
    found = read_results(store)
    shown = Texts(found._repr_html_())
    assert "4 of 4 combinations; 3 folds" in shown.texts
    assert found.verdict().headline in shown.texts
    assert "<unlucky>" in shown.texts
    rows = [attributes["class"] for tag, attributes in shown.tags if tag == "tr" and attributes]
    assert rows == ["best", "tied", "failed", "worse"]
    assert repr(found) == (
        "<mine: 4 of 4 trials finished, best val_accuracy=0.8 with {'units': 4}>"
    )


def test_the_best_ten_of_many_are_shown(make_search):
    grid = {"units": list(range(12))}
    found = read_results(make_search(grid, [[n / 20] * 3 for n in range(12)]))
    assert "and 2 more: see results()" in Texts(found._repr_html_()).texts


def test_figures_are_matplotlibs_and_shown_with_captions(store, tmp_path):
    figures = read_results(store).plot()
    figures[0].savefig(tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    assert [*figures] == figures[:]
    shown = Texts(figures._repr_html_())
    images = [attributes for tag, attributes in shown.tags if tag == "img"]
    assert len(images) == len(figures) == 1
    assert images[0]["src"].startswith("data:image/png;base64,iVBOR")
    assert images[0]["alt"] in shown.texts
    assert repr(figures) == "Figures(combinations)"


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("page.html", "html"),
        ("page.csv", "csv"),
        ("page.json", "json"),
        ("page.md", "markdown"),
        ("page.txt", "table"),
    ],
)
def test_a_report_is_written_in_the_format_of_the_files_ending(store, tmp_path, name, style):
    found, path = read_results(store), tmp_path / name
    assert found.report(path) == str(path)
    expected = format_named(style).render([Subject(found, words=PYTHON)])
    assert path.read_text(encoding="utf-8") == expected == found.report(format=style)
    assert found.report(str(tmp_path / "other"), format="json")
    assert json.loads((tmp_path / "other").read_text(encoding="utf-8"))


def test_a_report_without_a_file_is_a_text(store):
    found = read_results(store)
    assert found.report() == render(found)


def test_a_report_that_cannot_be_written_is_refused(store, tmp_path, raises):
    found = read_results(store)
    with raises(UsageError, "ends with one of .html, .csv", "'page.pdf'"):
        found.report(tmp_path / "page.pdf")
    with raises(UsageError, "--format to be one of"):
        found.report(format="pdf")
    with raises(UsageError, "a folder to write tensorboard to"):
        found.report(format="tensorboard")
    assert "tensorboard --logdir" in found.report(tmp_path / "board", format="tensorboard")


@pytest.mark.parametrize(
    "copied",
    [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy],  # noqa: S301 - our own
    ids=["pickle", "copy", "deepcopy"],
)
def test_results_and_verdicts_can_be_pickled_and_copied(store, copied):
    found = read_results(store)
    before = found._repr_html_()
    again = copied(found)
    assert type(again) is Results
    assert again == found
    assert again._repr_html_() == before
    assert copied(found.verdict()) == found.verdict()
    assert copied(found.trials[0]) == found.trials[0]


def test_a_path_is_where_the_search_is():
    assert SearchStore.at("runs/mine").root == Path("runs", "mine")
