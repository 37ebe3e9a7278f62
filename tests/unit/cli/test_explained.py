"""The tables of ``tepui explain``, from an answer of the master."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.cli.explained import Explained
from tepui.cli.typed import typed
from tepui.sdk.errors import BadAnswer

ANSWER: dict[str, Any] = {
    "as_of": {"started": 99.0, "ended": 100.0},
    "answer": "It waits.",
    "advice": [],
    "clients_left_out": 0,
    "framework_names": {"f-2": "hog"},
    "clients": [
        {
            "role": "dev",
            "framework_id": "f-1",
            "framework_name": "mine",
            "order": [
                {
                    "name": "dev",
                    "weight": 2.0,
                    "share": 0.5,
                    "dominant_resource": "cpus",
                    "competitors": 3,
                    "ahead": 2,
                    "first": "ads",
                    "first_weighted_share": 0.125,
                },
                {
                    "name": "f-1",
                    "weight": 1.0,
                    "share": 0.0,
                    "dominant_resource": None,
                    "competitors": 2,
                    "ahead": None,
                    "first": None,
                    "first_weighted_share": None,
                },
            ],
            "quota": {
                "role": "dev",
                "guarantees": {"cpus": 1.0},
                "limits": {"cpus": 2.0, "gpus": 0.0},
                "consumed": {"cpus": 1.5, "mem": 64.0},
            },
            "causes": [
                {
                    "cause": "FILTERED",
                    "agents": 3,
                    "of": {},
                    "of_left_out": 0,
                    "nearest": [{"hostname": "h1", "lacking": {}}],
                    "filters": {"first_ends": 110.5, "last_ends": 120.0, "until_next_pass": 1},
                },
                {
                    "cause": "TOO_SMALL",
                    "agents": 2,
                    "of": {"cpus": 2, "mem": 1},
                    "of_left_out": 4,
                    "nearest": [{"hostname": "h2", "lacking": {"cpus": 0.5, "mem": 1.0}}],
                },
                {
                    "cause": "IN_USE",
                    "agents": 1,
                    "of": {"f-2": 1, "f-3": 1},
                    "of_left_out": 0,
                    "nearest": [],
                },
            ],
        }
    ],
}


def test_each_cause_has_a_row_with_what_it_is_about_and_the_nearest_miss() -> None:
    assert typed(ANSWER, Explained).causes() == [
        ("dev", "mine", "filtered", "3", "11 to 20 s more, until the next periodic pass", "h1"),
        ("dev", "mine", "too small", "2", "cpus, mem, 4 more", "h2 lacks cpus:0.5;mem:1"),
        ("dev", "mine", "in use", "1", "hog, f-3", ""),
    ]


def test_each_step_of_the_order_has_a_row_with_its_share_and_who_is_first() -> None:
    assert typed(ANSWER, Explained).order() == [
        ("dev", "mine", "dev", "50.0% of cpus", "2", "2 of 3", "ads at 12.5%"),
        ("dev", "mine", "f-1", "0.0%", "1", "by chance", ""),
    ]


def test_quota_has_a_row_for_each_resource_that_it_names() -> None:
    assert typed(ANSWER, Explained).quotas() == [
        ("dev", "cpus", "1.5", "1", "2"),
        ("dev", "gpus", "0", "-", "0"),
    ]


def test_an_answer_that_is_none_is_said_to_be() -> None:
    with pytest.raises(BadAnswer, match="the master's answer is not what it should be"):
        typed({"answer": 1}, Explained)
