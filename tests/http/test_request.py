# SPDX-License-Identifier: MIT
"""What happens before and around a request, without a socket."""

from __future__ import annotations

import base64
import copy
import gzip
import pickle
import random
import zlib
from typing import Any, Callable
from urllib.request import (  # type: ignore[attr-defined]
    getproxies_environment,
    proxy_bypass_environment,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire._headers import Headers, basic_auth
from ssewire._http.content import INFLATE_STEP, Inflater, make_inflater
from ssewire._http.proxy import Proxy, choose_proxy, parse_proxy
from ssewire._http.redirects import Redirects
from ssewire._http.refusal import parse_retry_after
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Deadlines, Timeouts
from ssewire._http.url import parse_url
from ssewire.errors import ContentDecodingError, RedirectError
from tests.kit.secrets import secrets_in_frames

# --- URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", ("http", "h", 80, "/")),
        ("HTTPS://H.Example/", ("https", "h.example", 443, "/")),
        ("http://h:8080/a/b?c=d&e=/f#g", ("http", "h", 8080, "/a/b?c=d&e=/f")),
        (" http://h ", ("http", "h", 80, "/")),
        ("http://h?q", ("http", "h", 80, "/?q")),
        ("http://h/a b?c d", ("http", "h", 80, "/a%20b?c%20d")),
        ("http://h/%20%zz", ("http", "h", 80, "/%20%zz")),
        ("http://h/é?€", ("http", "h", 80, "/%C3%A9?%E2%82%AC")),
        ("http://bücher.example./", ("http", "xn--bcher-kva.example.", 80, "/")),
        ("http://[::1]:81/", ("http", "::1", 81, "/")),
        ("http://127.0.0.1/", ("http", "127.0.0.1", 80, "/")),
        ("http://under_score/", ("http", "under_score", 80, "/")),
    ],
)
def test_a_url_is_taken_apart_as_the_request_line_needs_it(url: str, expected: Any) -> None:
    assert tuple(parse_url(url)) == expected


@pytest.mark.parametrize(
    ("url", "authority", "address"),
    [
        ("http://h:80/", "h", "h:80"),
        ("https://h:80/", "h:80", "h:80"),
        ("https://[::1]/", "[::1]", "[::1]:443"),
        ("http://[::1]:81/", "[::1]:81", "[::1]:81"),
    ],
)
def test_the_host_header_leaves_out_the_schemes_own_port(
    url: str, authority: str, address: str
) -> None:
    assert parse_url(url).authority == authority
    assert parse_url(url).address == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/p",
        "//h/p",
        "ftp://h/",
        "file:///etc/passwd",
        "http:///p",
        "http://",
        "http://h:0/",
        "http://h:65536/",
        "http://h:x/",
        "http://[::1/",
        "http://[h]/",
        "http://[::1]x/",
        "http://[::1]x:80/",
        "http://x[::1]/",
        "http://[::1]]/",
        "http://[[::1]]/",
        "http://h\r\nX: y/",
        "http://h/\n",
        "http://h/\t",
        "http://h/\0",
        "\x01http://h/",
        "http://a..b/",
        "http://.b/",
        "http://" + "a" * 64 + "/",
        "http://" + "\xfc" * 70 + "/",
        "http://a b/",
        "http://a%41/",
        "http://a\\b/",
    ],
)
def test_a_url_that_cannot_be_opened_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host|port") as caught:
        HTTPRequest(url)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("api.example.com/v1", "write https://api.example.com/v1"),
        ("api.example.com/v1?key=hunter2#x", "write https://api.example.com/v1"),
        ("//h/p", "write https://h/p"),
        ("localhost:8080/x", "write https://localhost:8080/x"),
        ("h.example:443", "write https://h.example:443"),
        ("h:80", "write https://h:80"),
        ("127.0.0.1:80", "write https://127.0.0.1:80"),
        (" h ", "write https://h"),
        ("user:hunter2@h.example", None),
        ("us.er:hunter2@h", "write https://..."),
        ("h.example/" + "x" * 500, "write https://h.example/xxx"),
        ("", "the URL is empty"),
        ("ftp://h/", "not 'ftp'"),
        ("mailto:h", "not 'mailto'"),
    ],
)
def test_a_url_without_a_scheme_is_told_how_to_write_it(url: str, hint: str | None) -> None:
    with pytest.raises(ValueError, match="only http and https URLs can be opened") as caught:
        parse_url(url)
    if hint is not None:
        assert hint in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    "url", ["http://user:hunter2@h/", "http://hunter2@h:99999/", "x:hunter2@h"]
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        HTTPRequest(url)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__


