"""Quota on the wire: over both APIs, kept by the registry, felt by frameworks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tepui.codec import json as json_codec
from tepui.codec import protobuf
from tepui.codec.media import PROTOBUF
from tepui.ha.sqlite import SqliteStore
from tepui.link.messages import Registered
from tepui.messages.master import Call, Response

API = "/api/v1"
TYPES = {"Content_Type": "application/json", "Accept": "application/json"}


def config(role: str, **amounts: dict[str, float]) -> dict[str, Any]:
    parts = {
        part: {name: {"value": value} for name, value in given.items()}
        for part, given in amounts.items()
    }
    return {"role": role, **parts}


async def update(master: Any, *configs: dict[str, Any]) -> Any:
    call = {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": configs}}
    return await master.request(call, path=API, **TYPES)


async def shown(master: Any) -> dict[str, Any]:
    """Return the quotas by role, as both APIs show them."""
    answer = await master.request(b"", method="GET", path="/quota")
    status = json.loads(answer.body)
    in_v1 = json.loads((await master.request({"type": "GET_QUOTA"}, path=API, **TYPES)).body)
    assert in_v1["get_quota"]["status"] == status
    return {each.pop("role"): each for each in status.get("configs", [])}


def test_quota_outlives_the_master_that_took_it(run_master: Any, tmp_path: Path) -> None:
    file = tmp_path / "registry.sqlite"

    async def first_life() -> None:
        async with run_master(SqliteStore(file)) as master:
            link = await master.link()
            link.register(1)
            await link.receive(Registered)
            red = config("red", guarantees={"cpus": 1.5}, limits={"cpus": 2, "gpus": 0})
            assert (await update(master, red, config("blue", limits={"mem": 64}))).status == 200
            body = {
                "role": "green",
                "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}],
            }
            assert (await master.request(body, path="/quota")).status == 200
            assert (await master.request(body, path="/master/quota")).status == 400
            assert (await update(master, config("black", guarantees={"cpus": 3}))).status == 400
            answer = await master.request(b"", method="DELETE", path="/quota/blue")
            assert answer.status == 200
            link.link.close(1000, "done")

    async def second_life() -> None:
        async with run_master(SqliteStore(file)) as master:
            assert await shown(master) == {
                "green": {
                    "guarantees": {"cpus": {"value": 1.0}},
                    "limits": {"cpus": {"value": 1.0}},
                },
                "red": {
                    "guarantees": {"cpus": {"value": 1.5}},
                    "limits": {"cpus": {"value": 2.0}, "gpus": {"value": 0.0}},
                },
            }
            remove = {"type": "REMOVE_QUOTA", "remove_quota": {"role": "red"}}
            assert (await master.request(remove, path=API, **TYPES)).status == 200
            answer = await master.request(b"", method="GET", path="/registrar(1)/registry")
            registry = json.loads(answer.body)
            assert [each["role"] for each in registry["quota_configs"]] == ["green"]

    asyncio.run(first_life())
    asyncio.run(second_life())


def test_protobuf_is_taken_and_answered(run_master: Any) -> None:
    async def body() -> None:
        async with run_master() as master:
            request = {"role": "red", "guarantee": [], "force": True}
            request["guarantee"] = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}]
            asked = {"type": "SET_QUOTA", "set_quota": {"quota_request": request}}
            call = protobuf.encode(json_codec.from_builtins(Call, asked))
            types = {"Content_Type": PROTOBUF, "Accept": PROTOBUF}
            assert (await master.request(call, path=API, **types)).status == 200
            asked = {"type": "GET_QUOTA"}
            call = protobuf.encode(json_codec.from_builtins(Call, asked))
            answer = protobuf.decode(Response, (await master.request(call, path=API, **types)).body)
            assert answer.get_quota is not None
            [info] = answer.get_quota.status.infos
            assert (info.role, info.guarantee[0].name) == ("red", "cpus")

    asyncio.run(body())


def test_a_hoarder_gives_back_what_another_role_is_guaranteed(run_master: Any) -> None:
    async def body() -> None:
        async with run_master() as master:
            hoarder = await master.subscribe(roles=["blue"])
            await hoarder.event("SUBSCRIBED")
            link = await master.link()
            link.register(1)
            await link.receive(Registered)
            await hoarder.event("OFFERS")
            assert (await update(master, config("red", guarantees={"cpus": 4}))).status == 200
            await hoarder.event("RESCIND")
            red = await master.subscribe(roles=["red"])
            [offer] = (await red.event("OFFERS"))["offers"]["offers"]
            assert offer["allocation_info"] == {"role": "red"}
            red.close()
            hoarder.close()
            link.link.close(1000, "done")

    asyncio.run(body())


def test_hostile_quotas_are_refused_and_end_nothing(run_master: Any, tmp_path: Path) -> None:
    async def body() -> None:
        async with run_master(SqliteStore(tmp_path / "registry.sqlite")) as master:
            for role in ("", "*", "a b", "../x", "-x", "a/b", "x" * 1025, "\0" * 1025):
                answer = await update(master, config(role, limits={"cpus": 1}))
                assert answer.status == 400, role
            for name, value in (("", 1), ("n" * 256, 1), ("cpus", 1e300), ("cpus", -1e-300)):
                assert (await update(master, config("r", limits={name: value}))).status == 400
            many = {f"resource {index}": 1.0 for index in range(257)}
            assert (await update(master, config("r", limits=many))).status == 400
            escaped = (
                b'{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"\\ud800"}]}}'
            )
            assert (await master.request(escaped, path=API, **TYPES)).status == 400
            assert (await update(master, config("\0", limits={"\0": 1}))).status == 200
            assert (await update(master, *[config("r", limits={"x": 1})] * 10_001)).status == 400
            assert list(await shown(master)) == ["\0"]
            assert master.driver.failure is None

    asyncio.run(body())
