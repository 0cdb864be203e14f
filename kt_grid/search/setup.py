"""What a search is made of, worked out once, before anything is trained.

The command line's plan and the Python tuner both take it from here, so that neither can derive
a search that the other one wouldn't recognise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kt_grid.data.arrays import Arrays
from kt_grid.data.code_digest import CodeDigest, code_digest
from kt_grid.data.digests import source_digest
from kt_grid.data.targets import Loss, Targets
from kt_grid.data.weighting import check_weighted, resolve_class_weight
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.backend import load_backend
from kt_grid.errors import UsageError
from kt_grid.search.baseline import describe_splits
from kt_grid.search.cautions import find_cautions
from kt_grid.search.identity import make_identity, package_versions
from kt_grid.search.racing import Race, check_only, check_passes, check_racing, make_race
from kt_grid.space import (
    FIT_AXES,
    DecisionTree,
    Grids,
    Parameters,
    axis_names,
    check_fit_arguments,
    make_axes,
)
from kt_grid.space.axes import ALL_ENTRIES, NewEntries
from kt_grid.space.objective import Extras, Objective, parse_objective
from kt_grid.splitters import Repeated
from kt_grid.splitters.chosen import check_splits, choose_cv
from kt_grid.splitters.folds import Split, Splitter, count_repeats, follow_time, make_splits
from kt_grid.store.records import Contenders, Identity, SearchRecord, SplitFacts

if TYPE_CHECKING:
    from kt_grid.engines.first_weights import FirstWeights
    from kt_grid.search.discovery import Discovery

# What the networks of kt-grid's own experiments compile.
NETWORK_LOSS = Loss("binary_crossentropy", 1)


@dataclass(frozen=True)
class Setup:
    """Everything that decides a search's numbers, but for its grid, which may grow or shrink.

    Attributes:
        targets: The rows, with the target in the form of each trial's loss.
        arrays: The rows, with the target in the form of the loss if there is but one.
        cv: The splitter.
        splits: The splits it gave: which rows train and which are held out.
        fit: How to train, where a trial's parameters don't say it.
        passed_axes: Axes among `batch_size` and `epochs` that a HyperModel's own `fit` is given
            as arguments.
        objective: What is optimised.
        extras: What is wanted of each fold beyond the model's own metrics.
        race: When a trial is pruned for a better one; None for never.
        only: "contenders" if all passes but the first are for those only; None for all trials.
        seed: Where every random draw comes from.
        engine: Name of what trains.
        identity: What a directory must agree with, to hold this search.
        described: What the splits and the targets say before training, for search.json.
        tree: What the builds ask for.
        builds: The builds of a model that isn't kt-grid's own; None for one that is.
        new: What becomes of hyperparameters that aren't listed.
        code: What the user's code was when the search was set up; None for kt-grid's own.
        first: Weights by chance of layers that were made outside of `build`, before the first fold.
        notes: What is worth telling before training, a line each.
    """

    targets: Targets
    arrays: Arrays
    cv: Splitter
    splits: list[Split]
    fit: FitArguments
    passed_axes: tuple[str, ...]
    objective: Objective
    extras: Extras
    race: Race | None
    only: str | None
    seed: int
    engine: str
    identity: Identity
    described: SplitFacts
    tree: DecisionTree
    builds: "Discovery | None" = None
    new: NewEntries = ALL_ENTRIES
    code: CodeDigest | None = None
    first: "FirstWeights" = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def repeats(self) -> int:
        """Passes over all folds that the splits consist of."""
        return count_repeats(self.cv)

    def loss_of(self, parameters: Parameters) -> Loss:
        """Tell what the model of a trial is trained with."""
        return NETWORK_LOSS if self.builds is None else self.builds.loss_of(parameters)

    def record(self, name: str, contenders: Contenders | None = None) -> SearchRecord:
        """Return what search.json says of a search, but for its grid.

        Args:
            name: The search's name.
            contenders: Which trials have more than the first pass, if that is limited.
        """
        return SearchRecord(
            grid=(),
            experiment=name,
            repeats=self.repeats,
            labels=tuple(self.arrays.labels),
            splits=self.described,
            racing=None if self.race is None else self.race.kind,
            contenders=contenders,
            identity=self.identity,
        )

    def built(self) -> dict[str, Any]:
        """Return what search.json keeps of the builds, so that they needn't be run again."""
        if self.builds is None or self.code is None:
            return {}
        return {**self.builds.to_json(), "code": self.code.to_json()}


