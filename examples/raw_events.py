# SPDX-License-Identifier: MIT
"""Raw events of `create(stream=True)`, with only the import changed."""

# With `ssewire replay --example hello`.
from ssewire.claude import Claude as Anthropic

client = Anthropic()

stream = client.messages.create(
    model="claude-sonnet-5-5",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
    stream=True,
)
for event in stream:
    print(event.type)
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        print(event.delta.text)
