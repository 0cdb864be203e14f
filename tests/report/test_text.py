"""Reports, character by character: others read them with programs."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from kt_grid.report import formats as report
from kt_grid.report.published import published_results
from kt_grid.report.text import render_verdict
from kt_grid.store.files import write_sealed
from kt_grid.store.results import read_results

GRID = {"batch_size": [10, 20], "kind": ["a"]}
SCORES = [[0.25, 0.5, 0.75], [0.5, 0.5, 0.5]]


@pytest.fixture
def read(make_search):
    def read(grid=None, outcomes=SCORES, **options):
        return read_results(make_search(grid or GRID, outcomes, **options))

    return read


def test_text_is_the_tutorials(read):
    results = read(
        {"epochs": [10, 50], "optimizer": ["adam"]}, [[0.25, 0.5, 0.75], [0.5, 0.75, 1.0]]
    )
    assert report.render(results) == (
        "Best: 0.750000 using {'epochs': 50, 'optimizer': 'adam'}\n"
        "0.500000 (0.204124) with: {'epochs': 10, 'optimizer': 'adam'}\n"
        "0.750000 (0.204124) with: {'epochs': 50, 'optimizer': 'adam'}\n"
    )


def test_text_of_the_tutorials_constant_models(read):
    ones = [98 / 256, 87 / 256, 83 / 256]
    results = read({"on": [False, True]}, [ones, [1 - share for share in ones]])
    assert report.render(results).splitlines() == [
        "Best: 0.651042 using {'on': True}",
        "0.348958 (0.024774) with: {'on': False}",
        "0.651042 (0.024774) with: {'on': True}",
    ]


@pytest.mark.parametrize(
    ("outcomes", "lines"),
    [
        pytest.param(
            ["boom", SCORES[0]],
            [
                "Best: 0.500000 using {'n': 2}",
                "nan (nan) with: {'n': 1}  failed: boom",
                "0.500000 (0.204124) with: {'n': 2}",
            ],
            id="failed",
        ),
        pytest.param(
            ["", SCORES[0]],
            [
                "Best: 0.500000 using {'n': 2}",
                "nan (nan) with: {'n': 1}  failed",
                "0.500000 (0.204124) with: {'n': 2}",
            ],
            id="failed-without-a-reason",
        ),
        pytest.param(
            ["boom", "\x1b[2J"],
            [
                "nan (nan) with: {'n': 1}  failed: boom",
                r"nan (nan) with: {'n': 2}  failed: \x1b[2J",
            ],
            id="all-failed",
        ),
        pytest.param(
            [SCORES[0], None],
            ["Best: 0.500000 using {'n': 1}", "0.500000 (0.204124) with: {'n': 1}"],
            id="running",
        ),
        pytest.param(
            [SCORES[0]],
            ["Best: 0.500000 using {'n': 1}", "0.500000 (0.204124) with: {'n': 1}"],
            id="unfinished",
        ),
        pytest.param([], [], id="nothing"),
    ],
)
def test_text_of_what_has_no_score(read, outcomes, lines):
    assert report.render(read({"n": [1, 2]}, outcomes)).splitlines() == lines


def test_text_beside_the_published_figures(read):
    published = published_results("batch_epochs")
    results = read({"epochs": [10, 11], "batch_size": [10]})
    ours = report.render(results).splitlines()[1:]
    both = report.render(results, "text", published).splitlines()[1:]
    assert both == [f"{ours[0]}  published: 0.348958 (0.024774)", ours[1]]


def test_table(read):
    assert report.render(read(outcomes=["no", SCORES[0]]), "table") == (
        "  rank  batch_size  kind      mean       std    fold 0    fold 1    fold 2     error  p"
        "  standing  reason\n"
        "     1          20     a  0.500000  0.204124  0.250000  0.500000  0.750000  0.144338   "
        "      best\n"
        "failed          10     a                                                              "
        "             no\n"
        "\n"
        "Nothing to compare: batch_size=20, kind=a is the only result, with a mean val_accuracy of "
        "0.5000.\n"
        "Objective: mean val_accuracy over the folds, higher is better.\n"
        "On new rows expect about 0.5000 (95 % interval 0.0000 to 1.0000).\n"
        "1 combination failed and is left out.\n"
    )


def test_markdown(read):
    table, verdict = report.render(read(), "markdown").split("\n\n", maxsplit=1)
    assert table.splitlines() == [
        "| rank | batch_size | kind | mean | std | fold 0 | fold 1 | fold 2 | error | p | standing "
        "|",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 1 | 10 | a | 0.500000 | 0.204124 | 0.250000 | 0.500000 | 0.750000 | 0.144338 |  | best "
        "|",
        "| 1 | 20 | a | 0.500000 | 0.000000 | 0.500000 | 0.500000 | 0.500000 | 0.000000 | 1.000 | "
        "tied |",
    ]
    headline, *rest = verdict.splitlines()
    assert headline == (
        "**Take batch_size=10, kind=a: it has the best mean val_accuracy, 0.5000, but the other "
        "one may be as good.**"
    )
    assert rest[0] == ""
    assert all(line.startswith("- ") for line in rest[1:])


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        pytest.param("a|b", r"a\|b", id="pipe"),
        pytest.param("a\\|b", r"a\\\|b", id="backslash-and-pipe"),
        pytest.param("<img>", "&lt;img>", id="tag"),
        pytest.param("a\nb", "a b", id="line-break"),
        pytest.param("&lt;", "&amp;lt;", id="entity"),
        pytest.param("![x](//y)", r"\!\[x\](//y)", id="image"),
        pytest.param("`*~", r"\`\*\~", id="emphasis"),
        pytest.param("_a_b_", r"\_a_b\_", id="underscores"),
        pytest.param("\x1b[31m", r"\\x1b\[31m", id="terminal"),
    ],
)
def test_markdown_escapes(read, value, cell):
    text = report.render(read({"kind": [value]}, [[1.0] * 3]), "markdown")
    rows = text.split("\n")
    assert rows[2].split(" | ")[1] == cell
    assert rows[3] == ""
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows[:3]}) == 1
    assert f"**Nothing to compare: kind={cell} is" in text


def test_a_table_cannot_drive_the_terminal(read):
    text = report.render(read({"kind": ["\x1b[2J\n\x9b"]}, [[1.0] * 3]), "table")
    assert r"\x1b[2J\n\x9b" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("style", ["table", "markdown"])
def test_published_columns(read, style):
    results = read({"neurons": [1, 2]}, SCORES)
    text = report.render(results, style, published_results("neurons"))
    rows = text.partition("\n\n")[0].splitlines()
    assert re.findall(r"[a-z]+", rows[0])[-2:] == ["published", "std"]
    theirs = "{:f} {:f}".format(*published_results("neurons")['{"neurons": 1}'])
    assert re.findall(r"[0-9.]+", rows[-2])[-2:] == theirs.split()
    assert len(re.findall(r"0\.\d{6}", rows[-1])) == 6


@pytest.mark.parametrize("style", ["table", "markdown", "html"])
def test_epochs_show_where_trainings_stopped_by_themselves(read, style):
    results = read()
    assert "epochs trained" not in report.render(results, style)
    first, *others = results.trials
    stopped = replace(results, trials=(replace(first, epochs=(12, 7, 31)), *others))
    text = report.render(stopped, style)
    assert "epochs trained" in text
    assert "12 7 31" in text
    assert "10 10 10" in text
    assert "10 10 10" in report.render(read(fit={"early_stopping": 3}), style)


def test_csv(read):
    assert report.render(read(outcomes=[SCORES[0], "no"]), "csv") == (
        "trial_id,status,param_batch_size,param_kind,split0_test_score,split1_test_score,"
        "split2_test_score,mean_test_score,std_test_score,rank_test_score,mean_fit_time,"
        "std_fit_time,weights,steps,mean_epochs,standard_error,behind_best,p_value,standing,fold_variance,"
        "seed_variance\n"
        "0000,COMPLETED,10,a,0.25,0.5,0.75,0.5,0.2041241452319315,1,0.5,0.408248290463863,,,10.0,"
        "0.14433756729740643,0.0,,best,,\n"
        "0001,FAILED,20,a,,,,,,,,,,,,,,,,,\n"
    )


def test_csv_begins_with_the_columns_of_the_frame(read):
    columns = next(csv.reader(io.StringIO(report.render(read(), "csv"))))
    frame = [name for name in read().to_frame() if name != "params"]
    assert columns[: len(frame)] == frame


def test_csv_with_the_published_figures(read):
    text = report.render(read({"neurons": [1, 2]}), "csv", published_results("neurons"))
    rows = [*csv.DictReader(io.StringIO(text))]
    expected = published_results("neurons")['{"neurons": 1}']
    assert tuple(float(rows[0][f"published_{name}"]) for name in ("mean", "std")) == expected
    assert rows[1]["published_mean"] == rows[1]["published_std"] == ""


@pytest.mark.parametrize("value", ["=1+1", "+1+1", "-x", "@SUM(A1)", "\t=1"])
def test_csv_is_safe_in_a_spreadsheet(read, value):
    text = report.render(read({"kind": [value]}, [[1.0] * 3]), "csv")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["param_kind"] == f"'{value}"


def test_csv_leaves_other_values_alone(read):
    values = ["a,b", 'a"b', "1-2", "x=1"]
    text = report.render(read({"kind": values, "n": [-1.5]}, [[1.0] * 3] * 4), "csv")
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [row["param_kind"] for row in rows] == values
    assert {row["param_n"] for row in rows} == {"-1.5"}


def test_json_is_a_contract(read):
    results = read(outcomes=[SCORES[0], "ValueError: bad"], baseline=[0.25, 0.25, 0.5])
    document = json.loads(report.render(results, "json"))
    best = {
        "trial_id": "0000",
        "parameters": {"batch_size": 10, "kind": "a"},
        "status": "COMPLETED",
        "scores": SCORES[0],
        "mean": 0.5,
        "std": results.best.std,
        "rank": 1,
        "fit_seconds": 1.5,
        "weights": None,
        "steps": None,
        "epochs": [10, 10, 10],
        "standard_error": pytest.approx(0.25 / 3**0.5),
        "behind_best": 0.0,
        "p_value": None,
        "standing": "best",
        "fold_variance": None,
        "seed_variance": None,
    }
    assert document == {
        "experiment": "search",
        "objective": "val_accuracy",
        "direction": "max",
        "folds": 3,
        "repeats": 1,
        "seed": 7,
        "complete": True,
        "total_trials": 2,
        "verdict": {
            "kind": "unknown",
            "headline": "Nothing to compare: batch_size=10, kind=a is the only result, with a mean "
            "val_accuracy of 0.5000.",
            "findings": document["verdict"]["findings"],
            "advice": [],
        },
        "best": best,
        "simplest": best,
        "simplest_cost": None,
        "smoothed": None,
        "expected": {"score": 0.5, "low": 0.0, "high": 1.0},
        "baseline": {
            "scores": [0.25, 0.25, 0.5],
            "mean": pytest.approx(1 / 3),
            "std": pytest.approx(0.117851, abs=1e-6),
            "p_value": document["baseline"]["p_value"],
            "is_beaten": False,
        },
        "optimism": 0.0,
        "noise_share": None,
        "told_apart_from": None,
        "effects": [
            {
                "axis": axis,
                "share": 0.0,
                "values": [value],
                "means": [0.5],
                "standard_errors": [],
                "p_values": [],
            }
            for axis, value in [("batch_size", 10), ("kind", "a")]
        ],
        "trials": [
            best,
            {
                "trial_id": "0001",
                "parameters": {"batch_size": 20, "kind": "a"},
                "status": "FAILED",
                "reason": "ValueError: bad",
                "scores": [],
                "epochs": [],
                **dict.fromkeys(
                    set(best) - {"trial_id", "parameters", "status", "scores", "epochs"}
                ),
            },
        ],
        "search": results.about.to_json(),
    }


def test_json_with_the_published_figures(read):
    document = json.loads(
        report.render(read({"neurons": [1, 2]}), "json", published_results("neurons"))
    )
    mean, std = published_results("neurons")['{"neurons": 1}']
    assert document["trials"][0]["published"] == {"mean": mean, "std": std}
    assert "published" not in document["trials"][1]


def test_json_of_an_unfinished_search(read):
    document = json.loads(report.render(read(outcomes=[]), "json"))
    assert (document["complete"], document["best"], document["trials"]) == (False, None, [])
    assert document["total_trials"] == 2


@pytest.mark.parametrize("style", ["table", "markdown", "csv"])
def test_an_empty_search_has_a_header(read, style):
    text = report.render(read(outcomes=[]), style)
    assert "batch_size" in text.splitlines()[0]
    assert len(text.partition("\n\n")[0].splitlines()) == (2 if style == "markdown" else 1)
    assert style == "csv" or "No result yet" in text


@pytest.mark.parametrize("style", ["text", "table", "markdown", "csv", "json", "html"])
def test_every_format_ends_with_a_line_break(read, style):
    assert re.search(r"[^\n]\n\Z", report.render(read(), style))


def test_the_verdict_is_never_among_the_tutorials_lines(read):
    results = read()
    verdict = render_verdict(results)
    assert verdict.startswith("Take ")
    assert "winner" not in report.render(results)
    assert verdict in report.render(results, "table")


def test_axes_that_do_not_count_are_empty(make_search):
    store = make_search({"kind": ["a", "b"]}, [[1.0], [0.5]], folds=1)
    condition = {"parent": "kind", "values": ["z"]}
    entry = store.read_record().to_json()
    axes = [*entry["grid"], {"name": "n", "values": [1], "conditions": [condition]}]
    write_sealed(store.root / "search.json", {**entry, "grid": axes})
    text = report.render(read_results(store), "csv")
    assert [row["param_n"] for row in csv.DictReader(io.StringIO(text))] == ["", ""]


def test_what_was_pruned_is_marked_in_every_form(read):
    grid = {"units": [1, 2, 3]}
    results = read(grid, [[0.25, 0.5, 0.75], (0.125, 0.25), (0.25,)], racing="bound")
    assert report.render(results) == (
        "Best: 0.500000 using {'units': 1}\n"
        "0.500000 (0.204124) with: {'units': 1}\n"
        "nan (nan) with: {'units': 2}  pruned after 2 of 3 folds\n"
        "nan (nan) with: {'units': 3}  pruned after 1 of 3 folds\n"
    )
    table = report.render(results, "table")
    assert re.search(
        r"^ *pruned +2 +0\.125000  0\.250000 +pruned: too far behind$", table, re.MULTILINE
    )
    assert (
        "2 of 3 combinations were pruned early, by --racing bound, and aren't compared.\n" in table
    )
    _, _, third = csv.DictReader(io.StringIO(report.render(results, "csv")))
    shown = [third[f"split{i}_test_score"] for i in range(3)]
    assert (third["status"], third["mean_test_score"], shown) == ("STOPPED", "", ["0.25", "", ""])
    _, second, _ = json.loads(report.render(results, "json"))["trials"]
    assert (second["status"], second["scores"], second["rank"]) == ("STOPPED", [], None)
    assert second["partial_scores"] == [0.125, 0.25, None]
    assert second["reason"] == "given up: too far behind"


def test_nothing_is_said_of_a_race_where_there_was_none(read):
    for style in ("text", "table", "markdown", "csv", "json", "html"):
        shown = report.render(read(), style)
        assert not [
            word for word in ("given up", "pruned", "partial_scores", "racing") if word in shown
        ]
