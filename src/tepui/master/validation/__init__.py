"""Checks of what frameworks and agents send, a function per rule; problems are data.

Rules are named as in the table of Mesos' rules (``tests/data/mesos/validation-rules.json``).
Nothing here knows the master's state: what a rule depends on is handed in.
"""

from tepui.master.validation.agents import AgentRules, check_same_address, validate_agent_info
from tepui.master.validation.calls import (
    Session,
    check_stream_on_subscribe,
    validate_call,
    validate_session,
)
from tepui.master.validation.completion import allocate, complete_group, complete_task
from tepui.master.validation.executors import validate_executor
from tepui.master.validation.frameworks import (
    FrameworkRules,
    is_multi_role,
    roles_of,
    validate_framework_info,
    validate_framework_update,
    validate_resubscription,
    validate_roles_subscribed,
)
from tepui.master.validation.groups import group_resources, validate_task_group
from tepui.master.validation.identifiers import validate_id, validate_role
from tepui.master.validation.offers import validate_offer_ids, validate_operation
from tepui.master.validation.problem import Problem
from tepui.master.validation.resources import validate_resources
from tepui.master.validation.tasks import LaunchContext, needed_resources, validate_task

__all__ = [
    "AgentRules",
    "FrameworkRules",
    "LaunchContext",
    "Problem",
    "Session",
    "allocate",
    "check_same_address",
    "check_stream_on_subscribe",
    "complete_group",
    "complete_task",
    "group_resources",
    "is_multi_role",
    "needed_resources",
    "roles_of",
    "validate_agent_info",
    "validate_call",
    "validate_executor",
    "validate_framework_info",
    "validate_framework_update",
    "validate_id",
    "validate_offer_ids",
    "validate_operation",
    "validate_resources",
    "validate_resubscription",
    "validate_role",
    "validate_roles_subscribed",
    "validate_session",
    "validate_task",
    "validate_task_group",
]
