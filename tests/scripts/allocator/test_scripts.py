"""Stories about the allocator as text: what happens, a line of dashes, what is offered.

Blocks are separated by empty lines. After the commands of a block, passes run until nothing is
pending; below the dashes stand the offers in the order in which they were decided, and the
answers of commands that ask something. Commands:

    agent A RESOURCES [remote] [old] [used=F/ROLE/RESOURCES]
    framework F role=R,… [suppressed=R,…] [gpu] [region] [multi] [inactive] [minimum=RESOURCES]
                         [revocable] [refine]
    decline F A [refuse=SECONDS]       all that is offered; refuse=none: it was rescinded
    accept F A RESOURCES [refuse=…]    use some of it, or ``all``, and decline the rest
    finish F A                         all that is used
    suppress | revive F [ROLE…]
    activate | deactivate | remove F or A
    drain A                            its offers are taken back, and no others are made
    total A RESOURCES                  the agent changed
    oversubscribe A RESOURCES          so much of it is idle: others may use it until it is not
    maintenance A [SECONDS]            it will be gone at that time; without one, it stays
    leave F A [refuse=SECONDS]         the answer to an inverse offer
    weight ROLE=WEIGHT
    quota ROLE [guarantees=RESOURCES] [limits=RESOURCES]
    reserve | unreserve F A RESOURCES  of what is offered, for the role of the offer
    create | destroy F A ID RESOURCES  a volume, of a reserved disk that is offered
    operator reserve | unreserve A RESOURCES ROLE   of what nobody holds
    time SECONDS                       time passes; filters expire
    periodic                           the periodic pass
    shares                             ask for the roles
    consumption                        ask for the quotas, and what counts towards them
    filters                            ask for the filters

``python tests/scripts/allocator/test_scripts.py FILE…`` records the answers anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tepui.allocator import (
    AgentCapabilities,
    AgentDescription,
    Allocator,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
    Quota,
)
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import DomainInfo, Resource, TimeInfo, Unavailability, Volume
from tepui.resources import EMPTY, Resources, format_resources, parse_resources
from tepui.resources.keys import Key, Reservation
from tepui.resources.scalars import format_millis

HERE = Path(__file__).parent
Region = DomainInfo.FaultDomain.RegionInfo
Zone = DomainInfo.FaultDomain.ZoneInfo


def domain(region: str) -> DomainInfo:
    return DomainInfo(
        fault_domain=DomainInfo.FaultDomain(region=Region(name=region), zone=Zone(name="z"))
    )


class Story:
    """An allocator, and the frameworks' side of it."""

    def __init__(self) -> None:
        options = AllocatorOptions(domain=domain("here"))
        self.allocator: Allocator = HierarchicalAllocator(options, Rng(1))
        self.now = Instant(0.0, 0.0)
        self.agents: dict[str, Resources] = {}
        self.offered: dict[tuple[str, str], Resources] = {}
        self.used: dict[tuple[str, str], Resources] = {}
        self.answers: list[str] = []

    def run(self, block: list[str]) -> list[str]:
        """Carry out the commands of a block and return what came of them."""
        self.answers = []
        for line in block:
            name, *words = line.split()
            options = dict(word.split("=", 1) for word in words if "=" in word)
            plain = [word for word in words if "=" not in word]
            getattr(self, f"do_{name}")(plain, options)
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=100, offers_max=100)
            for each in part.allocations:
                place = (each.framework_id, each.agent_id)
                self.offered[place] = self.offered.get(place, EMPTY) + each.resources
                text = _text(each.resources.unallocated())
                role = "" if each.role == "*" else f" {each.role}"
                self.answers.append(f"offer {each.framework_id}{role} {each.agent_id} {text}")
            for asked in part.inverse:
                start = asked.unavailability.start.nanoseconds // 10**9
                self.answers.append(
                    f"ask {asked.framework_id} to leave {asked.agent_id} by {start}"
                )
        return self.answers

    def do_agent(self, words: list[str], options: dict[str, str]) -> None:
        agent_id, total, *flags = words
        description = AgentDescription(
            hostname=agent_id,
            domain=domain("there" if "remote" in flags else "here"),
            capabilities=AgentCapabilities(
                multi_role="old" not in flags, hierarchical_role="old" not in flags
            ),
        )
        used: dict[str, Resources] = {}
        if "used" in options:
            framework_id, role, text = options["used"].split("/", 2)
            used[framework_id] = parse_resources(text).allocated_to(role)
            self.used[framework_id, agent_id] = used[framework_id]
        self.agents[agent_id] = parse_resources(total)
        self.allocator.add_agent(agent_id, description, total=parse_resources(total), used=used)

    def do_framework(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, *flags = words
        roles = tuple(options.get("role", "*").split(","))
        minimum = {}
        if "minimum" in options:
            minimum = dict.fromkeys(roles, (parse_resources(options["minimum"]).quantities(),))
        said = FrameworkOptions(
            roles=roles,
            suppressed_roles=tuple(filter(None, options.get("suppressed", "").split(","))),
            capabilities=FrameworkCapabilities(
                gpu_resources="gpu" in flags,
                region_aware="region" in flags,
                multi_role="multi" in flags,
                revocable_resources="revocable" in flags,
                reservation_refinement="refine" in flags,
            ),
            minimum=minimum,
        )
        if "again" in flags:
            self.allocator.update_framework(framework_id, said)
        else:
            is_active = "inactive" not in flags
            self.allocator.add_framework(framework_id, said, is_active=is_active)

    def do_decline(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id = words
        self.do_accept([framework_id, agent_id, ""], options)

    def do_accept(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id, text = words
        offered = self.offered.pop((framework_id, agent_id), EMPTY)
        if not offered:
            self.answers.append(f"nothing of {agent_id} is offered to {framework_id}")
            return
        (role,) = offered.allocations()
        used = offered if text == "all" else parse_resources(text).allocated_to(role)
        refuse = options.get("refuse", "5")
        if used:
            self.allocator.mark_allocated(framework_id, agent_id, used)
            place = (framework_id, agent_id)
            self.used[place] = self.used.get(place, EMPTY) + used
        self.allocator.recover(
            framework_id,
            agent_id,
            offered - used,
            refuse_seconds=None if refuse == "none" else float(refuse),
            now=self.now,
        )

    def do_finish(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id = words
        used = self.used.pop((framework_id, agent_id))
        self.allocator.release(framework_id, agent_id, used)

    def do_suppress(self, words: list[str], options: dict[str, str]) -> None:
        self.allocator.suppress(words[0], words[1:])

    def do_revive(self, words: list[str], options: dict[str, str]) -> None:
        self.allocator.revive(words[0], words[1:])

    def do_activate(self, words: list[str], options: dict[str, str]) -> None:
        if words[0] in self.agents:
            self.allocator.activate_agent(words[0])
        else:
            self.allocator.activate_framework(words[0])

    def do_deactivate(self, words: list[str], options: dict[str, str]) -> None:
        if words[0] in self.agents:
            self.allocator.deactivate_agent(words[0])
        else:
            self.allocator.deactivate_framework(words[0])

    def do_remove(self, words: list[str], options: dict[str, str]) -> None:
        if words[0] in self.agents:
            del self.agents[words[0]]
            self.allocator.remove_agent(words[0])
        else:
            self.allocator.remove_framework(words[0])

    def do_drain(self, words: list[str], options: dict[str, str]) -> None:
        (drained,) = words
        self.allocator.deactivate_agent(drained)
        for framework_id, agent_id in list(self.offered):
            if agent_id == drained:
                self.do_decline([framework_id, agent_id], {"refuse": "none"})

    def do_total(self, words: list[str], options: dict[str, str]) -> None:
        self.agents[words[0]] = parse_resources(words[1])
        self.allocator.update_agent(words[0], total=self.agents[words[0]])

    def do_oversubscribe(self, words: list[str], options: dict[str, str]) -> None:
        agent_id, text = words
        entries = parse_resources(text).entries()
        idle = Resources({key.replace(revocable=True): amount for key, amount in entries})
        self.allocator.update_agent(agent_id, total=self.agents[agent_id] + idle)

    def do_maintenance(self, words: list[str], options: dict[str, str]) -> None:
        start = TimeInfo(nanoseconds=int(words[1]) * 10**9) if len(words) > 1 else None
        unavailability = None if start is None else Unavailability(start=start)
        self.allocator.update_unavailability(words[0], unavailability)

    def do_leave(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id = words
        refuse_seconds = float(options.get("refuse", "5"))
        self.allocator.answer_inverse_offer(
            framework_id, agent_id, refuse_seconds=refuse_seconds, now=self.now
        )

    def do_weight(self, words: list[str], options: dict[str, str]) -> None:
        self.allocator.update_weights({role: float(text) for role, text in options.items()})

    def do_quota(self, words: list[str], options: dict[str, str]) -> None:
        quota = Quota(
            guarantees=parse_resources(options.get("guarantees", "")).scalars(),
            limits=parse_resources(options.get("limits", "")).scalars(),
        )
        self.allocator.update_quota({words[0]: quota})

    def do_reserve(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id, text = words
        (role,) = self.offered[framework_id, agent_id].allocations()
        held = parse_resources(text)
        self._convert(framework_id, agent_id, held, _reserved(held, role))

    def do_unreserve(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id, text = words
        (role,) = self.offered[framework_id, agent_id].allocations()
        converted = parse_resources(text)
        self._convert(framework_id, agent_id, _reserved(converted, role), converted)

    def do_create(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id, persistence_id, text = words
        held = parse_resources(text)
        self._convert(framework_id, agent_id, held, _volume(held, persistence_id))

    def do_destroy(self, words: list[str], options: dict[str, str]) -> None:
        framework_id, agent_id, persistence_id, text = words
        converted = parse_resources(text)
        self._convert(framework_id, agent_id, _volume(converted, persistence_id), converted)

    def _convert(
        self, framework_id: str, agent_id: str, held: Resources, converted: Resources
    ) -> None:
        place = (framework_id, agent_id)
        (role,) = self.offered[place].allocations()
        held, converted = held.allocated_to(role), converted.allocated_to(role)
        self.allocator.convert(*place, held=held, converted=converted, is_used=False)
        self.offered[place] = self.offered[place] - held + converted

    def do_operator(self, words: list[str], options: dict[str, str]) -> None:
        verb, agent_id, text, role = words
        plain = parse_resources(text)
        parts = [plain, _reserved(plain, role)]
        held, converted = parts if verb == "reserve" else reversed(parts)
        self.allocator.convert_available(agent_id, held=held, converted=converted)

    def do_time(self, words: list[str], options: dict[str, str]) -> None:
        self.now = self.now.later(float(words[0]))
        self.allocator.expire(self.now)

    def do_periodic(self, words: list[str], options: dict[str, str]) -> None:
        self.allocator.periodic(self.now)

    def do_shares(self, words: list[str], options: dict[str, str]) -> None:
        for role in self.allocator.roles():
            self.answers.append(
                f"role {role.name} weight={role.weight:g} share={role.share:.3f}"
                f" allocated={_amounts(role.allocated)} offered={_amounts(role.offered)}"
                f" reserved={_amounts(role.reserved)} frameworks={','.join(role.frameworks)}"
            )

    def do_consumption(self, words: list[str], options: dict[str, str]) -> None:
        for role in self.allocator.roles():
            self.answers.append(
                f"role {role.name} consumed={_amounts(role.consumed)}"
                f" guarantees={_amounts(role.quota.guarantees)}"
                f" limits={_amounts(role.quota.limits)}"
            )

    def do_filters(self, words: list[str], options: dict[str, str]) -> None:
        counts = self.allocator.statistics().filters
        self.answers += [f"filters {role} {count}" for role, count in sorted(counts.items())]
        self.answers.append(f"next deadline {self.allocator.next_deadline()}")


def _amounts(quantities: dict[str, int]) -> str:
    return ";".join(f"{name}:{millis / 1000:g}" for name, millis in quantities.items()) or "-"


def _reserved(resources: Resources, role: str) -> Resources:
    """Return the resources with a dynamic reservation on top of those that they have."""
    on_top = Reservation(Resource.ReservationInfo.Type.DYNAMIC, role)
    return Resources(
        {
            key.replace(reservations=(*key.reservations, on_top)): amount
            for key, amount in resources.entries()
        }
    )


def _volume(resources: Resources, persistence_id: str) -> Resources:
    info = Resource.DiskInfo(
        persistence=Resource.DiskInfo.Persistence(id=persistence_id),
        volume=Volume(container_path="data", mode=Volume.Mode.RW),
    )
    entries = resources.entries()
    return Resources({key.replace(disk=info): amount for key, amount in entries})


def _text(resources: Resources) -> str:
    """Return the text form, which cannot tell all: ``cpus(role dynamic)``, ``disk(role)[id]``."""
    return ";".join(
        f"{_label(key)}:{format_millis(amount)}"
        if isinstance(amount, int)
        else format_resources(Resources({key: amount}))
        for key, amount in resources.entries()
    )


def _label(key: Key) -> str:
    reserved = f"({' '.join(map(_reservation, key.reservations))})" if key.reservations else ""
    volume = f"[{key.persistence_id}]" if key.persistence_id else ""
    return f"{key.name}{reserved}{volume}{'{revocable}' if key.revocable else ''}"


def _reservation(reservation: Reservation) -> str:
    is_dynamic = reservation.type is Resource.ReservationInfo.Type.DYNAMIC
    return f"{reservation.role} dynamic" if is_dynamic else reservation.role


def play(text: str) -> str:
    """Return the script with the answers that come now."""
    story = Story()
    played: list[str] = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        commands = lines[: lines.index("----")] if "----" in lines else lines
        answers = story.run([line for line in commands if not line.startswith("#")])
        played.append("\n".join([*commands, "----", *answers]))
    return "\n\n".join(played) + "\n"


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_the_story_goes_as_it_was_recorded(path: Path) -> None:
    assert play(path.read_text()) == path.read_text()


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        script = Path(argument)
        script.write_text(play(script.read_text()))
