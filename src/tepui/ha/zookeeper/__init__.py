"""ZooKeeper: who leads, where to find it, and the registry. The only user of kazoo."""

from tepui.ha.zookeeper.detector import ZooKeeperDetector
from tepui.ha.zookeeper.discovery import ZooKeeperDiscovery
from tepui.ha.zookeeper.election import ZooKeeperElection
from tepui.ha.zookeeper.session import Session
from tepui.ha.zookeeper.store import ZooKeeperStore

__all__ = [
    "Session",
    "ZooKeeperDetector",
    "ZooKeeperDiscovery",
    "ZooKeeperElection",
    "ZooKeeperStore",
]
