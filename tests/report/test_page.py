"""The page: whole, escaped, without the network, and checked in a browser where there is one."""

import html.parser
import itertools
import re
import shutil

import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from sampling import sampled

from kt_grid.analysis.pooled import Pooled
from kt_grid.report.base import Subject
from kt_grid.report.formats import render
from kt_grid.report.page import HTML, run_details
from kt_grid.report.pooled import FORMATS, PooledBest
from kt_grid.report.published import published_results
from kt_grid.store.results import read_results

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
EVIL = '<script>alert("1")</script>&amp;$body\'"'
VOID = {"meta", "wbr", "link", "br", "input", "image", "path", "use", "rect"}


def scores(count, folds=10):
    means = np.linspace(0.5, 0.9, count)[:, None]
    return (means + 0.01 * np.random.RandomState(0).normal(size=(count, folds))).tolist()


@pytest.fixture
def page_of(make_search):
    def page_of(grid=None, outcomes=None, published=None, **about):
        about = {"folds": 10, "split_rows": [[90, 10]] * 10, "baseline": [0.4] * 10} | about
        store = make_search(
            grid or {"n": [1, 2, 3]}, scores(3) if outcomes is None else outcomes, **about
        )
        return render(read_results(store), "html", published)  # fmt: skip

    return page_of


class Outline(html.parser.HTMLParser):
    """Checks that elements nest, and collects what a page refers to."""

    def __init__(self, page):
        super().__init__()
        self.open, self.links, self.ids, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self._take(attributes)

    def handle_startendtag(self, tag, attributes):
        self._take(attributes)

    def _take(self, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action", "srcset"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_page_is_whole_and_needs_nothing_else(page_of):
    grid = {"n": [1, 2, 3], "w": ["a", "b"]}
    page = page_of(grid, scores(6), published_results("neurons"))
    outline = Outline(page)
    assert all(link.startswith(("#", "data:")) for link in outline.links)
    assert not re.search(r"https?:|url\((?!#)", page)
    assert len(set(outline.ids)) == len(outline.ids)
    assert page.count("<svg") == 3
    assert "default-src 'none'" in page


def test_a_page_says_first_what_won(page_of):
    outline = Outline(page_of())
    texts = [text for text in outline.texts if text.strip()]
    headline = next(i for i, text in enumerate(texts) if text.startswith("Take n=3: "))
    assert headline < next(i for i, text in enumerate(texts) if text == "The grid")


def test_a_page_shows_what_the_csv_shows(page_of, tmp_path):
    page = page_of(published={'{"n": 1}': (0.123456, 0.012345)})
    for trial in scores(3):
        for score in [*trial, np.mean(trial), np.std(trial)]:
            assert f">{score:.6f}<" in page
    assert ">0.123456<" in page


def test_of_a_thousand_rows_the_first_in_rank_are_shown(page_of, monkeypatch):
    monkeypatch.setattr("kt_grid.report.page._MOST_ROWS", 2)
    page = page_of()
    assert "The first 2 in rank of 3; the format csv has all of them." in page
    first, _ = re.findall(r"<tr class=\"(\w+)\"", page)
    assert first == "best"


def test_everything_is_escaped(page_of):
    grid = {EVIL: [EVIL, "b", "c"]}
    outcomes = [*scores(2), f"ValueError: {EVIL}"]
    about = {"name": "x", "cv": EVIL, "data": EVIL, "versions": {EVIL: EVIL}, "command": EVIL}
    page = page_of(grid, outcomes, **about, source=EVIL, rows=5)
    assert EVIL not in page
    assert 'alert("1")' not in page
    assert page.count("<script>") == 1
    Outline(page)


def test_the_same_search_gives_the_same_bytes(page_of):
    grid = {"n": [1, 2, 3], "w": ["a", "b"]}
    assert page_of(grid, scores(6)) == page_of(grid, scores(6))


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        pytest.param([], "No result yet", id="nothing"),
        pytest.param([None], "No result yet", id="running"),
        pytest.param([scores(1)[0], None], "So far (1 of 3 combinations finished)", id="one"),
        pytest.param(["bad", "bad", "bad"], "all 3 combinations failed", id="failed"),
        pytest.param([*scores(2), "bad"], "1 combination failed", id="mixed"),
    ],
)
def test_searches_with_little_in_them(page_of, outcomes, words):
    page = page_of(None, outcomes)
    Outline(page)
    assert words in page
    assert page.count("<td>bad</td>") == 0
    assert (">bad<" in page) == ("bad" in outcomes)


