"""What a terminal shows, and that nothing else sees it."""

import io

import pytest
from rich.console import Console

from kt_grid.search.progress import TerminalProgress

PARAMETERS = {"units": 5}


def show(events, *, terminal=True):
    """What is drawn until the search ends."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=terminal, width=200, color_system=None)
    progress = TerminalProgress("width", console)
    for name, *arguments in events:
        getattr(progress, name)(*arguments)
    progress.end()
    return drawn.getvalue()


FOLDS = [("fold", PARAMETERS)] * 3


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([("begin", 4, 3, 0)], ["trial 0/4", "fold 0/12"], id="begun"),
        pytest.param([("begin", 4, 3, 1)], ["trial 1/4", "fold 0/9"], id="resumed"),
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


def test_nothing_is_drawn_where_there_is_no_terminal():
    events = [("begin", 1, 3, 0), *FOLDS, ("trial", PARAMETERS, 0.5, 0.5)]
    assert show(events, terminal=False) == ""


def test_parameters_and_notes_are_no_markup_and_cannot_drive_the_terminal():
    drawn = show([("begin", 4, 3, 0), ("fold", {"kind": "[/x]\x1b[2J"}), ("note", "a\x1b[2J[/y]")])
    assert "[/x]" in drawn
    assert "a\\x1b[2J[/y]" in drawn
    assert "\x1b[2J" not in drawn
