"""Run every benchmark, one process each: ``python -m bench [--quick] [NAME …]``.

``--quick`` makes those small that would take minutes, to see that they work. Each has a process
of its own, so that none is measured with another's memory and garbage.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

# Programs that others start, or that have nothing to run.
NOT_BENCHMARKS = {
    "__init__",
    "__main__",
    "crowd",
    "emulated",
    "followers",
    "framework",
    "returning",
}
FOLDER = Path(__file__).parent
QUICK = "--quick"
INTERRUPTED = 130


def names() -> list[str]:
    """Return the benchmarks: the files of this folder that have a ``main``."""
    paths = sorted(FOLDER.glob("*.py"))
    return [
        path.stem
        for path in paths
        if path.stem not in NOT_BENCHMARKS and "\ndef main(" in path.read_text(encoding="utf-8")
    ]


def command_of(name: str, *, is_quick: bool) -> list[str]:
    """Return how a benchmark is run."""
    command = [sys.executable, "-m", f"bench.{name}"]
    if is_quick and f'"{QUICK}"' in (FOLDER / f"{name}.py").read_text(encoding="utf-8"):
        command.append(QUICK)
    return command


def run(command: list[str]) -> int:
    """Run a benchmark and return its exit code."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # It was interrupted as well, and stops what it started before it ends.
        process.wait()
        raise
    except SystemExit:
        process.terminate()
        process.wait()
        raise


def end(number: int, _: object) -> NoReturn:
    """End by a signal that only this process got."""
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    """Run the benchmarks that are named, all if none; return how many failed."""
    known = names()
    wanted = [each for each in arguments if each != QUICK]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown benchmarks {unknown}; there are {known}", file=sys.stderr)
        return 64
    failed = 0
    for name in wanted or known:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        code = run(command_of(name, is_quick=QUICK in arguments))
        failed += code != 0
        print(f"   {name}: exit {code}, {time.monotonic() - started:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
