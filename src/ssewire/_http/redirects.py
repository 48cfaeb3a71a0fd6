# SPDX-License-Identifier: MIT
"""Where a redirect leads, and which headers are dropped on the way.

May import: _checks, _headers, errors, request, url.
"""

from __future__ import annotations

from urllib.parse import quote, urljoin

from .._checks import check_count
from .._headers import is_secret
from ..errors import RedirectError
from .url import TARGET_SAFE, URL, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._headers import Headers
    from .request import HTTPRequest

# Redirects followed where the caller sets no other limit; browsers follow 20,
# and no honest chain needs more than a few.
MAX_REDIRECTS = 10


class Redirects:
    """Follow the redirects of one request, as far as that is safe.

    Args:
        limit: how many to follow.
        within: refuse those that lead to another origin.

    Raises:
        TypeError, ValueError: the limit is not an int, or negative.
    """

    def __init__(self, limit: int = MAX_REDIRECTS, *, within: bool = False) -> None:
        self._limit = check_count("max_redirects", limit)
        self._within = within
        self._seen: set[tuple[str, URL]] = set()

    def follow(self, request: HTTPRequest, status: int, headers: Headers) -> HTTPRequest | None:
        """Return the request to make next; None if the response is not a redirect.

        As the Fetch standard has it, 303 makes a GET of all but HEAD, and 301
        and 302 make a GET of POST; the body goes with it. What identifies the
        caller is not sent to another origin.

        Raises:
            RedirectError: no Location, too many, a loop, https to http, to another origin
                where that is refused, or a URL that cannot be opened (the cause).
        """
        if status not in (301, 302, 303, 307, 308):
            return None
        self._seen.add((request.method, request.parts))
        location = headers.get("Location")
        if not location:
            raise RedirectError("a redirect without a Location", request.url)
        try:
            # Bytes beyond ASCII came in as Latin-1.
            raw = location.encode("latin-1")
        except UnicodeEncodeError:
            raw = location.encode("utf-8", "surrogateescape")
        try:
            url = urljoin(request.url, quote(raw, safe=TARGET_SAFE + "#"))
            target = parse_url(url)
        except ValueError as exc:
            why = f"a redirect to a URL that cannot be opened: {exc}"
            raise RedirectError(why, request.url, location) from exc
        method = request.method
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method = "GET"
        forbidden = self._forbids(request, method, target)
        if forbidden is not None:
            raise RedirectError(forbidden, request.url, location)
        following = request.with_url(url)
        if method != request.method:
            following = following.with_method(method)
        if target.origin != request.parts.origin:
            # What identifies the caller is not for another origin, nor is the name of this one.
            lost = [name for name in following.headers if is_secret(name)]
            following = following.with_headers(dict.fromkeys((*lost, "Host")))
        return following

    def _forbids(self, request: HTTPRequest, method: str, target: URL) -> str | None:
        """Return why a redirect must not be followed; None if it may be."""
        if request.parts.scheme == "https" and target.scheme == "http":
            return "a redirect from https to http"
        if self._within and target.origin != request.parts.origin:
            return "a redirect to another origin"
        if (method, target) in self._seen:
            return "a redirect loop"
        if len(self._seen) > self._limit:
            return f"more than {self._limit} redirects"
        return None
