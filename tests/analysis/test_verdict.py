"""The words: what is said of searches of every kind, and never more than noise allows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.verdict import judge
from kt_grid.analysis.vocabulary import COMMAND_LINE, PYTHON
from kt_grid.store.results import read_results

TEN = {"folds": 10, "split_rows": [[900, 100]] * 10}


def around(mean, folds=10, spread=0.01, seed=0):
    """Scores around a mean."""
    return (mean + spread * np.random.RandomState(seed).normal(size=folds)).tolist()


@pytest.fixture
def verdict_on(make_search):
    def verdict_on(outcomes, grid=None, words=COMMAND_LINE, **about):
        grid = grid or {"n": list(range(1, 1 + max(len(outcomes), 1)))}
        return judge(analyse(read_results(make_search(grid, outcomes, **about))), words)

    return verdict_on


def test_a_winner(verdict_on):
    verdict = verdict_on([around(0.5), around(0.9, seed=1), around(0.6, seed=2)], **TEN)
    assert verdict.kind == "winner"
    assert verdict.headline == (
        "Take n=2: it has the best mean val_accuracy, 0.8990, and is significantly better than all "
        "2 others."
    )
    assert verdict.advice == ()


def test_a_winner_where_lower_is_better(verdict_on):
    scores = [around(0.5), around(0.9, seed=1), around(0.6, seed=2)]
    verdict = verdict_on(scores, objective="min:val_loss", **TEN)
    assert verdict.headline.startswith("Take n=1: it has the best mean val_loss, 0.5")
    assert verdict.findings[0] == "Objective: mean val_loss over the folds, lower is better."


def test_some_may_be_as_good(verdict_on):
    scores = [around(0.5), around(0.9, seed=1), around(0.9, seed=2), around(0.4, seed=3)]
    verdict = verdict_on(scores, **TEN)
    assert verdict.kind == "tied"
    assert verdict.headline == (
        "Take n=2: it has the best mean val_accuracy, 0.8990. 2 of the 3 others are significantly "
        "worse; the other one may be as good."
    )
    assert "Significantly worse: n=1; n=4." in verdict.findings
    assert "May be as good: n=3." in verdict.findings
    assert "--cv shuffled-kfold --repeats 5" in verdict.advice[0]


def test_a_long_list_is_cut(verdict_on):
    scores = [around(0.9, spread=0.05, seed=s) for s in range(8)] + [around(0.1)]
    (tied,) = [f for f in verdict_on(scores, **TEN).findings if f.startswith("May be as good")]
    assert tied.count("n=") == 5
    assert tied.endswith("; and 2 more.")


@pytest.mark.parametrize(
    ("count", "others"),
    [
        pytest.param(2, "the other one", id="two"),
        pytest.param(4, "each of the 3 others", id="four"),
    ],
)
def test_all_may_be_as_good(verdict_on, count, others):
    verdict = verdict_on([around(0.7, 3, seed=s) for s in range(count)])
    assert verdict.kind == "tied"
    assert verdict.headline.startswith("Take n=")
    assert verdict.headline.endswith(f", but {others} may be as good.")
    assert any(", a difference of about 0." in f for f in verdict.findings)
    assert verdict.advice[0].startswith("measure better, with --folds 10 in another --directory")
    assert not any("simplest" in step for step in verdict.advice)


def test_where_no_difference_at_all_could_be_told(verdict_on):
    verdict = verdict_on([around(0.5, 2, 0.2, seed=s) for s in range(20)], folds=2)
    assert "With 2 folds, no difference at all would be significant for typical noise." in (
        verdict.findings
    )


def test_two_folds_say_what_they_cost(verdict_on):
    scores = [around(0.9, 2, 0.001), around(0.9, 2, 0.001, seed=1), around(0.2, 2, 0.001, seed=2)]
    findings = verdict_on(scores, folds=2, rows=120, split_rows=[[60, 60]] * 2).findings
    assert any(f.startswith("With 2 folds, equal combinations") for f in findings)
    assert any(f.startswith("This holds for these 120 rows") for f in findings)


@pytest.mark.parametrize(
    ("grid", "folds", "said"),
    [
        pytest.param({"epochs": [10, 20, 30]}, 3, True, id="longer trainings"),
        pytest.param({"n": [10, 20, 30]}, 3, False, id="other trainings"),
        pytest.param({"epochs": [10, 20, 30]}, 10, False, id="more folds"),
        pytest.param({"epochs": [10], "n": [1, 2, 3]}, 3, False, id="one number of epochs"),
    ],
)
def test_combinations_that_share_a_training_are_told(verdict_on, grid, folds, said):
    scores = [around(0.9, folds, 0.001, seed=s) for s in (0, 1)] + [around(0.2, folds, 0.001)]
    findings = verdict_on(scores, grid, folds=folds, split_rows=[[900, 100]] * folds).findings
    assert any(f.startswith("Significantly worse") for f in findings)
    assert any("differ in epochs alone" in f for f in findings) == said


def test_expected_on_new_rows(verdict_on):
    findings = verdict_on([around(0.9, seed=s) for s in range(3)], **TEN).findings
    found = re.match(
        r"On new rows expect about ([\d.]+) \(95 % interval ([\d.]+) to ([\d.]+)\); selection "
        r"bias \(best of 3\): about ([\d.]+)\.$",
        findings[1],
    )
    score, low, high, bias = map(float, found.groups())
    assert low < score < high
    assert score + bias == pytest.approx(0.9039, abs=0.006)


def test_an_axis_is_judged_on_average(verdict_on):
    random = np.random.RandomState(1)
    noise = 0.03 * random.normal(size=(50, 3)) + 0.05 * random.normal(size=(1, 3))
    scores = (0.7 + noise - np.repeat([0.05] + [0.0] * 9, 5)[:, None]).tolist()
    grid = {"a": list(range(10)), "b": list(range(5))}
    findings = verdict_on(scores, grid, rows=900, split_rows=[[600, 300]] * 3).findings
    (told,) = [f for f in findings if f.startswith("Averaged over the other axes")]
    assert told.startswith("Averaged over the other axes, a=0 is significantly worse than a=")
    assert "No significant difference between the values, on average, of b." in findings


@pytest.mark.parametrize(
    ("cv", "word"),
    [
        ("KFold(10)", "--cv shuffled-kfold"),
        ("StratifiedKFold(10)", "--cv shuffled-stratified-kfold"),
        ("GroupKFold(10)", "--cv shuffled-group-kfold"),
        ("StratifiedGroupKFold(10)", "--cv shuffled-stratified-group-kfold"),
    ],
)
def test_repeats_keep_the_kind_of_folds(verdict_on, cv, word):
    advice = verdict_on([around(0.9, seed=s) for s in range(3)], cv=cv, **TEN).advice
    assert f"{word} --repeats 5" in advice[0]


@pytest.mark.parametrize("limit", ["rows", "seeds"])
def test_whether_more_repeats_would_help(verdict_on, limit):
    random = np.random.RandomState(3)
    shape = (4, 3, 10)
    own = random.normal(size=shape)
    if limit == "rows":
        own -= own.mean(axis=2, keepdims=True)
    scores = (0.7 + 0.02 * own).reshape(4, 30).tolist()
    about = {"folds": 30, "repeats": 3, "fresh_folds": True, "split_rows": [[900, 100]] * 30}
    advice = verdict_on(scores, cv="Repeated(KFold(10, shuffle=True), 3)", **about).advice[0]
    if limit == "rows":
        assert advice.startswith("more repeats won't help: these 1000 rows limit it to")
    else:
        assert advice.startswith("measure better, with --repeats 6: a difference of about 0.0")


def test_a_collapsed_fold_is_named(verdict_on):
    scores = [around(0.9, seed=s) for s in range(8)]
    scores[3][4] = 0.5
    assert (
        "Varies far more over the folds than the others, and is judged by that alone: n=4."
        in verdict_on(scores, **TEN).findings
    )


def test_of_a_time_series_the_best_is_named_and_nothing_claimed(verdict_on):
    verdict = verdict_on([around(0.9, 3), around(0.5, 3)], cv="TimeSeriesSplit(3)")
    assert verdict.kind == "unknown"
    assert verdict.headline.startswith("No winner can be named: n=1 has the best mean")
    assert not any("standard error of this" in f or "may be" in f for f in verdict.findings)
    assert verdict.advice == ()


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
            "So far (2 of 3 combinations finished): n=1 has the best mean val_accuracy, 0.5333, "
            "but the other one may be as good.",
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
    assert "No winner can be named: n=2 has the best mean val_accuracy, 0.9000" in verdict.headline
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
        pytest.param(0.905, "but not significantly", id="near"),
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


def test_an_end_that_others_may_equal_is_no_end(verdict_on):
    rising = [around(m, seed=i) for i, m in enumerate([0.5, 0.899, 0.9])]
    assert "at the end" not in " ".join(verdict_on(rising, **TEN).advice)


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
        "Take n=2: it has the best mean val_accuracy, 0.8990, and is significantly better than the "
        "other complete one."
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
    assert verdict.headline.endswith(", but the other complete one may be as good.")


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


@pytest.mark.parametrize(
    ("about", "words"),
    [
        pytest.param(
            {"cv": "StratifiedKFold(3)"},
            "with cv=kt_grid.StratifiedKFold(10) in another directory",
            id="more folds",
        ),
        pytest.param(
            {"cv": "GroupKFold(3, shuffle=True, random_state=1)"},
            "with 10 folds (cv) in another directory",
            id="more folds of a kind with arguments",
        ),
        pytest.param(
            {"cv": "StratifiedKFold(10)", **TEN},
            "with cv=kt_grid.Repeated(kt_grid.StratifiedKFold(10, shuffle=True), 5) in another "
            "directory",
            id="passes",
        ),
        pytest.param(
            {"cv": "ShuffleSplit(10)", **TEN}, "with more folds (cv) in another", id="splits"
        ),
    ],
)
def test_advice_in_pythons_words(verdict_on, about, words):
    folds = about.get("folds", 3)
    verdict = verdict_on([around(0.8, folds), around(0.8, folds, seed=1)], words=PYTHON, **about)
    assert words in verdict.advice[0]
    assert "--" not in str(verdict)


def test_an_unfinished_race_in_pythons_words(verdict_on):
    outcomes = [around(0.8, 3), (0.1, 0.1), None]
    verdict = verdict_on(outcomes, words=PYTHON, racing="bound")
    assert 'pruned early, by racing="bound"' in str(verdict)
    assert verdict.advice[0] == "call search again to resume."
    assert "--" not in str(verdict)
