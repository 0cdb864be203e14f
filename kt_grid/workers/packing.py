"""How the user's own code reaches workers that lack its files.

What is defined in the user's own modules is pickled by its code instead of its name. That doesn't
help where a function imports such a module while it runs, so the modules' texts travel too, and a
worker imports them from there.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from kt_grid.data.own_modules import own_modules, own_sources


@dataclass(frozen=True)
class Text:
    """A module as it is sent.

    Attributes:
        content: The bytes of its file.
        path: Where that is at the sender's; empty for a folder without an `__init__.py`.
        package: Whether it holds other modules.
    """

    content: bytes
    path: str
    package: bool


def pack(value: Any, objects: Iterable[Any]) -> bytes:
    """Make bytes of something for a worker, with the user's own code in them.

    Args:
        value: What the worker gets.
        objects: What in it may be of the user's own making.

    Returns:
        What `unpack` reads.
    """
    objects = list(objects)
    with _by_value(own_modules(objects)):
        packed = cloudpickle.dumps(value)
    message: bytes = cloudpickle.dumps((_texts(objects), packed))
    return message


def unpack(message: bytes) -> Any:
    """Read in a worker what `pack` wrote, whose modules can be imported from then on.

    Args:
        message: The bytes; they come from the process that started the search.

    Returns:
        What was packed.
    """
    texts, packed = cloudpickle.loads(message)
    _provide(texts)
    return cloudpickle.loads(packed)


def _texts(objects: list[Any]) -> dict[str, Text]:
    found = {}
    for name, source in own_sources(objects).items():
        if source.path is None:
            found[name] = Text(b"", "", package=True)
        elif source.path.suffix == ".py" and name != "__main__":
            found[name] = Text(source.path.read_bytes(), str(source.path), source.package)
    return found


@contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    """Pickle what is defined in some modules by its code."""
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


class _Sent(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the modules that were sent; they come before files, which may be older here."""

    def __init__(self) -> None:
        self.texts: dict[str, Text] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> importlib.machinery.ModuleSpec | None:
        text = self.texts.get(fullname)
        if text is None:
            return None
        spec = importlib.util.spec_from_loader(
            fullname, self, origin=text.path or None, is_package=text.package
        )
        if spec is not None:
            spec.has_location = bool(text.path)
        return spec

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.texts[fullname].content)

    def is_package(self, fullname: str) -> bool:
        return self.texts[fullname].package


_sent = _Sent()


def _provide(texts: Mapping[str, Text]) -> None:
    """Let modules be imported from their texts, also where others of their names are known."""
    missing = {name: text for name, text in texts.items() if not _is_here(name, text)}
    for name, text in missing.items():
        if _sent.texts.get(name) != text:
            sys.modules.pop(name, None)
    _sent.texts.update(missing)
    if _sent.texts and _sent not in sys.meta_path:
        sys.meta_path.insert(0, _sent)


def _is_here(name: str, text: Text) -> bool:
    """Whether a module has been imported from a file that is the one sent."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None or getattr(module, "__loader__", None) is _sent or not file:
        return False
    try:
        return Path(file).read_bytes() == text.content
    except OSError:
        return False
