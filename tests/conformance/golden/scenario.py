"""The actions behind the recorded exchanges, once more, against a cluster of ours.

The order is that of the recording: operators read an empty cluster, a scheduler runs its
session, errors are provoked, operators read master and agents with everything running, the
tasks end, the framework goes, an agent is given up.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from golden import record
from golden.scheduler import PATH, Scheduler
from golden.table import LATER
from golden.wire import Answer, connection, exchange, read_head, read_record
from tepui.daemons.cluster import Cluster

EXECUTOR = Path(__file__).parents[1] / "clients" / "raw_executor.py"
# Far more than it takes: a machine may have much else to do.
POLL_SECONDS_MAX = 60.0

AGENT_1 = (
    "--resources=cpus:4;mem:4096;disk:10240;ports:[31000-32000]",
    "--attributes=rack:r1;zone:z1;n:4.5",
)
AGENT_2 = (
    "--resources=cpus:4;mem:4096;disk:10240;ports:[31000-32000];cpus(static):1;mem(static):128",
    "--attributes=rack:r2",
)

RESERVATIONS = (
    "master_v1_RESERVE_RESOURCES",
    "master_v1_RESERVE_RESOURCES_too_much",
    "master_v1_RESERVE_RESOURCES_unknown_agent",
    "master_v1_RESERVE_RESOURCES_not_reserved",
    "master_v1_CREATE_VOLUMES",
    "master_v1_CREATE_VOLUMES_duplicate",
    "master_POST_reserve",
    "master_POST_create_volumes",
    "master_POST_destroy_volumes",
    "master_POST_unreserve",
)
WEIGHTS = ("master_v1_UPDATE_WEIGHTS", "master_PUT_weights")
QUOTAS = (
    "master_v1_UPDATE_QUOTA",
    "master_v1_UPDATE_QUOTA_over_capacity",
    "master_v1_UPDATE_QUOTA_guarantee_gt_limit",
    "master_POST_quota",
    "master_POST_quota_again",
    "master_POST_quota_bad",
    "master_DELETE_quota",
    "master_DELETE_quota_again",
)
OPERATOR = "master_v1_SUBSCRIBE_events"
GONE = "master_v1_MARK_AGENT_GONE"

# Every JSON answer of an older endpoint can be asked for as a script, too.
AS_SCRIPTS = tuple(
    name
    for name, row in record.ROWS.items()
    if name.startswith(("master_", "agent_", "agent2_"))
    and name not in LATER
    and row["method"] == "GET"
    and isinstance(row.get("shape"), dict | list)
    and row["values"].get("Content-Type") == "application/json"
    and "jsonp=" not in row["path"]
)

# What these offers hold decides what comes of the operations on them. Tasks run on the first
# three: which role is offered an agent first is chance, and another one may be offered the little
# that is left. Of the others one is free for all that is reserved, the next is for the other
# role, and the last has what the first became.
WANTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "RUN-O3": lambda offer: _is_roomy(offer),
    "RUN-O5": lambda offer: _is_roomy(offer),
    "RUN-O8": lambda offer: _is_roomy(offer),
    "RUN-O20": lambda offer: _is_roomy(offer) and offer["allocation_info"]["role"] == "test",
    "RUN-O21": lambda offer: offer["allocation_info"]["role"] == "dev",
    "RUN-O22": lambda offer: "pv-op" in json.dumps(offer["resources"]),
}

ROOM = {"cpus": 0.5, "mem": 128.0, "disk": 32.0}

# Where the record says the sandbox of an executor is.
SANDBOX = re.compile(r"/var/lib/mesos/a5051/work/slaves/[^\"?&]*/executors/([^/]+)/runs/RUN")
IDENTIFIER = re.compile(r"RUN-(?:S|O)?\d+")


class Replay:
    """The cluster's addresses and identifiers, and all that it answered."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.scripts: dict[str, Answer] = {}
        self.events: list[dict[str, Any]] = []
        self.operator_events: list[dict[str, Any]] = []
        self.raw_socket: Answer
        self.executor: dict[str, Any] = {}
        self._urls: dict[str, str] = {}
        self._scheduler: Scheduler
        # What the record calls something, and what it is called here.
        self._here: dict[str, str] = {}

    def neutral(self, text: str) -> str:
        """Return what we answered under the record's names."""
        for there, here in self._here.items():
            text = text.replace(here, there)
        return text

    async def run(self, work_dir: Path) -> None:
        """Go through everything."""
        # Offers come by events; the periodic pass serves filters that ran out.
        flags = ["--cluster=golden", "--allocation_interval=100ms"]
        cluster = Cluster(work_dir=work_dir, agents=0, master_flags=flags)
        async with cluster, AsyncExitStack() as streams:
            await self._start_agents(cluster)
            await self._send_all(_played("empty_", "setup_"))
            # Its snapshot is of a cluster in which nothing was reserved.
            operator = await self._subscribe(OPERATOR, streams, "/api/v1")
            # As when recorded: later they would take back the offers that are read below.
            await self._send_all((*RESERVATIONS, *WEIGHTS, *QUOTAS))
            await self._listen_on_a_raw_socket()
            await self._begin_session(streams)
            await self._read_everything()
            await self._end_session(streams)
            await self._read_what_is_left()
            await operator.event("the end of the framework", self._is_removal)
            self.operator_events = list(operator.events)
            await self._give_up_agent_2()
        self.executor = _left_by_the_executor(work_dir)

    async def _start_agents(self, cluster: Cluster) -> None:
        self._urls["master"] = cluster.url
        for number, flags in enumerate((AGENT_1, AGENT_2)):
            daemon = await cluster.start_agent(flags=flags)
            self._urls[daemon.name] = daemon.url
            await self._until("master", "/slaves", _agents_are(number + 1))
            port = int(daemon.url.rpartition(":")[2])
            for agent in (await self._read("master", "/slaves"))["slaves"]:
                if agent["port"] == port:
                    self._here[f"RUN-S{number}"] = agent["id"]

    async def _listen_on_a_raw_socket(self) -> None:
        body = json.dumps(await self._filled(record.RAW_SOCKET["request_body"])).encode()
        headers = record.ROWS["scheduler_session"]["request_headers"]
        async with connection(self._urls["master"], "POST", PATH, headers, body) as reader:
            self.raw_socket = await read_head(reader)
            for _ in record.RAW_SOCKET["records"]:
                self.raw_socket.records.append(await read_record(reader))

    async def _begin_session(self, streams: AsyncExitStack) -> None:
        self._scheduler = await self._subscribe("scheduler_session", streams)
        event = await self._scheduler.event("SUBSCRIBED", _is_of_type("SUBSCRIBED"))
        self._here["RUN-0001"] = event["subscribed"]["framework_id"]["value"]
        for name in record.CALLS[: record.CALLS.index("scheduler_KILL")]:
            if name == "scheduler_RECONCILE_all":
                await self._send_all(_played("scheduler_err_"))
                await self._send_all(_played("scheduler_suberr_")[:-1])
            if name == "scheduler_SUPPRESS_before_execute":
                # What DECLINE_many is going to decline has to be here before.
                await self._scheduler.offer(self._here["RUN-S0"])
                await self._scheduler.offer(self._here["RUN-S1"])
            if name == "scheduler_REVIVE_after_execute":
                await self._decline_the_rest()
                await self._execute()
            if name == "scheduler_ACCEPT_RESERVE_CREATE":
                await self._offer_all_to("test", but="dev")
            if name == "scheduler_ACCEPT_RESERVE_CREATE_noid":
                await self._call("REVIVE", roles=["dev"])
            if name not in LATER:
                await self._send(name)

    async def _offer_all_to(self, role: str, *, but: str) -> None:
        """Have one role offered what the others might be; as recorded it had the smaller share."""
        await self._call("SUPPRESS", roles=[but])
        await self._decline_the_rest(refuse_seconds=0.0)

    async def _decline_the_rest(self, refuse_seconds: float = 5.0) -> None:
        """Give back what quota made further offers of, where the recorder had one of each agent."""
        framework_id = self._here["RUN-0001"]
        shown = await self._read("master", f"/frameworks?framework_id={framework_id}")
        offers = [offer["id"] for offer in shown["frameworks"][0]["offers"]]
        for offer_id in offers:
            await self._scheduler.take(offer_id)
        await self._call(
            "DECLINE",
            offer_ids=[{"value": offer_id} for offer_id in offers],
            filters={"refuse_seconds": refuse_seconds},
        )

    async def _call(self, kind: str, **fields: Any) -> None:
        """Make a call of the framework that is not recorded."""
        row = record.ROWS["scheduler_DECLINE_many"]
        headers = {**row["request_headers"], "Mesos-Stream-Id": self._scheduler.stream_id}
        framework_id = {"value": self._here["RUN-0001"]}
        body = json.dumps({"type": kind, "framework_id": framework_id, kind.lower(): fields})
        answer = await exchange(self._urls["master"], "POST", PATH, headers, body.encode())
        assert answer.status == 202, answer.body

    async def _execute(self) -> None:
        """Run a task to its end with our ``mesos-execute``, as the recorder did with Mesos'.

        There it ran on agent 1, so here nothing is offered of agent 2 meanwhile.
        """
        await self._change_agent_2("DEACTIVATE_AGENT")
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "mesos-execute",
            f"--master={self._urls['master'].removeprefix('http://')}",
            "--name=exec-golden",
            "--command=echo hello",
            "--resources=cpus:1;mem:32",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said = await asyncio.wait_for(process.communicate(), POLL_SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, said
        await self._change_agent_2("REACTIVATE_AGENT")

    async def _change_agent_2(self, call: str) -> None:
        body = {"type": call, call.lower(): {"agent_id": {"value": self._here["RUN-S1"]}}}
        headers = {"Content-Type": "application/json"}
        url = self._urls["master"]
        answer = await exchange(url, "POST", "/api/v1", headers, json.dumps(body).encode())
        assert answer.status == 200, answer.body

    async def _read_everything(self) -> None:
        await self._scheduler.offer(self._here["RUN-S0"])
        await self._scheduler.offer(self._here["RUN-S1"])
        sent = {*RESERVATIONS, *WEIGHTS, *QUOTAS, OPERATOR, GONE}
        names = _played("master_", "agent_", "agent2_")
        await self._send_all(name for name in names if name not in sent)
        await self._scheduler.event("the MESSAGE in an executor's name", _is_message_of("sleep-1"))

    async def _end_session(self, streams: AsyncExitStack) -> None:
        for name in record.CALLS[record.CALLS.index("scheduler_KILL") :]:
            await self._send(name)
        await self._scheduler.event("FAILURE", _is_of_type("FAILURE"))
        for task_id in record.TASKS:
            await self._scheduler.updates_about(task_id, len(record.updates(task_id)))
        first = self._scheduler
        self._scheduler = await self._subscribe("scheduler_RESUBSCRIBE", streams)
        await first.end()
        self.events = first.events
        await self._scheduler.event("HEARTBEAT", _is_of_type("HEARTBEAT"))
        self._scheduler.answer.records = self._scheduler.events[:2]
        await self._send("scheduler_TEARDOWN")
        await self._scheduler.end()

    async def _read_what_is_left(self) -> None:
        for agent in ("agent1", "agent2"):
            await self._until(agent, "/containers", lambda containers: not containers)
        await self._send_all(_played("after_teardown_"))
        await self._send("scheduler_suberr_completed_framework_id")

    async def _give_up_agent_2(self) -> None:
        await self._send(GONE)
        await self._send_all(_played("after_gone_"))

    def _is_removal(self, event: dict[str, Any]) -> bool:
        info = event.get("framework_removed", {}).get("framework_info", {})
        return bool(info and info["id"]["value"] == self._here["RUN-0001"])

    async def _subscribe(self, name: str, streams: AsyncExitStack, path: str = PATH) -> Scheduler:
        row = record.ROWS[name]
        body = json.dumps(await self._filled(row["request_body"])).encode()
        scheduler = Scheduler(self._urls["master"], row["request_headers"], body, path)
        await streams.enter_async_context(scheduler)
        self.answers[name] = scheduler.answer
        return scheduler

    async def _send_all(self, names: Iterable[str]) -> None:
        for name in names:
            await self._send(name)

    async def _send(self, name: str) -> None:
        """Make one recorded request and keep the answer."""
        row = record.ROWS[name]
        headers = dict(row["request_headers"])
        if headers.get("Mesos-Stream-Id") == "RUN":
            headers["Mesos-Stream-Id"] = self._scheduler.stream_id
        content = await self._filled(row.get("request_body", ""))
        acknowledged = re.fullmatch(r"scheduler_ACKNOWLEDGE_(.+)_(TASK_[A-Z]+)", name)
        if acknowledged:
            status = await self._scheduler.update(*acknowledged.groups())
            content["acknowledge"]["uuid"] = status["uuid"]
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        path = await self._filled(row["path"])
        url = self._urls[row["daemon"]]
        if "records" in row:
            self.answers[name] = await _stream(url, path, headers, body, len(row["records"]))
        else:
            self.answers[name] = await exchange(url, row["method"], path, headers, body)
        if name in AS_SCRIPTS:
            path += f"{'&' if '?' in path else '?'}jsonp=cb"
            self.scripts[name] = await exchange(url, "GET", path, {})

    async def _filled(self, value: Any) -> Any:
        """Return a recorded request with our names for what it speaks of."""
        text = json.dumps(value)
        for offer in re.findall(r"RUN-O\d+", text):
            if offer not in self._here:
                agent = self._here[record.SCHEDULER["offers"][offer]]
                is_it = WANTED.get(offer, lambda each: True)
                self._here[offer] = await self._scheduler.take_offer(agent, is_it)
        for match in SANDBOX.finditer(text):
            if match.group() not in self._here:
                self._here[match.group()] = await self._sandbox(match.group(1))
            text = text.replace(match.group(), self._here[match.group()])
        command = f"exec {sys.executable} {EXECUTOR}"
        text = text.replace("exec python3 /opt/golden/executor.py", command)
        text = text.replace('"user": "root"', f'"user": "{getpass.getuser()}"')
        return json.loads(IDENTIFIER.sub(lambda m: self._here.get(m.group(), m.group()), text))

    async def _sandbox(self, executor_id: str) -> str:
        for framework in (await self._read("agent1", "/state"))["frameworks"]:
            for executor in framework["executors"]:
                if executor["id"] == executor_id:
                    return str(executor["directory"])
        raise AssertionError(f"agent 1 shows no executor {executor_id}")

    async def _read(self, daemon: str, path: str) -> Any:
        return json.loads((await exchange(self._urls[daemon], "GET", path, {})).body)

    async def _until(self, daemon: str, path: str, is_so: Callable[[Any], bool]) -> None:
        """Ask again and again; what is waited for tells nobody."""
        async with asyncio.timeout(POLL_SECONDS_MAX):
            while not is_so(await self._read(daemon, path)):
                pass


def _left_by_the_executor(work_dir: Path) -> dict[str, Any]:
    runs = work_dir.glob("agent2/slaves/*/frameworks/*/executors/py-exec/runs/latest")
    session: dict[str, Any] = json.loads((next(runs) / "session.json").read_text())
    return session


def _is_roomy(offer: dict[str, Any]) -> bool:
    """Whether what it has for anybody is enough for each of the recorded launches."""
    free = {
        each["name"]: each["scalar"]["value"]
        for each in offer["resources"]
        if "scalar" in each and not each.get("reservations")
    }
    return all(free.get(name, 0.0) >= needed for name, needed in ROOM.items())


def _played(*prefixes: str) -> list[str]:
    """Return the recorded exchanges of some families that are replayed, in their order."""
    return [name for name in record.ROWS if name.startswith(prefixes) and name not in LATER]


def _agents_are(number: int) -> Callable[[Any], bool]:
    return lambda body: len(body["slaves"]) == number


def _is_of_type(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == kind


def _is_message_of(executor_id: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: (
        event["type"] == "MESSAGE" and event["message"]["executor_id"]["value"] == executor_id
    )


async def _stream(
    url: str, path: str, headers: dict[str, str], body: bytes, records: int
) -> Answer:
    """Read a stream's first records, None where it ends."""
    async with (
        asyncio.timeout(POLL_SECONDS_MAX),
        connection(url, "POST", path, headers, body) as reader,
    ):
        answer = await read_head(reader)
        if answer.header("Transfer-Encoding") == "chunked":
            answer.records = [await read_record(reader) for _ in range(records)]
        return answer
