"""Offers name what may be offered, go to who wants them, and are void only when that is told.

The law keeps a book of its own, from what masters are told and tell: which agents are there and
in use, which roles are suppressed, what was declined and for how long, and which offers count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tepui.link.messages import ApplyOperation, Registered, Reregistered, RunTask, RunTaskGroup
from tepui.master.core import effects, events
from tepui.master.core.registry import PREFIX, AgentRecord
from tepui.messages import Offer, OfferID, scheduler
from tepui.resources import Resources
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped, LeadershipBegan
from tepui.sim.scenario import Scenario

Call = scheduler.Call
Kind = Call.Type

REFUSALS_MAX = 16
"""Of a framework in a role on one agent; with more of them, an allocator may forget some."""

_agents = msgspec.msgpack.Decoder(AgentRecord)


class Made(msgspec.Struct, frozen=True):
    """An offer that counts."""

    framework_id: str
    agent_id: str
    role: str
    resources: Resources


class Customer:
    """A framework as the leader has it.

    Attributes:
        connection: Of its stream.
        roles: That it has subscribed to.
        suppressed: Those in which it wants nothing.
        refusals: By role and agent: until when, by the leader's clock, and what.
    """

    __slots__ = ("connection", "refusals", "roles", "suppressed")

    def __init__(self, connection: int, subscribe: Call.Subscribe) -> None:
        self.connection = connection
        self.roles = tuple(subscribe.framework_info.roles)
        self.suppressed = dict.fromkeys(subscribe.suppressed_roles)
        self.refusals: dict[tuple[str, str], list[tuple[float, Resources]]] = {}


class FitOffers(Law):
    """Nothing is offered of an agent that is away or out of use, or to a role that is suppressed.

    Nor is it offered again while it is declined, nor used twice; and whoever has an offer of an
    agent that is lost hears that it is void.
    """

    name = "fit offers"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._made: dict[str, Made] = {}
        self._customers: dict[str, Customer] = {}
        self._channels: dict[int, str] = {}
        self._here: dict[str, int] = {}
        self._out_of_use: dict[str, None] = {}
        self._writes: dict[int, dict[str, bytes]] = {}
        self._subscribing: Call.Subscribe | None = None
        self._called: Call | None = None
        self._is_used_up = False
        self._left: list[str] = []

    def watches(self) -> Mapping[type, Watch]:
        return {LeadershipBegan: self._on_began, CoreStepped: self._on_step}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            events.RegistryRecovered: self._on_recovered,
            events.Persisted: self._on_persisted,
            events.AgentChannelClosed: self._on_channel_closed,
            events.SchedulerCalled: self._on_called,
            events.SchedulerDisconnected: self._on_disconnected,
            effects.Persist: self._on_persist,
            effects.SendToAgent: self._on_sent_to_agent,
            effects.SendToScheduler: self._on_sent,
            effects.CloseChannel: self._on_channel_closed,
            effects.CloseScheduler: self._on_disconnected,
            effects.Respond: self._on_respond,
        }

    def _on_began(self, began: LeadershipBegan) -> None:
        self._begin_anew()

    def _on_step(self, step: CoreStepped) -> None:
        """Begin a step of a master: what the one before it owed has to be done."""
        if step.core != "master":
            return
        self._called = None
        self._is_used_up = False
        left, self._left = self._left, []
        for agent_id in left:
            for offer_id, made in self._made.items():
                if made.agent_id == agent_id and agent_id not in self._here:
                    what = f"agent {agent_id} left, and {made.framework_id} is not told that"
                    raise self.broken(step.at, step.node, f"{what} offer {offer_id} is void")

    # -- agents --

    def _on_recovered(self, step: CoreStepped, event: events.RegistryRecovered) -> None:
        self._note_use(event.records)

    def _on_persist(self, step: CoreStepped, effect: effects.Persist) -> None:
        self._writes[effect.token] = {
            key: value for key, value in effect.puts.items() if key.startswith(PREFIX)
        }

    def _on_persisted(self, step: CoreStepped, event: events.Persisted) -> None:
        self._note_use(self._writes.pop(event.token, {}))

    def _note_use(self, records: Mapping[str, bytes]) -> None:
        for key, value in records.items():
            if key.startswith(PREFIX):
                agent_id = key.removeprefix(PREFIX)
                if _agents.decode(value).is_deactivated:
                    self._out_of_use[agent_id] = None
                else:
                    self._out_of_use.pop(agent_id, None)

    def _on_sent_to_agent(self, step: CoreStepped, effect: effects.SendToAgent) -> None:
        message = effect.message
        match message:
            case Registered() | Reregistered():
                self._here[message.agent_id] = effect.channel
                self._channels[effect.channel] = message.agent_id
                for customer in self._customers.values():
                    # What it has may be another thing than what was declined.
                    for role in customer.roles:
                        customer.refusals.pop((role, message.agent_id), None)
            case RunTask() | RunTaskGroup() | ApplyOperation():
                if self._is_used_up:
                    what = f"does {type(message).__name__} with an offer that does not count"
                    raise self.broken(step.at, step.node, what)
            case _:
                pass

    def _on_channel_closed(
        self, step: CoreStepped, closed: events.AgentChannelClosed | effects.CloseChannel
    ) -> None:
        agent_id = self._channels.pop(closed.channel, None)
        if agent_id is not None and self._here.get(agent_id) == closed.channel:
            del self._here[agent_id]
            self._left.append(agent_id)

    # -- frameworks --

    def _on_called(self, step: CoreStepped, event: events.SchedulerCalled) -> None:
        call = self._called = event.call
        if call.type is Kind.SUBSCRIBE:
            self._subscribing = call.subscribe
        elif call.type is Kind.ACCEPT and call.accept is not None:
            self._is_used_up = any(each.value not in self._made for each in call.accept.offer_ids)

    def _on_respond(self, step: CoreStepped, effect: effects.Respond) -> None:
        """Take note of a call that the master has taken."""
        call, self._called = self._called, None
        if call is None or effect.status != 202 or call.framework_id is None:
            return
        framework_id = call.framework_id.value
        customer = self._customers.get(framework_id)
        if customer is None:
            return
        if call.accept is not None:
            self._void(call.accept.offer_ids)
        elif call.decline is not None:
            filters = call.decline.filters
            self._refuse(
                step, customer, call.decline, 5.0 if filters is None else filters.refuse_seconds
            )
        elif call.type is Kind.SUPPRESS:
            named = () if call.suppress is None else tuple(call.suppress.roles)
            customer.suppressed |= dict.fromkeys(named or customer.roles)
        elif call.type is Kind.REVIVE:
            named = () if call.revive is None else tuple(call.revive.roles)
            for role in named or customer.roles:
                customer.suppressed.pop(role, None)
            customer.refusals.clear()

    def _refuse(
        self, step: CoreStepped, customer: Customer, decline: Call.Decline, seconds: float
    ) -> None:
        for each in decline.offer_ids:
            made = self._made.pop(each.value, None)
            if made is None or seconds <= 0 or made.role in customer.suppressed:
                continue
            refusals = customer.refusals.setdefault((made.role, made.agent_id), [])
            refusals.append((step.monotonic + seconds, made.resources))

    def _void(self, offer_ids: Iterable[OfferID]) -> None:
        for each in offer_ids:
            self._made.pop(each.value, None)

    def _on_disconnected(
        self, step: CoreStepped, ended: events.SchedulerDisconnected | effects.CloseScheduler
    ) -> None:
        for framework_id, customer in list(self._customers.items()):
            if customer.connection == ended.connection:
                self._forget(framework_id)

    def _forget(self, framework_id: str) -> None:
        """Nothing that it has counts any more, and it does not have to be told."""
        self._customers.pop(framework_id, None)
        self._made = {
            key: made for key, made in self._made.items() if made.framework_id != framework_id
        }

    # -- offers --

    def _on_sent(self, step: CoreStepped, effect: effects.SendToScheduler) -> None:
        event = effect.event
        if event.subscribed is not None and self._subscribing is not None:
            framework_id = event.subscribed.framework_id.value
            self._forget(framework_id)
            self._customers[framework_id] = Customer(effect.connection, self._subscribing)
        elif event.rescind is not None:
            self._void([event.rescind.offer_id])
        elif event.offers is not None:
            for offer in event.offers.offers:
                self._enter(step, offer)

    def _enter(self, step: CoreStepped, offer: Offer) -> None:
        framework_id, agent_id = offer.framework_id.value, offer.agent_id.value
        role = "*" if offer.allocation_info is None else offer.allocation_info.role or "*"
        problem = None
        resources = Resources.from_messages(offer.resources).unallocated()
        customer = self._customers.get(framework_id)
        if agent_id not in self._here:
            problem = f"agent {agent_id}, which is not here"
        elif agent_id in self._out_of_use:
            problem = f"agent {agent_id}, which an operator took out of use"
        elif customer is None:
            problem = "something although it is not subscribed"
        elif role in customer.suppressed:
            problem = f"agent {agent_id} for {role}, which it has suppressed"
        elif self._is_refused(step, customer, role, agent_id, resources):
            problem = f"what it has declined of agent {agent_id}"
        if problem is not None:
            raise self.broken(step.at, step.node, f"offers {framework_id} {problem}")
        self._made[offer.id.value] = Made(framework_id, agent_id, role, resources)

    def _is_refused(
        self, step: CoreStepped, customer: Customer, role: str, agent_id: str, resources: Resources
    ) -> bool:
        refusals = customer.refusals.get((role, agent_id))
        if not refusals:
            return False
        refusals[:] = [each for each in refusals if each[0] > step.monotonic]
        if len(refusals) > REFUSALS_MAX:
            return False
        return any(refused.contains(resources) for _, refused in refusals)