def test_credentials_in_a_url_come_with_a_hint() -> None:
    with pytest.raises(ValueError, match=r"Authorization header.*basic_auth\(user, password\)"):
        parse_url("https://user:pw@h/")


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        # RFC 7617, 2 and 2.1.
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123\u00a3", "Basic dGVzdDoxMjPCow=="),
        ("", "", "Basic Og=="),
        ("u", "a:b", "Basic dTphOmI="),
        ("u", "x" * 200, "Basic " + base64.b64encode(b"u:" + b"x" * 200).decode()),
    ],
)
def test_basic_auth_is_the_value_of_a_header(user: str, password: str, value: str) -> None:
    assert basic_auth(user, password) == value
    assert HTTPRequest("http://h/", headers={"Authorization": value}).headers


@pytest.mark.parametrize(
    ("user", "password", "error"),
    [
        ("a:b", "hunter2", ValueError),
        ("a\n", "hunter2", ValueError),
        ("a", "hunter2\r", ValueError),
        ("a", "hunter2\0", ValueError),
        ("a", "hunter2\x7f", ValueError),
        ("a", "hunter2\ud800", ValueError),
        (b"a", "hunter2", TypeError),
        ("a", None, TypeError),
    ],
)
def test_a_user_or_password_that_cannot_be_sent_is_refused_and_not_repeated(
    user: Any, password: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"user|password") as caught:
        basic_auth(user, password)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", [b"http://h/", None, 1])
def test_a_url_of_another_type_is_a_type_error(url: Any) -> None:
    with pytest.raises(TypeError, match="url must be a str"):
        HTTPRequest(url)


# --- headers


def test_headers_compare_names_without_case_and_keep_order_and_spelling() -> None:
    headers = Headers([("Set-Cookie", "a"), ("X", "y"), ("set-cookie", b"b\xff")])
    assert headers["SET-COOKIE"] == "a"
    assert headers.get_all("set-cookie") == ["a", "b\udcff"]
    assert headers.get_all("none") == []
    assert headers.get("none") is None
    assert list(headers) == ["Set-Cookie", "X"]
    assert len(headers) == 2
    assert "x" in headers
    assert not headers.__contains__(1)
    assert headers.multi_items()[2] == ("set-cookie", "b\udcff")
    assert headers == Headers(headers) == pickle.loads(pickle.dumps(headers)) == copy.copy(headers)
    assert hash(headers) == hash(Headers(headers))
    assert headers != Headers() != {}
    with pytest.raises(KeyError):
        headers["none"]


def test_the_repr_of_headers_and_requests_hides_keys() -> None:
    fields = dict.fromkeys(
        ("X-Api-Key", "AUTHORIZATION", "cookie", "Proxy-Authorization"), "hunter2"
    )
    request = HTTPRequest("http://h/?token=hunter2", headers=fields, body=b"hunter2")
    assert "hunter2" not in repr(request) + repr(request.headers)
    assert repr(request.headers).count("[hidden]") == 4


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "\xe9", "a\0", "(a)"])
def test_a_header_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        HTTPRequest("http://h/", headers={name: "v"})


@pytest.mark.parametrize("value", ["hunter2\n", "hunter2\ud800"])
def test_a_header_value_that_cannot_be_sent_is_in_no_frame_of_ours(value: str) -> None:
    headers = Headers({"X-Key": value})
    with pytest.raises(ValueError, match="header X-Key") as caught:
        HTTPRequest("http://h/", headers=headers)
    assert secrets_in_frames(caught.value, "hunter2") == []
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "a\r\nX: y", b"a\n"])
def test_a_header_value_with_cr_lf_or_nul_is_refused_and_not_repeated(value: Any) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL") as caught:
        HTTPRequest("http://h/", headers={"X-Key": value})
    assert "a" not in str(caught.value).replace("header", "").replace("contain", "")


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_headers_that_frame_the_request_are_the_clients_own(name: str) -> None:
    with pytest.raises(ValueError, match="set by the client"):
        HTTPRequest("http://h/", headers={name: "5"})


@pytest.mark.parametrize("headers", ["a: b", b"", 5, [1], ["ab"], [("a",)], {"a": 1}, {1: "a"}])
def test_headers_of_another_type_are_a_type_error(headers: Any) -> None:
    with pytest.raises(TypeError):
        HTTPRequest("http://h/", headers=headers)


def test_default_headers_are_sent_unless_the_caller_sends_others() -> None:
    sent = HTTPRequest(
        "http://h/", headers={"aCCept": "a", "Accept-encoding": "gzip"}
    ).wire_headers()
    names = [name.lower() for name, _ in sent]
    assert names.count(b"accept") == names.count(b"accept-encoding") == 1
    assert (b"aCCept", b"a") in sent
    assert (b"Cache-Control", b"no-cache") in sent
    assert (b"Accept", b"text/event-stream") in HTTPRequest("http://h/").wire_headers()


