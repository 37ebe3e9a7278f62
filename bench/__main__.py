"""Run every benchmark, one process each: ``python -m bench [NAME …]``.

A process of its own, so that no benchmark is measured with another's memory and garbage.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

# Programs that others start, or that have nothing to run.
NOT_BENCHMARKS = {"__init__", "__main__", "emulated", "framework"}


def names() -> list[str]:
    """Return the benchmarks: the files of this folder that have a ``main``."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    return [
        path.stem
        for path in paths
        if path.stem not in NOT_BENCHMARKS and "\ndef main(" in path.read_text(encoding="utf-8")
    ]


def main(wanted: list[str]) -> int:
    """Run ``wanted`` benchmarks, all if none; return how many failed."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown benchmarks {unknown}; there are {known}", file=sys.stderr)
        return 64
    failed = 0
    for name in wanted or known:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
        failed += code != 0
        print(f"   {name}: exit {code}, {time.monotonic() - started:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
