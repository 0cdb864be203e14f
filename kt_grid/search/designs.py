"""Which combinations of a grid have models that share compiled programs, and what trials cost.

Both are foreseen to place trials well; no number depends on them. A model is built for some values
of each axis, all else being as in the first combination: an axis whose values all make one design,
such as a learning rate, doesn't matter.
"""

import itertools
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from kt_grid.engines.arguments import overrides_fit
from kt_grid.engines.base import build_model
from kt_grid.engines.design import design, generalise, text_of
from kt_grid.engines.fused.program_inputs import share_all
from kt_grid.engines.session import generators_kept, settings_kept
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialRunner
from kt_grid.space import Axis, Parameters

_EPOCHS, _BATCH_SIZE = "epochs", "batch_size"
_MOST_VALUES = 8
_LOOKED_AT = 1_000
_PRODUCTS_A_WEIGHT = 3


@dataclass(frozen=True)
class _Costs:
    """Processor seconds, by `scripts/benchmark_workers.py costs` on a core of some 3 GHz.

    Attributes:
        design: To trace and to compile models of one design; 0.4 s for two layers, 1 s for three.
        fold: To build, score and write a model; with `model.fit` also to trace it.
        step: An optimizer step of a small model.
        product: One of the multiplications that a larger model's step consists of.
    """

    design: float
    fold: float
    step: float
    product: float


_COMPILED = _Costs(design=0.7, fold=0.06, step=1.2e-5, product=3e-11)
_PLAIN = _Costs(design=0.0, fold=0.55, step=5e-4, product=5e-11)


def find_designs(runner: TrialRunner, oracle: GridOracle) -> "Designs":
    """Return what is known of the designs of a search's models.

    Args:
        runner: Knows what trials consist of.
        oracle: Knows the grid.
    """
    setup = runner.setup
    plain = setup.engine == "keras" or overrides_fit(runner.hypermodel) or setup.fit.callbacks
    first = next(oracle.combinations(explore=False))
    return Designs(runner, first, oracle.axes, compiled=not plain)


@dataclass
class Designs:
    """What is known of the designs of a search's models.

    Attributes:
        runner: Knows what trials consist of.
        first: The first combination.
        axes: The grid.
        compiled: Whether programs are shared; with `model.fit` every fold traces its own.
        weights: Numbers that the models that were built consist of.
    """

    runner: TrialRunner
    first: Parameters
    axes: Sequence[Axis]
    compiled: bool = True
    weights: list[int] = field(default_factory=list)
    _classes: dict[str, dict[Hashable, str]] = field(default_factory=dict)
    _texts: dict[Hashable, str] = field(default_factory=dict)

    def of(self, parameters: Parameters) -> Hashable:
        """Tell what combinations have in common whose models are likely to share programs.

        Args:
            parameters: The combination.
        """
        if not self.compiled:
            return None
        return tuple(
            (name, self._class_of(name, value))
            for name, value in parameters.items()
            if name != _EPOCHS
        )

    def seconds(self, combinations: Iterable[Parameters], left: int) -> float:
        """Foresee how many processor seconds trials take.

        Args:
            combinations: The grid's.
            left: Number of trials that are left of them.
        """
        looked_at = list(itertools.islice(combinations, _LOOKED_AT))
        if not self.weights:
            self._build(self.first)
        designs, folds = len({self.of(p) for p in looked_at}), len(self.runner.setup.splits)
        trials = [
            folds * (self._costs.fold + self.runner.steps(p) * self._seconds_a_step(p))
            for p in looked_at
        ]
        return left * (fmean(trials) + self._costs.design * designs / len(looked_at))

    @property
    def _costs(self) -> _Costs:
        return _COMPILED if self.compiled else _PLAIN

    def _seconds_a_step(self, parameters: Parameters) -> float:
        rows = int(parameters.get(_BATCH_SIZE, self.runner.setup.fit.batch_size))  # type: ignore[arg-type] # a number, as it was checked
        products = _PRODUCTS_A_WEIGHT * rows * (fmean(self.weights) if self.weights else 0.0)
        return self._costs.step + self._costs.product * products

    def _class_of(self, name: str, value: Any) -> Hashable:
        """The value itself where it isn't known to make the same design as others."""
        if name not in self._classes:
            self._classes[name] = self._classes_of(name)
        known = self._classes[name]
        return known.get(value, value) if known else None

    def _classes_of(self, name: str) -> dict[Hashable, str]:
        """The designs of an axis's values; nothing if all have the same."""
        values: list[Any] = [v for axis in self.axes if axis.name == name for v in axis.values]
        if name not in self.first or name == _BATCH_SIZE:
            return {value: repr(value) for value in values}
        several = len(values) > _MOST_VALUES
        looked_at = [*values[:2], values[-1]] if several else values
        texts = {value: self._text_of({**self.first, name: value}) for value in looked_at}
        if len(set(texts.values())) == 1:
            return {}
        alike = several and texts[values[1]] == texts[values[-1]]
        # As with a rate, of which zero is another thing.
        return (
            {**dict.fromkeys(values[1:], texts[values[1]]), values[0]: texts[values[0]]}
            if alike
            else texts
        )

    def _text_of(self, parameters: Parameters) -> str:
        place = tuple(sorted(parameters.items(), key=str))
        if place not in self._texts:
            self._texts[place] = self._build(parameters) or repr(parameters)
        return self._texts[place]

    def _build(self, parameters: Parameters) -> str:
        """The design of a combination's model; nothing if that can't be told."""
        runner = self.runner
        with settings_kept(), generators_kept():
            try:
                model = build_model(
                    runner.hypermodel,
                    runner.asking(parameters),
                    runner.arrays_of(parameters),
                    runner.setup.seed,
                    reuse_kernels=True,
                    only_look=True,
                )
            except Exception:  # its trial will say so
                return ""
            self.weights.append(int(model.count_params()))
            described = design(model)
        return "" if described is None else text_of(generalise(described, share_all))
