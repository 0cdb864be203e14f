"""The command line: what it prints where, how it ends, and how it goes on after an interruption."""

import csv
import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
from sampling import sampled

import kt_grid
import kt_grid.cli
import kt_grid.cli.live
import kt_grid.cli.process
from kt_grid.data import bundled
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.store.directory import SearchStore

# Scores a model by its initial weights, which is quick; the environment says what goes wrong.
OWN = """
import hashlib
import os
import signal
import threading

import keras
import keras_tuner

fits = 0


class Experiment(keras_tuner.HyperModel):
    def build(self, hp):
        units = hp.Choice("units", [2, 3, 4])
        output = keras.layers.Dense(1, activation="sigmoid")
        model = keras.Sequential([keras.layers.Dense(units), output])
        model.compile(loss="binary_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, x, y, **kwargs):
        global fits
        model.optimizer.build(model.trainable_variables)
        fits += 1
        word, _, when = os.environ.get("OWN_ENDS", "").partition(":")
        if word == "HANG" and fits == int(when):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            # Compiled code that lets other threads run, but hears of no signal.
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 10**9)
        elif word == "WORKER" and fits == int(when):
            open(f"{os.getpid()}.pid", "w").close()
            os.kill(os.getppid(), signal.SIGINT)
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 10**9)
        elif word and fits == int(when):
            os.kill(os.getpid(), getattr(signal, word))
        if hp.get("units") == 13:
            raise ValueError("unlucky")
        return {"val_accuracy": float(abs(model.get_weights()[0]).mean())}


experiment = Experiment
"""
# It reads nothing that may have changed, so that a finished search is known to be one.
SURE = OWN.replace("        global fits\n", "").replace(
    OWN[OWN.index("        fits += 1") : OWN.index('        return {"val_accuracy"')], ""
)


@dataclass
class Ended:
    status: int
    stdout: str
    stderr: str


@pytest.fixture
def place(tmp_path, monkeypatch, toy_csv):
    """A folder to work in, with `own.py` and `toy.csv`."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    yield tmp_path
    sys.modules.pop("own", None)


@pytest.fixture
def call(place, capfd, monkeypatch):
    """Runs a command line in this process."""
    monkeypatch.setattr(kt_grid.cli.process, "_exit", sys.exit)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def main(*words):
        monkeypatch.setattr(sys, "argv", ["kt-grid", *map(str, words)])
        capfd.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
            kt_grid.cli.main()
        shown = capfd.readouterr()
        return Ended(int(ended.value.code or 0), shown.out, shown.err)

    return main


def start(*words, cwd, flags=(), **environment):
    """Runs a command line in a process of its own."""
    command = [sys.executable, *flags, "-m", "kt_grid", *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


NEURONS = ("run", "neurons", "--grid", "neurons=1,2", "--grid", "epochs=2")
DEFAULTS = (
    "kt-grid: own: defaults: 100 epochs (--epochs), batch size 10 (--batch-size), "
    "objective val_accuracy (--objective)\n"
    "kt-grid: folds StratifiedKFold(2), because the target holds classes; --cv kfold takes rows in "
    "order\n"
)
RESUME = "kt-grid: Interrupted. Run the same command to resume.\n"
RUN_OWN = ("run", "own.py", "--data", "toy.csv", "--folds", "2", "--engine", "keras")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """How `RUN_OWN` ended, once it has, and a folder with what it left."""
    return [], tmp_path_factory.mktemp("kept")


@pytest.fixture
def finished(call, place, kept):
    """How `RUN_OWN` ended, which is run once; what it left is copied here."""
    ended, folder = kept
    if ended:
        shutil.copytree(folder / "runs", place / "runs")
    else:
        ended.append(call(*RUN_OWN))
        sys.modules.pop("own")
        shutil.copytree(place / "runs", folder / "runs")
    return ended[0]


@pytest.fixture
def whole(finished, place):
    """How `RUN_OWN` ended, of which nothing is here."""
    shutil.rmtree(place / "runs")
    return finished


@pytest.fixture(scope="module")
def neurons(tmp_path_factory):
    """The tutorial's experiment, run once in a process of its own."""
    folder = tmp_path_factory.mktemp("neurons")
    return folder, start(*NEURONS, cwd=folder)


def test_a_run_prints_the_tutorials_lines_and_nothing_else(neurons):
    folder, ended = neurons
    assert ended.status == 0
    assert re.match(
        r"kt-grid: neurons: defaults: batch size 10 \(--batch-size\), folds KFold\(3\) "
        r"\(--folds\), objective val_accuracy \(--objective\)\n\nTake [^\n]*neurons=",
        ended.stderr,
    )
    lines, best = [], (0.0, None)
    for number, units in enumerate((1, 2)):
        trial = folder / "runs" / "neurons" / f"trial_{number:04d}"
        records = [json.loads((trial / f"fold_{i}.json").read_text()) for i in range(3)]
        scores = [record["scores"]["val_accuracy"] for record in records]
        parameters = {"neurons": units, "epochs": 2}
        lines.append(f"{np.mean(scores):f} ({np.std(scores):f}) with: {parameters}")
        best = max(best, (np.mean(scores), f"Best: {np.mean(scores):f} using {parameters}"))
    assert ended.stdout.splitlines() == [best[1], *lines]


def imports(stderr):
    return set(re.findall(r"\| +(\w+)\S*$", stderr, re.MULTILINE))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(NEURONS, id="the same line again"),
        pytest.param(("report", "neurons", "--format", "json"), id="report"),
        pytest.param((*NEURONS, "--dry-run"), id="dry run"),
        pytest.param(("run", "--help"), id="help"),
        pytest.param(("-h",), id="-h"),
        pytest.param(("--version",), id="version"),
        pytest.param(("list",), id="list"),
    ],
)
def test_what_trains_nothing_does_without_tensorflow(neurons, words):
    folder, first = neurons
    before = files(folder)
    ended = start(*words, cwd=folder, flags=("-X", "importtime"))
    loaded = imports(ended.stderr)
    assert ended.status == 0
    assert ended.stdout
    assert "kt_grid" in loaded
    assert not loaded & {"tensorflow", "keras", "keras_tuner"}
    assert files(folder) == before
    if words is NEURONS:
        assert ended.stdout == first.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--version"], f"kt-grid {kt_grid.__version__}\n"),
        (
            [*NEURONS, "--dry-run", "--folds", "5"],
            "{'neurons': 1, 'epochs': 2}\n{'neurons': 2, 'epochs': 2}\n2 trials, 10 fits\n",
        ),
    ],
    ids=["version", "dry run"],
)
def test_what_is_shown_without_training(call, place, words, expected):
    assert call(*words) == Ended(0, expected, "")
    assert not (place / "runs").exists()


