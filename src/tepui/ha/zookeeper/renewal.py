"""Renew a leader's lease from a thread: its event loop may be busy with thousands of agents.

A leader that is busy leads still, and its session lives as kazoo's thread sees to that. Were the
lease renewed by the loop, a leader would end in the middle of taking back its cluster.
"""

from __future__ import annotations

import threading
import time

from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

from tepui.ha.election import NEVER, Lease
from tepui.ha.zookeeper.client import RETRY_SHARE, Client

LEASE_SHARE = 3 / 4
"""The part of the session timeout for which an answer counts. A follower that dies may take
news of half a tick with it, and a tick is at most half of the timeout."""

RENEWALS = 6
"""How often the leader asks within one session timeout."""


class Renewal:
    """Keeps a lease from `start` to `stop`, while one session lives.

    Args:
        client: Whose session it is.
        path: Anything in ZooKeeper; the leader of the servers answers for it.
        session: The number of the session. Another one's answers say nothing.
        lease: What is renewed.
    """

    def __init__(self, client: Client, path: str, session: int, lease: Lease) -> None:
        self._client = client
        self._path = path
        self._session = session
        self._lease = lease
        self._is_over = threading.Event()
        self._changing = threading.Lock()

    def start(self) -> None:
        """Begin to renew."""
        threading.Thread(target=self._run, name="zookeeper-lease", daemon=True).start()

    def stop(self) -> None:
        """End the lease, for good."""
        with self._changing:
            self._is_over.set()
            self._lease.until = NEVER

    def _run(self) -> None:
        client = self._client
        while not self._is_over.is_set():
            share = 1 / RENEWALS if self._renew() else RETRY_SHARE
            self._is_over.wait(client.timeout_seconds * share)

    def _renew(self) -> bool:
        """Ask once whether the session lives; return whether it does."""
        client = self._client
        connection = client.connections
        asked_at = time.monotonic()
        try:
            client.kazoo.sync_async(self._path).get(timeout=client.patience_seconds)
        except KazooTimeoutError:
            client.drop(connection)
            return False
        except KazooException:
            return False
        # Numbers do not come back: if it is the same after the answer, it was so before.
        if client.session != self._session:
            return False
        with self._changing:
            if not self._is_over.is_set():
                self._lease.until = asked_at + LEASE_SHARE * client.timeout_seconds
        return True
