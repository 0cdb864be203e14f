"""Whatever way a training is decided by, a change of it shows; what decides nothing doesn't."""

import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kt_grid.data.code_digest import CodeDigest, code_digest, explain

HELPERS = """
import numpy as np
RATE = 0.1
def made(units):
    return ["dense", units, RATE]
def unused():
    return 1
"""
FILE = '''
"""A user's file."""
import collections, dataclasses, enum, functools, types
from pathlib import Path
import keras
import numpy as np
import helpers
from helpers import made as made_there

SPACE = types.SimpleNamespace(units=3)
SINGLE = np.float32(0.5)
TABLE = np.arange(4)
PENALTY = keras.regularizers.L2(0.25)
NAMES = {"a", "b", "c"}
PLACE = Path("weights/one.h5")
BY_NAME = {"act": lambda x: x + 1}
NESTED = [("deep", {"er": [1.5]})]
POINT = collections.namedtuple("Point", "x y")(1, 2)
HISTORY = []

@dataclasses.dataclass
class Config:
    units: int = 4
    rate: float = 0.5
    names: list = dataclasses.field(default_factory=lambda: [7])

CONFIG = Config()

class Kind(enum.Enum):
    SMALL = 2

class Base:
    depth = 3
    def width(self):
        return 11

class Slotted:
    __slots__ = ("held",)
    def __init__(self):
        self.held = 21

SLOTTED = Slotted()
ITSELF = [1]
ITSELF.append(ITSELF)

def scaled(factor):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            return factor * function(*args)
        return inner
    return decorate

@scaled(5)
def decorated(x):
    return x + 31

@functools.lru_cache
def cached(x):
    return x + 41

def adder(amount):
    return lambda x: x + amount

ADD = adder(6)

def default(units=8, *, rate=9):
    return units * rate

def guarded(x):
    try:
        x.first()
    except ValueError:
        x.second()
    return x

class Model(Base):
    """A model."""
    act = staticmethod(len)
    def __init__(self):
        self.callback = functools.partial(max, Config(units=12))
        self.shape = np.array([13])
        self.size = 14
    @property
    def double(self):
        return 15
    def build(self, hp):
        return self.width() + SPACE.units

def scope(hp):
    import lazily
    from helpers import made as late
    return lazily.thing(), late(1)

def build(hp):
    """Build it."""
    # A comment.
    first = hp.Int("units", 1, 16)
    return [
        first, SPACE, SINGLE, TABLE, PENALTY, NAMES, PLACE, BY_NAME, NESTED, POINT, HISTORY,
        CONFIG, Kind.SMALL, SLOTTED, ITSELF, decorated, cached, ADD, default, guarded, Model,
        helpers.made(2), made_there(3), scope,
    ]
'''
LAZILY = "WIDTH = 3\n\ndef thing():\n    return WIDTH\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write the user's files with a change in one of them, and load them as a new process would."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(old="", new="", file="users_file"):
        texts = {"users_file": FILE, "helpers": HELPERS, "lazily": LAZILY}
        assert old in texts[file]
        texts[file] = texts[file].replace(old, new, 1) if old else texts[file]
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)
        for cache in tmp_path.rglob("*.pyc"):
            cache.unlink()
        importlib.invalidate_caches()
        return importlib.import_module("users_file")

    return load


