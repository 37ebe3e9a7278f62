"""What becomes of offers that are accepted or declined."""

from __future__ import annotations

import pytest

from tepui.link.messages import RunTask, RunTaskGroup


def launch(*tasks) -> dict:
    return {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}


@pytest.fixture
def agent(cluster):
    return cluster.agent().register()


@pytest.fixture
def scheduler(cluster, agent):
    return cluster.scheduler("red").subscribe()


def custom(scheduler, **fields) -> dict:
    return {
        "type": "CUSTOM",
        "executor_id": {"value": "e1"},
        "command": {"value": "run"},
        "resources": scheduler.cluster.resources("cpus:0.5;mem:32", {"role": "red"}),
        **fields,
    }


def test_several_tasks_share_an_offer_and_the_rest_returns(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    tasks = [cluster.task("t1", offer), cluster.task("t2", offer)]
    scheduler.accept([offer], [launch(*tasks)], filters={"refuse_seconds": 0.0})
    assert agent.launched() == ["t1", "t2"]
    cluster.pass_time(2.0)
    [rest] = scheduler.offers()
    amounts = {each["name"]: each["scalar"]["value"] for each in rest["resources"]}
    assert amounts == {"cpus": 2.0, "mem": 3968.0, "disk": 1000.0}


def test_the_rest_of_an_offer_that_was_used_returns_at_once_by_shares(cluster, scheduler) -> None:
    """Otherwise frameworks that take little by little would share by turns, not by weights."""
    [offer] = scheduler.offers()
    filters = {"refuse_seconds": 0.0}
    scheduler.accept([offer], [launch(cluster.task("t1", offer))], filters=filters)
    cluster.pass_time(0.01)
    [rest] = scheduler.offers()
    scheduler.accept([rest], [], filters=filters)
    cluster.pass_time(0.01)
    assert scheduler.offers() == []
    cluster.pass_time(2.0)
    assert len(scheduler.offers()) == 1


def test_two_offers_of_one_agent_are_used_as_one(cluster, scheduler) -> None:
    [first] = scheduler.offers()
    scheduler.launch(first, "t1", resources="cpus:3;mem:64")
    cluster.pass_time(6.0)
    [second] = scheduler.offers()
    agent = cluster.state.agents[second["agent_id"]["value"]]
    [channel] = cluster.state.channels
    double = cluster.double(channel)
    double.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    [third] = scheduler.offers()
    assert len(agent.offers) == 2
    task = cluster.task("t2", third, resources="cpus:4;mem:64")
    scheduler.accept([second, third], [launch(task)])
    assert double.launched() == ["t1", "t2"]


def test_declined_resources_are_held_back_for_as_long_as_asked(cluster, scheduler) -> None:
    [offer] = scheduler.offers()
    body = {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 10.0}}
    assert scheduler.call("DECLINE", body) == 202
    cluster.pass_time(9.0)
    assert scheduler.offers() == []
    cluster.pass_time(2.0)
    assert len(scheduler.offers()) == 1


def test_declining_what_does_not_exist_does_nothing(scheduler) -> None:
    assert scheduler.call("DECLINE", {"offer_ids": [{"value": "none"}]}) == 202


