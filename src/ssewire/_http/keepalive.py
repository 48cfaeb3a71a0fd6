# SPDX-License-Identifier: MIT
"""Which socket options tell a peer that is gone from one that has nothing to say.

Of a connection whose other end has lost its power or its address translation, nothing ever
comes, not even an end: without probes of TCP (RFC 9293, 3.8.4) who waits for an event waits
for ever. They cost a quiet connection one packet a minute. May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Seconds without a packet before the first probe: a minute, as address translators forget an
# idle connection after some minutes, and common balancers after one.
KEEPALIVE_IDLE = 60

# Seconds between probes that are not answered, and how many of them end the connection: a peer
# that is gone is noticed two minutes after its last packet, an outage of a minute is survived.
KEEPALIVE_INTERVAL = 15
KEEPALIVE_PROBES = 4


def keepalive_options(names: Any) -> list[tuple[int, int, int]]:
    """Return the level, option and value of each option to set on a TCP socket.

    Args:
        names: the module `socket`, which has the names that its platform knows. What it does
            not know stays as the system has it.
    """
    options = [(names.SOL_SOCKET, names.SO_KEEPALIVE, 1)]
    # macOS calls it TCP_KEEPALIVE; Python knows that name from 3.10 on.
    idle = "TCP_KEEPIDLE" if hasattr(names, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    for name, value in (
        (idle, KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(names, name):
            options.append((names.IPPROTO_TCP, getattr(names, name), value))
    return options
