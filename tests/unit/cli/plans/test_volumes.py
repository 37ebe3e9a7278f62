"""Which volume is meant, and of what disk one is made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.cli.changing import Change
from tepui.cli.errors import CommandFailed
from tepui.cli.plans.holdings import Holdings, holdings_of, parse_disk
from tepui.cli.plans.volumes import (
    creation,
    destruction,
    find_volume,
    growth,
    list_volumes,
    shrinkage,
)
from tepui.messages import Offer
from tepui.resources import Resources
from tepui.resources.operations import apply

Operation = Offer.Operation


def making(holdings: Holdings, volume_id: str = "data", **options: Any) -> Change:
    wanted: dict[str, Any] = {
        "role": "dev",
        "path": volume_id,
        "megabytes": 64.0,
        "disk": None,
        "is_shared": False,
        "principal": None,
    }
    return creation(holdings, volume_id=volume_id, **{**wanted, **options})


def made(holdings: Holdings, *changes: Change) -> Holdings:
    for change in changes:
        assert change.refusal is None
        call = change.call.create_volumes
        assert call is not None
        create = Operation.Create(volumes=call.volumes)
        operation = Operation(type=Operation.Type.CREATE, create=create)
        total = apply(holdings.total, operation)
        holdings = msgspec.structs.replace(holdings, total=total)
    return holdings


@pytest.fixture
def holdings(agent: Any) -> Holdings:
    return holdings_of(agent(resources="disk(dev):128;disk(ops):128;disk:1000"))


def test_a_volume_is_made_of_the_roles_disk(holdings: Holdings) -> None:
    change = making(holdings)
    assert change.intent == "make the volume 'data' of 64 MB for role 'dev' on agent m-S0"
    (volume,) = list_volumes([made(holdings, change)])
    assert (volume.id, volume.key.role, volume.megabytes, volume.path, volume.is_used) == (
        "data",
        "dev",
        64.0,
        "data",
        False,
    )


def test_without_reserved_disk_there_is_none(holdings: Holdings) -> None:
    with pytest.raises(CommandFailed) as caught:
        making(holdings, megabytes=500.0)
    assert str(caught.value) == (
        "500 MB of disk in one piece is wanted of agent m-S0, which has disk:128 reserved for"
        " 'dev': see tepui reserve"
    )
    with pytest.raises(CommandFailed, match="which has none reserved for 'web'"):
        making(holdings, role="web")


def test_a_size_is_needed_where_the_disk_can_be_divided(holdings: Holdings) -> None:
    with pytest.raises(CommandFailed, match="--size is needed"):
        making(holdings, megabytes=None)


def test_a_mount_disk_is_taken_whole(agent: Any) -> None:
    disk = """[{"name": "disk", "type": "SCALAR", "scalar": {"value": 2000},
        "reservations": [{"type": "STATIC", "role": "dev"}],
        "disk": {"source": {"type": "MOUNT", "mount": {"root": "/mnt/a"}}}}]"""
    holdings = holdings_of(agent(resources=disk))
    source = parse_disk("mount:/mnt/a")
    (volume,) = list_volumes([made(holdings, making(holdings, megabytes=None, disk=source))])
    assert volume.megabytes == 2000
    with pytest.raises(CommandFailed, match="100 MB of disk in one piece"):
        making(holdings, megabytes=100.0, disk=source)


def test_an_id_is_there_once_for_each_role(holdings: Holdings) -> None:
    after = made(holdings, making(holdings), making(holdings, role="ops"))
    assert "is the id of another volume" in (making(after).refusal or "")
    with pytest.raises(CommandFailed, match="choose by --role: 'dev', 'ops'"):
        find_volume(after, "data", None)
    assert find_volume(after, "data", "ops").key.role == "ops"
    with pytest.raises(CommandFailed, match="has no volume 'data' of role 'web'"):
        find_volume(after, "data", "web")


def test_destroying_asks_first_and_is_refused_while_a_task_uses_it(holdings: Holdings) -> None:
    after = made(holdings, making(holdings))
    change = destruction(find_volume(after, "data", None))
    assert change.refusal is None
    assert change.question == (
        "All that is on the volume 'data' (64 MB) of role 'dev' on agent m-S0 is lost: destroy it?"
    )
    used = after.total.filter(lambda key: key.persistence_id == "data")
    busy = msgspec.structs.replace(after, used=used)
    volume = find_volume(busy, "data", None)
    assert volume.is_used
    assert "is in use" in (destruction(volume).refusal or "")


def test_a_shared_volume_is_destroyed_as_one(holdings: Holdings) -> None:
    after = made(holdings, making(holdings, is_shared=True))
    change = destruction(find_volume(after, "data", None))
    assert change.refusal is None
    grown = growth(find_volume(after, "data", None), by=1.0, to=None)
    assert "is the id of a shared volume, which keeps its size" in (grown.refusal or "")


@pytest.mark.parametrize(("by", "to"), [(36.0, None), (None, 100.0)])
def test_a_volume_grows_by_so_much_or_to_a_size(
    holdings: Holdings, by: float | None, to: float | None
) -> None:
    change = growth(find_volume(made(holdings, making(holdings)), "data", None), by=by, to=to)
    assert change.refusal is None
    assert change.call.grow_volume is not None
    addition = Resources.from_messages([change.call.grow_volume.addition])
    assert addition.get_scalar("disk") == 36
    assert [key.role for key, _ in addition.entries()] == ["dev"]


def test_a_volume_grows_within_the_reserved_disk_only(holdings: Holdings) -> None:
    volume = find_volume(made(holdings, making(holdings)), "data", None)
    assert "is not there" in (growth(volume, by=65.0, to=None).refusal or "")


@pytest.mark.parametrize(("by", "to"), [(24.0, None), (None, 40.0)])
def test_a_volume_shrinks_by_so_much_or_to_a_size(
    holdings: Holdings, by: float | None, to: float | None
) -> None:
    change = shrinkage(find_volume(made(holdings, making(holdings)), "data", None), by=by, to=to)
    assert change.refusal is None
    assert change.call.shrink_volume is not None
    assert change.call.shrink_volume.subtract.value == 24


@pytest.mark.parametrize(("by", "to"), [(None, None), (1.0, 2.0)])
def test_a_change_of_size_is_told_in_one_way(
    holdings: Holdings, by: float | None, to: float | None
) -> None:
    volume = find_volume(made(holdings, making(holdings)), "data", None)
    for change in (growth, shrinkage):
        with pytest.raises(CommandFailed, match="one of --by and --to is needed"):
            change(volume, by=by, to=to)


def test_a_volume_does_not_grow_to_what_it_has(holdings: Holdings) -> None:
    volume = find_volume(made(holdings, making(holdings)), "data", None)
    for change in (growth, shrinkage):
        with pytest.raises(CommandFailed, match=r"^--to: the volume 'data' .* to 64 MB"):
            change(volume, by=None, to=64.0)
