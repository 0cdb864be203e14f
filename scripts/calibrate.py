"""How often the verdict is wrong, and how much it sees, on searches whose truth is known.

False claims: searches among whose trials some are equally good in truth. A search counts as wrong
if one of these is called significantly worse. That has to be so in 5 % of searches at most, but for
the scenarios whose name says what is known to exceed it.

Power: the share of trials called significantly worse that are worse by so much in truth, where
scores on a fold vary by .015 to .045 beyond what all trials share.

--keras trains the same Keras model under so many seeds on the bundled rows, and takes searches of
seven of them for equal trials: with real noise, real folds and real rows. It takes minutes.

Examples:
    python scripts/calibrate.py --searches 1000
    python scripts/calibrate.py --only folds-2 --only even
    python scripts/calibrate.py --searches 2000 --keras 40
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, confidence_set, fold_overlap

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator], Floats]

ROWS = 800
GAPS = (0.02, 0.05, 0.10, 0.30)


@dataclass(frozen=True)
class Scenario:
    """One kind of search.

    Attributes:
        name: What it is.
        draw: Simulates one search's scores, shape `(trials, passes, folds)`.
        design: How its splits measure.
        equal: Number of trials, the first ones, that are equally good and better than the others.
    """

    name: str
    draw: Draw
    design: Design
    equal: int


def normal(trials: int, passes: int, folds: int, random: np.random.Generator) -> Floats:
    """Even noise, and a common effect of each fold."""
    own = random.normal(size=(trials, passes, folds))
    return np.asarray(own + 3 * random.normal(size=(1, passes, folds)))


def spread(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Standard deviations from 1 to 5."""
    deviations = random.uniform(1, 5, (trials, 1, 1))
    return np.asarray(deviations * random.normal(size=(trials, 1, folds)))


