# SPDX-License-Identifier: MIT
"""The keywords of a request: their types for checkers and completion, their names at run time.

They stand once, here. All others go to the API as they are, but for those
that are nearly one of these: the API would refuse them a round trip later,
and a relay might ignore them. May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

    from typing_extensions import TypedDict

    from .._http.timeouts import Timeouts
else:

    class TypedDict:
        """What a TypedDict is at run time: a class with annotations, here never evaluated."""

        def __init_subclass__(cls, total: bool = True) -> None:
            pass


class RequestParams(TypedDict, total=False):
    """What `messages.stream` and `messages.create` take besides model, max_tokens and messages."""

    # The API's, with those of its betas.
    billing_policy: Mapping[str, Any] | None
    cache_control: Mapping[str, Any] | None
    compaction: Mapping[str, Any] | None
    container: str | Mapping[str, Any] | None
    context_management: Mapping[str, Any] | None
    diagnostics: Mapping[str, Any] | None
    fallback_credit_token: str | None
    fallbacks: Iterable[Any] | str | None
    inference_geo: str | None
    mcp_servers: Iterable[Mapping[str, Any]]
    metadata: Mapping[str, Any]
    output_config: Mapping[str, Any]
    output_format: Mapping[str, Any] | None
    service_tier: Literal["auto", "standard_only"]
    speed: Literal["standard", "fast"] | None
    stop_sequences: Iterable[str]
    system: str | Iterable[Mapping[str, Any]]
    temperature: float
    thinking: Mapping[str, Any]
    thread: Mapping[str, Any] | None
    tool_choice: Mapping[str, Any]
    tools: Iterable[Mapping[str, Any]]
    top_k: int
    top_p: float
    # Sent as headers, or not sent: see Messages.
    betas: Iterable[str] | None
    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str | None] | None
    extra_query: Mapping[str, Any] | None
    timeout: Timeouts | float | None
    user_profile_id: str | None
    workspace_id: str | None


KNOWN: frozenset[str] = frozenset(RequestParams.__annotations__)

# What the signatures name.
_NAMED = ("model", "max_tokens", "messages")

# So long a name may have two slips in it; one that is shorter than the other number has
# neighbours that mean something else (`seed` and `speed`, `top_n` and `top_p`).
_LONG, _SHORT = 9, 6


def check_keywords(params: Mapping[str, Any]) -> None:
    """Refuse keywords that are nearly a known one. Cost: of unknown ones, a quarter of a ms each.

    Raises:
        TypeError: one is; the text names the other.
    """
    for name in params:
        if name not in KNOWN and name not in _NAMED:
            meant = nearly(name, params)
            if meant is not None:
                raise TypeError(
                    f"a request has no keyword {name!r}; did you mean {meant}? "
                    "What is in extra_body goes to the API as it is"
                )


def nearly(name: str, given: Mapping[str, Any]) -> str | None:
    """Return the known keyword, not among those `given`, that a name is a slip of; None if none."""
    plain = _plain(name)
    for known in sorted({*KNOWN, "stream"}):
        if known in given:
            continue
        meant = _plain(known)
        if plain == meant or plain == meant + "s" or plain + "s" == meant:
            return known
        size = len(known)
        if size >= _SHORT and _slips(plain, meant) <= (2 if size >= _LONG else 1):
            return known
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _slips(one: str, two: str) -> int:
    """Return how many characters are wrong, missing, too many, or swapped with their neighbour."""
    if abs(len(one) - len(two)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(two) + 1))
    for at, char in enumerate(one, 1):
        new = [at]
        for place, other in enumerate(two, 1):
            least = min(row[place] + 1, new[-1] + 1, row[place - 1] + (char != other))
            if at > 1 and place > 1 and char == two[place - 2] and one[at - 2] == other:
                least = min(least, before[place - 2] + 1)
            new.append(least)
        before, row = row, new
    return row[-1]
