"""When the allocator runs: soon after a change, in slices, and periodically for safety."""

from __future__ import annotations

from tepui.master.core.context import Context
from tepui.master.core.effects import ContinueAllocation
from tepui.master.core.events import TimerKind
from tepui.master.core.inverse_offers import make_inverse_offers
from tepui.master.core.offers import make_offers


def schedule(ctx: Context) -> None:
    """Ask for a pass if there is something to allocate; triggers in between share it."""
    state = ctx.state
    if not state.is_allocation_due and ctx.allocator.is_pending():
        state.is_allocation_due = True
        ctx.out.append(ContinueAllocation(seconds=ctx.config.allocation_delay))


def on_allocate_slice(ctx: Context) -> None:
    """Serve some agents; go on in the driver's next turn if the pass is not over."""
    state = ctx.state
    config = ctx.config
    state.is_allocation_due = False
    step = ctx.allocator.allocate_slice(
        ctx.now, agents_max=config.slice_agents_max, offers_max=config.slice_offers_max
    )
    make_offers(ctx, step.allocations)
    make_inverse_offers(ctx, step.inverse)
    if not step.is_done:
        state.is_allocation_due = True
        ctx.out.append(ContinueAllocation(seconds=0.0))


def on_allocation_interval(ctx: Context) -> None:
    """The periodic pass: a safety net, and the least life of a filter."""
    ctx.allocator.periodic(ctx.now)
    watch_filters(ctx)
    ctx.start_timer(TimerKind.ALLOCATION, "", ctx.config.allocator.allocation_interval)


def on_filters_expired(ctx: Context) -> None:
    """The first of the filters has run out."""
    ctx.state.filters_deadline = None
    ctx.allocator.expire(ctx.now)
    watch_filters(ctx)


def wait_for_agents(ctx: Context) -> None:
    """Let a guarantee not be given away because its agents are not back from a failover."""
    expected = int(len(ctx.state.recovered_agents) * ctx.config.allocator_agent_recovery_factor)
    if not ctx.state.quotas or expected == 0:
        return
    ctx.allocator.pause(expected)
    seconds = ctx.config.allocator_recovery_timeout
    ctx.start_timer(TimerKind.ALLOCATOR_RECOVERY, "", seconds)
    ctx.log("info", "allocation_paused", agents_expected=expected, seconds_max=seconds)


def on_allocator_recovery_timed_out(ctx: Context) -> None:
    """Share what is there."""
    ctx.allocator.resume()


def watch_filters(ctx: Context) -> None:
    """Have the timer run for the filter that ends first."""
    state = ctx.state
    deadline = ctx.allocator.next_deadline()
    if deadline == state.filters_deadline:
        return
    if deadline is None:
        ctx.cancel_timer(TimerKind.FILTERS, "")
    elif state.filters_deadline is None or deadline < state.filters_deadline:
        ctx.start_timer(TimerKind.FILTERS, "", max(0.0, deadline - ctx.now.monotonic))
    else:
        return  # the timer fires early, and then runs for the new one
    state.filters_deadline = deadline
