"""The searches that a directory holds: found by name or path, described, completed by a shell."""

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kt_grid.cli.live import is_running
from kt_grid.errors import KtGridError, StoreError, UsageError, printable
from kt_grid.plan.experiments import REGISTRY, load_experiment
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import SearchResults, read_results

ALL = "all"


@dataclass(frozen=True)
class Summary:
    """A search in a line.

    Attributes:
        search: Its name.
        state: `complete`, `unfinished`, `running`, or what is wrong with it.
        best: The best mean and the metric.
        trials: Trials that are finished, of all.
        folds: Trainings per trial.
        size: Its size on disk.
        changed: When it was last written to.
    """

    search: str
    state: str
    best: str
    trials: str
    folds: str
    size: str
    changed: str


def find_store(directory: Path, word: str) -> SearchStore:
    """Find a search.

    Args:
        directory: Where searches are kept.
        word: Its name in `directory`, a path to it, or the file or module that it came from.

    Returns:
        Its store.

    Raises:
        StoreError: If there is none, with the names of those that are there.
        ExperimentError: If the word names a file or module that can't be loaded.
    """
    if _is_path(word):
        path = Path(word).resolve()
        return _existing(SearchStore(path.parent, path.name), word)
    module, _, attribute = word.partition(":")
    name = Path(module).stem if module.endswith(".py") else attribute or module
    store = SearchStore(directory, name)
    if not _is_begun(store) and name != word:
        store = SearchStore(directory, load_experiment(word).name)
    return _existing(store, word)


def find_stores(directory: Path, words: list[str]) -> list[SearchStore]:
    """Find several searches.

    Args:
        directory: Where searches are kept.
        words: As `find_store` takes them; `all` alone stands for every search of the directory.

    Returns:
        Their stores.

    Raises:
        StoreError: As `find_store`.
        UsageError: If there are none at all.
    """
    if words != [ALL]:
        return [find_store(directory, word) for word in words]
    names = search_names(directory)
    if not names:
        raise UsageError(f"Expected a search in {directory}. Received: none. Run one first")
    return [SearchStore(directory, name) for name in names]


def search_names(directory: Path) -> list[str]:
    """List the searches of a directory: kt-grid's own experiments first, then by name."""
    try:
        found = [path.parent.name for path in directory.glob("*/search.json")]
    except OSError:
        return []
    order = {name: number for number, name in enumerate(REGISTRY)}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def summaries(directory: Path) -> Iterator[Summary]:
    """Describe the searches of a directory.

    Args:
        directory: Where searches are kept.

    Yields:
        One summary each, of searches that can't be read too.
    """
    for name in search_names(directory):
        yield summarise(SearchStore(directory, name))


def summarise(store: SearchStore) -> Summary:
    """Describe a search."""
    files = [path for path in store.root.rglob("*") if path.is_file() and not path.is_symlink()]
    stats = [path.stat() for path in files]
    changed = datetime.fromtimestamp(max(stat.st_mtime for stat in stats)).astimezone()
    state, best, trials, folds = _results(store)
    return Summary(
        search=store.root.name,
        state=state,
        best=best,
        trials=trials,
        folds=folds,
        size=_megabytes(sum(stat.st_size for stat in stats)),
        changed=changed.strftime("%Y-%m-%d %H:%M"),
    )


def _results(store: SearchStore) -> tuple[str, str, str, str]:
    """State, best mean, trials and folds, as far as the directory can be read."""
    try:
        results = read_results(store)
    except KtGridError:
        return "damaged", "", "", ""
    best = results.best
    named = f"{results.objective.name}={best.mean:.4f}" if best else ""
    repeated = f"{results.repeats}x" if results.has_repeats else ""
    folds = f"{repeated}{results.folds if repeated else results.splits}"
    return _state(store, results), named, f"{results.finished}/{results.total}", folds


def _state(store: SearchStore, results: SearchResults) -> str:
    if is_running(store):
        return "running"
    if results.damage:
        return "damaged"
    return "complete" if results.complete else "unfinished"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _is_path(word: str) -> bool:
    """Whether a word is a path to a search, rather than a name, a file or a module."""
    file = word.partition(":")[0].endswith(".py")
    return not file and (os.sep in word or bool(os.altsep and os.altsep in word) or word == ".")


def _is_begun(store: SearchStore) -> bool:
    return store.exists() or bool(store.trial_ids())


def _existing(store: SearchStore, word: str) -> SearchStore:
    """Refuse a search that isn't there, and name those that are."""
    if _is_begun(store):
        return store
    directory = store.root.parent
    names = search_names(directory)
    near = difflib.get_close_matches(store.root.name, names, n=1)
    if near:
        mend = f"Did you mean {near[0]!r}?"
    elif names:
        mend = f"There are {', '.join(map(printable, names))}"
    else:
        mend = "Run it first, or name another --directory"
    raise StoreError(f"Expected a search named {word!r} in {directory}. Received: none. {mend}")
