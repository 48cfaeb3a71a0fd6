// SPDX-License-Identifier: MIT
"use strict";
const $ = (id) => document.getElementById(id);
const turns = $("turns");
const hint = $("hint");
// The conversation so far: the API remembers nothing.
let messages = [];
// The answer that is being written, and how to stop it.
let asking = null;

// What the server said of a failure, in a sentence for the reader.
class Told extends Error {}

// --- Markdown

// Raw HTML stays text, and links have no scheme that runs anything. What the model writes is
// nobody's: an image would be fetched from wherever it says, with what it says in the URL.
const markdown = markdownit({ html: false, linkify: true }).disable("image");
// A scheme makes a link, a name with a dot in it does not: `page.js` is no address.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.core.ruler.push("page", ({ tokens }) => {
  const ranks = tokens.filter((token) => token.type === "heading_open").map(({ tag }) => +tag[1]);
  let last = 2;
  let tag = "";
  for (const [index, token] of tokens.entries()) {
    if (token.type === "th_open" && !tokens[index + 1].content) {
      // The corner of a table heads nothing, and a screen reader would say that it does.
      token.tag = tokens[index + 2].tag = "td";
    }
    if (token.type === "heading_open") {
      // Below the heading that says who speaks, and never two steps down at once.
      last = Math.min(+token.tag[1] - Math.min(...ranks) + 3, last + 1, 6);
      token.tag = tag = `h${last}`;
    } else if (token.type === "heading_close") {
      token.tag = tag;
    } else if (token.attrGet("style")) {
      // Of a table's column; styles in the text are refused by the page's policy.
      token.attrs = [["class", token.attrGet("style").slice("text-align:".length)]];
    }
  }
});
markdown.renderer.rules.link_open = (tokens, index, options, env, self) => {
  tokens[index].attrSet("target", "_blank");
  tokens[index].attrSet("rel", "noopener noreferrer");
  return self.renderToken(tokens, index, options);
};
// What is wider than the page scrolls by itself, also with the keyboard.
markdown.renderer.rules.table_open = () => '<div class="wide" tabindex="0"><table>';
markdown.renderer.rules.table_close = () => "</table></div>";
for (const kind of ["fence", "code_block"]) {
  const write = markdown.renderer.rules[kind];
  markdown.renderer.rules[kind] = (...args) => write(...args).replace("<pre>", '<pre tabindex="0">');
}

// --- turns

function make(tag, kind, text = "") {
  const element = document.createElement(tag);
  element.className = kind;
  // Never as HTML: what people write is text.
  element.textContent = text;
  return element;
}

function scrollDown() {
  turns.scrollTop = turns.scrollHeight;
}

function addQuestion(text) {
  hint.remove();
  const turn = make("article", "turn user");
  turn.append(make("h2", "who", "You"), make("div", "text", text));
  turns.append(turn);
  scrollDown();
}

// An answer on the page: what has been said, and below it how it ended.
class Answer {
  text = "";
  #turn = make("article", "turn");
  #shown = make("div", "text");
  #under = make("div", "under");
  #drawing = 0;

  constructor() {
    this.#turn.append(make("h2", "who", "Claude"), this.#shown, this.#under);
    turns.append(this.#turn);
  }

  begin() {
    this.#under.replaceChildren();
    this.#turn.classList.add("busy");
    this.#turn.ariaBusy = "true";
    scrollDown();
  }

  add(text) {
    this.text += text;
    // Once for all that comes before the browser draws.
    this.#drawing ||= requestAnimationFrame(() => this.#draw());
  }

  end(note, failed, goOn) {
    cancelAnimationFrame(this.#drawing);
    this.#turn.classList.remove("busy");
    this.#turn.ariaBusy = "false";
    this.#under.append(make("p", failed ? "note failed" : "note", note));
    if (this.text.trim() && navigator.clipboard) this.#offer("copy", "Copy", (button) => this.#copy(button));
    if (goOn) this.#offer("continue", "Continue", goOn);
    this.#draw();
  }

  // Another question has been asked: there is no way back to this one.
  settle() {
    this.#under.querySelector(".continue")?.remove();
  }

  #draw() {
    this.#drawing = 0;
    const below = turns.scrollHeight - turns.scrollTop - turns.clientHeight;
    const next = document.createElement("template");
    next.innerHTML = markdown.render(this.text);
    // What is as before stays, with what the reader has selected of it.
    const old = [...this.#shown.childNodes];
    const fresh = [...next.content.childNodes];
    let same = 0;
    while (same < old.length && same < fresh.length && old[same].isEqualNode(fresh[same])) same++;
    for (const node of old.slice(same)) node.remove();
    this.#shown.append(...fresh.slice(same));
    // Who has scrolled up to read stays there.
    if (below < 60) scrollDown();
  }

  #offer(kind, label, act) {
    const button = make("button", `plain ${kind}`, label);
    button.type = "button";
    button.addEventListener("click", () => act(button));
    this.#under.append(button);
  }

  async #copy(button) {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(this.text);
    } catch {
      done = "Could not copy";
    }
    button.textContent = done;
    say(done);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
}

