"""How often the verdict is wrong: searches whose trials are all the same model.

Every search here has trials that are equally good in truth, so that any trial that is told apart
from the best is a mistake. The share of searches with a mistake has to be 5 % at most.

Two kinds of search are simulated:

effects   A trial's score on a fold is `common effect of the fold + trial's own part`. Own parts
          of one trial on different folds are normal with correlation `overlap * 1 / folds`.
          Overlap 0 is what equal models with fresh seeds have. Overlap 1 is what the corrected
          t-test assumes for models that learn the same from the rows that their training sets
          share: n_test / (n_test + n_train). Beyond it the assumption is broken, and the table
          shows by how much that costs. `worse` trials are far below the others, and don't count.
          With `rows`, scores are the share of so many held-out rows that are right, so that they
          come in steps.
trained   Real training: every trial fits the same kind of classifier, least squares on random
          features, with its own seed per fold, to the k folds of one new sample of rows.

Example: python scripts/calibrate.py --searches 2000
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.comparison import LEVEL
from kt_grid.analysis.statistics import compare_with_best
from kt_grid.splitters.folds import KFold, make_splits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """One kind of search.

    Attributes:
        kind: "effects" or "trained".
        trials: Number of trials that are equally good.
        folds: Number of folds.
        overlap: Correlation of a trial's own parts, in units of 1 / folds.
        worse: Number of trials that are far worse.
        rows: Held-out rows whose share is the score; 0 for scores without steps.
        repeats: Passes over fresh folds.
    """

    kind: str
    trials: int
    folds: int
    overlap: float = 0.0
    worse: int = 0
    rows: int = 0
    repeats: int = 1


def scenarios() -> Iterator[Scenario]:
    """Yield what is simulated."""
    for folds in (2, 3, 5, 10):
        for trials in (2, 7, 30):
            for overlap in (0.0, 0.5, 1.0, *((2.0,) if folds > 2 else ())):
                yield Scenario("effects", trials, folds, overlap)
    for folds in (3, 10):
        yield Scenario("effects", 7, folds, 1.0, worse=7)
        yield Scenario("effects", 7, folds, 0.0, rows=256)
        yield Scenario("effects", 30, folds, 0.0, rows=20)
        yield Scenario("effects", 7, folds, 1.0, repeats=5)
        yield Scenario("trained", 7, folds)
        yield Scenario("trained", 7, folds, repeats=3)


def draw(scenario: Scenario, random: np.random.Generator) -> Floats:
    """Simulate one search.

    Args:
        scenario: The kind.
        random: Where draws come from.

    Returns:
        Scores of shape `(worse + trials, folds * repeats)`, the worse trials first.
    """
    equal = _trained(scenario, random) if scenario.kind == "trained" else _effects(scenario, random)
    worse = equal[: scenario.worse] - 50
    return np.vstack([worse, equal])


def _effects(scenario: Scenario, random: np.random.Generator) -> Floats:
    trials, units = scenario.trials, scenario.folds * scenario.repeats
    shared = scenario.overlap / scenario.folds
    own = np.sqrt(shared) * random.normal(size=(trials, 1))
    own = own + np.sqrt(1 - shared) * random.normal(size=(trials, units))
    fold = 2 * random.normal(size=units)
    if not scenario.rows:
        return np.asarray(own + fold)
    # One standard deviation of an own part is 2 % of the rows, about as much as a seed moves.
    chances = np.clip(0.7 + 0.02 * fold + 0.02 * own, 0, 1)
    return np.asarray(random.binomial(scenario.rows, chances) / scenario.rows)


def _trained(scenario: Scenario, random: np.random.Generator) -> Floats:
    x = random.normal(size=(300, 5))
    y = np.sign(x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size=300))
    scores = []
    for _ in range(scenario.repeats):
        cv = KFold(scenario.folds, shuffle=True, random_state=int(random.integers(2**31)))
        for train, test in make_splits(cv, len(x)):
            scores.append([_fit(x, y, train, test, random) for _ in range(scenario.trials)])
    return np.array(scores).T


def _fit(
    x: Floats,
    y: Floats,
    train: npt.NDArray[np.intp],
    test: npt.NDArray[np.intp],
    random: np.random.Generator,
) -> float:
    hidden = np.tanh(x @ random.normal(size=(5, 12)) + random.normal(size=12))
    weights, *_ = np.linalg.lstsq(hidden[train], y[train], rcond=None)
    return float(np.mean(np.sign(hidden[test] @ weights) == y[test]))


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
    test_rows = 300 / scenario.folds if scenario.kind == "trained" else scenario.rows
    resolution = 1 / test_rows if test_rows else 0.0
    ratio = 1 / (scenario.folds - 1)
    wrong = 0
    for _ in range(searches):
        p = compare_with_best(draw(scenario, random), ratio, resolution)
        wrong += bool((p[scenario.worse :] <= LEVEL).any())
    return wrong / searches


def main(write: Callable[[str], None] = print) -> None:
    """Print a Markdown table of all scenarios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=2000, help="searches per line")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write("| kind | trials | worse | folds | repeats | overlap | rows | wrong |")
    write("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for s in scenarios():
        searches = max(1, given.searches // (10 if s.kind == "trained" else 1))
        share = count_mistakes(s, searches, given.seed)
        cells = (s.kind, s.trials, s.worse, s.folds, s.repeats, s.overlap, s.rows or "")
        write(f"| {' | '.join(map(str, cells))} | {share:.2%} |")


if __name__ == "__main__":
    main()
