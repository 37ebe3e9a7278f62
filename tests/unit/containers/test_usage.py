from __future__ import annotations

from tepui.containers.usage import add_up
from tepui.linux.processes import PAGE_BYTES, TICKS_PER_SECOND, Process

SHELL = Process(
    pid=10,
    parent=1,
    session=10,
    state="S",
    user_ticks=TICKS_PER_SECOND,
    system_ticks=0,
    reaped_user_ticks=2 * TICKS_PER_SECOND,
    reaped_system_ticks=3 * TICKS_PER_SECOND,
    threads=1,
    start=5,
    rss_pages=100,
)


def test_what_dead_children_used_still_counts() -> None:
    usage = add_up([SHELL], timestamp=7.0)
    assert (usage.timestamp, usage.cpus_user_time_secs, usage.cpus_system_time_secs) == (7, 3, 3)


def test_a_tree_is_the_sum_of_its_processes() -> None:
    usage = add_up([SHELL, SHELL._replace(pid=11, threads=4)], timestamp=7.0)
    assert (usage.processes, usage.threads) == (2, 5)
    assert usage.mem_rss_bytes == 200 * PAGE_BYTES
