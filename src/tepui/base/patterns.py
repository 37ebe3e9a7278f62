"""Regular expressions that strangers send: a match takes time linear in the text.

They are RE2's, as Mesos takes them; what would need to look around or back does not exist
there. This is the one place that knows the library.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import msgspec
import re2

_MEMORY_MAX = 1 << 40


class PatternLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one pattern may cost.

    Attributes:
        memory_bytes_max: What the compiled pattern and its matching may take.
        program_size_max: Instructions of the compiled pattern.
    """

    memory_bytes_max: int = 4096
    program_size_max: int = 100


class PatternRefused(ValueError):
    """The text is no pattern, or one that costs too much; the message completes "it ..."."""


class _Compiled(Protocol):
    programsize: int

    def fullmatch(self, text: bytes) -> object | None: ...


class Pattern:
    """A pattern for whole texts.

    Raises:
        PatternRefused: It does not compile within the limits.
    """

    __slots__ = ("_compiled",)

    def __init__(self, text: str, limits: PatternLimits) -> None:
        options: Any = re2.Options()
        options.max_mem = min(limits.memory_bytes_max, _MEMORY_MAX)
        options.log_errors = False
        try:
            compiled = cast(_Compiled, re2.compile(text.encode(), options))
        except UnicodeEncodeError:
            raise PatternRefused("holds half a character") from None
        except re2.error as error:
            raise PatternRefused(f"is no pattern for RE2: {_said(error)}") from None
        if compiled.programsize > limits.program_size_max:
            raise PatternRefused(
                f"compiles to {compiled.programsize} steps, of {limits.program_size_max} allowed"
            )
        self._compiled = compiled

    def matches(self, text: str) -> bool:
        """Tell whether the pattern matches all of ``text``."""
        return self._compiled.fullmatch(text.encode(errors="replace")) is not None


def _said(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
