/**
 * The controller of the bench `herd`, as a process of its own that its parent may kill: `controller.ts STORE REST OVSDB
 * OPENFLOW` (ports on loopback). Says 'serving' once, and answers every message with what it has cost since the one before.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { argv } from 'node:process'
import { Controller } from '../../../controller/controller.ts'
import { Store } from '../../../controller/store/store.ts'

const [path = '', ...ports] = argv.slice(2)
const [rest, ovsdb, openflow] = ports.map((port) => ({ host: '127.0.0.1', port: Number(port) }))
if (!rest || !ovsdb || !openflow) throw new Error('usage: controller.ts STORE REST OVSDB OPENFLOW')

const store = Store.open(path)
await Controller.start({ store, rest, ovsdb, openflow })

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
let before = process.cpuUsage()

export interface Cost {
  readonly cpu_ms: number
  /** Since the process began. */
  readonly peak_rss_mib: number
  readonly loop_max_ms: number
  readonly loop_p99_ms: number
}

process.on('message', () => {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  const cost: Cost = {
    cpu_ms: Math.round((user + system) / 1000),
    peak_rss_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    loop_max_ms: Math.round(delay.max / 1e6),
    loop_p99_ms: Math.round(delay.percentile(99) / 1e6),
  }
  delay.reset()
  process.send?.(cost)
})
process.send?.('serving')
