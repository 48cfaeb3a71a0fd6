# SPDX-License-Identifier: MIT
"""What a client is set to: where it asks, with which headers, key and timeouts. No I/O.

All that makes no sense is refused here, before anything is connected to, and
no text that leaves this module holds a key. The environment is passed in.
May import: _checks, _headers, _http, _params, _request_body, errors.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Iterable, Mapping
from copy import copy
from urllib.parse import urlencode, urlsplit

from .._checks import exact_str, wrong_type
from .._headers import Headers
from .._http.request import HTTPRequest
from .._http.timeouts import NOT_GIVEN, NotGiven, Timeouts, given_timeouts, timeouts_of
from .._http.url import parse_url
from ._params import check_keywords
from ._request_body import _body
from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .._http.proxy import Proxy

BASE_URL = "https://api.anthropic.com"

# The newest one, which the official SDKs send too: the wire format of streams
# is that of 2023-06-01, and only sampling parameters are refused beyond it.
ANTHROPIC_VERSION = "2026-10-21"

# Connecting: as everywhere in this package. The head may be long in coming under
# load, and between two pings nothing says how much silence is normal: both as the
# official SDK for Python has it. A stall is not: thinking that is not shown, or a
# tool run by the server, may send nothing but pings for longer than any good guess.
DEFAULT_TIMEOUTS = Timeouts(connect=10.0, head=600.0, idle=600.0)

# What a header must be called for `auth_header`, and how its value is written.
_AUTH_HEADERS = {"x-api-key": "{}", "authorization": "Bearer {}"}

# Keywords of a request that are for us; all others are the API's.
_OURS = (
    *("betas", "extra_body", "extra_headers", "extra_query", "timeout"),
    *("user_profile_id", "workspace_id"),
)


class ClientOptions:
    """The settings of a client, checked; they make requests.

    Arguments win over the environment, and an argument that is a credential
    keeps credentials of the environment from being read. Empty counts as unset.

    Args:
        environ: ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL and
            ANTHROPIC_CUSTOM_HEADERS (lines of `Name: value`) are read.

    Raises:
        ConfigurationError: a base URL that is not http(s) or not plain, a key
            with control characters, two credentials.
        TypeError, ValueError: another argument that makes no sense.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        auth_token: str | None,
        auth_header: str | None,
        base_url: str | None,
        default_headers: Mapping[str, str | None] | None,
        anthropic_version: str,
        betas: Iterable[str],
        timeouts: Timeouts | float | NotGiven | None,
        timeout: Timeouts | float | NotGiven | None,
        environ: Mapping[str, str],
    ) -> None:
        # What shows the locals of a traceback's frames must show no key of these.
        known = _Environment(environ)
        del environ
        if api_key is not None:
            api_key = exact_str("api_key", api_key, "a str or None")
        if auth_token is not None:
            auth_token = exact_str("auth_token", auth_token, "a str or None")
        if base_url is not None:
            base_url = exact_str("base_url", base_url, "a str or None")
        if api_key and auth_token:
            raise ConfigurationError("give api_key or auth_token, not both")
        if not api_key and not auth_token:
            api_key = known.get("ANTHROPIC_API_KEY")
            auth_token = known.get("ANTHROPIC_AUTH_TOKEN")
        if auth_header is None:
            # Of the two headers that the API takes a key in, the one that every relay reads.
            auth_header = "x-api-key" if api_key else "authorization"
        credential = _Credential("api_key" if api_key else "auth_token", api_key or auth_token)
        del api_key, auth_token
        if auth_header not in _AUTH_HEADERS:
            raise ValueError(f"auth_header must be one of {list(_AUTH_HEADERS)} or None")
        self.url: str = _messages_url(
            base_url or known.get("ANTHROPIC_BASE_URL") or BASE_URL,
        )
        parts = parse_url(self.url)
        self._encrypted = parts.scheme == "https"
        self._local = _is_loopback(parts.host)
        self.origin: str = f"{parts.scheme}://{parts.authority}"
        self._warned = False
        fields = _Fields()
        fields.set("Accept", "text/event-stream, application/json")
        fields.set("Content-Type", "application/json")
        fields.set("anthropic-version", exact_str("anthropic_version", anthropic_version))
        credential.add_to(fields, auth_header)
        names = _beta_names(betas)
        if names:
            fields.set("anthropic-beta", ",".join(names))
        known.add_to(fields, names)
        fields.update("default_headers", default_headers)
        self._fields = fields
        given = given_timeouts(timeouts, timeout)
        self.timeouts: Timeouts = (
            DEFAULT_TIMEOUTS if isinstance(given, NotGiven) else timeouts_of(given)
        )
        # Headers that cannot be sent are refused here, not with the first request.
        HTTPRequest(self.url, headers=fields.headers())

    def changed(
        self,
        default_headers: Mapping[str, str | None] | None,
        timeouts: Timeouts | float | NotGiven | None,
    ) -> ClientOptions:
        """Return options that differ from these in what is given."""
        options = copy(self)
        options._fields = self._fields.copy()
        options._fields.update("default_headers", default_headers)
        HTTPRequest(options.url, headers=options._fields.headers())
        if not isinstance(timeouts, NotGiven):
            options.timeouts = timeouts_of(timeouts)
        return options

    def build(
        self,
        params: dict[str, Any],
        proxy_in_use: Callable[[HTTPRequest], Proxy | None] = lambda request: None,
    ) -> HTTPRequest:
        """Return the request for `messages.stream(**params)`.

        `proxy_in_use` says which proxy sees it, if any. To be called by what the
        function that the user calls calls, for the warning to name the user's line.

        Raises:
            ConfigurationError: there is no credential.
            TypeError, ValueError: what cannot be sent; the text says where it is. A keyword
                that is nearly a known one.
        """
        if "max_retries" in params:
            raise TypeError("max_retries is the client's: use client.with_options(max_retries=...)")
        check_keywords(params)
        ours = {name: params.pop(name, None) for name in _OURS if name != "timeout"}
        timeout = params.pop("timeout", NOT_GIVEN)
        fields = self._fields.copy()
        betas = _beta_names(ours["betas"] or ())
        if betas:
            before = fields.get("anthropic-beta")
            fields.set("anthropic-beta", ",".join(_beta_names([*_split(before), *betas])))
        for name in ("user_profile_id", "workspace_id"):
            if ours[name] is not None:
                header = f"anthropic-{name.replace('_', '-')}"
                fields.update(name, {header: ours[name]})
        fields.update("extra_headers", ours["extra_headers"])
        authenticated = [name for name in _AUTH_HEADERS if fields.get(name)]
        if not authenticated:
            raise ConfigurationError(
                "no credentials: pass api_key or auth_token, or set ANTHROPIC_API_KEY "
                "or ANTHROPIC_AUTH_TOKEN"
            )
        request = HTTPRequest(
            self.url + _query(ours["extra_query"]),
            method="POST",
            headers=fields.headers(),
            body=_body(params, ours["extra_body"]),
            timeouts=self.timeouts if isinstance(timeout, NotGiven) else timeouts_of(timeout),
        )
        if not self._encrypted and not self._warned:
            proxy = proxy_in_use(request)
            if not self._local or (proxy is not None and not _is_loopback(proxy.host)):
                self._warned = True
                way = "" if proxy is None else f", by {proxy.named}"
                warnings.warn(
                    f"the key is sent to {self.origin} without encryption{way}; use https",
                    UserWarning,
                    stacklevel=4,
                )
        return request

    def __repr__(self) -> str:
        return f"<ClientOptions {getattr(self, 'origin', 'of nowhere')}>"