def test_header_values_go_out_as_utf_8_and_bytes_as_they_are() -> None:
    request = HTTPRequest("http://h/", headers=[("A", "€5"), ("B", b"\xff"), ("C", "é".encode())])
    sent = dict(request.wire_headers())
    assert (sent[b"A"], sent[b"B"], sent[b"C"]) == (b"\xe2\x82\xac5", b"\xff", b"\xc3\xa9")
    with pytest.raises(ValueError, match="UTF-8"):
        HTTPRequest("http://h/", headers={"A": "\ud800"})


def test_last_event_id_is_replaced_or_removed_and_is_utf_8() -> None:
    request = HTTPRequest("http://h/", headers={"last-event-id": "old", "X": "y"})
    assert (
        dict(request.with_last_event_id("€5").wire_headers())[b"Last-Event-ID"] == b"\xe2\x82\xac5"
    )
    assert request.with_last_event_id("€5").headers.get_all("Last-Event-ID") == ["€5"]
    assert "Last-Event-ID" not in request.with_last_event_id("").headers
    assert request.with_last_event_id("a").headers["X"] == "y"


# --- method, body, timeouts


def test_with_headers_replaces_adds_and_takes_away_fields_in_any_case() -> None:
    request = HTTPRequest("http://h/", headers=[("X", "1"), ("x", "2"), ("Y", "3")])
    changed = request.with_headers({"x": "new", "Z": b"\xff", "y": None, "none-such": None})
    assert changed.headers.get_all("X") == ["new"]
    assert changed.headers["Z"] == "\udcff"
    assert "Y" not in changed.headers
    assert request.headers.get_all("X") == ["1", "2"]
    assert (changed.url, changed.method, changed.body) == ("http://h/", "GET", None)