def of(module, name="build"):
    return code_digest({"model": getattr(module, name)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("units=3", "units=4", id="SimpleNamespace"),
        pytest.param("float32(0.5)", "float32(0.75)", id="numpy scalar"),
        pytest.param("np.float32", "np.float64", id="numpy type"),
        pytest.param("arange(4)", "arange(4)[::-1]", id="numpy array"),
        pytest.param("L2(0.25)", "L2(0.5)", id="regularizer"),
        pytest.param("regularizers.L2", "regularizers.L1", id="kind of regularizer"),
        pytest.param('"b", "c"}', '"b", "d"}', id="set"),
        pytest.param("one.h5", "two.h5", id="Path"),
        pytest.param("x + 1}", "x + 2}", id="dict holding a function"),
        pytest.param("[1.5]", "[1.25]", id="nested containers"),
        pytest.param("(1, 2)", "(1, 3)", id="namedtuple"),
        pytest.param("units: int = 4", "units: int = 5", id="dataclass"),
        pytest.param("lambda: [7]", "lambda: [8]", id="dataclass factory"),
        pytest.param("SMALL = 2", "SMALL = 3", id="enum"),
        pytest.param("depth = 3", "depth = 4", id="class attribute of a base"),
        pytest.param("return 11", "return 12", id="method of a base"),
        pytest.param("held = 21", "held = 22", id="slot"),
        pytest.param("ITSELF = [1]", "ITSELF = [2]", id="list in itself"),
        pytest.param("@scaled(5)", "@scaled(6)", id="decorator argument"),
        pytest.param("factor * function", "factor + function", id="decorator"),
        pytest.param("x + 31", "x + 32", id="decorated function"),
        pytest.param("x + 41", "x + 42", id="function behind a cache"),
        pytest.param("adder(6)", "adder(7)", id="closure"),
        pytest.param("units=8", "units=9", id="default"),
        pytest.param("rate=9", "rate=8", id="keyword default"),
        pytest.param("        x.second()\n", "        pass\n    x.second()\n", id="handler"),
        pytest.param("staticmethod(len)", "staticmethod(max)", id="static method"),
        pytest.param("return 15", "return 16", id="property"),
        pytest.param("1, 16)", "1, 17)", id="constant"),
        pytest.param("hp.Int(", "hp.Float(", id="name"),
        pytest.param("helpers.made(2)", "helpers.unused(2)", id="another helper"),
    ],
)
def test_a_change_shows(load, old, new):
    before, after = of(load()), of(load(old, new))
    assert before.certain, before.doubts
    assert before.digest != after.digest
    assert explain(before.parts, after.parts).startswith("users_file.py has changed: ")


@pytest.mark.parametrize(
    ("old", "new", "file", "told"),
    [
        pytest.param(
            "0.1", "0.2", "helpers", "helpers.py has changed: RATE", id="global"
        ),
        pytest.param(
            "units, RATE", "RATE", "helpers",
            "helpers.py has changed: function made()", id="function",
        ),
        pytest.param("WIDTH = 3", "WIDTH = 4", "lazily", "lazily.py has changed", id="in build"),
        pytest.param(
            "return 11", "return 12", "users_file",
            "users_file.py has changed: function Base.width()", id="method",
        ),
    ],
)  # fmt: skip
def test_a_change_is_named(load, old, new, file, told):
    before, after = of(load()), of(load(old, new, file))
    assert before.digest != after.digest
    assert explain(before.parts, after.parts) == told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param('"""Build it."""', '"""Build\n    them all."""', id="docstring"),
        pytest.param('    """Build it."""\n', "", id="no docstring"),
        pytest.param('"""A model."""', '"""Another text."""', id="docstring of a class"),
        pytest.param("# A comment.", "#\n\n\n    # More of it.\n", id="comment"),
        pytest.param("def build(hp):", "\n\n\ndef build(hp: int) -> list:", id="annotations"),
        pytest.param("    first = ", "    pass\n    first = ", id="pass"),
        pytest.param("HISTORY = []", "HISTORY = []\nUNUSED = 3", id="unused global"),
    ],
)
def test_what_decides_nothing_does_not_show(load, old, new):
    before, after = of(load()), of(load(old, new))
    assert before == after
    assert explain(before.parts, after.parts) == ""


def test_names_of_local_variables_do_not_show(load):
    before = of(load())
    after = of(load('first = hp.Int("units", 1, 16)\n    return [\n        first',
                    'second = hp.Int("units", 1, 16)\n    return [\n        second'))  # fmt: skip
    assert before == after


