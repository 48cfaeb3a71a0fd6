# SPDX-License-Identifier: MIT
"""The names and the behaviour of other packages for server-sent events, over our parser.

`httpx_sse`, `httpx2` and `sseclient` each hold what the package of that name has.
Each has `install()`, which puts it in the place of the original for a process.
Importing them imports none of the originals, no httpx and no httpx2.
docs/compat.md says what differs, and why. May import: nothing.
"""
