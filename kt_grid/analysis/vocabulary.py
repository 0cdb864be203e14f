"""How advice names what it asks for: as options of the command line, or as Python's arguments."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """The words of advice.

    Attributes:
        resume: How an unfinished search goes on.
        without: How it runs without an option, by the option's name.
        elsewhere: Where a search with other folds goes.
        more_folds: More folds of the same kind, by the splitter and the number; None for any.
        passes: Several passes of shuffled folds, by the kind of folds, folds and passes.
        more_passes: More passes than there were.
        contenders: That only contenders get the further ones.
        racing: A race, by its kind.
        zoom: A finer grid.
    """

    resume: str
    without: Callable[[str], str]
    elsewhere: str
    more_folds: Callable[[str, int | None], str]
    passes: Callable[[str, int, int], str]
    more_passes: Callable[[int], str]
    contenders: str
    racing: Callable[[str], str]
    zoom: str

    def __reduce__(self) -> str:
        """Pickled results refer to the constant below, whose functions can't be pickled."""
        return "PYTHON" if self is PYTHON else "COMMAND_LINE"


def _splitter(cv: str, folds: int | None) -> str:
    """The same splitter with more folds, where nothing else is known to matter."""
    name, _, rest = cv.partition("(")
    if folds is None or not name.isidentifier() or not rest.removesuffix(")").isdecimal():
        return "more folds (cv)" if folds is None else f"{folds} folds (cv)"
    return f"cv=kt_grid.{name}({folds})"


COMMAND_LINE = Vocabulary(
    resume="run the same command to resume",
    without=lambda option: f"run the same command without --{option}",
    elsewhere="in another --directory",
    more_folds=lambda _, folds: "more --folds" if folds is None else f"--folds {folds}",
    passes=lambda kind, _, passes: f"--cv shuffled-{kind.lower()} --repeats {passes}",
    more_passes=lambda passes: f"--repeats {passes}",
    contenders=" --only contenders",
    racing=lambda kind: f"--racing {kind}",
    zoom="--zoom",
)
PYTHON = Vocabulary(
    resume="call search again to resume",
    without=lambda option: f"search without {option}",
    elsewhere="in another directory",
    more_folds=_splitter,
    passes=lambda kind, folds, passes: (
        f"cv=kt_grid.Repeated(kt_grid.{kind.replace('-', '')}({folds}, shuffle=True), {passes})"
    ),
    more_passes=lambda passes: f"{passes} passes (cv=kt_grid.Repeated(…, {passes}))",
    contenders=' and only="contenders"',
    racing=lambda kind: f'racing="{kind}"',
    zoom="a finer grid",
)