def test_a_default_header_that_was_taken_away_stays_away() -> None:
    request = HTTPRequest("http://h/").with_headers({"User-Agent": None, "accept": None})
    for changed in (
        request,
        request.with_headers({"X": "y"}),
        request.with_url("http://h/2"),
        request.with_method("POST", b"b"),
        request.with_last_event_id("5"),
    ):
        assert "User-Agent" not in changed.headers
        assert "Accept" not in changed.headers
        assert changed.headers["Cache-Control"] == "no-cache"
    followed = Redirects().follow(request, 302, Headers({"Location": "/2"}))
    assert followed is not None
    assert "User-Agent" not in followed.headers


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"X": "a\r\nb"}, ValueError),
        ({"a b": "c"}, ValueError),
        ({"Content-Length": "5"}, ValueError),
        ({"Transfer-Encoding": "chunked"}, ValueError),
        ({"X": 5}, TypeError),
        ({5: None}, TypeError),
        ([("X", "y")], TypeError),
        (None, TypeError),
        ("X: y", TypeError),
    ],
)
def test_changed_headers_are_checked_like_the_originals(
    headers: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        HTTPRequest("http://h/").with_headers(headers)


def test_with_url_goes_where_the_caller_says_with_all_headers() -> None:
    timeouts = Timeouts(idle=5)
    request = HTTPRequest(
        "http://h/1", method="POST", body=b"b", headers={"Authorization": "k"}, timeouts=timeouts
    )
    changed = request.with_url("https://other/2?x=y")
    assert changed.parts == parse_url("https://other/2?x=y")
    assert dict(changed.wire_headers())[b"Host"] == b"other"
    assert changed.headers["Authorization"] == "k"
    assert (changed.method, changed.body, changed.timeouts) == ("POST", b"b", timeouts)
    with pytest.raises(ValueError, match="credentials"):
        request.with_url("http://user:pw@h/")
    with pytest.raises(TypeError):
        request.with_url(b"http://h/")  # type: ignore[arg-type]


def test_with_method_changes_the_body_and_what_describes_it() -> None:
    post = HTTPRequest(
        "http://h/", method="POST", body=b"{}", headers={"Content-Type": "application/json"}
    )
    get = post.with_method("get")
    assert (get.method, get.body) == ("GET", None)
    assert "Content-Type" not in get.headers
    again = post.with_method("PUT", bytearray(b"[]"))
    assert (again.method, again.body) == ("PUT", b"[]")
    assert again.headers["Content-Type"] == "application/json"
    for bad in ("GET /", "CONNECT", ""):
        with pytest.raises(ValueError, match="method"):
            post.with_method(bad)
    with pytest.raises(TypeError, match="encode"):
        post.with_method("POST", "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "error"), [("text", TypeError), (5, TypeError), ([b"a"], TypeError)]
)
def test_a_body_that_is_not_bytes_is_refused(body: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="body must be bytes"):
        HTTPRequest("http://h/", method="POST", body=body)


def test_a_str_body_comes_with_a_hint() -> None:
    with pytest.raises(TypeError, match="encode"):
        HTTPRequest("http://h/", method="POST", body="{}")  # type: ignore[arg-type]


def test_a_body_is_copied() -> None:
    body = bytearray(b"abc")
    request = HTTPRequest("http://h/", method="POST", body=body)
    body[:] = b"xyz"
    assert request.body == b"abc"
    assert (b"Content-Length", b"3") in request.wire_headers()
    assert (b"Content-Length", b"0") in HTTPRequest("http://h/", method="POST").wire_headers()
    assert b"Content-Length" not in dict(HTTPRequest("http://h/").wire_headers())


@pytest.mark.parametrize("method", ["", "GET /", "A\r\nB", "CONNECT", "connect", "\xe9"])
def test_a_method_that_cannot_be_sent_is_a_value_error(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        HTTPRequest("http://h/", method=method)


def test_a_method_or_timeouts_of_another_type_are_type_errors() -> None:
    with pytest.raises(TypeError):
        HTTPRequest("http://h/", method=b"GET")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        HTTPRequest("http://h/", timeouts=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["connect", "head", "idle", "stall", "total"])
@pytest.mark.parametrize("value", [-1, 0, -0.5, float("nan"), float("inf"), 10**400])
def test_timeouts_that_make_no_sense_are_value_errors(kind: str, value: float) -> None:
    with pytest.raises(ValueError, match=kind):
        Timeouts(**{kind: value})


@pytest.mark.parametrize("value", ["5", True, [1]])
def test_timeouts_of_another_type_are_type_errors(value: Any) -> None:
    with pytest.raises(TypeError, match="idle"):
        Timeouts(idle=value)


def test_timeouts_are_read_only_values() -> None:
    timeouts = Timeouts(idle=5)
    assert timeouts == Timeouts(10.0, None, 5.0) != Timeouts()
    assert hash(timeouts) == hash(pickle.loads(pickle.dumps(timeouts)))
    assert copy.copy(timeouts) == timeouts
    assert repr(timeouts) == "Timeouts(connect=10.0, head=None, idle=5.0, stall=None, total=None)"
    with pytest.raises(AttributeError):
        timeouts.idle = 6.0
    with pytest.raises(AttributeError):
        del timeouts.idle


# --- deadlines


def expiry(deadlines: Deadlines) -> tuple[float, str]:
    at = deadlines.earliest()
    assert at is not None
    assert deadlines.expired(at - 0.001) is None
    error = deadlines.expired(at)
    assert error is not None
    return at, error.kind


def test_each_phase_has_its_deadline_and_total_has_one_for_all() -> None:
    deadlines = Deadlines(Timeouts(connect=5, head=6, idle=7, stall=8, total=100), 1000)
    assert expiry(deadlines) == (1005, "connect")
    deadlines.start_head(1003)
    assert expiry(deadlines) == (1009, "head")
    deadlines.start_connect(1004)
    assert expiry(deadlines) == (1009, "connect")
    deadlines.start_head(1005)
    deadlines.start_body()
    assert expiry(deadlines) == (1100, "total")
    deadlines.start_stall(1010)
    deadlines.start_idle(1010)
    assert expiry(deadlines) == (1017, "idle")
    deadlines.start_idle(1016)
    assert expiry(deadlines) == (1018, "stall")
    # What is left of a stall does not run while its consumer holds a comment.
    deadlines.stop_stall(1017)
    deadlines.start_idle(1040)
    assert expiry(deadlines) == (1047, "idle")
    deadlines.start_stall(1045, anew=False)
    assert expiry(deadlines) == (1046, "stall")
    # A wait that goes on is no new one.
    deadlines.start_stall(1045.5, anew=False)
    assert expiry(deadlines) == (1046, "stall")
    deadlines.start_stall(1045.5)
    deadlines.start_idle(1050)
    assert expiry(deadlines) == (1053.5, "stall")
    deadlines.stop_stall(1050)
    deadlines.stop_stall(1060)
    assert expiry(deadlines) == (1057, "idle")


def test_a_stall_that_no_wait_for_an_event_began_does_not_go_on() -> None:
    # Such as that of somebody who reads bytes.
    deadlines = Deadlines(Timeouts(connect=None, stall=5), 0)
    deadlines.start_stall(10, anew=False)
    deadlines.stop_stall(11)
    deadlines.start_stall(12, anew=False)
    assert not deadlines.running


def test_without_timeouts_nothing_ever_expires() -> None:
    deadlines = Deadlines(Timeouts(connect=None), 0)
    deadlines.start_head(0)
    deadlines.start_body()
    deadlines.start_idle(0)
    deadlines.start_stall(0)
    assert deadlines.earliest() is None
    assert deadlines.expired(1e12) is None


# --- redirects


def request_with_secrets(
    url: str = "http://a/x", method: str = "GET", **options: Any
) -> HTTPRequest:
    secrets = dict.fromkeys(("AUTHORIZATION", "x-api-key", "Cookie", "Proxy-Authorization"), "s")
    headers = {**secrets, "X-Other": "o", "Content-Type": "application/json"}
    return HTTPRequest(url, method=method, headers=headers, **options)


def follow(request: HTTPRequest, status: int, location: str | None, limit: int = 10) -> Any:
    headers = Headers({} if location is None else {"Location": location})
    return Redirects(limit).follow(request, status, headers)


@pytest.mark.parametrize("status", [200, 204, 300, 304, 305, 306, 404, 500])
def test_other_statuses_are_no_redirects(status: int) -> None:
    assert follow(HTTPRequest("http://a/"), status, "/b") is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://a/b"),
        ("c?d", "http://a/x/c?d"),
        ("?q", "http://a/x/y?q"),
        ("//b/c", "http://b/c"),
        ("https://b:444/c#f", "https://b:444/c#f"),
        ("../z", "http://a/z"),
        ("http://b/\xe2\x82\xac", "http://b/%E2%82%AC"),
        ("http://b/a b", "http://b/a%20b"),
    ],
)
def test_a_location_is_resolved_against_the_url_before(location: str, url: str) -> None:
    assert follow(HTTPRequest("http://a/x/y"), 302, location).url == url


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_the_method_changes_as_the_fetch_standard_says(
    status: int, method: str, expected: str
) -> None:
    request = request_with_secrets(method=method, body=b"body" if method != "GET" else None)
    following = follow(request, status, "/b")
    assert following.method == expected
    kept = expected == method
    assert following.body == (request.body if kept else None)
    assert ("Content-Type" in following.headers) is kept
    assert following.timeouts is request.timeouts


