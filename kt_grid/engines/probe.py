"""One build that tells what a combination asks for and how its model is compiled."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments, overrides_fit
from kt_grid.engines.base import build_model
from kt_grid.engines.first_model import CompileArguments, describe_compile
from kt_grid.engines.own_fit import declare_fit
from kt_grid.engines.session import generators_kept, settings_kept
from kt_grid.errors import NewEntryError
from kt_grid.space import Asked, Parameters, Value
from kt_grid.space.asking import AskingHyperParameters
from kt_grid.space.axes import ALL_ENTRIES, NewEntries

_SEED = 0


@dataclass(frozen=True)
class Probe:
    """What one build showed.

    Attributes:
        asked: What was asked for, in this order; up to where it failed, if it did.
        parameters: The values of what was asked for.
        compile_arguments: What the model is compiled with; nothing if its build failed.
        supplied: Names of arguments that a `fit` of its own passes on by itself.
        error: What the build raised; None if it didn't.
    """

    asked: tuple[Asked, ...]
    parameters: Parameters
    compile_arguments: CompileArguments | None = None
    supplied: frozenset[str] = frozenset()
    error: Exception | None = None


def probe(
    hypermodel: Any,
    values: Mapping[str, Value],
    arrays: Arrays,
    fit: FitArguments | None = None,
    kept: Collection[str] = (),
    new: NewEntries = ALL_ENTRIES,
) -> Probe:
    """Build a model once, and ask a `fit` of its own what it declares before it uses the model.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        values: The values that are given; what is asked for besides has its first one.
        arrays: The search's rows.
        fit: Further arguments of the search.
        kept: Names that keep their default.
        new: What becomes of hyperparameters that aren't listed.

    Returns:
        What was asked for, and what the model is compiled with. If `build` raises, its trial
        will fail with that reason; what it asked for until then counts.

    Raises:
        NewEntryError: If it asks for one that isn't listed and mustn't be asked for.
    """
    hyperparameters = AskingHyperParameters(values, kept=kept, new=new)
    shown: dict[str, Any] = {}
    with settings_kept(), generators_kept():
        own_fit = overrides_fit(hypermodel)
        try:
            model = build_model(
                hypermodel,
                hyperparameters,
                arrays,
                _SEED,
                compiled=not own_fit,
                reuse_kernels=True,
                only_look=True,
            )
            shown["compile_arguments"] = describe_compile(model)
        except NewEntryError:
            raise
        except Exception as error:  # whatever it is, it is the trial's failure
            shown["error"] = error
        else:
            if own_fit:
                fit = fit or FitArguments()
                _, shown["supplied"] = declare_fit(hypermodel, hyperparameters, arrays, fit)
    return Probe(asked=hyperparameters.asked, parameters=hyperparameters.parameters, **shown)
