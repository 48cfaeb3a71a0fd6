# SPDX-License-Identifier: MIT
"""A stream that breaks off: what had arrived, and how to ask for the rest."""

# With `ssewire replay --example hello --fault truncate --at 7`.
from ssewire.claude import Claude, ClaudeError

client = Claude()
messages = [{"role": "user", "content": "Hello"}]

with client.messages.stream(
    model="claude-sonnet-5-5", max_tokens=1024, messages=messages
) as stream:
    try:
        stream.until_done()
    except ClaudeError as error:
        print(f"{type(error).__name__}: {error}")
        print("so far:", error.partial_message.content[0].text)
        # A user message that quotes the text and asks to go on: for models that take no prefill.
        messages += stream.continuation(prefill=False)
        print("to send:", messages[1:])
