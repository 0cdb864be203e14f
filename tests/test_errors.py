"""The exception tree is the one that the module draws."""

import inspect
import pickle
import re

import pytest

from kt_grid import errors

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.KtGridError)
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


IN_A_LAYER = (
    "Exception encountered when calling Sequential.call().\n\n"
    '\x1b[1mInput 0 of layer "dense" is incompatible.\x1b[0m\n\n'
    "Arguments received by Sequential.call():\n  • inputs=tf.Tensor(shape=(8, 2))"
)
WITHIN_CALL = (
    "Exception encountered when calling Mine.call().\n\n"
    "\x1b[1mCould not automatically infer the output shape / dtype of 'mine' (of type Mine). "
    "Error encountered:\n\nunlucky\x1b[0m\n\nArguments received by Mine.call():\n  • args=()"
)
IN_A_GRAPH = (
    "Graph execution error:\n\nDetected at node MatMul defined at (most recent call last):\n"
    '<stack traces unavailable>\n  File "my.py", line 3, in call\n'
    "Matrix size-incompatible: In[0]: [8,3], In[1]: [4,1]\n"
    "\t [[{{node MatMul}}]] [Op:__inference_step_1]"
)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("unlucky\nand more", "unlucky", id="first line"),
        pytest.param(IN_A_LAYER, 'Input 0 of layer "dense" is incompatible.', id="layer"),
        pytest.param(WITHIN_CALL, "unlucky", id="call"),
        pytest.param("Error encountered:", "Error encountered:", id="nothing below"),
        pytest.param(
            IN_A_GRAPH, "Matrix size-incompatible: In[0]: [8,3], In[1]: [4,1]", id="graph"
        ),
        pytest.param("Graph execution error:", "Graph execution error:", id="nothing else"),
    ],
)
def test_an_error_is_described_by_its_cause(text, cause):
    assert errors.describe_error(RuntimeError(text)) == f"RuntimeError: {cause}"
    assert errors.describe_error(KeyError()) == "KeyError"


def test_an_error_of_somebodys_own_code_is_described_with_its_place(tmp_path):
    path = tmp_path / "my_file.py"
    path.write_text("def build_model():\n    import json\n    return json.loads('{')\n")
    names = {}
    exec(compile(path.read_text(), path, "exec"), names)  # noqa: S102 - as a user's file is run
    with pytest.raises(ValueError, match="Expecting") as caught:
        names["build_model"]()
    described = errors.describe_error(caught.value)
    assert described.startswith("in my_file.py, line 3, in build_model: JSONDecodeError: Expecting")


def test_kt_grids_own_refusals_have_no_place():
    with pytest.raises(errors.EngineError) as caught:
        raise errors.EngineError("Expected X. Received: Y")
    assert errors.describe_error(caught.value) == "EngineError: Expected X. Received: Y"


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
