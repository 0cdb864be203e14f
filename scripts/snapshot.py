"""Write all that a user gets to see of the seven experiments into a folder, to compare two of them.

Two snapshots of the same searches agree byte for byte wherever a change was to keep what users
see:

    python scripts/snapshot.py runs before
    python scripts/snapshot.py runs after          # with the changed code
    diff -r before after

The searches are made if they aren't there yet. What training takes differs from run to run, so
two snapshots of different searches agree only in `searched/`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

EXPERIMENTS = (
    *("batch_epochs", "optimizer", "learning_rate", "init", "activation", "dropout", "neurons"),
)
FORMATS = ("text", "table", "markdown", "csv", "json", "html")
COMMANDS = ("run", "report", "predict", "list", "new")
WRONG = {
    "no-search": ("report", "neurons", "--directory", "nowhere"),
    "no-experiment": ("run", "nothing"),
    "no-option": ("run", "neurons", "--nonsense"),
    "no-format": ("report", "neurons", "--format", "nonsense"),
    "no-engine": ("run", "neurons", "--engine", "nonsense", "--dry-run"),
    "no-axis-values": ("run", "neurons", "--grid", "neurons=", "--dry-run"),
    "no-file": ("run", "neurons", "--data", "nowhere.csv", "--dry-run"),
    "one-fold": ("run", "neurons", "--folds", "1", "--dry-run"),
}
# What differs from run to run.
UNSTEADY = ("seconds", "checksum", "sealed", "sha256", "weights", "versions")


def main(
    searches: Annotated[Path, typer.Argument(help="Where the searches are, or are made.")],
    output: Annotated[Path, typer.Argument(help="The folder to write.")],
) -> None:
    """Write the outputs of every command on the seven experiments into OUTPUT."""
    output.mkdir(parents=True, exist_ok=False)
    searches = searches.resolve()
    if not searches.exists():
        _keep(output / "searched" / "run", "run", "all", "--directory", str(searches))
        for file in sorted(searches.rglob("*.json")):
            _keep_json(file, output / "searched" / file.relative_to(searches))
    for name, words in _calls(searches):
        _keep(output / name, *words)


def _calls(searches: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names of outputs, and the command lines that give them."""
    there = ("--directory", str(searches))
    yield "help/kt-grid", ("--help",)
    for command in COMMANDS:
        yield f"help/{command}", (command, "--help")
    for experiment in EXPERIMENTS:
        yield f"dry-run/{experiment}", ("run", experiment, "--dry-run", *there)
        yield f"again/{experiment}", ("run", experiment, *there)
    for experiment in (*EXPERIMENTS, "all"):
        for style in FORMATS:
            yield f"report/{experiment}.{style}", ("report", experiment, "--format", style, *there)
    yield "report/published", ("report", "neurons", "--published", "--format", "table", *there)
    yield "report/by-loss", ("report", "neurons", "--objective", "val_loss", *there)
    for name, words in WRONG.items():
        yield f"wrong/{name}", words


def _keep(place: Path, *words: str) -> None:
    """Run a command; keep what it prints, and its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "kt_grid", *words], capture_output=True, check=False
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_name(f"{place.name}.stdout").write_bytes(done.stdout)
    place.with_name(f"{place.name}.stderr").write_bytes(done.stderr)
    place.with_name(f"{place.name}.status").write_text(f"{done.returncode}\n")


def _keep_json(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    steady = _steady(json.loads(file.read_text(encoding="utf-8")))
    place.write_text(json.dumps(steady, indent=1), encoding="utf-8")


def _steady(value: Any) -> Any:
    """Without what differs from run to run."""
    if isinstance(value, dict):
        kept = {name: _steady(v) for name, v in value.items()}
        return {n: v for n, v in kept.items() if not any(word in n for word in UNSTEADY)}
    return [_steady(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    typer.run(main)
