"""How Sphinx builds the documentation: `sphinx-build -W --keep-going -n docs docs/build`."""

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

import kt_grid
from kt_grid.engines.backend import load_backend
from kt_grid.space import Grids

# TensorFlow, which documented classes import, logs nothing then.
load_backend()
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "kt-grid"
author = "The kt-grid authors"
release = version = kt_grid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_line"]
exclude_patterns = ["build"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings are read as text with code in `single` backticks.
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_display_short_literal_types = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Names of other packages are not links: a build needs no network.
# Those of kt-grid are, where they are public.
nitpick_ignore_regex = [("py:.*", r"(?!kt_grid\b).*"), ("py:class", r"kt_grid\.\w+\..*")]

html_theme = "furo"
html_title = f"kt-grid {release}"
html_copy_source = False
html_show_sphinx = False
templates_path: list[str] = []

# A type that is too long to be read where it stands in a signature.
_GRIDS = stringify_annotation(Grids, "smart")


def _as_rst(lines: list[str]) -> list[str]:
    """Write a docstring's Markdown as reStructuredText: fenced code, and letters after `code`."""
    written: list[str] = []
    margin: str | None = None
    for line in lines:
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if fence and margin is None:
            margin = fence[1]
            written += [f"{margin}.. code-block:: {fence[2] or 'text'}", ""]
        elif fence:
            margin = None
            written.append("")
        elif margin is not None:
            written.append(f"    {line}" if line else line)
        else:
            written.append(re.sub(r"(?<!`)(`[^`]+`)(?=\w)", r"\1\\ ", line))
    return written


def _without_targets(lines: list[str]) -> list[str]:
    """Escape names that end in an underscore, such as numpy.str_, in the types of attributes."""
    return [
        re.sub(r"(\w)_(?=\W|$)", r"\1\\_", line) if line.lstrip().startswith(":type:") else line
        for line in lines
    ]


def setup(app: Sphinx) -> None:
    """Read docstrings as the sources write them, before and after napoleon has."""

    def before(*given: Any) -> None:
        given[-1][:] = _as_rst(given[-1])

    def after(*given: Any) -> None:
        given[-1][:] = _without_targets(given[-1])

    def signature(*given: Any) -> tuple[str, str] | None:
        *_, arguments, returned = given
        return arguments and (arguments.replace(_GRIDS, "Grids"), returned)

    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", before, priority=400)
    app.connect("autodoc-process-docstring", after, priority=600)
