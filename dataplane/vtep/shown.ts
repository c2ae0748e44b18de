/**
 * Which frames are dropped: a drop flow of a port asks the table `shown`, which gives the frame to this process and learns
 * that who is shown is mute for 5 s; so who floods hides no other. Neighbours: tables.ts (drop flows), backend.ts (reports).
 */
import type { ShownDrop } from '../../southbound/agent/backend.ts'
import type { Action } from '../../southbound/openflow/action.ts'
import { frameTuple } from '../../southbound/openflow/frame-tuple.ts'
import { decodeMatch } from '../../southbound/openflow/match.ts'
import { controllerRole } from '../../southbound/openflow/message.ts'
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Session } from '../switch/session.ts'
import { type DropOf, emit, type Flows, register, shownNumber, table } from './tables.ts'

const MUTE_S = 5
const MUTE_PRIORITY = 100

const at = { field: register.shown, ofs: 0 } as const
const mute: Action = {
  kind: 'learn',
  ...{ idle_timeout: 0, hard_timeout: MUTE_S, fin_idle_timeout: 0, fin_hard_timeout: 0 },
  ...{ priority: MUTE_PRIORITY, cookie: 0n, flags: 0, table_id: table.shown },
  specs: [{ kind: 'match', n_bits: 32, src: at, dst: at }],
}
const show: Action = { kind: 'output', port: CONTROLLER, max_len: 0xffff }

export function showFlows(flows: Flows): void {
  emit(flows, table.shown, 0, {}, { apply: [mute, show] })
}

/** By port and reason, the last frame of each. */
export type HeardDrops = Map<number, Pick<ShownDrop, 'at' | 'frame'>>

/** Fills `heard`. */
export function listenToDrops(bridge: Bridge, heard: HeardDrops, changed: () => void): void {
  const session: Session = {
    role: controllerRole.slave,
    demote() {},
    takesPacketIn: () => true,
    packetIn({ match, data, total_len, table_id }) {
      const number = decodeMatch(match)[register.shown]
      const tuple = frameTuple(data)
      if (table_id !== table.shown || typeof number !== 'number' || !tuple) return false
      const frame = { frameBytes: total_len, ...tuple } as unknown as ShownDrop['frame']
      heard.set(number, { at: new Date(bridge.clock.wall()).toISOString(), frame })
      changed()
      return true
    },
    portStatus() {},
    flowsChanged() {},
    close() {},
  }
  bridge.sessions.add(session)
}

/** Those of drop flows that there are; the others are forgotten. */
export function shownOf(drops: Iterable<DropOf>, heard: HeardDrops): ShownDrop[] {
  const found = new Map<number, ShownDrop>()
  for (const of of drops) {
    const drop = heard.get(shownNumber(of))
    const reason = of.reason.replace(/((?:^|-)(?:in|out))-\d+$/, '$1')
    if (drop && of.port !== undefined)
      found.set(shownNumber(of), { port: of.port, reason, ...drop })
  }
  for (const number of heard.keys()) if (!found.has(number)) heard.delete(number)
  return [...found.values()]
}
