"""How agents get in: registration, and re-registration with all that they have."""

from __future__ import annotations

import re

from msgspec.structs import replace

from tepui.link.messages import (
    FrameworkState,
    KillTask,
    Register,
    Registered,
    Reregister,
    Reregistered,
    ReregisterPart,
    Shutdown,
    ShutdownFramework,
    TaskReference,
    UpdateFramework,
)
from tepui.link.parts import PARTS_MAX, join
from tepui.master.core import registry
from tepui.master.core.agents import await_return, disconnect, remove_agent, spare, watch
from tepui.master.core.context import Context
from tepui.master.core.draining import welcome_back
from tepui.master.core.effects import CloseChannel, SendToAgent
from tepui.master.core.events import AgentMessageReceived
from tepui.master.core.maintenance import is_machine_down, on_agent_entered
from tepui.master.core.model import Agent, AgentState, Task, ip_of
from tepui.master.core.operator_events import agent_added
from tepui.master.core.pending import PendingAdmission, PendingReadmission
from tepui.master.core.readmission import forget_missing, take_in, tell_of_return
from tepui.master.core.registry import AgentRecord
from tepui.master.core.totals import enter_allocator, set_total, validate_totals
from tepui.master.validation.agents import AgentRules, check_same_address, validate_agent_info
from tepui.master.validation.problem import Problem
from tepui.master.validation.resources import validate_resources
from tepui.messages import URL, Address, AgentID, AgentInfo, ExecutorInfo
from tepui.resources import Resources
from tepui.resources.operations import resources_of

_PORT = re.compile(r"[0-9]{1,5}")
_PORT_MAX = 2**16 - 1

PARTS_WAITING_MAX = 1024
"""Parts of all re-registrations that are not complete; beyond it agents have to come again."""


def on_register(ctx: Context, event: AgentMessageReceived, message: Register) -> None:
    """A new agent asks to be admitted; the registry hears first."""
    state = ctx.state
    state.counters.agent_register_messages += 1
    channel = event.channel
    if channel in state.registering:
        return  # it repeats itself while the registry is at work
    registered = state.channels.get(channel)
    if registered is not None:
        _confirm(ctx, registered)
        return
    found = validate_agent_info(
        message.agent_info, message.version, _rules(ctx)
    ) or validate_totals(message.total, None)
    if found is not None:
        _ignore(ctx, found, event.peer)
        return
    if _is_machine_down(ctx, message.agent_info, message.pid, event):
        return
    if registry.is_full(state):
        return  # it asks again after a while
    _replace_predecessor(ctx, message.pid)
    agent_id = f"{state.master_id}-S{state.agents_made}"
    state.agents_made += 1
    info = replace(message.agent_info, id=AgentID(value=agent_id))
    pending = PendingAdmission(
        agent_id=agent_id,
        channel=channel,
        message=replace(message, agent_info=info),
        peer=event.peer,
    )
    state.registering[channel] = registry.put(ctx, agent_id, AgentRecord(info=info), pending)


def on_admitted(ctx: Context, pending: PendingAdmission) -> None:
    """The registry holds the new agent: it may know, and its resources are offered."""
    message = pending.message
    agent = _make_agent(ctx, pending.agent_id, message, pending.peer)
    told = message.total or message.agent_info.resources
    set_total(agent, Resources.from_messages(told).unallocated())
    ctx.state.counters.agent_registrations += 1
    enter_allocator(ctx, agent)
    if pending.channel is None:
        await_return(ctx, agent)
        agent_added(ctx, agent)
        on_agent_entered(ctx, agent)
        return
    ctx.state.registering.pop(pending.channel, None)
    _connect(ctx, agent, pending.channel)
    _confirm(ctx, agent)
    agent_added(ctx, agent)
    on_agent_entered(ctx, agent)
    ctx.log("info", "agent_registered", agent_id=agent.agent_id, hostname=agent.info.hostname)


