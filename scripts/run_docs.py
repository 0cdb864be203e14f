"""Run the code of README and the documentation: each page in a directory of its own, top to bottom.

    python scripts/run_docs.py                          # all pages
    python scripts/run_docs.py docs/tutorial/*.md       # these
    python scripts/run_docs.py --update README.md       # and write down what was printed

What is code, and what is said to come of it:

- ```python runs, in one namespace per page; a ```text block right below is what it prints. If its
  first line is a file's name as a comment, such as `# my_file.py`, it is written there instead; so
  are ```yaml and ```toml blocks.
- ```console has commands after `$ `, each with what it prints, if anything is said of that; a
  line of `...` stands for any lines. Both stdout and stderr are meant.
- `<!-- not run: why -->` above a block leaves it out.

Numbers are compared by their form alone, since they differ between machines and versions; with
`--exact` they must be equal. The line that tells how many workers a machine has isn't compared. The
exit status is 1 if a page failed.
"""

import argparse
import contextlib
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kt_grid
from kt_grid.engines.backend import load_backend

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<language>[^`\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|yaml|toml))\n")
_SKIPPED_LINES = "...\n"
# How many workers a machine's cores and memory allow.
_OF_THE_MACHINE = re.compile(r"^kt-grid: \d+ workers \(.*\n", re.MULTILINE)
_ENVIRONMENT = {"PYTHONPATH": str(Path(kt_grid.__file__).parents[1]), "COLUMNS": "100"}


class MismatchError(AssertionError):
    """A block that fails, or prints something else than the page says."""


@dataclass
class Block:
    """A fenced block.

    Attributes:
        language: What stands after the fence.
        text: What it holds.
        start: Where its text begins in the page.
        why: Why it isn't run, or None.
    """

    language: str
    text: str
    start: int
    why: str | None

    @property
    def file(self) -> str | None:
        """The file that it is, if it is one."""
        named = _FILE.match(self.text)
        return named[1] if named else None

    def commands(self) -> Iterator[tuple[str, str, int]]:
        """Yield the commands of a console, what each prints, and where that stands in the page."""
        for found in re.finditer(
            r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", self.text, re.MULTILINE
        ):
            yield found[1], found[2], self.start + found.start(2)


def blocks(page: str) -> list[Block]:
    """Find the fenced blocks of a page, in order."""
    return [
        Block(found["language"], found["text"], found.start("text"), found["why"])
        for found in _BLOCK.finditer(page)
    ]


def run_page(page: str, *, exact: bool = False, update: bool = False) -> str:
    """Run a page's code in the current directory.

    Args:
        page: Its text.
        exact: Whether numbers have to be equal.
        update: Whether to take down what was printed where it differs.

    Returns:
        The text of the page, with what was printed now if `update`.

    Raises:
        MismatchError: If a block fails, or prints something else than what is below it.
    """
    changes: list[tuple[int, str, str]] = []
    with _importing_from_here():
        runs = [*_runs(page)]
    for code, told, printed, start in runs:
        if told and not is_like(told, printed, exact=exact):
            if not update:
                raise MismatchError(f"{code}\nExpected:\n{told}\nReceived:\n{printed}")
            changes.append((start, told, printed))
    for start, told, printed in reversed(changes):
        page = page[:start] + printed + page[start + len(told) :]
    return page


@contextlib.contextmanager
def _importing_from_here() -> Iterator[None]:
    """Let a page's code import the files that it wrote, and forget them afterwards."""
    here, path = Path.cwd(), [*sys.path]
    sys.path.insert(0, str(here))
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in [*sys.modules.items()]:
            if Path(getattr(module, "__file__", None) or "/").parent == here:
                del sys.modules[name]


def _runs(page: str) -> Iterator[tuple[str, str, str, int]]:
    """Run a page's code; yield it, what the page says it prints, what it prints, and where."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(page)
    for block, below in itertools.zip_longest(found, found[1:]):
        if block.why:
            continue
        if block.file and block.language in ("python", "yaml", "toml"):
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
            # Whatever else has been imported by this name isn't what the page means.
            sys.modules.pop(Path(block.file).stem, None)
        elif block.language == "python":
            printed = _execute(block.text, namespace)
            between = page[block.start + len(block.text) :].removeprefix("```").lstrip()
            if below and below.language == "text" and between.startswith("```text"):
                yield block.text, below.text, printed, below.start
        elif block.language == "console":
            for command, told, start in block.commands():
                yield command, told, _execute_command(command), start


def is_like(told: str, printed: str, *, exact: bool = False) -> bool:
    """Compare what a page says is printed with what is.

    Args:
        told: May have lines of `...` for any lines.
        printed: What was printed.
        exact: Whether numbers have to be equal.
    """
    told, printed = (_OF_THE_MACHINE.sub("", text) for text in (told, printed))
    pattern = ""
    for line in told.splitlines(keepends=True):
        if line == _SKIPPED_LINES:
            pattern += r"(?:.*\n)*"
        elif exact:
            pattern += re.escape(line)
        else:
            # Of a number only its form counts; columns may be wider for it.
            pieces = re.split(r"(-?\d+(?:[.,]\d+)*(?:e[-+]\d+)?| {2,}|-{3,})", line)
            forms = [_form(piece) if n % 2 else re.escape(piece) for n, piece in enumerate(pieces)]
            pattern += "".join(forms)
    return re.fullmatch(pattern, printed) is not None


def _form(piece: str) -> str:
    if piece.isspace():
        return r"[ ]+"
    return r"-+" if set(piece) == {"-"} else r"[ ]*-?\d+(?:[.,]\d+)*(?:e[-+]\d+)?"


def _execute(code: str, namespace: dict[str, Any]) -> str:
    """Run Python code and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<page>", "exec"), namespace)  # noqa: S102 - the page's own code
    return printed.getvalue()


def _execute_command(command: str) -> str:
    """Run a command in a shell and return what it prints."""
    path = f"{_programs()}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S602 - the page's own command
        command,
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **_ENVIRONMENT, "PATH": path},
        check=False,
    )
    if done.returncode:
        raise MismatchError(f"{command}\nended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def _programs() -> Path:
    """Where `kt-grid` and `python` are, installed or not."""
    folder = Path(tempfile.gettempdir()) / f"kt_grid_docs_{os.getpid()}"
    if not folder.exists():
        folder.mkdir()
        for name, words in (("kt-grid", "-m kt_grid"), ("python", "")):
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n', "utf-8")
            program.chmod(0o755)
    return folder


def main() -> None:
    """Run the pages and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, help="default: all")
    parser.add_argument("--exact", action="store_true", help="numbers must be equal")
    parser.add_argument("--update", action="store_true", help="write down what was printed")
    told = parser.parse_args()
    # TensorFlow logs nothing then.
    load_backend()
    failed = False
    for path in [page.resolve() for page in told.pages] or PAGES:
        text = path.read_text(encoding="utf-8")
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            try:
                new, state = run_page(text, exact=told.exact, update=told.update), "passed"
            except Exception as error:  # whatever a page's code raises is told of that page
                new, state, failed = text, f"FAILED: {type(error).__name__}: {error}", True
        if new != text:
            path.write_text(new, encoding="utf-8")
        seconds = time.monotonic() - started
        if blocks(text):
            print(f"{path.relative_to(ROOT)}: {state} ({seconds:.1f} s)", flush=True)
        for block in blocks(text):
            if block.why:
                print(f"    not run ({block.why}): {block.text.splitlines()[0]}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
