"""What a network may do to messages, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import KillTask, Ping
from tepui.sim.observations import Ending


def test_a_connection_keeps_its_order_however_long_each_message_takes(new_net: Any) -> None:
    net = new_net(latency=(0.0, 10.0))
    one, other = net.node("one"), net.node("other")
    one.connect("other")
    net.run(30.0)
    for number in range(50):
        one.ends[0].send((0, number))
        net.run(0.1)
    net.run(30.0)
    assert other.heard == [("hello", "hi"), *((0, number) for number in range(50))]


def test_nobody_is_connected_with_who_is_not_there(new_net: Any) -> None:
    net = new_net()
    one = net.node("one")
    one.connect("other")
    net.run(1.0)
    assert one.heard == [("failed", "refused: nobody listens there")]


def test_what_was_sent_before_the_end_arrives_before_the_end(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    one.ends[0].send((0, "last words"))
    one.end(Ending.KILLED, "killed")
    net.run(1.0)
    assert other.heard == [(0, "last words"), ("closed", "the process ended")]


def test_a_machine_without_power_tells_nobody(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    one.end(Ending.POWER_LOST, "power")
    net.run(600.0)
    assert other.heard == []
    other.ends[0].send((0, "are you there?"))
    net.run(1.0)
    assert other.heard == [("closed", "reset by the other side")]


def test_what_is_sent_into_a_cut_arrives_when_it_is_healed_soon(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    net.network.cut("one", "other")
    one.ends[0].send((0, 1))
    one.ends[0].send((0, 2))
    net.run(10.0)
    assert other.heard == []
    net.network.heal("one", "other")
    one.ends[0].send((0, 3))
    net.run(10.0)
    assert other.heard == [(0, 1), (0, 2), (0, 3)]


def test_a_one_way_cut_is_silence_until_the_sender_gives_up(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    net.network.cut("one", "")
    one.ends[0].send((0, "lost"))
    other.ends[0].send((0, "heard"))
    net.run(10.0)
    assert one.heard == [(0, "heard")]
    assert other.heard == []
    net.run(200.0)
    assert one.heard[1:] == [("closed", "the other side does not answer")]
    net.network.heal("one", "")
    net.run(10.0)
    assert (0, "lost") not in other.heard


def test_what_is_lost_loses_all_behind_it_on_its_way_only(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    net.network.lose("one", 1.0)
    one.ends[0].send((0, "lost"))
    net.network.lose("one", 0.0)
    one.ends[0].send((0, "behind it"))
    other.ends[0].send((0, "the other way"))
    net.run(0.1)
    assert one.heard == [(0, "the other way")]
    net.run(300.0)
    assert [kind for kind, _ in other.heard] == ["closed"]
    assert one.heard[1][0] == "closed"


def test_datagrams_are_lost_one_by_one_where_somebody_repeats_them(new_net: Any) -> None:
    net = new_net(mode="datagrams")
    one, other = net.pair()
    kill = KillTask(framework_id="f", task_id="t")
    net.network.lose("one", 1.0)
    one.ends[0].send((1, Ping()))
    net.network.lose("one", 0.0)
    net.network.double("one", 1.0)
    one.ends[0].send((1, Ping()))
    one.ends[0].send((1, kill))
    net.run(60.0)
    assert other.heard.count((1, Ping())) == 2
    assert other.heard.count((1, kill)) == 1


@pytest.mark.parametrize(("source", "is_done"), [("one", False), ("other", True)])
def test_nobody_knows_whether_a_call_without_an_answer_was_done(
    new_net: Any, source: str, is_done: bool
) -> None:
    net = new_net()
    one, other = net.node("one"), net.node("other")
    net.network.lose(source, 1.0)
    one.ask("other", "do it")
    net.run(30.0)
    assert one.heard == [("failed", "no answer in time")]
    assert (other.heard == ["do it"]) is is_done


def test_a_call_that_is_made_twice_is_answered_once(new_net: Any) -> None:
    net = new_net(duplication=1.0)
    one, other = net.node("one"), net.node("other")
    one.ask("other", "do it")
    net.run(30.0)
    assert other.heard == ["do it", "do it"]
    assert one.heard == [("answer", "do it")]


def test_a_paused_process_hears_all_when_it_goes_on(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    other.pause(20.0)
    one.ends[0].send((0, "hello"))
    net.run(5.0)
    one.end(Ending.KILLED, "killed")
    net.run(10.0)
    assert other.heard == []
    net.run(10.0)
    assert other.heard == [(0, "hello"), ("closed", "the process ended")]


def test_what_was_for_an_earlier_life_is_gone_with_it(new_net: Any) -> None:
    net = new_net()
    one, other = net.pair()
    one.ask("other", "slow")
    one.end(Ending.KILLED, "killed")
    one.start()
    net.run(10.0)
    assert "slow" in other.heard
    assert one.heard == []
