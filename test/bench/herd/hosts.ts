/**
 * The hosts of the bench `herd`, as one process: `hosts.ts COUNT OVSDB` (port on loopback). Each dials, as a host does: by OVSDB
 * with our database server, whose rows it carries out, and by OpenFlow as these say; and dials again, at most a second later,
 * when the controller has gone. Answers every message with its memory. Neighbour: `bridge.ts`.
 */
import { argv } from 'node:process'
import { table } from '../../../controller/compiler/stages.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { keepDialing, type Served } from '../../../southbound/wire/dialer.ts'
import { dial } from '../../../southbound/wire/stream.ts'
import { vtepOf } from '../compile/site.ts'
import { Bridge } from './bridge.ts'

const { insert, update } = operations(openVSwitch)
const MAX_BACKOFF_MS = 1000
const bridges = new Map<unknown, Bridge>()
const transmit = (to: unknown, frame: Uint8Array) => bridges.get(to)?.receive(frame, table.peer)

function keep(
  target: string,
  serve: (stream: Awaited<ReturnType<typeof dial>>) => Promise<Served>,
) {
  const onState = () => {}
  const maxBackoffMs = () => MAX_BACKOFF_MS
  keepDialing({
    ...{ target, clock: systemClock, maxBackoffMs, onState, serve },
    dial: (to, signal) => dial(to, { signal }),
  })
}

function startHost(n: number, manager: string): void {
  const database = new OvsdbServer(openVSwitch)
  const bridge = new Bridge(BigInt(n + 1), transmit)
  bridges.set(parseIpv4(vtepOf(n)), bridge)
  const rows = [insert('Open_vSwitch', { external_ids: { 'system-id': `h${n}` } })]
  database.transact(rows)
  let target = ''
  database.onCommit(() => queueMicrotask(carryOut))
  keep(manager, async (stream) => {
    const session = database.accept(stream, manager, { echoIntervalMs: 5000 })
    return { ended: session.closed, close: () => session.close() }
  })

  /** What ovs-vswitchd does: the datapath, ports, cur_cfg last; and it dials. */
  function carryOut(): void {
    const [root] = database.table('Open_vSwitch').values()
    const [row] = database.table('Bridge').values() as Iterable<RowOf<'Bridge'>>
    if (!root || root.cur_cfg === root.next_cfg) return
    const ports = [...database.table('Interface').values()]
    database.transact([
      ...(row && row.datapath_id === undefined
        ? [update('Bridge', row._uuid, { datapath_id: (n + 1).toString(16).padStart(16, '0') })]
        : []),
      ...ports
        .filter(({ ofport }) => ofport === undefined)
        .map((each) =>
          update('Interface', each._uuid, { ofport: each.ofport_request ?? 65_534, mtu: 9100 }),
        ),
      update('Open_vSwitch', root._uuid, { cur_cfg: root.next_cfg }),
    ])
    const [controller] = database.table('Controller').values()
    if (!controller || target !== '') return
    target = controller.target
    keep(target, async (stream) => {
      const connection = await Connection.open(stream, { signal: AbortSignal.timeout(10_000) })
      bridge.serve(connection)
      return { ended: connection.closed, close: () => connection.close() }
    })
  }
}

const [count, port] = argv.slice(2).map(Number)
for (let n = 0; n < (count ?? 0); n++) startHost(n, `tcp:127.0.0.1:${port}`)
process.on('message', () => process.send?.(Math.round(process.memoryUsage().rss / 2 ** 20)))
