/**
 * Our side of `ovsdb-codec`, a process of its own so that its first run is a first run: reads the file
 * of the reply, prints one line of JSON.
 */
import type { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { argv, stdout } from 'node:process'
import { duplexPair } from 'node:stream'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { replicaStore } from '../../../southbound/ovsdb/replica-store.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { columns, PORTS, port, wireRow } from './messages.ts'

const signal = AbortSignal.timeout(120_000)
const CHUNK = 65_536
const RUNS = 5
const ROWS = 2000

const median = (samples: readonly number[]) =>
  samples.toSorted((a, b) => a - b)[samples.length >> 1] as number

/** From the first byte until every row is decoded and found by name and by iface-id; ms. */
async function monitorMs(bytes: Buffer): Promise<number> {
  const [near, far] = duplexPair()
  const opening = OvsdbClient.open(near, { signal })
  far.write('{"id":1,"result":["Open_vSwitch"],"error":null}')
  const client = await opening
  const pending = client.monitor(openVSwitch, { Interface: columns }, { signal })
  const began = performance.now()
  for (let at = 0; at < bytes.length; at += CHUNK) far.write(bytes.subarray(at, at + CHUNK))
  const replica = await pending
  const byName = replica.index('Interface', 'name')
  const byIfaceId = replica.index('Interface', 'external_ids:iface-id')
  const ms = performance.now() - began
  const { name, external_ids } = port(PORTS - 1)
  const found = [byName.get(name)[0], byIfaceId.get(external_ids['iface-id'])[0]]
  if (replica.table('Interface').size !== PORTS || !found[0] || found[0] !== found[1]) {
    throw new Error('the replica is not what was sent')
  }
  client.close()
  return ms
}

/** ns a row, the median of several rounds. */
function perRow(run: (n: number) => unknown): number {
  let kept: unknown
  const rounds = Array.from({ length: 15 }, () => {
    const began = process.hrtime.bigint()
    for (let n = 0; n < ROWS; n++) kept = run(n)
    return Number(process.hrtime.bigint() - began) / ROWS
  })
  if (kept === undefined) throw new Error('nothing was done')
  return Math.round(median(rounds.slice(3)))
}

/** Of this thread; says what a loaded machine hides. Without the helpers of the garbage collector. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const bytes = readFileSync(argv[2] as string)
const before = cpuMs()
const first = await monitorMs(bytes)
const first_cpu_ms = cpuMs() - before
const warm: number[] = []
for (let i = 0; i < RUNS; i++) warm.push(await monitorMs(bytes))

const { insert } = operations(openVSwitch)
const ports = Array.from({ length: ROWS }, (_, n) => port(n))
const texts = Array.from({ length: ROWS }, (_, n) => JSON.stringify(wireRow(n)))
const uuids = Array.from({ length: ROWS }, () => crypto.randomUUID())
const encode = perRow((n) => JSON.stringify(insert('Interface', ports[n] ?? {}).row))
let store = replicaStore(openVSwitch, new Map([['Interface', columns]]))
const decode = perRow((n) => {
  if (n === 0) store = replicaStore(openVSwitch, new Map([['Interface', columns]]))
  const row = JSON.parse(texts[n] as string)
  return store.apply({ Interface: { [uuids[n] as string]: { new: row } } })
})
stdout.write(
  `${JSON.stringify({ first_ms: first, first_cpu_ms, warm_ms: median(warm), encode_ns: encode, decode_ns: decode })}\n`,
)