def test_repeats_have_their_columns(page_of):
    page = page_of({"n": [1, 2]}, scores(2), repeats=2, fresh_folds=True)
    assert "fold variance" in page
    assert "5 folds, 2 times" in page


def test_how_it_was_run(page_of):
    page = page_of(
        command="kt-grid run neurons",
        cv="KFold(10)",
        rows=100,
        source="pima.csv",
        sample=0.5,
        target="8",
        data="abc",
        engine="auto",
        fit={"epochs": 5, "batch_size": 10},
        versions={"keras": "3.15.1"},
    )
    facts = {
        "command": "kt-grid run neurons",
        "folds": "KFold(10)",
        "rows per fold": "90 train, 10 held out",
        "seed": "7",
        "data": "pima.csv, 100 rows, target column 8, a sample of 0.5",
        "data digest": "abc",
        "training": "epochs 5, batch_size 10",
        "versions": "keras 3.15.1",
        "objective": "val_accuracy, higher is better",
    }
    for fact, text in facts.items():
        assert f"<dt>{fact}</dt><dd>{text}</dd>" in page


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
    assert run_details(results)["rows per fold"] == text


def test_an_old_search_says_less(make_search):
    results = read_results(make_search({"n": [1]}, [], objective="min:val_loss"))
    assert run_details(results) == {
        "objective": "val_loss, lower is better",
        "folds": "3",
        "seed": "7",
    }


GRID = {"neurons": [1, 5], "learn_rate": [0.001, 0.01], "optimizer": ["adam"]}
UNEVEN = [*scores(2, 3), "ValueError: bad " * 9, tuple(scores(1, 3)[0][:2])]


@pytest.fixture
def pages(make_search):
    """Makes a page of each kind."""

    def subject(*searched, **about):
        return Subject(read_results(make_search(*searched, **about)))

    def losses():
        return subject(GRID, scores(4, 3), objective="min:val_loss", name="losses")

    def many():
        grid = {"dropout_rate": [i / 10 for i in range(10)], "weight_constraint": [1, 2, 3, 4, 5]}
        return subject(grid, scores(50, 3), name="many_combinations")

    def words():
        grid = {f"a_rather_long_name_{i}": ["glorot_uniform", "he_normal"] for i in range(3)}
        return subject(grid, scores(8, 3), name="words")

    def pooled():
        store = make_search({"n": [1]}, scores(1, 3))
        found = PooledBest(
            read_results(store),
            read_results(store).trials[0],
            Pooled(10, {"accuracy": 0.5, "auc": 0.75}, (0, 1), ((1, 2), (3, 4))),
        )
        return FORMATS["html"]([found])

    return {
        "three folds": lambda: HTML.render([subject(GRID, UNEVEN, racing="bound")]),
        "ten folds": lambda: HTML.render([subject(GRID, scores(4), folds=10)]),
        "a loss": lambda: HTML.render([losses()]),
        "many trials": lambda: HTML.render([many()]),
        "long names": lambda: HTML.render([words()]),
        "several": lambda: HTML.render([losses(), many(), words()]),
        "nothing yet": lambda: HTML.render([subject(GRID, [])]),
        "pooled": pooled,
    }


