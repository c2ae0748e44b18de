/**
 * The hosts of the bench `herd`, as one process: `hosts.ts COUNT OVSDB` (port on loopback). Answers every message with its
 * cost. Neighbours: `host.ts`, `bridge.ts`.
 */
import { argv } from 'node:process'
import { table } from '../../../controller/compiler/stages.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { vtepOf } from '../compile/site.ts'
import { Bridge } from './bridge.ts'
import { startHost } from './host.ts'

const bridges = new Map<unknown, Bridge>()
const transmit = (to: unknown, frame: Uint8Array) => bridges.get(to)?.receive(frame, table.peer)

let sessions = 0
const [count, port] = argv.slice(2).map(Number)
for (let n = 0; n < (count ?? 0); n++) {
  const bridge = new Bridge(BigInt(n + 1), transmit)
  bridges.set(parseIpv4(vtepOf(n)), bridge)
  startHost(n, bridge, `tcp:127.0.0.1:${port}`, () => sessions++)
}

export interface HostsCost {
  /** Since the answer before. */
  readonly cpu_ms: number
  readonly rss_mib: number
  /** By OVSDB and by OpenFlow, since the answer before: more than two for each host, and some were cut off. */
  readonly sessions: number
}

let before = process.cpuUsage()
process.on('message', () => {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  const rss_mib = Math.round(process.memoryUsage().rss / 2 ** 20)
  const cpu_ms = Math.round((user + system) / 1000)
  process.send?.({ cpu_ms, rss_mib, sessions } satisfies HostsCost)
  sessions = 0
})
