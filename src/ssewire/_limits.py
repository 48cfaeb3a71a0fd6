"""Numbers that both parsers, the encoder and the tests share, each with its reason.

May import: nothing.
"""

from __future__ import annotations

# Base64 images and tool results reach tens of MiB in one event, so the default
# must not refuse what real services send (a 1 MiB default elsewhere cut tool
# results); without any bound a server that never ends an event eats the memory.
MAX_EVENT_SIZE = 64 * 2**20

# The largest reconnection time kept, in milliseconds (24.8 days): what a signed
# 32-bit timer holds. Browsers and timer APIs overflow past it.
MAX_RETRY = 2**31 - 1

# Bumped with any change of parser behaviour. The compiled parser repeats the
# number as a literal; a build that lags behind is refused at import.
PARSER_CONTRACT = 3