def test_a_dry_run_of_a_file_shows_what_its_model_declares(call, place):
    expected = "{'units': 2}\n{'units': 3}\n{'units': 4}\n3 trials, 6 fits\n"
    assert call(*RUN_OWN, "--dry-run") == Ended(0, expected, "")
    assert not (place / "runs").exists()


def test_the_list_names_all_experiments_with_their_axes(call):
    ended = call("list")
    assert [line.split()[0] for line in ended.stdout.splitlines()] == [
        *("batch_epochs", "optimizer", "learning_rate", "init", "activation", "dropout", "neurons")
    ]
    assert "(dropout_rate: 10, weight_constraint: 5)" in ended.stdout


SPOILT = {
    "empty.csv": "",
    "header.csv": "a,b,class\n",
    "ragged.csv": "1,2,0\n3,4\n",
    "nan.csv": "1,2,0\n3,nan,1\n",
    "words.csv": "1,2,0\n3,much,1\n",
    "few.csv": "1,2,0\n3,4,1\n",
    "one_class.csv": "1,2,0\n3,4,0\n5,6,0\n",
    "runs/notes/precious.txt": "mine",
    "runs/neurons/precious.txt": "mine",
    "runs/init": "a file",
    "file": "a file",
    "runs/optimizer/search.json": "{",
    "runs/dropout/search.json": '{"format": 1}',
    "broken.py": "import nothing_of_that_name",
    "nobody.py": "x = 1",
}

BAD = {
    "no data file": (["run", "neurons", "--data", "no.csv"], 1, ["no.csv", "no such file"]),
    "empty data": (["run", "neurons", "--data", "empty.csv"], 1, ["an empty file"]),
    "header only": (["run", "neurons", "--data", "header.csv"], 1, ["header.csv"]),
    "ragged data": (["run", "neurons", "--data", "ragged.csv"], 1, ["3 columns", "line 2", "2"]),
    "NaN in data": (["run", "neurons", "--data", "nan.csv"], 1, ["line 2, column 2", "'nan'"]),
    "words in data": (["run", "neurons", "--data", "words.csv"], 1, ["column 2", "'much'"]),
    "one class": (["run", "neurons", "--data", "one_class.csv"], 1, ["two classes"]),
    "unknown target": (
        ["run", "neurons", "--data", "toy.csv", "--target", "klass"],
        2,
        ["--target", "class"],
    ),
    "unknown experiment": (["run", "neuron"], 2, ["Did you mean 'neurons'?"]),
    "no experiment file": (["run", "no.py"], 2, ["no.py", "no such file"]),
    "broken experiment file": (["run", "broken.py"], 2, ["ModuleNotFoundError"]),
    "file without experiment": (["run", "nobody.py"], 2, ["nobody.py:my_function"]),
    "unknown axis": (["run", "neurons", "--grid", "neuron=1"], 2, ["Did you mean 'neurons'?"]),
    "grid without values": (["run", "neurons", "--grid", "neurons"], 2, ["AXIS=VALUE"]),
    "grid with a hole": (["run", "neurons", "--grid", "neurons=1,,2"], 2, ["neurons=1,,2"]),
    "grid value twice": (["run", "neurons", "--grid", "neurons=1,1"], 2, ["1 twice"]),
    "words for numbers": (["run", "neurons", "--grid", "neurons=many"], 2, ["numbers"]),
    "one fold": (["run", "neurons", "--folds", "1"], 2, ["1"]),
    "more folds than rows": (["run", "neurons", "--data", "few.csv"], 2, ["2 rows"]),
    "unknown cv": (["run", "neurons", "--cv", "loo"], 2, ["kfold", "'loo'"]),
    "no sample": (["run", "neurons", "--sample", "0"], 2, ["--sample in (0, 1]"]),
    "unknown objective": (["run", "neurons", "--objective", "val_x"], 2, ["max:val_x"]),
    "race on workers": (
        ["run", "neurons", "--racing", "bound", "--workers", "2"],
        2,
        ["racing", "2 workers"],
    ),
    "race of a loss": (
        ["run", "neurons", "--racing", "bound", "--objective", "val_loss"],
        2,
        ["bounded objective", "val_loss"],
    ),
    "race by a test of three folds": (
        ["run", "neurons", "--racing", "test", "--folds", "3"],
        2,
        ["more than 3 folds", "--folds"],
    ),
    "unknown race": (["run", "neurons", "--racing", "fast"], 2, ["bound or test", "'fast'"]),
    "unknown engine": (["run", "neurons", "--engine", "warp"], 2, ["warp"]),
    "unknown keep": (["run", "neurons", "--keep", "some"], 2, ["all, best", "'some'"]),
    "unknown keep with overwrite": (
        ["run", "dropout", "--keep", "some", "--overwrite"],
        2,
        ["all, best", "'some'"],
    ),
    "foreign folder": (["run", "neurons", "--overwrite"], 1, ["other files", "Nothing is deleted"]),
    "file for a folder": (["run", "init"], 1, ["init"]),
    "file for a folder, overwrite": (["run", "init", "--overwrite"], 1, ["init"]),
    "file for the directory": (["run", "neurons", "--directory", "file"], 1, ["file"]),
    "damaged search": (["run", "optimizer"], 1, ["search.json", "--overwrite"]),
    "report of a damaged search": (["report", "optimizer"], 1, ["search.json"]),
    "report of half a search": (["report", "dropout"], 1, ["search.json"]),
    "report of nothing": (
        ["report", "activation"],
        1,
        ["'activation'", "There are optimizer, dropout"],
    ),
    "report of a near name": (["report", "dropuot"], 1, ["Did you mean 'dropout'?"]),
    "report of no path": (["report", "runs/none"], 1, ["'runs/none'", "There are"]),
    "report in an empty directory": (
        ["report", "neurons", "--directory", "none"],
        1,
        ["--directory"],
    ),
    "removal of nothing": (["remove", "activation", "--yes"], 1, ["There are optimizer"]),
    "name for two": (["run", "neurons", "init", "--name", "x"], 2, ["one NAME with --name"]),
    "name for all": (["run", "all", "--name", "x"], 2, ["one NAME with --name"]),
    "epochs twice": (
        ["run", "neurons", "--epochs", "2", "--grid", "epochs=2,3"],
        2,
        ["--epochs or an axis epochs", "both"],
    ),
    "batch size beside the experiment's axis": (
        ["run", "batch_epochs", "--batch-size", "2"],
        2,
        ["--batch-size or an axis batch_size"],
    ),
    "unknown format": (["report", "dropout", "--format", "pdf"], None, []),
    "prediction of nothing": (["predict", "activation", "--data", "toy.csv"], 1, ["There are"]),
}


