"""One pass over all trials, then the other passes over those that may be the best after it.

The first pass is a search of its own in the same directory, to which the others are added. Which
trials get these is written into search.json, so that the same command gives the same again.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kt_grid.analysis.confidence_set import LEVEL
from kt_grid.analysis.contenders import first_p_values, first_pass
from kt_grid.search.identity import asked
from kt_grid.search.setup import Setup
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Contenders
from kt_grid.store.results import SearchResults, TrialResult, read_results

if TYPE_CHECKING:
    from kt_grid.search.models import WeightKeeper
    from kt_grid.search.oracle import GridOracle


def setup_of_first_pass(setup: Setup) -> Setup:
    """Return the setup of a search of the first pass alone."""
    folds = len(setup.splits) // setup.repeats
    cv: Any = copy.copy(setup.cv)
    cv.n_repeats = 1
    described = setup.described
    baseline = None if described.baseline is None else described.baseline[:folds]
    return replace(
        setup,
        cv=cv,
        splits=setup.splits[:folds],
        identity=replace(
            setup.identity, cv=repr(cv), folds=folds, splits=setup.identity.splits[:folds]
        ),
        described=replace(
            described,
            split_rows=described.split_rows[:folds],
            fresh_folds=True,
            baseline=baseline,
        ),
    )


def find_contenders(
    oracle: "GridOracle", keeper: "WeightKeeper", setup: Setup, run: Callable[[Setup], None]
) -> Contenders | None:
    """Find out which trials may be the best after the first pass, and give up the others.

    Args:
        oracle: Knows the trials.
        keeper: Keeps all weights meanwhile.
        setup: What the search is made of.
        run: Runs the first pass, which it does unless it is known what that shows.

    Returns:
        Which trials get the other passes; None if all do.
    """
    if setup.only is None:
        return None
    store = keeper.store
    known = _known(oracle, store, setup)
    if known is not None:
        return known
    with keeper.keeping_all():
        run(setup_of_first_pass(setup))
    return _drop_others(oracle, store, setup)


def _known(oracle: "GridOracle", store: SearchStore, setup: Setup) -> Contenders | None:
    """What an earlier run with the same grid has found, if what it was found from is there."""
    record = store.peek_record()
    if record is None or record.contenders is None:
        return None
    if (record.asked, record.max_trials) != (asked(oracle.grid), oracle.max_trials):
        return None
    if record.identity.difference(setup.identity) is not None:
        return None
    there = {trial.trial_id for trial in first_pass(read_results(store)).completed}
    return record.contenders if there.issuperset(record.contenders.dropped) else None


def _drop_others(oracle: "GridOracle", store: SearchStore, setup: Setup) -> Contenders:
    """Give up what isn't a contender; a trial that has all passes already stays as it is."""
    first = first_pass(read_results(store))
    p = first_p_values(first)
    splits = range(len(setup.splits))
    for trial in first.completed:
        trial_id = trial.trial_id
        whole = {*splits} <= {*store.fold_numbers(trial_id)}
        if p[trial_id] <= LEVEL and not whole:
            oracle.give_up(trial_id, _told(trial, first, p[trial_id], len(splits)))
    return Contenders(
        kept=tuple(trial_id for trial_id in p if p[trial_id] > LEVEL),
        dropped=tuple(trial_id for trial_id in p if p[trial_id] <= LEVEL),
    )


def _told(trial: TrialResult, first: SearchResults, p: float, splits: int) -> str:
    sign = first.objective.sign
    best = max((t.mean or 0.0 for t in first.completed), key=lambda mean: sign * mean)
    return (
        f"given up after {first.splits} of {splits} folds: significantly worse than the best after "
        f"the first pass, {trial.mean:.6g} against {best:.6g}, p = {p:.3g}"
    )
