"""``tepui agent``: one agent on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path

import structlog

from tepui.agent.checkpoint import CheckpointError, CheckpointStore, checkpoint_path
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import Exit
from tepui.agent.driver import AgentDriver
from tepui.agent.endpoints import EndpointContext, register
from tepui.agent.flags import FIXED, REFUSED, AgentFlags
from tepui.agent.master_link import ElectedMaster, FixedMaster, LinkClient
from tepui.agent.measured import Measured
from tepui.agent.oversubscription import Oversubscription
from tepui.base.flags import FlagError
from tepui.base.rng import Rng
from tepui.base.zookeeper_url import SCHEME, parse_url, without_password
from tepui.containers.core.gc import GcPolicy
from tepui.containers.fetcher import Fetcher
from tepui.containers.gc import SandboxCollector
from tepui.containers.posix import PosixContainerizer
from tepui.containers.protocol import Containerizer, SupervisorLost
from tepui.daemons.addresses import Addresses, resolve
from tepui.daemons.agent_options import agent_config
from tepui.daemons.gate import Gate
from tepui.daemons.oversubscription import make_controller, make_estimator
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
from tepui.ha.detector import DetectionRefused
from tepui.http.routes import Router
from tepui.http.server import Server

PROGRAM = "tepui-agent"
STOP_SECONDS = 5.0

# Told to go for good, with its tasks; anything else leaves them running.
LEAVING = ("SIGUSR1", "parent ended")

log = structlog.get_logger("tepui.agent")


def main(arguments: Sequence[str]) -> int:
    """Run an agent until it is told to stop; return the exit code."""
    flags = read_flags(AgentFlags, PROGRAM, arguments, FIXED, REFUSED)
    try:
        master, work_dir = _required(flags)
        work_dir.mkdir(parents=True, exist_ok=True)
        addresses = resolve(flags)
        agent_config(flags, addresses, flags.port)
        make_estimator(flags)
        make_controller(flags)
    except FlagError as error:
        fail(PROGRAM, str(error), EX_USAGE)
    except OSError as error:
        fail(PROGRAM, f"--work_dir={flags.work_dir}: {error}", EX_USAGE)
    return run(flags, PROGRAM, lambda stops: serve(flags, addresses, master, stops))


def _required(flags: AgentFlags) -> tuple[str, Path]:
    """Return the master and the work directory, which have no defaults."""
    if flags.master is None:
        raise FlagError(
            "--master is missing: give the master's host:port or a URL zk://host:port/path"
        )
    if flags.work_dir is None:
        raise FlagError("--work_dir is missing: give a directory for sandboxes and checkpoints")
    return flags.master, Path(flags.work_dir).absolute()


async def serve(flags: AgentFlags, addresses: Addresses, master: str, stops: Stops) -> int:
    """Compose an agent and serve until there is a reason to stop.

    Raises:
        StartFailed: The address is taken, the checkpoint cannot be read, or no supervisor starts.
    """
    gate = Gate()
    server = Server(gate.handle, host=addresses.listen, port=flags.port)
    try:
        await server.start()
    except OSError as error:
        raise cannot_listen(flags.port, error) from error
    config = agent_config(flags, addresses, server.port)
    if flags.switch_user and not config.switch_user:
        log.warning("users_not_switched", reason="not root: tasks run as the agent's own user")
    if "docker" in flags.containerizers.split(","):
        log.warning("docker_missing", reason="tasks in DOCKER containers will be refused")
    try:
        async with _composed(flags, config, master) as (driver, containerizer, measured):
            gate.open(_router(flags, driver, containerizer, measured))
            url = f"http://{addresses.ip}:{config.port}"

            def on_recovered() -> None:
                measured.on_recovered()
                say_ready(flags, "agent", url, master=without_password(master))

            exit_ = await _run_until(driver, stops, on_recovered)
            failed = exit_ if exit_ is not None and exit_.is_failure else None
            # A failed start leaves the tasks to an agent that is as the last one was.
            await containerizer.stop(kill_all=exit_ is not None and failed is None)
        if failed is not None:
            raise StartFailed(failed.reason)
    except (CheckpointError, SupervisorLost) as error:
        raise StartFailed(str(error)) from error
    finally:
        await server.stop(STOP_SECONDS)
    return 0


@contextlib.asynccontextmanager
async def _composed(
    flags: AgentFlags, config: AgentConfig, master: str
) -> AsyncIterator[tuple[AgentDriver, PosixContainerizer, Measured]]:
    """Give a driver with everything that it stands on; nothing runs yet but the adapters."""
    work_dir = Path(config.work_dir)
    store = CheckpointStore(checkpoint_path(work_dir), is_repairing=not config.is_strict)
    fetcher = Fetcher(
        frameworks_home=flags.frameworks_home or None, stall_seconds=flags.fetcher_stall_timeout
    )
    containerizer = _containerizer(flags, config, fetcher)
    policy = GcPolicy(delay_seconds=flags.gc_delay, disk_headroom=flags.gc_disk_headroom)
    measured = Measured(work_dir, policy, fetcher)
    collector = SandboxCollector(
        work_dir,
        policy,
        disk_watch_seconds=flags.disk_watch_interval,
        on_removed=measured.on_removed,
    )
    measured.removals_pending = collector.__len__
    measured.destroys_failed = lambda: containerizer.destroys_failed
    link, following = _link(master, flags.zk_session_timeout)
    driver = AgentDriver(
        config,
        containerizer=containerizer,
        link=link,
        rng=Rng(secrets.randbits(128)),
        store=store,
        collector=collector,
    )
    lending = Oversubscription(
        model=driver.model,
        deliver=driver.deliver,
        usage=containerizer.usage,
        estimator=make_estimator(flags),
        controller=make_controller(flags),
        interval=flags.oversubscribed_resources_interval,
        correction_interval=flags.qos_correction_interval_min,
    )
    try:
        async with asyncio.TaskGroup() as group:
            adapters = [
                group.create_task(link.run()),
                group.create_task(collector.run()),
                group.create_task(_lend(driver, lending)),
            ]
            adapters += [group.create_task(each()) for each in following]
            try:
                yield driver, containerizer, measured
            finally:
                await link.close()
                for adapter in adapters:
                    adapter.cancel()
    except BaseExceptionGroup as errors:
        refused = errors.subgroup(DetectionRefused)
        if refused is None:
            raise
        raise StartFailed(f"--master: {refused.exceptions[0]}") from errors
    finally:
        store.close()


def _containerizer(flags: AgentFlags, config: AgentConfig, fetcher: Fetcher) -> PosixContainerizer:
    containerizer = PosixContainerizer(
        Path(config.work_dir),
        fetcher,
        recovery_timeout=flags.recovery_timeout,
        switch_user=config.switch_user,
        runtime_dir=Path(flags.runtime_dir) if flags.runtime_dir else None,
    )
    containerizer.on_supervisor_kept = lambda why: log.warning("old_supervisor_kept", reason=why)
    return containerizer


def _link(
    master: str, timeout_seconds: float
) -> tuple[LinkClient, list[Callable[[], Coroutine[None, None, None]]]]:
    """Return the link to ``master``, and what has to run so that it leads to who is elected."""
    if not master.startswith(SCHEME):
        return LinkClient(FixedMaster(master)), []
    from tepui.ha.zookeeper import ZooKeeperDiscovery  # its client costs memory

    discovery = ZooKeeperDiscovery(parse_url(master), timeout_seconds)
    elected = ElectedMaster(discovery)
    link = LinkClient(elected)
    return link, [discovery.run, lambda: elected.follow(link)]


async def _lend(driver: AgentDriver, lending: Oversubscription) -> None:
    await driver.is_recovered.wait()
    await lending.run()


def _router(
    flags: AgentFlags, driver: AgentDriver, containerizer: Containerizer, measured: Measured
) -> Router:
    router = Router("slave(1)")
    router.add("/slave(1)/api/v1/executor", driver.executors.handle)
    context = EndpointContext(
        flags=flags.as_mesos(),
        files=log_files(flags, PROGRAM, "/slave/log"),
        usage=containerizer.usage,
        wall_clock=time.time,
        extra_metrics=measured.metrics,
    )
    register(router, driver.model, context)
    return router


async def _run_until(
    driver: AgentDriver, stops: Stops, on_recovered: Callable[[], None]
) -> Exit | None:
    """Run until the agent exits (return why) or is told to leave its tasks alone (None)."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(driver.run())
        running.add_done_callback(lambda _: stops.ask("the agent ended"))
        recovering = group.create_task(driver.is_recovered.wait())
        stopping = group.create_task(stops.wait())
        await asyncio.wait([recovering, stopping], return_when=asyncio.FIRST_COMPLETED)
        if recovering.done():
            on_recovered()
        recovering.cancel()
        if await stopping in LEAVING:
            driver.request_shutdown(f"told to leave: {stops.reason}")
            await asyncio.wait([running])
        if not running.done():
            running.cancel()
            return None
    return running.result()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