@pytest.mark.parametrize(("words", "status", "expected"), BAD.values(), ids=BAD)
def test_a_mistake_is_told_in_two_lines_and_nothing_is_lost(call, place, words, status, expected):
    for name, content in SPOILT.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")
    before = files(place)
    ended = call(*words)
    assert ended.status in ((1, 2) if status is None else (status,))
    assert ended.stdout == ""
    assert re.match(r"kt-grid: Expected .*Received: ", ended.stderr.splitlines()[-1])
    assert len(ended.stderr.splitlines()) <= 2
    assert "Traceback" not in ended.stderr
    for word in expected:
        assert word in ended.stderr
    after = files(place)
    assert {path: content for path, content in after.items() if path.suffix != ".pyc"} == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "neurons", "--fold", "3"], "--fold"),
        (["run", "neurons", "--folds", "three"], "--folds"),
        (["walk"], "walk"),
        (["run"], "NAME"),
    ],
    ids=["option", "number", "command", "no name"],
)
def test_a_slip_of_the_pen_is_wrong_usage(call, words, expected):
    ended = call(*words)
    assert (ended.status, ended.stdout) == (2, "")
    assert expected in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


def test_debug_shows_the_traceback(call):
    ended = call("run", "neuron", "--debug")
    assert ended.status == 2
    assert "Traceback" in ended.stderr


def test_another_search_is_refused_and_overwrite_replaces_it(call, place, finished):
    before = files(place / "runs")
    ended = call(*RUN_OWN, "--seed", "8")
    assert (ended.status, ended.stdout) == (1, "")
    assert "another seed, 7 there, 8 asked for" in ended.stderr
    assert "or replace it with --overwrite" in ended.stderr
    assert files(place / "runs") == before
    replaced = call(*RUN_OWN, "--seed", "8", "--overwrite")
    elsewhere = call(*RUN_OWN, "--seed", "8", "--directory", "fresh")
    assert replaced == elsewhere
    assert replaced.status == 0


@pytest.mark.parametrize("word", sampled(["HANG", "SIGKILL"], "HANG"))
def test_an_interrupted_run_goes_on_to_the_same_bytes(call, place, whole, word):
    stopped = start(*RUN_OWN, cwd=place, OWN_ENDS=f"{word}:4")
    assert stopped.stdout == ""
    if word != "SIGKILL":
        assert (stopped.status, stopped.stderr) == (130, f"{DEFAULTS}{RESUME}")
    else:
        assert stopped.status == -signal.SIGKILL
    assert len(list(place.glob("runs/own/trial_*/fold_*.json"))) == 3

    partial = call("report", "own")
    assert "1 of 3 trials are finished" in partial.stderr
    resumed = call(*RUN_OWN)
    assert sys.modules["own"].fits == 3 + 1  # what was missing, and the refit
    assert resumed == whole
    assert resumed.status == 0
    assert not list(place.rglob("writing.*"))