@pytest.fixture(scope="module")
def browser():
    """Chromium; a loop of its own runs in this thread until the module's last test."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def browse(browser, tmp_path):
    """Opens a page in a window; returns it with all that it logged and asked for."""
    windows = []

    def browse(page, *, width=1280, scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(page, "utf-8")
        window = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        windows.append(window)
        shown, noticed = window.new_page(), []
        shown.on("console", lambda message: noticed.append(message.text))
        shown.on("pageerror", lambda error: noticed.append(str(error)))
        shown.on("request", lambda request: noticed.append(request.url))
        shown.goto(file.as_uri())
        assert noticed.pop(0) == file.as_uri()
        return shown, noticed

    yield browse
    for window in windows:
        window.close()


# What reaches beyond the window, its table or its figure.
CUT = """() => {
  const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1
    && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
  const box = (element) => element.getBoundingClientRect();
  const told = (element) => `${element.tagName} ${element.textContent.trim().slice(0, 40)}`;
  const page = new DOMRect(0, 0, window.innerWidth, document.documentElement.scrollHeight);
  const figure = (text) => box(text.ownerSVGElement);
  const seen = (element) => element.checkVisibility() && box(element).width > 0;
  const scrolls = (element) => element.scrollWidth > element.clientWidth;
  return [
    ...[...document.body.querySelectorAll("*")].filter(seen).filter((e) => !within(box(e), page)),
    ...[...document.querySelectorAll("svg text")].filter((e) => !within(box(e), figure(e))),
    ...[...document.querySelectorAll(".wide")].filter(scrolls),
  ].map(told).concat(document.documentElement.scrollWidth > window.innerWidth ? ["page"] : []);
}"""


@pytest.mark.parametrize(
    "kind",
    sampled(
        (
            *("three folds", "ten folds", "a loss", "many trials", "long names", "several"),
            *("nothing yet", "pooled"),
        ),
        *("three folds", "long names", "several"),
    ),
)
def test_nothing_is_cut_off_logged_or_asked_for(pages, browse, kind):
    page = pages[kind]()
    papers = {}
    for width, scheme in itertools.product((390, 1280), ("light", "dark")):
        shown, noticed = browse(page, width=width, scheme=scheme)
        assert shown.evaluate(CUT) == [], (width, scheme)
        assert noticed == []
        colours = "(e) => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
        papers[scheme] = shown.locator("body").evaluate(colours)
    assert papers["light"] != papers["dark"]


@pytest.mark.parametrize(
    ("grid", "heading", "texts"),
    [
        pytest.param({"n": [10, 2, 1]}, "mean", ["0.505000", "0.705000", ""], id="nothing last"),
        pytest.param({"n": [10, 2, 1]}, "n", ["1", "2", "10"], id="numbers"),
        pytest.param({"w": ["c", "B", "a"]}, "w", ["a", "B", "c"], id="words"),
    ],
)
def test_columns_sort_by_a_click(page_of, browse, grid, heading, texts):
    outcomes = [[0.7] * 5 + [0.71] * 5, [0.5] * 5 + [0.51] * 5, "bad"]
    shown, noticed = browse(page_of(grid, outcomes))
    head = shown.locator("th", has_text=re.compile(f"^{heading}$"))
    number = head.evaluate("head => head.cellIndex")
    column = shown.locator(f"tbody td:nth-child({number + 1})")
    for sorts, expected in (("ascending", texts), ("descending", texts[::-1])):
        head.locator("button").click()
        assert column.all_inner_texts() == sorted(expected, key=lambda text: text == "")
        assert head.get_attribute("aria-sort") == sorts
    assert noticed == []


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
@pytest.mark.parametrize("folds", [3, 10])
def test_columns_that_are_hidden_are_shown_on_request(make_search, browse, folds, width):
    store = make_search(GRID, scores(4, folds), folds=folds)
    shown, _ = browse(render(read_results(store), "html"), width=width)
    heads = [shown.locator("th", has_text=re.compile(f"^{name}$")) for name in ("mean", "fold 2")]
    hidden = width == 390 or folds == 10
    assert [head.is_visible() for head in heads] == [True, not hidden]
    if hidden:
        shown.get_by_label(re.compile(r"show all \d+ columns")).check()
    assert [head.is_visible() for head in heads] == [True, True]


def test_a_reason_stands_near_the_left_edge(page_of):
    heads = re.findall(r'<button type="button">(.*?)</button>', page_of(None, [*scores(2), "bad"]))
    assert heads[:4] == ["rank", "n", "standing", "reason"]


def test_what_was_pruned_shows_its_folds_and_why(make_search):
    store = make_search({"n": [1, 2]}, [[0.5, 0.5, 0.75], (0.25, 0.125)], racing="bound")
    shown = render(read_results(store), "html")
    (row,) = re.findall(r'<tr class="worse">.*?</tr>', shown)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
    told = [cell for cell in cells if cell.startswith(("pruned", "0."))]
    assert told == ["pruned", "pruned: too far behind", "0.250000", "0.125000"]
    assert "2 of 2 combinations, finished" in shown