def on_reregister_part(ctx: Context, channel: int, part: ReregisterPart) -> None:
    """Keep a part of a re-registration until its last message comes on the same channel."""
    parts = ctx.state.parts
    if part.index == 0:
        parts.pop(channel, None)
    known = parts.get(channel, [])
    waiting = sum(map(len, parts.values()))
    if part.index != len(known):
        reason = f"part {part.index} of a re-registration follows {len(known)} others"
    elif part.index >= PARTS_MAX:
        reason = f"a re-registration has more than {PARTS_MAX} parts"
    elif waiting >= PARTS_WAITING_MAX:
        reason = f"{waiting} parts of re-registrations wait already"
    else:
        parts[channel] = [*known, part]
        return
    _refuse_parts(ctx, channel, reason)


def _refuse_parts(ctx: Context, channel: int, reason: str) -> None:
    ctx.state.parts.pop(channel, None)
    agent = ctx.state.channels.get(channel)
    if agent is not None:
        disconnect(ctx, agent, reason)
    on_channel_closed_while_pending(ctx, channel)
    ctx.log("warning", "reregistration_refused", channel=channel, reason=reason)
    ctx.out.append(CloseChannel(channel=channel, reason=reason))


def on_reregister(ctx: Context, event: AgentMessageReceived, message: Reregister) -> None:
    """A known agent is back, or one that this cluster has forgotten."""
    state = ctx.state
    state.counters.agent_reregister_messages += 1
    parts = state.parts.pop(event.channel, [])
    if len(parts) != message.parts:
        reason = f"{message.parts} parts of a re-registration are said to be {len(parts)}"
        _refuse_parts(ctx, event.channel, reason)
        return
    if parts:
        message = join(parts, message)
    info = message.agent_info
    found = _validate_reregistration(ctx, message)
    if found is not None or info.id is None:
        _ignore(ctx, found, event.peer)
        return
    agent_id = info.id.value
    if registry.is_being_given_up(state, agent_id):
        return  # it asks again when that is done
    if _is_machine_down(ctx, info, message.pid, event):
        return
    if agent_id in state.gone_agents:
        _shut_down(ctx, event.channel, "The agent was marked gone and may not return")
        return
    agent = state.agents.get(agent_id)
    if agent is not None:
        if agent.state in (AgentState.MARKING_UNREACHABLE, AgentState.REMOVING):
            return  # it asks again when that is done
        found = check_same_address(agent.info, info, agent.ip, ip_of(message.pid, event.peer))
        if found is not None:
            _shut_down(ctx, event.channel, found.message)
            return
        if agent.channel is not None and agent.channel != event.channel:
            disconnect(ctx, agent, "the agent speaks on another channel now")
    waiting = state.reregistering.get(agent_id)
    if waiting is not None:
        pending = state.pending_writes[waiting]
        assert isinstance(pending, PendingReadmission)
        if pending.channel is not None:
            state.registering.pop(pending.channel, None)
        state.registering[event.channel] = waiting
        pending.channel, pending.message, pending.peer = event.channel, message, event.peer
        return
    _readmit(ctx, event, message, agent_id)


def on_readmitted(ctx: Context, pending: PendingReadmission) -> None:
    """The agent is in the registry as it is now: take in all that it has."""
    state = ctx.state
    agent_id = pending.agent_id
    message = pending.message
    spare(ctx, agent_id)
    state.reregistering.pop(agent_id, None)
    if pending.channel is not None:
        state.registering.pop(pending.channel, None)
    before = state.find_agent(agent_id)
    state.recovered_agents.pop(agent_id, None)
    state.unreachable_agents.pop(agent_id, None)
    state.removed_agents.pop(agent_id)
    agent = state.agents.get(agent_id)
    is_repeated = False
    if agent is None:
        agent = _make_agent(ctx, agent_id, message, pending.peer)
        if before is not None:
            agent.is_deactivated, agent.drain = before.is_deactivated, before.drain
        state.counters.agent_registrations += pending.was != "recovered"
        is_new = True
    else:
        if agent.state in (AgentState.MARKING_UNREACHABLE, AgentState.REMOVING):
            return
        state.pids.pop(agent.pid, None)
        _describe(ctx, agent, message, pending.peer)
        is_new = False
        is_repeated = agent.channel is not None and agent.channel == pending.channel
    state.counters.agent_reregistrations += 1
    agent.reregistered_time = ctx.now.wall
    returned = take_in(ctx, agent, message, is_new=is_new, is_repeated=is_repeated)
    missing = forget_missing(ctx, agent, message, is_repeated=is_repeated)
    if pending.channel is None:
        await_return(ctx, agent)
    else:
        _connect(ctx, agent, pending.channel)
    if is_new:
        agent_added(ctx, agent)
    if pending.channel is None:
        on_agent_entered(ctx, agent)
        return
    _answer_reregistration(ctx, agent, message, missing)
    welcome_back(ctx, agent)
    if pending.was != "recovered":
        tell_of_return(ctx, returned)
    on_agent_entered(ctx, agent)
    ctx.log("info", "agent_reregistered", agent_id=agent_id, was=pending.was)


