"""Count the words of one file: what each task runs, in its sandbox.

Standard library only: the agent fetches this file, and any Python can run it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def count_words(text: str) -> Counter[str]:
    """Return how often each word occurs, without regard to case."""
    return Counter(_WORD.findall(text.lower()))


def main(source: str, target: str) -> None:
    """Count the words of ``source`` and write what was found to ``target``."""
    data = Path(source).read_bytes()
    counts = count_words(data.decode())
    print(f"{source}: {counts.total()} words in {len(data)} bytes")
    Path(target).write_text(json.dumps({"bytes": len(data), "counts": counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