@pytest.mark.parametrize("location", ["http://b/", "http://a:81/", "https://a/", "//b/"])
def test_secrets_do_not_go_to_another_origin(location: str) -> None:
    following = follow(request_with_secrets(), 307, location)
    assert not {"authorization", "x-api-key", "cookie", "proxy-authorization"} & {
        name.lower() for name in following.headers
    }
    assert following.headers["X-Other"] == "o"


@pytest.mark.parametrize(
    "name",
    [
        *("X-Auth-Token", "api-key", "X-Goog-Api-Key", "PRIVATE-TOKEN", "X-CSRFToken", "Cookie2"),
        *("x-amz-security-token", "X-Session-ID", "X-Amz-Signature", "X-Password", "Auth"),
        *("X-Client-Secret", "cf-access-client-secret", "X-JWT-Assertion", "X-Credentials"),
    ],
)
def test_headers_that_sound_like_credentials_are_hidden_and_stay_within_the_origin(
    name: str,
) -> None:
    request = HTTPRequest("http://a/", headers={name: "hunter2"})
    assert name not in follow(request, 307, "http://b/").headers
    assert follow(request, 307, "/b").headers[name] == "hunter2"
    assert "hunter2" not in repr(request.headers)


@pytest.mark.parametrize(
    "name",
    [
        "X-Trace",
        "Last-Event-ID",
        "Accept-Language",
        "X-RateLimit-Tokens-Remaining",
        "WWW-Authenticate",
    ],
)
def test_other_headers_follow_a_redirect_and_are_shown(name: str) -> None:
    request = HTTPRequest("http://a/", headers={name: "seen"})
    assert follow(request, 307, "http://b/").headers[name] == "seen"
    assert "seen" in repr(request.headers)


def test_a_repr_of_headers_is_short_whatever_is_in_them() -> None:
    headers = Headers([("X" * 5000, "y" * 5000)] * 5000)
    assert len(repr(headers)) < 20_000
    assert repr(headers).endswith("4900 more)")


@pytest.mark.parametrize(
    ("location", "refused"),
    [("http://b/", True), ("https://a/", True), ("http://a:81/", True), ("/b", False)],
)
def test_redirects_to_another_origin_are_refused_where_asked_for(
    location: str, refused: bool
) -> None:
    redirects = Redirects(within=True)
    request = HTTPRequest("http://a/", method="POST", body=b"prompt")
    if not refused:
        assert redirects.follow(request, 307, Headers({"Location": location})) is not None
        return
    with pytest.raises(RedirectError, match="another origin") as caught:
        redirects.follow(request, 307, Headers({"Location": location}))
    assert caught.value.location == location
    assert location in str(caught.value)


