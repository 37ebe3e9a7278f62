"""Errors by whose fault they are."""

from __future__ import annotations


class Rejected(Exception):
    """The caller asked for something it cannot have.

    Attributes:
        status: The HTTP status that Mesos gives for it.
        message: What was wrong, with the name and the value.
        headers: Further fields of the answer, such as Allow.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = headers


class Unavailable(Exception):
    """Nothing is wrong with the request, but it has to be tried again later."""


class InvariantViolated(AssertionError):
    """We broke a rule of our own; the process must end rather than go on."""


def invariant(condition: object, message: str) -> None:
    """End the process, by an exception that nobody catches, unless ``condition`` holds."""
    if not condition:
        raise InvariantViolated(message)
