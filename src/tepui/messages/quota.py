"""Quota: what roles are guaranteed, and what they may use at most."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message
from tepui.messages.resources import Resource
from tepui.messages.values import Value


class QuotaInfo(Message, kw_only=True):
    """A role's guarantee as the older calls know it."""

    role: Annotated[str | None, 1] = None
    principal: Annotated[str | None, 2] = None
    guarantee: Annotated[list[Resource], 3] = []


class QuotaRequest(Message, kw_only=True):
    """Asks to set a role's guarantee; ``force`` skips the check that the cluster can hold it."""

    force: Annotated[bool | None, 1] = None
    role: Annotated[str | None, 2] = None
    guarantee: Annotated[list[Resource], 3] = []


class QuotaConfig(Message, kw_only=True):
    """A role's guarantees and limits by resource name; an absent limit is none."""

    role: Annotated[str, 1]
    guarantees: Annotated[dict[str, Value.Scalar], 2] = {}
    limits: Annotated[dict[str, Value.Scalar], 3] = {}


class QuotaStatus(Message, kw_only=True):
    """All quotas, in the older form and the newer one."""

    infos: Annotated[list[QuotaInfo], 1, DEPRECATED] = []
    configs: Annotated[list[QuotaConfig], 2] = []
