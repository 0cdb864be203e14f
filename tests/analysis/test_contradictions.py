"""Searches of all kinds, generated: what one sentence of a verdict says, no other one denies."""

import re

import numpy as np
import pytest

from kt_grid.analysis.comparison import LEVEL, analyse
from kt_grid.analysis.verdict import judge
from kt_grid.analysis.vocabulary import COMMAND_LINE
from kt_grid.analysis.wording import name
from kt_grid.report.formats import render
from kt_grid.space import combinations, make_axes
from kt_grid.store.results import read_results

GRIDS = (
    {"a": [1, 2, 3]},
    {"a": [1, 2, 3], "b": [1, 2, 4]},
    {"a": ["x", "y"], "b": [1, 2]},
    {"a": [1, 2, 3], "b": ["x", "y"], "c": [0.1]},
    {"a": [1, 2, 4], "b": ["x", "y"], "c": [0.1, 0.2]},
)
ROWS = 300
# The splitter, folds of a pass, passes, and whether these have folds of their own.
SPLITS = (
    ("KFold(3)", 3, 1, True),
    ("StratifiedKFold(10)", 10, 1, True),
    ("KFold(2)", 2, 1, True),
    ("GroupKFold(5)", 5, 1, True),
    ("LeaveOneOut()", 12, 1, True),
    ("Repeated(KFold(3, shuffle=True, random_state=0), 3)", 3, 3, True),
    ("Repeated(KFold(3), 3)", 3, 3, False),
    ("RepeatedStratifiedKFold(n_splits=5, n_repeats=2)", 5, 2, True),
    ("ShuffleSplit(4, test_size=0.2)", 4, 1, True),
    ("TimeSeriesSplit(3)", 3, 1, True),
    ("KFold(1)", 1, 1, True),
)
CONTENDERS = "contenders"


def rows_of(cv, folds, passes):
    """Rows that train and that are held out, by split."""
    if "TimeSeries" in cv:
        return [[ROWS * (n + 1), ROWS] for n in range(folds)]
    if "ShuffleSplit" in cv:
        return [[4 * ROWS, ROWS]] * folds
    if "LeaveOneOut" in cv:
        return [[folds - 1, 1]] * folds
    return [[ROWS * (folds - 1) or ROWS, ROWS]] * (folds * passes)


def simulated(random, trials, folds, passes, kind):
    """Scores of trials some of which are worse, with even or uneven noise; a fold may collapse."""
    gaps = random.choice([0, 0.02, 0.2], trials) * random.uniform(0, 1, trials)
    spread = random.choice([0.003, 0.03]) * random.uniform(0.3, 2, (trials, 1))
    splits = folds * passes
    scores = 0.7 - gaps[:, None] + spread * random.normal(size=(trials, splits))
    scores += 0.02 * random.normal(size=splits)
    if random.uniform() < 0.2:
        scores[random.randint(trials), 0] = 0.0
    if kind == "rows":
        return np.where(random.uniform(size=scores.shape) < scores, 1.0, 0.0)
    return 1 - scores if kind == "loss" else np.clip(np.round(scores * ROWS) / ROWS, 0, 1)


