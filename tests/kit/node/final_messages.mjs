// SPDX-License-Identifier: MIT
// Stream from ANTHROPIC_BASE_URL with the official SDK (beta: it knows more blocks) as often as TIMES says; print what each gave.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const found = [];
for (let n = 0; n < Number(process.env.TIMES); n++) {
  const stream = client.beta.messages.stream({
    model: "claude-sonnet-5-5",
    max_tokens: 1024,
    messages: [{ role: "user", content: "Hello" }],
  });
  let text = "";
  stream.on("text", (delta) => {
    text += delta;
  });
  const message = await stream.finalMessage();
  found.push({ text, message });
}
console.log(JSON.stringify(found));
