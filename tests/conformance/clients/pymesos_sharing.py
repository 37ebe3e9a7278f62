"""A framework on pymesos that reserves, keeps a volume, gives it back, and is asked to leave.

Usage: ``pymesos_sharing.py MASTER``, a master with one idle agent. Prints what it saw as one
JSON object: ``told``, each callback in its order, ``resources`` of the offers that it used, and
``status``, what operators see of its answers to inverse offers.
"""

from __future__ import annotations

import getpass
import json
import queue
import sys
import time
from collections.abc import Callable
from typing import Any

from pymesos import MesosSchedulerDriver, Scheduler
from pymesos.operator_v1 import MesosOperatorMasterDriver

WAIT_SECONDS_MAX = 30.0
KEPT_SECONDS_MAX = 60.0
SOON = {"refuse_seconds": 0.1}
CAPABILITIES = ["MULTI_ROLE", "RESERVATION_REFINEMENT"]


def scalar(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


# As an operation names them: which role they are allocated to goes without saying.
FOR_TEAM = {"reservations": [{"type": "DYNAMIC", "role": "team"}]}
CPU, MEM = scalar("cpus", 0.5, **FOR_TEAM), scalar("mem", 32)


def volume(megabytes: float) -> dict[str, Any]:
    mount = {"mode": "RW", "container_path": "data"}
    return scalar(
        "disk", megabytes, disk={"persistence": {"id": "kept"}, "volume": mount}, **FOR_TEAM
    )


def operation(kind: str, operation_id: str | None = None, **body: Any) -> dict[str, Any]:
    name = {} if operation_id is None else {"id": {"value": operation_id}}
    return {"type": kind, kind.lower(): body, **name}


class Told(Scheduler):  # type: ignore[misc]
    """Hands what the master says to the thread that decides."""

    def __init__(self) -> None:
        self.every: list[list[Any]] = []
        self.news: queue.Queue[tuple[str, Any, str]] = queue.Queue()

    def add(self, kind: str, value: Any, *shown: Any) -> None:
        self.every.append([kind, *shown])
        self.news.put((kind, value, " ".join(map(str, [kind, *shown]))))

    def resourceOffers(self, driver: Any, offers: list[dict[str, Any]]) -> None:
        for offer in offers:
            self.news.put(("offer", offer, "offer"))

    def inverseOffers(self, driver: Any, offers: list[dict[str, Any]]) -> None:
        for offer in offers:
            self.add("inverse offer", offer)

    def inverseOfferRescinded(self, driver: Any, inverse_offer_id: dict[str, Any]) -> None:
        self.add("inverse offer rescinded", inverse_offer_id)

    def statusUpdate(self, driver: Any, update: dict[str, Any]) -> None:
        self.add("task", update, update["task_id"]["value"], update["state"])

    def operationStatusUpdate(self, driver: Any, status: dict[str, Any]) -> None:
        name = status.get("operation_id", {}).get("value")
        self.add("operation", status, name, status["state"])

    def error(self, driver: Any, message: str) -> None:
        self.add("error", message, message)


class Team:
    """Does one thing after the other and waits for what comes of it."""

    def __init__(self, master: str) -> None:
        self.told = Told()
        self.operator = MesosOperatorMasterDriver(master)
        framework = {
            "user": getpass.getuser(),
            "name": "team",
            "roles": ["team"],
            "capabilities": [{"type": each} for each in CAPABILITIES],
        }
        # By itself it acknowledges operations in a form that no master takes.
        self.driver = MesosSchedulerDriver(
            self.told, framework, master, implicit_acknowledgements=False
        )
        self.answered: set[str] = set()
        self.resources: dict[str, Any] = {}
        self.status: Any = None

    def run(self) -> None:
        """Go through everything."""
        self.driver.start()
        self.keep_a_volume()
        self.resize_it()
        offer = self.give_it_back()
        self.be_asked_to_leave({"hostname": offer["hostname"], "ip": "127.0.0.1"})
        self.driver.killTask({"value": "stay"})
        self.wait_for("task stay TASK_KILLED")
        self.driver.stop()
        self.driver.join()

    def keep_a_volume(self) -> None:
        """Write to a volume in one task and read it in another."""
        reserved = [CPU, scalar("disk", 96, **FOR_TEAM)]
        self.accept(
            self.offer("first", {}),
            operation("RESERVE", "reserve", resources=reserved),
            operation("CREATE", "create", volumes=[volume(64)]),
            self.launch("write", "echo kept > data/file", CPU, MEM, volume(64)),
        )
        self.wait_for(
            "operation reserve OPERATION_FINISHED",
            "operation create OPERATION_FINISHED",
            "task write TASK_FINISHED",
        )
        self.accept(
            self.offer("with volume", {"kept": 64.0, "disk": 32.0, "cpus": 0.5}),
            self.launch("read", "grep -q kept data/file", CPU, MEM, volume(64)),
        )
        self.wait_for("task read TASK_FINISHED")

    def resize_it(self) -> None:
        """Make the volume larger, and smaller again."""
        addition = scalar("disk", 32, **FOR_TEAM)
        grow = operation("GROW_VOLUME", "grow", volume=volume(64), addition=addition)
        self.accept(self.offer("to grow", {"kept": 64.0, "disk": 32.0, "cpus": 0.5}), grow)
        self.wait_for("operation grow OPERATION_FINISHED")
        shrink = operation("SHRINK_VOLUME", "shrink", volume=volume(96), subtract={"value": 48.0})
        self.accept(self.offer("to shrink", {"kept": 96.0, "cpus": 0.5}), shrink)
        self.wait_for("operation shrink OPERATION_FINISHED")

    def give_it_back(self) -> dict[str, Any]:
        """End volume and reservation; a task that stays uses what became free."""
        offer = self.offer("to end", {"kept": 48.0, "disk": 48.0, "cpus": 0.5})
        reserved = [CPU, scalar("disk", 96, **FOR_TEAM)]
        self.accept(
            offer,
            operation("DESTROY", "destroy", volumes=[volume(48)]),
            operation("UNRESERVE", "unreserve", resources=reserved),
            self.launch("stay", "exec sleep 1000", scalar("cpus", 2), MEM, scalar("disk", 1024)),
        )
        self.wait_for(
            "operation destroy OPERATION_FINISHED",
            "operation unreserve OPERATION_FINISHED",
            "task stay TASK_RUNNING",
        )
        asked = {"operation_id": {"value": "never"}, "agent_id": offer["agent_id"]}
        self.driver.reconcileOperations([asked])
        self.wait_for("operation never OPERATION_UNKNOWN")
        # What was acknowledged is forgotten, by the agent too; nothing tells when.
        kept: object = None
        deadline = time.monotonic() + KEPT_SECONDS_MAX
        while time.monotonic() < deadline:
            kept = self.operator._send({"type": "GET_OPERATIONS"})["get_operations"]
            if not kept:
                return offer
        raise RuntimeError(f"operations are kept although they were acknowledged: {kept}")

    def be_asked_to_leave(self, machine: dict[str, str]) -> None:
        """Refuse, agree, and leave the last question open until it is taken back."""
        window = {
            "machine_ids": [machine],
            "unavailability": {"start": {"nanoseconds": 10**18}},
        }
        self.operator.updateMaintenanceSchedule([window])
        self.driver.declineInverseOffer(self.next("inverse offer")["id"], SOON)
        again = self.next("inverse offer")
        self.driver.acceptInverseOffers(again["id"], {"refuse_seconds": 3600.0})
        self.status = self.operator.getMaintenanceStatus()
        self.operator.updateMaintenanceSchedule([])
        self.operator.updateMaintenanceSchedule([window])
        asked = self.next("inverse offer")
        self.operator.updateMaintenanceSchedule([])
        self.next("inverse offer rescinded", is_it=lambda value: value == asked["id"])

    def launch(self, name: str, command: str, *resources: dict[str, Any]) -> dict[str, Any]:
        task = {
            "name": name,
            "task_id": {"value": name},
            "command": {"value": command},
            "resources": [*resources],
        }
        return operation("LAUNCH", task_infos=[task])

    def accept(self, offer: dict[str, Any], *operations: dict[str, Any]) -> None:
        for each in operations:
            for task in each.get("launch", {}).get("task_infos", []):
                task["agent_id"] = offer["agent_id"]
        self.driver.acceptOffers(offer["id"], [*operations], SOON)

    def offer(self, step: str, reserved: dict[str, float]) -> dict[str, Any]:
        """Wait for an offer with so much that is reserved for us, and keep what it has."""
        offer: dict[str, Any] = self.next(
            "offer", lambda each: ours(each) == reserved or not reserved
        )
        self.resources[step] = ours(offer)
        return offer

    def wait_for(self, *wanted: str) -> None:
        """Wait until what is told of tasks and operations was answered, in any order."""
        while not {*wanted} <= self.answered:
            self.next("task", "operation")

    def next(self, *kinds: str, is_it: Callable[[Any], bool] = lambda value: True) -> Any:
        """Wait for the next callback of one of some kinds; answer what comes before."""
        while True:
            found, value, text = self.told.news.get(timeout=WAIT_SECONDS_MAX)
            match found:
                case "error":
                    raise RuntimeError(value)
                case "task":
                    self.driver.acknowledgeStatusUpdate(value)
                case "operation":
                    self.acknowledge(value)
            self.answered.add(text)
            if found in kinds and is_it(value):
                return value
            if found == "offer":
                self.driver.declineOffer(value["id"], SOON)

    def acknowledge(self, status: dict[str, Any]) -> None:
        if "uuid" in status:
            names = {name: status[name] for name in ("operation_id", "agent_id")}
            self.driver.acknowledgeOperationStatusUpdate({**names, "uuid": status["uuid"]["value"]})


def ours(offer: dict[str, Any]) -> dict[str, float]:
    """What an offer has that is reserved: volumes by their ids, the rest by its name."""
    return {
        each.get("disk", {}).get("persistence", {}).get("id", each["name"]): each["scalar"]["value"]
        for each in offer["resources"]
        if each.get("reservations")
    }


def main() -> None:
    """Go through everything and print it."""
    (master,) = sys.argv[1:]
    team = Team(master)
    team.run()
    seen = {"told": team.told.every, "resources": team.resources, "status": team.status}
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
