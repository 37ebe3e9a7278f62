"""How a command ends: with one clear line for people, and a code for programs."""

from __future__ import annotations

EX_FAILED = 1
EX_USAGE = 2
EX_RUN_FAILED = 125
"""`tepui run` itself failed; smaller codes are those of the task."""
EX_INTERRUPTED = 130
EX_READER_GONE = 141
"""What shells report for a program that writes into a pipe which nobody reads any more."""


class CommandFailed(Exception):
    """A command cannot do what it was asked to; the text is one line.

    Attributes:
        code: The exit code of the process.
    """

    def __init__(self, message: str, code: int = EX_FAILED) -> None:
        super().__init__(message)
        self.code = code