def test_an_accept_without_operations_counts_as_decline(cluster, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.accept([offer], [launch()])
    assert scheduler.offers() == []
    cluster.pass_time(6.0)
    assert len(scheduler.offers()) == 1


@pytest.mark.parametrize("capabilities", [["PARTITION_AWARE"], []])
@pytest.mark.parametrize("bad", ["used", "none", "twice", "foreign"])
def test_invalid_offers_drop_the_tasks_and_free_the_valid_ones(
    cluster, agent, bad, capabilities
) -> None:
    scheduler = cluster.scheduler("red", capabilities=capabilities).subscribe()
    [offer] = scheduler.offers()
    task = cluster.task("late", offer)
    other = cluster.scheduler("blue").subscribe()
    offers = {
        "used": [offer, {"id": {"value": "used"}}],
        "none": [],
        "twice": [offer, offer],
        "foreign": [offer],
    }[bad]
    sender = other if bad == "foreign" else scheduler
    sender.accept(offers, [launch(task)])
    [status] = sender.statuses()
    aware = bool(capabilities) or bad == "foreign"
    assert status["state"] == ("TASK_DROPPED" if aware else "TASK_LOST")
    assert (status["source"], status["reason"]) == ("SOURCE_MASTER", "REASON_INVALID_OFFERS")
    assert status["agent_id"] == offer["agent_id"]
    assert "uuid" not in status
    assert agent.launched() == []
    assert (offer["id"]["value"] in cluster.state.offers) == (bad in ("none", "foreign"))


def test_a_call_that_comes_twice_does_not_drop_what_it_launched(cluster, agent, scheduler) -> None:
    """Clients and proxies try again when an answer does not come; the offer is used by then."""
    [offer] = scheduler.offers()
    for _ in range(2):
        scheduler.accept([offer], [launch(cluster.task("t1", offer))])
    assert agent.launched() == ["t1"]
    assert scheduler.statuses() == []


def test_an_invalid_task_is_an_error_and_the_others_run(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    tasks = [
        cluster.task("too-much", offer, resources="cpus:1000;mem:1"),
        cluster.task("a/b", offer),
        cluster.task("fine", offer),
    ]
    scheduler.accept([offer], [launch(*tasks)])
    assert agent.launched() == ["fine"]
    first, second = scheduler.statuses()
    assert {first["state"], second["state"]} == {"TASK_ERROR"}
    assert {first["reason"], second["reason"]} == {"REASON_TASK_INVALID"}
    assert "1000" in first["message"]


def test_an_id_in_use_is_refused_and_free_again_after_the_task(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t1")
    assert [each["state"] for each in scheduler.statuses()] == ["TASK_ERROR"]
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    [status] = scheduler.statuses()
    scheduler.acknowledge(status)
    cluster.pass_time(6.0)
    agent.take(RunTask)
    [offer, *_] = scheduler.offers()
    scheduler.launch(offer, "t1")
    assert agent.launched() == ["t1"]
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [each.task_id for each in framework.completed_tasks] == ["t1"]


def test_the_agent_gets_what_the_framework_left_out(cluster, agent) -> None:
    scheduler = cluster.scheduler().subscribe()
    [offer] = scheduler.offers()
    assert "allocation_info" not in offer
    task = cluster.task("t1", offer, command=None, executor={**custom(scheduler)})
    task["executor"]["resources"] = cluster.resources("cpus:0.5;mem:32")
    scheduler.accept([offer], [launch(task)])
    [run] = agent.take(RunTask)
    assert run.task.executor.framework_id.value == scheduler.framework_id
    roles = [each.allocation_info.role for each in run.task.resources]
    assert roles == ["*", "*"]
    assert run.framework.id.value == scheduler.framework_id


def test_an_executor_is_started_once_and_its_resources_count_once(
    cluster, agent, scheduler
) -> None:
    [offer] = scheduler.offers()
    tasks = [
        cluster.task(name, offer, command=None, executor=custom(scheduler)) for name in ("a", "b")
    ]
    scheduler.accept([offer], [launch(*tasks)])
    runs = agent.take(RunTask)
    assert [each.launch_executor for each in runs] == [True, False]
    used = cluster.state.frameworks[scheduler.framework_id].used
    assert used.get_scalar("cpus") == 2.5
    agent.update(scheduler.framework_id, "a", "TASK_FINISHED")
    agent.update(scheduler.framework_id, "b", "TASK_FINISHED")
    used = cluster.state.frameworks[scheduler.framework_id].used
    assert used.get_scalar("cpus") == 0.5


def group(cluster, offer, *names: str, **fields) -> dict:
    resources = cluster.resources("cpus:0.1;mem:32;disk:10", {"role": "red"})
    executor = {
        "type": "DEFAULT",
        "executor_id": {"value": "pod"},
        "framework_id": {"value": fields.pop("framework_id")},
        "resources": resources,
    }
    tasks = [cluster.task(name, offer, **fields) for name in names]
    return {
        "type": "LAUNCH_GROUP",
        "launch_group": {"executor": executor, "task_group": {"tasks": tasks}},
    }


def test_a_task_group_goes_out_as_one(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    operation = group(cluster, offer, "a", "b", framework_id=scheduler.framework_id)
    scheduler.accept([offer], [operation])
    [run] = agent.take(RunTaskGroup)
    assert run.launch_executor is True
    assert [each.task_id.value for each in run.task_group.tasks] == ["a", "b"]
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [each.executor_id for each in framework.tasks.values()] == ["pod", "pod"]
    cluster.pass_time(6.0)
    [rest] = scheduler.offers()
    assert rest["executor_ids"] == [{"value": "pod"}]


def test_one_bad_task_ends_its_whole_group(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    operation = group(
        cluster, offer, "a", "b", framework_id=scheduler.framework_id, resources="cpus:3;mem:1"
    )
    scheduler.accept([offer], [operation])
    assert agent.take(RunTaskGroup) == []
    statuses = scheduler.statuses()
    assert [each["task_id"]["value"] for each in statuses] == ["a", "b"]
    assert {each["reason"] for each in statuses} == {"REASON_TASK_GROUP_INVALID"}
    assert not any("executor_id" in each for each in statuses)
    assert not cluster.state.frameworks[scheduler.framework_id].used


@pytest.mark.parametrize("operation_id", [None, "op-1"])
def test_operations_on_reservations_are_refused_with_feedback_if_asked_for(
    cluster, agent, scheduler, operation_id
) -> None:
    [offer] = scheduler.offers()
    operation = {"type": "RESERVE", "reserve": {"resources": []}}
    if operation_id is not None:
        operation["id"] = {"value": operation_id}
    scheduler.accept([offer], [operation, launch(cluster.task("t1", offer))])
    events = scheduler.take("UPDATE_OPERATION_STATUS")
    if operation_id is None:
        assert events == []
    else:
        [event] = events
        assert event["update_operation_status"]["status"]["state"] == "OPERATION_ERROR"
    assert agent.launched() == ["t1"], "later operations go on"


def test_a_launch_may_not_ask_for_feedback(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    operation = {**launch(cluster.task("t1", offer)), "id": {"value": "op"}}
    scheduler.accept([offer], [operation])
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert agent.launched() == []


def test_an_operation_of_unknown_type_is_passed_over(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.accept([offer], [{"type": "UNKNOWN"}, launch(cluster.task("t1", offer))])
    assert agent.launched() == ["t1"]


def test_resources_in_the_old_format_go_out_in_the_new_one(cluster, agent) -> None:
    scheduler = cluster.scheduler(role="red").subscribe()
    [offer] = scheduler.offers()
    task = cluster.task("t1", offer, command=None, executor=custom(scheduler))
    for each in (task, task["executor"]):
        each["resources"] = [
            {**resource, "role": "*", "allocation_info": None} for resource in each["resources"]
        ]
    scheduler.accept([offer], [launch(task)])
    assert scheduler.statuses() == []
    [run] = agent.take(RunTask)
    sent = [*run.task.resources, *run.task.executor.resources]
    assert {each.role for each in sent} == {None}
    assert {each.allocation_info.role for each in sent} == {"red"}
