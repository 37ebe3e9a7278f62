"""What can go wrong between a client and the cluster, by what the caller can do about it."""

from __future__ import annotations


class SdkError(Exception):
    """The base of everything that the SDK raises on purpose."""


class CallRejected(SdkError):
    """The cluster answered a request, and the answer was no.

    Attributes:
        status: The HTTP status of the answer.
        message: What the answer said, for people; programs must not parse it.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message.strip() or 'no reason given'} (HTTP {status})")
        self.status = status
        self.message = message


class Unreachable(SdkError):
    """No master or agent answered; the same request may succeed later.

    Attributes:
        url: Where the request went last.
        reason: What happened there.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} cannot be reached: {reason}")
        self.url = url
        self.reason = reason


class NotSubscribed(SdkError):
    """A call needs a subscription, and there is none at the moment; wait and try again."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} needs a subscription, and there is none at the moment")
        self.call = call


class FrameworkEnded(SdkError):
    """The master ended this framework's subscription for good, by an ERROR event.

    It does so when the framework is torn down, when another instance takes it over, or
    when its description is not acceptable. Subscribing again would not help.

    Attributes:
        message: The master's reason.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"the master ended the framework: {message}")
        self.message = message


class AgentLost(SdkError):
    """The agent of this executor did not come back in time; the executor has to end."""


class BadAnswer(SdkError):
    """A server answered with something that is not what the API promises."""
