"""What a terminal shows, and that nothing else sees it."""

import io
import re
import time

import pytest
from rich.console import Console

import kt_grid.search.progress
from kt_grid.search.progress import NotebookProgress, Pace, TerminalProgress, TrialLines, waiting

PARAMETERS = {"units": 5}


def show(events, *, terminal=True, width=200, search="width"):
    """What is drawn until the search ends."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=terminal, width=width, color_system=None)
    progress = TerminalProgress(search, console)
    for name, *arguments in events:
        getattr(progress, name)(*arguments)
    progress.end()
    return drawn.getvalue()


FOLDS = [("fold", PARAMETERS)] * 3


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([("begin", 4, 3, 0)], ["trial 0/4", "fold 0/12"], id="begun"),
        pytest.param([("begin", 4, 3, 1)], ["trial 1/4", "fold 3/12"], id="resumed"),
        pytest.param(
            [("begin", 4, 3, 0), *FOLDS[:2]],
            ["width {'units': 5}", "trial 0/4", "fold 2/12"],
            id="within a trial",
        ),
        pytest.param(
            [("begin", 4, 3, 0), *FOLDS, ("trial", PARAMETERS, 0.5, 0.65104)],
            ["trial 1/4", "fold 3/12", "best 0.6510", "left"],
            id="a trial done",
        ),
    ],
)
def test_a_terminal_shows_what_is_done_and_the_best(events, expected):
    drawn = show(events)
    for words in expected:
        assert words in drawn


def test_no_best_is_shown_before_there_is_one():
    failed = ("trial", PARAMETERS, None, None)
    assert "best" not in show([("begin", 4, 3, 0), *FOLDS, failed])


def test_a_failed_trial_counts_as_a_trial_done_with_all_its_folds():
    failed = ("trial", PARAMETERS, None, None)
    last = show([("begin", 2, 3, 0), failed, *FOLDS, ("trial", PARAMETERS, 0.5, 0.5)])
    assert "trial 2/2" in last
    assert "fold 6/6" in last


@pytest.mark.parametrize(
    ("search", "shown"),
    [pytest.param("width", "width", id="short"), pytest.param("w" * 40, "w" * 13 + "…", id="long")],
)
def test_eighty_columns_are_enough(search, shown):
    """Of 1,000 trials of 10 folds, whose parameters there is no room for."""
    parameters = {"units": 5, "learning_rate": 0.001}
    events = [("begin", 1000, 10, 998), *[("fold", parameters)] * 10]
    drawn = show([*events, ("trial", parameters, 0.5, 0.65104)], width=80, search=search)
    lines = [line for line in re.split(r"[\r\n]|\x1b\[[\d?]*\w", drawn) if "left" in line]
    assert {len(line) for line in lines} == {80}
    pattern = rf"{shown} +━*╸? *trial 999/1000 fold 9990/10000 best 0.6510 +\d+:\d\d:\d\d left *"
    assert re.fullmatch(pattern, lines[-1])


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(100, "0:01:30 left", id="at the pace so far"),
        pytest.param(130, "0:01:00 left", id="and running down"),
        pytest.param(10**6, "0:00:00 left", id="but never below nothing"),
    ],
)
def test_the_time_left_is_that_of_the_folds_left_at_the_pace_of_this_run(now, left):
    """Two of five trials of three folds were there, another one took 45 of 100 seconds."""
    times = iter([55, *[85, 95, 100], 100])
    pace = Pace(clock=lambda: next(times))
    pace.begin(5, 3, 2)
    assert pace.left == ""
    for _ in range(3):
        pace.fold()
    pace.trial(0.5)
    pace.clock = lambda: now
    assert pace.counts == ("trial 3/5", "fold 9/15")
    assert pace.left == left


def test_a_long_time_is_told_in_days():
    times = iter([0, 3600])
    pace = Pace(clock=lambda: next(times))
    pace.begin(10, 10, 0)
    pace.fold()
    pace.clock = lambda: 3600
    assert pace.left == "4d 3h left"


def test_a_line_a_minute_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr(kt_grid.search.progress, "_SECONDS_BETWEEN_LINES", 0.01)
    drawn = io.StringIO()
    progress = TerminalProgress("width", Console(file=drawn, width=20))
    progress.begin(4, 3, 1)
    progress.fold(PARAMETERS)
    end = time.monotonic() + 10
    while drawn.getvalue().count("left") < 2 and time.monotonic() < end:
        time.sleep(0.01)
    progress.end()
    lines = drawn.getvalue().splitlines()
    assert re.fullmatch(r"kt-grid: width: trial 1/4, fold 4/12, 0:00:0\d left", lines[-1])
    time.sleep(0.05)
    assert len(drawn.getvalue().splitlines()) == len(lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_waiting_is_shown_on_a_terminal_at_once(terminal):
    drawn = io.StringIO()
    with waiting(Console(file=drawn, force_terminal=terminal), "loading"):
        # No other thread had to run.
        assert ("loading" in drawn.getvalue()) == terminal
    assert ("loading" in drawn.getvalue()) == terminal


def test_nothing_is_drawn_where_there_is_no_terminal():
    events = [("begin", 1, 3, 0), *FOLDS, ("trial", PARAMETERS, 0.5, 0.5)]
    assert show(events, terminal=False) == ""


def test_parameters_and_notes_are_no_markup_and_cannot_drive_the_terminal():
    drawn = show([("begin", 4, 3, 0), ("fold", {"kind": "[/x]\x1b[2J"}), ("note", "a\x1b[2J[/y]")])
    assert "[/x]" in drawn
    assert "a\\x1b[2J[/y]" in drawn
    assert "\x1b[2J" not in drawn


def test_the_bar_of_a_python_search_stays_there():
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=80, color_system=None)
    progress = TerminalProgress("width", console, stays=True)
    progress.begin(1, 1, 0)
    progress.fold(PARAMETERS)
    progress.trial(PARAMETERS, 0.5, 0.65104)
    progress.end()
    last = [line for line in re.split(r"[\r\n]", drawn.getvalue()) if "trial" in line][-1]
    assert "trial 1/1 fold 1/1 best 0.6510" in last
    # Nothing takes it away again.
    assert "\x1b[2K" not in drawn.getvalue().partition(last)[2]


def test_a_line_per_trial():
    drawn = io.StringIO()
    lines = TrialLines(lambda: "val_auc", Console(file=drawn, width=20))
    lines.begin(3, 2, 1)
    lines.note("[/x] once")
    lines.note("[/x] once")
    lines.fold(PARAMETERS)
    lines.fold(PARAMETERS)
    lines.trial(PARAMETERS, 0.5, 0.65104)
    lines.trial(PARAMETERS, None, 0.65104)
    lines.end()
    first, note, second, third = drawn.getvalue().splitlines()
    assert first == "kt-grid: 3 trials of 2 folds, 1 of them finished"
    assert note == "kt-grid: [/x] once"
    assert re.fullmatch(
        r"kt-grid: trial 2/3: units=5: val_auc=0.5, best 0.6510, 0:00:0\d left", second
    )
    assert "trial 3/3: units=5: no score, best 0.6510" in third


@pytest.fixture
def cell(monkeypatch):
    """What a notebook's cell shows, version after version."""
    shown = []

    class Handle:
        def update(self, html):
            shown.append(html.data)

    def display(html, *, display_id):
        shown.append(html.data)
        return Handle() if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_a_notebook_shows_one_bar_that_moves(cell):
    progress = NotebookProgress("<width>", lambda: "val_auc")
    progress.note("folds <KFold>")
    progress.begin(4, 3, 1)
    progress.fold(PARAMETERS)
    progress.fold(PARAMETERS)
    progress.fold(PARAMETERS)
    progress.trial(PARAMETERS, 0.65104, 0.65104)
    progress.trial({"units": 6}, None, 0.65104)
    progress.end()
    done = [re.search(r'style="width: ([\d.]+)%', html) for html in cell]
    assert [found and found[1] for found in done] == [
        *(None, "25.0", "33.3", "41.7", "50.0", "50.0", "75.0", "75.0")
    ]
    assert "units=5" in cell[2]
    assert "best val_auc=0.65104 with units=5" in cell[-1]
    assert all("folds &lt;KFold&gt;" in html and "&lt;width&gt;" in html for html in cell)
