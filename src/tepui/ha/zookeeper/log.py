"""What happens with ZooKeeper, in a daemon's log: other programs have output of their own."""

from __future__ import annotations

import structlog

_log = structlog.get_logger("tepui.zookeeper")


def info(event: str, **fields: object) -> None:
    """Log what went as it should."""
    if structlog.is_configured():
        _log.info(event, **fields)


def warning(event: str, **fields: object) -> None:
    """Log what somebody may have to see to."""
    if structlog.is_configured():
        _log.warning(event, **fields)
