"""What every master and agent tells of itself: version, flags, metrics, files."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int32, Message, UInt32, UInt64
from tepui.messages.values import TimeInfo


class VersionInfo(Message, kw_only=True):
    """A version and how it was built; ``build_time`` counts seconds of the epoch."""

    version: Annotated[str, 1]
    build_date: Annotated[str | None, 2] = None
    build_time: Annotated[float | None, 3] = None
    build_user: Annotated[str | None, 4] = None
    git_sha: Annotated[str | None, 5] = None
    git_branch: Annotated[str | None, 6] = None
    git_tag: Annotated[str | None, 7] = None


class Flag(Message, kw_only=True):
    """A flag and its value as text."""

    name: Annotated[str, 1]
    value: Annotated[str | None, 2] = None


class Metric(Message, kw_only=True):
    """A metric and its value now."""

    name: Annotated[str, 1]
    value: Annotated[float | None, 2] = None


class FileInfo(Message, kw_only=True):
    """A file as stat(2) and ls(1) show it; owner and group by name."""

    path: Annotated[str, 1]
    nlink: Annotated[Int32 | None, 2] = None
    size: Annotated[UInt64 | None, 3] = None
    mtime: Annotated[TimeInfo | None, 4] = None
    mode: Annotated[UInt32 | None, 5] = None
    uid: Annotated[str | None, 6] = None
    gid: Annotated[str | None, 7] = None
