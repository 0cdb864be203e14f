"""What a real terminal shows while a search runs: a pseudo-terminal of common widths."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

# Trains nothing; is interrupted at the fit that the environment names.
OWN = """
import os
import signal

import keras
import keras_tuner

fits = 0


class Experiment(keras_tuner.HyperModel):
    def build(self, hp):
        units = hp.Choice("number_of_units", [2, 3, 4, 5])
        output = keras.layers.Dense(1, activation="sigmoid")
        model = keras.Sequential([keras.layers.Dense(units), output])
        model.compile(loss="binary_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, x, y, **kwargs):
        global fits
        fits += 1
        model.optimizer.build(model.trainable_variables)
        if str(fits) == os.environ.get("OWN_ENDS"):
            os.kill(os.getpid(), signal.SIGINT)
        return {"val_accuracy": 0.5}


experiment = Experiment
"""
CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
BAR = re.compile(
    r"(\S.*?) +[━╸╺]+ +trial (\d)/4 fold (\d+)/12(?: +best (0\.\d{4}))?(?: +\d:\d\d:\d\d left)?"
)


def terminal(command, columns, **environment):
    """Run a command in a terminal; returns its status and all that appeared, line by line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "kt_grid", *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 2**16):
            shown += chunk
    except OSError:
        # Linux's way of saying that nobody has the other end any more.
        pass
    os.close(ours)
    lines = re.split(r"[\r\n]+", CONTROL.sub("", shown.decode()))
    return process.wait(), [line.rstrip() for line in lines if line.strip()]


@pytest.mark.parametrize(
    ("columns", "described"),
    [
        pytest.param(80, "a_rather_long…", id="80 columns"),
        pytest.param(
            110, "a_rather_long_name_of_a_search", id="110 columns", marks=pytest.mark.full
        ),
    ],
)
def test_progress_is_whole_and_goes_on_from_where_it_was(tmp_path, columns, described):
    file = tmp_path / "a_rather_long_name_of_a_search.py"
    file.write_text(OWN)
    command = ["run", str(file), "--workers", "1", "--no-refit", "--directory", str(tmp_path)]
    status, first = terminal(command, columns, OWN_ENDS="8")
    assert (status, first[-1]) == (130, "kt-grid: Interrupted. Run the same command to resume.")
    assert re.fullmatch(r"\S loading TensorFlow", first[0])
    status, resumed = terminal(command, columns)
    assert status == 0
    for lines in (first, resumed):
        drawn = [line for line in lines if "━" in line or "trial " in line]
        assert drawn
        assert all(len(line) <= columns for line in drawn)
        assert [line for line in drawn if not BAR.fullmatch(line)] == []
        assert {BAR.fullmatch(line)[1] for line in drawn} == {described}
    begun, *_, ended = (BAR.fullmatch(line).groups()[1:] for line in resumed if "━" in line)
    assert (begun, ended) == (("2", "6", None), ("4", "12", "0.5000"))
