# SPDX-License-Identifier: MIT
"""Serve a page that runs ssewire in the browser: `python -m examples.pyodide --pyodide DIR`.

The page streams from Claude in Python, by Pyodide; this server has the key, and passes the
bytes of the API on as they come. Nothing but the standard library is needed here; DIR is
where `npm install pyodide` has put Pyodide (node_modules/pyodide).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ssewire
from ssewire.client import Timeouts, request
from ssewire.errors import TransportError

PAGE = Path(__file__).resolve().parent / "page"
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm"}
# A page of strangers' could ask for anything else at our expense.
MOST_BYTES = 1024 * 1024


def archive() -> bytes:
    """The package as Pyodide needs it, and the page's own modules."""
    package = Path(ssewire.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as files:
        for path in sorted(package.rglob("*.py")):
            files.write(path, Path("ssewire") / path.relative_to(package))
        for path in PAGE.glob("*.py"):
            files.write(path, path.name)
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    pyodide: Path
    python: bytes

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self.send_bytes((PAGE / "index.html").read_bytes(), "text/html; charset=utf-8")
        elif path == "/python.zip":
            self.send_bytes(self.python, "application/zip")
        elif path.startswith("/pyodide/"):
            file = self.pyodide / Path(path).name
            if file.is_file():
                self.send_bytes(
                    file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream")
                )
            else:
                self.send_error(404)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Pass a request of the page on to the API, with the key, and its answer back."""
        length = int(self.headers.get("Content-Length", 0))
        # Any page that is open in your browser can send requests here, and a name of
        # another's can point here: only this server's own page spends your tokens.
        host = self.headers.get("Host", "")
        ours = host.rpartition(":")[0] in ("127.0.0.1", "localhost")
        if not ours or self.headers.get("Origin") != f"http://{host}":
            self.send_error(403)
            return
        if self.path != "/v1/messages" or length > MOST_BYTES:
            self.send_error(404 if length <= MOST_BYTES else 413)
            return
        base = os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower().startswith("anthropic-")
        }
        headers["Content-Type"] = "application/json"
        headers["x-api-key"] = os.environ["ANTHROPIC_API_KEY"]
        body = self.rfile.read(length)
        timeouts = Timeouts(connect=10, head=600, idle=600)
        try:
            response = request(
                base + self.path, method="POST", headers=headers, body=body, timeouts=timeouts
            )
        except TransportError as exc:
            error = {"type": "error", "error": {"type": "api_error", "message": str(exc)}}
            self.send_bytes(json.dumps(error).encode(), "application/json", 502)
            return
        # What breaks off on the way ends the connection, and the page sees a cut answer. It may
        # have gone itself by then.
        with contextlib.suppress(TransportError, BrokenPipeError, ConnectionResetError), response:
            self.send_response(response.status)
            media_type = response.headers.get("content-type") or "application/octet-stream"
            self.send_header("Content-Type", media_type)
            self.end_headers()
            for chunk in response.chunks:
                self.wfile.write(chunk)

    def send_bytes(self, body: bytes, media_type: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.pyodide", description=__doc__)
    parser.add_argument("--pyodide", type=Path, required=True, help="node_modules/pyodide")
    parser.add_argument("--port", type=int, default=8000, help="8000; 0 takes a free one")
    args = parser.parse_args()
    if not (args.pyodide / "pyodide.mjs").is_file():
        parser.error(f"no pyodide.mjs in {args.pyodide}; `npm install pyodide` brings it")
    if not os.environ.get("ANTHROPIC_API_KEY"):
        parser.error("the key is wanted in ANTHROPIC_API_KEY")
    Handler.pyodide, Handler.python = args.pyodide, archive()
    with ThreadingHTTPServer(("127.0.0.1", args.port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
