"""Which modules are the user's own, and the files that a search depends on through them.

Own is what isn't installed: the user's file, the modules beside it, and whatever of that kind
these import, at the top of a file or within a function. Imports are found in the text, so that no
module is run for it and one that only some branch of a `build` imports is known too.
"""

import ast
import functools
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import kt_grid

_MAIN = "__main__"
_SCHEMES = ("stdlib", "platstdlib", "platlib", "purelib")
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_IMPORTING = frozenset(("import_module", "__import__"))


@dataclass(frozen=True)
class Source:
    """A module of the user's own, whether it has been imported or not.

    Attributes:
        name: What it is imported by.
        path: Its file; None for a folder without an `__init__.py`.
        package: Whether it holds other modules.
    """

    name: str
    path: Path | None
    package: bool = False


def own_modules(objects: Iterable[Any]) -> list[ModuleType]:
    """List the imported modules that things are defined in and those in folders with them.

    Args:
        objects: Functions, classes, partials, or objects with such in their attributes.

    Returns:
        Modules that aren't installed, without the script that was started.
    """
    folders = {_folder(home) for home in _homes(objects)}
    own = {folder for folder in folders if folder and not is_installed(folder)}
    # A module that mustn't be imported is None.
    known = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    return [module for module in known if own and _lies_in(module, own)]


def own_sources(objects: Iterable[Any]) -> dict[str, Source]:
    """Find the user's own modules that things are defined in, and all that these may import.

    Args:
        objects: As for `own_modules`.

    Returns:
        Modules by name, those included that no import has come to yet.
    """
    objects = list(objects)
    homes = [*_homes(objects), *own_modules(objects)]
    sources = [source for home in homes if (source := _as_source(home))]
    return _with_imports(sources, [str(s.path.parent) for s in sources if s.path])


def file_sources(path: Path) -> dict[str, Source]:
    """Find the modules of the user's own that running a file may import, the file among them.

    Args:
        path: A Python file.

    Returns:
        Modules by name.
    """
    path = path.resolve()
    return _with_imports([Source(path.stem, path)], [str(path.parent)])


def imported_sources(names: Iterable[str], folder: Path) -> dict[str, Source]:
    """Find the user's own modules that imports run, and all that these may import.

    Args:
        names: Full names of modules, or of things in them.
        folder: Where the importing file is.

    Returns:
        Modules by name; none for what is installed or can't be found.
    """
    folders = [str(folder)]
    return _with_imports([s for name in names for s in _resolve(name, folders)], folders)


def _with_imports(ahead: list[Source], folders: list[str]) -> dict[str, Source]:
    """Some modules, and all that they may import."""
    folders = [*dict.fromkeys(folders)]
    found: dict[str, Source] = {}
    while ahead:
        source = ahead.pop()
        if source.name not in found:
            found[source.name] = source
            ahead += [s for name in imported_names(source) for s in _resolve(name, folders)]
    return found


def is_own(name: str, file: str | None) -> bool:
    """Tell whether a module is the user's own.

    Args:
        name: Its name.
        file: Its file, if it has one.
    """
    if name.partition(".")[0] in sys.stdlib_module_names and name != _MAIN:
        return False
    return file is None or not is_installed(_real(Path(file).parent))


@cache
def is_installed(folder: Path) -> bool:
    """Tell whether a folder belongs to Python or an installed package; kt-grid's own always does.

    Args:
        folder: An absolute path without links.
    """
    paths = {Path(sysconfig.get_path(name)).resolve() for name in _SCHEMES}
    within = paths | {Path(kt_grid.__file__).resolve().parent}
    return not (
        within.isdisjoint({folder, *folder.parents}) and _INSTALLED.isdisjoint(folder.parts)
    )


def _homes(objects: Iterable[Any]) -> list[ModuleType]:
    """The modules in which things are defined, and what they are made of one step further."""
    names = [getattr(part, "__module__", None) for each in objects for part in _parts(each)]
    known = [sys.modules.get(name) for name in dict.fromkeys(names) if isinstance(name, str)]
    return [module for module in known if isinstance(module, ModuleType)]


def _parts(thing: Any, depth: int = 3) -> Iterator[Any]:
    """The functions and classes that something is made of."""
    if isinstance(thing, functools.partial):
        held = [thing.func, *thing.args, *thing.keywords.values()]
    elif isinstance(thing, MethodType):
        held = [thing.__func__, thing.__self__]
    elif isinstance(thing, FunctionType):
        yield thing
        held = [getattr(thing, "__wrapped__", None)]
    elif isinstance(thing, type):
        yield from thing.__mro__
        return
    else:
        yield from type(thing).__mro__
        held = list(getattr(thing, "__dict__", {}).values())
    for each in held if depth else ():
        yield from _parts(each, depth - 1)


def _lies_in(module: ModuleType, folders: set[Path]) -> bool:
    folder = None if module.__name__ == _MAIN else _folder(module)
    if folder is None or folders.isdisjoint({folder, *folder.parents}):
        return False
    return not is_installed(folder)


def _folder(module: ModuleType) -> Path | None:
    """Where a module's file is, if it has one."""
    file = getattr(module, "__file__", None)
    return _real(Path(file).parent) if file else None


@cache
def _real(folder: Path) -> Path:
    return folder.resolve()


def _as_source(module: ModuleType) -> Source | None:
    file = getattr(module, "__file__", None)
    if not file or not is_own(module.__name__, file):
        return None
    return Source(module.__name__, Path(file).resolve(), hasattr(module, "__path__"))


def imported_names(source: Source) -> Iterator[str]:
    """Full names of all that a module may import, wherever in its text it does."""
    tree = _parse(source.path)
    package = source.name if source.package else source.name.rpartition(".")[0]
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join(
                [*(home if node.level else []), *([node.module] if node.module else [])]
            )
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in _IMPORTING:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


def _parse(path: Path | None) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes()) if path and path.suffix == ".py" else None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _resolve(name: str, folders: list[str]) -> list[Source]:
    """The own modules that the import of a name would run: it and the packages it is in."""
    found = []
    paths = [*sys.path, *folders]
    words = name.split(".")
    for end in range(1, len(words) + 1):
        source, paths = _find(".".join(words[:end]), paths)
        if source is None:
            break
        found.append(source)
    return found


def _find(name: str, paths: list[str]) -> tuple[Source | None, list[str]]:
    """One module, and where the modules in it are."""
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__file__", None):
        return _as_source(module), [*getattr(module, "__path__", [])]
    if not name or name.partition(".")[0] in sys.stdlib_module_names:
        return None, []
    try:
        spec = PathFinder.find_spec(name, paths)
    except (ImportError, KeyError, ValueError):
        # Such as a folder within a package that hasn't been imported.
        spec = None
    if spec is None:
        return None, []
    inside = spec.submodule_search_locations
    if inside is not None and not spec.has_location:
        own = all(not is_installed(_real(Path(path))) for path in inside)
        return Source(name, None, package=True) if own else None, [*inside]
    if not spec.origin or not spec.has_location or not is_own(name, spec.origin):
        return None, []
    return Source(name, Path(spec.origin).resolve(), inside is not None), [*(inside or [])]
