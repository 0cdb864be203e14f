"""The page: whole, escaped, without the network, and checked in a browser where there is one."""

import html
import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from kt_grid.report.formats import render
from kt_grid.report.page import run_details
from kt_grid.report.published import published_results
from kt_grid.store.results import read_results

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
EVIL = '<script>alert("1")</script>&amp;$body\'"'
VOID = {"meta", "link", "br", "input", "image", "path", "use", "rect"}


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


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@pytest.fixture
def browse(tmp_path):
    """Opens a page in a frame and returns what a script there posts, and what was logged."""

    def browse(page, script, *, width=1200):
        done = f"<script>window.onload = () => {{ {script} }}</script>"
        # A phone is narrower than a headless window can be.
        (tmp_path / "page.html").write_text(page.replace("</main>", f"</main>{done}"), "utf-8")
        frame = f'<iframe src="page.html" width="{width}" height="900"></iframe>'
        (tmp_path / "frame.html").write_text(
            f"<body>{frame}<script>onmessage = (e) => {{ document.title = e.data }}</script>",
            "utf-8",
        )
        ended = subprocess.run(
            [
                *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--enable-logging=stderr", "--dump-dom"),
                *("--virtual-time-budget=3000", "--host-resolver-rules=MAP * ~NOTFOUND"),
                f"--user-data-dir={tmp_path / 'profile'}",
                (tmp_path / "frame.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        title = re.search(r"<title>(.*?)</title>", ended.stdout, re.DOTALL)
        return html.unescape(title[1]), re.findall(r".*CONSOLE.*", ended.stderr)

    return browse


@needs_browser
@pytest.mark.parametrize("width", [390, 1200], ids=["phone", "desk"])
def test_in_a_browser(page_of, browse, width):
    script = """
    const buttons = [...document.querySelectorAll("th button")];
    const button = buttons.find((button) => button.innerText === "mean");
    const column = () => [...document.querySelectorAll("tbody tr")]
      .map((row) => row.cells[buttons.indexOf(button)].innerText);
    const shots = [column()];
    button.click(); shots.push(column());
    button.click(); shots.push(column());
    const sorts = button.parentElement.getAttribute("aria-sort");
    const fits = document.documentElement.scrollWidth <= window.innerWidth;
    const seen = [...document.querySelectorAll("svg")]
      .every((svg) => svg.getBoundingClientRect().height > 50);
    const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
    parent.postMessage(JSON.stringify({shots, sorts, fits, seen, fetched}), "*");
    """
    means = [0.7, 0.5, 0.9]
    outcomes = [[mean] * 5 + [mean + 0.01] * 5 for mean in means]
    posted, logged = browse(page_of(None, [*outcomes[:2], "bad"]), script, width=width)
    told = json.loads(posted)
    shown = [f"{np.mean(scores):.6f}" for scores in outcomes[:2]]
    assert told["shots"] == [[*shown, ""], [*sorted(shown), ""], [*sorted(shown)[::-1], ""]]
    assert (told["sorts"], told["fits"], told["seen"]) == ("descending", True, True)
    assert told["fetched"] == []
    assert logged == []


@needs_browser
@pytest.mark.parametrize("folds", [3, 10])
def test_tables_are_not_cut_at_1280_pixels(make_search, browse, folds):
    script = """
    const wide = document.querySelector(".wide");
    const cut = () => wide.scrollWidth > wide.clientWidth
      || wide.getBoundingClientRect().left < 0
      || wide.getBoundingClientRect().right > window.innerWidth;
    const shown = (name) => [...document.querySelectorAll("th")]
      .some((head) => head.innerText === name && head.offsetWidth > 0);
    const seen = [cut(), shown("fold 2")];
    document.querySelector(".folds input")?.click();
    parent.postMessage(JSON.stringify([...seen, shown("fold 2")]), "*");
    """
    grid = {"neurons": [1, 5], "learn_rate": [0.001, 0.01], "optimizer": ["adam"]}
    outcomes = [*scores(2, folds), "ValueError: bad " * 9, tuple(scores(1, folds)[0][:2])]
    store = make_search(grid, outcomes, folds=folds, racing="bound")
    posted, _ = browse(render(read_results(store), "html"), script, width=1280)
    assert json.loads(posted) == [False, folds == 3, True]


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
