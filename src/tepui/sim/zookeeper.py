"""ZooKeeper as masters, agents and frameworks see it: sessions, the election, the registry.

The ensemble is one node that may be down as a whole. A session lives while its client is heard
of; one that is silent for its whole timeout takes its candidate with it. The candidate that came
first leads. The registry is the real `MemoryStore` behind a network and a disk: epochs fence
whoever was deposed, and a write may be carried out though nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tepui.base.rng import Rng
from tepui.ha.election import NEVER
from tepui.ha.memory import MemoryContent, MemoryStore
from tepui.ha.store import Fenced, StoreBatch, StoreError
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.network import Network, Server
from tepui.sim.observations import (
    LeaderElected,
    RegistryOpened,
    RegistryRefused,
    RegistryWritten,
)
from tepui.sim.processes import Observe, Process
from tepui.sim.scenario import Disk
from tepui.sim.scenario import ZooKeeper as Settings

NAME = "zookeeper"

LEASE_SHARE = 3 / 4
"""The part of the session timeout for which an answer counts, as `tepui.ha.zookeeper` has it."""

RENEWALS = 6
"""How often a candidate is heard of within one session timeout."""

FETCH_SECONDS_MAX = 60.0
STORE_SECONDS_MAX = 20.0
"""Or the session timeout, if that is less."""
RECONNECT_SECONDS = 0.2
"""After so long a client tries the next server."""

ATTEMPT_SECONDS = 3.0
"""How long one attempt to reach the ensemble takes before the next server is tried."""


class Stand(msgspec.Struct, frozen=True):
    """Begin a session, or go on with one, and be a candidate in it."""

    session: int
    name: str


class Standing(msgspec.Struct, frozen=True):
    """The answer: the session, another one if the old has expired, and the session of who leads."""

    session: int
    first: int | None


class Leave(msgspec.Struct, frozen=True):
    """End a session."""

    session: int


class OpenRegistry(msgspec.Struct, frozen=True):
    """Claim the registry."""

    store: MemoryStore
    name: str
    life: int


class WriteRegistry(msgspec.Struct, frozen=True):
    """Apply batches; the same ``number`` again tells how the first went."""

    store: MemoryStore
    name: str
    life: int
    number: int
    batches: list[StoreBatch]


class Ensemble(Server):
    """All servers of ZooKeeper, as one.

    Attributes:
        leader: The name of the first candidate.
        content: What the registry holds.
        write_seconds_more: How much longer writes take at the moment, by writer.
        is_failing: Whether the registry refuses writes at the moment, by writer.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        rng: Rng,
        observe: Observe,
        settings: Settings,
        disk: Disk,
    ) -> None:
        super().__init__(NAME, clock, NodeClock(clock), observe)
        self.leader: str | None = None
        self.content = MemoryContent()
        self.write_seconds_more: dict[str, float] = {}
        self.is_failing: dict[str, bool] = {}
        self._network = network
        self._rng = rng
        self._timeout = settings.session_timeout
        self._latency = settings.latency
        self._disk_latency = disk.latency
        self._sessions: dict[int, float] = {}
        self._candidates: dict[int, str] = {}
        self._last_session = 0
        self._written: dict[str, tuple[tuple[int, int], StoreError | None]] = {}
        self._watchers: dict[str, Watcher] = {}
        network.servers[NAME] = self

    def on_start(self) -> None:
        """Let every session have its whole time, as a newly elected server of ZooKeeper does."""
        for session in self._sessions:
            self._sessions[session] = self.clock.now
        self.after(self._timeout / RENEWALS, self._expire_silent)

    def answer(self, request: Any, reply: Callable[[Any], None]) -> None:
        """Carry out a request of a client."""
        seconds = self._rng.between(*self._latency)
        match request:
            case Stand():
                self.after(seconds, self._stand, request, reply)
            case Leave(session=session):
                self.after(seconds, self._leave, session, reply)
            case OpenRegistry():
                self.after(seconds, self._open, request, reply)
            case WriteRegistry(name=name):
                seconds += self._rng.between(*self._disk_latency)
                seconds += self.write_seconds_more.get(name, 0.0)
                self.after(seconds, self._write, request, reply)
            case _:
                raise AssertionError(f"nobody asks ZooKeeper for {request!r}")

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher of every new leader."""
        self._watchers[watcher.process.name] = watcher
        watcher.look()

    # -- the election --

    def _stand(self, request: Stand, reply: Callable[[Any], None]) -> None:
        session = request.session
        if session not in self._sessions:
            self._last_session += 1
            session = self._last_session
            self._candidates[session] = request.name
        self._sessions[session] = self.clock.now
        self._elect()
        reply(Standing(session, self.leader_session()))

    def leader_session(self) -> int | None:
        """Return the session of the first candidate."""
        return min(self._candidates, default=None)

    def _leave(self, session: int, reply: Callable[[Any], None]) -> None:
        self._sessions.pop(session, None)
        self._candidates.pop(session, None)
        self._elect()
        reply(None)

    def _expire_silent(self) -> None:
        now = self.clock.now
        for session, heard in list(self._sessions.items()):
            if now - heard >= self._timeout:
                del self._sessions[session]
                self._candidates.pop(session, None)
        self._elect()
        self.after(self._timeout / RENEWALS, self._expire_silent)

    def _elect(self) -> None:
        first = self.leader_session()
        leader = None if first is None else self._candidates[first]
        if leader == self.leader:
            return
        self.leader = leader
        self.observe(LeaderElected(at=self.clock.now, node=NAME, leader=leader))
        for watcher in self._watchers.values():
            self.after(self._rng.between(*self._latency), watcher.look)

    # -- the registry --

    def _open(self, request: OpenRegistry, reply: Callable[[Any], None]) -> None:
        if request.name != self.leader:
            return  # what comes late in a session that has expired is refused
        records = request.store.open()
        self.observe(
            RegistryOpened(
                at=self.clock.now,
                node=request.name,
                life=request.life,
                epoch=self.content.epoch,
                records=records,
            )
        )
        reply((records, self.content.epoch))

    def _write(self, request: WriteRegistry, reply: Callable[[Any], None]) -> None:
        known = self._written.get(request.name)
        number = (request.life, request.number)
        if known is not None and known[0] >= number:
            if known[0] == number:
                reply(known[1])
            return  # what comes late on an old connection is passed over
        error: StoreError | None = None
        if self.is_failing.get(request.name):
            error = StoreError("the disk is full")
        else:
            try:
                request.store.write(request.batches)
            except Fenced as fenced:
                error = fenced
        self._written[request.name] = (number, error)
        now = self.clock.now
        if error is not None:
            self.observe(
                RegistryRefused(at=now, node=request.name, life=request.life, reason=str(error))
            )
        else:
            for batch in request.batches:
                self.observe(
                    RegistryWritten(
                        at=now,
                        node=request.name,
                        life=request.life,
                        epoch=self.content.epoch,
                        puts=batch.puts,
                        deletes=tuple(batch.deletes),
                    )
                )
        reply(error)


class Watcher:
    """Sees who leads, as soon as the way from ZooKeeper is open.

    Attributes:
        leader: Who led when it last looked.
    """

    def __init__(
        self, process: Process, ensemble: Ensemble, network: Network, seen: Callable[[str], None]
    ) -> None:
        self.process = process
        self.leader: str | None = None
        self._ensemble = ensemble
        self._network = network
        self._seen = seen
        self._is_looking = False

    def look(self) -> None:
        """Look who leads, again and again while nothing gets through."""
        if self._is_looking or not self.process.is_alive:
            return
        self._is_looking = True
        self._network.clock.after(self._network.latency(self._ensemble.name), self._arrive)

    def _arrive(self) -> None:
        process, ensemble = self.process, self._ensemble
        self._is_looking = False
        if not process.is_alive:
            return
        if not ensemble.is_alive or not self._network.is_clear(ensemble.name, process.name):
            self._is_looking = True
            self._network.clock.after(1.0, self._arrive)
            return
        leader = ensemble.leader
        if leader != self.leader:
            self.leader = leader
            if leader is not None:
                process.run(process.life, self._seen, leader)


class Candidacy:
    """One master's part in the election, over one life of its process.

    Args:
        elected: Called once, when it leads; `lease_until` holds from then on.
        deposed: Called once after that, with the reason.

    Attributes:
        lease_until: Until when it leads, by its own monotonic clock.
    """

    def __init__(
        self,
        process: Process,
        network: Network,
        timeout: float,
        elected: Callable[[], None],
        deposed: Callable[[str], None],
    ) -> None:
        self.lease_until = NEVER
        self._process = process
        self._network = network
        self._timeout = timeout
        self._elected = elected
        self._deposed = deposed
        self._session = 0
        self._leads = False
        self._is_over = False

    def ask(self) -> None:
        """Ask whether the session lives and who is first in line, and go on asking."""
        if self._is_over:
            return
        process = self._process
        if self._leads and process.times.monotonic >= self.lease_until:
            self._depose("ZooKeeper has not answered in time")
            return
        asked_at = process.times.monotonic
        self._network.exchange(
            process,
            NAME,
            Stand(self._session, process.name),
            lambda standing: self._on_standing(standing, asked_at),
            lambda reason: process.after(RECONNECT_SECONDS, self.ask),
            self._timeout / RENEWALS,
        )

    def leave(self) -> None:
        """End the session in good order."""
        self._is_over = True
        self.lease_until = NEVER
        if self._session:
            self._network.exchange(
                self._process, NAME, Leave(self._session), lambda _: None, lambda _: None
            )

    def _on_standing(self, standing: Standing, asked_at: float) -> None:
        if self._is_over:
            return
        if self._leads and standing.session != self._session:
            self._depose("the session has expired")
            return
        self._session = standing.session
        if standing.first == self._session:
            self.lease_until = asked_at + LEASE_SHARE * self._timeout
            if not self._leads:
                self._leads = True
                self._elected()
        elif self._leads:
            self._depose("its candidacy is gone")
            return
        self._process.after(self._timeout / RENEWALS, self.ask)

    def _depose(self, reason: str) -> None:
        self._is_over = True
        self.lease_until = NEVER
        self._deposed(reason)


class RegistryClient:
    """A master's writer: batches that arrive while one commit is under way share the next.

    Args:
        session_timeout: Of the master's session; a write does not take longer.
    """

    def __init__(
        self, process: Process, network: Network, ensemble: Ensemble, session_timeout: float
    ) -> None:
        self._process = process
        self._store_seconds_max = min(STORE_SECONDS_MAX, session_timeout)
        self._network = network
        self._store = MemoryStore(ensemble.content)
        self._pending: list[tuple[StoreBatch, Callable[[StoreError | None], None]]] = []
        self._numbers = 0
        self._is_busy = False
        self._failure: StoreError | None = None
        self.on_idle: Callable[[], None] | None = None
        self.epoch = 0

    def open(
        self,
        may_open: Callable[[], bool],
        opened: Callable[[dict[str, bytes]], None],
        failed: Callable[[str], None],
    ) -> None:
        """Claim the registry and read it, unless somebody else may lead by now."""
        deadline = self._process.times.monotonic + FETCH_SECONDS_MAX
        request = OpenRegistry(self._store, self._process.name, self._process.life)

        def on_answer(answer: tuple[dict[str, bytes], int]) -> None:
            records, self.epoch = answer
            opened(records)

        def on_failure(reason: str) -> None:
            if self._process.times.monotonic >= deadline:
                failed(f"the registry could not be read in {FETCH_SECONDS_MAX:g} s")
            else:
                self._process.after(RECONNECT_SECONDS, attempt)

        def attempt() -> None:
            if not may_open():
                failed("its lease was over before it had opened the registry")
                return
            self._network.exchange(
                self._process, NAME, request, on_answer, on_failure, 2 * ATTEMPT_SECONDS
            )

        attempt()

    def submit(self, batch: StoreBatch, done: Callable[[StoreError | None], None]) -> None:
        """Write a batch soon."""
        self._pending.append((batch, done))
        if not self._is_busy:
            self._is_busy = True
            self._process.after(0.0, self._commit)

    @property
    def is_idle(self) -> bool:
        """Whether everything submitted is written."""
        return not self._is_busy

    def _commit(self) -> None:
        group, self._pending = self._pending, []
        self._numbers += 1
        process = self._process
        batches = [batch for batch, _ in group]
        request = WriteRegistry(self._store, process.name, process.life, self._numbers, batches)
        deadline = process.times.monotonic + self._store_seconds_max

        def finish(error: StoreError | None) -> None:
            self._failure = error
            for _, done in group:
                done(error)
            if self._pending:
                self._commit()
                return
            self._is_busy = False
            if self.on_idle is not None:
                self.on_idle()

        def on_failure(reason: str) -> None:
            if process.times.monotonic >= deadline:
                finish(StoreError(f"it could not be written in {self._store_seconds_max:g} s"))
            else:
                process.after(RECONNECT_SECONDS, attempt)

        def attempt() -> None:
            self._network.exchange(process, NAME, request, finish, on_failure, ATTEMPT_SECONDS)

        if self._failure is None:
            attempt()
        else:
            finish(self._failure)  # what comes later may rest on what was not written
