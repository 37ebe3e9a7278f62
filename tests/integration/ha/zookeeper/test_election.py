"""Candidates and those who look for the leader, with a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tepui.base.zookeeper_url import ZooKeeperUrl, parse_url
from tepui.ha.detector import DetectionRefused
from tepui.ha.election import NEVER, ElectionRefused
from tepui.ha.zookeeper import Session, ZooKeeperDetector, ZooKeeperDiscovery, ZooKeeperElection
from tepui.ha.zookeeper.renewal import LEASE_SHARE
from tepui.master.core.config import MasterConfig, master_info
from tepui.messages import MasterInfo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zookeeper")]

TIMEOUT = 2.0


def master(number: int) -> MasterInfo:
    return master_info(MasterConfig(port=5050 + number), f"master-{number}")


@pytest.fixture
def url(zookeeper: Any, zookeeper_paths: Callable[[], str]) -> ZooKeeperUrl:
    return parse_url(zookeeper.url(zookeeper_paths()))


class Candidate:
    """A master that contends, and holds what it gets."""

    def __init__(self, url: ZooKeeperUrl, number: int, group: asyncio.TaskGroup) -> None:
        self.info = master(number)
        self.session = Session(url, TIMEOUT)
        self.election = ZooKeeperElection(self.session)
        self.elected = asyncio.Event()
        self._lost: asyncio.Future[tuple[str, float]] = asyncio.get_running_loop().create_future()
        self._group = group

    async def __aenter__(self) -> Candidate:
        await self.session.__aenter__()
        self._running = self._group.create_task(self._run())
        return self

    async def _run(self) -> None:
        await self.election.contend(self.info)
        self.elected.set()
        reason = await self.election.hold()
        self._lost.set_result((reason, time.monotonic()))

    async def lost(self) -> tuple[str, float]:
        return await asyncio.shield(self._lost)

    async def __aexit__(self, *error: object) -> None:
        self._running.cancel()
        await self.session.__aexit__(None, None, None)


@asynccontextmanager
async def watching(url: ZooKeeperUrl) -> AsyncIterator[ZooKeeperDiscovery]:
    discovery = ZooKeeperDiscovery(url, TIMEOUT)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(discovery.run())
        yield discovery
        running.cancel()


def test_the_first_leads_and_when_it_leaves_the_next_does(url: ZooKeeperUrl) -> None:
    async def story() -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group, watching(url) as discovery:
            async with Candidate(url, 1, group) as one:
                await one.elected.wait()
                assert await discovery.detect(None) == one.info
                assert one.election.lease.until > time.monotonic()
                async with Candidate(url, 2, group) as two:
                    await one.__aexit__()
                    await two.elected.wait()
                    # There may be nobody for a moment.
                    seen: MasterInfo | None = one.info
                    while seen != two.info:
                        seen = await discovery.detect(seen)
            assert await discovery.detect(two.info) is None

    asyncio.run(story())


def test_a_leader_whose_session_expires_stops_and_a_standby_leads(
    url: ZooKeeperUrl, zookeeper: Any
) -> None:
    async def story() -> None:
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            Candidate(url, 1, group) as one,
        ):
            await one.elected.wait()
            async with Candidate(url, 2, group) as two:
                await asyncio.to_thread(zookeeper.expire, one.session.id)
                reason, _ = await one.lost()
                assert "gone" in reason or "expired" in reason
                assert one.election.lease.until == NEVER
                await two.elected.wait()

    asyncio.run(story())


def test_a_standby_whose_session_expires_contends_anew(url: ZooKeeperUrl, zookeeper: Any) -> None:
    async def story() -> None:
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            Candidate(url, 1, group) as one,
        ):
            await one.elected.wait()
            async with Candidate(url, 2, group) as two:
                with zookeeper.client() as client:
                    await asyncio.to_thread(wait_for_children, client, url.path, 2)
                    await asyncio.to_thread(zookeeper.expire, two.session.id)
                    await one.__aexit__()
                    await two.elected.wait()
                    assert two.session.expirations == 1

    asyncio.run(story())


def wait_for_children(client: Any, path: str, count: int) -> None:
    changed = client.handler.event_object()
    while len(client.get_children(path, watch=lambda event: changed.set())) != count:
        assert changed.wait(20)
        changed.clear()


def test_a_leader_whose_znode_is_deleted_stops(url: ZooKeeperUrl, zookeeper: Any) -> None:
    async def story() -> None:
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            Candidate(url, 1, group) as one,
        ):
            await one.elected.wait()
            with zookeeper.client() as client:
                client.delete(f"{url.path}/json.info_0000000000")
            reason, _ = await one.lost()
            assert reason == f"its znode {url.path}/json.info_0000000000 is gone"

    asyncio.run(story())


def test_a_leader_that_is_cut_off_stops_before_its_session_can_end(
    ensembles: Any, tmp_path: Any
) -> None:
    """The server hangs: nothing tells the leader anything, and it stops by its own clock."""

    async def story(ensemble: Any) -> None:
        url = parse_url(ensemble.url("/mesos"))
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            watching(url) as discovery,
            Candidate(url, 1, group) as one,
        ):
            await one.elected.wait()
            assert await discovery.detect(None) == one.info
            paused_at = time.monotonic()
            ensemble.pause(0)
            reason, lost_at = await one.lost()
            assert "has not answered in time" in reason or "expired" in reason
            # Whatever it asked last, it asked before the pause.
            assert lost_at - paused_at <= LEASE_SHARE * TIMEOUT + 0.2
            assert await discovery.detect(one.info) is None
            ensemble.resume(0)

    with ensembles.started(tmp_path / "own", 1) as ensemble:
        asyncio.run(story(ensemble))


def test_a_leader_that_is_busy_for_longer_than_its_lease_leads_on(url: ZooKeeperUrl) -> None:
    """As one that takes back thousands of agents: its session lives, so nobody else can lead."""

    async def story() -> None:
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            Candidate(url, 1, group) as one,
        ):
            await one.elected.wait()
            await asyncio.sleep(0)  # it holds what it has got
            busy_until = time.monotonic() + TIMEOUT
            while time.monotonic() < busy_until:
                pass
            assert one.election.lease.until > time.monotonic()

    asyncio.run(story())


def test_what_lies_beside_the_candidates_is_ignored_and_older_labels_lead(
    url: ZooKeeperUrl, zookeeper: Any
) -> None:
    async def story() -> None:
        async with asyncio.timeout(30), watching(url) as discovery:
            with zookeeper.client() as client:
                client.ensure_path(f"{url.path}/log_replicas")
                client.create(f"{url.path}/x_0000000000", b"")
                client.create(f"{url.path}/0000000007", b"master@10.0.0.7:5050")
                found = await discovery.detect(None)
                assert found is not None
                assert found.pid == "master@10.0.0.7:5050"
                client.create(f"{url.path}/json.info_0000000003", b"garbage")
                assert await discovery.detect(found) is None

    asyncio.run(story())


def test_without_permission_both_sides_are_refused_in_words(
    url: ZooKeeperUrl, zookeeper: Any
) -> None:
    async def story() -> None:
        async with asyncio.timeout(30), Session(url, TIMEOUT) as session:
            with pytest.raises(ElectionRefused, match="permissions"):
                await ZooKeeperElection(session).contend(master(1))
            with pytest.raises(DetectionRefused, match="permissions"):
                await ZooKeeperDetector(session).run()

    with zookeeper.client(credentials="a:b") as client:
        from kazoo.security import CREATOR_ALL_ACL

        client.ensure_path(url.path)
        client.set_acls(url.path, CREATOR_ALL_ACL)
        asyncio.run(story())


def test_with_credentials_anybody_may_look_for_the_leader(
    zookeeper: Any, zookeeper_paths: Callable[[], str]
) -> None:
    path = zookeeper_paths()

    async def story() -> None:
        own = parse_url(zookeeper.url(path, "tepui:secret@"))
        async with (
            asyncio.timeout(30),
            asyncio.TaskGroup() as group,
            Candidate(own, 1, group) as one,
            watching(parse_url(zookeeper.url(path))) as discovery,
        ):
            await one.elected.wait()
            assert await discovery.detect(None) == one.info

    asyncio.run(story())
