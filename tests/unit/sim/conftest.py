"""Nodes that write down what reaches them, for tests of what is between nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tepui.base.rng import Rng
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.network import End, Network, Server
from tepui.sim.observations import Observation
from tepui.sim.scenario import Network as Settings


class Node(Server):
    """Takes every connection, answers every request with it, and remembers all."""

    def __init__(self, name: str, net: Net) -> None:
        super().__init__(name, net.clock, NodeClock(net.clock), net.observed.append)
        self.net = net
        self.heard: list[Any] = []
        self.ends: list[End] = []
        net.network.servers[name] = self

    def on_start(self) -> None:
        self.ends = []

    def accept(self, hello: Any, end: End) -> None:
        self.heard.append(("hello", hello))
        self.adopt(end)

    def adopt(self, end: End) -> None:
        self.ends.append(end)
        end.on_message = self.heard.append
        end.on_close = lambda reason: self.heard.append(("closed", reason))

    def answer(self, request: Any, reply: Callable[[Any], None]) -> None:
        self.heard.append(request)
        reply(request)

    def connect(self, target: str) -> None:
        self.net.network.connect(
            self, target, "hi", self.adopt, lambda reason: self.heard.append(("failed", reason))
        )

    def ask(self, target: str, request: Any) -> None:
        self.net.network.exchange(
            self,
            target,
            request,
            lambda answer: self.heard.append(("answer", answer)),
            lambda reason: self.heard.append(("failed", reason)),
        )


class Net:
    """A network with some nodes."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.observed: list[Observation] = []
        self.network = Network(self.clock, Rng(1), Settings(**settings), self.observed.append)

    def node(self, name: str) -> Node:
        node = Node(name, self)
        node.start()
        return node

    def pair(self) -> tuple[Node, Node]:
        """Return two nodes with a connection between them."""
        one, other = self.node("one"), self.node("other")
        one.connect("other")
        self.run(1.0)
        other.heard.clear()
        return one, other

    def run(self, seconds: float) -> None:
        self.clock.run_until(self.clock.now + seconds)


@pytest.fixture
def new_net() -> type[Net]:
    return Net
