"""Where a redirect leads, and which headers are dropped on the way.

May import: _checks, _headers, errors, request, url.
"""

from __future__ import annotations

from urllib.parse import quote, urljoin

from .._checks import check_count
from .._headers import SECRET_HEADERS
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

    Raises:
        TypeError, ValueError: the limit is not an int, or negative.
    """

    def __init__(self, limit: int = MAX_REDIRECTS) -> None:
        self._limit = check_count("max_redirects", limit)
        self._seen: set[tuple[str, URL]] = set()

    def follow(self, request: HTTPRequest, status: int, headers: Headers) -> HTTPRequest | None:
        """Return the request to make next; None if the response is not a redirect.

        As the Fetch standard has it, 303 makes a GET of all but HEAD, and 301
        and 302 make a GET of POST; the body goes with it. What identifies the
        caller is not sent to another origin.

        Raises:
            RedirectError: no Location, too many, a loop, https to http, or a
                URL that cannot be opened (the cause).
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
        url = _join(request.url, quote(raw, safe=TARGET_SAFE + "#"))
        try:
            target = parse_url(url)
        except ValueError as exc:
            raise RedirectError("a redirect to a URL that cannot be opened", request.url) from exc
        if request.parts.scheme == "https" and target.scheme == "http":
            raise RedirectError("a redirect from https to http", request.url)
        method = request.method
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method = "GET"
        if (method, target) in self._seen:
            raise RedirectError("a redirect loop", request.url)
        if len(self._seen) > self._limit:
            raise RedirectError(f"more than {self._limit} redirects", request.url)
        following = request.with_url(url)
        if method != request.method:
            following = following.with_method(method)
        if target.origin != request.parts.origin:
            following = following.with_headers(_DROPPED)
        return following


# What identifies the caller is not for another origin, nor is the name of this one.
_DROPPED = dict.fromkeys((*SECRET_HEADERS, "host"))


def _join(base: str, location: str) -> str:
    """Return the URL that `location` means, seen from `base`.

    Raises:
        RedirectError: it means none.
    """
    try:
        return urljoin(base, location)
    except ValueError as exc:
        raise RedirectError("a redirect to a URL that cannot be opened", base) from exc
