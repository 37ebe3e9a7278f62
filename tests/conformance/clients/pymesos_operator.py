"""An operator on pymesos: every call that shares a cluster or runs it, and the event stream.

Usage: ``pymesos_operator.py MASTER``, a master with one idle agent; it begins when there is a
second on the same machine. Prints one JSON object: ``answers``, what each step was answered
(``{"refused": STATUS}`` if it was), and ``events``, what the stream told.

What this pymesos has no method for goes through the one below its methods, ``_send``.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from pymesos import MesosSchedulerDriver, Scheduler
from pymesos.interface import OperatorMaster
from pymesos.operator_v1 import MesosOperatorAgentDriver, MesosOperatorMasterDriver

WAIT_SECONDS_MAX = 30.0
CAPABILITIES = ["MULTI_ROLE", "RESERVATION_REFINEMENT"]


def scalar(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


RESERVED = {"reservations": [{"type": "DYNAMIC", "role": "ops", "principal": "pymesos"}]}


def volume(megabytes: float) -> dict[str, Any]:
    persistence = {"id": "keep", "principal": "pymesos"}
    disk = {"persistence": persistence, "volume": {"mode": "RW", "container_path": "data"}}
    return scalar("disk", megabytes, disk=disk, **RESERVED)


class Stream(OperatorMaster):  # type: ignore[misc]
    """Keeps what the master tells of."""

    def __init__(self) -> None:
        self.events: list[list[Any]] = []
        self.news = threading.Condition()

    def add(self, *event: Any) -> None:
        with self.news:
            self.events.append([*event])
            self.news.notify_all()

    def wait(self, *beginning: Any) -> None:
        """Wait for an event that begins so."""

        def is_there() -> bool:
            return any(each[: len(beginning)] == [*beginning] for each in self.events)

        with self.news:
            if not self.news.wait_for(is_there, WAIT_SECONDS_MAX):
                raise RuntimeError(f"waited in vain for {beginning}; there are {self.events}")

    def taskAdded(self, task_info: dict[str, Any]) -> None:
        self.add("task added", task_info["task_id"]["value"])

    def taskUpdated(self, event: dict[str, Any]) -> None:
        self.add("task updated", event["status"]["task_id"]["value"], event["state"])

    def frameworkAdded(self, framework_info: dict[str, Any]) -> None:
        self.add("framework added", framework_info["framework_info"]["name"])

    def frameworkUpdated(self, framework_info: dict[str, Any]) -> None:
        self.add("framework updated", framework_info["framework_info"]["name"])

    def frameworkRemoved(self, framework_info: dict[str, Any]) -> None:
        self.add("framework removed", framework_info["name"])

    def agentAdded(self, agent_info: dict[str, Any]) -> None:
        self.add("agent added", agent_info["agent_info"]["id"]["value"])

    def agentRemoved(self, agent_id: str) -> None:
        self.add("agent removed", agent_id)


class Sleeper(Scheduler):  # type: ignore[misc]
    """A framework for the operator to look at: one task, on the first agent that is offered."""

    def __init__(self) -> None:
        self.is_launched = False

    def resourceOffers(self, driver: Any, offers: list[dict[str, Any]]) -> None:
        for offer in offers:
            if self.is_launched:
                driver.declineOffer(offer["id"], {"refuse_seconds": 3600})
                continue
            self.is_launched = True
            task = {
                "name": "sleep",
                "task_id": {"value": "sleep"},
                "agent_id": offer["agent_id"],
                "resources": [scalar("cpus", 0.1), scalar("mem", 16)],
                "command": {"value": "exec sleep 1000"},
            }
            driver.launchTasks(offer["id"], [task], {"refuse_seconds": 3600})


class Operator:
    """Does one thing after the other and keeps the answers."""

    def __init__(self, master: str) -> None:
        self.master = master
        self.stream = Stream()
        self.driver = MesosOperatorMasterDriver(master, self.stream)
        self.answers: dict[str, Any] = {}

    def ask(self, step: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call of pymesos and keep what came of it under ``step``."""
        try:
            answer = call(*arguments)
        except RuntimeError as error:
            refused = re.search(r"code=(\d+)", str(error))
            if refused is None:
                raise
            answer = {"refused": int(refused.group(1))}
        self.answers[step] = answer
        return answer

    def send(self, step: str, kind: str, **body: Any) -> Any:
        """Make a call that this pymesos has no method for."""
        fields = {kind.lower(): body} if body else {}
        return self.ask(step, self.driver._send, {"type": kind, **fields})

    def run(self) -> None:
        """Go through everything."""
        driver = self.driver
        driver.start()
        self.stream.wait("agent added")
        self.look()
        self.weigh_and_limit()
        agents = driver.getAgents()["get_agents"]["agents"]
        self.look_at_agent(agents[0]["pid"].partition("@")[2])
        first, second = [each["agent_info"] for each in agents]
        self.carve(first["id"]["value"])
        framework_id = self.start_framework()
        self.send("teardown", "TEARDOWN", framework_id={"value": framework_id})
        self.stream.wait("framework removed", "sleeper")
        self.empty(second["id"]["value"])
        self.maintain(first)
        driver.stop()

    def look(self) -> None:
        """Read all that can be read of a master that does nothing."""
        driver = self.driver
        for name in ("Health", "Version", "Flags", "State", "Frameworks", "Executors", "Tasks"):
            self.ask(name, getattr(driver, f"get{name}"))
        self.ask("Metrics", driver.getMetrics, 10**9)
        self.ask("Master", driver.getMaster)
        self.ask("Roles", driver.getRoles)
        self.ask("louder", driver.setLoggingLevel, 2, 60 * 10**9)
        self.ask("level", driver.getLoggingLevel)
        self.ask("quieter", driver.setLoggingLevel, 0, 0)
        self.ask("no such path", driver.readFile, "/none", 1, 0)

    def look_at_agent(self, address: str) -> None:
        """Read all that can be read of an agent that does nothing."""
        driver = MesosOperatorAgentDriver(address)
        for name in ("Health", "Version", "Flags", "State", "Frameworks", "Executors", "Tasks"):
            self.ask(f"agent {name}", getattr(driver, f"get{name}"))
        self.ask("agent Containers", driver.getContainers)
        self.ask("agent Operations", driver._send, {"type": "GET_OPERATIONS"})
        self.ask("agent Metrics", driver.getMetrics, 10**9)
        self.ask("louder agent", driver.setLoggingLevel, 3, 60 * 10**9)
        self.ask("agent level", driver.getLoggingLevel)

    def weigh_and_limit(self) -> None:
        """Set weights and quota of roles, and take the quota away."""
        driver = self.driver
        self.ask("weigh", driver.updateWeights, [{"role": "ops", "weight": 2.5}])
        self.ask("weigh wrongly", driver.updateWeights, [{"role": "ops", "weight": -1.0}])
        self.ask("weights", driver.getWeights)
        self.ask("guarantee", driver.setQuota, {"role": "ops", "guarantee": [scalar("cpus", 1)]})
        too_much = {"role": "dev", "guarantee": [scalar("cpus", 1000)]}
        self.ask("guarantee too much", driver.setQuota, too_much)
        self.ask("quota", driver.getQuota)
        self.ask("roles with quota", driver.getRoles)
        limits = {"cpus": {"value": 1.5}}
        self.send("limit", "UPDATE_QUOTA", quota_configs=[{"role": "dev", "limits": limits}])
        self.ask("quota and limit", driver.getQuota)
        self.ask("take quota", driver.removeQuota, "ops")
        self.ask("take it again", driver.removeQuota, "ops")
        self.send("take limit", "UPDATE_QUOTA", quota_configs=[{"role": "dev"}])
        self.ask("no quota", driver.getQuota)

    def carve(self, agent_id: str) -> None:
        """Reserve, make a volume, change its size, and give all back."""
        driver, agent = self.driver, {"value": agent_id}
        mine = [scalar("cpus", 1, **RESERVED), scalar("disk", 128, **RESERVED)]
        self.ask("reserve", driver.reserveResources, agent_id, mine)
        too_much = [scalar("cpus", 100, **RESERVED)]
        self.ask("reserve too much", driver.reserveResources, agent_id, too_much)
        self.ask("create", driver.createVolumes, agent_id, [volume(64)])
        self.ask("create again", driver.createVolumes, agent_id, [volume(64)])
        self.ask("carved", driver.getAgents)
        more = scalar("disk", 32, **RESERVED)
        self.send("grow", "GROW_VOLUME", agent_id=agent, volume=volume(64), addition=more)
        self.until("grown", lambda: self.volumes(agent_id) == [96.0])
        less = {"value": 48.0}
        self.send("shrink", "SHRINK_VOLUME", agent_id=agent, volume=volume(96), subtract=less)
        self.until("shrunk", lambda: self.volumes(agent_id) == [48.0])
        self.send("operations", "GET_OPERATIONS")
        self.ask("destroy", driver.destroyVolumes, agent_id, [volume(48)])
        self.ask("unreserve", driver.unreserveResources, agent_id, mine)
        self.ask("unreserve again", driver.unreserveResources, agent_id, mine)
        self.ask("given back", driver.getAgents)

    def volumes(self, agent_id: str) -> list[float]:
        return [
            resource["scalar"]["value"]
            for agent in self.driver.getAgents()["get_agents"]["agents"]
            if agent["agent_info"]["id"]["value"] == agent_id
            for resource in agent["total_resources"]
            if "persistence" in resource.get("disk", {})
        ]

    def start_framework(self) -> str:
        """Start a framework and its task, and leave it without a scheduler."""
        capabilities = [{"type": each} for each in CAPABILITIES]
        user = __import__("getpass").getuser()
        framework = {"user": user, "name": "sleeper", "roles": ["dev"]}
        driver = MesosSchedulerDriver(
            Sleeper(), {**framework, "capabilities": capabilities}, self.master
        )
        driver.start()
        self.stream.wait("task updated", "sleep", "TASK_RUNNING")
        self.ask("busy", self.driver.getTasks)
        framework_id: str = driver.framework_id
        driver.stop(failover=True)
        driver.join()
        return framework_id

    def empty(self, agent_id: str) -> None:
        """Take an agent out of service, back, out again by draining it, and then for good."""
        agent = {"value": agent_id}
        self.send("deactivate", "DEACTIVATE_AGENT", agent_id=agent)
        self.ask("deactivated", self.driver.getAgents)
        self.send("reactivate", "REACTIVATE_AGENT", agent_id=agent)
        self.ask("reactivated", self.driver.getAgents)
        grace = {"nanoseconds": 10**9}
        self.send("drain", "DRAIN_AGENT", agent_id=agent, max_grace_period=grace)
        self.until("drained", lambda: self.drain_state(agent_id) == "DRAINED")
        self.ask("drained agents", self.driver.getAgents)
        self.ask("gone", self.driver.markAgentGone, agent_id)
        self.stream.wait("agent removed", agent_id)
        self.ask("gone nobody", self.driver.markAgentGone, "nobody")

    def drain_state(self, agent_id: str) -> str | None:
        for agent in self.driver.getAgents()["get_agents"]["agents"]:
            if agent["agent_info"]["id"]["value"] == agent_id:
                state: str | None = agent.get("drain_info", {}).get("state")
                return state
        return None

    def maintain(self, agent: dict[str, Any]) -> None:
        """Plan to take the machine of the last agent down, do so, and bring it up."""
        driver = self.driver
        machine = {"hostname": agent["hostname"], "ip": "127.0.0.1"}
        unavailability = {"start": {"nanoseconds": 10**18}, "duration": {"nanoseconds": 10**9}}
        window = {"machine_ids": [machine], "unavailability": unavailability}
        self.ask("start without plan", driver.startMaintenance, [machine])
        self.ask("plan", driver.updateMaintenanceSchedule, [window])
        self.ask("plan twice", driver.updateMaintenanceSchedule, [window, window])
        self.ask("schedule", driver.getMaintenanceSchedule)
        self.ask("planned", driver.getMaintenanceStatus)
        self.ask("start", driver.startMaintenance, [machine])
        self.stream.wait("agent removed", agent["id"]["value"])
        self.ask("started", driver.getMaintenanceStatus)
        self.ask("stop", driver.stopMaintenance, [machine])
        self.ask("stopped", driver.getMaintenanceStatus)
        self.ask("plan nothing", driver.updateMaintenanceSchedule, [])

    def until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Ask again and again; what is waited for is told by no event of this stream."""
        for _ in range(2000):
            if is_so():
                return
        raise RuntimeError(f"it is never {what}")


def main() -> None:
    """Go through everything and print it."""
    (master,) = sys.argv[1:]
    operator = Operator(master)
    operator.run()
    print(json.dumps({"answers": operator.answers, "events": operator.stream.events}))


if __name__ == "__main__":
    main()
