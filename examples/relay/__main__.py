# SPDX-License-Identifier: MIT
"""Serve the chat with uvicorn: `python -m examples.relay`."""

from __future__ import annotations

import argparse

import uvicorn

from .app import app

parser = argparse.ArgumentParser(prog="python -m examples.relay", description=__doc__)
parser.add_argument(
    "--host",
    default="127.0.0.1",
    help="where to listen (127.0.0.1); at any other address others spend your tokens",
)
parser.add_argument("--port", type=int, default=8000, help="8000; 0 takes a free one")
args = parser.parse_args()
uvicorn.run(app, host=args.host, port=args.port)
