"""Parts that several models share, as fresh for every model as they were for the first.

A function that builds models may use what was made once: outside of it, in default arguments, in
attributes, in a cache. What one fold learns would then be known to the next one, whose rows held
out it has been trained on. So all parts of every model are looked at when it is built. Of what can
change, the state is remembered when it is first met; what is met again, or was there before the
model was built, is shared, and gets that state back before the next model is built:

- Variables get their values back: weights, optimizer states, random states.
- Metrics are reset.
- An optimizer serves one model only, so each model gets one of the same configuration.
- So do variables and random generators that the user's code leads to beside any model, such as
  those that a loss function, a metric function or `build` itself uses.
- Objects of somebody's own classes get their numbers, texts, arrays and lists of these back.
- An initializer without a seed has drawn one when it was made. One that is shared draws another
  for every model, as one that `build` makes; and so do weights that it drew while a model was
  built. Weights that were there before are kept, since somebody may have trained or loaded them.

Where it is found out too late that something is shared, the model is built once more.
"""

import copy
import functools
import random
import re
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kt_grid.data.attributes import GENERATORS
from kt_grid.errors import EngineError

_MOST_BUILDS = 6
# Keras's notes on which layer was called with what lead to other models of a shared layer.
_NOTES = ("_inbound_nodes", "_outbound_nodes", "_nodes", "_track", "_auto_config", "_self_")
_OPAQUE = (
    *(bool, int, float, complex, str, bytes, type(None), type, ModuleType),
    *(FunctionType, BuiltinFunctionType, MethodType, np.ndarray, np.generic),
    *(tf.Tensor, tf.DType, tf.TensorShape, keras.KerasTensor),
)
_CHANGEABLE = (
    *(keras.Variable, tf.Variable, keras.random.SeedGenerator, keras.Layer),
    *(keras.metrics.Metric, keras.optimizers.Optimizer),
)
_LIBRARIES = frozenset((*sys.stdlib_module_names, "keras", "tensorflow", "numpy"))
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_SEEDS = 10**9
# What an optimizer finds out when it is built for a model.
_OF_TRAINING = frozenset(
    ("built", "_trainable_variables_indices", "_exclude_from_weight_decay_cache", "_lock")
)

Restore: TypeAlias = Callable[[], None]


@dataclass
class _Known:
    """A part that was met.

    Attributes:
        part: It, as long as there is a model that it belongs to.
        restore: Gives it back the state that it had when it was first met.
        shared: Whether it is known to belong to several models, or to come from outside.
        older: Whether it was there before the first model that it belongs to was built.
        drawn_by: The shared initializer that its values were drawn by while a model was built.
    """

    part: Callable[[], Any]
    restore: Restore
    shared: bool = False
    older: bool = False
    drawn_by: "weakref.ref[Any] | None" = None