def make_setup(
    hypermodel: Any,
    given: Arrays,
    *,
    cv: int | Splitter,
    grid: Grids,
    fit: Mapping[str, Any],
    objective: Objective | None,
    extras: Extras,
    repeats: int = 1,
    racing: str | None = None,
    only: str | None = None,
    seed: int = 7,
    engine: str = "auto",
    max_trials: int | None = None,
    known: SearchRecord | None = None,
    first: "FirstWeights | None" = None,
    is_network: bool = False,
    new: NewEntries = ALL_ENTRIES,
) -> Setup:
    """Work out what a search is made of, and refuse what can't be meant.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        given: The rows, with the target as the data has it.
        cv: A number of folds, stratified where the target is classes; or a splitter.
        grid: The axes asked for.
        fit: Arguments of the training by name, as `search` takes them.
        objective: What is optimised; by default what the models compile.
        extras: What is wanted of each fold beyond the model's own metrics.
        repeats: Passes over a number of folds; a splitter brings its own.
        racing: "bound", "test" or None.
        only: "contenders" or None.
        seed: Where every random draw comes from.
        engine: Name of what trains.
        max_trials: At most so many combinations; all by default.
        known: What search.json says, if the search goes on.
        first: The weights by chance that the search began with, if it goes on.
        is_network: Whether the model is the network of kt-grid's own experiments, which is known
            without TensorFlow.
        new: What becomes of hyperparameters that the grid doesn't list; they are axes too by
            default.

    Returns:
        The setup.

    Raises:
        SplitError: If the folds can't be made of these rows, or rows are to be held back of a
            single one.
        DataError: If the target can't be one for the models' only loss.
        UsageError: If an argument has no meaning here, or all weights of a split's side are 0.
    """
    resolved = _resolve_fit(given, fit)
    builds, code, begun = None, None, first or {}
    passed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    if is_network:
        arguments = FitArguments(**resolved)
        tree, losses = DecisionTree.from_axes(make_axes(grid)), [NETWORK_LOSS]
    else:
        from kt_grid.engines.arguments import fit_arguments
        from kt_grid.engines.first_weights import first_weights
        from kt_grid.search.discovery import Discovery

        begun = first_weights(hypermodel, first)
        arguments = fit_arguments(hypermodel, resolved)
        code = _digest(hypermodel, arguments, extras, new)
        builds = Discovery(hypermodel, given, arguments, new)
        if known is not None and is_same_code(known, code):
            builds.take_over(known.builds)
        builds.look_ahead(grid, max_trials)
        arguments, passed, told = _own_fit(hypermodel, builds, arguments, grid)
        tree, losses = builds.tree, builds.losses
    objective, notes = _choose_objective(objective, builds, given, known)
    check_racing(racing, objective, extras.scores)
    check_only(only, racing)
    targets = Targets(given)
    arrays = targets.for_loss(losses[0]) if len(losses) == 1 else given
    # Folds of groups can't be stratified by a number alone.
    plain = given.groups is None or not isinstance(cv, int)
    splitter, of_folds = choose_cv(cv, given.y, losses if plain else (), given.labels)
    if isinstance(cv, int) and repeats > 1:
        splitter = Repeated(splitter, repeats)
    splits = make_splits(splitter, arrays.rows, arrays.y, arrays.groups, arrays.x)
    arguments = replace(arguments, in_time=follow_time(splits))
    if arguments.validation_split:
        # It imports Keras, which would show TensorFlow's log.
        load_backend()
        from kt_grid.engines.stopping import check_hold_back

        check_hold_back(splits, arguments, arrays.groups, arrays.sample_weight)
    check_weighted(arrays.sample_weight, splits)
    only_loss = losses[0].name if len(losses) == 1 and arrays.sample_weight is None else ""
    described = describe_splits(
        splits,
        arrays.y,
        count_repeats(splitter),
        objective,
        scores=extras.scores,
        loss=only_loss,
    )
    if only is not None:
        repeats = count_repeats(splitter)
        check_passes(objective, repeats, described, repr(splitter), arrays.rows)
    return Setup(
        targets=targets,
        arrays=arrays,
        cv=splitter,
        splits=splits,
        fit=arguments,
        passed_axes=passed,
        objective=objective,
        extras=extras,
        race=make_race(
            racing, objective, count_repeats(splitter), described, repr(splitter), arrays.rows
        ),
        only=only,
        seed=seed,
        engine=engine,
        identity=make_identity(
            objective=objective,
            cv=splitter,
            splits=splits,
            seed=seed,
            arrays=arrays.parts,
            fit=arguments.to_json(),
            model_source=source_digest(hypermodel) if is_network else _training_code(hypermodel),
            engine=engine,
            extras=extras,
        ),
        described=described,
        tree=tree,
        builds=builds,
        new=new,
        code=code,
        first=begun,
        notes=(
            *notes,
            *of_folds,
            *check_splits(splits, given.y, given.groups),
            *find_cautions(
                given, arguments, () if builds is None else builds.compile_arguments, losses
            ),
            *_unasked(tree, grid),
            *told,
        ),
    )


