"""Tables of which the suite tries a sample, and `pytest -m ""` every line."""

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(table: Iterable[str], *sample: str) -> list[Any]:
    """The names of a table as parameters; all but a sample are marked as `full`."""
    names = [*table]
    assert {*sample} <= {*names}
    return [pytest.param(n, marks=() if n in sample else pytest.mark.full) for n in names]
