// The Node side of benchmarks/worker.py: the same lines in, the same answers out.
// Corpora come as files, whose folder is the argument, cut here as there. The
// parser takes text, so decoding the bytes is part of its work.
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import {createParser} from 'eventsource-parser'

const folder = process.argv[2]
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
    for (const end of JSON.parse(fs.readFileSync(path.join(folder, `${name}.ends`)))) {
      chunks.push(bytes.subarray(start, end))
      start = end
    }
  } else {
    for (let i = 0; i < bytes.length; i += sizes[shape]) chunks.push(bytes.subarray(i, i + sizes[shape]))
  }
  return chunks
}

// As in worker.py: the best pass of a round of so many seconds counts.
const ROUND = 0.05

function pass(pieces, found) {
  let count = 0
  const start = process.hrtime.bigint()
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent(event) {
      count += 1
      if (found) found.push([event.data, event.event ?? 'message'])
    },
  })
  for (const piece of pieces) parser.feed(decoder.decode(piece, {stream: true}))
  return [Number(process.hrtime.bigint() - start) / 1e9, count]
}

for await (const line of readline.createInterface({input: process.stdin})) {
  const [what, , name, shape] = JSON.parse(line)
  const pieces = cut(name, shape)
  if (what === 'check') {
    const found = []
    pass(pieces, found)
    const expected = JSON.parse(fs.readFileSync(path.join(folder, `${name}.json`)))
    const same = JSON.stringify(found) === JSON.stringify(expected)
    console.log(JSON.stringify([null, same ? '' : `${found.length} events, not those expected`]))
    continue
  }
  let best = Infinity
  let spent = 0
  let count = 0
  while (spent < ROUND) {
    const [seconds, events] = pass(pieces, null)
    best = Math.min(best, seconds)
    spent += seconds
    count = events
  }
  console.log(JSON.stringify([best, count]))
}
