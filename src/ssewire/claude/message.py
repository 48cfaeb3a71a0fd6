"""The message and its content blocks, as they grow and when they are done.

Everything is a record over the peer's JSON: known keys are declared, all
others stay and are reached by `["key"]` and, at run time, as attributes.
Text is kept in pieces and joined when it is read, so that a message of any
number of deltas costs linear time. Only the accumulator writes to a record.
May import: json, partial_json.
"""

from __future__ import annotations

import json

from .partial_json import MISSING, PartialJSON

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable, ClassVar, Literal, Union

    from typing_extensions import TypeAlias

# Pieces are joined when so many have come: a short str takes four times the
# memory of its text (`python -m benchmarks.claude_pipeline` measures it).
_MAX_PIECES = 512


class ShapeError(ValueError):
    """JSON that is not of the protocol's shape; callers turn it into MalformedEvent."""


def want(kind: type, value: Any, name: str) -> Any:
    """Return `value` if it is of the type that the protocol demands of the key `name`.

    Raises:
        ShapeError: it is of another one.
    """
    if not isinstance(value, kind):
        raise ShapeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
    return value


def want_or(default: Any, value: Any, name: str) -> Any:
    """Return `value`, or `default` for null; relays send null where a key has no value."""
    return default if value is None else want(type(default), value, name)


def copy_json(value: Any) -> Any:
    """Return a deep copy of JSON; without recursion, since peers choose the depth."""
    if type(value) is not dict and type(value) is not list:
        return value
    top = [value]
    todo: list[Any] = [top]
    while todo:
        container = todo.pop()
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is dict or type(item) is list:
                item = container[key] = item.copy()
                todo.append(item)
    return top[0]


def _view(value: Any) -> Any:
    """Return JSON with attribute access where it has keys."""
    if type(value) is dict:
        return JSONObject(value)
    if type(value) is list:
        return [_view(item) for item in value]
    return value


class Record:
    """Part of a message or event: declared keys as attributes, all keys by `["key"]`.

    A declared key that was not sent reads as None, or as the empty value of
    its type where the protocol says that it is always there.
    """

    __slots__ = ("_data",)
    # Known keys that read as None, or as "", where they are absent.
    _nullable: ClassVar[tuple[str, ...]] = ()
    _strings: ClassVar[tuple[str, ...]] = ()
    # Keys whose value is worked out when it is read; `_data` has them too.
    _computed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    if not TYPE_CHECKING:  # so that checkers report names that are not declared

        def __getattr__(self, name: str) -> Any:
            # Python asks for names with an underscore, such as those of pickle.
            if name[:1] != "_":
                if name in self._data:
                    return _view(self._data[name])
                if name in self._nullable:
                    return None
                if name in self._strings:
                    return ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __getitem__(self, key: str) -> Any:
        """Return the JSON value of `key`; not a copy, so it must not be changed."""
        return getattr(self, key) if key in self._computed else self._data[key]

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def keys(self) -> Any:
        """Return the keys that were sent."""
        return self._data.keys()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the JSON value of `key`, or `default` if it was not sent."""
        return self[key] if key in self._data else default

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of this record as it is now: a deep copy."""
        data = copy_json(self._data)
        for key in self._computed:
            data[key] = copy_json(getattr(self, key))
        return data  # type: ignore[no-any-return]

    def model_dump(self) -> dict[str, Any]:
        """Return `to_dict()`; the official SDK's name for it."""
        return self.to_dict()

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the record as JSON text, indented as by the official SDK."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return the record as JSON text, compact unless an `indent` is given."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, separators=separators)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self.to_dict() == other.to_dict()
        return NotImplemented

    # Mutable and compared by value.
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # pyright: ignore

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_dict()!r})"

    def _frozen(self) -> Record:
        """Return a copy that the accumulator does not know and so never changes."""
        return type(self)(self.to_dict())


