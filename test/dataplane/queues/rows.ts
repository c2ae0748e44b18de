/** QoS and Queue rows in few words, and what they make of a port. */
import { egress } from '../../../dataplane/queues/egress.ts'
import { type QosPlan, qosPlan } from '../../../dataplane/queues/plan.ts'
import type { Bridge } from '../../../dataplane/switch/bridge.ts'

export interface QueueIn {
  readonly dscp?: number
  readonly [config: string]: string | number | undefined
}
export interface QosIn {
  readonly type: string
  readonly config?: Readonly<Record<string, string>>
  /** By queue_id: dscp, and the rest is other_config. */
  readonly queues?: Readonly<Record<number, QueueIn>>
}

const ids = { _uuid: '', _version: '', external_ids: {} }

export function planOf({ type, config = {}, queues = {} }: QosIn, mtuBytes = 1500): QosPlan {
  return qosPlan({
    qos: { ...ids, type, other_config: config, queues: {} },
    queues: Object.entries(queues).map(([id, { dscp, ...rest }]) => {
      const entries = Object.entries(rest).map(([key, value]) => [key, String(value)])
      return [Number(id), { ...ids, dscp, other_config: Object.fromEntries(entries) }] as const
    }),
    mtuBytes,
  })
}

/** Gives a port of the bridge a QoS; answers the reasons under which something was lost later. */
export function giveQos(bridge: Bridge, ofport: number, qos: QosIn): number[] {
  const port = bridge.ports.get(ofport)!
  const lost: number[] = []
  port.egress ??= egress({ port, clock: bridge.clock, lost: (reason) => void lost.push(reason) })
  port.egress.use(planOf(qos))
  return lost
}
