"""Live objects described by plain values, so that equal descriptions mean equal behaviour.

Described are functions by what their code does, with their defaults, their closures and the
globals that they read; classes by their members and bases; other objects by their attributes. What
belongs to installed packages is described by its name. None of it is run: no `repr`, no `==`, no
property, no `get_config` of anybody else's. Left out are addresses, lines, docstrings and the
numbers that Keras counts up in names.
"""

import builtins
import datetime
import decimal
import fractions
import functools
import hashlib
import inspect
import json
import operator
import pathlib
import re
import sys
import threading
import types
import uuid
import weakref
from collections import deque, namedtuple
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kt_grid.data.attributes import (
    GENERATORS,
    attributes_of,
    entries_of,
    is_bookkeeping,
    package_of,
    root_of,
    shows_all,
    snake_case,
)
from kt_grid.data.bytecode import read_code, text_digest
from kt_grid.data.own_modules import imported_sources, is_own

_PLAIN = (bool, int, float, str, type(None))
# Values whose `repr` is Python's or NumPy's own and says all.
_SHOWN = (
    *(complex, range, type(...), type(NotImplemented), uuid.UUID, decimal.Decimal),
    *(fractions.Fraction, datetime.date, datetime.time, datetime.datetime, datetime.timedelta),
    *(types.GenericAlias, types.UnionType),
)
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_BUILTIN = (
    *(types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.ClassMethodDescriptorType, *_DESCRIPTORS),
)
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
# They say nothing of what a program computes.
_SILENT = (
    *(weakref.ReferenceType, type(threading.Lock()), type(threading.RLock()), threading.local),
    *(inspect.Signature, weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet),
    type(vars(namedtuple("Single", "first"))["first"]),
)
# What a class keeps of how it is written; bookkeeping of `abc` and `dataclasses`, whose fields
# show in the methods made of them.
_OF_CLASSES = frozenset(
    (
        *("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"),
        # Python writes it into a class when one of its objects is first pickled.
        "__slotnames__",
        *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl"),
        *("__dataclass_fields__", "__dataclass_params__", "__orig_bases__", "__parameters__"),
        *("__annotate__", "__annotate_func__", "__annotations_cache__", "__classdictcell__"),
    )
)
_ADDRESS = re.compile(r"\d{9,}")
_LARGEST_ARRAY = 2**30
# Installed packages that don't count as the user's own even where a search is given one of theirs.
_LIBRARIES = frozenset(
    ("kt_grid", "keras", "keras_tuner", "tensorflow", "numpy", "pandas", "scipy", "sklearn")
)


class _TooLargeError(Exception):
    """There is more to describe than is worth the time."""