class _Fields:
    """Header fields to be sent: one value for each name, in whatever case it is given."""

    def __init__(self, fields: dict[str, tuple[str, str]] | None = None) -> None:
        self._fields: dict[str, tuple[str, str]] = {} if fields is None else fields

    def copy(self) -> _Fields:
        return _Fields(dict(self._fields))

    def get(self, name: str) -> str:
        return self._fields.get(name.lower(), ("", ""))[1]

    def set(self, name: str, value: str) -> None:
        self._fields[name.lower()] = (name, value)

    def update(self, argument: str, headers: Mapping[str, str | None] | None) -> None:
        """Set these; None takes one away."""
        if headers is None:
            return
        if not isinstance(headers, Mapping):
            raise wrong_type(argument, "a mapping or None", headers)
        for name, value in headers.items():
            name = exact_str(f"a name in {argument}", name)
            if value is None:
                self._fields.pop(name.lower(), None)
            else:
                self.set(name, exact_str(f"{argument}[{name!r}]", value, "a str or None"))

    def headers(self) -> Headers:
        return Headers(list(self._fields.values()))


def _messages_url(base: str) -> str:
    """Return where messages are asked for.

    Raises:
        ConfigurationError: the base URL cannot be used.
    """
    try:
        parse_url(base)
        parts = urlsplit(base.strip(" "))
    except ValueError as exc:
        raise ConfigurationError(f"base_url cannot be used: {exc}") from exc
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url must have neither a query nor a fragment")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/v1/messages"


