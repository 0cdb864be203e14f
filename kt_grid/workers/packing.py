"""How the user's own code reaches workers that lack its files: by its code, not by its name."""

import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

import kt_grid


@contextmanager
def sent_whole(modules: list[ModuleType]) -> Iterator[None]:
    """Send what is defined in some modules by its code, since workers can't import them."""
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def parts_of(thing: Any) -> list[Any]:
    """An object's class, and the functions that it holds."""
    held = (getattr(value, "func", value) for value in vars(thing).values())
    return [type(thing), *(value for value in held if isinstance(value, FunctionType))]


def own_modules(parts: Iterable[Any]) -> list[ModuleType]:
    """The modules that things are defined in and those beside them, unless they are installed."""
    homes = [sys.modules.get(getattr(part, "__module__", "")) for part in parts]
    folders = {_folder(home) for home in homes if home} - {None}
    own = {folder for folder in folders if folder and not _is_installed(folder)}
    # A module that mustn't be imported is None.
    known = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    return [module for module in known if own and _lies_in(module, own)]


def _lies_in(module: ModuleType, folders: set[Path]) -> bool:
    folder = None if module.__name__ == "__main__" else _folder(module)
    if folder is None or folders.isdisjoint({folder, *folder.parents}):
        return False
    return not _is_installed(folder)


def _folder(module: ModuleType) -> Path | None:
    """Where a module's file is, if it has one."""
    file = getattr(module, "__file__", None)
    return _resolve(Path(file).parent) if file else None


@cache
def _resolve(folder: Path) -> Path:
    return folder.resolve()


@cache
def _is_installed(folder: Path) -> bool:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")}
    within = {Path(place).resolve() for place in places} | {Path(kt_grid.__file__).resolve().parent}
    return not within.isdisjoint({folder, *folder.parents})