@pytest.mark.parametrize("location", ["/b", "http://a/", "http://A:80/y"])
def test_secrets_stay_within_the_origin(location: str) -> None:
    following = follow(request_with_secrets(), 302, location)
    assert following.headers["Authorization"] == following.headers["X-API-Key"] == "s"


def test_a_host_header_of_the_caller_wins_until_another_origin() -> None:
    request = HTTPRequest("http://a/x", headers={"host": "virtual"})
    assert [value for name, value in request.wire_headers() if name.lower() == b"host"] == [
        b"virtual"
    ]
    assert follow(request, 302, "/y").headers["Host"] == "virtual"
    assert "Host" not in follow(request, 302, "http://b/").headers


def test_secrets_once_dropped_do_not_come_back() -> None:
    redirects = Redirects()
    there = redirects.follow(request_with_secrets(), 302, Headers({"Location": "http://b/"}))
    assert there is not None
    back = redirects.follow(there, 302, Headers({"Location": "http://a/z"}))
    assert back is not None
    assert "Authorization" not in back.headers


@pytest.mark.parametrize(
    ("url", "location", "reason"),
    [
        ("http://a/", None, "without a Location"),
        ("http://a/", "", "without a Location"),
        ("http://a/", "/", "loop"),
        ("http://a/", "#f", "loop"),
        ("https://a/", "http://a/b", "https to http"),
        ("http://a/", "ftp://b/", "cannot be opened"),
        ("http://a/", "file:///etc/passwd", "cannot be opened"),
        ("http://a/", "javascript:alert(1)", "cannot be opened"),
        ("http://a/", "http://u:hunter2@b/", "cannot be opened"),
        ("http://a/", "http://[b/", "cannot be opened"),
        ("http://a/", "http://b:99999/", "cannot be opened"),
    ],
)
def test_a_redirect_that_must_not_be_followed_is_an_error(
    url: str, location: str | None, reason: str
) -> None:
    with pytest.raises(RedirectError, match=reason) as caught:
        follow(HTTPRequest(url), 302, location)
    assert caught.value.url == url
    assert "hunter2" not in str(caught.value)


def test_a_loop_over_several_urls_is_found() -> None:
    redirects = Redirects()
    request: HTTPRequest | None = HTTPRequest("http://a/1")
    for location in ("/2", "/3"):
        assert request is not None
        request = redirects.follow(request, 302, Headers({"Location": location}))
    assert request is not None
    with pytest.raises(RedirectError, match="loop"):
        redirects.follow(request, 302, Headers({"Location": "http://a:80/1"}))


def test_a_post_redirected_to_its_own_url_as_get_is_no_loop() -> None:
    request = HTTPRequest("http://a/1", method="POST", body=b"")
    assert follow(request, 303, "/1").method == "GET"


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_as_many_redirects_as_allowed_are_followed(limit: int) -> None:
    redirects = Redirects(limit)
    request: HTTPRequest | None = HTTPRequest("http://a/0")
    for number in range(limit):
        assert request is not None
        request = redirects.follow(request, 302, Headers({"Location": f"/{number + 1}"}))
    assert request is not None
    with pytest.raises(RedirectError, match=f"more than {limit} redirects"):
        redirects.follow(request, 302, Headers({"Location": "/last"}))


@pytest.mark.parametrize(
    ("limit", "error"), [(-1, ValueError), ("1", TypeError), (True, TypeError)]
)
def test_a_limit_that_makes_no_sense_is_refused(limit: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="max_redirects"):
        Redirects(limit)


# --- proxies


def chosen(url: str, proxy: Any = "env", **env: str) -> Proxy | None:
    """Choose with urllib's own rules over the given variables."""
    proxies = {name.split("_")[0].lower(): value for name, value in env.items()}
    return choose_proxy(
        parse_url(url),
        proxy,
        lambda: proxies,
        lambda host: proxy_bypass_environment(host, proxies),
    )


@pytest.mark.parametrize(
    ("url", "env", "expected"),
    [
        ("http://h/", {}, None),
        ("http://h/", {"http_proxy": "http://p:3128"}, "p:3128"),
        ("https://h/", {"http_proxy": "http://p:3128"}, None),
        ("https://h/", {"https_proxy": "p"}, "p:80"),
        ("https://h/", {"all_proxy": "http://[::1]:8"}, "[::1]:8"),
        ("http://h.a/", {"http_proxy": "p:1", "no_proxy": "b,.a"}, None),
        ("http://a/", {"http_proxy": "p:1", "no_proxy": "a:81"}, "p:1"),
        ("http://a:81/", {"http_proxy": "p:1", "no_proxy": "a:81"}, None),
        ("http://a/", {"http_proxy": "p:1", "no_proxy": "*"}, None),
        ("http://ba/", {"http_proxy": "p:1", "no_proxy": "a"}, "p:1"),
    ],
)
def test_the_environment_chooses_the_proxy(
    url: str, env: dict[str, str], expected: str | None
) -> None:
    proxy = chosen(url, **env)
    assert (proxy and proxy.address) == expected


