"""A finished search of a user's own file, answered without running the file.

To run the file takes TensorFlow, and seconds. So what a search was answered from is written down
beside it: the options, and digests of the user's file, of all modules of theirs that it imports,
and of the data. As long as they are what they were, so is the answer.

That holds only where a file can't depend on anything else, such as the environment, the clock,
chance, or another file that is read while it is imported. So a file counts only if it imports
packages whose versions are known, and names nothing of that kind anywhere. Everything else is
looked at again.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from kt_grid.data.bytecode import BEYOND
from kt_grid.data.own_modules import Source, file_sources, imported_names, is_own
from kt_grid.errors import KtGridError
from kt_grid.plan.options import Options, declared
from kt_grid.plan.plan import Plan, is_whole
from kt_grid.search.identity import package_versions
from kt_grid.space.files import SUFFIXES
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import file_digest, read_sealed
from kt_grid.store.layout import ANSWER, IDENTITY
from kt_grid.store.results import SearchResults, read_results

# They change nothing in an answer.
_IDLE = ("quiet", "workers", "scheduler", "share_gpus", "trial_timeout", "directory")
# What the versions in search.json are of, and modules of Python's that read nothing.
_KNOWN = frozenset(
    (
        *("keras", "keras_tuner", "kt_grid", "numpy", "tensorflow", "__future__", "abc", "cmath"),
        *("collections", "contextlib", "copy", "dataclasses", "decimal", "enum", "fractions"),
        *("functools", "itertools", "math", "numbers", "operator", "re", "statistics", "string"),
        *("textwrap", "types", "typing", "warnings"),
    )
)
# What gives a file access to more than its text.
_UNSURE = frozenset(
    (
        *BEYOND,
        *("__builtins__", "__dict__", "__import__", "applications", "datasets", "delattr"),
        *("hash", "id", "fromregex", "get_data", "get_file", "getattr", "gfile", "import_module"),
        *("io", "TextVectorization", "StringLookup", "IntegerLookup", "TextLineDataset"),
        *("TFRecordDataset", "FixedLengthRecordDataset", "CsvDataset", "make_csv_dataset"),
        *("list_logical_devices", "list_physical_devices", "memmap", "py_function", "random"),
        *("numpy_function", "setattr", "sysconfig", "timestamp"),
    )
)
_READING = ("read", "load", "open", "image_dataset", "text_dataset", "audio_dataset")
_GENERATED = "__autograph_generated_file"


@dataclass(frozen=True)
class Answer:
    """What a command line was answered.

    Attributes:
        results: The search's results.
        told: The line that says what was taken by default; empty if nothing was.
        notes: What was worth telling before training, a line each.
    """

    results: SearchResults
    told: str
    notes: tuple[str, ...]


def recall(word: str, options: Options) -> Answer | None:
    """Return what a command line was answered, if nothing that it depends on has changed.

    Args:
        word: The word that names the experiment.
        options: The options, with the grid in words only.

    Returns:
        The answer; None if it has to be worked out.
    """
    if not _is_recallable(word, options):
        return None
    path = _file(word)
    try:
        store = SearchStore(options.directory, options.name or path.stem)
        entry = read_sealed(store.root / ANSWER)
        if entry is None or entry.get("line") != _line(word, options):
            return None
        if entry.get("search") != file_digest(store.root / IDENTITY):
            return None
        if entry.get("files") != _files(path, options) or entry.get("around") != _around():
            return None
        results = read_results(store)
    except (KtGridError, OSError):
        return None
    told, notes = entry.get("told"), entry.get("notes")
    if not isinstance(told, str) or not isinstance(notes, list):
        return None
    if not is_whole(store, results, options):
        return None
    return Answer(results, told, tuple(map(str, notes)))


def remember(word: str, planned: Plan, told: str) -> None:
    """Write down what a command line was answered from, if that is known for sure.

    Args:
        word: The word that names the experiment.
        planned: The plan, whose search is finished.
        told: The line that says what was taken by default.
    """
    options, store = planned.options, planned.store
    if not _is_recallable(word, options) or planned.setup.code is None:
        return
    path = _file(word)
    # Somebody else may go on in the directory meanwhile.
    search = file_digest(store.root / IDENTITY)
    if not planned.is_answered(read_results(store)) or not _are_sure(file_sources(path)):
        return
    entry = {
        "line": _line(word, options),
        "search": search,
        "files": _files(path, options),
        "around": _around(),
        "told": told,
        "notes": list(planned.setup.notes),
    }
    present = read_sealed(store.root / ANSWER) or {}
    if {name: present.get(name) for name in entry} != entry:
        store.write_entry(store.root / ANSWER, entry)


def _is_recallable(word: str, options: Options) -> bool:
    """Whether a command line asks for the results of a file, and for nothing else."""
    other = options.overwrite or options.dry_run or options.zoom
    return _file(word).suffix == ".py" and not other


def _file(word: str) -> Path:
    return Path(word.rpartition(":")[0] if not word.endswith(".py") else word)


def _line(word: str, options: Options) -> dict[str, Any]:
    """The command line, as JSON values."""
    told = {name: getattr(options, name) for name in declared() if name not in _IDLE}
    plain = {name: value for name, value in told.items() if value is not None}
    named = word.rpartition(":")[2] if not word.endswith(".py") else ""
    return {"name": named, **{n: _plain(value) for n, value in plain.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value.resolve()) if isinstance(value, Path) else value


def _files(path: Path, options: Options) -> dict[str, Any]:
    """Digests of all files that the answer depends on, by what they are of."""
    sources = file_sources(path)
    modules = {name: _digest_of(source) for name, source in sorted(sources.items())}
    grids = [Path(word) for word in options.words if Path(word).suffix.lower() in SUFFIXES]
    given = [*grids, *([options.data] if options.data else [])]
    return {"modules": modules, "given": [[str(p.resolve()), file_digest(p)] for p in given]}


def _digest_of(source: Source) -> list[str | None]:
    return [str(source.path), file_digest(source.path) if source.path else None]


def _around() -> dict[str, Any]:
    """What of the environment numbers depend on."""
    named = {name: value for name, value in os.environ.items() if name.startswith("KERAS_")}
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return {
        "versions": dict(package_versions()),
        "keras": {"KERAS_BACKEND": "tensorflow", **named},
        "settings": file_digest(home / "keras.json"),
    }


def _are_sure(sources: Mapping[str, Source]) -> bool:
    """Whether nothing but the texts of some modules decides what they do."""
    own = {name.partition(".")[0] for name in sources}
    tops = {name.partition(".")[0] for s in sources.values() for name in imported_names(s)}
    texts = {source.path for source in sources.values()}
    loaded = {file for module in list(sys.modules.values()) if (file := _own_file(module))}
    return (
        tops <= own | _KNOWN
        and loaded <= texts
        and all(_is_sure(source.path) for source in sources.values() if source.path)
    )


def _own_file(module: ModuleType | None) -> Path | None:
    """The file of a module of the user's own that has been imported."""
    file = getattr(module, "__file__", None)
    if not isinstance(module, ModuleType) or not isinstance(file, str):
        return None
    if module.__name__ in ("__main__", "__mp_main__") or Path(file).name.startswith(_GENERATED):
        return None
    return Path(file).resolve() if is_own(module.__name__, file) else None


def _is_sure(path: Path) -> bool:
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return False
    names = {name for each in _codes(code) for name in each.co_names}
    return _UNSURE.isdisjoint(names) and not any(name.startswith(_READING) for name in names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
