"""Hyperparameters that note what a build asks them for.

`keras_tuner.HyperParameters` know what was declared, active or not, and give each declaration its
default. These know what was really asked for, in which order, and give what isn't given the first
of its values, as a grid does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import keras_tuner

from kt_grid.errors import NewEntryError, UnforeseenAxisError
from kt_grid.space.axes import ALL_ENTRIES, NewEntries
from kt_grid.space.declared import offered_values
from kt_grid.space.tree import Asked
from kt_grid.space.values import Parameters, Value, check_values


class _Values(dict[str, Value]):
    """The values of all that was asked for; to look one up is to ask for it.

    Attributes:
        given: The values that are given, whether they are asked for or not.
        asked: What was asked for, by name.
        inactive: What was declared under conditions alone that don't hold, and so has no value.
    """

    def __init__(self, given: Mapping[str, Value]) -> None:
        super().__init__()
        self.given = dict(given)
        self.asked: dict[str, Asked] = {}
        self.inactive: set[str] = set()

    def __contains__(self, name: object) -> bool:
        known = super().__contains__(name)
        if known or not isinstance(name, str) or name in self.inactive:
            return known
        self.asked.setdefault(name, Asked(name, ()))
        if name not in self.given:
            return False
        self[name] = self.given[name]
        return True

    def __getitem__(self, name: str) -> Value:
        if name not in self:
            raise KeyError(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - this is `get`

    # Whoever goes through all values, or unpacks them, asks for every one that is given.
    def _ask_all(self) -> None:
        for name in self.given:
            name in self  # noqa: B015 - to look is to ask

    def __iter__(self) -> Iterator[str]:
        self._ask_all()
        return super().__iter__()

    def keys(self) -> Any:
        self._ask_all()
        return super().keys()

    def values(self) -> Any:
        self._ask_all()
        return super().values()

    def items(self) -> Any:
        self._ask_all()
        return super().items()

    def copy(self) -> Parameters:
        return dict(self.items())

    def plain(self) -> Parameters:
        """The values that are there so far, without asking for more."""
        return dict(super().items())

    def __reduce__(self) -> Any:
        state = {"asked": dict(self.asked), "inactive": set(self.inactive)}
        return type(self), (self.given,), state, None, iter(self.plain().items())


class AskingHyperParameters(keras_tuner.HyperParameters):  # type: ignore[misc] # keras-tuner is untyped
    """Hyperparameters of one build, which note what it asks for.

    A hyperparameter is asked for when a declaration of it is active, or when it is looked up, by
    `get`, by its name or in `values`. What stands under conditions that don't hold isn't.

    A copy, such as keras-tuner makes for a HyperModel that isn't tunable, notes in its original
    what it is asked for that is given; all else has its default in it and is no axis.

    Args:
        given: The values that are given. What is asked for besides gets its first value.
        kept: Names that keep their default, because only another dict of the grid has them.
        closed: Whether nothing else may be asked for, because a trial is being trained.
        new: What becomes of hyperparameters that aren't listed.

    Example:
        >>> hp = AskingHyperParameters({"layers": 2})
        >>> [hp.Choice(f"units_{i}", [8, 16]) for i in range(hp.Int("layers", 1, 3))]
        [8, 8]
        >>> [(one.name, one.values) for one in hp.asked]
        [('layers', (1, 2, 3)), ('units_0', (8, 16)), ('units_1', (8, 16))]
        >>> hp.parameters
        {'layers': 2, 'units_0': 8, 'units_1': 8}
    """

    def __init__(
        self,
        given: Mapping[str, Value] | None = None,
        *,
        kept: Collection[str] = (),
        closed: bool = False,
        new: NewEntries = ALL_ENTRIES,
    ) -> None:
        super().__init__()
        self.values: _Values = _Values(given or {})
        self._kept = frozenset(kept)
        self._closed = closed
        self._new = new
        self._is_copy = False
        self._scopes: list[str] = []

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What was asked for, in this order."""
        return tuple(self.values.asked.values())

    @property
    def parameters(self) -> Parameters:
        """The values of what was asked for, but for what keeps its default."""
        values = self.values.given | self.values.plain()
        names = [name for name in self.values.asked if name in values and name not in self._kept]
        return {name: values[name] for name in names if self._is_axis(name)}

    def _is_axis(self, name: str) -> bool:
        return self._new.tune or name in self._new.listed

    def Choice(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - keras-tuner's name
        """Ask for one of some values, as in keras-tuner."""
        return self._declare(super().Choice, *args, **kwargs)

    def Int(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - keras-tuner's name
        """Ask for an integer in a range, as in keras-tuner."""
        return self._declare(super().Int, *args, **kwargs)

    def Float(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - keras-tuner's name
        """Ask for a number in a range, as in keras-tuner."""
        return self._declare(super().Float, *args, **kwargs)

    def Boolean(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - keras-tuner's name
        """Ask for True or False, as in keras-tuner."""
        return self._declare(super().Boolean, *args, **kwargs)

    def Fixed(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - keras-tuner's name
        """Ask for the only value there is, as in keras-tuner."""
        return self._declare(super().Fixed, *args, **kwargs)

    def merge(self, hps: Any, overwrite: bool = True) -> None:
        """Take in declarations, as in keras-tuner; those that are active are asked for."""
        self._declare(super().merge, hps, overwrite)

    def _declare(self, declare: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Let keras-tuner enter declarations, and give those that are new their values."""
        before = len(self.space)
        value = declare(*args, **kwargs)
        for entry in self.space[before:]:
            value = self._resolve(entry)
        return value

    def _resolve(self, entry: Any) -> Value:
        """The value of a declaration; None if it isn't active."""
        name, values = entry.name, self.values
        if not self.is_active(entry):
            if name not in values.plain():
                values.inactive.add(name)
            return None
        values.inactive.discard(name)
        earlier = values.asked.get(name)
        if earlier is None or not earlier.values or name not in values.plain():
            values[name] = self._value(entry)
        return values[name]

    def _value(self, entry: Any) -> Value:
        """Note what a declaration asks for, and choose its value."""
        name, values = entry.name, self.values
        (default,) = check_values(name, [entry.default])
        if not self._new.allow and name not in self._new.listed:
            raise NewEntryError(
                f"Expected hyperparameters out of {', '.join(sorted(self._new.listed)) or 'none'}. "
                f"Received: a build that asks for {name!r}. List it too, or",
                mend="search with allow_new_entries=True",
            )
        if self._is_copy or not self._is_axis(name):
            values.asked.setdefault(name, Asked(name, ()))
            return values.given.get(name, default)
        offered = offered_values(entry)
        values.asked[name] = Asked(name, offered, default)
        if name in values.given:
            return values.given[name]
        if name in self._kept:
            return default
        if self._closed:
            raise UnforeseenAxisError(name, offered, default)
        return offered[0]

    def name_scope(self, name: str) -> AbstractContextManager[None]:
        """Put a name before those that are asked for inside, as in keras-tuner."""
        return self._scoped(name)

    @contextmanager
    def _scoped(self, name: str) -> Iterator[None]:
        self._scopes.append(name)
        try:
            with super().name_scope(name):
                yield
        finally:
            self._scopes.pop()

    def conditional_scope(
        self, parent_name: str, parent_values: Any
    ) -> AbstractContextManager[None]:
        """Ask for what stands inside only if a parent has one of some values, as in keras-tuner.

        There the parent must be declared, and what the grid states is. Here it is entered when
        it is first used so; it is listed as text, which can stand for any value.
        """
        name = "/".join([*self._scopes, str(parent_name)])
        if name in self.values.given and all(entry.name != name for entry in self.space):
            super().Choice(parent_name, [repr(self.values.given[name])])
            if not self.is_active(self.space[-1]):
                self.values.inactive.add(name)
        return super().conditional_scope(parent_name, parent_values)  # type: ignore[no-any-return] # keras-tuner is untyped

    def get_config(self) -> dict[str, Any]:
        """Return the declarations, and the values of what was asked for."""
        plain = keras_tuner.HyperParameters()
        plain.merge(self.space)
        plain.values = self.values.plain()
        return plain.get_config()  # type: ignore[no-any-return] # keras-tuner is untyped

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make hyperparameters that are given a configuration's values; a build declares all."""
        return cls(config["values"])

    def copy(self) -> Self:
        """Return a copy that adds no axes, as keras-tuner's copies don't."""
        made = type(self)(kept=self._kept, closed=self._closed, new=self._new)
        keras_tuner.HyperParameters.merge(made, self.space)
        made.values = _Values(self.values.given | self.values.plain())
        made.values.update(self.values.plain())
        made.values.inactive = set(self.values.inactive)
        made.values.asked = self.values.asked
        made._is_copy = True
        return made
