"""The calls by which operators divide a cluster: quota, weights, reservations and volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from tepui.messages import AgentID, Operation, Resource, Value, WeightInfo
from tepui.messages.master import Call, Response
from tepui.messages.quota import QuotaConfig, QuotaRequest, QuotaStatus
from tepui.sdk.errors import BadAnswer

T = TypeVar("T")


class SharingCalls(Protocol):
    """What an operator can ask of a master about who gets what.

    Each of these that changes something returns once the leading master has done it and
    raises `CallRejected`, with the master's reason, if it will not.
    """

    async def ask(self, call: Call) -> Response:
        """Make a call that is answered by a message; most have a method of their own.

        Raises:
            Unreachable: No master answered.
            CallRejected: The master refused it.
            BadAnswer: The answer is no message.
        """
        ...

    async def order(self, call: Call) -> None:
        """Make a call that is answered by a status only; most have a method of their own.

        Raises:
            Unreachable: No master answered; whether the call was heard is not known.
            CallRejected: The master refused it.
        """
        ...

    # -- quota --

    async def get_quota(self) -> QuotaStatus:
        """Return the guarantees and limits of the roles that have some."""
        return there((await self.ask(Call(type=Call.Type.GET_QUOTA))).get_quota).status

    async def update_quota(self, configs: Iterable[QuotaConfig], *, force: bool = False) -> None:
        """Set guarantees and limits of roles, all of them or none.

        Args:
            configs: What each role is to have from now on; nothing at all takes its quota away.
            force: Whether guarantees may be above what there is, and limits below what is
                consumed.

        Raises:
            CallRejected: The quota makes no sense, or needs ``force``.

        Example:
            >>> async def guarantee(operator: SharingCalls) -> None:
            ...     cpus = {"cpus": Value.Scalar(value=10.0)}
            ...     await operator.update_quota([QuotaConfig(role="dev", guarantees=cpus)])
        """
        wanted = Call.UpdateQuota(force=force or None, quota_configs=list(configs))
        await self.order(Call(type=Call.Type.UPDATE_QUOTA, update_quota=wanted))

    async def set_quota(self, request: QuotaRequest) -> None:
        """Set a role's quota in the older form; masters from 1.9 on take `update_quota` too."""
        wanted = Call.SetQuota(quota_request=request)
        await self.order(Call(type=Call.Type.SET_QUOTA, set_quota=wanted))

    async def remove_quota(self, role: str) -> None:
        """Take a role's quota away in the older form."""
        wanted = Call.RemoveQuota(role=role)
        await self.order(Call(type=Call.Type.REMOVE_QUOTA, remove_quota=wanted))

    # -- weights --

    async def get_weights(self) -> list[WeightInfo]:
        """Return the weights that somebody set; every other role has 1."""
        answer = await self.ask(Call(type=Call.Type.GET_WEIGHTS))
        return there(answer.get_weights).weight_infos

    async def update_weights(self, weights: Mapping[str, float]) -> None:
        """Set the weights of roles; those that are not named keep theirs.

        Example:
            >>> async def prefer(operator: SharingCalls) -> None:
            ...     await operator.update_weights({"production": 3.0, "batch": 1.0})
        """
        infos = [WeightInfo(role=role, weight=weight) for role, weight in weights.items()]
        wanted = Call.UpdateWeights(weight_infos=infos)
        await self.order(Call(type=Call.Type.UPDATE_WEIGHTS, update_weights=wanted))

    # -- reservations --

    async def reserve_resources(
        self, agent_id: AgentID, resources: Iterable[Resource], source: Iterable[Resource] = ()
    ) -> None:
        """Reserve what no task uses of an agent; offers in the way are taken back.

        Args:
            agent_id: Whose resources.
            resources: With the reservations that they are to have.
            source: The same amounts with the reservations that they have now, to give them to
                another role in one step.

        Example:
            >>> async def reserve(operator: SharingCalls, agent_id: AgentID) -> None:
            ...     Info = Resource.ReservationInfo
            ...     cpus = Resource(
            ...         name="cpus",
            ...         type=Value.Type.SCALAR,
            ...         scalar=Value.Scalar(value=2.0),
            ...         reservations=[Info(type=Info.Type.DYNAMIC, role="dev")],
            ...     )
            ...     await operator.reserve_resources(agent_id, [cpus])
        """
        wanted = Call.ReserveResources(
            agent_id=agent_id, source=list(source), resources=list(resources)
        )
        await self.order(Call(type=Call.Type.RESERVE_RESOURCES, reserve_resources=wanted))

    async def unreserve_resources(self, agent_id: AgentID, resources: Iterable[Resource]) -> None:
        """Take the innermost reservation of ``resources`` away, which no task may use."""
        wanted = Call.UnreserveResources(agent_id=agent_id, resources=list(resources))
        await self.order(Call(type=Call.Type.UNRESERVE_RESOURCES, unreserve_resources=wanted))

    # -- volumes --

    async def create_volumes(self, agent_id: AgentID, volumes: Iterable[Resource]) -> None:
        """Make persistent volumes of reserved disk."""
        wanted = Call.CreateVolumes(agent_id=agent_id, volumes=list(volumes))
        await self.order(Call(type=Call.Type.CREATE_VOLUMES, create_volumes=wanted))

    async def destroy_volumes(self, agent_id: AgentID, volumes: Iterable[Resource]) -> None:
        """Destroy persistent volumes that no task uses, with all that is on them."""
        wanted = Call.DestroyVolumes(agent_id=agent_id, volumes=list(volumes))
        await self.order(Call(type=Call.Type.DESTROY_VOLUMES, destroy_volumes=wanted))

    async def grow_volume(self, agent_id: AgentID, volume: Resource, addition: Resource) -> None:
        """Make a volume larger by disk with the same reservation; the agent does it later."""
        wanted = Call.GrowVolume(agent_id=agent_id, volume=volume, addition=addition)
        await self.order(Call(type=Call.Type.GROW_VOLUME, grow_volume=wanted))

    async def shrink_volume(self, agent_id: AgentID, volume: Resource, megabytes: float) -> None:
        """Make a volume smaller by so many megabytes; the agent does it later."""
        subtract = Value.Scalar(value=megabytes)
        wanted = Call.ShrinkVolume(agent_id=agent_id, volume=volume, subtract=subtract)
        await self.order(Call(type=Call.Type.SHRINK_VOLUME, shrink_volume=wanted))

    async def get_operations(self) -> list[Operation]:
        """Return the operations on agents that the master has not forgotten yet."""
        answer = await self.ask(Call(type=Call.Type.GET_OPERATIONS))
        return there(answer.get_operations).operations


def there(part: T | None) -> T:
    """Return the part of an answer that was asked for.

    Raises:
        BadAnswer: It is not there.
    """
    if part is None:
        raise BadAnswer("an answer lacks the part that was asked for")
    return part
