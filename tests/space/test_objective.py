"""The direction of an objective is known or stated, never guessed."""

import pytest

from kt_grid.errors import ObjectiveError
from kt_grid.space import objective
from kt_grid.space.objective import Objective, parse_objective


@pytest.mark.parametrize(
    ("text", "name", "direction"),
    [
        pytest.param("val_accuracy", "val_accuracy", "max", id="accuracy"),
        pytest.param("val_auc", "val_auc", "max", id="auc"),
        pytest.param("val_f1_score", "val_f1_score", "max", id="f1"),
        pytest.param("val_r2_score", "val_r2_score", "max", id="r2"),
        pytest.param("val_loss", "val_loss", "min", id="loss"),
        pytest.param("val_mae", "val_mae", "min", id="mae"),
        pytest.param("val_false_negatives", "val_false_negatives", "min", id="false-negatives"),
        pytest.param("min:val_mine", "val_mine", "min", id="stated-min"),
        pytest.param("max:val_mine", "val_mine", "max", id="stated-max"),
        pytest.param("min:val_accuracy", "val_accuracy", "min", id="stated-against-the-known"),
    ],
)
def test_parse_objective(text, name, direction):
    objective = parse_objective(text)
    assert objective == Objective(name, direction)
    assert objective.sign == (1 if direction == "max" else -1)
    assert str(objective) == f"{direction}:{name}"
    assert parse_objective(str(objective)) == objective


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("accuracy", ["held-out"], id="not-held-out"),
        pytest.param("loss", ["held-out"], id="training-loss"),
        pytest.param("", ["held-out"], id="empty"),
        pytest.param("val_", ["held-out"], id="no-metric"),
        pytest.param("max:", ["held-out"], id="only-a-direction"),
        pytest.param("max:accuracy", ["held-out"], id="stated-but-not-held-out"),
        pytest.param("val_mine", ["direction", "max:val_mine"], id="unknown-metric"),
        pytest.param("up:val_accuracy", ["direction"], id="unknown-direction"),
        pytest.param("MAX:val_accuracy", ["direction"], id="capitals"),
        pytest.param("max:min:val_mine", ["direction"], id="two-directions"),
    ],
)
def test_parse_objective_refuses(raises, text, words):
    with raises(ObjectiveError, repr(text), *words):
        parse_objective(text)


def share(y_true, y_pred):
    return (y_true == y_pred).mean()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("", share, "max"), ["a name", "''"], id="no-name"),
        pytest.param((None, share, "max"), ["a name", "None"], id="none"),
        pytest.param(("max:share", share, "max"), ["a name"], id="colon"),
        pytest.param(("val_share", share, "max"), ["without the side"], id="side"),
        pytest.param(("share", 0.5, "max"), ["function of", "0.5"], id="number"),
        pytest.param(("share", share, "up"), ["'min' or 'max'", "'up'"], id="direction"),
        pytest.param(("share", share, None), ["'min' or 'max'", "None"], id="no-direction"),
    ],
)
def test_what_is_no_score(raises, arguments, words):
    with raises(ObjectiveError, *words):
        objective.Score(*arguments)


def test_a_score_is_an_objective():
    score, other = (objective.Score(name, share, "min") for name in ("share", "other"))
    expected = objective.Objective("val_share", "min")
    assert objective.as_objective(score) == expected
    assert objective.as_objective("val_share", [score]) == expected
    assert objective.as_objective("max:val_share", [score]) == objective.Objective(
        "val_share", "max"
    )
    assert objective.check_scores(score, [other, score]) == (score, other)
    assert objective.check_scores("val_loss", [other]) == (other,)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        pytest.param([share], ["kt_grid.Score", "share"], id="function"),
        pytest.param(
            [objective.Score("share", share, "min"), objective.Score("share", max, "min")],
            ["one score named 'share'", "two"],
            id="twice",
        ),
    ],
)
def test_scores_are_checked(raises, scores, words):
    with raises(ObjectiveError, *words):
        objective.check_scores("val_loss", scores)
