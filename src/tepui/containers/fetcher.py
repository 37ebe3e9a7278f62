"""Bring what URIs name into a sandbox."""

from __future__ import annotations


class FetchFailed(Exception):
    """One URI could not be fetched.

    Attributes:
        uri: Its value, as given.
        why: What went wrong.
    """

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"failed to fetch {uri!r}: {why}")
        self.uri = uri
        self.why = why
