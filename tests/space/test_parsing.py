"""Words of `--grid` are read as they are meant; nothing but GridError is raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid import space
from kt_grid.errors import GridError

names = st.text(
    st.characters(exclude_characters="=,", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda text: text == text.strip())


def is_word(text):
    try:
        return space.parse_words([f"axis={text}"]) == {"axis": (text,)}
    except GridError:
        return False


words = names.filter(is_word)
lists = [st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words]
values = st.one_of([st.lists(kind, min_size=1, max_size=4, unique=True) for kind in lists])
grids = st.dictionaries(names, values, max_size=4)


@given(grids)
def test_parser_round_trip(grid):
    lines = [f"{name}={','.join(map(str, values))}" for name, values in grid.items()]
    parsed = space.parse_words(lines)
    assert repr(parsed) == repr({name: tuple(values) for name, values in grid.items()})


@given(st.lists(st.text() | st.from_regex(r"[a-z]=[-0-9.,einfatrus ]*", fullmatch=True)))
def test_parser_raises_nothing_but_griderror(lines):
    try:
        grid = space.parse_words(lines)
    except GridError as error:
        grid, message = {}, str(error)
    else:
        message = ""
        assert len(grid) == len(lines)
    assert grid or not lines or message.startswith("Expected ")
    assert ("Received: " in message) == bool(lines and not grid)
    assert all(isinstance(value, bool | int | float | str) for v in grid.values() for value in v)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param("5,10", (5, 10), id="integers"),
        pytest.param("-1", (-1,), id="negative"),
        pytest.param("0.1,1", (0.1, 1.0), id="integers-beside-floats"),
        pytest.param("1e-3,.5", (0.001, 0.5), id="floats"),
        pytest.param("true,False", (True, False), id="booleans"),
        pytest.param("true,1", ("true", "1"), id="words-that-look-like-others"),
        pytest.param("relu, tanh ", ("relu", "tanh"), id="words-and-spaces"),
        pytest.param("a=b", ("a=b",), id="equals-sign-in-a-value"),
    ],
)
def test_parse_words(listed, expected):
    parsed = space.parse_words([f" axis ={listed}"])
    assert repr(parsed) == repr({"axis": expected})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["units"], ["'units'", "AXIS=VALUE"], id="no-equals-sign"),
        pytest.param(["=1"], ["'=1'"], id="no-name"),
        pytest.param([""], ["''"], id="empty"),
        pytest.param(["units="], ["'units='"], id="no-value"),
        pytest.param(["units=1,,2"], ["'units=1,,2'"], id="missing-value"),
        pytest.param(["units=1", "units=2"], ["units", "twice"], id="axis-twice"),
        pytest.param(["units=1,1"], ["'units'", "1 twice"], id="value-twice"),
        pytest.param(["rate=1,1.0"], ["'rate'", "1.0 twice"], id="value-twice-as-float"),
        pytest.param(["rate=nan"], ["'rate'", "nan"], id="nan"),
        pytest.param(["rate=1e400"], ["'rate'", "inf"], id="infinite"),
    ],
)
def test_parse_words_refuses(raises, lines, words):
    with raises(GridError, *words):
        space.parse_words(lines)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {"rate": (0.1, 0.2), "kind": ("a",), "on": (True,)}, id="nothing"),
        pytest.param(
            {"rate": (1, 2)}, {"rate": (1.0, 2.0), "kind": ("a",), "on": (True,)}, id="floats-stay"
        ),
        pytest.param(
            {"kind": (1, 2)}, {"rate": (0.1, 0.2), "kind": ("1", "2"), "on": (True,)}, id="words"
        ),
        pytest.param(
            {"epochs": (3,), "on": (False,)},
            {"rate": (0.1, 0.2), "kind": ("a",), "on": (False,), "epochs": (3,)},
            id="replaced-in-place-and-added-last",
        ),
    ],
)
def test_replace_axes(changes, expected):
    grid = {"rate": [0.1, 0.2], "kind": ["a"], "on": [True]}
    assert repr(space.replace_axes(grid, changes)) == repr(expected)


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        pytest.param("rate", ("low",), ["numbers like 0.1", "low"], id="words-for-numbers"),
        pytest.param("rate", (True,), ["numbers like 0.1", "True"], id="booleans-for-numbers"),
        pytest.param("on", (1, 0), ["true or false", "1"], id="numbers-for-booleans"),
        pytest.param("on", ("yes",), ["true or false", "yes"], id="words-for-booleans"),
    ],
)
def test_replace_axes_refuses_another_kind(raises, name, changed, words):
    with raises(GridError, *words):
        space.replace_axes({"rate": [0.1], "on": [True]}, {name: changed})


def test_words_stay_as_they_were_written():
    grid = {"version": ["x"], "name": ["x"]}
    changes = space.parse_words(["version=1.10,true", "name=1.10,2"], grid)
    assert changes == {"version": ("1.10", "true"), "name": ("1.10", "2")}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("neuron", ["'neuron'", "Did you mean 'neurons'?"], id="near"),
        pytest.param("zzz", ["'zzz'", "neurons, batch_size, epochs"], id="far"),
    ],
)
def test_check_names_refuses(raises, name, words):
    with raises(GridError, *words):
        space.check_names(["neurons", name], ["neurons"])


def test_check_names_always_knows_what_goes_to_the_training():
    assert space.check_names(["batch_size", "epochs", "neurons"], ["neurons"]) is None


@pytest.mark.parametrize(
    ("listed", "present", "expected"),
    [
        pytest.param("none,0.2", (), (None, 0.2), id="beside-numbers"),
        pytest.param("none,true", (), (None, True), id="beside-booleans"),
        pytest.param("none,balanced", (), ("none", "balanced"), id="beside-words"),
        pytest.param("none", (), ("none",), id="alone"),
        pytest.param("none", (None, 0.5), (None,), id="that-is-there"),
        pytest.param("none,scale,1", ("scale", None), (None, "scale", 1), id="of-a-mixed-axis"),
        pytest.param("none,x", ("x",), ("none", "x"), id="among-words"),
    ],
)
def test_none_on_the_command_line(listed, present, expected):
    grid = {"axis": present} if present else None
    assert repr(space.parse_words([f"axis={listed}"], grid)) == repr({"axis": expected})


def test_words_change_every_dict_that_has_the_axis():
    grid = [{"a": [1], "b": ["x"]}, {"a": [2]}]
    assert space.replace_axes(grid, {"b": ["y"]}) == ({"a": (1,), "b": ("y",)}, {"a": (2,)})
    assert space.replace_axes(grid, {"c": [0.5]}) == (
        {"a": (1,), "b": ("x",), "c": (0.5,)},
        {"a": (2,), "c": (0.5,)},
    )
    assert space.replace_axes({"a": [1]}, grid) == ({"a": (1,), "b": ("x",)}, {"a": (2,)})