def _resolve_fit(given: Arrays, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the training, with the weights of classes by the data's own names."""
    resolved = check_fit_arguments(fit)
    if resolved.get("class_weight"):
        if given.sample_weight is not None:
            raise UsageError(
                "Expected sample_weight or class_weight, as Keras takes one of them. Received: both"
            )
        resolved["class_weight"] = resolve_class_weight(resolved["class_weight"], given)
    return resolved


def _digest(hypermodel: Any, fit: FitArguments, extras: Extras, new: NewEntries) -> CodeDigest:
    """What the user's code is before any of it has run here."""
    callbacks = {f"callbacks[{n}]": callback for n, callback in enumerate(fit.callbacks)}
    scores = {f"score {score.name}": score.function for score in extras.scores}
    # What a build asks for is known of the same choice only.
    chosen = {} if new.tune and new.allow else {"new": (sorted(new.listed), new.tune, new.allow)}
    return code_digest({"model": hypermodel, **callbacks, **scores, **chosen})


def is_same_code(known: SearchRecord, code: CodeDigest) -> bool:
    """Tell whether a search was set up with the same code, for sure, and in the same environment.

    Args:
        known: What its search.json says.
        code: The code as it is now.
    """
    written = known.builds.get("code", {})
    same = written.get("digest") == code.digest and written.get("python") == code.python
    return bool(same and code.certain and dict(known.versions) == package_versions())


def _own_fit(
    hypermodel: Any, builds: "Discovery", fit: FitArguments, grid: Grids
) -> tuple[FitArguments, tuple[str, ...], tuple[str, ...]]:
    """The arguments that a `fit` of the HyperModel's own gets, the axes among them, and notes."""
    from kt_grid.engines.arguments import overrides_fit
    from kt_grid.engines.own_fit import may_declare, written_arguments

    if not overrides_fit(hypermodel):
        return fit, (), ()
    supplied, written = builds.supplied or frozenset(), written_arguments(hypermodel)
    named = axis_names(make_axes(grid))
    passed = tuple(name for name in FIT_AXES if name in named and name not in supplied)
    overruled = supplied & {*named} - builds.tree.names(grid)
    # A fit that uses hp may look the value up where nobody sees it.
    notes = tuple(
        f"axis {name!r} of the grid changes nothing, as {type(hypermodel).__name__}.fit sets it"
        for name in FIT_AXES
        if name in overruled and not may_declare(hypermodel)
    )
    # Given twice, an argument would be an error.
    own = {name: value for name, value in fit.own.items() if name not in written}
    return replace(fit, own=own), passed, notes


def _choose_objective(
    stated: Objective | None, builds: "Discovery | None", given: Arrays, known: SearchRecord | None
) -> tuple[Objective, tuple[str, ...]]:
    """The objective that is stated, or what the models compile for such a target."""
    if builds is None:
        return stated or Objective("val_accuracy", "max"), ()
    from kt_grid.engines.first_model import choose_objective, doubt_objective

    if stated is not None:
        return stated, doubt_objective(stated, builds.compile_arguments)

    if known is not None and not builds.compile_arguments:
        # No model says anything now, so the choice stays what it was.
        return replace(parse_objective(known.identity.objective), stated=False), ()
    return choose_objective(builds.compile_arguments, given)


def _training_code(hypermodel: Any) -> str:
    """A digest of the code that trains models and isn't in them: a `fit` or `adapt` of one's own.

    Callbacks and scores have entries of their own; what a build makes is known by trial.
    """
    from kt_grid.engines.adapting import adapts_itself
    from kt_grid.engines.arguments import overrides_fit

    kind = type(hypermodel)
    own = {"fit": kind.fit} if overrides_fit(hypermodel) else {}
    if adapts_itself(hypermodel):
        own["adapt"] = kind.adapt
    if not own:
        return BY_TRIAL
    # Its own methods among them are what keras-tuner wraps `build` with.
    attributes = {
        name: value
        for name, value in vars(hypermodel).items()
        if getattr(value, "__self__", None) is not hypermodel
    }
    return f"{BY_TRIAL} {code_digest({**own, 'attributes': attributes}).digest}"


# What stands for the model's source where every record of a fold says which model it trained.
BY_TRIAL = "by trial"


def _unasked(tree: DecisionTree, grid: Grids) -> tuple[str, ...]:
    """A line for each axis of the grid that no build asks for."""
    return tuple(
        f"axis {name!r} of the grid isn't asked for by any model, and left out"
        + (f". Did you mean {near!r}?" if near else "")
        for name, near in tree.dead_axes(grid).items()
    )