def on_channel_closed_while_pending(ctx: Context, channel: int) -> None:
    """Whoever waited for the registry is not there to hear the answer."""
    token = ctx.state.registering.pop(channel, None)
    if token is not None:
        pending = ctx.state.pending_writes[token]
        assert isinstance(pending, PendingAdmission | PendingReadmission)
        pending.channel = None


def _rules(ctx: Context) -> AgentRules:
    return AgentRules(
        has_domain=ctx.config.domain is not None,
        requires_domain=ctx.config.require_agent_domain,
    )


def _validate_reregistration(ctx: Context, message: Reregister) -> Problem | None:
    found = validate_totals(message.total, message.oversubscribed) or validate_resources(
        [each for report in message.operations for each in resources_of(report.operation)]
    )
    if found is not None:
        return found
    return validate_agent_info(
        message.agent_info,
        message.version,
        _rules(ctx),
        frameworks=[each.framework_info for each in message.frameworks],
        executors=[
            _with_framework(executor, framework)
            for framework in message.frameworks
            for executor in (each.executor_info for each in framework.executors)
        ],
        tasks=[
            task
            for framework in message.frameworks
            for executor in framework.executors
            for task in executor.tasks
        ]
        + [
            task
            for completed in message.completed_frameworks
            for ended in completed.executors
            for task in ended.tasks
        ],
    )


def _readmit(ctx: Context, event: AgentMessageReceived, message: Reregister, agent_id: str) -> None:
    """Write down what changed about a returning agent; if nothing did, go on at once."""
    state = ctx.state
    if agent_id in state.agents:
        was, known = "registered", state.agents[agent_id].info
    elif agent_id in state.recovered_agents:
        was, known = "recovered", state.recovered_agents[agent_id].info
    else:
        was, known = ("unreachable" if agent_id in state.unreachable_agents else "unknown"), None
    pending = PendingReadmission(
        agent_id=agent_id, channel=event.channel, message=message, peer=event.peer, was=was
    )
    if known == message.agent_info:
        on_readmitted(ctx, pending)
        return
    if registry.is_full(state):
        return  # it asks again after a while
    is_deactivated, drain = False, None
    before = state.find_agent(agent_id)
    if before is not None:
        is_deactivated, drain = registry.standing_of(state, agent_id, before)
    record = AgentRecord(info=message.agent_info, is_deactivated=is_deactivated, drain=drain)
    token = registry.put(ctx, agent_id, record, pending)
    state.reregistering[agent_id] = state.registering[event.channel] = token


def _replace_predecessor(ctx: Context, pid: str) -> None:
    """Remove the agent that was at the same address: a new one has taken its place."""
    old_id = ctx.state.pids.get(pid) if pid else None
    old = None if old_id is None else ctx.state.agents.get(old_id)
    if old is None:
        return
    ctx.state.counters.agent_removals_replaced += 1
    if old.channel is not None:
        disconnect(ctx, old, "a new agent registered at the same address")
    remove_agent(ctx, old, "a new agent registered at the same address")


def _make_agent(ctx: Context, agent_id: str, message: Register | Reregister, peer: str) -> Agent:
    agent = Agent(
        agent_id=agent_id,
        id_message=AgentID(value=agent_id),
        info=message.agent_info,
        state=AgentState.REGISTERED,
        version=message.version,
        capabilities=(),
        pid="",
        url=None,
        peer=peer,
        total=Resources(),
        registered_time=ctx.now.wall,
    )
    _describe(ctx, agent, message, peer)
    ctx.state.agents[agent_id] = agent
    return agent