def test_what_is_given_to_a_model_class_shows(load):
    def digests(*change):
        return code_digest({"model": load(*change).Model()}).digest

    changes = [
        ("units=12", "units=13"),
        ("array([13])", "array([14])"),
        ("size = 14", "size = 15"),
        ("max, Config", "min, Config"),
    ]
    assert len({digests(), digests(), *(digests(*change) for change in changes)}) == 5


class _Logged(keras.callbacks.Callback):
    def __init__(self, act):
        super().__init__()
        self.act = act


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda n: functools.partial(sorted, key=SimpleNamespace(n=n)), id="partial"),
        pytest.param(lambda n: _Logged(functools.partial(np.full, n)), id="callback's partial"),
        pytest.param(lambda n: _Logged(lambda: n), id="callback's function"),
        pytest.param(lambda n: keras.callbacks.EarlyStopping(patience=n), id="callback"),
        pytest.param(lambda n: _Logged(n).on_epoch_end, id="bound method"),
        pytest.param(lambda n: keras.optimizers.schedules.CosineDecay(0.1, n), id="schedule"),
        pytest.param(lambda n: keras.optimizers.SGD(n / 10), id="optimizer"),
        pytest.param(lambda n: keras.layers.Dense(n), id="layer"),
        pytest.param(lambda n: keras.initializers.RandomNormal(stddev=n), id="initializer"),
        pytest.param(lambda n: {frozenset({(n, "a"), (1, "b")}): range(n)}, id="frozenset"),
        pytest.param(lambda n: type("Float", (float,), {})(n), id="subclass of float"),
        pytest.param(lambda n: np.array([(n, "a")], "i4,U3"), id="structured array"),
    ],
)
def test_objects_are_told_apart_by_what_they_hold(make):
    one, same, other = (code_digest({"it": make(n)}) for n in (1, 1, 2))
    assert one.digest == same.digest != other.digest
    assert one.certain, one.doubts


def test_weights_of_layers_show():
    def digest(value):
        layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))
        layer.build((None, 2))
        return code_digest({"it": layer}).digest

    assert digest(1) == digest(1) != digest(2)


def _reads_a_file(hp):
    return Path("settings.json").read_text()


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(np.random.RandomState(3), id="random state"),
        pytest.param(np.random.default_rng(3), id="generator"),
        pytest.param(_reads_a_file, id="file"),
        pytest.param(list(range(400_000)), id="too large"),
        pytest.param(iter([1]), id="iterator"),
        pytest.param(functools.reduce(lambda a, _: (a,), range(10**5), ()), id="too deep"),
    ],
)
def test_what_cannot_be_read_whole_is_not_certain(thing):
    found = code_digest({"it": SimpleNamespace(thing=thing)})
    assert not found.certain
    assert found.doubts


def test_nothing_foreign_is_run():
    class Hostile:
        def _fail(self, *args):
            raise AssertionError("run")

        __repr__ = __eq__ = __hash__ = __len__ = __iter__ = __str__ = _fail
        __class__ = property(_fail)
        value = property(_fail)

        def __getattribute__(self, name):
            raise AssertionError("run")

    class Listed(list):
        def __iter__(self):
            raise AssertionError("run")

    assert code_digest({"it": [Hostile(), Listed([1])]}).certain


def test_it_can_be_written_down():
    found = code_digest({"it": _Logged(3)})
    assert CodeDigest(**json.loads(json.dumps(found.to_json()))).digest == found.digest


def test_parts_are_not_more_than_can_be_kept():
    one = code_digest({f"it {number}": number for number in range(500)})
    other = code_digest({f"it {number}": number + (number == 499) for number in range(500)})
    assert len(one.parts) == 200
    assert one.digest != other.digest
    assert explain(one.parts, other.parts)


def test_every_process_finds_the_same(load, tmp_path):
    here = of(load()).digest
    code = """
import users_file
from kt_grid.data.code_digest import code_digest
users_file.keras.layers.Dense(3)
print(code_digest({"model": users_file.build}).digest)
"""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == here, done.stderr