def one_noisier(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """One trial has five times the deviation of the others."""
    scores = random.normal(size=(trials, 1, folds))
    scores[0] *= 5
    return scores


def heavy(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Losses with heavy tails: Student's t with three degrees of freedom."""
    return random.standard_t(3, size=(trials, 1, folds))


def half_constant(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Half of the trials always answer one class, and so score the same on each fold."""
    scores = random.normal(size=(trials, 1, folds))
    scores[: trials // 2] = 0
    return scores + random.normal(size=(1, 1, folds))


def collapsed(trials: int, passes: int, folds: int, random: np.random.Generator) -> Floats:
    """The last trial, which is worse in truth, is 15 deviations low on one fold."""
    scores = normal(trials, passes, folds, random)
    scores[-1, 0, 0] -= 15
    return scores


def ceiling(
    trials: int, folds: int, rows: int, chance: float, random: np.random.Generator
) -> Floats:
    """Accuracies in steps: so many rows of a fold, each right by chance."""
    return np.asarray(random.binomial(rows, chance, (trials, 1, folds)) / rows)


def auc(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Areas under ROC curves of five positives and 50 negatives."""
    positive = random.normal(1.5, 1, (trials, 1, folds, 5, 1))
    negative = random.normal(0, 1, (trials, 1, folds, 1, 50))
    return np.asarray((positive > negative).mean(axis=(3, 4)))


def with_bad(equal: int, bad: int, folds: int, random: np.random.Generator) -> Floats:
    """Equal trials beside such as are far worse."""
    scores = normal(equal + bad, 1, folds, random)
    scores[equal:] -= 20
    return scores


def groups(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Folds of whole groups: of unequal size, so that noise differs from fold to fold."""
    return np.asarray(random.normal(size=(trials, 1, folds)) * np.linspace(1, 3, folds))


def repeated(
    trials: int, passes: int, folds: int, seed: float, random: np.random.Generator
) -> Floats:
    """Passes over the same rows: each trial's rows are easy or hard for it, and seeds add to it."""
    rows = random.normal(size=(trials, 300)) * np.sqrt(300 / folds)
    scores = np.empty((trials, passes, folds))
    for turn in range(passes):
        order = random.permutation(300)
        scores[:, turn] = rows[:, order].reshape(trials, folds, -1).mean(axis=2)
    return scores + seed * random.normal(size=scores.shape)


def drawn(trials: int, splits: int, random: np.random.Generator) -> Floats:
    """Splits drawn at random, a fifth of 300 rows held out; models fit half of what they share."""
    rows = random.normal(size=(trials, 300))
    scores = np.stack(
        [rows[:, random.choice(300, 60, replace=False)].mean(axis=1) for _ in range(splits)], axis=1
    )
    return np.asarray(scores + 0.05 * random.normal(size=scores.shape))[:, None]


def overlapping(trials: int, folds: int, theta: float, random: np.random.Generator) -> Floats:
    """Own parts on two folds correlate as training rows in common make them, in units of 1 / k."""
    shared = theta / folds
    own = np.sqrt(shared) * random.normal(size=(trials, 1, 1))
    return np.asarray(own + np.sqrt(1 - shared) * random.normal(size=(trials, 1, folds)))


def prefixes(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Trials in groups of three that correlate by .8, as the same training after more epochs."""
    common = np.repeat(random.normal(size=(-(-trials // 3), 1, folds)), 3, axis=0)[:trials]
    return np.asarray(np.sqrt(0.8) * common + np.sqrt(0.2) * random.normal(size=(trials, 1, folds)))


def scenarios() -> Iterator[Scenario]:
    """Yield what is simulated for false claims."""

    def at(folds: int, step: float | None = 0.0) -> Design:
        return Design(fold_overlap(folds, ROWS), step)

    for folds in (3, 5, 10):
        for trials in (2, 7, 30, 50):
            name = f"even-{trials}-{folds}"
            yield Scenario(name, partial(normal, trials, 1, folds), at(folds), trials)
        yield Scenario(f"spread-7-{folds}", partial(spread, 7, folds), at(folds), 7)
        yield Scenario(f"spread-30-{folds}", partial(spread, 30, folds), at(folds), 30)
        yield Scenario(f"heavy-7-{folds}", partial(heavy, 7, folds), at(folds), 7)
        yield Scenario(f"heavy-30-{folds}", partial(heavy, 30, folds), at(folds, None), 30)
        yield Scenario(f"half-constant-8-{folds}", partial(half_constant, 8, folds), at(folds), 8)
        yield Scenario(f"collapsed-8-{folds}", partial(collapsed, 8, 1, folds), at(folds), 7)
        name = f"ceiling-7-{folds}"
        yield Scenario(name, partial(ceiling, 7, folds, 50, 0.98), at(folds, 1 / 50), 7)
        name = f"ties-7-{folds}"
        yield Scenario(name, partial(ceiling, 7, folds, 20, 0.7), at(folds, 1 / 20), 7)
        yield Scenario(f"auc-7-{folds}", partial(auc, 7, folds), at(folds, None), 7)
        yield Scenario(f"pair-and-bad-{folds}", partial(with_bad, 2, 5, folds), at(folds), 2)
        yield Scenario(f"groups-7-{folds}", partial(groups, 7, folds), at(folds), 7)
        name = f"rows-200-overlap-7-{folds}"
        whole = Design(fold_overlap(folds, 200), 0.0)
        yield Scenario(name, partial(overlapping, 7, folds, 1.0), whole, 7)
        name = f"rows-400-half-overlap-7-{folds}"
        half = Design(fold_overlap(folds, 400), 0.0)
        yield Scenario(name, partial(overlapping, 7, folds, 0.5), half, 7)
    for passes, folds in ((3, 5), (5, 3), (10, 10)):
        for seed in (0.3, 2.0):
            name = f"passes-{passes}x{folds}-7-seed-{seed}"
            draw = partial(repeated, 7, passes, folds, seed)
            yield Scenario(name, draw, at(folds), 7)
        name = f"passes-{passes}x{folds}-2"
        yield Scenario(name, partial(repeated, 2, passes, folds, 1.0), at(folds), 2)
        name = f"passes-{passes}x{folds}-collapsed-8"
        yield Scenario(name, partial(collapsed, 8, passes, folds), at(folds), 7)
    for splits in (3, 10):
        name = f"shuffle-split-7-{splits}"
        yield Scenario(name, partial(drawn, 7, splits), Design(0.25, 0.0), 7)
    yield Scenario("excess: one-noisier-7-3", partial(one_noisier, 7, 3), at(3), 7)
    yield Scenario("excess: spread-7-folds-2", partial(spread, 7, 2), at(2), 7)
    yield Scenario("excess: spread-30-folds-2", partial(spread, 30, 2), at(2), 30)
    yield Scenario("excess: prefixes-30-3", partial(prefixes, 30, 3), at(3), 30)


def count_mistakes(scenario: Scenario, searches: int, seed: int = 0) -> float:
    """Simulate searches and count those in which equal trials are told apart.

    Args:
        scenario: The kind of search.
        searches: How many.
        seed: Seed of the simulation.

    Returns:
        The share of searches with a mistake.
    """
    random = np.random.default_rng(seed)
    wrong = 0
    for number in range(searches):
        found = confidence_set(scenario.draw(random), scenario.design, seed=number)
        wrong += bool(found.worse[: scenario.equal].any())
    return wrong / searches


def measure_power(trials: int, folds: int, searches: int, seed: int = 0) -> list[float]:
    """Simulate searches of which half the trials are equal, the others worse.

    Returns:
        The share told apart of those that are worse, by GAPS.
    """
    random = np.random.default_rng(seed)
    equal = trials - len(GAPS) * (trials // 2 // len(GAPS) or 1)
    behind = np.concatenate([np.zeros(equal), np.resize(GAPS, trials - equal)])
    told = np.zeros(trials)
    for number in range(searches):
        own = random.uniform(0.015, 0.045, (trials, 1, 1)) * random.normal(size=(trials, 1, folds))
        scores = own + 0.02 * random.normal(size=(1, 1, folds)) - behind[:, None, None]
        found = confidence_set(scores, Design(fold_overlap(folds, ROWS), 0.0), seed=number)
        told += found.worse
    return [float(told[behind == gap].mean() / searches) for gap in GAPS]


def trained(seeds: int, folds: int) -> Floats:
    """Train one Keras model under many seeds on the bundled rows; accuracies `(seeds, folds)`."""
    import keras

    from kt_grid import data
    from kt_grid.splitters.folds import KFold, make_splits

    table = data.read_csv(data.bundled())
    x, y = np.asarray(table.x, dtype="float32"), np.asarray(table.y)
    scores = np.empty((seeds, folds))
    for seed in range(seeds):
        for fold, (train, test) in enumerate(make_splits(KFold(folds), len(x))):
            keras.utils.set_random_seed(1000 * fold + seed)
            model = keras.Sequential(
                [keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1, "sigmoid")]
            )
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            model.fit(x[train], y[train], batch_size=40, epochs=10, verbose=0)
            scores[seed, fold] = model.evaluate(x[test], y[test], verbose=0)[1]
    return scores


def _resampled(pool: Floats, trials: int, random: np.random.Generator) -> Floats:
    chosen = np.stack([random.choice(column, trials, replace=False) for column in pool.T], axis=1)
    return np.asarray(chosen)[:, None]


def main(write: Callable[[str], None] = print) -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=1000, help="searches per line")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", action="append", default=[], help="scenarios whose name holds this; repeatable"
    )
    parser.add_argument(
        "--keras", type=int, default=0, metavar="SEEDS", help="also train so many seeds"
    )
    given = parser.parse_args()
    write("| equal trials, kind-number-folds | searches with a false claim |\n| --- | ---: |")
    for scenario in _chosen(given.only, given.keras):
        share = count_mistakes(scenario, given.searches, given.seed)
        write(f"| {scenario.name} | {share:.1%} |")
    if given.only:
        return
    heads = " | ".join(f"worse by {gap:.2f}" for gap in GAPS)
    write(f"\n| trials, folds | {heads} |\n| --- |{' ---: |' * len(GAPS)}")
    for trials, folds in ((7, 3), (7, 10), (30, 3), (30, 10), (50, 3)):
        shares = measure_power(trials, folds, max(1, given.searches // 2), given.seed)
        write(f"| {trials}, {folds} | {' | '.join(f'{share:.0%}' for share in shares)} |")


def _chosen(only: list[str], seeds: int) -> Iterator[Scenario]:
    for scenario in scenarios():
        if not only or any(word in scenario.name for word in only):
            yield scenario
    if seeds:
        pool = trained(seeds, 3)
        design = Design(fold_overlap(3, 768), 1 / 256)
        yield Scenario("keras-seeds-7-3", partial(_resampled, pool, 7), design, 7)
        collapsed_half = pool.copy()
        collapsed_half[::2] = pool.mean(axis=0)
        half = replace(design, step=None)
        yield Scenario("keras-half-constant-7-3", partial(_resampled, collapsed_half, 7), half, 7)


if __name__ == "__main__":
    main()