function say(text) {
  $("said").textContent = text;
}

// --- the stream

// EventSource can only GET, so the stream is read by hand. A blank line ends an event; our
// server ends lines with \n alone, and one that starts with a colon says only that it is alive.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { type: "message", data: [] };
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event.type = line.slice(7);
        if (line.startsWith("data: ")) event.data.push(line.slice(6));
      }
      if (event.data.length) yield { type: event.type, data: event.data.join("\n") };
    }
  }
}

const ENDS = {
  max_tokens: "; the answer is cut at its limit",
  model_context_window_exceeded: "; the conversation has become too long",
  refusal: "; Claude declined to go on",
};

// Fetch an answer to the messages; return what to say of its end, and whether it may go on.
async function fetchAnswer(answer, signal) {
  const response = await fetch("api/chat", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages }),
    signal,
  });
  if (!response.ok) {
    // Anything but JSON is of some proxy on the way.
    const content = await response.json().catch(() => null);
    throw new Told(content?.error?.message ?? `The server cannot be reached (status ${response.status}).`);
  }
  let end = null;
  for await (const { type, data } of events(response)) {
    if (data === "[DONE]" && end) return end;
    const content = data === "[DONE]" ? {} : JSON.parse(data);
    if (type === "text") {
      answer.add(content.text);
    } else if (type === "usage") {
      const note = `${content.input_tokens} tokens in, ${content.output_tokens} out`;
      end = { note: note + (ENDS[content.stop_reason] ?? ""), cut: content.stop_reason === "max_tokens" };
    } else if (type === "error") {
      throw new Told(content.error.message);
    }
  }
  throw new Error("the end is missing");
}

function setAsking(controller) {
  asking = controller;
  $("send").hidden = Boolean(controller);
  $("stop").hidden = !controller;
  // Where there is a keyboard; on a phone one would come up and hide the answer.
  if (matchMedia("(pointer: fine)").matches) $("prompt").focus();
}

// Ask for an answer to the messages, or for the rest of one that is the last of them.
async function ask(answer) {
  const controller = new AbortController();
  setAsking(controller);
  answer.begin();
  say("Claude is answering.");
  let end = { note: "", cut: true };
  let failed = false;
  try {
    end = await fetchAnswer(answer, controller.signal);
  } catch (error) {
    failed = !controller.signal.aborted;
    end.note = "Stopped.";
    // The rest are the browser's own words.
    if (failed) end.note = error instanceof Told ? error.message : "The connection to the server broke off.";
  }
  // Another chat has begun meanwhile.
  if (asking !== controller) return;
  if (messages.at(-1).role === "assistant") messages.pop();
  if (answer.text.trim()) {
    messages.push({ role: "assistant", content: answer.text });
  } else {
    // Without an answer the question was never asked: it stands there to be sent again.
    const { content } = messages.pop();
    $("prompt").value ||= content;
  }
  const goOn = () => asking || ask(answer);
  answer.end(end.note, failed, end.cut && answer.text.trim() && goOn);
  setAsking(null);
  say(`${failed || end.cut ? end.note : ""} ${answer.text}`);
}

let latest = null;

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = $("prompt").value.trim();
  if (!prompt || asking) return;
  $("prompt").value = "";
  latest?.settle();
  messages.push({ role: "user", content: prompt });
  addQuestion(prompt);
  latest = new Answer();
  ask(latest);
});
$("prompt").addEventListener("keydown", (event) => {
  // Enter that ends the writing of a character is not meant for us.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) asking?.abort();
});
$("stop").addEventListener("click", () => asking?.abort());
$("new").addEventListener("click", () => {
  asking?.abort();
  messages = [];
  latest = null;
  turns.replaceChildren(hint);
  setAsking(null);
  say("A new chat.");
});
// A page that is left for another is kept by browsers, with its stream, for the way back.
addEventListener("pagehide", () => asking?.abort());
