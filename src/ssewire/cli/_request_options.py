# SPDX-License-Identifier: MIT
"""The options of a request, named as curl's, for the commands that make one.

May import: _settings, client, _output, _terminal, _values.
"""

from __future__ import annotations

import argparse
import getpass
import os
import ssl
import warnings
from urllib.parse import urlsplit

from .._settings import tell_cuts
from ..client import Timeouts, basic_auth
from ._output import CommandError, file_errors, standard_input
from ._terminal import printable
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def add_request_options(parser: argparse.ArgumentParser, *, stall: bool) -> None:
    """Add the URL and the options of a request; `stall` where somebody waits for events."""
    parser.add_argument("url", metavar="URL", help="http or https")
    group = parser.add_argument_group("request")
    group.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header; 'NAME;' sends it empty, @FILE reads headers from a file, which "
        "keeps keys out of the list of processes; repeatable",
    )
    group.add_argument(
        "-d",
        "--data",
        action="append",
        type=lambda text: (text, False),
        dest="data",
        metavar="DATA",
        help="POST this; @FILE (@- is standard input) reads it from there, less line ends; "
        "several are joined by &; its type is application/x-www-form-urlencoded unless -H "
        "says otherwise",
    )
    group.add_argument(
        "--data-binary",
        action="append",
        type=lambda text: (text, True),
        dest="data",
        metavar="DATA",
        help="as -d, but a file is sent as it is",
    )
    group.add_argument("-X", "--request", metavar="METHOD", help="default: GET; with data: POST")
    group.add_argument(
        "-u",
        "--user",
        metavar="USER[:PASSWORD]",
        help="send these as basic authentication; without a password it is asked for on the "
        "terminal, which keeps it out of the list of processes",
    )
    group.add_argument(
        "-k", "--insecure", action="store_true", help="do not verify the server's certificate"
    )
    group = parser.add_argument_group(
        "timeouts: 30, 1.5, 500ms, 2m (default: none, but for connecting)"
    )
    for name, covers in (
        (
            "connect-timeout",
            f"name lookup, TCP and TLS together (default: {Timeouts().connect:g} seconds)",
        ),
        ("head-timeout", "until the response head"),
        ("idle", "without any byte"),
        ("stall", "without an event; comments do not count"),
        ("total", "a whole connection"),
    ):
        if name == "stall" and not stall:
            parser.set_defaults(stall=None)
            continue
        default = Timeouts().connect if name == "connect-timeout" else None
        group.add_argument(f"--{name}", type=seconds, default=default, metavar="TIME", help=covers)


def request_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `client` takes for a request, of the options given.

    Raises:
        CommandError: a file that cannot be read, a header without a name, or no URL.
        ValueError: a timeout that makes no sense. The rest is checked by `client`.
    """
    _check_url(args.url)
    headers = [field for text in args.header for field in _headers(text)]
    if args.user is not None:
        if any(name.lower() == "authorization" for name, _ in headers):
            raise CommandError("give -u or a header Authorization, not both")
        headers.append(("Authorization", _basic(args.user)))
    body = None
    if args.data is not None:
        body = b"&".join(_data(text, binary) for text, binary in args.data)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return {
        "url": args.url,
        "method": args.request or ("GET" if body is None else "POST"),
        "headers": headers,
        "body": body,
        "timeouts": Timeouts(
            connect=args.connect_timeout,
            head=args.head_timeout,
            idle=args.idle,
            stall=args.stall,
            total=args.total,
        ),
        "tls": _unverified() if args.insecure else None,
    }


def _check_url(url: str) -> None:
    # What is wrong for other reasons `client` says.
    if "://" not in url and os.path.exists(url):
        raise CommandError(
            "a file is no URL: ssewire parse FILE reads it, ssewire replay serves it"
        )
    try:
        user = urlsplit(url).username
    except ValueError:
        return
    if user is not None:
        raise CommandError(
            "credentials in a URL end up in logs and are refused; give -u USER, which asks for the "
            "password, or a header from a file: -H @FILE"
        )


def _basic(text: str) -> str:
    user, colon, password = text.partition(":")
    if not colon:
        try:
            with warnings.catch_warnings():
                # It would show what is typed, or take what was piped in for something else.
                warnings.simplefilter("error", getpass.GetPassWarning)
                password = getpass.getpass(f"password for {printable(user)}: ")
        except (EOFError, getpass.GetPassWarning):
            raise CommandError("no terminal to ask for the password on") from None
    return basic_auth(user, password)


def _headers(text: str) -> list[tuple[str, str]]:
    if text.startswith("@"):
        # Not splitlines(): a value may hold what only Unicode takes for a line end.
        lines = os.fsdecode(_read(text[1:])).split("\n")
        return [_header(line) for line in lines if line.strip()]
    return [_header(text)]


def _header(text: str) -> tuple[str, str]:
    # No message shows the text: it may be a key.
    name, colon, value = text.partition(":")
    value = value.strip()
    if colon and value:
        return name, value
    if colon:
        raise CommandError("a header without a value; to send one that is empty: 'NAME;'")
    name = text.rstrip()
    if name.endswith(";"):
        return name[:-1], ""
    raise CommandError("a header is written 'NAME: VALUE'")


def _data(text: str, binary: bool) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    data = _read(text[1:])
    # As curl does.
    return data if binary else data.translate(None, b"\r\n\0")


def _read(path: str) -> bytes:
    with file_errors("read", path):
        if path == "-":
            return standard_input().read()
        with open(path, "rb") as file:
            return file.read()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    tell_cuts(context)
    return context
