# SPDX-License-Identifier: MIT
"""The same with asyncio, with only the import changed."""

# With `ssewire replay --example hello`.
import asyncio

from ssewire.claude import AsyncClaude as AsyncAnthropic

client = AsyncAnthropic()


async def main() -> None:
    async with client.messages.stream(
        max_tokens=1024,
        messages=[{"role": "user", "content": "Say hello there!"}],
        model="claude-sonnet-5-5",
    ) as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
        print()

    message = await stream.get_final_message()
    print(message.to_json())
    await client.close()


asyncio.run(main())
