"""The command `archwright`: one file a command. Nothing heavy is imported before a command needs it."""

from archwright.cli.main import app, main

__all__ = ["app", "main"]
