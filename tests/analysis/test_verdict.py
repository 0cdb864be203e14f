"""The words: what is said of searches of every kind, and never more than noise allows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.verdict import judge
from kt_grid.store.results import read_results

TEN = {"folds": 10, "split_rows": [[900, 100]] * 10}


def around(mean, folds=10, spread=0.01, seed=0):
    """Scores around a mean."""
    return (mean + spread * np.random.RandomState(seed).normal(size=folds)).tolist()


@pytest.fixture
def verdict_on(make_search):
    def verdict_on(outcomes, grid=None, **about):
        grid = grid or {"n": list(range(1, 1 + max(len(outcomes), 1)))}
        return judge(analyse(read_results(make_search(grid, outcomes, **about))))

    return verdict_on


def test_a_winner(verdict_on):
    verdict = verdict_on([around(0.5), around(0.9, seed=1), around(0.6, seed=2)], **TEN)
    assert verdict.kind == "winner"
    assert verdict.headline == (
        "The winner is n=2 with a mean val_accuracy of 0.8990: it is significantly better than all "
        "2 others."
    )
    assert verdict.advice == ()


def test_a_winner_where_lower_is_better(verdict_on):
    scores = [around(0.5), around(0.9, seed=1), around(0.6, seed=2)]
    verdict = verdict_on(scores, objective="min:val_loss", **TEN)
    assert verdict.headline.startswith("The winner is n=1 with a mean val_loss of 0.")
    assert verdict.findings[0] == "Objective: mean val_loss over the folds, lower is better."


def test_some_cannot_be_told_from_the_best(verdict_on):
    scores = [around(0.5), around(0.9, seed=1), around(0.9, seed=2), around(0.4, seed=3)]
    verdict = verdict_on(scores, **TEN)
    assert verdict.kind == "tied"
    assert verdict.headline == (
        "No single winner: n=2 has the best mean val_accuracy, 0.8990, but 1 of the 3 others is "
        "not significantly different from it."
    )
    assert "Not significantly different from it: n=3." in verdict.findings
    assert "--repeats 5" in verdict.advice[0]


def test_a_long_list_is_cut(verdict_on):
    scores = [around(0.9, spread=0.05, seed=s) for s in range(8)] + [around(0.1)]
    (tied,) = [f for f in verdict_on(scores, **TEN).findings if f.startswith("Not significantly")]
    assert tied.count("n=") == 5
    assert tied.endswith("; and 2 more.")


@pytest.mark.parametrize(
    ("count", "others"),
    [pytest.param(2, "the other one", id="two"), pytest.param(4, "any of the 3 others", id="four")],
)
def test_none_can_be_told_from_the_best(verdict_on, count, others):
    verdict = verdict_on([around(0.7, 3, seed=s) for s in range(count)])
    assert verdict.kind == "tied"
    assert verdict.headline.startswith("No clear winner: n=")
    assert verdict.headline.endswith(f"but is not significantly different from {others}.")
    assert any(", a difference of about 0." in f for f in verdict.findings)
    assert verdict.advice[0] == "measure better, with --folds 10 in another --directory."


def test_where_no_difference_at_all_could_be_told(verdict_on):
    verdict = verdict_on([around(0.5, 2, 0.2, seed=s) for s in range(20)], folds=2)
    assert "With 2 folds and 20 combinations, no difference at all would be significant." in (
        verdict.findings
    )


@pytest.mark.parametrize(
    ("outcomes", "grid", "kind", "headline"),
    [
        pytest.param(
            [], [1, 2], "unknown", "No result yet: none of 2 combinations is finished.", id="none"
        ),
        pytest.param(
            [None], [1], "unknown", "No result yet: none of 1 combination is finished.", id="runs"
        ),
        pytest.param(
            ["a", "b"], [1, 2], "unknown", "No result: all 2 combinations failed.", id="all-failed"
        ),
        pytest.param(
            ["a"], [1, 2], "unknown", "No result: 1 of 2 combinations failed.", id="first-failed"
        ),
        pytest.param(
            [[0.5, 0.5, 0.5]],
            [1],
            "unknown",
            "Nothing to compare: n=1 is the only result, with a mean val_accuracy of 0.5000.",
            id="one",
        ),
        pytest.param(
            [[0.5, 0.6, 0.5], "bad", None],
            [1, 2, 3],
            "unknown",
            "So far (2 of 3 combinations finished): Nothing to compare: n=1 is the only "
            "result, with a mean val_accuracy of 0.5333.",
            id="mixed",
        ),
        pytest.param(
            [[0.5, 0.6, 0.5], [0.5, 0.6, 0.4]],
            [1, 2, 3],
            "tied",
            "So far (2 of 3 combinations finished): No clear winner: n=1 has the best mean "
            "val_accuracy, 0.5333, but is not significantly different from the other one.",
            id="unfinished",
        ),
    ],
)
def test_searches_with_little_in_them(verdict_on, outcomes, grid, kind, headline):
    verdict = verdict_on(outcomes, {"n": grid})
    assert (verdict.kind, verdict.headline) == (kind, headline)


def test_an_unfinished_search_goes_on(verdict_on):
    advice = verdict_on([[0.5, 0.6, 0.5]], {"n": [1, 2]}).advice
    assert advice[0] == "run the same command to resume."


def test_a_single_fold_names_no_winner(verdict_on):
    verdict = verdict_on([[0.5], [0.9]], folds=1)
    assert verdict.kind == "unknown"
    assert "No winner can be named: n=2 has the best val_accuracy, 0.9000" in verdict.headline
    assert "--folds 10" in verdict.advice[0]


def test_failures_are_counted(verdict_on):
    findings = verdict_on([[0.5, 0.6, 0.5], "bad", "bad"]).findings
    assert "2 combinations failed and are left out." in findings


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        pytest.param(
            0.3,
            "It is significantly better than always answering the most frequent class (0.3000).",
            id="far",
        ),
        pytest.param(0.898, "but not significantly", id="near"),
        pytest.param(0.95, "It is no better than always answering", id="above"),
    ],
)
def test_the_baseline(verdict_on, baseline, words):
    findings = verdict_on([around(0.9), around(0.5)], baseline=[baseline] * 10, **TEN).findings
    assert any(words in finding for finding in findings)


@pytest.mark.parametrize(
    ("values", "means", "words"),
    [
        pytest.param([1, 2, 4], [0.5, 0.6, 0.9], "n; try values above 4", id="upper-end"),
        pytest.param([0.1, 0.2, 0.4], [0.9, 0.6, 0.5], "n; try values below 0.1", id="lower-end"),
        pytest.param([0.0, 0.2, 0.4], [0.9, 0.6, 0.5], None, id="nothing-below-zero"),
        pytest.param([1, 2, 4], [0.9, 0.6, 0.5], None, id="nothing-below-one"),
        pytest.param([1, 2, 4], [0.5, 0.9, 0.6], None, id="in-the-middle"),
        pytest.param(["a", "b", "c"], [0.9, 0.5, 0.4], None, id="words"),
        pytest.param([True, False], [0.9, 0.5], None, id="booleans"),
    ],
)
def test_ends_of_an_axis(verdict_on, values, means, words):
    scores = [around(mean, seed=i) for i, mean in enumerate(means)]
    advice = " ".join(verdict_on(scores, {"n": values}, **TEN).advice)
    assert ("at the end of" in advice) == (words is not None)
    assert (words or "") in advice


def test_an_end_that_noise_explains_is_no_end(verdict_on):
    scores = [around(0.5, 3, 0.1, seed=s) for s in (0, 1, 2)]
    assert "at the end" not in " ".join(verdict_on(scores).advice)


def test_axes_are_ordered_by_what_they_explain(verdict_on):
    scores = [around(m, seed=i) for i, m in enumerate([0.1, 0.12, 0.9, 0.92])]
    findings = verdict_on(scores, {"a": ["x", "y"], "b": [1, 2]}, **TEN).findings
    wanted = "Share of the variance between combinations that an axis explains: a 100 %, b 0 %."
    assert wanted in findings


def test_repeats_split_the_variance(verdict_on):
    scores = [around(0.7, 6, seed=s) for s in range(2)]
    findings = verdict_on(scores, folds=6, repeats=2).findings
    assert any("by the fold and" in finding for finding in findings)


def test_a_closer_look_once_the_choice_is_narrow(verdict_on):
    scores = [around(mean, seed=i) for i, mean in enumerate([0.3, 0.5, 0.9, 0.6, 0.4])]
    advice = verdict_on(scores, {"n": [1, 5, 9, 13, 17]}, **TEN).advice
    assert advice == ("look closer, with --zoom: n=7,9,11.",)
    tied = [around(0.9, seed=i) for i in range(5)]
    assert "--zoom" not in " ".join(verdict_on(tied, {"n": [1, 5, 9, 13, 17]}, **TEN).advice)


def test_no_winner_is_named_beside_what_was_given_up(verdict_on):
    scores = [around(0.5), around(0.9, seed=1), (0.6, 0.6)]
    assert verdict_on([*scores[:2], around(0.6, seed=2)], **TEN).kind == "winner"
    verdict = verdict_on(scores, **TEN, racing="bound")
    assert verdict.kind == "tied"
    assert verdict.headline == (
        "No winner can be named: n=2 has the best mean val_accuracy, 0.8990, and is significantly "
        "better than the other complete one, but 1 of 3 combinations was pruned."
    )
    assert verdict.advice == (
        "to compare all combinations, run the same command without --racing.",
    )


@pytest.mark.parametrize(
    ("about", "finding"),
    [
        pytest.param({"racing": "bound"}, ", by --racing bound, and aren't compared.", id="bound"),
        pytest.param(
            {"racing": "test"},
            ", by --racing test, which may drop the best one, and aren't compared.",
            id="test",
        ),
        pytest.param({}, ", and aren't compared.", id="a later run has no race"),
    ],
)
def test_what_was_given_up_is_told(verdict_on, about, finding):
    scores = [around(0.9), around(0.9, seed=1), (0.6, 0.6), (0.1,)]
    verdict = verdict_on(scores, **TEN, **about)
    assert f"2 of 4 combinations were pruned early{finding}" in verdict.findings
    assert verdict.headline.endswith(
        "but is not significantly different from the other complete one."
    )


def test_what_was_given_up_counts_among_those_that_were_tried(verdict_on):
    scores = [around(0.9, 10, 0.05), around(0.85, 10, 0.05, seed=1)]
    few, many = (verdict_on([*scores, *[(0.1,)] * n], **TEN) for n in (1, 8))
    needed = [
        float(re.search(r"With 10 folds and \d+ combinations, .*? about ([\d.]+)", " ".join(f))[1])
        for f in (few.findings, many.findings)
    ]
    assert needed[0] < needed[1]


def test_another_metric_than_that_of_the_race(make_search):
    store = make_search({"n": [1, 2, 3]}, [around(0.9), (0.5,), around(0.9, seed=1)], **TEN)
    for trial_id in store.trial_ids():
        for record in store.read_folds(trial_id):
            scores = {**record.scores, "val_loss": 1 - record.scores["val_accuracy"]}
            store.write_fold(trial_id, replace(record, scores=scores), None)
    findings = judge(analyse(read_results(store, "val_loss"))).findings
    assert (
        "1 of 3 combinations was pruned early on max:val_accuracy, and isn't compared." in findings
    )


def test_the_end_of_an_axis_is_not_where_the_rest_was_given_up(verdict_on):
    rising = [around(0.2 + 0.1 * n, spread=0.001, seed=n) for n in range(4)]
    advice = "the best is at the end of n; try values above 4."
    assert advice in verdict_on(rising, **TEN).advice
    assert advice in verdict_on([(0.1,), *rising], {"n": [0, 1, 2, 3, 4]}, **TEN).advice
    assert advice not in verdict_on([*rising, (0.1,)], {"n": [1, 2, 3, 4, 5]}, **TEN).advice
