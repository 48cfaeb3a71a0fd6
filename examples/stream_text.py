# SPDX-License-Identifier: MIT
"""The first program of a typical guide, with only the import changed."""

# With `ssewire replay --example hello`.
from ssewire.claude import Claude as Anthropic

client = Anthropic()

with client.messages.stream(
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
    model="claude-sonnet-5-5",
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