class SharedParts:
    """Remembers the parts of models, and knows which of them several models share."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._outside: list[tuple[weakref.ref[Any], bool]] = []

    def build(
        self,
        begin: Callable[[], None],
        make: Callable[[], Any],
        seed: int,
        is_new: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Build a model in which nothing of earlier trainings can be seen.

        Args:
            begin: Begins a session; called before the model is built.
            make: Builds the model.
            seed: Seed of the session.
            is_new: Tells of a model that was built whether this process has built none like it
                before. What it keeps for others, as in a cache, only another build shows, and it
                must not matter which of the two is trained.

        Returns:
            The model.

        Raises:
            EngineError: If an optimizer is shared that can't be made anew.
        """
        for attempt in range(_MOST_BUILDS):
            self.restore()
            begin()
            before = _newest()
            model = make()
            parts = list(find_changeable(model))
            again = self._meet(parts, before)
            again |= self._reseed(parts, seed)
            known = attempt > 0 or not (is_new() or self._may_share(parts, seed))
            if known and not again:
                break
        self._renew(model, parts)
        return model

    def found_in(self, model: Any) -> bool:
        """Tell whether a model that was built has layers or variables that others have too.

        Args:
            model: What `build` returned.
        """
        held = (keras.Layer, keras.Variable, tf.Variable)
        return any(isinstance(p, held) and self._is_shared(p) for p in find_changeable(model))

    def restore(self) -> None:
        """Give everything that is shared the state back that it had when it was first met."""
        for known in [*self._known.values()]:
            if known.shared:
                known.restore()
        for layer, trainable in self._outside:
            part = layer()
            if part is not None:
                part.trainable = trainable

    def release(self) -> None:
        """Leave what was made outside as it was found, and forget it, as it may be changed then.

        What a `build` made and keeps isn't anybody else's to change, and stays known.
        """
        self.restore()
        self._outside = []
        for number, known in self._known.copy().items():
            if known.older:
                self._known.pop(number, None)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Release what was made outside when a `with` block ends."""
        try:
            yield
        finally:
            self.release()

    def expect(self, layers: Iterable[Any], states: Iterable[Any] = ()) -> None:
        """Note what was made before any model, as no model may show it.

        Of layers it counts whether they are to be trained: a `build` that freezes one for some
        value would otherwise do so for all that come later.

        Args:
            layers: Layers, those within others after these.
            states: Variables and random generators.
        """
        for part in states:
            if id(part) not in self._known:
                self._known[id(part)] = self._outer(part)
        known = {id(layer()) for layer, _ in self._outside}
        fresh = [layer for layer in layers if id(layer) not in known]
        self._outside += [(weakref.ref(layer), bool(layer.trainable)) for layer in fresh]

    def renew(self, part: Any) -> None:
        """Take the state that a part has now for the one that it was first met with."""
        self._known[id(part)] = self._outer(part)

    def _outer(self, part: Any) -> _Known:
        """What is to be known of a part that was there before any model."""
        return _Known(self._refer(part), _restorer(part), shared=True, older=True)

    def _meet(self, parts: list[Any], before: int | None) -> bool:
        """Take note of a model's parts; tell whether one is shared that wasn't known to be."""
        found = False
        for part in parts:
            known = self._known.get(id(part))
            if known is None:
                older = _is_older(part, before)
                # Of a generator that was there before, this model may have drawn.
                found |= older and isinstance(part, keras.random.SeedGenerator)
                known = _Known(self._refer(part), _restorer(part), shared=older, older=older)
                self._known[id(part)] = known
            elif not known.shared:
                known.shared = found = True
        return found

    def _refer(self, part: Any) -> Callable[[], Any]:
        known, number = self._known, id(part)
        return _refer(part, lambda _: known.pop(number, None))

    def _is_shared(self, part: Any) -> bool:
        return id(part) in self._known and self._known[id(part)].shared

    def _may_share(self, parts: list[Any], seed: int) -> bool:
        """Whether initializers may come from outside, which another build will show."""
        own = [part for part in parts if is_unseeded(part) and not self._is_shared(part)]
        unknown = [part for part in parts if not self._is_shared(part)]
        return not _were_drawn(own, seed) or any(map(_is_foreign_initializer, unknown))

    def _reseed(self, parts: list[Any], seed: int) -> bool:
        """Let shared initializers without a seed draw one; tell whether that changes the model."""
        initializers = [p for p in parts if is_unseeded(p) and self._is_shared(p)]
        if not initializers:
            return False
        self._find_drawn(parts)
        changed = False
        for index, initializer in enumerate(initializers):
            wanted = random.Random(f"{seed} {index}").randint(1, _SEEDS)  # noqa: S311 - no secret
            changed |= initializer.seed != wanted
            initializer.seed = wanted
        for part in parts:
            drawn_by = self._known[id(part)].drawn_by
            if drawn_by is not None and (initializer := drawn_by()) is not None:
                part.assign(initializer(tuple(part.shape), part.dtype))
        return changed

    def _find_drawn(self, parts: list[Any]) -> None:
        """Find the weights of shared layers that a shared initializer drew in a `build`."""
        for layer in (part for part in parts if isinstance(part, keras.Layer)):
            held = [*vars(layer).values()]
            initializers = [i for i in held if is_unseeded(i) and self._is_shared(i)]
            for variable in held if initializers else ():
                known = self._known.get(id(variable))
                if not isinstance(variable, keras.Variable) or known is None:
                    continue
                if not known.shared or known.older or known.drawn_by:
                    continue
                known.restore()
                for initializer in initializers:
                    if draws(initializer, variable):
                        known.drawn_by = weakref.ref(initializer)

    def _renew(self, model: Any, parts: list[Any]) -> None:
        """Give a model an optimizer of its own, and reset its metrics."""
        optimizer = getattr(model, "optimizer", None)
        within = getattr(optimizer, "inner_optimizer", optimizer)
        if optimizer is not None and (self._is_shared(optimizer) or self._is_shared(within)):
            model.optimizer = _another(optimizer)
            for part in model.optimizer.variables:
                # A model that is shared itself shows the next one what this one has become.
                self.renew(part)
            # What was traced of a model that is shared itself would go on with the old one.
            model.train_function = None
        for metric in (part for part in parts if isinstance(part, keras.metrics.Metric)):
            metric.reset_state()


# What is shared is so by the whole process, whichever engine builds a model.
SHARED_PARTS = SharedParts()


def find_changeable(model: Any) -> Iterator[Any]:
    """Find all parts of a model that may change while it is trained, however deep.

    Args:
        model: A model.

    Yields:
        Each once, the nearest ones first: variables, layers, metrics, optimizers, initializers
        that have drawn a seed, and objects of classes that aren't Keras's.
    """
    seen, ahead = {id(model)}, deque([model])
    while ahead:
        part = ahead.popleft()
        if isinstance(part, dict):
            within = list(part.values())
        elif isinstance(part, list | tuple | set | frozenset):
            within = list(part)
        else:
            if _is_changeable(part):
                yield part
            within = _attributes(part)
        for each in within:
            if not isinstance(each, _OPAQUE) and id(each) not in seen:
                seen.add(id(each))
                ahead.append(each)


def _attributes(part: Any) -> list[Any]:
    if isinstance(part, keras.Variable | tf.Variable) or not hasattr(part, "__dict__"):
        return []
    kind: Any = type(part)
    if not (_is_kerass(kind) or _is_foreign(kind)):
        return []
    return [value for name, value in vars(part).items() if not name.startswith(_NOTES)]


def _is_changeable(part: Any) -> bool:
    kind: Any = type(part)
    if isinstance(part, keras.initializers.Initializer) and not _is_foreign(kind):
        return is_unseeded(part)
    return isinstance(part, _CHANGEABLE) or (_is_foreign(kind) and hasattr(part, "__dict__"))


@functools.cache
def _is_kerass(kind: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "keras" for base in kind.__mro__)


@functools.cache
def _is_foreign(kind: Any) -> bool:
    """Whether a class is neither Python's nor of the libraries that models consist of."""
    return kind.__module__.partition(".")[0] not in _LIBRARIES