class JSONObject(Record):
    """A JSON object that has no class of its own: every key is an attribute."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Usage(Record):
    """Token counts: totals for the whole message, never to be added up.

    `input_tokens` and `output_tokens` are 0 until they were sent.
    """

    __slots__ = ()
    _nullable = (
        "cache_creation",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "fallback_credit",
        "inference_geo",
        "iterations",
        "output_tokens_details",
        "server_tool_use",
        "service_tier",
        "speed",
    )

    cache_creation: JSONObject | None
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None
    fallback_credit: JSONObject | None
    inference_geo: str | None
    iterations: list[JSONObject] | None
    output_tokens_details: JSONObject | None
    server_tool_use: JSONObject | None
    service_tier: str | None
    speed: str | None

    @property
    def input_tokens(self) -> int:
        return _int_or_0(self._data.get("input_tokens"))

    @property
    def output_tokens(self) -> int:
        return _int_or_0(self._data.get("output_tokens"))


def _int_or_0(value: Any) -> int:
    return value if type(value) is int else 0


class GrowingText:
    """A text that deltas are added to: linear in time, little more than the text in memory."""

    __slots__ = ("_chunks", "_joined", "_passed", "_pieces", "_run", "_walker")

    def __init__(self, text: str = "") -> None:
        # The text is _joined, then _chunks, then _pieces, then what was handed out of _run.
        self._joined = text
        self._chunks: list[str] | None = None
        self._pieces: list[str] = []
        # Pieces on their way to a reader of `text_stream`, and the list iterator that it
        # walks: those it has passed belong to the text; `_passed` of them were added.
        self._run: list[str] | None = None
        self._walker: Iterator[str] | None = None
        self._passed = 0

    def add(self, piece: str) -> None:
        """Append a piece; amortised cost: its own length."""
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) > _MAX_PIECES:
            self._fold()

    # Here and below: no call between two changes that belong together. A call is where
    # the exceptions of signal handlers come (Python 3.10 on).

    def _fold(self) -> None:
        """Make one chunk of the pieces."""
        chunk = "".join(self._pieces)
        chunks = self._chunks or []
        chunks += (chunk,)
        self._chunks = chunks
        self._pieces = []

    def start_run(self, run: list[str]) -> Iterator[str]:
        """Return an iterator over `run`; a piece is part of the text once it was handed out."""
        walker = iter(run)
        self._passed = 0
        self._walker = walker
        self._run = run
        return walker

    def end_run(self) -> int:
        """Return how many pieces of the run were handed out; the others are taken back."""
        self._follow_run()
        run = self._run
        self._run = self._walker = None
        if run is not None:
            # Ends the iterator, wherever its reader may have put it.
            run.clear()
        return self._passed

    def _follow_run(self) -> None:
        run = self._run
        if run is None:
            return
        # A list iterator says how many items are left, which costs its reader nothing.
        passed = len(run) - self._walker.__length_hint__()  # type: ignore[union-attr]
        if passed > self._passed:
            piece = "".join(run[self._passed : passed])
            self._pieces, self._passed = [*self._pieces, piece], passed
            if len(self._pieces) > _MAX_PIECES:
                self._fold()

    def get(self) -> str:
        """Return the text; each call costs what was added since the last one.

        CPython appends in place as long as nobody holds the str of the call
        before; otherwise the whole text is copied.
        """
        if self._run is not None:
            self._follow_run()
        if self._chunks or self._pieces:
            new = "".join(self._chunks or ()) + "".join(self._pieces)
            kept = len(self._joined)
            if self._joined and is_high_surrogate(self._joined[-1]):
                kept -= 1
                new = self._joined[-1] + new
            new = join_surrogates(new)
            text = self._joined if kept == len(self._joined) else self._joined[:kept]
            self._joined = ""  # appending in place needs the only reference
            text += new
            self._joined = text
            self._chunks = None
            self._pieces = []
        return self._joined


def is_high_surrogate(character: str) -> bool:
    """Say whether a character is the first half of a surrogate pair."""
    return "\ud800" <= character <= "\udbff"


def has_surrogates(text: str) -> bool:
    """Say whether a text holds half of a surrogate pair."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def join_surrogates(text: str) -> str:
    """Return text in which pairs that were cut between two deltas are one character.

    Relays written in JavaScript cut them; halves that stand alone stay.
    """
    if not has_surrogates(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class Block(Record):
    """Base of the content blocks; `type` is the block's type on the wire."""

    __slots__ = ()
    # The delta type that makes this block grow, through `_add`.
    _grows_by: ClassVar[str] = ""

    def _add(self, piece: str) -> None:
        raise NotImplementedError

    def _finish(self, stopped: bool) -> None:
        """React to the block's end; not `stopped`: it was cut, or its stop was left out."""

    def _param(self) -> dict[str, Any] | None:
        """Return what to send back for this block, or None for nothing."""
        return self.to_dict()


class _TextOf(Block):
    """A block with one text that grows, under the key `_computed` names."""

    __slots__ = ("_text",)

    def __init__(self, data: dict[str, Any]) -> None:
        key = self._computed[0]
        self._text = GrowingText(want_or("", data.get(key), key))
        data[key] = ""
        self._data = data

    def _add(self, piece: str) -> None:
        self._text.add(piece)


class TextBlock(_TextOf):
    """Text of the answer; `text` is joined when it is read."""

    __slots__ = ()
    _computed = ("text",)
    _nullable = ("citations",)
    _grows_by = "text_delta"

    type: Literal["text"]
    citations: list[JSONObject] | None

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        want_or([], data.get("citations"), "citations")

    @property
    def text(self) -> str:
        return self._text.get()

    def _cite(self, citation: Any) -> None:
        citations = self._data.get("citations")
        if citations is None:
            citations = self._data["citations"] = []
        citations.append(citation)

    def _param(self) -> dict[str, Any] | None:
        # The API refuses empty text blocks.
        return self.to_dict() if self.text else None


class ThinkingBlock(_TextOf):
    """The model's reasoning, or "" where it is not shown, and its signature."""

    __slots__ = ()
    _computed = ("thinking",)
    _strings = ("signature",)
    _grows_by = "thinking_delta"

    type: Literal["thinking"]
    signature: str

    @property
    def thinking(self) -> str:
        return self._text.get()

    def _param(self) -> dict[str, Any] | None:
        # The API refuses thinking that it has not signed.
        return self.to_dict() if self.signature else None


class RedactedThinkingBlock(Block):
    """Reasoning that only the API can read; send it back as it is."""

    __slots__ = ()
    _strings = ("data",)

    type: Literal["redacted_thinking"]
    data: str


class _ToolBlock(Block):
    """A block whose input is JSON in fragments.

    While it comes, `input` is what can be told of it so far: a live value.
    At the block's end the whole is parsed strictly, once. A document that
    then is not JSON leaves the partial value and sets `input_error`.
    """

    __slots__ = ("_complete", "_error", "_input", "_json", "_mode", "_parser", "_settled")
    _computed = ("input",)
    _nullable: ClassVar[tuple[str, ...]] = ("caller",)
    _strings: ClassVar[tuple[str, ...]] = (
        "id",
        "name",
    )
    _grows_by = "input_json_delta"

    id: str
    name: str
    caller: JSONObject | None

    def __init__(self, data: dict[str, Any], mode: str = "A") -> None:
        start = data.get("input")
        if start is None or start == "":
            start = {}
        data["input"] = None  # keeps the key's place; the value is worked out
        self._data = data
        # The start's value; the result once `_settled`.
        self._input = start
        self._settled = False
        self._json = GrowingText()
        self._mode = mode
        # Made when the input is first looked at, then fed by `_add`.
        self._parser: PartialJSON | None = None
        self._complete = False
        self._error: ValueError | None = None

    @property
    def input(self) -> Any:
        if self._settled:
            return self._input
        value = self._partial()
        return self._input if value is MISSING else value

    @property
    def raw_json(self) -> str:
        """The fragments as they came, joined."""
        return self._json.get()

    @property
    def input_error(self) -> ValueError | None:
        """Why the finished input is not JSON; None while it comes, and if it is."""
        return self._error

    @property
    def input_complete(self) -> bool:
        """Whether `input` is the whole one: only then run the tool."""
        return self._complete

    def _partial(self) -> Any:
        parser = self._parser
        if parser is None:
            raw = self._json.get()
            if not raw:
                return MISSING
            self._parser = parser = PartialJSON(self._mode)
            parser.feed(raw)
        return parser.value

    def _add(self, piece: str) -> None:
        self._json.add(piece)
        if self._parser is not None:
            self._parser.feed(piece)
        if self._settled and piece:
            # A fragment after the block's end: the message's end decides anew.
            self._settled = self._complete = False
            self._error = None

    def _finish(self, stopped: bool) -> None:
        if self._settled:
            return
        self._settled = True
        raw = self._json.get()
        if not raw:
            # The start's value is the whole input; {} alone is but a placeholder.
            self._complete = stopped or bool(self._input)
            return
        try:
            value = json.loads(raw)
        except ValueError as exc:
            error = exc
        except RecursionError as exc:
            error = ValueError("the tool input is nested too deeply")
            error.__cause__ = exc
        else:
            self._input = value
            self._complete = True
            self._parser = None
            return
        value = self._partial()
        if value is not MISSING:
            self._input = value
        self._error = error
        self._parser = None

    def _frozen(self) -> Record:
        data = self.to_dict()
        value = data["input"]
        frozen = type(self)(data, self._mode)
        frozen._input = value
        frozen._json = GrowingText(self.raw_json)
        frozen._complete = self._complete
        frozen._error = self._error
        frozen._settled = True
        return frozen

    def _param(self) -> dict[str, Any] | None:
        data = self.to_dict()
        if not isinstance(data["input"], dict):
            data["input"] = {}
        return data


class ToolUseBlock(_ToolBlock):
    """A call of one of the caller's tools: `input` is for it if `input_complete`."""

    __slots__ = ()
    _nullable = (
        "caller",
        "toolset_name",
    )
    _strings = (
        "id",
        "name",
    )

    type: Literal["tool_use"]
    toolset_name: str | None


class ServerToolUseBlock(_ToolBlock):
    """A call of a tool that the API runs itself."""

    __slots__ = ()

    type: Literal["server_tool_use"]


class MCPToolUseBlock(_ToolBlock):
    """A call of a tool on an MCP server, run by the API."""

    __slots__ = ()
    _nullable = ("caller",)
    _strings = (
        "id",
        "name",
        "server_name",
    )

    type: Literal["mcp_tool_use"]
    server_name: str


class _ResultBlock(Block):
    """The result of a call that the API ran: complete at its start."""

    __slots__ = ()
    _nullable = (
        "content",
        "caller",
    )
    _strings = ("tool_use_id",)

    tool_use_id: str
    content: Any
    caller: JSONObject | None


class WebSearchToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["web_search_tool_result"]


class WebFetchToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["web_fetch_tool_result"]


class CodeExecutionToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["code_execution_tool_result"]


class BashCodeExecutionToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["bash_code_execution_tool_result"]


class TextEditorCodeExecutionToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["text_editor_code_execution_tool_result"]


class ToolSearchToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["tool_search_tool_result"]


class AdvisorToolResultBlock(_ResultBlock):
    __slots__ = ()

    type: Literal["advisor_tool_result"]


class MCPToolResultBlock(_ResultBlock):
    __slots__ = ()
    _nullable = (
        "content",
        "caller",
    )
    _strings = ("tool_use_id",)

    type: Literal["mcp_tool_result"]

    @property
    def is_error(self) -> bool:
        return bool(self._data.get("is_error"))


class MCPToolListingBlock(Block):
    """The tools of an MCP server; send it back as it is."""

    __slots__ = ()
    _nullable = ("tools",)
    _strings = ("mcp_server_name",)

    type: Literal["mcp_tool_listing"]
    mcp_server_name: str
    tools: list[JSONObject] | None


class ContainerUploadBlock(Block):
    """A file that code left in the container."""

    __slots__ = ()
    _strings = ("file_id",)

    type: Literal["container_upload"]
    file_id: str


class CompactionBlock(Block):
    """A summary that replaces all before it; null `content`: compaction failed."""

    __slots__ = ()
    _nullable = (
        "content",
        "encrypted_content",
    )

    type: Literal["compaction"]
    content: str | None
    encrypted_content: str | None


class FallbackBlock(Block):
    """Another model went on from here; `block["from"]` is the one that stopped."""

    __slots__ = ()
    _nullable = (
        "to",
        "trigger",
    )

    type: Literal["fallback"]
    to: JSONObject | None
    trigger: JSONObject | None


class UnknownBlock(Block):
    """A block of a type that this version does not know, verbatim as it came at its start.

    At run time `type` is the wire's name, such as "connector_text".
    """

    __slots__ = ()

    type: Literal["unknown"]


if TYPE_CHECKING:
    ContentBlock: TypeAlias = Union[
        TextBlock,
        ThinkingBlock,
        RedactedThinkingBlock,
        ToolUseBlock,
        ServerToolUseBlock,
        MCPToolUseBlock,
        WebSearchToolResultBlock,
        WebFetchToolResultBlock,
        CodeExecutionToolResultBlock,
        BashCodeExecutionToolResultBlock,
        TextEditorCodeExecutionToolResultBlock,
        ToolSearchToolResultBlock,
        AdvisorToolResultBlock,
        MCPToolResultBlock,
        MCPToolListingBlock,
        ContainerUploadBlock,
        CompactionBlock,
        FallbackBlock,
        UnknownBlock,
    ]
else:
    ContentBlock = Block  # what `isinstance` wants; checkers see the union

_BLOCKS: dict[str, Callable[..., ContentBlock]] = {
    "text": TextBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedThinkingBlock,
    "tool_use": ToolUseBlock,
    "server_tool_use": ServerToolUseBlock,
    "mcp_tool_use": MCPToolUseBlock,
    "web_search_tool_result": WebSearchToolResultBlock,
    "web_fetch_tool_result": WebFetchToolResultBlock,
    "code_execution_tool_result": CodeExecutionToolResultBlock,
    "bash_code_execution_tool_result": BashCodeExecutionToolResultBlock,
    "text_editor_code_execution_tool_result": TextEditorCodeExecutionToolResultBlock,
    "tool_search_tool_result": ToolSearchToolResultBlock,
    "advisor_tool_result": AdvisorToolResultBlock,
    "mcp_tool_result": MCPToolResultBlock,
    "mcp_tool_listing": MCPToolListingBlock,
    "container_upload": ContainerUploadBlock,
    "compaction": CompactionBlock,
    "fallback": FallbackBlock,
}
_TOOLS = (ToolUseBlock, ServerToolUseBlock, MCPToolUseBlock)


def make_block(data: Any, mode: str = "A") -> ContentBlock:
    """Return the block for a `content_block` as it came, taking it over.

    Raises:
        ShapeError: it is not an object with a type, or its text is not text.
    """
    kind = want(str, want(dict, data, "content_block").get("type"), "content_block.type")
    cls = _BLOCKS.get(kind, UnknownBlock)
    return cls(data, mode) if cls in _TOOLS else cls(data)


class Message(Record):
    """The assistant's message: `content` in order of arrival, `usage`, `stop_reason`.

    The one that an accumulator holds is live; those that it gives away
    (`message_stop.message`, `get_final_message()`, `partial_message`) never
    change again.
    """

    __slots__ = ("_request_id", "content", "usage")
    _computed = ("content", "usage")
    _nullable = (
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "container",
        "context_management",
        "diagnostics",
        "input_transformations",
    )
    _strings = (
        "id",
        "model",
    )

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    stop_reason: str | None
    stop_sequence: str | None
    stop_details: JSONObject | None
    container: JSONObject | None
    context_management: JSONObject | None
    diagnostics: JSONObject | None
    input_transformations: list[JSONObject] | None

    def __init__(self, data: dict[str, Any], mode: str = "A") -> None:
        """Take over the JSON of a message; what is missing of it is made up for.

        Raises:
            ShapeError: a known part is of the wrong type.
        """
        content = want_or([], data.get("content"), "message.content")
        usage = want_or({}, data.get("usage"), "message.usage")
        data.setdefault("type", "message")
        data.setdefault("role", "assistant")
        data.setdefault("stop_reason", None)
        data["content"] = data["usage"] = None  # worked out when they are read
        self._data = data
        # What names the request to Anthropic's support, of a message that a client has read
        # to its end; under the official SDK's name. It is no part of the JSON.
        self._request_id: str | None = None
        self.content: list[ContentBlock] = [make_block(block, mode) for block in content]
        self.usage: Usage = Usage(usage)
        for block in self.content:
            block._finish(True)

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key] if key in self._computed else self._data[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that a call without streaming would have returned: a deep copy.

        Of an unfinished message: the text so far, the tool input as far as it
        can be told, and `stop_reason` null.
        """
        data: dict[str, Any] = copy_json(self._data)
        data["content"] = [block.to_dict() for block in self.content]
        data["usage"] = self.usage.to_dict()
        return data

    def to_param(self) -> dict[str, Any]:
        """Return what to append to `messages` to answer this message.

        Blocks go back as they came, less those that the API would refuse:
        empty text, thinking without a signature, and what a fallback left
        behind. If `content` comes out empty, send nothing.
        """
        last_fallback = -1
        answered = set()
        for position, block in enumerate(self.content):
            if isinstance(block, FallbackBlock):
                last_fallback = position
            tool_use_id = block.get("tool_use_id")
            if isinstance(tool_use_id, str):
                answered.add(tool_use_id)
        content = []
        for position, block in enumerate(self.content):
            if position < last_fallback and not _outlives_fallback(block, answered):
                continue
            param = block._param()
            if param is not None:
                content.append(param)
        return {"role": "assistant", "content": content}

    def _frozen(self) -> Message:
        message = Message.__new__(Message)
        message._data = copy_json(self._data)
        message.content = [block._frozen() for block in self.content]  # type: ignore[misc]
        message.usage = Usage(self.usage.to_dict())
        return message


def _outlives_fallback(block: ContentBlock, answered: set[str]) -> bool:
    """Say whether a block before a fallback is still of use to the model after it."""
    if block.type in ("thinking", "redacted_thinking", "connector_text", "tool_use"):
        return False
    return not isinstance(block, ServerToolUseBlock) or block.id in answered
