"""Messages about quota."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message
from tepui.messages.resources import Resource
from tepui.messages.values import Value


class QuotaInfo(Message, kw_only=True):
    role: Annotated[str | None, 1] = None
    principal: Annotated[str | None, 2] = None
    guarantee: Annotated[list[Resource], 3] = []


class QuotaRequest(Message, kw_only=True):
    force: Annotated[bool | None, 1] = None
    role: Annotated[str | None, 2] = None
    guarantee: Annotated[list[Resource], 3] = []


class QuotaConfig(Message, kw_only=True):
    role: Annotated[str, 1]
    guarantees: Annotated[dict[str, Value.Scalar], 2] = {}
    limits: Annotated[dict[str, Value.Scalar], 3] = {}


class QuotaStatus(Message, kw_only=True):
    infos: Annotated[list[QuotaInfo], 1, DEPRECATED] = []
    configs: Annotated[list[QuotaConfig], 2] = []
