"""``make demo``: starts the demo, so that Ctrl-C ends it quietly from its first moment on."""

from __future__ import annotations

import sys

from tepui.cli.starting import end_at_once_on_ctrl_c, run_until_interrupted


def main() -> int:
    """Run the demo and return the exit code."""
    end_at_once_on_ctrl_c()
    from examples.wordcount.cluster import demonstrate

    return run_until_interrupted(demonstrate)


if __name__ == "__main__":
    sys.exit(main())
