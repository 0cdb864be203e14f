"""The exception tree is the one that the module draws."""

import inspect
import pickle
import re

import pytest

from kt_grid import errors

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
}


def test_tree_is_the_drawn_one():
    drawn, parents = {}, []
    for line in errors.__doc__.splitlines():
        match = re.fullmatch(r"    ([│├└─ ]*)(\w+Error)\b.*", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            drawn[match[2]] = parents[depth - 1] if depth else "Exception"
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        pytest.param("UsageError", ValueError, id="usage"),
        pytest.param("DataError", ValueError, id="data"),
        pytest.param("StoreError", OSError, id="store"),
        pytest.param("EngineError", ValueError, id="engine"),
        pytest.param("PredictionError", ValueError, id="prediction"),
    ],
)
def test_errors_are_what_callers_expect_of_python_too(name, builtin):
    error = CLASSES[name]("Expected X. Received: Y")
    assert isinstance(error, builtin)
    assert str(error) == "Expected X. Received: Y"


@pytest.mark.parametrize(
    ("error", "python", "command_line"),
    [
        pytest.param(errors.KtGridError("A. B"), "A. B", "A. B", id="alike"),
        pytest.param(errors.KtGridError("A.", mend="Do x"), "A. Do x", "A. Do x", id="one mend"),
        pytest.param(
            errors.MismatchError("A.", mend="overwrite=True", option="--overwrite"),
            "A. overwrite=True",
            "A. --overwrite",
            id="each its own",
        ),
        pytest.param(errors.WorkerDiedError("A", 3), "A", "A", id="of more arguments"),
    ],
)
@pytest.mark.parametrize("sent", [False, True], ids=["here", "from a worker"])
def test_each_interface_words_the_mend(error, python, command_line, sent):
    received = pickle.loads(pickle.dumps(error)) if sent else error  # noqa: S301 - made here
    assert type(received) is type(error)
    assert (str(received), received.on_command_line) == (python, command_line)