def _newest() -> int | None:
    """The number of the newest variable; None if TensorFlow doesn't count them any more."""
    return _number(tf.Variable(0.0))


def _number(variable: Any) -> int | None:
    """How many things TensorFlow had made before a variable; private, and only a quick look."""
    held = variable.value if isinstance(variable, keras.Variable) else variable
    number = str(getattr(held, "_unique_id", "")).rpartition("_")[2]
    return int(number) if number.isdecimal() else None


def _is_older(part: Any, before: int | None) -> bool:
    """Whether a part was there before a model was built."""
    if isinstance(part, keras.optimizers.Optimizer):
        part = part.iterations
    elif isinstance(part, keras.random.SeedGenerator):
        part = part.state
    if before is None or not isinstance(part, keras.Variable | tf.Variable):
        return False
    number = _number(part)
    return number is not None and number < before


def is_unseeded(part: Any) -> bool:
    """Whether a part is an initializer that has drawn a seed because it was given none."""
    if not isinstance(part, keras.initializers.Initializer):
        return False
    return isinstance(getattr(part, "seed", None), int) and part.get_config().get("seed") is None


def _is_foreign_initializer(part: Any) -> bool:
    kind: Any = type(part)
    return isinstance(part, keras.initializers.Initializer) and _is_foreign(kind)


def draws(initializer: Any, variable: Any) -> bool:
    """Whether a variable holds what an initializer draws."""
    try:
        drawn = initializer(tuple(variable.shape), variable.dtype)
    except ValueError:
        # It is for weights of another shape.
        return False
    return np.array_equal(drawn, variable)


def _were_drawn(initializers: list[Any], seed: int) -> bool:
    """Whether all seeds may have been drawn in a session; Keras draws them as Python's integers."""
    stream = random.Random(seed)  # noqa: S311 - no secret
    drawn = {1 + stream.getrandbits(30) for _ in range(1000 + 10 * len(initializers))}
    return all(initializer.seed in drawn for initializer in initializers)


def _restorer(part: Any) -> Restore:
    """What gives a part the state back that it has now; it doesn't keep the part alive."""
    owner = _refer(part)
    if isinstance(part, keras.Variable | tf.Variable):
        held = part.value if isinstance(part, keras.Variable) else part
        value = held.read_value()
        return lambda: _with(owner, lambda variable: variable.assign(value))
    if isinstance(part, keras.random.SeedGenerator):
        return _reseeder(part, owner)
    if isinstance(part, GENERATORS):
        return _rewinder(part, owner)
    if isinstance(part, keras.layers.Normalization):
        # Adapting a layer sets more than its variables.
        adapted = {name: vars(part).get(name) for name in ("mean", "variance")}
        return lambda: _with(owner, lambda layer: vars(layer).update(adapted))
    kind: Any = type(part)
    if not _is_foreign(kind):
        return lambda: None
    kept = {name: _copy(value) for name, value in vars(part).items() if _is_plain(value)}
    return lambda: _with(owner, lambda each: _put_back(each, kept))