class Descriptions:
    """What was found to describe some objects.

    Attributes:
        parts: Descriptions by what they are of, such as `my_file.py: function helper()`.
        doubts: What couldn't be described whole.
        layers: Keras's layers that were met, each with what it was met in.
        states: Variables and random generators that were met, wherever they are kept.
    """

    def __init__(self, *, largest: int) -> None:
        """Begin without any.

        Args:
            largest: How many values are described at most.
        """
        self.parts: dict[str, Any] = {}
        self.doubts: dict[str, None] = {}
        self.layers: list[tuple[str, Any]] = []
        self.states: list[Any] = []
        self._left = largest
        self._packages: set[str] = set()
        self._keys: dict[int, str] = {}
        # Whatever is known by its address must live as long as this.
        self._kept: list[Any] = []
        self._ahead: deque[tuple[str, Any, bool]] = deque()

    def add(self, name: str, value: Any) -> None:
        """Describe a value, and all functions, classes and globals that it leads to.

        Args:
            name: What its part is called.
            value: Anything; if it is defined in an installed package that is no library, then
                that package counts as the user's own.
        """
        package = package_of(value)
        if package not in _LIBRARIES and package not in sys.stdlib_module_names:
            self._packages.add(package)
        self._ahead.append((name, value, False))
        while self._ahead:
            key, part, named = self._ahead.popleft()
            walk = _Walk(self)
            try:
                self.parts[key] = walk.describe(part, inside=named)
            except (_TooLargeError, RecursionError):
                self.doubt("more than can be looked at")
                self.parts[key] = "too large"
            self.layers += ((f"{key} {index}", layer) for index, layer in enumerate(walk.layers))
            self.states += walk.states

    def doubt(self, what: str) -> None:
        """Note what couldn't be described whole."""
        self.doubts[what] = None

    def count(self) -> None:
        """Count one more value."""
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError

    def owns(self, name: str, file: str | None) -> bool:
        """Tell whether a module is the user's own."""
        return name.partition(".")[0] in self._packages or is_own(name, file)

    def refer(self, value: Any, name: str, words: str, shared: Any = None) -> str:
        """Return the key of what has a part of its own, which is described later.

        Args:
            value: A function or a class.
            name: The module that it is defined in.
            words: What it is called there.
            shared: The function's code, if all functions made of it have one part.
        """
        subject = value if shared is None else shared
        key = self._keys.get(id(subject))
        if key is None:
            usual = key = f"{name}: {words}"
            number = 1
            while key in self.parts:
                number += 1
                key = f"{usual} ({number})"
            self._keys[id(subject)] = key
            self._kept.append(subject)
            self.parts[key] = None
            self._ahead.append((key, value, True))
        return key

    def refer_global(self, home: Mapping[str, Any], name: str) -> str:
        """Return the key of a global that is neither function nor class."""
        key = f"{label(home)}: {name}"
        if key not in self.parts:
            self.parts[key] = None
            self._ahead.append((key, home[name], False))
        return key


def label(home: Mapping[str, Any]) -> str:
    """Name a module by its file, whichever name it was imported by.

    Args:
        home: The module's globals.

    Returns:
        Such as `my_file.py` or `package/module.py`; `__main__` in a notebook.
    """
    name, file = str(home.get("__name__", "")), home.get("__file__")
    if not isinstance(file, str):
        return name
    path = Path(file)
    return "/".join(path.parts[-(name.count(".") + 1 + (path.name == "__init__.py")) :])


