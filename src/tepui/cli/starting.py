"""The first moments of a program, in which Ctrl-C has to end it without a word.

Before there is anything to clear up, Ctrl-C ends the process as it ends any other. Python's own way
would show where in the middle of which import it was.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from tepui.cli.errors import EX_INTERRUPTED


def end_at_once_on_ctrl_c() -> None:
    """Have Ctrl-C end the process, unless who started it wants it to be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_until_interrupted(work: Callable[[], int]) -> int:
    """Return the exit code of ``work``, in which Ctrl-C raises ``KeyboardInterrupt`` once more."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return work()
    except KeyboardInterrupt:
        return EX_INTERRUPTED
