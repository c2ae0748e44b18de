/**
 * Port.qos kept real: each port of a bridge shaped, policed and marked as its QoS row and the Queue rows
 * of that say, from the moment of the commit on. What asks for nothing is without any of it.
 * Neighbours: bridge-rows.ts calls apply() when the ports are there; queues/ does the rest.
 */
import type { openVSwitch, RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { DropCounters } from '../packet/drop.ts'
import { egress } from '../queues/egress.ts'
import { type QosPlan, qosPlan } from '../queues/plan.ts'
import type { BridgePort } from './bridge-port.ts'

export interface QosRowsOptions {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly clock: Clock
  readonly drops: DropCounters
  /** The port of an interface. */
  port(interfaceName: string): BridgePort | undefined
  warn(fields: object, event: string): void
}

export interface QosRows {
  apply(row: RowOf<'Bridge'>): void
}

type Asked = Omit<Parameters<typeof qosPlan>[0], 'mtuBytes'>

export function qosRows(options: QosRowsOptions): QosRows {
  const { database } = options
  /** What each port was given, as text: a commit that changes nothing of it is none. */
  const given = new WeakMap<BridgePort, string>()

  const asked = ({ qos: uuid }: RowOf<'Port'>): Asked | undefined => {
    const qos = uuid === undefined ? undefined : database.table('QoS').get(uuid)
    if (!qos || qos.type === '') return undefined
    const queues = Object.entries(qos.queues).flatMap(([id, of]) => {
      const row = database.table('Queue').get(of)
      return row ? [[Number(id), row] as const] : []
    })
    return { qos, queues: queues.sort(([a], [b]) => a - b) }
  }

  const give = (port: BridgePort, rows: Asked | undefined) => {
    if (!rows && !port.egress) return
    const text = rows ? textOf(rows, port) : ''
    if (given.get(port) === text) return
    given.set(port, text)
    const before = port.egress
    if (!rows) {
      port.egress = undefined
      before?.flush()
      return
    }
    const plan = qosPlan({ ...rows, mtuBytes: port.mtuBytes })
    port.egress ??= egress({
      ...{ port, clock: options.clock },
      lost: (reason) => {
        port.counters.txDropped++
        options.drops.count(reason)
      },
    })
    port.egress.use(plan)
    for (const sentence of refusedBy(plan, port)) options.warn({ port: port.name }, sentence)
  }

  return {
    apply({ ports }) {
      const done = new Set<BridgePort>()
      for (const uuid of ports) {
        const row = database.table('Port').get(uuid)
        if (!row) continue
        const rows = asked(row)
        for (const of of row.interfaces) {
          const { name } = database.table('Interface').get(of) ?? {}
          const port = name === undefined ? undefined : options.port(name)
          // An interface that rows give to several ports is of the first.
          if (!port || done.has(port)) continue
          done.add(port)
          give(port, rows)
        }
      }
    },
  }
}

function textOf({ qos, queues }: Asked, port: BridgePort): string {
  const rest = queues.map(([id, { dscp, other_config }]) => [id, dscp ?? -1, other_config])
  return JSON.stringify([qos.type, qos.other_config, port.mtuBytes, rest])
}

function refusedBy(plan: QosPlan, port: BridgePort): readonly string[] {
  if (plan.limit.kind !== 'shape' || port.transmitFrame) return plan.refused
  return [...plan.refused, 'a tunnel has no queues: its underlay has them']
}
