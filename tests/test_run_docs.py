"""The code of README and of the documentation runs, and prints what the pages say."""

import sys

import pytest
import run_docs
from sampling import sampled

# The rest is run by `python scripts/run_docs.py`.
QUICK = [
    "README.md",
    "docs/howto/preprocessing.md",
    "docs/howto/notebooks.md",
    "docs/howto/from_keras_tuner.md",
    "docs/howto/from_optuna.md",
]
PAGE = """
```python
# half.py
def half(n):
    return n / 2
```

```python
from half import half
print(half(5))
```

```text
2.5
```

```console
$ echo one 12 && \\
  echo two
one 12
two
$ python -c "print(1)"
```

<!-- not run: it would fail -->
```console
$ false
```
"""


@pytest.mark.parametrize("name", sampled(QUICK, *QUICK[2:]))
def test_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_docs.run_page((run_docs.ROOT / name).read_text(encoding="utf-8"))


def test_a_page_without_code_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_docs.run_page("# Words alone\n") == "# Words alone\n"


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        pytest.param("", "", True, id="as it is"),
        pytest.param("2.5\n", "3.5\n", True, id="another number"),
        pytest.param("2.5\n", "five\n", False, id="no number"),
        pytest.param("one 12\ntwo\n", "...\n", True, id="anything"),
        pytest.param(
            "one 12\ntwo\n", "kt-grid: 8 workers (8 cores)\none 12\ntwo\n", True, id="workers"
        ),
        pytest.param("one 12\ntwo\n", "one 12\n...\n", True, id="anything after a line"),
        pytest.param("one 12\ntwo\n", "one 12\n", False, id="a line less"),
        pytest.param('"print(1)"', '"print(1/0)"', False, id="a command that fails"),
        pytest.param("print(half(5))", "print(half(None))", False, id="Python that fails"),
        pytest.param("<!-- not run: it would fail -->\n", "", False, id="nothing is left out"),
    ],
)
def test_what_is_printed_is_compared(old, new, passes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = PAGE.replace(old, new) if old else PAGE
    if passes:
        assert run_docs.run_page(page) == page
    else:
        with pytest.raises((run_docs.MismatchError, TypeError)):
            run_docs.run_page(page)
    assert "half" not in sys.modules


def test_exact_numbers_are_compared_where_that_is_wanted():
    assert run_docs.is_like("mean 0.71\n", "mean 0.72\n")
    assert not run_docs.is_like("mean 0.71\n", "mean 0.72\n", exact=True)
    assert run_docs.is_like("a  0.71  b\n", "a    -0.7  b\n")
    assert not run_docs.is_like("a  0.71  b\n", "a  0.71  c\n")


def test_update_writes_down_what_was_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stale = PAGE.replace("2.5\n", "?\n").replace("one 12\ntwo\n", "?\n")
    assert run_docs.run_page(stale, update=True) == PAGE
