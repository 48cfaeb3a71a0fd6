// SPDX-License-Identifier: MIT
// The JavaScript side of benchmarks/harness/worker.py: the same requests in, the same answers
// out, on Node and on Bun. The arguments: which package the parser is, and the folder of the
// corpora, which come as files and are cut here as there. eventsource-parser takes text, so
// decoding the bytes is part of its work; undici's stream, of which Node's EventSource is made,
// takes bytes.
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'

const [packageName, folder] = process.argv.slice(2)
const {createParser, EventSourceStream} = await import(
  packageName === 'undici' ? 'undici/lib/web/eventsource/eventsource-stream.js' : packageName
)
// From version 4 on the parser drops the BOM of decoded text and tells the ID of every block.
const modern = packageName.endsWith('-4')
const sizes = {'64k': 65536, '1400': 1400, '16': 16}
let key = ''
let chunks = []

function cut(name, shape) {
  if (key === name + shape) return chunks
  key = name + shape
  const bytes = fs.readFileSync(path.join(folder, `${name}.sse`))
  chunks = []
  if (shape === 'event') {
    let start = 0
    for (const end of JSON.parse(fs.readFileSync(path.join(folder, `${name}.ends`), 'utf8'))) {
      chunks.push(bytes.subarray(start, end))
      start = end
    }
  } else {
    for (let i = 0; i < bytes.length; i += sizes[shape]) chunks.push(bytes.subarray(i, i + sizes[shape]))
  }
  return chunks
}

// As in worker.py: the best pass of a round of so many seconds counts.
const ROUND_SECONDS = 0.05

// The last event ID as its users have it: by onId where there is one, else by remembering that
// of the last event that had one.
function newParser(onEvent, onRetry) {
  let last = ''
  if (modern) {
    return createParser({
      onId(id) {
        last = id
      },
      onEvent(event) {
        onEvent(event.data, event.event || 'message', last)
      },
      onRetry,
    })
  }
  return createParser({
    onEvent(event) {
      if (event.id !== undefined) last = event.id
      onEvent(event.data, event.event || 'message', last)
    },
    onRetry,
  })
}

// Each gives {feed(bytes), end()}.
function ofText(onEvent, onRetry) {
  const decoder = new TextDecoder('utf-8', {ignoreBOM: modern})
  const parser = newParser(onEvent, onRetry)
  return {
    feed(piece) {
      parser.feed(decoder.decode(piece, {stream: true}))
    },
    end() {
      const rest = decoder.decode()
      if (rest) parser.feed(rest)
    },
  }
}

// Written to and given a `push` as Node's EventSource does; what it does is done when `write`
// returns, and `errored` is set then.
function ofBytes(onEvent, onRetry) {
  const settings = {lastEventId: '', reconnectionTime: null}
  const stream = new EventSourceStream({
    eventSourceSettings: settings,
    push(event) {
      onEvent(event.options.data, event.type, event.options.lastEventId)
      return true
    },
  })
  stream.on('error', () => {})
  return {
    feed(piece) {
      stream.write(piece)
      if (stream.errored) throw stream.errored
    },
    end() {
      if (onRetry && settings.reconnectionTime !== null) onRetry(settings.reconnectionTime)
    },
  }
}

const newReader = EventSourceStream ? ofBytes : ofText

function pass(pieces, found) {
  let count = 0
  const start = process.hrtime.bigint()
  const reader = newReader((data, type, last) => {
    count += 1
    if (found) found.push([data, type, last])
  })
  for (const piece of pieces) reader.feed(piece)
  return [Number(process.hrtime.bigint() - start) / 1e9, count]
}

function bestPass(pieces) {
  let best = Infinity
  let spent = 0
  let count = 0
  while (spent < ROUND_SECONDS) {
    const [seconds, events] = pass(pieces, null)
    best = Math.min(best, seconds)
    spent += seconds
    count = events
  }
  return [best, count]
}

function oneEvent(kind, size) {
  if (kind === 'line') {
    const piece = Buffer.alloc(1024, 'x')
    return [Buffer.from('data: '), ...Array(Math.floor(size / 1024)).fill(piece), Buffer.from('\n\n')]
  }
  const piece = Buffer.from('data: abcdefghi\n'.repeat(1000))
  return [...Array(Math.floor(size / 1000)).fill(piece), Buffer.from('\n')]
}

const requests = {
  check(name, shape) {
    const found = []
    pass(cut(name, shape), found)
    const expected = JSON.parse(fs.readFileSync(path.join(folder, `${name}.json`), 'utf8'))
    const same = JSON.stringify(found) === JSON.stringify(expected)
    return same ? '' : `${found.length} events, not those expected`
  },

  count(name, shape) {
    return bestPass(cut(name, shape))
  },

  grow(kind, size) {
    return bestPass(oneEvent(kind, size))
  },

  read(wire, cuts) {
    const body = Buffer.from(wire, 'base64')
    return cuts.map((lengths) => {
      const events = []
      const state = {retry: null}
      const reader = newReader(
        (data, type, last) => events.push([data, type, last, null]),
        (retry) => {
          state.retry = retry
        },
      )
      let at = 0
      try {
        for (const length of lengths) {
          reader.feed(body.subarray(at, at + length))
          at += length
        }
        reader.end()
      } catch (error) {
        return error.name
      }
      return [events, state, ['id']]
    })
  },
}

for await (const line of readline.createInterface({input: process.stdin})) {
  const [what, ...args] = JSON.parse(line)
  let answer
  try {
    answer = {answer: requests[what](...args)}
  } catch (error) {
    answer = {raised: error.name}
  }
  console.log(JSON.stringify(answer))
}
