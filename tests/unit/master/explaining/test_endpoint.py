"""``GET /api/explain`` of a master whose core is in conversation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tepui.base.errors import Unavailable
from tepui.base.time import Instant
from tepui.http.messages import Headers, Request, Response
from tepui.master.core.events import AgentDeactivationRequested, WhitelistChanged
from tepui.master.explaining.endpoint import Explainer
from tepui.master.explaining.turns import WAITING_MAX


def explain(operator: Any, target: str) -> Any:
    return operator.json(f"/api/explain?{target}")


def causes(client: dict[str, Any]) -> dict[str, int]:
    return {each["cause"]: each["agents"] for each in client["causes"]}


def test_a_framework_hears_that_others_hold_what_it_waits_for(
    cluster: Any, make_operator: Any
) -> None:
    cluster.agent("cpus:4;mem:4096").register()
    hog = cluster.scheduler("red", name="hog").subscribe()
    [offer] = hog.offers()
    hog.launch(offer, "t1", resources="cpus:4;mem:4096")
    waiting = cluster.scheduler("blue", name="mine").subscribe()
    cluster.allocate()
    said = explain(make_operator(cluster), f"framework_id={waiting.framework_id}&cpus=2")
    assert said["fits"] == "WHEN_OTHERS_END"
    assert said["asked"]["resources"] == {"cpus": 2.0}
    [client] = said["clients"]
    assert (client["framework_name"], client["state"]) == ("mine", "WANTS_OFFERS")
    assert causes(client) == {"IN_USE": 1}
    assert client["causes"][0]["of"] == {hog.framework_id: 1}
    assert said["framework_names"] == {hog.framework_id: "hog"}
    assert client["causes"][0]["nearest"][0]["lacking"] == {"cpus": 2.0}
    assert said["answer"] == (
        f"Framework mine ({waiting.framework_id}) in role blue: cpus:2 comes when others end: "
        f"1 agent in use by hog ({hog.framework_id})."
    )
    [advice] = said["advice"]
    assert advice.startswith(f"End tasks of hog ({hog.framework_id}), add agents")


def test_the_order_tells_shares_and_who_goes_first(cluster: Any, make_operator: Any) -> None:
    cluster.agent("cpus:4;mem:4096").register()
    hog = cluster.scheduler("red").subscribe()
    [offer] = hog.offers()
    hog.launch(offer, "t1", resources="cpus:4;mem:1024")
    cluster.scheduler("blue").subscribe()
    [client] = explain(make_operator(cluster), "role=red")["clients"]
    [place] = client["order"]
    assert place == {
        "name": "red",
        "weight": 1.0,
        "share": 1.0,
        "weighted_share": 1.0,
        "dominant_resource": "cpus",
        "competitors": 2,
        "ahead": 1,
        "first": "blue",
        "first_weighted_share": place["first_weighted_share"],
    }


def test_a_declined_offer_says_when_its_filter_ends(cluster: Any, make_operator: Any) -> None:
    cluster.agent("cpus:4;mem:4096").register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 60.0}})
    said = explain(make_operator(cluster), f"framework_id={scheduler.framework_id}&cpus=1")
    assert said["fits"] == "HELD_BACK"
    filters = said["clients"][0]["causes"][0]["filters"]
    assert filters["first_ends"] == filters["last_ends"] == pytest.approx(cluster.now.wall + 60)
    assert "refused by the framework for 60 s more" in said["answer"]
    assert "REVIVE" in said["advice"][0]


def test_what_fits_nowhere_names_the_nearest_miss(cluster: Any, make_operator: Any) -> None:
    cluster.agent("cpus:4;mem:4096").register()
    cluster.agent("cpus:6;mem:4096", port=5052).register()
    scheduler = cluster.scheduler("red").subscribe()
    said = explain(make_operator(cluster), f"framework_id={scheduler.framework_id}&cpus=8")
    assert said["fits"] == "NEVER"
    assert "2 agents too small (the nearest, " in said["answer"]
    assert "lacks cpus:2)" in said["answer"]
    assert said["advice"] == ["Ask for less, or add agents with at least cpus:8."]


def test_an_offer_in_hand_is_said_to_be_there(cluster: Any, make_operator: Any) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    assert len(scheduler.offers()) == 1
    said = explain(make_operator(cluster), f"framework_id={scheduler.framework_id}&cpus=1")
    assert said["fits"] == "NOW"
    assert "from offers that it holds already, on 1 agent" in said["answer"]
    said = explain(make_operator(cluster), f"framework_id={scheduler.framework_id}")
    assert said["answer"].endswith(
        ": it holds offers of 1 agent already, and has not answered them."
    )


def test_a_suppressed_role_says_what_a_revive_would_bring(cluster: Any, make_operator: Any) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.call("SUPPRESS", {})
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]]})
    said = explain(make_operator(cluster), f"framework_id={scheduler.framework_id}")
    assert said["clients"][0]["state"] == "SUPPRESSED"
    assert "takes no offers: it suppressed them. Else: an offer can be had" in said["answer"]
    assert said["advice"] == ["The framework can send REVIVE for role red."]


def test_a_role_that_nobody_is_in_can_be_asked_about(cluster: Any, make_operator: Any) -> None:
    cluster.agent().register()
    said = explain(make_operator(cluster), "role=new&cpus=1")
    assert said["clients"][0]["framework_id"] is None
    assert said["answer"].startswith("Role new has no framework.")


def test_inactive_agents_are_told_with_why(cluster: Any, make_operator: Any) -> None:
    first = cluster.agent().register()
    cluster.agent(port=5052).register().disconnect()
    cluster.ask(
        lambda number: AgentDeactivationRequested(request_id=number, agent_id=first.agent_id)
    )
    said = explain(make_operator(cluster), "role=red")
    [cause] = said["clients"][0]["causes"]
    assert (cause["cause"], cause["agents"]) == ("INACTIVE", 2)
    assert cause["of"] == {"deactivated": 1, "disconnected": 1}


def test_without_agents_that_is_the_reason(cluster: Any, make_operator: Any) -> None:
    said = explain(make_operator(cluster), "role=red")
    assert said["answer"] == "Role red waits because there is no agent."
    assert said["advice"][0].startswith("Start an agent")


def test_agents_off_the_whitelist_are_told(cluster: Any, make_operator: Any) -> None:
    cluster.agent().register()
    cluster.handle(WhitelistChanged(hostnames=()))
    said = explain(make_operator(cluster), "role=red")
    assert causes(said["clients"][0]) == {"UNLISTED": 1}
    assert "--whitelist" in said["advice"][-1]


def test_each_role_has_a_reason_in_short(cluster: Any, make_operator: Any) -> None:
    cluster.agent("cpus:4;mem:4096").register()
    scheduler = cluster.scheduler("red").subscribe()
    assert len(scheduler.offers()) == 1
    said = make_operator(cluster).json("/master/api/explain/roles")
    assert said["roles"] == [
        {"role": "red", "state": "ON_OFFER", "reason": "its frameworks have offers to answer"}
    ]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", "framework_id or role is required: whom is it about?"),
        ("role=a&framework_id=f", "framework_id 'f' and role 'a' exclude each other"),
        ("role=", "role is empty"),
        ("role=a&role=b", "'role' is given 2 times"),
        ("role=a//b", "role: role 'a//b' has two slashes in a row"),
        ("role=a&cpus=nan", "'cpus' is 'nan', which is no amount of a resource"),
        ("role=a&cpus=inf", "'cpus' is 'inf', which is no amount of a resource"),
        ("role=a&cpus=1_0", "'cpus' is '1_0', which is no amount of a resource"),
        ("role=a&frmework_id=x", "'frmework_id' is 'x', which is no amount of a resource"),
        ("role=a&mem=-1", "'mem' is '-1', and no task needs less than nothing"),
        ("role=a&mem=", "'mem' is '', which is no amount"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(
    cluster: Any, make_operator: Any, query: str, problem: str
) -> None:
    answer = make_operator(cluster).get(f"/api/explain?{query}")
    assert answer.status == 400
    assert answer.body.decode().startswith(problem)


def test_too_many_resources_are_refused(cluster: Any, make_operator: Any) -> None:
    names = "".join(f"&r{number}=1" for number in range(33))
    answer = make_operator(cluster).get(f"/api/explain?role=a{names}")
    assert (answer.status, answer.body) == (400, b"33 resources are named, and 32 may be")


def test_huge_and_tiny_amounts_are_taken(cluster: Any, make_operator: Any) -> None:
    cluster.agent().register()
    operator = make_operator(cluster)
    assert explain(operator, "role=a&cpus=1e308")["fits"] == "NEVER"
    assert explain(operator, "role=a&cpus=1e-9&gpus=0")["asked"]["resources"] == {}


def test_unknown_and_ended_frameworks_are_not_found(cluster: Any, make_operator: Any) -> None:
    scheduler = cluster.scheduler("red").subscribe()
    scheduler.call("TEARDOWN")
    operator = make_operator(cluster)
    ended = operator.get(f"/api/explain?framework_id={scheduler.framework_id}")
    assert (ended.status, ended.body.decode()) == (
        404,
        f"Framework {scheduler.framework_id} has ended",
    )
    unknown = operator.get("/api/explain?framework_id=nobody")
    assert (unknown.status, unknown.body) == (404, b"There is no framework 'nobody'")


def test_it_is_only_read_and_may_be_wrapped(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    refused = operator.ask("POST", "/api/explain?role=a")
    assert (refused.status, dict(refused.headers)["Allow"]) == (405, "GET")
    wrapped = operator.get("/api/explain?role=a&jsonp=tell")
    assert (wrapped.status, wrapped.content_type) == (200, "text/javascript")


@pytest.mark.parametrize("target", ["/api/explain?role=a", "/master/api/explain/roles"])
def test_a_master_that_does_not_lead_redirects(
    cluster: Any, make_operator: Any, target: str
) -> None:
    cluster.state.elected_time = None
    answer = make_operator(cluster).get(target)
    assert answer.status == 307
    assert dict(answer.headers)["Location"].endswith(target)


def test_a_master_that_still_reads_its_registry_says_so(cluster: Any, make_operator: Any) -> None:
    cluster.state.is_recovered = False
    assert make_operator(cluster).get("/api/explain?role=a").status == 503


def large(cluster: Any) -> Explainer:
    """Return one that looks at one agent a turn, of three."""
    for port in range(3):
        cluster.agent("cpus:1;mem:64", port=6000 + port).register()
    return Explainer(
        cluster.state,
        cluster.core.allocator,
        lambda: Instant(cluster.now.monotonic, cluster.now.wall),
        looks_per_turn=1,
    )


REQUEST = Request("GET", "/api/explain?role=a", Headers.of({}))


def test_others_have_their_turn_while_a_large_cluster_is_looked_at(cluster: Any) -> None:
    explainer = large(cluster)

    async def turns_of_others() -> int:
        turns = 0
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(explainer.explain(REQUEST))
            while not asked.done():
                turns += 1
                await asyncio.sleep(0)
        answer = asked.result()
        assert isinstance(answer, Response)
        assert json.loads(answer.body)["agents"] == 3
        return turns

    assert asyncio.run(turns_of_others()) == 3


def test_only_so_many_questions_wait(cluster: Any) -> None:
    explainer = large(cluster)

    async def crowd() -> list[Any]:
        asked = [explainer.explain(REQUEST) for _ in range(1 + WAITING_MAX + 1)]
        return await asyncio.gather(*asked, return_exceptions=True)

    *answers, last = asyncio.run(crowd())
    assert [each.status for each in answers] == [200] * (1 + WAITING_MAX)
    assert isinstance(last, Unavailable)


def test_a_question_that_is_given_up_makes_room_for_others(cluster: Any) -> None:
    explainer = large(cluster)

    async def give_up_and_ask() -> Any:
        for _ in range(WAITING_MAX + 2):
            asked = asyncio.ensure_future(explainer.explain(REQUEST))
            await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        return await explainer.explain(REQUEST)

    assert asyncio.run(give_up_and_ask()).status == 200
