"""``tepui master``: one master on this machine."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tepui.base.flags import FlagError
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.daemons.addresses import Addresses, resolve
from tepui.daemons.allocators import MakeAllocator, find_allocator
from tepui.daemons.gate import Gate
from tepui.daemons.master_options import allocator_options, master_config
from tepui.daemons.starting import (
    EX_USAGE,
    StartFailed,
    Stops,
    cannot_listen,
    fail,
    log_files,
    read_flags,
    run,
    say_ready,
)
from tepui.ha.memory import MemoryStore
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import Store, StoreError
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
from tepui.master.whitelist import WhitelistFile

PROGRAM = "tepui-master"
STOP_SECONDS = 5.0


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
    except FlagError as error:
        fail(PROGRAM, str(error), EX_USAGE)
    return run(flags, PROGRAM, lambda stops: serve(flags, addresses, store, make_allocator, stops))


def _store(flags: MasterFlags) -> Store:
    if flags.registry == "in_memory":
        return MemoryStore()
    if flags.work_dir is None:
        raise FlagError(f"--work_dir is needed by --registry={flags.registry}")
    return SqliteStore(Path(flags.work_dir) / "registry.sqlite")


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
        rng = Rng(secrets.randbits(128))
        core = Master(
            master_config(flags, addresses, server.port),
            make_allocator(allocator_options(flags), rng),
            rng,
            Instant(time.monotonic(), time.time()),
        )
        writer = RegistryWriter(
            store,
            fetch_seconds_max=flags.registry_fetch_timeout,
            store_seconds_max=flags.registry_store_timeout,
        )
        driver = MasterDriver(core, writer)
        try:
            await driver.start()
        except StoreError as error:
            raise StartFailed(str(error)) from error
        whitelist = _whitelist(flags, driver)
        gate.open(_router(flags, driver), driver.serve_link)
        info = core.state.master_info
        say_ready(flags, "master", f"http://{addresses.ip}:{info.port}", id=info.id)
        return await _run_until(driver, whitelist, stops)
    finally:
        await server.stop(STOP_SECONDS)


def _whitelist(flags: MasterFlags, driver: MasterDriver) -> WhitelistFile | None:
    if flags.whitelist is None:
        return None
    whitelist = WhitelistFile(
        flags.whitelist, lambda hostnames: driver.step(WhitelistChanged(hostnames=hostnames))
    )
    whitelist.poll()  # before the first agent is offered
    return whitelist


def _router(flags: MasterFlags, driver: MasterDriver) -> Router:
    master = driver.core
    router = Router("master")
    router.add("/master/api/v1/scheduler", SchedulerEndpoint(driver))
    router.add("/master/api/kill", KillEndpoint(driver))
    context = EndpointContext(
        driver=driver,
        flags=flags.as_mesos(),
        files=log_files(flags, PROGRAM, "/master/log"),
        wall_clock=time.time,
        leader=lambda: master.state.master_info,
        extra_metrics=driver.measured.metrics,
        are_framework_metrics_shown=flags.publish_per_framework_metrics,
    )
    register(router, master, context)
    return router


async def _run_until(driver: MasterDriver, whitelist: WhitelistFile | None, stops: Stops) -> int:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(driver.run())
        running.add_done_callback(lambda _: stops.ask("the master ended"))
        watching = None if whitelist is None else group.create_task(whitelist.watch())
        await stops.wait()
        driver.stop()
        if watching is not None:
            watching.cancel()
    return 0 if driver.failure is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
