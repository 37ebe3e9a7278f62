"""The form of a journal: what is written is read again, and what is not a journal is refused."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from recorded import START, conversation, core, header, journal_of, subscribe

from tepui.allocator import AllocatorOptions
from tepui.codec import json
from tepui.master import journal
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import (
    OperationRequested,
    SchedulerCalled,
    Timer,
    TimerFired,
    TimerKind,
)
from tepui.master.journal import Digest, End, Header, Input, JournalError, Raised
from tepui.messages import Offer, scheduler
from tepui.resources import Quantities


def test_what_goes_in_comes_out_in_order() -> None:
    events = conversation()
    found = list(journal.records(journal_of(events)))
    assert found[0] == header()
    assert [each.event for each in found if isinstance(each, Input)] == events
    assert [each.now for each in found if isinstance(each, Input)] == [
        START.later(seconds) for seconds in range(len(events))
    ]
    assert [type(each) for each in found[1:]] == [Input, Digest] * len(events)


def test_a_header_holds_all_of_the_configuration() -> None:
    options = AllocatorOptions(
        minimum=(Quantities(cpus=20), Quantities(mem=1)), weights={"red": 2.5}
    )
    config = MasterConfig(allocator=options, roles=("red",), offer_timeout=3.0)
    [found] = journal.records(journal.segment_start(header(config, flags={"zk": "zk://h/p"})))
    assert isinstance(found, Header)
    assert found.config == config
    assert type(found.config.allocator.minimum[0]) is Quantities
    assert found.flags == {"zk": "zk://h/p"}


def test_each_kind_of_record_is_read_as_what_it_is() -> None:
    timer = TimerFired(timer=Timer(TimerKind.PING, "a"))
    data = journal.segment_start(header())
    data += journal.block([journal.input_record(timer, START)])
    data += journal.block([journal.raised_record(KeyError("a"))])
    data += journal.block([journal.end_record("SIGTERM")])
    assert list(journal.records(data))[1:] == [
        Input(START, timer),
        Raised("KeyError('a')"),
        End("SIGTERM"),
    ]


def test_a_core_that_raises_the_same_again_is_like_it() -> None:
    assert Raised("KeyError('<object at 0x7f>')").is_like(KeyError("<object at 0x80>"))
    assert not Raised("KeyError('a')").is_like(ValueError("a"))


def test_digests_tell_different_effects_apart() -> None:
    first, second = core(), core()
    events = conversation()
    ours = [journal.digest(first.handle(event, START)) for event in events]
    assert ours == [journal.digest(second.handle(event, START)) for event in events]
    # An AllocateSlice and the like may say the same; an agent and a framework do not.
    assert len(set(ours[:5])) == 5
    assert journal.digest([]).count == 0


def test_numbers_beyond_what_the_typed_decoder_can_check_are_kept() -> None:
    """Peers may say whole numbers up to 2**64 and infinities: they must not break a journal."""
    call = subscribe(failover_timeout="Infinity")
    event = SchedulerCalled(request_id=1, call=call, stream_id="s", connection=3)
    assert journal.decode_event(msgspec.msgpack.encode(event)) == event
    info = {
        "name": "t",
        "task_id": {"value": "t"},
        "agent_id": {"value": "a"},
        "data": "AAEC",
        "resources": [ports(2**64 - 1)],
    }
    launch: dict[str, Any] = {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    operation = json.from_builtins(Offer.Operation, launch)
    asked = OperationRequested(request_id=1, agent_id="a", operation=operation, principal="p")
    assert journal.decode_event(msgspec.msgpack.encode(asked)) == asked
    called = msgspec.structs.replace(event, call=accept(launch))
    assert journal.decode_event(msgspec.msgpack.encode(called)) == called


def accept(operation: dict[str, Any]) -> scheduler.Call:
    body = {"operations": [operation], "filters": {"refuse_seconds": "Infinity"}}
    call = {"type": "ACCEPT", "accept": body}
    return json.from_builtins(scheduler.Call, call)


def ports(end: int) -> dict[str, Any]:
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": end}]}}


# --- what a master that is killed leaves, and what nobody left -----------------------------------


def test_a_tail_that_is_torn_anywhere_costs_the_last_block_only() -> None:
    data = journal_of(conversation())
    whole = list(journal.records(data))
    begins = starts(data)
    for number, (begin, end) in enumerate(pairwise([*begins, len(data)])):
        for cut in (begin + 1, begin + 11, begin + 12, end - 1):
            assert journal.torn_bytes(data[:cut]) == cut - begin
            if number > 0:
                assert list(journal.records(data[:cut])) == whole[:number]
        assert journal.torn_bytes(data[:end]) == 0


def test_zeros_after_a_loss_of_power_are_a_torn_tail() -> None:
    data = journal_of(conversation())
    assert list(journal.records(data + bytes(5000))) == list(journal.records(data))


def test_a_torn_tail_is_damage_where_another_segment_follows() -> None:
    data = journal_of(conversation())
    with pytest.raises(JournalError, match="damaged at byte"):
        list(journal.records(data[:-1], is_last=False))
    assert len(list(journal.records(data[:-1]))) == len(list(journal.records(data))) - 1


def test_a_changed_byte_in_the_middle_is_damage_and_what_is_before_it_is_sound() -> None:
    data = bytearray(journal_of(conversation()))
    begin = len(journal.segment_start(header()))
    data[begin + 20] ^= 1
    reading = journal.records(bytes(data))
    assert isinstance(next(reading), Header)
    with pytest.raises(JournalError, match=f"damaged at byte {begin}$"):
        next(reading)


def test_a_length_that_is_damaged_swallows_nothing() -> None:
    data = bytearray(journal_of(conversation()))
    data[len(journal.segment_start(header())) + 2] ^= 1
    with pytest.raises(JournalError, match="damaged at byte"):
        list(journal.records(bytes(data)))


def test_any_changed_byte_is_noticed_or_read_as_the_end() -> None:
    data = journal_of(conversation()[:3])
    whole = list(journal.records(data))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        try:
            found = list(journal.records(bytes(changed)))
        except JournalError:
            continue
        assert found == whole[: len(found)]
        assert len(found) < len(whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no journal"),
        (b"SQLite format 3\0" + bytes(100), "no journal"),
        (journal.MAGIC[:5], "ends before its header"),
        (journal.MAGIC + b"\1", "ends before its header"),
        (journal.MAGIC + b"\1\0", "ends before its header"),
        (journal.MAGIC + struct.pack("<H", journal.FORMAT + 1), "a newer one wrote it"),
        (journal.MAGIC + b"\0\0", "no form 0"),
        (journal.MAGIC + b"\1\0" + journal.block([b"\1\0\0\0\2?"]), "cannot be read"),
        (journal.MAGIC + b"\1\0" + journal.block([b"\2\0\0\0\2?"]), "longer than its block"),
        (journal.MAGIC + b"\1\0" + journal.block([b"\2\0"]), "longer than its block"),
        (journal.MAGIC + b"\1\0" + journal.block([journal.end_record("x")]), "only at the start"),
        (journal.MAGIC + b"\1\0" + journal.block([b"\1\0\0\0\x63?"]), "kind 99"),
    ],
)
def test_what_is_no_journal_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(JournalError, match=message):
        list(journal.records(data))


def test_a_second_header_in_a_segment_is_damage() -> None:
    start = journal.segment_start(header())
    with pytest.raises(JournalError, match="only at the start"):
        list(journal.records(start + start[len(journal.MAGIC) + 2 :]))


def starts(data: bytes) -> list[int]:
    """Return where each block begins."""
    found, at = [], len(journal.MAGIC) + 2
    while at < len(data):
        found.append(at)
        at += 12 + int.from_bytes(data[at : at + 4], "little")
    return found
