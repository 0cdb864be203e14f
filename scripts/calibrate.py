"""How often the verdict is wrong, and how much it sees, on searches whose truth is known.

False claims: searches among whose trials some are equally good in truth. A search counts as wrong
if one of these is called significantly worse. That has to be so in 5 % of searches at most, but for
the scenarios whose name says what is known to exceed it; there the verdict says so. Of a race and
of passes for contenders only, a search counts as wrong if a trial that is as good as the best is
given up or called worse at any time. Of axes, if values are called worse that are equally good on
average.

Power: the share of trials, or of axes, called significantly worse that are worse by so much in
truth, where scores on a fold vary by .015 to .045 beyond what all trials share.

--keras trains the same Keras model under so many seeds on the bundled rows, and takes searches of
seven of them for equal trials: with real noise, real folds and real rows. It takes minutes.

Examples:
    python scripts/calibrate.py --searches 1000
    python scripts/calibrate.py --only folds-2 --only even
    python scripts/calibrate.py --only keras --keras 40 --searches 2000
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, confidence_set, fold_overlap
from kt_grid.analysis.contenders import FIRST, REST
from kt_grid.analysis.effects import main_effects
from kt_grid.analysis.measurement import measure_splits
from kt_grid.search.racing import Race, Rivals
from kt_grid.space import combinations, make_axes
from kt_grid.space.objective import Objective
from kt_grid.store.records import SplitFacts

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator], Floats]
Claims = Callable[[Floats, int], Booleans]

ROWS = 800
GAPS = (0.02, 0.05, 0.10, 0.30)


@dataclass(frozen=True)
class Scenario:
    """One kind of search.

    Attributes:
        name: What it is.
        draw: Simulates one search's scores, shape `(trials, passes, folds)`, higher is better.
        claims: Of such scores and a seed: which of the trials, or values of axes, are called worse.
        equal: Number of these, the first ones, that are equally good and better than the others.
    """

    name: str
    draw: Draw
    claims: Claims
    equal: int


def by_set(design: Design, scores: Floats, seed: int) -> Booleans:
    """What the set says of complete trials."""
    return confidence_set(scores, design, seed=seed).worse


def by_contenders(design: Design, scores: Floats, seed: int) -> Booleans:
    """What is said where all passes but the first are for contenders."""
    worse = confidence_set(scores[:, :1], design, FIRST, seed=seed).worse
    kept = np.flatnonzero(~worse)
    if len(kept) > 1:
        worse[kept] = confidence_set(scores[kept], design, REST, seed=seed).worse
    return worse


def by_contenders_on_the_same_folds(design: Design, scores: Floats, seed: int) -> Booleans:
    """The same where passes have the same folds, so that their mean counts."""
    worse = confidence_set(scores[:, :1], design, FIRST, seed=seed).worse
    kept = np.flatnonzero(~worse)
    if len(kept) > 1:
        means = scores[kept].mean(axis=1, keepdims=True)
        worse[kept] = confidence_set(means, design, REST, seed=seed).worse
    return worse


def by_race(race: Race, scores: Floats, seed: int) -> Booleans:
    """Which trials a race gives up, one after the other in a random order."""
    flat = -scores.reshape(len(scores), -1)
    pruned = np.zeros(len(flat), dtype=np.bool_)
    complete: list[list[float]] = []
    best = 0
    for number in np.random.default_rng(seed).permutation(len(flat)):
        row = flat[number].tolist()
        looks = race.looks if complete else ()
        pruned[number] = any(race.judge(row[:n], Rivals(complete, best)) for n in looks)
        if not pruned[number]:
            complete.append(row)
            best = min(range(len(complete)), key=lambda i: sum(complete[i]))
    return pruned


def by_axes(grid: dict[str, list[int]], design: Design, scores: Floats, _: int) -> Booleans:
    """What is said of the values of all axes, one after the other."""
    axes = make_axes(grid)
    effects = main_effects(axes, [*combinations(axes)], scores, design)
    return np.array([worse for effect in effects for worse in effect.worse], dtype=np.bool_)


def make_test(folds: int, passes: int = 1) -> Race:
    """A race by a test, on losses."""
    held_out = ROWS // folds
    rows = ((ROWS - held_out, held_out),) * folds * passes
    facts = SplitFacts(rows, fresh_folds=True)
    objective, count = Objective("val_loss", "min"), len(rows)
    measurement = measure_splits(objective, count, passes, facts, "KFold", held_out * folds)
    return Race("test", objective, count, measurement)


def normal(trials: int, passes: int, folds: int, random: np.random.Generator) -> Floats:
    """Even noise, and a common effect of each fold."""
    own = random.normal(size=(trials, passes, folds))
    return np.asarray(own + 3 * random.normal(size=(1, passes, folds)))


def spread(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Standard deviations from 1 to 5."""
    deviations = random.uniform(1, 5, (trials, 1, 1))
    return np.asarray(deviations * random.normal(size=(trials, 1, folds)))


