"""The command line. Only this package prints or exits."""

from kt_grid.cli.commands import app, main

__all__ = ["app", "main"]