def _describe(ctx: Context, agent: Agent, message: Register | Reregister, peer: str) -> None:
    """Take over what the agent says about itself."""
    agent.info = message.agent_info
    agent.version = message.version
    agent.capabilities = tuple(message.capabilities)
    agent.pid = message.pid
    agent.peer = peer
    agent.url = _url(agent)
    if message.pid:
        ctx.state.pids[message.pid] = agent.agent_id
    agent.touch()


def _url(agent: Agent) -> URL | None:
    name, _, address = agent.pid.partition("@")
    ip, _, port = address.rpartition(":")
    if not ip or _PORT.fullmatch(port) is None or int(port) > _PORT_MAX:
        return None
    return URL(
        scheme="http",
        address=Address(hostname=agent.info.hostname, ip=ip, port=int(port)),
        path=f"/{name}",
    )


def _is_machine_down(ctx: Context, info: AgentInfo, pid: str, event: AgentMessageReceived) -> bool:
    """Tell whether an agent is where none may be now; it hears of that."""
    if not is_machine_down(ctx.state, info.hostname, ip_of(pid, event.peer)):
        return False
    _shut_down(ctx, event.channel, "The machine is under maintenance")
    return True


def _connect(ctx: Context, agent: Agent, channel: int) -> None:
    agent.channel = channel
    agent.state = AgentState.REGISTERED
    agent.is_active = not agent.is_deactivated
    agent.touch()
    ctx.state.channels[channel] = agent
    if agent.is_active:
        ctx.allocator.activate_agent(agent.agent_id)
    else:
        ctx.allocator.deactivate_agent(agent.agent_id)
    watch(ctx, agent)


def _confirm(ctx: Context, agent: Agent) -> None:
    ctx.tell_agent(
        agent,
        Registered(
            agent_id=agent.agent_id,
            ping_timeout_seconds=_ping_timeout(ctx),
        ),
    )


def _answer_reregistration(
    ctx: Context, agent: Agent, message: Reregister, missing: list[Task]
) -> None:
    state = ctx.state
    ctx.tell_agent(
        agent,
        Reregistered(
            agent_id=agent.agent_id,
            ping_timeout_seconds=_ping_timeout(ctx),
            tasks=[
                TaskReference(
                    framework_id=task.framework_id,
                    task_id=task.task_id,
                    framework_is_partition_aware=state.frameworks[
                        task.framework_id
                    ].is_partition_aware,
                )
                for task in missing
            ],
        ),
    )
    for reported in message.frameworks:
        info = reported.framework_info
        framework_id = "" if info.id is None else info.id.value
        framework = state.frameworks.get(framework_id)
        if framework is None:
            ctx.tell_agent(agent, ShutdownFramework(framework_id=framework_id))
        elif framework.info != info and framework.is_connected:
            ctx.tell_agent(agent, UpdateFramework(framework=framework.info))
    for (framework_id, task_id), policy in agent.pending_kills.items():
        ctx.tell_agent(
            agent, KillTask(framework_id=framework_id, task_id=task_id, kill_policy=policy)
        )


def _with_framework(executor: ExecutorInfo, framework: FrameworkState) -> ExecutorInfo:
    if executor.framework_id is not None:
        return executor
    return replace(executor, framework_id=framework.framework_info.id)


def _ping_timeout(ctx: Context) -> float:
    return ctx.config.agent_ping_timeout * ctx.config.max_agent_ping_timeouts


def _ignore(ctx: Context, found: Problem | None, peer: str) -> None:
    # Mesos does not answer either; the agent asks again, perhaps with another master's rules.
    rule = "agent.info" if found is None else found.rule
    message = "agent_info.id is missing" if found is None else found.message
    ctx.log("warning", "agent_ignored", rule=rule, message=message, peer=peer)


def _shut_down(ctx: Context, channel: int, message: str) -> None:
    ctx.out.append(SendToAgent(channel=channel, message=Shutdown(message=message)))