def _rewinder(generator: Any, owner: Callable[[], Any]) -> Restore:
    """What lets Python's or NumPy's generator go on from where it is now."""
    if isinstance(generator, random.Random):
        drawn = generator.getstate()
        return lambda: _with(owner, lambda each: each.setstate(drawn))
    if isinstance(generator, np.random.RandomState):
        state = generator.get_state()
        return lambda: _with(owner, lambda each: each.set_state(state))
    bits = generator.bit_generator.state
    return lambda: _with(owner, lambda each: setattr(each.bit_generator, "state", bits))


def _reseeder(generator: Any, owner: Callable[[], Any]) -> Restore:
    """What lets a generator begin with its seed again; without one it goes on from here."""
    seed = generator.get_config().get("seed")
    if not isinstance(seed, int):
        return lambda: None
    return lambda: _with(owner, lambda each: each.state.assign([seed, 0]))


def _refer(part: Any, gone: Callable[[Any], Any] | None = None) -> Callable[[], Any]:
    """What finds a part as long as it lives; NumPy's generators can't be referred to so."""
    if isinstance(part, np.random.Generator | np.random.RandomState):
        return lambda: part
    return weakref.ref(part, gone)


def _with(owner: Callable[[], Any], act: Callable[[Any], Any]) -> None:
    part = owner()
    if part is not None:
        act(part)


def _is_plain(value: Any) -> bool:
    """Whether a value consists of numbers, texts and arrays only."""
    if isinstance(value, dict):
        return all(_is_plain(each) for each in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_plain(each) for each in value)
    return isinstance(value, (*_PLAIN, *GENERATORS, np.ndarray, tf.Tensor))


def _copy(value: Any) -> Any:
    """Copy what can change in place; containers of Keras's become Python's own."""
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    if isinstance(value, set):
        return set(value)
    return copy.deepcopy(value) if isinstance(value, (*GENERATORS, np.ndarray)) else value


def _put_back(part: Any, kept: Mapping[str, Any]) -> None:
    """Give an object its attributes back, and lists, dicts and sets what they held."""
    for name, value in kept.items():
        now = vars(part).get(name)
        if isinstance(now, list) and isinstance(value, list):
            now[:] = _copy(value)
        elif isinstance(now, dict | set) and isinstance(value, dict | set):
            now.clear()
            now.update(_copy(value))
        elif now is not value:
            vars(part)[name] = _copy(value)


def _another(optimizer: Any) -> Any:
    """An optimizer of the same settings that has trained nothing."""
    made = _from_config(optimizer)
    _carry_over(optimizer, made)
    return made


def _from_config(optimizer: Any) -> Any:
    rate = vars(optimizer).get("_learning_rate")
    try:
        if callable(rate):
            # Somebody's own schedule may have no configuration, or not be found by its name.
            vars(optimizer)["_learning_rate"] = None
        config = optimizer.get_config() | ({"learning_rate": rate} if callable(rate) else {})
        return type(optimizer).from_config(config)
    except Exception as error:
        raise EngineError(
            "Expected an optimizer that each fold's model can have anew, or else a fold would know "
            f"what the others learned (leak). Received: {type(optimizer).__name__}, made outside "
            f"build, of which no other can be made ({error}). Make it inside build(hp)"
        ) from error
    finally:
        if callable(rate):
            vars(optimizer)["_learning_rate"] = rate


def _carry_over(optimizer: Any, made: Any) -> None:
    """Give an optimizer what no configuration holds of another one.

    Such as variables excluded from weight decay, an attribute that was set by hand, arguments of a
    class whose `get_config` lacks them, and steps that count for a schedule.
    """
    for name, value in vars(optimizer).items():
        now = vars(made).get(name)
        if isinstance(value, keras.optimizers.Optimizer) and type(now) is type(value):
            _carry_over(value, now)
            continue
        learned = name in _OF_TRAINING or name.startswith(_NOTES) or not _is_setting(value)
        if not learned and not _is_same(now, value):
            vars(made)[name] = _copy(value)
    made.iterations.assign(optimizer.iterations)


def _is_setting(value: Any) -> bool:
    """Whether an attribute of an optimizer says how it trains, and not what it has learned."""
    if isinstance(value, _CHANGEABLE):
        return False
    return _is_plain(value) or callable(value) or isinstance(value, re.Pattern)


def _is_same(one: Any, other: Any) -> bool:
    if one is other or type(one) is not type(other) or not _is_plain(one):
        return one is other
    return bool(np.array_equal(one, other))
