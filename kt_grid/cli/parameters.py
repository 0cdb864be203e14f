"""The declared options become parameters of commands, and groups of their help texts."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import UnionType
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand

from kt_grid.plan.options import GROUPS, Option, Options, declared, flag_of

_TYPES = get_type_hints(Options)


def parameter(name: str, group: str | None = None) -> Any:
    """Make the annotation of a command's parameter from an option.

    Args:
        name: The option's field.
        group: Its heading in this command's help text, if it isn't the option's own.

    Returns:
        An `Annotated` type, as typer reads it.
    """
    option = declared()[name]
    made = typer.Option(
        flag_of(name),
        metavar=option.metavar,
        help=option.help,
        min=option.least,
        autocompletion=_completing(option) if option.choices else None,
        rich_help_panel=group or option.group,
        show_default=not option.reverses,
    )
    return Annotated[_typer_type(_TYPES[name]), made]


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options, in place of its parameter `options`.

    Args:
        command: A function whose last parameter is `options`.

    Returns:
        A function with a parameter for each option, which hands them on as one `Options`.
    """
    *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    usual, keyword = Options(), inspect.Parameter.KEYWORD_ONLY

    @wraps(command)
    def taking(**given: Any) -> None:
        others = {name: given[name] for name in given if name not in declared()}
        command(**others, options=options_of(given))

    optional = [
        inspect.Parameter(
            name,
            keyword,
            annotation=parameter(name),
            default=_shown(option, getattr(usual, name)),
        )
        for name, option in declared().items()
    ]
    parameters = [*(each.replace(kind=keyword) for each in own), *optional]
    taking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # as inspect documents it
    taking.__annotations__ = {each.name: each.annotation for each in parameters}
    return taking


def options_of(given: Mapping[str, Any]) -> Options:
    """Make options of what typer read.

    Args:
        given: Values by parameter, with one for each option.
    """
    usual = Options()
    return Options(
        **{
            name: _told(option, getattr(usual, name), given[name])
            for name, option in declared().items()
        }
    )


class GroupedCommand(TyperCommand):
    """A command whose help text shows its options in groups, each with an example."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the help text."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            record = each.get_help_record(ctx)
            argument = each.param_type_name == "argument"
            heading = "Arguments" if argument else getattr(each, "rich_help_panel", None)
            if record is not None:
                sections.setdefault(heading or "Options", []).append(record)
        # `--help` itself belongs to no group, and comes last.
        for heading in sorted(sections, key=lambda name: name == "Options"):
            with formatter.section(heading):
                formatter.write_dl(sections[heading])
                if heading in GROUPS:
                    formatter.write_text(f"Example: {GROUPS[heading]}")


def _completing(option: Option) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in option.choices if word.startswith(incomplete)]

    return complete


def _typer_type(annotation: Any) -> Any:
    """The type by which typer reads what a field holds."""
    if annotation == tuple[str, ...]:
        return list[str] | None
    if isinstance(annotation, UnionType) and str in get_args(annotation):
        return str if type(None) not in get_args(annotation) else annotation
    return annotation


def _shown(option: Option, value: Any) -> Any:
    """A field's default as typer takes it."""
    return not value if option.reverses else None if value == () else value


def _told(option: Option, usual: Any, value: Any) -> Any:
    """What typer read, as the field takes it."""
    if isinstance(usual, tuple):
        return tuple(value or ())
    return not value if option.reverses else value
