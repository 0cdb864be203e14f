"""What is answered from a search's directory and its trials, without a search at hand."""

from types import SimpleNamespace

import numpy as np

from kt_grid.errors import PredictionError
from kt_grid.search.searched import Searched


def searched(store, trials=()):
    """One whose oracle has these trials, the best first."""
    made = Searched()
    made.store, made._runner = store, "runner"
    made.oracle = SimpleNamespace(get_best_trials=lambda count: [*trials][:count])
    made._models = SimpleNamespace(
        best_fold=lambda *asked: ("best", *asked), all_folds=lambda *asked: ["all", *asked]
    )
    return made


def trial(score, **values):
    return SimpleNamespace(score=np.float32(score), hyperparameters=SimpleNamespace(values=values))


def test_the_best_trial_gives_score_and_parameters(make_search):
    best = trial(0.75, units=3)
    made = searched(make_search({"units": [2, 3]}, []), [best, trial(0.5, units=2)])
    assert (made.best_score, type(made.best_score)) == (0.75, float)
    parameters = made.best_params
    parameters["units"] = 9
    assert made.best_params == {"units": 3}


def test_there_is_no_best_without_a_completed_trial(make_search, raises):
    made = searched(make_search({"units": [2]}, []))
    for name in ("best_score", "best_params"):
        with raises(PredictionError, "completed trial", "Search first"):
            getattr(made, name)


def test_results_are_those_on_disk(make_search):
    made = searched(make_search({"units": [2, 3]}, [[0.5, 1.0, 0.0], [1.0, 1.0, 0.25]]))
    assert made.search_results().best.parameters == {"units": 3}
    frame = made.results()
    assert frame["param_units"].tolist() == [2, 3]
    assert frame["mean_test_score"].tolist() == [0.5, 0.75]
    assert frame["rank_test_score"].tolist() == [2, 1]


def test_models_are_asked_for_with_what_scored_them(make_search):
    made = searched(make_search({"units": [2]}, []))
    assert made.load_model("a trial") == ("best", "a trial", "runner")
    assert made.load_fold_models("a trial") == ["all", "a trial", "runner"]


def test_predictions_need_a_refit(make_search, raises):
    made = searched(make_search({"units": [2]}, [[0.5, 1.0, 0.0]]))
    with raises(PredictionError, "refit"):
        made.predict([[0.0]])