def test_urllib_reads_the_environment_in_the_shape_that_is_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://p:1")
    monkeypatch.setenv("no_proxy", "h")
    found = [
        choose_proxy(parse_url(url), "env", getproxies_environment, proxy_bypass_environment)
        for url in ("http://h/", "http://i/")
    ]
    assert found == [None, Proxy("p", 1, None, "the system's http_proxy")]


def test_spaces_around_a_proxy_do_not_count() -> None:
    for proxy in ("http://p:1 ", " p:1", "  http://p:1/  "):
        assert parse_proxy(proxy) == Proxy("p", 1, None)


def test_a_proxy_argument_wins_over_the_environment() -> None:
    env = {"http_proxy": "p:1", "no_proxy": "*"}
    assert chosen("http://h/", None, **env) is None
    assert chosen("http://h/", "http://q:2/", **env) == Proxy("q", 2, None)


def test_proxy_credentials_become_a_header_and_are_not_shown() -> None:
    proxy = parse_proxy("http://us:hunter%322@p:1")
    assert proxy.authorization == "Basic dXM6aHVudGVyMjI="
    assert repr(proxy) == "<Proxy p:1>"


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://u:hunter2@p",
        "https://p",
        "http://",
        "p:0",
        "hunter2@p:x",
        "p\r\n",
        "a b",
        "",
        '"http://p"',
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_value_error(proxy: str) -> None:
    with pytest.raises(ValueError, match=r"prox|host|port") as caught:
        chosen("http://h/", proxy)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["ALL_PROXY"], "ALL_PROXY cannot"),
        (["all_proxy", "ALL_PROXY"], "all_proxy cannot"),
        (["All_Proxy"], "All_Proxy cannot"),
        (["PATH"], "the system's all_proxy cannot"),
    ],
)
@pytest.mark.parametrize(
    "value", ["socks5://u:hunter2@p:1080", "socks5h://p", "https://p", "http://p:x", "http://[::1"]
)
def test_a_proxy_of_the_environment_that_cannot_be_used_is_named_with_a_way_out(
    names: list[str], shown: str, value: str
) -> None:
    def choose(url: str, **more: str) -> Proxy | None:
        proxies = {"all": value, **more}
        return choose_proxy(
            parse_url(url),
            "env",
            lambda: proxies,
            lambda host: proxy_bypass_environment(host, proxies),
            names,
        )

    for url in ("http://h/", "https://h/"):
        with pytest.raises(ValueError, match=shown) as caught:
            choose(url)
        assert "proxy=None" in str(caught.value)
        assert "NO_PROXY" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert secrets_in_frames(caught.value, "hunter2") == []
    assert choose("http://h/", no="h") is None
    assert choose("http://h/", http="p:1") == Proxy("p", 1, None, "the system's http_proxy")


def test_a_proxy_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        chosen("http://h/", 5)


# --- response headers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7.0),
        ("Sun Nov  6 08:49:37 1994", 7.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 7.0),
        ("9" * 64, 9.999999999999999e63),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1_0", None),
        ("soon", None),
        ("\xb2", None),
        ("Sun, 99 Foo 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999999999 08:49:37 GMT", None),
        ("9" * 5000, None),
        ("Sun, 06 Nov 1994 08:49:37 GMT" + " " * 5000 + "x", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_none(
    value: str | None, expected: float | None
) -> None:
    headers = Headers({} if value is None else {"Retry-After": value})
    assert parse_retry_after(headers, 784111777.0 - 7) == pytest.approx(expected)


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} .{0,14}"))
def test_no_retry_after_raises(value: str) -> None:
    seconds = parse_retry_after(Headers({"Retry-After": value}), 0.0)
    assert seconds is None or seconds >= 0


# --- inflating


def deflate_raw(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw": deflate_raw,
}


def inflate(data: bytes, encoding: str, sizes: list[int]) -> list[bytes]:
    inflater = Inflater("deflate" if encoding == "raw" else encoding)
    pieces: list[bytes] = []
    pos = 0
    for size in sizes:
        pieces += inflater.feed(data[pos : pos + size])
        pos += size
    pieces += inflater.feed(data[pos:])
    inflater.close()
    return pieces


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=3000), st.lists(st.integers(1, 200)))
def test_every_cut_inflates_to_the_same(encoding: str, data: bytes, sizes: list[int]) -> None:
    assert b"".join(inflate(COMPRESS[encoding](data), encoding, sizes)) == data


