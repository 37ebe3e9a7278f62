"""Real ZooKeeper servers on loopback, from the jars of Debian's packages, for benchmarks and tests.

Ports are kept from everybody else by sockets of ours that are bound and do not listen; Linux lets
a server bind to the same port then, as both sides allow the address to be used again.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kazoo.client import KazooClient

_library_log = logging.getLogger("bench.ensemble.kazoo")
_library_log.setLevel(logging.CRITICAL)

JAR = Path("/usr/share/java/zookeeper.jar")
MISSING = "ZooKeeper is not here: on Debian, apt install libzookeeper-java default-jre-headless"
START_SECONDS_MAX = 60.0

_JAVA = [
    "java",
    "-Xmx768m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Dzookeeper.jmx.log4j.disable=true",
    "-cp",
    str(JAR),
]
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


def is_installed() -> bool:
    """Return whether servers can be started here."""
    return JAR.exists() and shutil.which("java") is not None


class Ensemble:
    """Servers that were started together.

    Attributes:
        servers: ``host:port`` of each.
    """

    def __init__(self, directory: Path, size: int, *, is_durable: bool = False) -> None:
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._paused: set[int] = set()
        ports = [self._keep_port() for _ in range(size)]
        peers = [(self._keep_port(), self._keep_port()) for _ in range(size if size > 1 else 0)]
        self.servers = [f"127.0.0.1:{port}" for port in ports]
        self._sync = "yes" if is_durable else "no"
        for number, port in enumerate(ports):
            self._configure(number, port, peers)

    def _keep_port(self) -> int:
        kept = self._stack.enter_context(socket.socket())
        kept.bind(("127.0.0.1", 0))
        # Not before: the kernel could give us a port that another process keeps in this way.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return int(kept.getsockname()[1])

    def _configure(self, number: int, port: int, peers: list[tuple[int, int]]) -> None:
        data = self._directory / f"server{number}"
        data.mkdir(parents=True)
        (data / "myid").write_text(str(number + 1))
        lines = [
            "tickTime=200",
            "initLimit=25",
            "syncLimit=10",
            "maxSessionTimeout=60000",
            f"dataDir={data}",
            "clientPortAddress=127.0.0.1",
            f"clientPort={port}",
            "maxClientCnxns=0",
            "admin.enableServer=false",
            "4lw.commands.whitelist=mntr",
        ]
        lines += [
            f"server.{peer + 1}=127.0.0.1:{quorum}:{election}"
            for peer, (quorum, election) in enumerate(peers)
        ]
        (data / "zoo.cfg").write_text("\n".join(lines) + "\n")

    def url(self, path: str, credentials: str = "") -> str:
        """Return the URL of a cluster in this ensemble."""
        return f"zk://{credentials}{','.join(self.servers)}{path}"

    def start(self, number: int) -> None:
        """Start one server."""
        data = self._directory / f"server{number}"
        with (data / "log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [
                    *_JAVA[:1],
                    f"-Dzookeeper.forceSync={self._sync}",
                    *_JAVA[1:],
                    _MAIN,
                    str(data / "zoo.cfg"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, number: int) -> None:
        """End one server by kill -9."""
        process = self._processes.pop(number)
        process.kill()
        process.wait()
        self._paused.discard(number)

    def pause(self, number: int) -> None:
        """Stop one server where it stands."""
        self._processes[number].send_signal(signal.SIGSTOP)
        self._paused.add(number)

    def resume(self, number: int) -> None:
        """Let a server go on."""
        self._processes[number].send_signal(signal.SIGCONT)
        self._paused.discard(number)

    def followers(self) -> list[int]:
        """Return the servers that follow another, by themselves; none may be paused."""
        return [
            number
            for number in range(len(self.servers))
            if self._status(number).get("zk_server_state") == "follower"
        ]

    def followers_counted(self) -> int:
        """Return how many servers the leader among those that are not paused has with it.

        It lets go of one that is paused, and has it again, before that one knows.
        """
        statuses = [self._status(each) for each in self._processes if each not in self._paused]
        return max(int(status.get("zk_synced_followers", 0)) for status in statuses)

    def _status(self, number: int) -> dict[str, str]:
        """Return what a server says of itself: little, while it does not serve."""
        host, _, port = self.servers[number].rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=10.0) as asking:
                asking.sendall(b"mntr")
                answer = b"".join(iter(lambda: asking.recv(4096), b""))
        except ConnectionError:
            return {}
        pairs = (line.partition("\t") for line in answer.decode().splitlines())
        return {name: value for name, _, value in pairs}

    def start_all(self) -> None:
        """Start every server that does not run, and wait until they serve."""
        for number in range(len(self.servers)):
            if number not in self._processes:
                self.start(number)
        self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Return when a client gets a session."""
        with self.client():
            return

    @contextlib.contextmanager
    def client(self, credentials: str | None = None) -> Iterator[KazooClient]:
        """Give a client of our own, to look at what is there and to change it."""
        client = KazooClient(
            hosts=",".join(self.servers),
            timeout=10.0,
            connection_retry={"max_tries": -1, "delay": 0.05, "max_delay": 0.2},
            logger=_library_log,
            auth_data=[] if credentials is None else [("digest", credentials)],
        )
        client.start(timeout=START_SECONDS_MAX)
        try:
            yield client
        finally:
            client.stop()
            client.close()

    def expire(self, session: int) -> None:
        """End a session behind its client's back, by taking it over and closing it."""
        client = KazooClient(
            hosts=",".join(self.servers),
            client_id=(session, _password(session)),
            logger=_library_log,
        )
        client.start(timeout=START_SECONDS_MAX)
        client.stop()
        client.close()

    def close(self) -> None:
        """End all servers."""
        for number in list(self._processes):
            self.kill(number)
        self._stack.close()


def _password(session: int) -> bytes:
    """Return the password that servers derive from a session's number, by Java's Random."""
    mask = (1 << 48) - 1
    state = (session ^ 0xB3415C00 ^ 0x5DEECE66D) & mask
    password = b""
    while len(password) < 16:
        state = (state * 0x5DEECE66D + 0xB) & mask
        password += (state >> 16).to_bytes(4, "little")
    return password


@contextlib.contextmanager
def started(directory: Path, size: int, *, is_durable: bool = False) -> Iterator[Ensemble]:
    """Give an ensemble that serves; it is gone afterwards."""
    ensemble = Ensemble(directory, size, is_durable=is_durable)
    try:
        ensemble.start_all()
        yield ensemble
    finally:
        ensemble.close()
