// SPDX-License-Identifier: MIT
// What event sources cost in JavaScript: the same streams as benchmarks/clients.py reads, from
// the same server, and the same figure: CPU time of this process per event, after a few.
// The arguments: the package of the class, the server's URL, the number of streams, the events
// of each, those before the clock starts, the key of the streams, and the file of their data.
import fs from 'node:fs'
import net from 'node:net'

const [packageName, url, ...rest] = process.argv.slice(2)
const [streams, count, warmUp] = rest.slice(0, 3).map(Number)
const [key, file] = rest.slice(3)
// The last line of what Node says of an error tells nothing.
function fail(why) {
  console.log(JSON.stringify({fault: String(why)}))
  process.exit()
}
process.on('uncaughtException', fail)

const {EventSource} = await import(packageName)
const texts = JSON.parse(fs.readFileSync(file, 'utf8'))
const all = streams * (count + warmUp)

let taken = 0
let wrong = 0
let begin
let control
let over
const done = new Promise((resolve) => {
  over = resolve
})

function take() {
  taken += 1
  if (taken === streams * warmUp) begin = process.cpuUsage()
  if (taken === all) over(process.cpuUsage(begin))
  else if (control && taken % streams === 0) control.write('r')
}

// One stream is paced by the server; several get one event each whenever all have taken theirs.
const target = streams === 1 ? `paced/${all + warmUp}` : `rounds/${key}`
const sources = Array.from({length: streams}, () => {
  let number = 0
  const source = new EventSource(`${url}/${target}`)
  source.onmessage = (event) => {
    if (event.data !== texts[number % texts.length] || event.type !== 'message') wrong += 1
    number += 1
    take()
  }
  source.onerror = (event) => fail(event.message ?? 'its stream ends')
  return source
})
if (streams > 1) {
  control = net.connect(Number(new URL(url).port), '127.0.0.1')
  control.setNoDelay()
  control.write(`GET /control/${key}/${streams} HTTP/1.1\r\n\r\nr`)
}
const {user, system} = await done
for (const source of sources) {
  source.onerror = null
  source.close()
}
console.log(JSON.stringify({cpu: (user + system) / (streams * count), wrong}))
process.exit()
