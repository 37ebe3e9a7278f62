"""When there is room for a launch, next to what is used."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.core.room import fits
from tepui.messages import Resource
from tepui.resources import Resources, parse_resources


def volume(volume_id: str, size: float) -> Resources:
    (disk,) = parse_resources(f"disk(web):{size:g}").to_messages()
    info = Resource.DiskInfo(persistence=Resource.DiskInfo.Persistence(id=volume_id))
    described: dict[str, Any] = {"name": "disk", "type": disk.type, "scalar": disk.scalar}
    described |= {"role": disk.role, "reservations": disk.reservations, "disk": info}
    return Resources.from_messages([Resource(**described)])


@pytest.mark.parametrize(
    ("used", "wanted", "is_room"),
    [
        ("cpus:3", "cpus:1", True),
        ("cpus:3", "cpus:1.001", False),
        ("cpus:9", "mem:10", True),
        ("cpus:3;ports:[1-5]", "ports:[6-10]", True),
        ("cpus:3;ports:[1-5]", "ports:[5-6]", False),
        ("ports:[1-5]", "cpus:4", True),
        ("gpus:1", "gpus:1", False),
        ("names:{a}", "names:{b}", True),
        ("names:{a}", "names:{a,b}", False),
    ],
)
def test_what_is_wanted_has_to_be_there_besides_what_is_used(
    agent: Any, used: str, wanted: str, is_room: bool
) -> None:
    agent.model.total = parse_resources("cpus:4;mem:100;ports:[1-10];names:{a,b}")
    assert fits(agent.model, parse_resources(used), parse_resources(wanted)) is is_room


def test_what_is_lent_is_counted_for_itself(agent: Any) -> None:
    model = agent.model
    model.total, model.oversubscribed = (
        parse_resources("cpus:4"),
        revocable(parse_resources("cpus:2")),
    )
    assert fits(model, parse_resources("cpus:4"), revocable(parse_resources("cpus:2")))
    assert not fits(
        model, revocable(parse_resources("cpus:1")), revocable(parse_resources("cpus:2"))
    )
    assert not fits(model, parse_resources("cpus:4"), parse_resources("cpus:1"))


def test_a_volume_is_for_one_alone_and_made_of_what_others_may_use_still(agent: Any) -> None:
    model = agent.model
    model.total = parse_resources("cpus:4;disk:50") + volume("v1", 25) + volume("v2", 25)
    assert not fits(model, volume("v1", 25), volume("v1", 25))
    assert fits(model, volume("v1", 25), volume("v2", 25))
    assert not fits(model, parse_resources("disk:100"), volume("v1", 25))
