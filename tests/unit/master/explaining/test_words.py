"""The sentence and the advice for what an allocator found."""

from __future__ import annotations

import pytest

from tepui.allocator import Explanation, Question, RoleReason
from tepui.allocator.explanation import (
    Allowance,
    Cause,
    ClientReport,
    Fit,
    Near,
    RoleState,
    Tally,
    Wish,
)
from tepui.base.time import Instant
from tepui.master.explaining.advice import ADVICE_MAX, advice_of
from tepui.master.explaining.words import Names, answer_of, main_report, reason_of
from tepui.resources import Quantities

T0 = Instant(0.0, 1000.0)
NAMES = Names({})
QUESTION = Question(framework_id="f", request=Quantities(cpus=2000))


def said_of(
    fit: Fit,
    *tallies: Tally,
    wish: Wish = Wish.WANTS_OFFERS,
    allowance: Allowance | None = None,
    **fields: object,
) -> tuple[str, list[str]]:
    """Return the sentence, without the name of whom it is about, and the advice."""
    report = ClientReport(
        role="dev/web",
        framework_id="f",
        wish=wish,
        places=[],
        allowance=allowance,
        fit=fit,
        tallies=list(tallies),
    )
    explanation = Explanation(started=T0, ended=T0, agents=9, clients=[report], **fields)  # type: ignore[arg-type]
    answer = answer_of(QUESTION, explanation, NAMES)
    return (
        answer.removeprefix("Framework f in role dev/web: "),
        advice_of(QUESTION, explanation, NAMES),
    )


def test_all_that_holds_back_what_is_free_is_told() -> None:
    answer, advice = said_of(
        Fit.HELD_BACK,
        Tally(cause=Cause.FILTERED, agents=1, until=(1003.2, 1003.2), held=1),
        Tally(cause=Cause.HEADROOM, agents=2, names={"cpus": 2}),
        Tally(cause=Cause.LIMIT, agents=3, names={"cpus": 3}),
        owed={"a": Quantities(cpus=1), "b": Quantities(cpus=1)},
        allowance=Allowance(
            role="dev", guarantees=Quantities(), limits=Quantities(), consumed=Quantities()
        ),
    )
    assert answer == (
        "cpus:2 is free, and held back: 1 agent refused by the framework for 4 s more or until the "
        "next periodic pass; 2 agents kept as headroom for a and b; 3 agents beyond the role's "
        "limit of cpus."
    )
    assert advice == [
        "The framework can send REVIVE, which ends its filters, or decline for less time.",
        "Lower the guarantees of other roles, or add agents.",
        "Raise the limit of role dev on cpus, or end some of its tasks.",
    ]


def test_what_the_role_above_is_guaranteed_is_said_to_be_for_that_role_only() -> None:
    _, advice = said_of(
        Fit.HELD_BACK,
        Tally(cause=Cause.HEADROOM, agents=2, names={"cpus": 2}),
        owed={"dev": Quantities(cpus=1)},
    )
    assert advice == [
        "What dev is guaranteed goes to frameworks in that very role: the framework can subscribe "
        "with it; else lower the guarantees."
    ]


def test_all_that_others_hold_is_told() -> None:
    answer, advice = said_of(
        Fit.WHEN_OTHERS_END,
        Tally(cause=Cause.ON_OFFER, agents=1, names={"g": 1}),
        Tally(cause=Cause.IN_USE, agents=2, names={"g": 2, "h": 1}, names_left_out=3),
        Tally(
            cause=Cause.BELOW_MINIMUM,
            agents=1,
            nearest=[Near(agent_id="s", hostname="host", lacking=Quantities(mem=8000))],
        ),
    )
    assert answer == (
        "cpus:2 comes when others end: 1 agent on offer by g; 2 agents in use by g, h and 3 more; "
        "1 agent with too little left for an offer (the nearest, host, lacks mem:8)."
    )
    assert advice[0].startswith("Have g decline what it does not need")
    assert "give role dev a higher weight" in advice[1]
    assert "--min_allocatable_resources" in advice[2]


