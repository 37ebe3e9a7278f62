"""Where volumes are kept, and how tasks come to see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tepui.agent.core.effects import LinkVolumes, Log, UnlinkVolumes
from tepui.agent.core.events import MasterMessageReceived, VolumesLinked
from tepui.agent.core.remembered import checkpointed
from tepui.agent.core.volumes import VolumeError, place_of, visible_volumes
from tepui.containers import protocol
from tepui.containers.protocol import VolumeLink, VolumePlace
from tepui.link.messages import KillTask, RunTask
from tepui.messages import (
    ExecutorInfo,
    Resource,
    ResourceProviderID,
    TaskInfo,
    TaskState,
    TaskStatus,
    Value,
    Volume,
)
from tepui.messages.executor import Call
from tepui.resources import Resources, parse_resources

DISK = Resource.DiskInfo
Source = DISK.Source
PATH = Source(type=Source.Type.PATH, path=Source.Path(root="/ssd"))
RELATIVE = Source(type=Source.Type.PATH, path=Source.Path(root="ssd"))
MOUNT = Source(type=Source.Type.MOUNT, mount=Source.Mount(root="/mnt/a"))
RAW = Source(type=Source.Type.RAW)
ROOTLESS = Source(type=Source.Type.PATH)

PLACE = VolumePlace("/w", ("volumes", "roles", "dev", "v1"))
LINK = VolumeLink(place=PLACE, container_path="data")


def volume(
    persistence_id: str = "v1",
    *,
    role: str = "dev",
    container_path: str = "data",
    mode: Volume.Mode = Volume.Mode.RW,
    source: Source | None = None,
    is_shared: bool = False,
    **fields: Any,
) -> Resource:
    dynamic = Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role=role)
    return Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=8),
        reservations=[dynamic],
        disk=DISK(
            persistence=DISK.Persistence(id=persistence_id),
            volume=Volume(mode=mode, container_path=container_path),
            source=source,
        ),
        shared=Resource.SharedInfo() if is_shared else None,
        **fields,
    )


def allocated(resource: Resource) -> Resource:
    return msgspec.structs.replace(resource, allocation_info=Resource.AllocationInfo(role="dev"))


def using(task: TaskInfo, *volumes: Resource) -> TaskInfo:
    return msgspec.structs.replace(task, resources=[*task.resources, *map(allocated, volumes)])


@pytest.fixture
def agent(open_conversation: Callable[..., Any]) -> Any:
    """An agent on which operations have made two volumes, one of them shared."""
    resources = parse_resources("cpus:4;mem:1024").to_messages()
    agent = open_conversation(resources=resources).registered()
    agent.model.total += Resources.from_messages([volume(), volume("shared", is_shared=True)])
    return agent


def refused(effects: list[Any], agent: Any) -> tuple[str, str | None, str | None]:
    (update,) = agent.told(effects)
    status: TaskStatus = update.status
    reason = None if status.reason is None else status.reason.value
    return status.state.value, reason, status.message


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (None, "/w/volumes/roles/dev web/v1"),
        (PATH, "/ssd/volumes/roles/dev web/v1"),
        (RELATIVE, "/w/ssd/volumes/roles/dev web/v1"),
        (MOUNT, "/mnt/a"),
    ],
)
def test_volumes_are_kept_where_mesos_keeps_them(source: Source | None, path: str) -> None:
    assert place_of("/w", volume(role="dev/web", source=source)).path == path


@pytest.mark.parametrize("source", [RAW, ROOTLESS])
def test_some_disks_keep_no_volumes(source: Source) -> None:
    with pytest.raises(VolumeError, match=source.type.value):
        place_of("/w", volume(source=source))


def test_the_disk_of_a_provider_is_the_providers() -> None:
    with pytest.raises(VolumeError, match="provider"):
        place_of("/w", volume(provider_id=ResourceProviderID(value="p")))


def test_what_operations_bring_about_is_to_be_remembered() -> None:
    given = parse_resources("cpus:4;mem(dev):10")
    made = Resources.from_messages([volume()])
    assert checkpointed(given + made) == made


def test_a_command_finds_its_volume_in_its_sandbox(agent: Any) -> None:
    (spec,) = agent.launches(agent.run_task(using(agent.task(), volume())))
    assert spec.volumes == [LINK]
    agent.launched(spec.container_id)
    assert list(visible_volumes(agent.model)) == [(f"{spec.sandbox}/data", PLACE.path)]
    agent.exited(spec.container_id)
    assert list(visible_volumes(agent.model)) == []


def test_that_a_link_lets_everybody_write_is_said(agent: Any) -> None:
    wanted = volume("shared", is_shared=True, mode=Volume.Mode.RO)
    message = RunTask(framework=agent.framework(), task=using(agent.task(), wanted))
    effects = agent.agent.handle(MasterMessageReceived(message=message), agent.now)
    (log,) = [each for each in effects if isinstance(each, Log) and each.level == "warning"]
    assert log.event == "volume_not_read_only"
    assert str(log.fields["volume"]).endswith("/shared")


def test_a_launch_that_counts_on_a_volume_which_is_not_there_is_dropped(agent: Any) -> None:
    aware = agent.framework("f1", "PARTITION_AWARE")
    effects = agent.run_task(using(agent.task(), volume("v2")), by=aware)
    state, reason, message = refused(effects, agent)
    assert (state, reason) == ("TASK_DROPPED", "REASON_RESOURCES_UNKNOWN")
    assert "'v2'" in str(message)


def test_older_frameworks_hear_that_the_task_is_lost(agent: Any) -> None:
    effects = agent.run_group(agent.task("t0"), using(agent.task("t1"), volume("v2")))
    assert agent.updates(effects) == ["t0 TASK_LOST", "t1 TASK_LOST"]
    assert agent.model.frameworks == {}


def test_the_reservations_of_the_executor_count_as_well(agent: Any) -> None:
    executor = agent.executor(resources=[allocated(volume("v2"))])
    effects = agent.run_task(agent.task("t1", None, executor=executor))
    assert refused(effects, agent)[:2] == ("TASK_LOST", "REASON_RESOURCES_UNKNOWN")


def test_an_absolute_path_takes_an_image(agent: Any) -> None:
    task = using(agent.task(), volume(container_path="/data"))
    state, reason, message = refused(agent.run_task(task), agent)
    assert (state, reason) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
    assert "'/data'" in str(message)


def test_members_of_a_group_have_their_own_volumes_and_their_executors(agent: Any) -> None:
    pod = agent.executor(
        "pod", ExecutorInfo.Type.DEFAULT, resources=[allocated(volume("shared", is_shared=True))]
    )
    shared = VolumePlace("/w", ("volumes", "roles", "dev", "shared"))
    effects = agent.run_group(using(agent.task("t0"), volume()), agent.task("t1"), executor=pod)
    first, second = agent.launches(effects)
    in_pod = VolumeLink(place=shared, container_path="data", is_in_parent=True)
    assert first.volumes == [in_pod, LINK]
    # The second does not take the executor's volume away from whom it was given to.
    assert second.volumes == [msgspec.structs.replace(in_pod, is_exclusive=False)]


def test_what_is_shared_belongs_to_the_first_who_uses_it(agent: Any) -> None:
    shared = volume("shared", is_shared=True)
    (first,) = agent.launches(agent.run_task(using(agent.task("t1"), shared)))
    (second,) = agent.launches(agent.run_task(using(agent.task("t2"), shared)))
    assert [link.is_exclusive for link in first.volumes + second.volumes] == [True, False]


def test_a_task_of_a_running_executor_waits_for_its_volumes(agent: Any) -> None:
    executor = agent.executor()
    first = agent.task("t1", None, executor=executor)
    (spec,) = agent.launches(agent.run_task(first))
    agent.launched(spec.container_id)
    agent.subscribe()
    effects = agent.run_task(using(agent.task("t2", None, executor=executor), volume()))
    (effect,) = effects
    assert effect == LinkVolumes(
        container_id=spec.container_id,
        task_id="t2",
        sandbox=spec.sandbox,
        volumes=[LINK],
        user="alice",
    )
    # Others do not wait with it.
    third = agent.run_task(agent.task("t3", None, executor=executor))
    assert [event.launch.task.name for event in agent.events(third)] == ["t3"]
    linked = VolumesLinked(container_id=spec.container_id, task_id="t2")
    assert [event.launch.task.name for event in agent.events(agent.handle(linked))] == ["t2"]
    assert list(visible_volumes(agent.model)) == [(f"{spec.sandbox}/data", PLACE.path)]


def test_the_first_task_of_an_executor_waits_for_both(agent: Any) -> None:
    effects = agent.run_task(using(agent.task("t1", None, executor=agent.executor()), volume()))
    (spec,) = agent.launches(effects)
    assert spec.volumes == []
    (effect,) = agent.launched(spec.container_id)
    assert isinstance(effect, LinkVolumes)
    linked = VolumesLinked(container_id=spec.container_id, task_id="t1")
    assert agent.handle(linked) == []
    assert [event.type.value for event in agent.events(agent.subscribe())] == [
        *("SUBSCRIBED", "LAUNCH")
    ]


def test_a_task_whose_volumes_cannot_be_linked_is_gone_and_the_executor_goes_on(agent: Any) -> None:
    executor = agent.executor()
    aware = agent.framework("f1", "PARTITION_AWARE")
    task = using(agent.task("t1", None, executor=executor), volume())
    (spec,) = agent.launches(agent.run_task(task, by=aware))
    agent.launched(spec.container_id)
    linked = VolumesLinked(container_id=spec.container_id, task_id="t1", problem="in the way")
    effects = agent.handle(linked)
    assert refused(effects, agent) == (
        *("TASK_GONE", "REASON_CONTAINER_UPDATE_FAILED", "in the way"),
    )
    assert agent.events(agent.subscribe()) != []


def test_an_absolute_path_under_an_executor_fails_the_task_alone(agent: Any) -> None:
    task = agent.task("t1", None, executor=agent.executor())
    (spec,) = agent.launches(agent.run_task(using(task, volume(container_path="/data"))))
    effects = agent.launched(spec.container_id)
    assert refused(effects, agent)[:2] == ("TASK_LOST", "REASON_CONTAINER_UPDATE_FAILED")


def test_the_volume_leaves_the_executors_sandbox_with_its_last_task(agent: Any) -> None:
    shared = volume("shared", is_shared=True)
    executor = agent.executor()
    (spec,) = agent.launches(agent.run_task(agent.task("t0", None, executor=executor)))
    agent.launched(spec.container_id)
    agent.subscribe()
    for task_id in ("t1", "t2"):
        agent.run_task(using(agent.task(task_id, None, executor=executor), shared))
        agent.handle(VolumesLinked(container_id=spec.container_id, task_id=task_id))
    model = agent.model.frameworks["f1"].executors["e1"]
    ended = []
    for task_id in ("t1", "t2"):
        status = TaskStatus(
            task_id=model.task(task_id).info.task_id,
            state=TaskState.TASK_FINISHED,
            source=TaskStatus.Source.SOURCE_EXECUTOR,
            uuid=task_id.encode() * 8,
        )
        effects = agent.call(type=Call.Type.UPDATE, update=Call.Update(status=status))
        ended.append([each for each in effects if isinstance(each, UnlinkVolumes)])
    assert ended[0] == []
    ((unlink,),) = ended[1:]
    assert unlink.sandbox == spec.sandbox
    assert [link.container_path for link in unlink.volumes] == ["data"]


def test_a_task_that_is_killed_while_it_waits_does_not_start(agent: Any) -> None:
    task = using(agent.task("t1", None, executor=agent.executor()), volume())
    (spec,) = agent.launches(agent.run_task(task))
    agent.launched(spec.container_id)
    agent.subscribe()
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert [each for each in effects if isinstance(each, UnlinkVolumes)]
    linked = VolumesLinked(container_id=spec.container_id, task_id="t1")
    assert agent.events(agent.handle(linked)) == []


def test_a_task_that_waits_is_served_by_the_next_agent(agent: Any) -> None:
    task = using(agent.task("t1", None, executor=agent.executor()), volume())
    (spec,) = agent.launches(agent.run_task(task))
    agent.launched(spec.container_id)
    alive = protocol.Recovered(container_id=spec.container_id, pid=77, sandbox=spec.sandbox)
    effects = agent.restart([alive])
    (effect,) = [each for each in effects if isinstance(each, LinkVolumes)]
    assert effect.volumes == [LINK]
