"""Which version this is, as masters and agents tell it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

from tepui.messages import VersionInfo

MESOS_VERSION = "1.11.0"
"""The version of Mesos whose interface this is; clients turn each part into a number."""


@functools.cache
def version_info() -> VersionInfo:
    """Return the version, and when these files were installed."""
    seconds = Path(__file__).stat().st_mtime
    return VersionInfo(
        version=MESOS_VERSION,
        build_date=datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        build_time=float(int(seconds)),
        build_user="tepui",
    )
