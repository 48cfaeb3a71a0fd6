# SPDX-License-Identifier: MIT
"""The content blocks of a message: one class for each type on the wire.

They grow by deltas, and finish when their stop comes or the message ends.
May import: _json, _record, _text, tool_input.
"""

from __future__ import annotations

from ._json import named_key, read_object
from ._record import JSONObject, Record, view, want, want_or
from ._text import GrowingText

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Callable, ClassVar, Literal, Union

    from typing_extensions import TypeAlias

    from .tool_input import ToolInput


class Block(Record):
    """Base of the content blocks; `type` is the block's type on the wire."""

    __slots__ = ()
    # The delta type that makes this block grow, and what the delta's string is added to.
    _grows_by: ClassVar[str] = ""
    _growing: Any

    def _finish(self, stopped: bool) -> None:
        """React to the block's end; not `stopped`: it was cut, or its stop was left out."""

    def _param(self, unsigned_thinking: bool = False) -> dict[str, Any] | None:
        """Return what to send back for this block, or None for nothing."""
        return self._copied(finite=True)


class _TextOf(Block):
    """Base of blocks with one text that grows, under the key that `_computed` names."""

    __slots__ = ("_growing",)
    _growing: GrowingText

    def __init__(self, data: dict[str, Any]) -> None:
        key = self._computed[0]
        self._growing = GrowingText(want_or("", data.get(key), key))
        data[key] = ""
        self._data = data

    def _finish(self, stopped: bool) -> None:
        self._growing.settle()

    def _frozen(self) -> Record:
        frozen = super()._frozen()
        assert isinstance(frozen, _TextOf)
        frozen._growing.settle()
        return frozen


class TextBlock(_TextOf):
    """Text of the answer; `text` is joined when it is read."""

    __slots__ = ("_views",)
    _computed = ("text",)
    _grows_by = "text_delta"

    type: Literal["text"]

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        want_or([], data.get("citations"), "citations")
        # What `citations` gave out, which grows with them; None before its first use.
        self._views: list[Any] | None = None

    @property
    def text(self) -> str:
        """The text so far; each use costs what was added since the last one.

        Half of a surrogate pair at the end waits for its other half, or for the block's stop.
        """
        return self._growing.get()

    @property
    def citations(self) -> list[JSONObject] | None:
        """The citations so far, None if there are none: a list that grows with the block.

        Each use costs what was added since the last one.
        """
        citations = self._data.get("citations")
        if citations is None:
            return None
        if self._views is None:
            self._views = []
        views = self._views
        views += view(citations[len(views) :])
        return views

    def _cite(self, citation: Any) -> None:
        citations = self._data.get("citations")
        if citations is None:
            citations = self._data["citations"] = []
        citations.append(citation)

    @property
    def _is_blank(self) -> bool:
        return not self.text.strip()

    def _param(self, unsigned_thinking: bool = False) -> dict[str, Any] | None:
        # The API refuses text of white space alone.
        return None if self._is_blank else self._copied(finite=True)


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
        """The reasoning so far; each use costs what was added since the last one."""
        return self._growing.get()

    @property
    def _signed(self) -> bool:
        signature = self._data.get("signature")
        return isinstance(signature, str) and signature != ""

    def _param(self, unsigned_thinking: bool = False) -> dict[str, Any] | None:
        # The API refuses thinking that it has not signed; some others want theirs back.
        if self._signed or (unsigned_thinking and self.thinking):
            return self._copied(finite=True)
        return None


class RedactedThinkingBlock(Block):
    """Reasoning that only the API can read; send it back as it is."""

    __slots__ = ()
    _strings = ("data",)

    type: Literal["redacted_thinking"]
    data: str


class _ToolBlock(Block):
    """Base of blocks whose input is JSON in fragments, of which a ToolInput makes the value."""

    __slots__ = ("_growing",)
    _growing: ToolInput
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
        # A fifth of what importing this package would take, and many streams have no tools
        # (-X importtime; compiling the patterns of JSON in parts).
        from .tool_input import ToolInput

        start = data.get("input")
        if start is None or start == "":
            start = {}
        data["input"] = None  # keeps the key's place; the value is worked out
        self._data = data
        self._growing = ToolInput(start, mode)

    @property
    def input(self) -> Any:
        """The input as JSON has it: while it comes, what can be told so far, live.

        Parsed strictly at the block's end; one that is not JSON then stays the partial value.
        Each use costs what was added since the last one.
        """
        return self._growing.value

    @property
    def raw_json(self) -> str:
        """The fragments as they came, joined."""
        return self._growing.raw

    @property
    def input_error(self) -> ValueError | None:
        """Why the finished input is no JSON object; None while it comes, and if it is one."""
        return self._growing.error

    @property
    def input_complete(self) -> bool:
        """Whether `input` is the whole one: only then run the tool."""
        return self._growing.complete

    def _finish(self, stopped: bool) -> None:
        if stopped:
            self._growing.stop()
        else:
            self._growing.finish()

    def _frozen(self) -> Record:
        data = self._copied()
        frozen = type(self).__new__(type(self))
        frozen._growing = self._growing.frozen(data["input"])
        data["input"] = None
        frozen._data = data
        return frozen

    def _param(self, unsigned_thinking: bool = False) -> dict[str, Any] | None:
        # Without either it is the work of deltas whose start never came.
        for key in ("id", "name"):
            value = self._data.get(key)
            if not isinstance(value, str) or not value:
                return None
        data = self._copied(finite=True)
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

    type: Literal["tool_use"]
    toolset_name: str | None


