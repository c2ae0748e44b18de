/**
 * Where time and chance come from: whatever a memory lab runs is given a `Clock` (southbound/wire/clock.ts) and a `Random`
 * (random.ts), so that the same seed does the same. Files that ask the machine itself are the rows below, each with its reason;
 * a file that no longer does loses its row. `setImmediate`, `queueMicrotask` and `nextTick` keep their order by themselves.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

const asking =
  /\b(?:setTimeout|setInterval|scheduler|Date\.now|new Date\(\)|performance\b|hrtime|uptime|AbortSignal\.timeout|Math\.random|random(?:UUID|Bytes|Int|FillSync|Fill)|getRandomValues)/g

/** What a file asks, each once, and why it may. */
const rows: readonly (readonly [file: string, asks: readonly string[], why: string])[] = [
  [
    'southbound/wire/clock.ts',
    ['Date.now', 'performance', 'setTimeout'],
    'the clock of the system, which is the default',
  ],
  [
    'southbound/wire/random.ts',
    ['randomFillSync', 'randomUUID'],
    'the chance of the system, which is the default',
  ],
  ['southbound/wire/stream.ts', ['setTimeout'], 'dials sockets: a lab with a seed has none'],
  [
    'southbound/ovsdb/json.ts',
    ['randomUUID'],
    'a mark that no text can hold by chance; it never leaves the file',
  ],
  ['southbound/agent/iproute2/capability.ts', ['performance'], 'a name for a device of the kernel'],
  ['southbound/agent/iproute2/command.ts', ['setTimeout'], 'starts a program of the system again'],
  ['southbound/agent/iproute2/shown.ts', ['new Date()'], 'when the kernel dropped a frame'],
  [
    'dataplane/ports/capture.ts',
    ['performance'],
    'frames of a file are dated to the microsecond; a lab passes its own time',
  ],
  ['dataplane/ports/libc.ts', ['setTimeout'], 'a descriptor of the kernel is tried again'],
  ['controller/access/secret.ts', ['randomBytes'], 'a token has to be a secret'],
  [
    'controller/northbound/northbound.ts',
    ['setTimeout'],
    'cuts sockets off that do not read; without a listener there are none',
  ],
  ['controller/tls/authority.ts', ['randomBytes'], 'the name of an authority, unlike any other'],
  ['controller/tls/certificate.ts', ['randomBytes'], 'serial numbers of certificates'],
  ['controller/tls/private-file.ts', ['randomBytes'], 'a file that nobody else has made'],
]

test('time and chance are passed in, but in the files of this list', () => {
  const found = globSync('{southbound,dataplane,controller}/**/*.ts', { cwd: root })
    .map((file) => [file, asksOf(readFileSync(join(root, file), 'utf8'))] as const)
    .filter(([, asks]) => asks.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const allowed = rows.map(([file, asks]) => [file, asks] as const)
  expect(found).toEqual(allowed.sort(([a], [b]) => (a < b ? -1 : 1)))
})

/** Comments may say what they like. */
function asksOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, '')
  return [...new Set(code.match(asking))].sort()
}

test.each([
  ["import { setTimeout as delay } from 'node:timers/promises'", ['setTimeout']],
  ['const at = new Date().toISOString() // Date.now', ['new Date()']],
  ['/** Default: Math.random. */\nconst at = new Date(clock.wall())', []],
  ["import { setImmediate } from 'node:timers/promises'", []],
  ["const url = 'tcp://' + randomUUID()", ['randomUUID']],
])('%s asks %j', (source, asks) => {
  expect(asksOf(source)).toEqual(asks)
})
