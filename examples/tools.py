# SPDX-License-Identifier: MIT
"""A tool's input while it is being written, and the finished message; only the import changed."""

# With `ssewire replay --example weather-tool`.
from ssewire.claude import Claude as Anthropic

client = Anthropic()

with client.messages.stream(
    model="claude-sonnet-5-5",
    max_tokens=1024,
    tools=[
        {
            "name": "get_weather",
            "description": "Get the weather at a specific location",
            "input_schema": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "The city and country"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["location"],
            },
        }
    ],
    messages=[{"role": "user", "content": "What is the weather in Zürich?"}],
) as stream:
    for event in stream:
        if event.type == "input_json":
            print(f"delta: {event.partial_json!r}")
            print(f"snapshot: {event.snapshot}")

    message = stream.get_final_message()

for block in message.content:
    if block.type == "tool_use":
        print(block.name, block.input)  # get_weather {'location': 'Zürich', 'unit': 'celsius'}