class _Walk:
    """One part described; objects that it leads to are numbered as they are met.

    The nearest ones come first, so that no depth is too much.
    """

    def __init__(self, found: Descriptions) -> None:
        self._found = found
        self._objects: list[Any] = []
        self._indices: dict[int, int] = {}
        self._names: dict[str, str] = {}
        self._ahead: deque[Any] = deque()
        self.layers: list[Any] = []
        self.states: list[Any] = []
        self._ways: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
            (tuple, self._tuple),
            ((np.ndarray, np.generic), self._array),
            (types.FunctionType, self._function),
            (type, self._reference),
            (types.ModuleType, self._module),
            (types.CodeType, lambda code: ["code", self._constants(read_code(code).described)]),
            (_BUILTIN, self._builtin),
            ((bytes, bytearray), lambda held: ["bytes", hashlib.sha256(held).hexdigest()]),
            (np.dtype, lambda dtype: ["dtype", str(dtype.descr)]),
            (pathlib.PurePath, self._path),
            (slice, lambda cut: ["slice", *map(self._value, (cut.start, cut.stop, cut.step))]),
            (re.Pattern, lambda pattern: ["pattern", pattern.pattern, pattern.flags]),
            (_GETTERS, lambda getter: ["getter", self._value(getter.__reduce__())]),
            (_SILENT, lambda held: ["of no consequence", type(held).__name__]),
        )

    def describe(self, value: Any, *, inside: bool) -> Any:
        """Describe a value; from inside, what it consists of rather than where it is described."""
        described = [self._inside(value) if inside else self._value(value)]
        while self._ahead:
            described.append(self._object(self._ahead.popleft()))
        return self._resolve(described)

    def _inside(self, value: Any) -> Any:
        if _is(value, type):
            return self._class(value)
        if _is(value, types.FunctionType):
            return [self._code(value), self._bound(value) if value.__closure__ is None else None]
        return self._value(value)

    def _number(self, value: Any) -> str:
        """Refer to an object, which is described later if it hasn't been met yet."""
        index = self._indices.get(id(value))
        if index is None:
            index = self._indices[id(value)] = len(self._objects)
            self._objects.append(value)
            self._ahead.append(value)
        return f"#{index}"

    def _value(self, value: Any) -> Any:
        """Describe what has no parts, or say where it is described."""
        self._found.count()
        kind = type(value)
        if kind in _PLAIN:
            return hex(value) if kind is int and abs(value) >= 2**63 else value
        if kind in _SHOWN:
            return [kind.__name__, repr(value)]
        for kinds, describe in self._ways:
            if issubclass(kind, kinds):
                return describe(value)
        return self._tensor(value)

    def _tuple(self, value: Any) -> Any:
        if type(value) is tuple:
            return ["tuple", *map(self._value, value)]
        if type(value).__name__ == "KerasHistory" and root_of(type(value)) == "keras":
            # The number of a use counts those by other models too; what it was called with is
            # private to Keras. Where Keras has it no more, the number has to do.
            layer, use, output = value
            uses = getattr(layer, "_inbound_nodes", ())
            called = uses[use] if use < len(uses) else use
            return ["output", self._value(layer), self._value(called), output]
        return self._number(value)

    def _path(self, value: Any) -> Any:
        standard = type(value).__module__.partition(".")[0] == "pathlib"
        return ["path", str(value)] if standard else self._number(value)

    def _tensor(self, value: Any) -> Any:
        """What is TensorFlow's; anything else is an object with parts."""
        tf = sys.modules.get("tensorflow")
        if tf is None or root_of(type(value)) != "tensorflow":
            return self._number(value)
        if _is(value, (list, dict, tuple)):
            return self._number(value)
        if type(value).__name__ in ("_DictWrapper", "_TupleWrapper"):
            return self._value(value.__wrapped__)
        if _is(value, tf.Variable):
            self.states.append(value)
        if _is(value, tf.Variable) or (tf.is_tensor(value) and hasattr(value, "numpy")):
            return self._array(value.numpy())
        if _is(value, tf.random.Generator):
            return ["generator", value.algorithm, self._tensor(value.state)]
        return self._of_tensorflow(value, tf)

    def _of_tensorflow(self, value: Any, tf: Any) -> Any:
        """What is TensorFlow's and holds no numbers."""
        if _is(value, (tf.DType, tf.TensorShape)):
            return [type(value).__name__, repr(value)]
        if hasattr(value, "python_function"):
            return ["tf.function", self._value(value.python_function)]
        if _is(value, tf.TensorSpec):
            return ["spec", self._value(value.shape), self._value(value.dtype)]
        if callable(getattr(value, "export", None)) and hasattr(value, "resource_handle"):
            return ["table", *map(self._array, entries_of(value))]
        if not _is(value, (tf.distribute.Strategy, tf.Tensor)):
            self._found.doubt(f"a {type(value).__name__} of TensorFlow's")
        return ["tensorflow", type(value).__name__]

    def _array(self, value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.hasobject:
            return ["array", array.dtype.str, list(array.shape), *map(self._value, array.flat)]
        if array.nbytes > _LARGEST_ARRAY:
            self._found.doubt(f"an array of {array.nbytes} bytes")
            array = array.ravel()[:1000]
        content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        kind = "array" if _is(value, np.ndarray) else "number"
        return [kind, str(array.dtype.descr), list(array.shape), content]

    def _builtin(self, value: Any) -> Any:
        """What isn't written in Python: its name, and the object whose method it is."""
        owner = getattr(value, "__self__", None)
        named = ["builtin", str(getattr(value, "__qualname__", value.__name__))]
        bound = owner is not None and not _is(owner, types.ModuleType)
        where = self._value(owner) if bound else str(getattr(value, "__module__", None))
        return [*named, where]

    def _module(self, module: types.ModuleType) -> Any:
        """A module as a whole: its name, or all that it holds if it is the user's own."""
        home = vars(module)
        if self._is_own(home):
            return [
                "module",
                *(self._global(home, name) for name in sorted(home) if name[:2] != "__"),
            ]
        return ["module", module.__name__]

    def _is_own(self, home: Mapping[str, Any]) -> bool:
        file = home.get("__file__")
        return self._found.owns(str(home.get("__name__")), file if isinstance(file, str) else None)

    def _function(self, function: Any) -> Any:
        """A function by its code's name, and what it was given where it was made."""
        home = function.__globals__
        if not self._is_own(home):
            named = ["function", f"{home.get('__name__')}.{function.__code__.co_qualname}"]
            given = function.__closure__ or vars(function)
            return [*named, self._number(function)] if given else named
        words = f"function {function.__code__.co_qualname}()"
        if function.__closure__ is None:
            return ["function", self._found.refer(function, label(home), words)]
        return self._number(function)

    def _bound(self, function: Any) -> Any:
        """What a function was given where it was made: defaults, closure, attributes."""
        cells = [self._cell(cell) for cell in function.__closure__ or ()]
        defaults = [self._value(each) for each in function.__defaults__ or ()]
        named = [[n, self._value(v)] for n, v in sorted((function.__kwdefaults__ or {}).items())]
        held = [[n, self._value(v)] for n, v in sorted(vars(function).items())]
        return [cells, defaults, named, held]

    def _cell(self, cell: types.CellType) -> Any:
        try:
            return self._value(cell.cell_contents)
        except ValueError:
            return "empty"

    def _code(self, function: Any) -> Any:
        """A function's code, and the globals that it reads."""
        home, read = function.__globals__, read_code(function.__code__)
        for word in sorted(read.beyond):
            self._found.doubt(f"{word} in {function.__code__.co_qualname}()")
        used = [
            [name, self._global(home, name, read.attributes if member else None)]
            for name, member in sorted(read.names.items())
        ]
        imported = [self._import(home, *each) for each in read.imports]
        return [self._constants(read.described), used, imported]

    def _constants(self, described: Any) -> Any:
        """A description of code with its constants described."""
        if isinstance(described, list):
            return [self._constants(each) for each in described]
        return self._value(described[1]) if isinstance(described, tuple) else described

    def _global(
        self, home: Mapping[str, Any], name: str, attributes: set[str] | None = None
    ) -> Any:
        """What a name means in a module; of another module, what some attributes mean."""
        self._found.count()
        if name not in home:
            return "builtin" if hasattr(builtins, name) else "missing"
        value = home[name]
        if _is(value, types.ModuleType):
            inside = vars(value)
            if attributes is None or not self._is_own(inside):
                return self._module(value) if value.__name__ != home.get("__name__") else "itself"
            left = attributes - {name}
            return [[each, self._global(inside, each, left)] for each in sorted(left & {*inside})]
        if _is(value, (types.FunctionType, type)) or type(value) in _BUILTIN:
            return self._value(value)
        return self._found.refer_global(home, name)

    def _import(
        self, home: Mapping[str, Any], name: str, taken: tuple[str, ...], level: int
    ) -> Any:
        """The files that an import within a function runs, as far as they are the user's own."""
        package = str(home.get("__package__") or "").split(".")
        above = package[: len(package) + 1 - level] if level else []
        full = ".".join([*above, *([name] if name else [])])
        file = home.get("__file__")
        folder = Path(file).parent.resolve() if isinstance(file, str) else Path.cwd()
        sources = imported_sources([full, *(f"{full}.{each}" for each in taken)], folder)
        top = sys.modules.get(full.partition(".")[0])
        if not sources and top is not None and self._is_own(vars(top)):
            return self._module(top)
        for each in sources.values():
            if each.path:
                words = "/".join(each.path.parts[-(each.name.count(".") + 1 + each.package) :])
                self._found.parts.setdefault(words, text_digest(each.path))
        return sorted(sources)

    def _reference(self, kind: Any) -> Any:
        """A class by its name, which for one of the user's own has a part."""
        if not self._owns_class(kind):
            # Keras makes the one a base of the other's subclasses when they are first used.
            name = "Model" if root_of(kind) == "keras" and kind.__name__ == "Functional" else None
            return ["class", f"{kind.__module__}.{kind.__qualname__}" if name is None else name]
        home = sys.modules.get(kind.__module__)
        name = label(vars(home)) if home else str(kind.__module__)
        return ["class", self._found.refer(kind, name, f"class {kind.__qualname__}")]

    def _owns_class(self, kind: Any) -> bool:
        module = sys.modules.get(kind.__module__)
        if module is None:
            return self._found.owns(str(kind.__module__), None)
        return self._is_own(vars(module))

    def _class(self, kind: Any) -> Any:
        members = [
            [name, self._member(value)]
            for name, value in sorted(vars(kind).items())
            if name not in _OF_CLASSES
        ]
        # A base that was left out for another one stands in its bases.
        bases = [self._reference(base) for base in kind.__bases__]
        return ["class", [b for b in bases if b != ["class", "builtins.object"]], members]

    def _member(self, value: Any) -> Any:
        if _is(value, (staticmethod, classmethod)):
            return [type(value).__name__, self._value(value.__func__)]
        if _is(value, property):
            return ["property", *map(self._value, (value.fget, value.fset, value.fdel))]
        return self._value(value)

    def _object(self, value: Any) -> Any:
        """Describe an object with parts."""
        if _is(value, types.FunctionType):
            return self._closure(value)
        if _is(value, types.MethodType):
            return ["method", self._value(value.__func__), self._value(value.__self__)]
        if _is(value, functools.partial):
            named = [[name, self._value(each)] for name, each in sorted(value.keywords.items())]
            return ["partial", self._value(value.func), self._value(value.args), named]
        if _is(value, (staticmethod, classmethod, property)):
            return self._member(value)
        keras = sys.modules.get("keras")
        if keras is not None and hasattr(keras, "Variable") and _is(value, keras.Variable):
            return self._variable(value)
        if keras is not None and hasattr(keras, "Layer") and _is(value, keras.Layer):
            self.layers.append(value)
        if _is(value, GENERATORS):
            self.states.append(value)
        held = [*self._content(value), *self._attributes(value)]
        if not shows_all(type(value)):  # type: ignore[arg-type] # a class is hashable
            self._found.doubt(f"a {type(value).__qualname__}")
        return ["object", self._reference(type(value)), *held]

    def _closure(self, function: Any) -> Any:
        """A function by its code, which those made in one place share, and what it was given."""
        home = function.__globals__
        if not self._is_own(home):
            return ["function", self._bound(function)]
        words = f"function {function.__code__.co_qualname}()"
        key = self._found.refer(function, label(home), words, function.__code__)
        return ["function", key, self._bound(function)]

    def _variable(self, variable: Any) -> Any:
        """A variable of Keras's: its value and how it is trained, whatever it is called."""
        held = vars(variable)
        known = held.get("_value") is not None
        if known:
            self.states.append(variable)
        if known and isinstance(uid := getattr(held["_value"], "_unique_id", None), str):
            # An optimizer refers by it to what it doesn't train in the usual way.
            self._names[uid] = f"variable#{self._indices[id(variable)]}"
        value = self._array(variable.numpy()) if known else "to be initialised"
        trained = [held.get(f"_{name}", held.get(name)) for name in ("trainable", "autocast")]
        rules = [held.get(f"_{name}", held.get(name)) for name in ("regularizer", "constraint")]
        return ["variable", value, *map(self._value, [*trained, *rules])]

    def _content(self, value: Any) -> Iterator[Any]:
        """What a container holds; subclasses hold it as their bases do."""
        if _is(value, dict):
            pairs = list(dict.items(value))
            yield ["dict", *([self._value(key), self._value(each)] for key, each in pairs)]
            if isinstance(factory := getattr(value, "default_factory", None), type):
                yield self._value(factory)
        elif _is(value, (list, tuple, deque)):
            items = next(k for k in (list, tuple, deque) if _is(value, k)).__iter__(value)
            yield ["list", *(self._value(each) for each in items)]
        elif _is(value, (set, frozenset)):
            yield self._set(value)
        elif _is(value, types.MappingProxyType):
            yield ["dict", *([self._value(k), self._value(v)] for k, v in value.items())]
        elif _is(value, (int, float, str, complex)):
            plain = next(k for k in (int, float, str, complex) if _is(value, k))
            yield ["plain", plain.__repr__(value)]

    def _set(self, value: Any) -> Any:
        kind = set if _is(value, set) else frozenset
        members = sorted(kind.__iter__(value), key=lambda each: type(each).__qualname__)
        described = [self._value(each) for each in members]
        if sum(isinstance(each, str) and each[:1] == "#" for each in described) > 1:
            self._found.doubt("a set of objects, which has no order")
        return {"set": described}

    def _attributes(self, value: Any) -> Iterator[Any]:
        kind, held = type(value), attributes_of(value)
        of_keras = any(root_of(base) == "keras" for base in kind.__mro__)
        if root_of(kind) in ("keras", "tensorflow") and _is(value, (list, dict, set, tuple)):
            return
        drawn = of_keras and "_init_seed" in held and held["_init_seed"] is None
        for name, each in sorted(held.items(), key=lambda item: str(item[0])):
            if of_keras and (is_bookkeeping(name, held) or (drawn and name == "seed")):
                continue
            if of_keras and name in ("name", "_name"):
                self._name(value, each)
            # A name of Keras's may read as an attribute's, which the dot tells apart.
            yield [f".{name}", self._value(each)]

    def _name(self, value: Any, name: Any) -> None:
        """Note a name that Keras has counted up; its place stands for it."""
        usual = re.escape(snake_case(type(value).__name__))
        # What wraps another layer puts a word before its name.
        if isinstance(name, str) and (found := re.fullmatch(rf"((?:\w+_)?{usual})(_\d+)?", name)):
            self._names.setdefault(name, f"{found[1]}#{self._indices[id(value)]}")

    def _resolve(self, value: Any) -> Any:
        """Say of which object it is where its address or a counted name stands for it."""
        if _is(value, list):
            return [self._resolve(each) for each in value]
        if _is(value, dict):
            return {"set": sorted((self._resolve(each) for each in value["set"]), key=_text)}
        if _is(value, str):
            if value in self._names:
                return self._names[value]
            if self._names:
                words = [self._names.get(word, word) for word in value.split("/")]
                value = "/".join(words)
            return _ADDRESS.sub(self._address, value)
        if _is(value, int) and value in self._indices:
            return f"#{self._indices[value]}"
        return value

    def _address(self, found: re.Match[str]) -> str:
        index = self._indices.get(int(found[0]))
        return found[0] if index is None else f"#{index}"


def _is(value: Any, kinds: Any) -> bool:
    """`isinstance` that doesn't ask the object itself, which may answer as it likes."""
    return issubclass(type(value), kinds)


def digest_text(described: Any) -> str:
    """Hash a description."""
    return hashlib.sha256(_text(described).encode()).hexdigest()[:32]


def _text(described: Any) -> str:
    return json.dumps(described, sort_keys=True)
