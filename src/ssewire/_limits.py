# SPDX-License-Identifier: MIT
"""Numbers that both parsers, the encoder and the tests share, each with its reason.

May import: nothing.
"""

from __future__ import annotations

# Base64 images and tool results reach tens of MiB in one event, so the default
# must not refuse what real services send (a 1 MiB default elsewhere cut tool
# results); without any bound a server that never ends an event eats the memory.
MAX_EVENT_SIZE = 64 * 2**20

# The same for Claude's streams, whose events are parsed as JSON: as Python's objects that takes up
# to 34 times its bytes (`{"":0},` again and again on CPython 3.9: half a GiB for this), and a peer
# can send it as some KiB of gzip. The largest thing that a message holds is a document fetched
# by the API, and what has come must fit the next request, all of which may have 32 MB.
MAX_CLAUDE_EVENT_SIZE = 16 * 2**20

# The largest reconnection time kept, in milliseconds (24.8 days): what a signed
# 32-bit timer holds. Browsers and timer APIs overflow past it.
MAX_RETRY = 2**31 - 1

# Bumped with any change of parser behaviour. The compiled parser repeats the
# number as a literal; a build that lags behind is refused at import.
PARSER_CONTRACT = 3