def test_ctrl_c_ends_the_workers_and_the_run_goes_on_to_the_same_bytes(call, place, whole):
    """One of two workers has done a trial when it interrupts the run, and hears of nothing."""
    stopped = start(*RUN_OWN, "--workers", "2", cwd=place, OWN_ENDS="WORKER:3")
    assert stopped == Ended(130, "", f"{DEFAULTS}{RESUME}")
    workers = [Path("/proc", path.stem) for path in place.glob("*.pid")]
    assert workers
    end = time.monotonic() + 10
    while any(worker.exists() for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(worker.exists() for worker in workers)
    assert not (place / "runs" / "own" / "lock.json").exists()
    assert "of 3 trials are finished" in call("report", "own").stderr
    assert call(*RUN_OWN) == whole


@pytest.mark.parametrize("ends", ["SIGINT:1", "SIGTERM:4", "SIGINT:6", "SIGINT:7"])
def test_a_signal_at_any_training(call, place, whole, monkeypatch, ends):
    monkeypatch.setenv("OWN_ENDS", ends)
    stopped = call(*RUN_OWN)
    assert stopped == Ended(130, "", f"{DEFAULTS}{RESUME}")
    monkeypatch.delenv("OWN_ENDS")
    assert call(*RUN_OWN) == whole


@pytest.mark.parametrize(
    ("words", "within"),
    [
        (("report", "own"), "find_stores"),
        (("predict", "own", "--data", "toy.csv"), "find_store"),
        (RUN_OWN, "plan"),
    ],
    ids=["report", "predict", "before the run"],
)
def test_ctrl_c_elsewhere_is_quiet_too(call, monkeypatch, words, within):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(kt_grid.cli.commands, within, interrupted)
    ended = call(*words)
    assert (ended.status, ended.stdout) == (130, "")
    assert len(ended.stderr.splitlines()) <= 1


def test_a_second_run_is_refused_and_a_report_is_not(call, place):
    (place / "own.py").write_text(SURE, encoding="utf-8")
    call(*RUN_OWN, "--grid", "units=2")
    before = files(place / "runs")
    with SearchStore("runs", "own").lock.held(print):
        held = files(place / "runs")
        for words in ((), ("--overwrite",), ("--seed", "8", "--overwrite")):
            ended = call(*RUN_OWN, *words)
            assert (ended.status, ended.stdout) == (1, "")
            assert f"Received: process {os.getpid()} on " in ended.stderr
        assert files(place / "runs") == held
        assert call("report", "own").status == 0
        assert call("predict", "own", "--data", "toy.csv").status == 0
        assert call(*RUN_OWN, "--grid", "units=2").status == 0  # nothing is left to train
        assert call(*RUN_OWN, "--directory", "elsewhere").status == 0
    assert files(place / "runs") == before
    assert call(*RUN_OWN).status == 0


@pytest.mark.parametrize("name", ["model.keras", "refit.json"])
@pytest.mark.parametrize("spoil", ["cut", "deleted"])
def test_a_damaged_refit_is_not_predicted_with_and_trained_again(
    call, place, finished, name, spoil
):
    predicted = call("predict", "own", "--data", "toy.csv")
    path = place / "runs" / "own" / "best" / name
    path.write_bytes(path.read_bytes()[:-9]) if spoil == "cut" else path.unlink()
    refused = call("predict", "own", "--data", "toy.csv")
    assert (refused.status, refused.stdout) == (1, "")
    assert "model" in refused.stderr
    assert call(*RUN_OWN) == finished
    assert call("predict", "own", "--data", "toy.csv") == predicted


def test_a_report_shows_what_is_whole_and_names_what_is_not(call, place, finished):
    whole = finished.stdout
    path = place / "runs" / "own" / "trial_0001" / "fold_1.json"
    path.write_text("{")
    ended = call("report", "own")
    assert (ended.status, ended.stdout) == (1, whole)
    assert ended.stderr.splitlines() == [
        "kt-grid: trial_0001/fold_1.json is damaged",
        "kt-grid: Run the same command again to repair it",
    ]
    mended = call(*RUN_OWN)
    told = "kt-grid: trial_0001/fold_1.json is damaged; what is missing is trained again\n"
    assert (mended.status, mended.stdout) == (0, whole)
    assert mended.stderr.startswith(f"{DEFAULTS}{told}")
    assert call("report", "own") == Ended(0, whole, "")


def test_a_failed_trial_makes_the_run_fail_with_its_reason(call):
    ended = call(*RUN_OWN, "--grid", "units=13,2")
    assert ended.status == 1
    best, *lines = ended.stdout.splitlines()
    assert best.endswith("using {'units': 2}")
    place = f"in own.py, line {OWN[: OWN.index('unlucky')].count(chr(10)) + 1}, in fit"
    told = f"failed: {place}: ValueError: unlucky"
    assert lines[0] == f"nan (nan) with: {{'units': 13}}  {told}"
    reason = f"kt-grid: trial 0000 {{'units': 13}} {told}\n"
    assert ended.stderr.startswith(
        f"{DEFAULTS}{reason}\nNothing to compare: units=2 is the only result"
    )
    assert call(*RUN_OWN, "--grid", "units=13,2", "--quiet").stderr == reason
    assert call(*RUN_OWN, "--grid", "units=13,2") == ended


def test_several_experiments_are_headed_by_their_names(call, place, finished):
    (place / "second.py").write_text(OWN, encoding="utf-8")
    alone = finished.stdout
    ended = call("run", "own.py", "second.py", *RUN_OWN[2:])
    assert ended.stdout == f"# own\n{alone}\n# second\n{alone}"
    sys.modules.pop("second")


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def predicted(call, place, finished):
    """Rows of `toy.csv`, and what `predict` and plain numpy say of them."""
    table = np.loadtxt(place / "toy.csv", delimiter=",", skiprows=1)
    store = SearchStore("runs", "own")

    def by_hand(*paths):
        model = kt_grid.load_best_model("runs/own")
        outputs = []
        for path in paths or [None]:
            if path is not None:
                model.load_weights(path)
            kernel, bias, out, out_bias = model.get_weights()
            values = (table[:, :3] @ kernel + bias) @ out + out_bias
            outputs.append(1 / (1 + np.exp(-values[:, 0])))
        return np.mean(outputs, axis=0)

    best = json.loads(store.refit_file.read_text())["trial_id"]
    return by_hand, [store.weights(best, split) for split in range(2)]


def check(rows, probabilities):
    assert list(rows[0]) == ["row", "p_0", "p_1", "class"]
    assert [int(row["row"]) for row in rows] == list(range(24))
    given = [float(row["p_1"]) for row in rows]
    np.testing.assert_allclose(given, probabilities, rtol=1e-5)
    assert [int(row["class"]) for row in rows] == (probabilities > 0.5).astype(int).tolist()
    assert 0 < sum(probabilities > 0.5) < 24


def test_predictions_are_the_refits_with_or_without_the_target(call, place, predicted):
    by_hand, _ = predicted
    lines = (place / "toy.csv").read_text().splitlines()
    features = [line.rpartition(",")[0] for line in lines]
    turned = [",".join(line.split(",")[::-1]) for line in lines]
    (place / "features.csv").write_text("\n".join(features), encoding="utf-8")
    (place / "turned.csv").write_text("\n".join(turned), encoding="utf-8")
    shown = [
        call("predict", "own", "--data", name).stdout
        for name in ("toy.csv", "features.csv", "turned.csv")
    ]
    check(rows_of(shown[0]), by_hand())
    assert shown[0] == shown[1] == shown[2]
    ended = call("predict", "own", "--data", "toy.csv", "--output", "out.csv")
    assert ended == Ended(0, "", "")
    assert (place / "out.csv").read_text() == shown[0]


def test_an_ensemble_is_the_mean_of_the_fold_models(call, predicted):
    by_hand, paths = predicted
    ended = call("predict", "own", "--data", "toy.csv", "--ensemble")
    check(rows_of(ended.stdout), by_hand(*paths))
    assert not np.allclose(by_hand(*paths), by_hand())


def test_evaluation_is_the_refits_on_new_rows(call, place, predicted):
    by_hand, _ = predicted
    lines = (place / "toy.csv").read_text().splitlines()
    (place / "new.csv").write_text("\n".join(lines[:11]), encoding="utf-8")
    probabilities, classes = by_hand()[:10], np.arange(10) % 2
    chosen = probabilities > 0.5
    loss = -np.log(np.where(classes, probabilities, 1 - probabilities)).mean()
    shown = call("evaluate", "own", "--data", "new.csv")
    assert (shown.status, shown.stderr) == (0, "")
    first, lossy, accurate, head, *matrix = shown.stdout.splitlines()
    assert first == "10 rows of new.csv"
    assert float(lossy.removeprefix("loss: ")) == pytest.approx(loss, abs=1e-5)
    assert accurate == f"accuracy: {np.mean(chosen == classes):f}"
    assert head.split() == ["class", "predicted", "0", "predicted", "1"]
    counts = [[c, *(np.sum((classes == c) & (chosen == p)) for p in (0, 1))] for c in (0, 1)]
    assert [[*map(int, line.split())] for line in matrix] == counts
    ended = call("evaluate", "own", "--data", "new.csv", "--output", "out.txt")
    assert (ended, (place / "out.txt").read_text()) == (Ended(0, "", ""), shown.stdout)


@pytest.mark.usefixtures("predicted")
def test_another_trial_than_the_best_is_refitted_and_predicted_with(call, place):
    predict = ("predict", "own.py", "--data", "toy.csv", "--trial")
    best = json.loads(SearchStore("runs", "own").refit_file.read_text())["trial_id"]
    before, best_model = call(*predict[:4]).stdout, files(place / "runs" / "own" / "best")
    other = {"0000": 3}.get(best, 2)
    trial_id = f"{other - 2:04d}"
    missing = call(*predict, f"units={other}")
    assert (missing.status, missing.stdout) == (1, "")
    assert missing.stderr.endswith(f"Run kt-grid refit own.py --trial {trial_id}\n")
    by_name = call("refit", "own", "--trial", trial_id)
    assert (by_name.status, by_name.stdout) == (2, "")
    assert by_name.stderr.endswith(f"Run kt-grid refit own.py --trial {trial_id}\n")
    done = call("refit", "own.py", "--trial", f"units={other}")
    assert (done.status, done.stdout) == (0, "")
    path = Path("runs", "own", "refits", f"trial_{trial_id}", "model.keras")
    assert f"trial {trial_id} {{'units': {other}}}, trained on all rows: {path}." in done.stderr
    shown = call(*predict, str(other - 2))
    model = keras.saving.load_model(path)
    table = np.loadtxt(place / "toy.csv", delimiter=",", skiprows=1, dtype=np.float32)
    check(rows_of(shown.stdout), model.predict(table[:, :3], verbose=0)[:, 0].astype(float))
    assert call("evaluate", "own", "--data", "toy.csv", "--trial", trial_id).status == 0
    assert call(*predict[:4]).stdout == before
    assert files(place / "runs" / "own" / "best") == best_model
    # Other rows are another search; those that have moved are found.
    (place / "toy.csv").rename("moved.csv")
    assert call("refit", "own.py", "--trial", best).status == 1
    assert call("refit", "own.py", "--trial", best, "--data", "moved.csv").status == 0


def test_a_refit_needs_the_command_that_began_the_search(call, place):
    call(*RUN_OWN, "--name", "two")
    store = SearchStore("runs", "two")
    refused = call("refit", "two", "--trial", "1")
    assert refused.stderr.endswith("Run kt-grid refit own.py --name two --trial 1\n")
    assert call("refit", "own.py", "--name", "two", "--trial", "1").status == 0
    record = store.read_record()
    for command, word in ((None, "made in Python"), ("kt-grid run --no-such", "--no-such")):
        origin = dataclasses.replace(record.origin, command=command)
        store.write_record(dataclasses.replace(record, origin=origin))
        assert word in call("refit", "own.py", "--name", "two").stderr


MARKED = """
# measured by hand
id  left  right  city  class
7   1,5   2      Bern  no
8   -     3      Bern  no
9   2,5   0      Rome  yes
10  3,5   1.000  Bern  yes
11  0,5   4      Rome  no
"""


def test_a_file_is_read_as_it_is_declared(call, place):
    (place / "marked.txt").write_text(MARKED, encoding="utf-8")
    (place / "own.py").write_text(SURE, encoding="utf-8")
    words = ["--separator", "whitespace", "--comment", "#", "--decimal", ",", "--thousands", "."]
    words += ["--na-values", "-,NA", "--zero-is-missing", "right", "--missing", "drop"]
    words += ["--drop", "id", "--encode", "city=one-hot"]
    run = call("run", "own.py", "--data", "marked.txt", "--folds", "2", *words)
    assert run.status == 0, run.stderr
    record = SearchStore("runs", "own").read_record()
    assert record.origin.features == ("left", "right", "city")
    assert record.identity.rows == 3
    assert [encoder["categories"] for encoder in record.origin.encoders] == [["Bern", "Rome"]]
    before = files("runs")
    again = call(*shlex.split(record.origin.command)[1:])
    assert (again.status, again.stdout) == (0, run.stdout)
    assert files("runs") == before
    scored = call("evaluate", "own", "--data", "marked.txt")
    assert scored.stdout.startswith("3 rows of marked.txt\nloss: ")
    (place / "new.txt").write_text("left right city\n1,5 2.000 Oslo\n", encoding="utf-8")
    refused = call("predict", "own", "--data", "new.txt")
    assert refused.status == 1
    assert "'Oslo'" in refused.stderr
    assert "--unknown ignore" in refused.stderr
    (row,) = rows_of(call("predict", "own", "--data", "new.txt", "--unknown", "ignore").stdout)
    model = kt_grid.load_best_model("runs/own")
    expected = model.predict(np.array([[1.5, 2000, 0, 0]], np.float32), verbose=0)
    assert float(row["p_yes"]) == pytest.approx(float(expected[0, 0]), rel=1e-5)


def test_json_keeps_its_contract(call):
    call(*RUN_OWN, "--grid", "units=13,2")
    document = json.loads(call("report", "own", "--format", "json").stdout)
    assert list(document) == [
        *("experiment", "objective", "direction", "folds", "repeats", "seed", "complete"),
        *("total_trials", "best", "trials", "verdict", "simplest", "simplest_cost", "smoothed"),
        *("expected", "baseline", "optimism", "noise_share", "told_apart_from", "effects"),
        "search",
    ]
    entry = ["trial_id", "parameters", "status", "scores", "mean", "std", "rank", "fit_seconds"]
    entry += ["weights", "steps", "epochs", "standard_error", "behind_best", "p_value", "standing"]
    entry += ["fold_variance", "seed_variance"]
    failed, good = document["trials"]
    assert list(good) == entry
    assert list(failed) == [*entry, "reason"]
    assert failed["reason"].endswith(": ValueError: unlucky")
    assert document["best"] == good
    assert good["mean"] == pytest.approx(np.mean(good["scores"]))
    assert document["complete"] is True


@pytest.mark.parametrize("style", ["text", "table", "markdown", "csv", "json", "html"])
def test_output_holds_what_stdout_would(call, place, finished, style):
    shown = call("report", "own", "--format", style)
    assert shown.status == 0
    ended = call("report", "own", "--format", style, "--output", "there.txt")
    assert ended == Ended(0, "", "")
    assert (place / "there.txt").read_text() == shown.stdout


class Named(keras_tuner.HyperModel):
    """Has the tutorial's axis, and scores that are no one's."""

    def build(self, hp):
        model = keras.Sequential([keras.layers.Dense(hp.Choice("neurons", [5, 2, 10]))])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        return 0.5


def test_published_figures_stand_beside_ours(call):
    tuner = CrossValidationTuner(Named(), cv=2, engine="keras", project_name="neurons")
    tuner.search(np.zeros((4, 1)), np.zeros(4))
    with bundled("published_results.csv").open(newline="", encoding="utf-8") as file:
        theirs = {
            row["parameters"]: f"  published: {row['mean_accuracy']} ({row['std_accuracy']})"
            for row in csv.DictReader(file)
            if row["experiment"] == "neurons"
        }
    ours = "0.500000 (0.000000) with: {'neurons': %d}%s\n"
    # There is no published figure for two neurons.
    expected = [ours % (n, theirs.get(json.dumps({"neurons": n}), "")) for n in (5, 2, 10)]
    assert [line.endswith(")\n") for line in expected] == [True, False, True]
    ended = call("report", "neurons", "--published")
    assert ended.stdout == "Best: 0.500000 using {'neurons': 5}\n" + "".join(expected)


def test_only_the_tutorials_experiments_have_published_figures(call, finished):
    ended = call("report", "own", "--published")
    assert (ended.status, ended.stdout) == (2, "")
    assert "for --published. Received: 'own'" in ended.stderr


def test_several_searches_stand_side_by_side(call, place):
    call(*RUN_OWN, "--grid", "units=2,3")
    table = call("report", "own", "own", "--format", "table")
    assert table.status == 0
    assert [line.split()[0] for line in table.stdout.splitlines()[:3]] == [
        *("experiment", "own", "own")
    ]
    one = f"# own\n{call('report', 'own').stdout}"
    assert call("report", "own", "own").stdout == f"{one}\n{one}"


def test_a_report_follows_a_search_while_it_runs(call, place, monkeypatch):
    call(*NEURONS)
    watch = ("report", "neurons", "--watch")
    assert call(*watch) == call(*watch[:2])
    states = iter([True, True])
    monkeypatch.setattr(kt_grid.cli.live, "is_running", lambda _: next(states))
    call(*watch, "--output", "live.html", "--format", "html")
    assert "</html>" in (place / "live.html").read_text()
    assert [*states] == [True]


def test_report_of_all_needs_a_search(call, place):
    ended = call("report", "all")
    assert (ended.status, ended.stdout) == (2, "")
    assert "Expected a search in runs. Received: none" in ended.stderr


def test_zoom_refines_reuses_and_goes_on(call, place):
    words = (*RUN_OWN, "--grid", "units=2,9", "--quiet")
    call(*words)
    own = (*RUN_OWN, "--zoom")
    shown = call(*own, "--dry-run")
    assert shown.status == 0
    values = [int(re.search(r"\d+", line)[0]) for line in shown.stdout.splitlines()[:-1]]
    assert values == [2, 6, 9]
    assert shown.stdout.splitlines()[-1] == "3 trials, 6 fits"
    assert "zoom to units=2,6,9" in shown.stderr
    assert "2 of these trials are finished already" in shown.stderr
    before = {path: path.stat().st_mtime_ns for path in place.rglob("fold_*.json")}
    ended = call(*own)
    assert ended.status == 0
    assert [line[-12:].lstrip() for line in ended.stdout.splitlines()[1:]] == [
        f"{{'units': {n}}}" for n in (2, 6, 9)
    ]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    deeper = call(*own, "--dry-run")
    assert "zoom to units=2,4,6,8,9" in deeper.stderr


@pytest.mark.full
def test_an_interrupted_zoom_goes_on(call, place):
    start(*RUN_OWN, "--grid", "units=2,9,6", cwd=place, OWN_ENDS="SIGINT:5")
    told = call(*RUN_OWN, "--zoom", "--dry-run").stderr
    assert "zoom to units=2,9,6\n" in told
    assert "2 of these trials are finished already" in told


def test_zoom_needs_an_axis_that_the_grid_does_not_set(call):
    call(*RUN_OWN, "--grid", "units=2", "--quiet")
    ended = call(*RUN_OWN, "--zoom", "--grid", "units=2,4")
    assert (ended.status, ended.stdout) == (2, "")
    assert "Expected an axis to refine beside --zoom" in ended.stderr
    assert "Received: --grid for units" in ended.stderr


@pytest.mark.parametrize("words", [(), ("--overwrite",)], ids=["nothing-there", "overwrite"])
def test_zoom_needs_a_search(call, place, words):
    if words:
        call(*RUN_OWN, "--grid", "units=2", "--quiet")
    ended = call(*RUN_OWN, "--zoom", *words)
    assert (ended.status, ended.stdout) == (2, "")
    assert "to zoom into. Received: none" in ended.stderr


def test_report_for_tensorboard(call, place):
    call(*RUN_OWN, "--grid", "units=2", "--quiet")
    refused = call("report", "own", "--format", "tensorboard")
    assert (refused.status, refused.stdout) == (2, "")
    assert "Expected --output DIR" in refused.stderr
    ended = call("report", "own", "--format", "tensorboard", "--output", "logs")
    assert (ended.status, ended.stdout) == (0, "")
    assert (place / "logs" / "trial_0000" / "events.out.tfevents.0.kt-grid").exists()
    call("report", "own", "own", "--format", "tensorboard", "--output", "both")
    assert (place / "both" / "own" / "trial_0000").exists()


def test_a_rare_class_is_noted_once(call, place):
    rows = "".join(f"{i},{int(i > 9)}\n" for i in range(12))
    (place / "rare.csv").write_text(rows, encoding="utf-8")
    ended = call(
        *("run", "own.py", "--data", "rare.csv", "--engine", "keras", "--no-refit", "--quiet"),
        *("--cv", "stratified-kfold", "--folds", "3", "--grid", "units=2"),
    )
    assert (ended.status, ended.stdout.count("with:")) == (0, 1)
    assert ended.stderr.splitlines() == [
        "kt-grid: The least populated class, 1.0, has 2 rows, fewer than the 3 folds: some folds "
        "hold none of it"
    ]


SCORED = (
    OWN.replace("experiment = Experiment\n", "").replace("class Experiment", "class Own")
    + """
import kt_grid

least = kt_grid.Score("least", lambda y_true, y_pred: y_pred.min(), "max")
experiment = Own
"""
)


def test_scores_of_a_file_and_figures_of_all_rows(call, place):
    (place / "own.py").write_text(SCORED, encoding="utf-8")
    words = (*RUN_OWN, "--objective", "val_least", "--keep-predictions", "--train-scores")
    ended = call(*words, "--no-refit", "--grid", "units=2,3")
    assert (ended.status, ended.stdout.count("with:")) == (0, 2)
    assert call("report", "own").stdout == ended.stdout
    other = call("report", "own", "--objective", "val_accuracy")
    assert other.status == 0
    assert sorted(other.stdout.splitlines()) != sorted(ended.stdout.splitlines())
    pooled = call("report", "own", "--pooled").stdout.splitlines()
    assert pooled[0].startswith("All 24 held-out predictions of {'units': ")
    assert [line.partition(":")[0] for line in pooled[1:4]] == ["accuracy", "auc", "threshold"]
    matrix = [line.split()[1:] for line in pooled[5:]]
    assert [sum(map(int, row)) for row in matrix] == [12, 12]
    refused = call("report", "own", "--objective", "val_none")
    assert (refused.status, refused.stdout) == (2, "")


def test_no_figures_of_all_rows_without_predictions(call):
    assert call(*RUN_OWN, "--no-refit", "--grid", "units=2").status == 0
    refused = call("report", "own", "--pooled")
    assert (refused.status, refused.stdout) == (1, "")
    assert "--keep-predictions" in refused.stderr


def test_a_grid_file_is_searched(call, place):
    (place / "grid.yaml").write_text("- units: [2]\n- units: [3]\n  epochs: [1, 2]\n", "utf-8")
    words = (*RUN_OWN, "--grid", "grid.yaml", "--dry-run")
    assert call(*words).stdout.splitlines() == [
        "{'units': 2}",
        "{'units': 3, 'epochs': 1}",
        "{'units': 3, 'epochs': 2}",
        "3 trials, 6 fits",
    ]
    assert call(*words, "--max-trials", "2").stdout.splitlines()[-1] == "2 trials, 4 fits"
    refused = call(*RUN_OWN, "--grid", "none.toml")
    assert (refused.status, "no such file" in refused.stderr) == (2, True)


def test_a_race_marks_what_it_gives_up_and_is_no_failure(call, place):
    words = (*RUN_OWN, "--grid", "units=2,3,50,60,70", "--folds", "4")
    raced = call(*words, "--racing", "bound", "--directory", "raced")
    whole = call(*words)
    assert raced.status == 0
    assert raced.stdout.splitlines()[0] == whole.stdout.splitlines()[0]
    pairs = [*zip(raced.stdout.splitlines(), whole.stdout.splitlines(), strict=True)]
    marked = [line for line, complete in pairs if line != complete]
    assert marked
    assert all(
        re.fullmatch(r"nan \(nan\) with: \{'units': \d+\}  pruned after [123] of 4 folds", line)
        for line in marked
    )
    assert f"{len(marked)} of 5 combinations " in raced.stderr
    again = call(*words, "--racing", "bound", "--directory", "raced")
    assert (again.status, again.stdout) == (0, raced.stdout)
    assert call("report", "own", "--directory", "raced") == Ended(0, raced.stdout, "")
    assert call(*words, "--directory", "raced") == whole


def test_the_list_shows_the_searches_that_are_there(call, place, finished):
    call(*RUN_OWN, "--quiet", "--name", "again", "--repeats", "2", "--grid", "units=2")
    (place / "runs" / "own" / "trial_0001" / "trial.json").unlink()
    (place / "runs" / "again" / "search.json").write_text("{")
    call(*RUN_OWN, "--quiet", "--name", "third", "--repeats", "2", "--grid", "units=2")
    head, *rows = [line.split() for line in call("list").stdout.partition("\n\n")[2].splitlines()]
    assert head == ["search", "state", "best", "trials", "folds", "size", "changed"]
    assert [row[:2] for row in rows] == [
        *(["again", "damaged"], ["own", "damaged"], ["third", "complete"])
    ]
    score = json.loads(call("report", "third", "--format", "json").stdout)["best"]["mean"]
    assert rows[2][2:5] == [f"val_accuracy={score:.4f}", "1/1", "2x2"]
    assert call("list", "--directory", "none").stdout.count("\n\n") == 0


def test_the_list_tells_who_is_at_work(call, finished):
    with SearchStore("runs", "own").lock.held(print):
        assert call("list").stdout.splitlines()[-1].split()[:2] == ["own", "running"]
    assert call("list").stdout.splitlines()[-1].split()[:2] == ["own", "complete"]


def test_a_named_search_has_a_folder_and_a_command_of_its_own(call, place):
    call(*RUN_OWN, "--quiet", "--name", "mine")
    assert [path.name for path in (place / "runs").iterdir()] == ["mine"]
    document = json.loads((place / "runs" / "mine" / "search.json").read_text())
    assert document["experiment"] == "mine"
    assert document["command"].endswith("--name mine")
    assert call("report", "mine").stdout == call(*RUN_OWN).stdout


def test_a_finished_search_knows_when_its_file_was_edited(call, place):
    """More values are searched, the same models are kept, and other models are refused."""

    def run(old, new):
        sys.modules.pop("own", None)
        (place / "own.py").write_text(OWN.replace(old, new), encoding="utf-8")
        return call(*RUN_OWN, "--no-refit")

    before = run("", "").stdout.splitlines()
    more = run("[2, 3, 4]", "[2, 3, 4, 5]").stdout.splitlines()
    assert more[1:4] == before[1:4]
    assert more[4].endswith("{'units': 5}")
    same = run("units = hp.Choice", "units = 0 + hp.Choice")
    assert same.stdout.splitlines()[1:] == before[1:]
    assert "own.py has changed: function Experiment.build(), but no model" in same.stderr
    other = run("Dense(units)", "Dense(units, activation='relu')")
    assert (other.status, other.stdout) == (1, "")
    assert (
        "own.py has changed: function Experiment.build(), and so other models in trials"
        in other.stderr
    )
    assert "begin anew with --overwrite" in other.stderr


@pytest.mark.parametrize("word", ["runs/own", "./runs/own/", "own.py", "own"])
def test_a_report_takes_a_path_a_file_or_a_name(call, place, finished, word):
    assert call("report", word) == Ended(0, finished.stdout, "")
    assert call("report", str(place / "runs" / "own")).stdout == finished.stdout


def test_report_of_all_shows_every_search_of_the_directory(call):
    call(*RUN_OWN, "--grid", "units=2", "--quiet")
    call(*RUN_OWN, "--grid", "units=2", "--quiet", "--name", "another")
    shown = call("report", "all").stdout
    assert [line for line in shown.splitlines() if line.startswith("#")] == ["# another", "# own"]


class Terminal:
    """A terminal at which somebody types."""

    def __init__(self, typed):
        self._lines = iter([typed])

    def isatty(self):
        return True

    def readline(self, *_):
        return next(self._lines)


@pytest.mark.parametrize(
    ("typed", "words", "status", "gone"),
    [
        pytest.param(None, (), 2, False, id="nobody can be asked"),
        pytest.param(None, ("--yes",), 0, True, id="yes"),
        pytest.param("n\n", (), 0, False, id="asked, no"),
        pytest.param("y\n", (), 0, True, id="asked, yes"),
    ],
)
def test_a_search_is_removed_when_its_user_says_so(
    call, place, finished, monkeypatch, typed, words, status, gone
):
    before = files(place / "runs")
    if typed is not None:
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
    ended = call("remove", "own", *words)
    assert (ended.status, ended.stdout.strip()) == (status, "")
    assert ("Delete runs/own (3/3 trials, 0." in ended.stderr) == (typed is not None)
    left = {path for path in files(place / "runs") if path.name != "lock"}
    assert left == (set() if gone else {path for path in before if path.name != "lock"})


def test_a_search_with_other_files_is_not_removed(call, place, finished):
    (place / "runs" / "own" / "notes.txt").write_text("mine")
    before = files(place / "runs")
    assert call("remove", "own", "--yes").status == 1
    assert files(place / "runs") == before


FAULTS = {
    "while it is imported": (
        "import math\nmath.sqrt(-1)\n",
        r"Expected own.py to load. Received: in own.py, line 2: ValueError: math domain error",
    ),
    "in its syntax": (
        "def build(hp):\n    return (\n",
        r"Expected own.py to load. Received: in own.py, line 2: SyntaxError: '\(' was never closed",
    ),
    "while a model is built": (
        "def build(hp):\n    hp.Choice('units', [2])\n    return nonsense\n",
        r"in own.py, line 3, in build: NameError: name 'nonsense' is not defined",
    ),
    "in what it calls": (
        "import keras\n\ndef build(hp):\n    return keras.Sequential([keras.layers.Dense('x')])\n",
        r"in own.py, line 4, in build: ValueError: .*units.*",
    ),
    "with a file": (
        "def build(hp):\n    open('none.txt')\n",
        r"in own.py, line 2, in build: FileNotFoundError: .*none.txt.*",
    ),
}


@pytest.mark.parametrize(("content", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_users_file_is_told_with_its_place(call, place, content, told):
    (place / "own.py").write_text(content, encoding="utf-8")
    planned, ended = call(*RUN_OWN, "--dry-run"), call(*RUN_OWN, "--quiet")
    assert (ended.status, ended.stdout[:3]) in ((2, ""), (1, "nan"))
    assert re.search(told, planned.stderr.splitlines()[-1])
    told = told.replace("Expected", "kt-grid: Expected") if ended.status == 2 else f".*{told}"
    assert re.fullmatch(told, ended.stderr.splitlines()[-1])
    assert "fault in kt-grid" not in ended.stderr


def test_a_finished_search_of_ones_own_file_is_answered_without_tensorflow(place):
    text = SURE
    for name in ("hashlib", "os", "signal", "threading"):
        text = text.replace(f"import {name}\n", "")
    (place / "sure.py").write_text(text, encoding="utf-8")
    words = ("run", "sure.py", "--data", "toy.csv", "--folds", "2", "--engine", "keras")
    first = start(*words, cwd=place)
    assert (first.status, len(first.stdout.splitlines())) == (0, 4)
    before = files(place / "runs")
    look = (
        "import sys, kt_grid.cli, kt_grid.cli.process as process\n"
        "process._exit = sys.exit\n"
        "try:\n    kt_grid.cli.main()\n"
        "finally:\n    print('tensorflow' in sys.modules, file=sys.stderr)"
    )

    def again():
        command = [sys.executable, "-c", look, *words]
        ended = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
        assert ended.stdout == first.stdout
        return ended.stderr.splitlines()[-1]

    assert again() == "False"
    assert files(place / "runs") == before
    (place / "sure.py").write_text(f"{text}# a remark\n", encoding="utf-8")
    assert again() == "True"


def test_a_fault_of_our_own_asks_for_a_report(call, monkeypatch):
    monkeypatch.setattr(kt_grid.cli.commands, "find_stores", len)
    ended = call("report", "own")
    told = "TypeError: len() takes exactly one argument (2 given)"
    expected = f"kt-grid: A fault in kt-grid; please report it ({told}). --debug shows where\n"
    assert ended == Ended(1, "", expected)


def test_epochs_and_batch_size_are_those_of_every_training(call, place):
    words = ("run", "neurons", "--data", "toy.csv", "--grid", "neurons=1,2", "--folds", "2")
    told = call(*words, "--epochs", "3", "--batch-size", "4", "--no-refit")
    assert told.status == 0
    assert "epochs" not in told.stderr.splitlines()[0]
    assert "epochs" not in told.stdout
    record = json.loads((place / "runs" / "neurons" / "trial_0000" / "fold_0.json").read_text())
    assert (record["epochs"], record["steps"]) == (3, 9)
    # A batch size that is an axis counts in the seeds, epochs don't.
    axes = call(*words, "--grid", "epochs=3", "--batch-size", "4", "--name", "axes")
    scores = [line.partition(" with")[0] for line in told.stdout.splitlines()[1:]]
    assert scores == [line.partition(" with")[0] for line in axes.stdout.splitlines()[1:]]
    # Others are other trials of the same search, and what was asked before doesn't stick.
    dry = call(*words, "--epochs", "5", "--batch-size", "4", "--dry-run")
    assert dry.stdout.splitlines() == ["{'neurons': 1}", "{'neurons': 2}", "2 trials, 4 fits"]
    more = call(*words, "--epochs", "5", "--batch-size", "4", "--no-refit")
    assert (more.status, len(more.stdout.splitlines())) == (0, 3)
    assert more.stdout not in ("", told.stdout)
    alone = call(*words, "--epochs", "5", "--batch-size", "4", "--no-refit", "--name", "alone")
    assert more.stdout == alone.stdout
    assert call(*words, "--epochs", "3", "--batch-size", "4", "--no-refit").stdout == told.stdout


@pytest.mark.parametrize("word", ["--epochs", "--batch-size"])
def test_less_than_one_is_wrong_usage(call, word):
    ended = call("run", "neurons", word, "0")
    assert (ended.status, ended.stdout) == (2, "")
    assert word in ended.stderr


def test_a_shell_completes_options_and_searches(call, place):
    call(*RUN_OWN, "--quiet", "--name", "mine")

    def completed(line):
        ended = start(
            cwd=place,
            _KT_GRID_COMPLETE="complete_bash",
            COMP_WORDS=line,
            COMP_CWORD=str(len(line.split()) - 1),
        )
        return ended.stdout.split()

    assert completed("kt-grid report m") == ["mine"]
    assert completed("kt-grid run neur") == ["neurons"]
    assert completed("kt-grid run neurons --cv strat") == [
        "stratified-kfold",
        "stratified-group-kfold",
        "stratified-shuffle-split",
    ]
