"""Models written as people write them give what plain Keras gives, however they are searched.

All of the table, on both engines, with one worker and with two, interrupted or not, is run by
`scripts/foreign_code.py`; here each habit is tried in one of these ways, and some of them always.
"""

import itertools

import pytest

import kt_grid
from foreign_code import running
from foreign_code.habit import Habit
from foreign_code.habits import HABITS
from foreign_code.running import deviations, meant

# One in so many of the table, from its beginning to its end.
SAMPLE = HABITS[:: max(1, len(HABITS) // 5)]
WAYS = itertools.cycle(itertools.product(("auto", "keras"), (False, True)))


@pytest.mark.parametrize(
    ("habit", "engine", "resumed"),
    [
        pytest.param(
            habit,
            *way,
            id=f"{habit.name}-{way[0]}{'-resumed' * way[1]}",
            marks=() if habit in SAMPLE else pytest.mark.full,
        )
        for habit, way in zip(HABITS, WAYS, strict=False)
    ],
)
def test_a_habit_gives_what_it_means(habit, engine, resumed, tmp_path):
    expected = meant(habit, tmp_path)
    assert [*deviations(habit, tmp_path, expected, engine=engine, resumed=resumed)] == []


OUTSIDE = ("trainable-base", "normalization-of", "compiled-anew", "base-in-a-cache")


@pytest.mark.parametrize(
    "habit",
    [
        pytest.param(habit, id=habit.name, marks=() if word == OUTSIDE[0] else pytest.mark.full)
        for word in OUTSIDE
        for habit in HABITS
        if word in habit.name
    ],
)
def test_what_was_trained_is_known_again_where_models_share_what_is_outside(habit, tmp_path):
    module = running.load(habit, habit.written, tmp_path, "users_file")
    for observer in (None, running.StopsAfterOneFold()):
        kt_grid.CrossValidationTuner(
            module.build, "val_loss", kt_grid.KFold(2), max_trials=2,
            directory=tmp_path, project_name="again", observer=observer,
        ).search(running.X, running.Y)  # fmt: skip


NO_SEED = Habit(
    "layers-of-the-module-without-a-seed",
    """
    BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])
    WEIGHTS = [weights.tolist() for weights in BASE.get_weights()]

    def build(hp):
        hp.Choice("units", [3, 4])
        model = keras.Sequential([keras.Input((3,)), BASE, keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model
    """,
)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.full), 2])
def test_layers_without_a_seed_begin_as_they_did_in_the_first_process(
    tmp_path, monkeypatch, workers
):
    loaded, load = [], running.load
    monkeypatch.setattr(running, "load", lambda *given: loaded.append(load(*given)) or loaded[-1])
    running.search(NO_SEED, tmp_path, resumed=True)
    first, then = (module.WEIGHTS for module in loaded)
    assert first != then
    base = 'keras.layers.Dense(4, "tanh", kernel_initializer="zeros")'
    meaning = NO_SEED.written.replace('keras.layers.Dense(4, "tanh")', base)
    meaning = meaning.replace(
        "hp.Choice", f"BASE.set_weights([*map(np.array, {first})])\n        hp.Choice"
    )
    expected = meant(Habit("", "", meaning), tmp_path)
    assert [*deviations(NO_SEED, tmp_path, expected, workers=workers)] == []