def outcomes_of(random, scores, folds, passes):
    """What became of the trials; and how, for search.json."""
    outcomes, about = scores.tolist(), {}
    fate = str(
        random.choice(["whole", "whole", "failed", "bound", "test", CONTENDERS, "unfinished"])
    )
    if fate == "failed":
        outcomes[random.randint(len(outcomes))] = "ValueError: no"
    elif fate == "unfinished":
        outcomes = outcomes[: max(1, len(outcomes) // 2)]
    elif fate in ("bound", "test"):
        about["racing"] = fate
        for number in range(1, len(outcomes), 2):
            outcomes[number] = tuple(outcomes[number][: max(1, len(outcomes[number]) // 2)])
    elif fate == CONTENDERS and passes > 1:
        first = scores[:, :folds].mean(axis=1)
        kept = np.abs(first - 0.7) < np.median(np.abs(first - 0.7)) + 0.03
        ids = [f"{number:04d}" for number in range(len(outcomes))]
        outcomes = [o if k else tuple(o[:folds]) for o, k in zip(outcomes, kept, strict=True)]
        about["contenders"] = {
            "kept": [i for i, k in zip(ids, kept, strict=True) if k],
            "dropped": [i for i, k in zip(ids, kept, strict=True) if not k],
        }
    return outcomes, about


@pytest.fixture
def generated(make_search):
    def generated(seed):
        random = np.random.RandomState(seed)
        grid = GRIDS[seed % len(GRIDS)]
        cv, folds, passes, fresh = SPLITS[seed % len(SPLITS)]
        trials = len([*combinations(make_axes(grid))])
        kind = "rows" if "LeaveOneOut" in cv else random.choice(["loss", "accuracy", "accuracy"])
        scores = simulated(random, trials, folds, passes, kind)
        outcomes, about = outcomes_of(random, scores, folds, passes)
        splits = folds * passes
        about |= {"folds": splits, "repeats": passes, "fresh_folds": fresh, "cv": cv}
        about |= {"split_rows": rows_of(cv, folds, passes), "rows": ROWS * folds}
        if kind != "loss":
            about["baseline"] = [float(random.choice([0.4, 0.69]))] * splits
        objective = "min:val_loss" if kind == "loss" else "max:val_accuracy"
        return read_results(make_search(grid, outcomes, objective=objective, **about))

    return generated


def parsed(pattern, lines):
    """The groups of the line that matches, if there is one."""
    found = [match for match in (re.search(pattern, line) for line in lines) if match]
    assert len(found) <= 1
    return found[0].groups() if found else None


def names(pattern, lines):
    """The combinations that a line lists."""
    found = parsed(pattern, lines)
    return [] if found is None else [n for n in found[0].split("; ") if "=" in n]


def check_standings(analysis, verdict, best):
    """Who is best, worse, and may be as good: each once, and as many as the headline says."""
    lines = verdict.lines()
    worse = names(r"^Significantly worse: (.+)\.$", lines)
    tied = names(r"^May be as good: (.+)\.$", lines)
    others = names(r"within one standard error of it: (.+?) \(", lines)
    others += names(r"misleads less, (.+?) \(", lines)
    assert not {best, *tied, *others} & {*worse}
    assert best not in tied
    counted = parsed(r"(\d+) of the (\d+) (?:complete )?others (?:is|are) significantly", lines)
    compared = len(analysis.compared)
    assert (counted is not None) == (0 < len(analysis.worse) < compared - 1)
    if counted:
        assert (int(counted[0]), int(counted[1])) == (len(analysis.worse), compared - 1)
    behind = {trial.trial.trial_id for trial in analysis.worse}
    for trial in analysis.compared:
        is_worse = analysis.standing(trial) == "worse"
        assert is_worse == (trial.trial.trial_id in behind)
        assert is_worse == (trial.p is not None and trial.p <= LEVEL)
    if verdict.kind == "winner":
        text = " ".join(lines)
        assert not re.search("may be as good|measure better|would be significant", text)
        assert not others
        assert len(analysis.pruned) == 0


def check_figures(analysis, lines, best_mean, sign):
    """What is expected on new rows isn't better than the best mean, and within its interval."""
    found = parsed(r"expect about ([-\d.e]+) \(95 % interval ([-\d.e]+) to ([-\d.e]+)\)", lines)
    if found:
        score, low, high = map(float, found)
        assert low <= score <= high
        assert sign * (score - best_mean) <= 1e-3 * max(1, abs(best_mean))
    told = parsed(r"a difference of about ([\d.e-]+) would be significant", lines)
    better = parsed(r"difference of about ([\d.e-]+) would then be significant", lines)
    if better and told:
        assert float(better[0]) <= float(told[0])


def check_axis(line, alike, best, sign):
    """What is said of an axis's values agrees with their means and with the best combination."""
    told = re.match(
        r"Averaged over the other axes, (\w+)=(.+?) (?:is|are) significantly worse than "
        r"\1=([\w.]+) \((.+) against (.+)\)(.*)\.$",
        line,
    )
    if told is None:
        return
    axis, values, top, behind, against, all_the_same = told.groups()
    assert axis not in alike
    assert top not in values.split(", ")
    assert all(sign * float(mean) <= sign * float(against) for mean in behind.split(", "))
    chosen = dict(pair.split("=") for pair in best.split(", "))[axis]
    assert (chosen in values.split(", ")) == bool(all_the_same)


def check_axes(lines, best, sign):
    """Axes that differ aren't alike, and only an end that is best is called one."""
    alike = parsed(r"on average, of (.+)\.$", lines)
    alike = re.split(r", | and ", alike[0]) if alike else []
    for line in lines:
        check_axis(line, alike, best, sign)
    text = " ".join(lines)
    for axis, value in re.findall(
        r"at the end of (\w+); try values (?:above|below) ([\w.]+)", text
    ):
        assert axis not in alike
        assert f"{axis}={value.rstrip('.')}" in best.split(", ")


@pytest.mark.parametrize("seed", range(110))
def test_no_two_sentences_contradict_each_other(generated, seed):
    results = generated(seed)
    analysis = analyse(results)
    verdict, sign = judge(analysis, COMMAND_LINE), results.objective.sign
    lines, text = verdict.lines(), " ".join(verdict.lines())
    headline = re.sub(r"^So far \(.+?\): ", "", lines[0])
    found = re.match(
        r"(?:Take |No winner can be named: |Nothing to compare: )?"
        r"(.+?)(?:: it)? (?:has the best|is the only)",
        headline,
    )
    best = found[1]
    means = {name(t.trial.parameters): t.trial.mean for t in analysis.trials}
    assert sign * means[best] == pytest.approx(max(sign * mean for mean in means.values()))
    check_standings(analysis, verdict, best)
    check_figures(analysis, lines, means[best], sign)
    check_axes(lines, best, sign)

    if not analysis.is_compared:
        said = re.sub("than always answering", "", text.partition("Next")[0])
        assert not re.search("ignificant(ly worse|ly better than (the|all)| for)", said)
        assert analysis.why_not or len(analysis.compared) == 1
    if analysis.worse:
        assert "no difference at all" not in text
        assert "about 100 % of the variance" not in text
        assert "no noise" not in text
    assert ("pruned early" in text) == bool(analysis.pruned)
    assert ("by the first of" in text) == bool(analysis.dropped)
    assert ("failed" in text) == bool(results.failed)
    assert ("run the same command to resume" in text) == (not results.complete)
    assert not ("more repeats won't help" in text and "measure better" in text)
    if "It is no better than always" in text:
        assert means[best] <= np.mean(results.baseline) + 1e-6
    if "No simpler one" in text:
        assert not re.search("^Simpler", text)
    if seed % 10 == 0:
        # The other forms say the same.
        for kind in ("table", "markdown", "json", "html"):
            assert len(render(results, kind)) > len(verdict.headline)


def test_generated_searches_are_of_all_kinds(generated):
    """Each thing that may be said is said somewhere."""
    text = " ".join(
        " ".join(judge(analyse(generated(seed)), COMMAND_LINE).lines()) for seed in range(110)
    )
    for said in (
        *("Take ", "No winner can be named", "So far (", "is the only", "may be as good"),
        *("Significantly worse: ", "significantly better than all", "failed and", "pruned early"),
        *("by the first of 3 passes", "No significant difference", "Averaged over the other axes"),
        *("Varies far more", "With 2 folds, equal", "Smoothed over the grid", "time series"),
        *("a single fold", "at the end of", "measure better", "It is no better than", "--zoom"),
    ):
        assert said in text, said
