"""What a decoder says of bytes that it refuses."""

from __future__ import annotations


class DecodeError(ValueError):
    """The bytes are not the message that was expected.

    Attributes:
        problem: What is wrong, with the value where there is one.
        path: Where, from the outermost message: ``accept.operations[0].type``; empty for the
            whole of the input.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem

    def within(self, outer: str) -> DecodeError:
        """Return the same error as seen from the message that holds ``outer``."""
        if not self.path:
            return DecodeError(self.problem, outer)
        separator = "" if self.path.startswith("[") else "."
        return DecodeError(self.problem, f"{outer}{separator}{self.path}")


def quote(value: object) -> str:
    """Show a refused value in an error; long ones are cut, so that errors stay short."""
    text = repr(value)
    return text if len(text) <= _QUOTED_CHARS_MAX else text[:_QUOTED_CHARS_MAX] + "…"


_QUOTED_CHARS_MAX = 80