def one_noisier(trials: int, folds: int, times: float, random: np.random.Generator) -> Floats:
    """One trial has so many times the deviation of the others."""
    scores = random.normal(size=(trials, 1, folds))
    scores[0] *= times
    return scores


def heavy(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Losses with heavy tails: Student's t with three degrees of freedom."""
    return random.standard_t(3, size=(trials, 1, folds))


def half_constant(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Half of the trials always answer one class, and so score the same on each fold."""
    scores = random.normal(size=(trials, 1, folds))
    scores[: trials // 2] = 0
    return scores + random.normal(size=(1, 1, folds))


def interacting(
    grid: Sequence[int], folds: int, strength: float, random: np.random.Generator
) -> Floats:
    """A grid whose axes interact, but make no difference on average."""
    table = random.normal(size=tuple(grid))
    for axis in range(len(grid)):
        table -= table.mean(axis=axis, keepdims=True)
    trials = table.size
    own = random.normal(size=(trials, 1, folds)) + 3 * random.normal(size=(1, 1, folds))
    return np.asarray(strength * table.reshape(trials, 1, 1) + own)


def whole_groups(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Accuracies on folds of whole groups: 30 groups of unequal size, alike within themselves."""
    sizes = random.integers(3, 40, 30)
    fold = np.arange(30) % folds
    easy = random.normal(size=30)
    chance = 1 / (1 + np.exp(-(1 + easy + 0.7 * random.normal(size=(trials, 30)))))
    right = random.binomial(sizes, chance)
    held_out = [fold == number for number in range(folds)]
    scores = [right[:, own].sum(axis=1) / sizes[own].sum() for own in held_out]
    return np.stack(scores, axis=1)[:, None]


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
    trials: int,
    passes: int,
    folds: int,
    seed: float,
    random: np.random.Generator,
    *,
    fresh: bool = True,
) -> Floats:
    """Passes over the same rows: each trial's rows are easy or hard for it, and seeds add to it."""
    rows = random.normal(size=(trials, 300)) * np.sqrt(300 / folds)
    scores = np.empty((trials, passes, folds))
    order = random.permutation(300)
    for turn in range(passes):
        order = random.permutation(300) if fresh else order
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


def related(
    trials: int, group: int, shared: float, folds: int, random: np.random.Generator
) -> Floats:
    """Trials in groups that correlate, as the same training after more epochs."""
    common = np.repeat(random.normal(size=(-(-trials // group), 1, folds)), group, axis=0)[:trials]
    own = random.normal(size=(trials, 1, folds))
    return np.asarray(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)


def scenarios() -> Iterator[Scenario]:
    """Yield what is simulated for false claims."""
    yield from one_pass()
    yield from several_passes()
    yield from races()
    yield from axes()
    for trials, folds, times in ((4, 3, 10), (7, 3, 5), (4, 2, 10), (7, 2, 5), (7, 2, 20)):
        name = f"excess: one-{times}-times-noisier-{trials}-{folds}"
        draw = partial(one_noisier, trials, folds, times)
        yield Scenario(name, draw, partial(by_set, of_folds(folds)), trials)
    for trials, group, shared in ((30, 15, 0.9), (30, 3, 0.95), (12, 6, 0.95), (6, 3, 0.95)):
        name = f"excess: correlated-groups-of-{group}-{trials}-3"
        draw = partial(related, trials, group, shared, 3)
        yield Scenario(name, draw, partial(by_set, of_folds(3)), trials)


def of_folds(folds: int, step: float | None = 0.0, rows: int = ROWS) -> Design:
    """How folds of a pass measure."""
    return Design(fold_overlap(folds, rows), step)


def one_pass() -> Iterator[Scenario]:
    """Complete trials of one pass."""

    def among(name: str, draw: Draw, design: Design, equal: int) -> Scenario:
        return Scenario(name, draw, partial(by_set, design), equal)

    for folds in (3, 5, 10):
        at, unknown = of_folds(folds), of_folds(folds, None)
        for trials in (2, 7, 30, 50):
            yield among(f"even-{trials}-{folds}", partial(normal, trials, 1, folds), at, trials)
        yield among(f"spread-7-{folds}", partial(spread, 7, folds), at, 7)
        yield among(f"spread-30-{folds}", partial(spread, 30, folds), at, 30)
        yield among(f"heavy-7-{folds}", partial(heavy, 7, folds), at, 7)
        yield among(f"heavy-30-{folds}", partial(heavy, 30, folds), unknown, 30)
        yield among(f"half-constant-8-{folds}", partial(half_constant, 8, folds), at, 8)
        yield among(f"collapsed-8-{folds}", partial(collapsed, 8, 1, folds), at, 7)
        of_50, of_20, of_10 = (of_folds(folds, 1 / rows) for rows in (50, 20, 10))
        yield among(f"ceiling-7-{folds}", partial(ceiling, 7, folds, 50, 0.98), of_50, 7)
        yield among(f"ties-7-{folds}", partial(ceiling, 7, folds, 20, 0.7), of_20, 7)
        yield among(f"heavy-ties-30-{folds}", partial(ceiling, 30, folds, 10, 0.9), of_10, 30)
        yield among(f"auc-7-{folds}", partial(auc, 7, folds), unknown, 7)
        yield among(f"pair-and-bad-{folds}", partial(with_bad, 2, 5, folds), at, 2)
        yield among(f"uneven-folds-7-{folds}", partial(groups, 7, folds), at, 7)
        in_groups = of_folds(folds, 1 / 200, 600)
        yield among(f"whole-groups-7-{folds}", partial(whole_groups, 7, folds), in_groups, 7)
        whole, half = of_folds(folds, rows=200), of_folds(folds, rows=400)
        name = f"rows-200-overlap-7-{folds}"
        yield among(name, partial(overlapping, 7, folds, 1.0), whole, 7)
        name = f"rows-400-half-overlap-7-{folds}"
        yield among(name, partial(overlapping, 7, folds, 0.5), half, 7)
    for splits in (3, 10):
        name = f"shuffle-split-7-{splits}"
        yield among(name, partial(drawn, 7, splits), Design(0.25, 0.0), 7)
    yield among("prefixes-30-3", partial(related, 30, 3, 0.8, 3), of_folds(3), 30)
    yield among("spread-7-2", partial(spread, 7, 2), of_folds(2), 7)


def several_passes() -> Iterator[Scenario]:
    """Trials of several passes, and such as have them only if they may be the best."""
    for passes, folds in ((3, 5), (5, 3), (10, 10)):
        complete = partial(by_set, of_folds(folds))
        for seed in (0.3, 2.0):
            name = f"passes-{passes}x{folds}-7-seed-{seed}"
            yield Scenario(name, partial(repeated, 7, passes, folds, seed), complete, 7)
        name = f"passes-{passes}x{folds}-2"
        yield Scenario(name, partial(repeated, 2, passes, folds, 1.0), complete, 2)
        name = f"passes-{passes}x{folds}-collapsed-8"
        yield Scenario(name, partial(collapsed, 8, passes, folds), complete, 7)
    for passes, folds in ((5, 3), (3, 10)):
        chosen = partial(by_contenders, of_folds(folds))
        for trials in (2, 7, 30):
            name = f"contenders-{passes}x{folds}-{trials}"
            draw = partial(repeated, trials, passes, folds, 1.0)
            yield Scenario(name, draw, chosen, trials)
        again = partial(by_contenders_on_the_same_folds, of_folds(folds))
        name = f"contenders-{passes}x{folds}-same-folds-7"
        draw = partial(repeated, 7, passes, folds, 1.0, fresh=False)
        yield Scenario(name, draw, again, 7)
    bad = partial(by_contenders, of_folds(3))
    yield Scenario("contenders-3x3-collapsed-8", partial(collapsed, 8, 3, 3), bad, 7)


def races() -> Iterator[Scenario]:
    """Races by a test: equal trials, uneven noise, a tied pair with bad ones, several passes."""
    for folds in (5, 10):
        test = partial(by_race, make_test(folds))
        for trials in (2, 7, 30):
            name = f"racing-even-{trials}-{folds}"
            yield Scenario(name, partial(normal, trials, 1, folds), test, trials)
        yield Scenario(f"racing-spread-7-{folds}", partial(spread, 7, folds), test, 7)
        yield Scenario(f"racing-pair-and-bad-{folds}", partial(with_bad, 2, 5, folds), test, 2)
        for trials in (7, 30):
            # Of equal trials each is as likely to be given up, so this is about a single one.
            name = f"racing-the-best-of-{trials}-{folds}"
            yield Scenario(name, partial(normal, trials, 1, folds), test, 1)
            name = f"racing-the-best-of-{trials}-spread-{folds}"
            yield Scenario(name, partial(spread, trials, folds), test, 1)
    several = partial(by_race, make_test(3, 5))
    yield Scenario("racing-5x3-7", partial(repeated, 7, 5, 3, 1.0), several, 7)


def axes() -> Iterator[Scenario]:
    """Values of axes, averaged over the others."""
    for shape in ((10, 5), (3, 3), (4, 3, 2)):
        grid = {name: list(range(size)) for name, size in zip("abc", shape, strict=False)}
        for folds in (3, 10):
            claims = partial(by_axes, grid, of_folds(folds))
            called = "x".join(map(str, shape))
            for kind, strength in (("equal", 0.0), ("interacting", 3.0)):
                name = f"axes-{called}-{kind}-{folds}"
                draw = partial(interacting, shape, folds, strength)
                yield Scenario(name, draw, claims, sum(shape))


def count_mistakes(scenario: Scenario, searches: int, seed: int = 0) -> float:
    """Simulate searches and count those in which what is equal is told apart.

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
        claims = scenario.claims(scenario.draw(random), number)
        wrong += bool(claims[: scenario.equal].any())
    return wrong / searches


def noisy(trials: int, folds: int, random: np.random.Generator) -> Floats:
    """Scores of equal trials whose own deviations on a fold are .015 to .045."""
    own = random.uniform(0.015, 0.045, (trials, 1, 1)) * random.normal(size=(trials, 1, folds))
    return np.asarray(own + 0.02 * random.normal(size=(1, 1, folds)))


def measure_power(
    trials: int, folds: int, searches: int, seed: int = 0, collapse: float = 0.0
) -> list[float]:
    """Simulate searches of which half the trials are equal, the others worse.

    Args:
        trials: In a search.
        folds: Of a trial.
        searches: How many.
        seed: Seed of the simulation.
        collapse: How low a fold of the first trial is.

    Returns:
        The share told apart of those that are worse, by GAPS.
    """
    random = np.random.default_rng(seed)
    equal = trials - len(GAPS) * (trials // 2 // len(GAPS) or 1)
    behind = np.concatenate([np.zeros(equal), np.resize(GAPS, trials - equal)])
    told = np.zeros(trials)
    for number in range(searches):
        scores = noisy(trials, folds, random) - behind[:, None, None]
        scores[0, 0, 0] -= collapse
        told += by_set(of_folds(folds), scores, number)
    return [float(told[behind == gap].mean() / searches) for gap in GAPS]


def measure_power_of_axes(
    shape: tuple[int, int], folds: int, searches: int, seed: int = 0
) -> list[float]:
    """Simulate grids on which one value of the first axis is behind.

    Returns:
        The share of grids in which it is called worse, by GAPS.
    """
    random = np.random.default_rng(seed)
    grid = {name: list(range(size)) for name, size in zip("ab", shape, strict=True)}
    rows, columns = shape
    found = []
    for gap in GAPS:
        told = 0
        for number in range(searches):
            scores = noisy(rows * columns, folds, random)
            scores[:columns] -= gap
            told += bool(by_axes(grid, of_folds(folds), scores, number)[0])
        found.append(told / searches)
    return found


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
        "--only",
        action="append",
        default=[],
        help="scenarios whose name holds this, or power; repeatable",
    )
    parser.add_argument(
        "--keras", type=int, default=0, metavar="SEEDS", help="also train so many seeds"
    )
    given = parser.parse_args()
    write("| equal trials, kind-number-folds | searches with a false claim |\n| --- | ---: |")
    for scenario in _chosen(given.only, given.keras):
        share = count_mistakes(scenario, given.searches, given.seed)
        write(f"| {scenario.name} | {share:.1%} |")
    if given.only and "power" not in given.only:
        return
    heads = " | ".join(f"worse by {gap:.2f}" for gap in GAPS)
    write(f"\n| trials or axes, folds | {heads} |\n| --- |{' ---: |' * len(GAPS)}")
    searches = max(1, given.searches // 2)
    for trials, folds in ((7, 3), (7, 10), (30, 3), (30, 10), (50, 3)):
        _write_power(write, f"{trials}, {folds}", measure_power(trials, folds, searches))
    for trials, folds in ((7, 3), (7, 10)):
        found = measure_power(trials, folds, searches, collapse=0.5)
        _write_power(write, f"{trials} with a collapsed fold, {folds}", found)
    for shape, folds in (((10, 5), 3), ((10, 5), 10), ((3, 3), 3)):
        found = measure_power_of_axes(shape, folds, searches)
        _write_power(write, f"a value of an axis of {shape[0]} by {shape[1]}, {folds}", found)


def _write_power(write: Callable[[str], None], name: str, shares: list[float]) -> None:
    write(f"| {name} | {' | '.join(f'{share:.0%}' for share in shares)} |")


def _chosen(only: list[str], seeds: int) -> Iterator[Scenario]:
    for scenario in scenarios():
        if not only or any(word in scenario.name for word in only):
            yield scenario
    if seeds:
        pool = trained(seeds, 3)
        design = Design(fold_overlap(3, 768), 1 / 256)
        claims = partial(by_set, design)
        yield Scenario("keras-seeds-7-3", partial(_resampled, pool, 7), claims, 7)
        collapsed_half = pool.copy()
        collapsed_half[::2] = pool.mean(axis=0)
        half = partial(by_set, replace(design, step=None))
        yield Scenario("keras-half-constant-7-3", partial(_resampled, collapsed_half, 7), half, 7)


if __name__ == "__main__":
    main()
