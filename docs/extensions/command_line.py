"""Writes the reference of the command line out of its program, in place of a line of the page.

Each command gets its usage, its help text and its options in the help text's groups. Options are
targets of the `option` role, as in {option}`kt-grid run --folds`.
"""

from collections.abc import Iterator
from typing import Any

import typer
from sphinx.application import Sphinx

from kt_grid.cli import app as program
from kt_grid.plan.options import GROUPS

PAGE, MARK = "reference/command_line", "<!-- commands -->"


def commands() -> Iterator[str]:
    """Write the program's commands as MyST Markdown, one text each."""
    group: Any = typer.main.get_command(program)
    above = group.make_context("kt-grid", [], resilient_parsing=True)
    yield "".join(_command("kt-grid", group, above))
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        context = command.context_class(command, info_name=name, parent=above)
        yield "".join(_command(f"kt-grid {name}", command, context))


def _command(title: str, command: Any, context: Any) -> Iterator[str]:
    text, _, example = command.help.partition("\n\nExample: ")
    yield f"## {title}\n\n{text}\n\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{title} {usage}\n```\n\n"
    if example:
        yield f"Example:\n\n```console\n$ {example}\n```\n\n"
    yield f":::{{program}} {title}\n:::\n\n"
    headings: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        argument = parameter.param_type_name == "argument"
        heading = "Arguments" if argument else getattr(parameter, "rich_help_panel", None)
        record = parameter.get_help_record(context)
        if record is not None:
            headings.setdefault(heading or "Options", []).append(_entry(argument, *record))
    for heading in sorted(headings, key=lambda name: name == "Options"):
        yield f"### {title}: {heading}\n\n" if len(headings) > 1 else ""
        if heading in GROUPS:
            yield f"Example: `{GROUPS[heading]}`\n\n"
        yield "".join(headings[heading])


def _entry(argument: bool, names: str, text: str) -> str:
    """An option or an argument with its help text."""
    text = text.replace("*", r"\*").replace("<", r"\<").replace("|", r"\|")
    if argument:
        return f"`{names.partition(' <')[0]}`\n: {text}\n\n"
    # Both words of a switch are options of their own.
    listed = names.replace(" / ", ", ")
    return f":::{{option}} {listed}\n{text}\n:::\n\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Fill the page in as it is read."""

    def fill(_app: Sphinx, page: str, source: list[str]) -> None:
        if page == PAGE:
            source[0] = source[0].replace(MARK, "".join(commands()))

    app.connect("source-read", fill)
    return {"parallel_read_safe": True}
