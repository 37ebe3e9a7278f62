"""Status lines and header fields, as bytes that are ready to go."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class ResponseHeads:
    """The beginnings of answers, kept for the second in which their Date is true."""

    __slots__ = ("_date", "_empty", "_starts")

    def __init__(self, seconds_since_epoch: float) -> None:
        self._starts: dict[int, bytes] = {}
        self._empty: dict[int, bytes] = {}
        self.set_time(seconds_since_epoch)

    def set_time(self, seconds_since_epoch: float) -> None:
        """Write Date headers for this moment from now on."""
        self._date = formatdate(seconds_since_epoch, usegmt=True)
        self._starts.clear()
        self._empty.clear()

    def start(self, status: int) -> bytes:
        """The status line and the Date field."""
        start = self._starts.get(status)
        if start is None:
            phrase = _PHRASES.get(status, "Unknown")
            text = f"HTTP/1.1 {status} {phrase}\r\nDate: {self._date}\r\n"
            start = self._starts[status] = text.encode("ascii")
        return start

    def empty(self, status: int) -> bytes:
        """A whole answer without a body, for a connection that stays open."""
        answer = self._empty.get(status)
        if answer is None:
            end = b"Content-Length: 0\r\n\r\n" if has_length(status) else b"\r\n"
            answer = self._empty[status] = self.start(status) + end
        return answer


def has_length(status: int) -> bool:
    """Whether an answer of this status says how long its body is."""
    return status not in (204, 304)


def fields(headers: tuple[tuple[str, str], ...], content_type: str | None) -> str:
    """Header lines.

    Raises:
        ValueError: A name or value holds a line break, and would say more than it should.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}\r\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ValueError("a response header holds a line break")
    return text
