"""A grid: its axes and values, its combinations in order, and the forms it is written in.

Everything here works without TensorFlow but for what translates to and from
`keras_tuner.HyperParameters`.
"""

from kt_grid.space.axes import (
    Axis,
    Condition,
    Grid,
    Grids,
    Part,
    axis_names,
    check_grid,
    combinations,
    count,
    key,
    make_axes,
)
from kt_grid.space.declared import declared_axes, for_combination, register
from kt_grid.space.files import is_grid_file, read_grid
from kt_grid.space.parsing import check_names, parse_grid, parse_words, replace_axes
from kt_grid.space.tree import Asked, DecisionTree
from kt_grid.space.values import FIT_AXES, Parameters, Value, as_json, check_values, from_json

__all__ = [
    "FIT_AXES",
    "Asked",
    "Axis",
    "Condition",
    "DecisionTree",
    "Grid",
    "Grids",
    "Parameters",
    "Part",
    "Value",
    "as_json",
    "axis_names",
    "check_grid",
    "check_names",
    "check_values",
    "combinations",
    "count",
    "declared_axes",
    "for_combination",
    "from_json",
    "is_grid_file",
    "key",
    "make_axes",
    "parse_grid",
    "parse_words",
    "read_grid",
    "register",
    "replace_axes",
]
