"""Virtual time, and the clocks of machines that do not quite agree with it."""

from __future__ import annotations

from tepui.sim.clock import Clock, NodeClock, Timers


def test_what_is_due_at_one_moment_happens_in_the_order_it_was_asked_for() -> None:
    clock, done = Clock(), list[str]()
    clock.after(2.0, done.append, "late")
    clock.after(1.0, done.append, "first")
    clock.at(1.0, done.append, "second")
    clock.run_until(1.5)
    assert (done, clock.now) == (["first", "second"], 1.5)
    clock.run_until(9.0)
    assert done == ["first", "second", "late"]


def test_a_moment_that_is_over_means_now() -> None:
    clock, done = Clock(), list[float]()
    clock.run_until(5.0)
    clock.at(1.0, lambda: done.append(clock.now))
    clock.run_until(6.0)
    assert done == [5.0]


def test_a_wall_clock_that_is_set_moves_no_timer() -> None:
    clock, fired = Clock(), list[str]()
    node = NodeClock(clock)
    timers = Timers(clock, node, fired.append)
    timers.start("ping", 10.0)
    before = node.read()
    node.jump_wall(-3600.0)
    after = node.read()
    assert after.monotonic == before.monotonic
    assert after.wall == before.wall - 3600.0
    clock.run_until(9.9)
    assert fired == []
    clock.run_until(10.0)
    assert fired == ["ping"]


def test_timers_go_by_a_clock_that_runs_fast() -> None:
    clock, fired = Clock(), list[str]()
    node = NodeClock(clock, rate=2.0)
    Timers(clock, node, fired.append).start("ping", 10.0)
    clock.run_until(5.0)
    assert fired == ["ping"]
    assert node.monotonic == 10.0


def test_a_timer_that_is_started_again_or_cancelled_fires_once_or_never() -> None:
    clock, fired = Clock(), list[str]()
    timers = Timers(clock, NodeClock(clock), fired.append)
    timers.start("again", 1.0)
    timers.start("again", 5.0)
    timers.start("never", 2.0)
    timers.cancel("never")
    clock.run_until(4.0)
    assert fired == []
    clock.run_until(9.0)
    assert (fired, len(timers)) == (["again"], 0)
