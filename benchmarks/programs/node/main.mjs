// SPDX-License-Identifier: MIT
// eventsource-parser as a program for benchmarks/foreign.py: the arguments are the file, the
// bytes of a chunk (0: as the file of ends says), that file, and how often the file is parsed.
// The events of the last time are printed.
import fs from 'node:fs'
import {createParser} from 'eventsource-parser'

const [file, chunk, endsFile, times] = process.argv.slice(2)
const bytes = fs.readFileSync(file)
const size = Number(chunk)
const ends =
  size > 0
    ? Array.from({length: Math.ceil(bytes.length / size)}, (_, n) => (n + 1) * size)
    : fs.readFileSync(endsFile, 'utf8').trim().split('\n').map(Number)

let events = []
for (let time = 0; time < Number(times); time++) {
  events = []
  let id = ''
  const decoder = new TextDecoder('utf-8', {ignoreBOM: true})
  const parser = createParser({
    onId(value) {
      id = value
    },
    onEvent(event) {
      events.push({event: event.event || 'message', data: event.data, id})
    },
  })
  let start = 0
  for (const end of ends) {
    parser.feed(decoder.decode(bytes.subarray(start, end), {stream: true}))
    start = end
  }
}
process.stdout.write(events.map((event) => JSON.stringify(event) + '\n').join(''))
