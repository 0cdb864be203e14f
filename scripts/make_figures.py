"""Make the figures of the documentation out of the seven experiments.

    kt-grid run all
    python scripts/make_figures.py runs docs/images

With --browser, a Chromium or Chrome takes the picture of the report page too:

    python scripts/make_figures.py runs docs/images --browser chromium
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from kt_grid.analysis.comparison import analyse
from kt_grid.plan.experiments import REGISTRY
from kt_grid.report.figures.plots import draw
from kt_grid.report.formats import render
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import SearchResults, read_results

PAGE = "neurons"
SIZE = (1000, 975)
COLOURS = 64


def main() -> None:
    """Draw the first figure of each experiment, and the picture of a report page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("searches", type=Path, help="where the searches are")
    parser.add_argument("output", type=Path, help="the folder of the figures")
    parser.add_argument("--browser", help="the browser's program")
    told = parser.parse_args()
    told.output.mkdir(parents=True, exist_ok=True)
    for name in REGISTRY:
        results = read_results(SearchStore(told.searches, name))
        picture = draw(analyse(results))[0]
        (told.output / f"{name}.png").write_bytes(picture.png(dots=110))
        if name == PAGE and told.browser:
            photograph(results, told.browser, told.output / "report_page.png")
    for file in told.output.glob("*.png"):
        with Image.open(file) as image:
            small = image.convert("RGB").quantize(COLOURS)
        small.save(file, optimize=True)


def photograph(results: SearchResults, browser: str, output: Path) -> None:
    """Take a picture of a search's report page.

    Args:
        results: The search.
        browser: The browser's program.
        output: The PNG file to write.
    """
    page = render(results, "html")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        width, height = SIZE
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", f"--user-data-dir={folder}/profile"),
                *("--hide-scrollbars", f"--window-size={width},{height}"),
                *(f"--screenshot={output.resolve()}", f"file://{folder}/page.html"),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main()