def test_all_that_makes_it_fit_nowhere_is_told_and_advice_is_bounded() -> None:
    answer, advice = said_of(
        Fit.NEVER,
        Tally(cause=Cause.RESERVED, agents=1, names={"ads": 1}),
        Tally(cause=Cause.CAPABILITY, agents=1, names={"GPU_RESOURCES": 1}),
        Tally(cause=Cause.CONSTRAINT, agents=1),
        Tally(cause=Cause.UNLISTED, agents=1),
        Tally(cause=Cause.INACTIVE, agents=2, names={"draining": 2}),
    )
    assert answer == (
        "cpus:2 fits on no agent as the cluster is now: 1 agent reserved to ads; 1 agent barred "
        "for lack of a capability: GPU_RESOURCES; 1 agent excluded by the framework's constraints; "
        "1 agent not on the whitelist; 2 agents not active: 2 draining."
    )
    assert len(advice) == ADVICE_MAX
    assert advice[0] == "Unreserve what is reserved to ads, or use such a role."
    assert advice[1] == "The framework can subscribe with GPU_RESOURCES, if it deals with that."


def test_agents_that_know_too_little_want_an_upgrade() -> None:
    _, advice = said_of(Fit.NEVER, Tally(cause=Cause.CAPABILITY, agents=1, names={"MULTI_ROLE": 1}))
    assert advice == ["Upgrade the agents: they lack MULTI_ROLE."]


@pytest.mark.parametrize(
    ("wish", "words", "advice"),
    [
        (Wish.SUPPRESSED, "it suppressed them", "REVIVE for role dev/web"),
        (Wish.INACTIVE, "it is not connected and active", "subscribe again"),
        (Wish.LEFT, "it is not subscribed to the role", "UPDATE_FRAMEWORK"),
    ],
)
def test_who_takes_no_offers_hears_that_first(wish: Wish, words: str, advice: str) -> None:
    answer, advised = said_of(Fit.NOW, Tally(cause=Cause.NOTHING, agents=1), wish=wish)
    assert f"takes no offers: {words}. Else: cpus:2 can be had on 1 agent at once" in answer
    assert advice in advised[0]


def test_a_pause_comes_before_all_else() -> None:
    answer, advice = said_of(Fit.NOW, Tally(cause=Cause.NOTHING, agents=9), awaited=20)
    assert answer == ("Nothing is offered to anybody before 20 agents are there: 9 are so far.")
    assert "--allocator_recovery_timeout" in advice[0]


def test_an_allocator_that_cannot_tell_has_nothing_to_say() -> None:
    nothing = Explanation(started=T0, ended=T0, agents=3)
    assert answer_of(QUESTION, nothing, NAMES) == "The allocator has nothing to say about f."
    assert advice_of(QUESTION, nothing, NAMES) == []


def test_roles_have_their_reasons_in_a_few_words() -> None:
    reasons = [
        RoleReason(role="r", state=RoleState.AT_LIMIT, names=("cpus", "mem")),
        RoleReason(role="r", state=RoleState.AT_LIMIT),
        RoleReason(role="r", state=RoleState.FILTERED, agents=1),
        RoleReason(role="r", state=RoleState.OPEN),
    ]
    assert [reason_of(each) for each in reasons] == [
        "at its limit of cpus and mem",
        "at its limits",
        "its frameworks refused 1 agent for a while",
        "it is offered what comes free and suits it",
    ]


def test_a_role_that_takes_offers_is_told_of_before_one_that_would_fit_better() -> None:
    def report(role: str, fit: Fit, wish: Wish) -> ClientReport:
        return ClientReport(
            role=role, framework_id="f", wish=wish, places=[], allowance=None, fit=fit, tallies=[]
        )

    asleep = report("asleep", Fit.NOW, Wish.SUPPRESSED)
    awake = report("awake", Fit.NEVER, Wish.WANTS_OFFERS)
    explanation = Explanation(started=T0, ended=T0, agents=9, clients=[asleep, awake])
    assert main_report(explanation) is awake
