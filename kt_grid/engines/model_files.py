"""What a model's file may name: parts of Keras that models consist of, and registered ones.

Keras below 3.9 imports whatever module a file names and calls its functions, in safe mode too, and
later versions still offer functions of Keras's own that read and write files. So the parts that a
file names are looked at here before Keras makes them, by the same rule in every version.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from kt_grid.errors import PredictionError

# Modules of Keras, and of `keras.src`, whose classes models consist of; and those whose functions.
# Of the first ones a file may give the name alone.
_NAMED = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")
_FUNCTIONS = (*_NAMED, "ops", "random")
_CLASSES = (*_FUNCTIONS, "dtype_policies", "layers", "models", "optimizers", "quantizers")
# They hold programs of other packages.
_FOREIGN_LAYERS = ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")
# They make parts of what they are given.
_MAKERS = ("deserialize", "get")


def check_parts(file: Path) -> None:
    """Refuse a model's file that names a part which is neither Keras's nor registered.

    Args:
        file: What `keras.Model.save` wrote, as `.keras`.

    Raises:
        PredictionError: If there is such a part, or the file isn't a model's.
    """
    try:
        config = json.loads(_member(file, "config.json"))
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise PredictionError(
            f"Expected {file} to hold a model as Keras saves it. Received: {error}"
        ) from error
    for part in _parts(config):
        if not _is_known(part):
            name = part["config"] if part["class_name"] == "function" else part["class_name"]
            raise PredictionError(
                f"Expected {file} to name parts that Keras has or that are registered. Received: "
                f"{str(name)[:100]!r} of {str(part['module'])[:100]!r}. If it is yours, put "
                "@keras.saving.register_keras_serializable() before its definition, and import "
                "that first"
            )


def saved_by(file: Path) -> str:
    """Return the version of Keras that a model's file says it was saved by, or nothing."""
    try:
        return str(json.loads(_member(file, "metadata.json"))["keras_version"])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return ""


def _member(file: Path, name: str) -> bytes:
    with zipfile.ZipFile(file) as archive:
        return archive.read(name)


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """All that Keras makes by the name of a class or function and of its module."""
    left = [config]
    while left:
        entry = left.pop()
        if isinstance(entry, dict):
            if "class_name" in entry and "config" in entry and entry.get("module") is not None:
                yield entry
            left.extend(entry.values())
        elif isinstance(entry, list):
            left.extend(entry)


def _is_known(part: dict[str, Any]) -> bool:
    kind, module, is_function = part["class_name"], part["module"], part["class_name"] == "function"
    name = part["config"] if is_function else kind
    registered = name if is_function else part.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str):
        return False
    if isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None:
        return True
    if module == "builtins":
        # A function by its name alone, or a tensor, slice, lambda, …, which Keras knows by theirs.
        return _is_builtin(name) if is_function else kind.startswith("__")
    home = re.fullmatch(r"keras(?:\.src)?(?:\.(\w+)(?:\.\w+)*)?", module)
    if home is None:
        return False
    if is_function:
        return home[1] in _FUNCTIONS and name not in _MAKERS
    is_class = name[:1].isupper() and name not in _FOREIGN_LAYERS
    return is_class and (module == "keras" or home[1] in _CLASSES)


def _is_builtin(name: str) -> bool:
    homes = (getattr(keras, home) for home in _NAMED)
    is_own = name in _MAKERS or name.startswith("_")
    return not is_own and any(hasattr(home, name) for home in homes)
