"""Whether an agent goes on as the one that was here before, and with what of its records."""

from __future__ import annotations

import msgspec

from tepui.agent.core.effects import ForgetEverything
from tepui.agent.core.model import Model
from tepui.agent.core.reconfiguration import Policy, refused_changes
from tepui.agent.core.records import AGENT_KEY, AgentRecord, Checkpointed
from tepui.agent.core.salvage import Salvage, salvage, without_identity
from tepui.agent.core.step import Step

LOGGED_MAX = 20
"""As many records that cannot be used are named in the log."""


class StartRefused(Exception):
    """The agent must not go on; the text says why, and what would help."""


def take_over(step: Step, checkpointed: Checkpointed, boot_id: str) -> Salvage:
    """Become the agent of the records, and return what of them can be used.

    An agent whose identity cannot be kept begins as a new one, with what operations have made of
    its resources.

    Args:
        step: Its model is given the identity.
        checkpointed: What was stored.
        boot_id: What tells this boot of the machine from others.

    Raises:
        StartRefused: Records cannot be used, or the agent is not what it was.
    """
    model = step.model
    model.boot_id = boot_id
    found = salvage(checkpointed)
    if found.problems:
        _drop(step, found, checkpointed.source)
    stored = found.sound.agent
    if stored is None:
        return _begin_anew(step, found) if found.problems else found
    is_rebooted = bool(boot_id and stored.boot_id) and boot_id != stored.boot_id
    if is_rebooted:
        step.log("machine_restarted", boot_id=boot_id, before=stored.boot_id)
    refused = _refused(model, stored, model.config.reconfiguration_policy)
    if refused and not model.config.is_cleaning_up:
        if not is_rebooted:
            raise StartRefused(_advice(model, stored, refused))
        # As in Mesos: nothing of the old agent runs any more, and nobody was there to be asked.
        step.log("agent_begins_anew", level="warning", reason="; ".join(refused))
        return _begin_anew(step, found)
    _take_identity(step, stored)
    return found


def _drop(step: Step, found: Salvage, source: str) -> None:
    """Do without what cannot be used, if the operator permits it."""
    model = step.model
    key, why = next(iter(found.problems.items()))
    if model.config.is_strict:
        count = len(found.problems)
        records = "a record" if count == 1 else f"{count} records"
        raise StartRefused(
            f"{records} of {source or 'the checkpoint'} cannot be used, first {key!r}: {why}. "
            "Start with --strict=false to go on without: what it was about is lost, and what "
            "still runs of it is ended"
        )
    model.count("recovery_errors", len(found.problems))
    for key, why in list(found.problems.items())[:LOGGED_MAX]:
        step.log("record_dropped", level="error", key=key, reason=why)
    for key in found.problems:
        step.delete(key)


def _begin_anew(step: Step, found: Salvage) -> Salvage:
    if found.sound.agent is None and AGENT_KEY not in found.problems:
        return found
    step.out.append(ForgetEverything())
    return Salvage(without_identity(found.sound), found.problems, {})


def _refused(model: Model, stored: AgentRecord, policy: Policy) -> list[str]:
    is_port_fixed = model.config.is_port_fixed
    return refused_changes(stored.info, model.info, policy, is_port_fixed=is_port_fixed)


def _advice(model: Model, stored: AgentRecord, refused: list[str]) -> str:
    says = f"the agent's {'; its '.join(refused)}. Start it as it was"
    if not _refused(model, stored, Policy.ADDITIVE):
        says += ", or with --reconfiguration_policy=additive, which permits this"
    return (
        f"{says}; or make a new agent of it: start it once with --recover=cleanup, which ends its "
        "tasks, and then again"
    )


def _take_identity(step: Step, stored: AgentRecord) -> None:
    model = step.model
    assert stored.info.id is not None
    model.agent_id = stored.info.id.value
    model.info = msgspec.structs.replace(model.info, id=stored.info.id)
    record = AgentRecord(info=model.info, boot_id=model.boot_id)
    if record == stored or model.config.is_cleaning_up:
        return
    if model.info != stored.info:
        step.log("agent_reconfigured", policy=model.config.reconfiguration_policy.value)
    step.put(AGENT_KEY, record)
