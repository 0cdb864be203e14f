"""A figure: its style, its panels, and its bytes."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kt_grid.report.figures import charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = {
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    # What a user called an axis is no formula.
    "text.parse_math": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"),
        charts.INK,
    ),
}
_WIDTH = 4.8


@dataclass(frozen=True)
class Picture:
    """One figure and what it shows.

    Attributes:
        name: A short name, unique among a search's figures.
        caption: What is to be seen.
        figure: The figure.
    """

    name: str
    caption: str
    figure: "Figure"

    def svg(self) -> str:
        """Return the figure as an `<svg>` element, the same bytes for the same figure."""
        file = io.StringIO()
        with styled(self.name):
            self.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        text = file.getvalue()
        # Several figures may stand in one page, where an id has to be unique.
        return re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])

    def png(self, dots: int = 150) -> bytes:
        """Return the figure as a PNG file on white."""
        file = io.BytesIO()
        with styled(self.name):
            self.figure.savefig(file, format="png", dpi=dots, facecolor="white")
        return file.getvalue()


@contextmanager
def styled(salt: str = "") -> Iterator[None]:
    """Draw in kt-grid's style.

    Args:
        salt: Sets the ids in an SVG file apart from those of another figure.

    Yields:
        Nothing.
    """
    import matplotlib

    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # The browser has fonts for what matplotlib's own lacks.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def make_axes(height: float) -> "tuple[Figure, Axes]":
    """Make a figure of one panel, so many inches high."""
    figure, panels = make_panels(height, 1, 1)
    return figure, panels[0, 0]


def make_panels(height: float, down: int, across: int) -> "tuple[Figure, Any]":
    """Make a figure of several panels that share the scale along y.

    Args:
        height: Its height in inches.
        down: Rows of panels.
        across: Columns of panels.

    Returns:
        The figure and an array of axes, shape `(down, across)`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height))
    # Without pyplot no display and no global state is involved.
    FigureCanvasAgg(figure)
    return figure, figure.subplots(down, across, squeeze=False, sharey=True)