class ServerToolUseBlock(_ToolBlock):
    """A call of a tool that the API runs itself."""

    __slots__ = ()

    type: Literal["server_tool_use"]


class MCPToolUseBlock(_ToolBlock):
    """A call of a tool on an MCP server, run by the API."""

    __slots__ = ()
    _strings = (
        "id",
        "name",
        "server_name",
    )

    type: Literal["mcp_tool_use"]
    server_name: str


class _ResultBlock(Block):
    """Base of the results of calls that the API ran: complete at their start."""

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
    """What the web search found, or its error; the texts of pages are for the API only."""

    __slots__ = ()

    type: Literal["web_search_tool_result"]


class WebFetchToolResultBlock(_ResultBlock):
    """The page or document that the web fetch got, or its error."""

    __slots__ = ()

    type: Literal["web_fetch_tool_result"]


class CodeExecutionToolResultBlock(_ResultBlock):
    """Output and return code of a program that the API ran, or the error."""

    __slots__ = ()

    type: Literal["code_execution_tool_result"]


class BashCodeExecutionToolResultBlock(_ResultBlock):
    """Output and return code of a shell command that the API ran, or the error."""

    __slots__ = ()

    type: Literal["bash_code_execution_tool_result"]


class TextEditorCodeExecutionToolResultBlock(_ResultBlock):
    """What viewing or editing a file in the container gave, or the error."""

    __slots__ = ()

    type: Literal["text_editor_code_execution_tool_result"]


class ToolSearchToolResultBlock(_ResultBlock):
    """References to the tools that a search among them found, or the error."""

    __slots__ = ()

    type: Literal["tool_search_tool_result"]


class AdvisorToolResultBlock(_ResultBlock):
    """What the advising model said, perhaps readable by the API only, or the error."""

    __slots__ = ()

    type: Literal["advisor_tool_result"]


class MCPToolResultBlock(_ResultBlock):
    """What a tool on an MCP server gave: a str, or a list of text blocks."""

    __slots__ = ()

    type: Literal["mcp_tool_result"]

    @property
    def is_error(self) -> bool:
        """Whether the tool failed; `content` then says why."""
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
        "signature",
        "tool_changes",
    )

    type: Literal["compaction"]
    content: str | None
    encrypted_content: str | None
    signature: str | None
    tool_changes: list[JSONObject] | None


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
    """A block of a type that this version does not know, as it came at its start.

    A delta with a string adds it to the key that it names. At run time `type` is
    the wire's name, such as "connector_text".
    """

    __slots__ = ("_texts",)

    type: Literal["unknown"]

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        # Key -> the text that deltas have added to.
        self._texts: dict[str, GrowingText] = {}

    if not TYPE_CHECKING:

        @property
        def _computed(self) -> Any:
            return self._texts

    def _work_out(self, key: str) -> Any:
        return self._texts[key].get()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name[:1] != "_" and name in self._texts:
                return self._texts[name].get()
            return super().__getattr__(name)

    def _grow(self, delta: dict[str, Any]) -> bool:
        """Add a delta's string to the key that it names; False if it names none that takes it."""
        key = named_key(delta)
        if key is None:
            return False
        text = self._texts.get(key)
        if text is None:
            before = self._data.get(key)
            if before is not None and not isinstance(before, str):
                return False
            text = GrowingText(before or "")
            self._texts[key] = text
            self._data[key] = ""
        text.add(delta[key])
        return True

    def _finish(self, stopped: bool) -> None:
        for text in self._texts.values():
            text.settle()
        if not stopped and "partial_json" in self._texts and "input" in self._data:
            # A call of a new kind. At the message's end only: a peer may send any number of stops.
            value = read_object(self._texts["partial_json"].get())
            if value is not None:
                self._data["input"] = value
                del self._texts["partial_json"], self._data["partial_json"]


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
    """Any content block: for type checkers the union of the classes, at run time their base."""
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
