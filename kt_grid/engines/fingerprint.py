"""What a model is known by: all that decides its training, found in the model that was built.

Whichever way a build function came to it, two models have one fingerprint exactly if they consist
of equal parts, put together and shared alike, compiled alike, and begin with equal values.
"""

from typing import Any

import numpy as np

from kt_grid.data.description import Descriptions, digest_text

_LARGEST = 20_000_000


def fingerprint(model: Any) -> str:
    """Hash a model: its parts, Keras's and others, with their code, and its variables' values.

    Custom layers, losses, metrics, training steps and functions count by what they do, with their
    attributes, closures and the globals that they read. Names that Keras counts up, lines,
    comments and docstrings don't count.

    Args:
        model: A freshly built and compiled `keras.Model` that hasn't been trained, whose optimizer
            hasn't been built either.

    Returns:
        32 hexadecimal digits: the same for every build of one code under one seed, in any process
        of one version of Python, Keras and TensorFlow.
    """
    found = Descriptions(largest=_LARGEST)
    found.add("model", model)
    # A part of somebody else's may refer to variables where no attribute shows them.
    values = [np.asarray(variable) for variable in model.variables]
    found.add("values", values)
    return digest_text(found.parts)
