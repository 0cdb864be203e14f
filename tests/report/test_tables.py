"""Tables of text."""

import pytest

from kt_grid.report.tables import aligned, escaped, markdown


def test_columns_are_aligned_to_the_right():
    assert aligned([["a", "long"], ["longer", ""]]) == ["     a  long", "longer      "]


def test_markdown():
    assert markdown([["a", "b"], ["x|y", "1"]]) == ["| a | b |", "| ---: | ---: |", r"| x\|y | 1 |"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\\b", "a\\\\b"),
        ("a|b", r"a\|b"),
        ("*a*", r"\*a\*"),
        ("<b>", "&lt;b>"),
        ("a\r\nb", "a b"),
    ],
)
def test_escaped(text, shown):
    assert escaped(text) == shown


def test_a_table_of_nothing_is_empty():
    assert aligned([]) == []