def _is_loopback(host: str) -> bool:
    """Say whether what is sent to a host stays on this machine."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        # A name may begin with 127. too.
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Credential:
    """A key or token on its way to its header: its repr, and so its frames, show none."""

    __slots__ = ("_name", "_value")

    def __init__(self, name: str, value: str | None) -> None:
        self._name = name
        self._value = value

    def add_to(self, fields: _Fields, header: str) -> None:
        """Add the header, if there is a credential.

        Raises:
            ConfigurationError: it cannot be sent.
        """
        if not self._value:
            return
        # A key read from a file brings the file's last line end, one from a page a space of its
        # own.
        if any(not 32 < ord(char) < 127 for char in self._value):
            raise ConfigurationError(
                f"{self._name} contains white space, control characters or others beyond ASCII; "
                "strip it"
            )
        fields.set(header, _AUTH_HEADERS[header].format(self._value))


class _Environment:
    """Environment variables: the repr of what the system has shows all of them, keys too."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def add_to(self, fields: _Fields, betas: list[str]) -> None:
        """Add the headers of ANTHROPIC_CUSTOM_HEADERS; its betas come after those given."""
        for name, value in _custom_headers(self.get("ANTHROPIC_CUSTOM_HEADERS") or ""):
            if name.lower() == "anthropic-beta":
                value = ",".join(_beta_names([*betas, *_split(value)]))
            fields.set(name, value)


def _custom_headers(text: str) -> list[tuple[str, str]]:
    """Return the header fields in ANTHROPIC_CUSTOM_HEADERS; lines without a colon are none."""
    lines = [line.partition(":") for line in text.split("\n")]
    return [(name.strip(), value.strip()) for name, colon, value in lines if colon and name.strip()]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _beta_names(betas: Any) -> list[str]:
    """Return the names, each once."""
    if isinstance(betas, str) or not isinstance(betas, Iterable):
        raise wrong_type("betas", "a list of names", betas)
    names: list[str] = []
    for name in betas:
        name = exact_str("a name in betas", name)
        if name not in names:
            names.append(name)
    return names


def _query(extra: object) -> str:
    """Return the query that `extra_query` asks for, with its question mark; "" for none."""
    if not extra:
        return ""
    if not isinstance(extra, Mapping):
        raise wrong_type("extra_query", "a mapping or None", extra)
    pairs: list[tuple[str, str]] = []
    for name, value in extra.items():
        name = exact_str("a name in extra_query", name)
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, bool):
                item = "true" if item else "false"
            elif isinstance(item, int):
                item = int.__repr__(item)
            elif isinstance(item, float):
                item = float.__repr__(item)
            wanted = "a str, number or list of them"
            pairs.append((name, exact_str(f"extra_query[{name!r}]", item, wanted)))
    return f"?{urlencode(pairs)}" if pairs else ""
