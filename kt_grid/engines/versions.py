"""What differs between the versions of TensorFlow and Keras that kt-grid runs with.

kt-grid is tried with TensorFlow 2.18 to 2.21 and Keras 3.8 to 3.15. What of them behaves in
another way in some of these versions is handled here, and nowhere else.
"""

from collections.abc import Iterator
from importlib.metadata import version

# The newest minor version of each that the tests have passed with.
NEWEST_TRIED = {"tensorflow": (2, 21), "keras": (3, 15)}
# From here on TensorFlow says nothing on stderr when it compiles its first program.
_COMPILES_SILENTLY = (2, 21)


def untried_versions() -> Iterator[str]:
    """Tell which packages are newer than any version that was tried.

    Yields:
        A note for each.
    """
    for package, newest in NEWEST_TRIED.items():
        installed = version(package)
        if _minor(installed) > newest:
            tried = ".".join(map(str, newest))
            yield (
                f"{package} {installed} is newer than {tried}, the newest that this version of "
                "kt-grid was tested with"
            )


def forget_generator() -> None:
    """Drop the generator that Keras draws by where it is given no seed.

    Below Keras 3.15 seeding leaves it as it was, so that a model would depend on those before it.
    Its name in Keras's global state is private, and only newer versions have a constant for it.
    """
    try:
        from keras.src.backend.common.global_state import set_global_attribute
    except ImportError:
        return
    set_global_attribute("global_seed_generator", None)


def compile_once() -> None:
    """Let TensorFlow write what it has to say when it compiles for the first time, if it does.

    Below TensorFlow 2.21 no setting keeps these lines away; whoever calls turns stderr away.
    """
    import tensorflow as tf

    if _minor(tf.__version__) < _COMPILES_SILENTLY:
        tf.function(lambda number: number + 1, jit_compile=True)(tf.constant(0))


def _minor(text: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(number) for number in text.split(".")[:2])
