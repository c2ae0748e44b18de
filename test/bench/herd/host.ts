/**
 * A host that costs little: our database server, whose rows it carries out as ovs-vswitchd does, and a bridge that holds its flows
 * as bytes. It dials as a host does, by OVSDB and then by OpenFlow as its rows say; and dials again, at most a second
 * later, when the controller has gone. Neighbours: `bridge.ts`, `hosts.ts`.
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { type DialState, keepDialing, type Served } from '../../../southbound/wire/dialer.ts'
import { dial } from '../../../southbound/wire/stream.ts'
import type { Bridge } from './bridge.ts'

const { insert, update } = operations(openVSwitch)
const MAX_BACKOFF_MS = 1000

/** @param onServed called of each stream that is served */
function keep(target: string, serve: (stream: Duplex) => Promise<Served>, onServed: () => void) {
  const onState = (state: DialState) => state === 'ACTIVE' && onServed()
  const maxBackoffMs = () => MAX_BACKOFF_MS
  return keepDialing({
    ...{ target, clock: systemClock, maxBackoffMs, onState, serve },
    dial: (to, signal) => dial(to, { signal }),
  })
}

/**
 * Host `h<n>`, whose br-int is this one, with datapath_id n + 1. @param manager 'tcp:127.0.0.1:PORT'
 * @param onServed called of each session, by OVSDB and by OpenFlow @returns how to stop it
 */
export function startHost(
  n: number,
  bridge: Bridge,
  manager: string,
  onServed: () => void = () => {},
): () => void {
  const database = new OvsdbServer(openVSwitch)
  const stops: (() => void)[] = []
  const rows = [insert('Open_vSwitch', { external_ids: { 'system-id': `h${n}` } })]
  database.transact(rows)
  let target = ''
  database.onCommit(() => queueMicrotask(carryOut))
  const serveDatabase = async (stream: Duplex) => {
    const session = database.accept(stream, manager, { echoIntervalMs: 5000 })
    return { ended: session.closed, close: () => session.close() }
  }
  stops.push(keep(manager, serveDatabase, onServed))
  return () => {
    for (const stop of stops) stop()
  }

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
    const serveBridge = async (stream: Duplex) => {
      const connection = await Connection.open(stream, { signal: AbortSignal.timeout(10_000) })
      bridge.serve(connection)
      return { ended: connection.closed, close: () => connection.close() }
    }
    stops.push(keep(target, serveBridge, onServed))
  }
}
