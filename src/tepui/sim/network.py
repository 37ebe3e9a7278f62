"""What carries messages between nodes: connections as TCP has them, and single exchanges.

A connection keeps its order and has no gaps, until it breaks. While a way is cut, what is sent
waits for it, as TCP sends again; after a time the sender gives the connection up. A lost message
loses all behind it, and each side finds out in its own time, which may be long after. What is
asked in a single exchange may be late, overtaken, doubled, or lost before or after it was done.

With ``datagrams``, messages of protocols that repeat what is not acknowledged are lost, doubled
and overtaken one by one, on a connection that goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tepui.base.rng import Rng
from tepui.link import messages as link
from tepui.sim.clock import Clock
from tepui.sim.observations import LinkBroke
from tepui.sim.processes import Observe, Process
from tepui.sim.scenario import Network as Settings

CONNECT_SECONDS = 10.0
"""How long a client tries to open a connection."""

CALL_SECONDS = 10.0
"""How long a client waits for an answer."""

GIVE_UP_SECONDS = (20.0, 130.0)
"""After so long without a sign from the other side, TCP gives a connection up."""

RESUME_SECONDS = 3.0
"""How long TCP takes at most to try again after a way is open again."""

NOTICE_SECONDS = (0.5, 130.0)
"""How long it takes a side to notice that a connection has broken."""

REPEATED = (
    link.UpdateStatus,
    link.UpdateOperation,
    link.AcknowledgeStatus,
    link.AcknowledgeOperation,
    link.Ping,
    link.Pong,
)
"""What may be lost, doubled and overtaken one by one with ``datagrams``: somebody repeats it."""

REGISTRATIONS = (link.Register, link.Reregister, link.Registered, link.Reregistered)
"""What may be lost and doubled, too, but not overtaken: it says how everything is at that moment,
and what comes behind it builds on that."""

_CLOSED = object()


class Network:
    """All ways between all nodes."""

    def __init__(self, clock: Clock, rng: Rng, settings: Settings, observe: Observe) -> None:
        self.clock = clock
        self.rng = rng
        self.observe = observe
        self.loss = settings.loss
        self.duplication = settings.duplication
        self.reordering = settings.reordering
        self.are_datagrams = settings.mode == "datagrams"
        self._low, high = settings.latency
        self._spread = high - self._low
        self._cuts: dict[tuple[str, str], int] = {}
        self._stalled: dict[int, End] = {}
        self._ends: dict[int, End] = {}
        self._numbers = 0
        self._losses: dict[str, float] = {}
        self._doublings: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self.servers: dict[str, Server] = {}
        self.sessions = "zookeeper"  # who is spoken to in sessions, where nothing is doubled

    # -- what is wrong with it --

    def cut(self, source: str, target: str) -> None:
        """Let nothing through from one node to another; an empty name means everyone."""
        key = (source, target)
        self._cuts[key] = self._cuts.get(key, 0) + 1

    def heal(self, source: str, target: str) -> None:
        """Take a cut back; what waits goes on, a little later."""
        key = (source, target)
        left = self._cuts.get(key, 0) - 1
        if left > 0:
            self._cuts[key] = left
            return
        self._cuts.pop(key, None)
        for end in list(self._stalled.values()):
            if not self.is_cut(end.source, end.target):
                self.clock.after(self.rng.between(0.0, RESUME_SECONDS), end.resume)

    def is_cut(self, source: str, target: str) -> bool:
        """Return whether nothing gets through at the moment."""
        cuts = self._cuts
        return bool(cuts) and (
            (source, target) in cuts or (source, "") in cuts or ("", target) in cuts
        )

    def is_clear(self, source: str, target: str) -> bool:
        """Return whether both ways are open."""
        return not self._cuts or not (self.is_cut(source, target) or self.is_cut(target, source))

    def lose(self, source: str, share: float) -> None:
        """Lose this share of what a node sends; 0 ends that."""
        _set(self._losses, source, share)

    def double(self, source: str, share: float) -> None:
        """Double this share of what a node sends; 0 ends that."""
        _set(self._doublings, source, share)

    def delay(self, source: str, seconds: float) -> None:
        """Let all that a node sends take up to so much longer; 0 ends that."""
        _set(self._delays, source, seconds)

    def break_connections(self, node: str, peer: str = "") -> int:
        """Break connections of a node, and return how many; new ones can be opened."""
        found = [
            end
            for end in self._ends.values()
            if end.source == node and (not peer or end.target == peer)
        ]
        for end in found:
            end.lose("cut")
        return len(found)

    # -- what it draws --

    def latency(self, source: str) -> float:
        """Draw how long something takes that a node sends."""
        unit = self.rng.unit()
        seconds = self._low + self._spread * unit * unit
        if self._delays:
            extra = self._delays.get(source)
            if extra:
                seconds += self.rng.between(0.0, extra)
        return seconds

    def loses(self, source: str) -> bool:
        """Draw whether something that a node sends gets lost."""
        share = self._losses.get(source, self.loss) if self._losses else self.loss
        return share > 0 and self.rng.unit() < share

    def doubles(self, source: str) -> bool:
        """Draw whether something that a node sends arrives twice."""
        share = self.duplication
        if self._doublings:
            share = self._doublings.get(source, share)
        return share > 0 and self.rng.unit() < share

    # -- connections --

    def connect(
        self,
        client: Process,
        target: str,
        hello: Any,
        opened: Callable[[End], None],
        failed: Callable[[str], None],
    ) -> None:
        """Open a connection from ``client``'s present life.

        Args:
            hello: Given to the server with its end: what the client asks for.
            opened: Called with the client's end, before anything arrives on it.
            failed: Called if there is no connection in time.
        """
        _Opening(self, client, target, hello, opened, failed).try_once(0)

    def exchange(
        self,
        client: Process,
        target: str,
        request: Any,
        answered: Callable[[Any], None],
        failed: Callable[[str], None],
        seconds_max: float = CALL_SECONDS,
    ) -> None:
        """Ask one thing on a connection of its own.

        ``failed`` leaves open whether the request was carried out.
        """
        exchange = Exchange(self, client, target, request, answered, failed, seconds_max)
        exchange.send()
        if target != self.sessions and self.doubles(client.name):
            exchange.send()  # by a client or a proxy that tries again

    def enter(self, end: End) -> int:
        """Know an end until it is closed."""
        self._numbers += 1
        self._ends[self._numbers] = end
        return self._numbers

    def leave(self, end: End) -> None:
        """Forget an end."""
        self._ends.pop(end.number, None)
        self._stalled.pop(end.number, None)

    def stall(self, end: End) -> None:
        """Remember that something waits for a way to open."""
        self._stalled[end.number] = end

    def flowing(self, end: End) -> None:
        """Forget that something waits."""
        self._stalled.pop(end.number, None)


def _set(shares: dict[str, float], source: str, share: float) -> None:
    if share > 0:
        shares[source] = share
    else:
        shares.pop(source, None)


class Server(Process):
    """A process that others connect to."""

    def accept(self, hello: Any, end: End) -> None:
        """Take a connection."""
        raise NotImplementedError

    def answer(self, request: Any, reply: Callable[[Any], None]) -> None:
        """Carry out a request, and reply now or later."""
        raise NotImplementedError


class End:
    """One end of a connection; it belongs to one life of a process.

    Attributes:
        on_message: Called with what arrives.
        on_close: Called once, when the connection is over and not because of this side.
    """

    __slots__ = (
        "_due",
        "_is_lost",
        "_is_waiting",
        "_network",
        "_owner_life",
        "_stalled",
        "is_open",
        "number",
        "on_close",
        "on_message",
        "owner",
        "peer",
        "source",
        "target",
    )

    def __init__(self, network: Network, owner: Process, target: str) -> None:
        self._network = network
        self.owner = owner
        self._owner_life = owner.life
        self.source = owner.name
        self.target = target
        self.peer: End = self
        self.is_open = True
        self.on_message: Callable[[Any], None] | None = None
        self.on_close: Callable[[str], None] | None = None
        self._due = 0.0
        self._is_lost = False
        self._is_waiting = False
        self._stalled: deque[Any] = deque()
        self.number = network.enter(self)
        owner.keep(self)

    # -- this side --

    def send(self, message: Any) -> None:
        """Send something; nobody knows whether it arrives."""
        if not self.is_open or self._is_lost:
            return
        network = self._network
        if network.are_datagrams and isinstance(message[1], REPEATED + REGISTRATIONS):
            self._send_alone(message)
        elif (network.loss or network._losses) and network.loses(self.source):
            self.lose("lost")
        else:
            self._send_in_order(message)

    def close(self, reason: str) -> None:
        """Send what was sent, and nothing more; ``on_close`` does not follow."""
        if self.is_open:
            if not self._is_lost:
                self._send_in_order(_CLOSED, reason)
            self._shut()

    def abandon(self) -> None:
        """Be gone without a word, as when the power fails."""
        if self.is_open:
            self._is_lost = True
            self._stalled.clear()
            self._shut()

    def lose(self, reason: str) -> None:
        """Let nothing through any more; both sides notice in their own time."""
        if self._is_lost:
            return
        self._is_lost = True
        network = self._network
        for end in (self, self.peer):
            seconds = network.rng.between(*NOTICE_SECONDS) * network.rng.unit()
            network.clock.after(seconds, end.break_off, f"the connection broke: {reason}")

    def break_off(self, reason: str) -> None:
        """Notice that the connection is over."""
        if not self.is_open:
            return
        network = self._network
        self._shut()
        network.observe(
            LinkBroke(at=network.clock.now, node=self.source, peer=self.target, reason=reason)
        )
        if self.on_close is not None:
            self.owner.run(self._owner_life, self.on_close, reason)

    def _shut(self) -> None:
        self.is_open = False
        self.owner.let_go(self)
        if not self._stalled:
            self._network.leave(self)

    # -- on the way --

    def _send_in_order(self, message: Any, reason: str = "") -> None:
        network = self._network
        self._due = max(self._due, network.clock.now + network.latency(self.source))
        network.clock.at(self._due, self._arrive, message, reason)
        if network._cuts and not network.is_clear(self.source, self.target):
            self._expect_sign()

    def _send_alone(self, message: Any) -> None:
        network = self._network
        if network.loses(self.source):
            return
        for _ in range(2 if network.doubles(self.source) else 1):
            if isinstance(message[1], REGISTRATIONS):
                self._send_in_order(message)
                continue
            due = network.clock.now + network.latency(self.source)
            if network.reordering and network.rng.unit() < network.reordering:
                due += network.rng.between(0.0, 5.0)
            network.clock.at(due, self._arrive, message, "")

    def _expect_sign(self) -> None:
        """Give the connection up if the way is still cut after a time."""
        if not self._is_waiting:
            self._is_waiting = True
            network = self._network
            network.clock.after(network.rng.between(*GIVE_UP_SECONDS), self._look_for_sign)

    def _look_for_sign(self) -> None:
        self._is_waiting = False
        if self._network.is_clear(self.source, self.target):
            return
        self._is_lost = True
        self._stalled.clear()
        self._network.flowing(self)
        self.break_off("the other side does not answer")

    def _arrive(self, message: Any, reason: str) -> None:
        network = self._network
        if self._is_lost:
            return
        if self._stalled or network.is_cut(self.source, self.target):
            self._stalled.append((message, reason))
            network.stall(self)
            self._expect_sign()
            return
        self._deliver(message, reason)

    def resume(self) -> None:
        """Let through what waits, if the way is open."""
        network = self._network
        if self._is_lost or network.is_cut(self.source, self.target):
            return
        network.flowing(self)
        waiting, self._stalled = self._stalled, deque()
        for message, reason in waiting:
            self._deliver(message, reason)
        if not self.is_open:
            network.leave(self)

    def _deliver(self, message: Any, reason: str) -> None:
        peer = self.peer
        if message is _CLOSED:
            peer.closed_by_peer(reason)
        elif not peer.is_open:
            # The system there answers that it knows of no such connection.
            if self.is_open and not self._network.is_cut(self.target, self.source):
                self._network.clock.after(
                    self._network.latency(self.target), self.break_off, "reset by the other side"
                )
        elif peer.on_message is not None:
            peer.owner.run(peer._owner_life, peer.take, message)

    def take(self, message: Any) -> None:
        """Hand on what arrived, unless this side has closed meanwhile."""
        if self.is_open and self.on_message is not None:
            self.on_message(message)

    def closed_by_peer(self, reason: str) -> None:
        """Hear that the other side has closed, after all that it sent."""
        if self.is_open:
            self.owner.run(self._owner_life, self._close_after_messages, reason)

    def _close_after_messages(self, reason: str) -> None:
        if self.is_open:
            self._is_lost = True
            self._shut()
            if self.on_close is not None:
                self.on_close(reason)


class _Opening:
    """A client's attempt to open a connection."""

    __slots__ = (
        "_client",
        "_deadline",
        "_failed",
        "_hello",
        "_life",
        "_network",
        "_opened",
        "_target",
    )

    def __init__(
        self,
        network: Network,
        client: Process,
        target: str,
        hello: Any,
        opened: Callable[[End], None],
        failed: Callable[[str], None],
    ) -> None:
        self._network = network
        self._client = client
        self._life = client.life
        self._target = target
        self._hello = hello
        self._opened = opened
        self._failed = failed
        self._deadline = network.clock.now + CONNECT_SECONDS

    def try_once(self, attempt: int) -> None:
        network, source, target = self._network, self._client.name, self._target
        if network.is_clear(source, target) and not network.loses(source):
            seconds = network.latency(source) + network.latency(target)
            network.clock.after(seconds, self._arrive)
            return
        later = network.clock.now + 2.0**attempt
        if later >= self._deadline:
            network.clock.at(self._deadline, self._fail, "no answer in time")
        else:
            network.clock.at(later, self.try_once, attempt + 1)

    def _arrive(self) -> None:
        network, client = self._network, self._client
        server = network.servers.get(self._target)
        if server is None or not server.is_alive:
            self._fail("refused: nobody listens there")
            return
        if not client.is_alive or client.life != self._life:
            return
        theirs = End(network, server, client.name)
        ours = End(network, client, self._target)
        theirs.peer, ours.peer = ours, theirs
        client.run(self._life, self._open, ours)
        server.run(server.life, server.accept, self._hello, theirs)

    def _open(self, end: End) -> None:
        self._opened(end)

    def _fail(self, reason: str) -> None:
        self._client.run(self._life, self._failed, reason)


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_answered",
        "_client",
        "_deadline",
        "_failed",
        "_is_answered",
        "_is_over",
        "_life",
        "_network",
        "_request",
        "_target",
    )

    def __init__(
        self,
        network: Network,
        client: Process,
        target: str,
        request: Any,
        answered: Callable[[Any], None],
        failed: Callable[[str], None],
        seconds_max: float,
    ) -> None:
        self._network = network
        self._client = client
        self._life = client.life
        self._target = target
        self._request = request
        self._answered = answered
        self._failed = failed
        self._deadline = network.clock.now + seconds_max
        self._is_over = False
        self._is_answered = False

    def send(self) -> None:
        """Send the request, once more if it was sent before."""
        network = self._network
        if network.loses(self._client.name):
            self._lose()
        else:
            network.clock.after(network.latency(self._client.name), self._arrive)

    def _lose(self) -> None:
        self._network.clock.at(self._deadline, self._end, None, "no answer in time")

    def _arrive(self) -> None:
        network = self._network
        if network.is_cut(self._client.name, self._target):
            self._lose()
            return
        server = network.servers.get(self._target)
        if server is None or not server.is_alive:
            network.clock.after(
                network.latency(self._target), self._end, None, "refused: nobody listens there"
            )
            return
        server.run(server.life, server.answer, self._request, self._reply)
        if not self._is_answered:
            # It stands still, or has to wait for something, and may end before it answers.
            self._lose()

    def _reply(self, answer: Any) -> None:
        self._is_answered = True
        network = self._network
        lost = network.is_cut(self._target, self._client.name) or network.loses(self._target)
        due = network.clock.now + network.latency(self._target)
        if lost or due > self._deadline:
            self._lose()
        else:
            network.clock.at(due, self._end, answer, "")

    def _end(self, answer: Any, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        if reason:
            self._client.run(self._life, self._failed, reason)
        else:
            self._client.run(self._life, self._answered, answer)
