"""The supervisor's log: events with fields on standard error, a file of bounded size."""

from __future__ import annotations

import os
import time

LOG_BYTES_MAX = 4 << 20


def log(event: str, **fields: object) -> None:
    """Write one line; when the disk is full it is lost."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    pairs = "".join(f" {name}={str(value)!r}" for name, value in fields.items())
    try:
        if os.fstat(2).st_size > LOG_BYTES_MAX:
            os.ftruncate(2, 0)
        os.write(2, f"{stamp}Z {event}{pairs}\n".encode("utf-8", "replace"))
    except OSError:
        pass
