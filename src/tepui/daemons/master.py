"""``tepui master``: one master on this machine."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import structlog

from tepui.base.flags import FlagError
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.base.zookeeper_url import parse_url
from tepui.daemons.addresses import Addresses, resolve
from tepui.daemons.allocators import MakeAllocator, find_allocator
from tepui.daemons.gate import Gate
from tepui.daemons.journaling import check_journal_flags, journaled
from tepui.daemons.leading import Leading
from tepui.daemons.master_options import allocator_options, master_config
from tepui.daemons.starting import (
    EX_USAGE,
    Stops,
    cannot_listen,
    fail,
    log_files,
    read_flags,
    run,
    say_ready,
)
from tepui.ha.detector import Detector
from tepui.ha.election import Election, Lease
from tepui.ha.memory import MemoryStore
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import Store
from tepui.ha.writer import RegistryWriter
from tepui.http.routes import Router
from tepui.http.server import Server
from tepui.link.messages import PATH
from tepui.master.api import KillEndpoint, SchedulerEndpoint
from tepui.master.core.events import WhitelistChanged
from tepui.master.core.master import Master
from tepui.master.driver import MasterDriver
from tepui.master.endpoints import EndpointContext, register
from tepui.master.flags import FIXED, REFUSED, MasterFlags
from tepui.master.ports import greet
from tepui.master.redirects import redirecting
from tepui.master.whitelist import WhitelistFile
from tepui.messages import MasterInfo

PROGRAM = "tepui-master"
STOP_SECONDS = 5.0

log = structlog.get_logger("tepui.master")


def main(arguments: Sequence[str]) -> int:
    """Run a master until it is told to stop; return the exit code."""
    flags = read_flags(MasterFlags, PROGRAM, arguments, FIXED, REFUSED)
    try:
        addresses = resolve(flags)
        store = _store(flags)
        # Read once here, so that a flag that says nothing sensible is refused before anything
        # starts; the real configuration follows with the real port.
        master_config(flags, addresses, flags.port)
        make_allocator = find_allocator(flags.allocator)
        make_allocator(allocator_options(flags), Rng(0))
        check_journal_flags(flags)
    except FlagError as error:
        fail(PROGRAM, str(error), EX_USAGE)
    return run(flags, PROGRAM, lambda stops: serve(flags, addresses, store, make_allocator, stops))


def _store(flags: MasterFlags) -> Store:
    """Return the registry's store.

    Raises:
        FlagError: The flags do not go together.
    """
    registry = flags.registry
    if registry == "replicated_log":
        registry = "sqlite" if flags.zk is None else "zookeeper"
    if registry == "in_memory":
        return MemoryStore()
    if registry == "zookeeper":
        return _zookeeper_store(flags)
    if flags.zk is not None:
        raise FlagError("--registry=sqlite: masters that succeed each other need one in --zk")
    if flags.work_dir is None:
        raise FlagError(f"--work_dir is needed by --registry={flags.registry}")
    return SqliteStore(Path(flags.work_dir) / "registry.sqlite")


def _zookeeper_store(flags: MasterFlags) -> Store:
    if flags.zk is None:
        raise FlagError("--zk is needed by --registry=zookeeper")
    from tepui.ha.zookeeper import ZooKeeperStore

    return ZooKeeperStore(
        parse_url(flags.zk),
        session_timeout_seconds=flags.zk_session_timeout,
        fetch_seconds_max=flags.registry_fetch_timeout,
        # Who could not write for longer than that does not lead any more.
        store_seconds_max=min(flags.registry_store_timeout, flags.zk_session_timeout),
    )


async def serve(
    flags: MasterFlags,
    addresses: Addresses,
    store: Store,
    make_allocator: MakeAllocator,
    stops: Stops,
) -> int:
    """Compose a master and serve until there is a reason to stop.

    Raises:
        StartFailed: The address is taken, or the registry cannot be read.
    """
    gate = Gate()
    server = Server(
        gate.handle,
        host=addresses.listen,
        port=flags.port,
        websocket={PATH: gate.serve_link},
        link_greeting=greet,
    )
    try:
        await server.start()
    except OSError as error:
        raise cannot_listen(flags.port, error) from error
    try:
        seed = secrets.randbits(128)
        rng = Rng(seed)
        now = Instant(time.monotonic(), time.time())
        config = master_config(flags, addresses, server.port)
        core = Master(config, make_allocator(config.allocator, rng), rng, now)
        writer = RegistryWriter(
            store,
            fetch_seconds_max=flags.registry_fetch_timeout,
            store_seconds_max=flags.registry_store_timeout,
        )
        with journaled(flags, core, seed, now) as recorder:
            async with coordination(flags, store) as (election, detector):
                lease = None if election is None else election.lease
                driver = MasterDriver(core, writer, lease, recorder)
                return await _live(flags, addresses, driver, election, detector, gate, stops)
    finally:
        await server.stop(STOP_SECONDS)


def _open_while_leading(store: Store, lease: Lease) -> None:
    from tepui.ha.zookeeper import ZooKeeperStore

    if isinstance(store, ZooKeeperStore):
        store.may_open = lambda: time.monotonic() < lease.until


@contextlib.asynccontextmanager
async def coordination(
    flags: MasterFlags, store: Store
) -> AsyncIterator[tuple[Election | None, Detector | None]]:
    """Give this master's part in the election of ``--zk``, if there is one.

    Whoever opens the registry deposes the writer before, so that ``store`` is not to be opened
    unless this master leads.
    """
    if flags.zk is None:
        yield None, None
        return
    from tepui.ha.zookeeper import Session, ZooKeeperDetector, ZooKeeperElection

    async with Session(parse_url(flags.zk), flags.zk_session_timeout) as session:
        election = ZooKeeperElection(session)
        _open_while_leading(store, election.lease)
        yield election, ZooKeeperDetector(session)


async def _live(
    flags: MasterFlags,
    addresses: Addresses,
    driver: MasterDriver,
    election: Election | None,
    detector: Detector | None,
    gate: Gate,
    stops: Stops,
) -> int:
    """Serve as a standby or as the leader, until there is a reason to stop."""
    info = driver.core.state.master_info

    def say() -> None:
        say_ready(flags, "master", f"http://{addresses.ip}:{info.port}", id=info.id)

    def on_leading() -> WhitelistFile | None:
        whitelist = _whitelist(flags, driver)
        if election is None:
            gate.open(router, driver.serve_link)
            say()
        log.info("leading", id=info.id)
        return whitelist

    leading = Leading(driver, election, detector, on_leading)
    router = _router(flags, driver, leading.leader)
    if election is not None:
        # A standby answers from the start: it knows whom to ask.
        gate.open(router, driver.serve_link)
        say()
    return 0 if await leading.run(stops) else 1


def _whitelist(flags: MasterFlags, driver: MasterDriver) -> WhitelistFile | None:
    if flags.whitelist is None:
        return None
    whitelist = WhitelistFile(
        flags.whitelist, lambda hostnames: driver.step(WhitelistChanged(hostnames=hostnames))
    )
    whitelist.poll()  # before the first agent is offered
    return whitelist


def _router(
    flags: MasterFlags, driver: MasterDriver, leader: Callable[[], MasterInfo | None]
) -> Router:
    master = driver.core
    elsewhere = redirecting(lambda: driver.is_leading, leader)
    router = Router("master")
    router.add("/master/api/v1/scheduler", SchedulerEndpoint(driver, elsewhere))
    router.add("/master/api/kill", KillEndpoint(driver, elsewhere))
    context = EndpointContext(
        driver=driver,
        flags=flags.as_mesos(),
        files=log_files(flags, PROGRAM, "/master/log"),
        wall_clock=time.time,
        leader=leader,
        extra_metrics=driver.metrics,
        are_framework_metrics_shown=flags.publish_per_framework_metrics,
    )
    register(router, master, context)
    return router


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
