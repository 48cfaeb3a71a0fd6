# SPDX-License-Identifier: MIT
"""The exit codes: the one table that --help, the manual page and docs/cli.md have.

May import: nothing.
"""

from __future__ import annotations

BAD_STREAM = 1
USAGE = 2
TRANSPORT = 3
# The codes that a shell shows for a command that SIGINT or SIGPIPE has ended.
INTERRUPTED = 130
BROKEN_PIPE = 141

EXIT_CODES = {
    0: "done: the input has ended, the server has said that there is no more (204), or -n COUNT "
    "is reached",
    BAD_STREAM: "a bad or refused stream: no events in it, an event too large, a status, a "
    "content type, a failed Claude message",
    USAGE: "wrong usage, no key, a file that cannot be read or written, or a standard stream that "
    "is closed",
    TRANSPORT: "the transport failed for good: no connection, broken off, timed out, attempts "
    "used up",
    INTERRUPTED: "interrupted (SIGINT, Ctrl-C)",
    BROKEN_PIPE: "the reader of the output has gone away (SIGPIPE), as with | head",
}
