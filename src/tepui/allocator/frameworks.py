"""A framework as the allocator sees it."""

from __future__ import annotations

from tepui.allocator.constraints import Wish
from tepui.allocator.interface import FrameworkOptions
from tepui.allocator.roles import Client

NO_OPTIONS = FrameworkOptions(roles=())


class Framework:
    """What a framework wants, and where it holds something.

    Attributes:
        options: What it says about itself.
        is_active: Whether it takes offers at all.
        suppressed: The roles in which it takes none.
        clients: Its roles, those included that it left and still holds resources in.
        agents: The agents on which it holds something.
        wishes: Its compiled constraints, by role.
    """

    __slots__ = ("agents", "clients", "id", "is_active", "options", "suppressed", "wishes")

    def __init__(self, framework_id: str) -> None:
        self.id = framework_id
        self.options = NO_OPTIONS
        self.is_active = False
        self.suppressed: dict[str, None] = {}
        self.clients: dict[str, Client] = {}
        self.agents: dict[str, None] = {}
        self.wishes: dict[str, Wish] = {}

    def wants_offers(self, client: Client) -> bool:
        """Tell whether the framework takes offers in the client's role now."""
        return self.is_active and client.is_subscribed and client.role not in self.suppressed