@pytest.mark.parametrize("encoding", sorted(COMPRESS))
@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_a_bomb_comes_out_in_small_steps(encoding: str, size: int) -> None:
    data = COMPRESS[encoding](bytes(5_000_000))
    pieces = inflate(data, encoding, [size] * (len(data) // size))
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= INFLATE_STEP


def test_a_reader_of_a_bomb_may_stop_when_it_has_enough() -> None:
    pieces = Inflater("gzip").feed(gzip.compress(bytes(50_000_000), 1))
    assert len(next(iter(pieces))) <= INFLATE_STEP


def test_flushed_data_comes_out_at_once() -> None:
    compressor = zlib.compressobj(wbits=31)
    inflater = Inflater("gzip")
    for text in (b"data: a\n\n", b"data: b\n\n"):
        wire = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(inflater.feed(wire)) == text


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_gzip_members_are_joined_and_what_follows_them_is_ignored(size: int) -> None:
    data = gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b") + b"\0\0\0junk"
    assert b"".join(inflate(data, "gzip", [size] * (len(data) // size))) == b"ab"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("keep", [1, 2, 9, -1])
def test_a_compressed_body_cut_short_is_an_error(encoding: str, keep: int) -> None:
    data = COMPRESS[encoding](b"hello, world" * 9)[:keep]
    with pytest.raises(ContentDecodingError, match="cut short"):
        inflate(data, encoding, [])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_empty_body_is_not_cut_short(encoding: str) -> None:
    assert inflate(b"", encoding, []) == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [300, 200_000])
def test_what_came_before_the_damage_in_the_same_read_comes_out(encoding: str, size: int) -> None:
    data = random.Random(5).randbytes(size).hex().encode()
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    packed = bytearray(pack(data))
    # In the checksum: all of the data comes before.
    packed[-5 if encoding == "gzip" else -1] ^= 1
    inflater = Inflater(encoding)
    out = bytearray()

    def inflate_all() -> None:
        for piece in inflater.feed(bytes(packed)):
            out.extend(piece)
            assert len(piece) <= INFLATE_STEP

    with pytest.raises(ContentDecodingError, match=r"damaged.*incorrect") as caught:
        inflate_all()
    assert out == data
    assert isinstance(caught.value.__cause__, zlib.error)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_damaged_body_is_an_error_with_its_cause(encoding: str) -> None:
    with pytest.raises(ContentDecodingError, match="damaged") as caught:
        inflate(b"\xff\xff" + b"not compressed at all", encoding, [])
    assert isinstance(caught.value.__cause__, zlib.error)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "identity", "IDENTITY", "identity, identity", "none", "None", "utf-8", "UTF8"),
        *("binary", "8bit", "text/event-stream", "chunked", "no-cache", ",", "x" * 500, "é"),
    ],
)
def test_a_name_that_is_no_content_coding_changes_nothing(value: str | None) -> None:
    assert make_inflater(Headers({} if value is None else {"Content-Encoding": value})) is None


@pytest.mark.parametrize("value", ["GZIP", "x-gzip", "Deflate"])
def test_encodings_are_known_in_any_case(value: str) -> None:
    assert make_inflater(Headers({"Content-Encoding": value})) is not None


@pytest.mark.parametrize("value", ["none, gzip", "gzip, identity", ",gzip,", " gzip\t"])
def test_names_that_are_no_content_coding_do_not_hide_one_that_is(value: str) -> None:
    inflater = make_inflater(Headers({"Content-Encoding": value}))
    assert inflater is not None
    assert b"".join(inflater.feed(gzip.compress(b"data"))) == b"data"


@pytest.mark.parametrize(
    "value",
    [
        *("br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "aes128gcm", "pack200-gzip"),
        *("ZSTD", "gzip, gzip", "gzip, br", ", ".join(["gzip"] * 50)),
    ],
)
def test_a_coding_that_cannot_be_undone_is_an_error_that_is_not_worth_a_retry(value: str) -> None:
    with pytest.raises(ContentDecodingError) as caught:
        make_inflater(Headers({"Content-Encoding": value}))
    assert caught.value.encoding == value.lower()
    assert not caught.value.retryable
    assert len(str(caught.value)) < 160


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("http://[::1]/", "::1"),
        ("http://[::1]/", "[::1]"),
        ("http://example.com./", "example.com"),
        ("http://example.com:8080/", "example.com"),
        ("http://example.com:8080/", "example.com:8080"),
    ],
)
def test_no_proxy_may_name_a_host_bare_or_as_in_a_url(url: str, no_proxy: str) -> None:
    def bypass(host: str) -> bool:
        return bool(proxy_bypass_environment(host, {"no": no_proxy}))

    found = choose_proxy(parse_url(url), "env", lambda: {"http": "http://proxy.example"}, bypass)
    assert found is None
