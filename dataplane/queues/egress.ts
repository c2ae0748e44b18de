/**
 * What stands in front of a port that has a QoS: packets are marked by their queue, and then shaped or
 * policed. A port without one has none of this: the bridge looks whether it is there, and that is all.
 * Neighbours: plan.ts says what, shaper.ts and policer.ts do it, switch/bridge.ts sends by it.
 */
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { DROP } from '../packet/drop.ts'
import { keyField } from '../packet/key-layout.ts'
import { storeField } from '../packet/set-field.ts'
import type { Run } from '../pipeline/run.ts'
import type { QosPlan } from './plan.ts'
import { type Policer, policer } from './policer.ts'
import { type Shaper, type ShaperOptions, shaper } from './shaper.ts'

/** The port as it is without. */
export interface EgressPort {
  /** Sends the run's packet; SENT or a drop reason. */
  transmit(run: Run): number
  /**
   * Sends a frame that is no run's any more, borrowed for the call. Absent where the way depends on the
   * packet's flow (tunnels): nothing can wait there.
   */
  transmitFrame?(bytes: Uint8Array, start: number, end: number): number
}

export interface Egress {
  /** Of a port that is shaped. */
  readonly shaper: Shaper | undefined
  /** Another QoS from now on, without a loss. */
  use(plan: QosPlan): void
  /** Marks the run's packet, and sends it or keeps it; SENT or a drop reason. Leaves it as it was. */
  send(run: Run): number
  /** The QoS is gone: what waits leaves at once. */
  flush(): void
  /** The port is gone: what waits is lost. */
  close(): void
}

export interface EgressOptions extends Pick<ShaperOptions, 'clock' | 'lost'> {
  readonly port: EgressPort
}

const DSCP = keyField.ip_dscp
const ETH_TYPE_SLOT = keyField.eth_type.slot

/** Gives an IP packet the DSCP; answers the one it had. */
function swapDscp(run: Run, dscp: number): number {
  const { key } = run
  const { slot, shift } = DSCP
  const before = (key[slot]! >>> shift) & 0x3f
  if (before === dscp) return before
  key[slot] = key[slot]! ^ ((before ^ dscp) << shift)
  storeField(key, run.packet, DSCP)
  return before
}

export function egress(options: EgressOptions): Egress {
  const { port, clock } = options
  let marks: ReadonlyMap<number, number> = new Map()
  let shaped: Shaper | undefined
  let policed: Policer | undefined

  const use: Egress['use'] = (plan) => {
    marks = new Map(plan.marks)
    const { limit } = plan
    if (limit.kind === 'police' && policed) policed.use(limit, clock.now())
    else policed = limit.kind === 'police' ? policer(limit, clock.now()) : undefined
    const { transmitFrame } = port
    if (limit.kind !== 'shape' || !transmitFrame) {
      const before = shaped
      shaped = undefined
      before?.flush()
    } else if (shaped) shaped.use(limit)
    else shaped = shaper(limit, { clock, lost: options.lost, transmit: transmitFrame })
  }

  const pass = (run: Run): number => {
    const { bytes, start, end } = run.packet
    if (shaped) return shaped.send(run.queue, bytes, start, end)
    if (policed && !policed.pass(end - start, clock.now())) return DROP.policer_exceeded
    return port.transmit(run)
  }

  return {
    get shaper() {
      return shaped
    },
    use,
    send(run) {
      const dscp = marks.get(run.queue)
      const type = run.key[ETH_TYPE_SLOT]
      if (dscp === undefined || (type !== ETH_TYPE.ipv4 && type !== ETH_TYPE.ipv6)) return pass(run)
      const before = swapDscp(run, dscp)
      const result = pass(run)
      swapDscp(run, before)
      return result
    },
    flush: () => use({ limit: { kind: 'pass' }, marks: [], refused: [] }),
    close: () => shaped?.close(),
  }
}
