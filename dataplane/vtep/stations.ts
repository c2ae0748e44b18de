/**
 * What packets taught: MACs of guests here, in the `learned` table. Neighbours: network-flows.ts (the flow that
 * learns), backend.ts (reports them).
 */
import type { Network } from '../../southbound/agent/desired.ts'
import { decodeInstructions } from '../../southbound/openflow/instruction.ts'
import { decodeMatch } from '../../southbound/openflow/match.ts'
import { controllerRole } from '../../southbound/openflow/message.ts'
import { formatMac } from '../../southbound/wire/address.ts'
import { removedReason } from '../pipeline/journal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Session } from '../switch/session.ts'
import { memberNumber, register, table } from './tables.ts'

export interface Station {
  readonly vni: number
  readonly mac: string
}

/** How many a network keeps: whoever is on a physical network may make them up. */
const MOST_LEARNED = 4096

/**
 * Those behind ports that are members still. The others are forgotten, and so is a MAC that a row now says is
 * behind another VTEP: its guest has moved. What `physical`, bridges to physical networks by name, have taught is kept and not
 * told: they are no guests of this host.
 */
export function stationsOf(
  bridge: Bridge,
  networks: readonly Network[],
  ofports: ReadonlyMap<string, number>,
  physical: ReadonlyMap<string, number>,
): Station[] {
  const outside = new Set<number>()
  const counts = new Map<number, number>()
  const members = new Map<number, ReadonlySet<number>>()
  const elsewhere = new Map<number, ReadonlySet<string>>()
  for (const { vni, members: of, macs } of networks) {
    const numbers = of.flatMap(({ interface: name, vid }) => {
      const ofport = ofports.get(name)
      if (ofport === undefined) return []
      const number = memberNumber(ofport, vid)
      if (physical.has(name)) outside.add(number)
      return [number]
    })
    members.set(vni, new Set(numbers))
    elsewhere.set(vni, new Set(macs.map(({ mac }) => mac)))
  }
  const found: Station[] = []
  bridge.change(undefined, (journal) => {
    for (const flow of [...bridge.flows.inTable(table.learned)]) {
      if (flow.hard_timeout === 0) continue
      const match = decodeMatch(flow.match)
      const vni = match[register.network] as number
      const mac = formatMac(match.eth_dst as number)
      const member = memberOf(flow.instructions)
      const count = (counts.get(vni) ?? 0) + 1
      counts.set(vni, count)
      const isHere = members.get(vni)?.has(member) === true && count <= MOST_LEARNED
      if (isHere && !elsewhere.get(vni)?.has(mac)) {
        if (!outside.has(member)) found.push({ vni, mac })
      } else bridge.flows.remove(flow, removedReason.delete, journal)
    }
  })
  return found
}

function memberOf(instructions: Uint8Array): number {
  const [apply] = decodeInstructions(instructions)
  const [load] = apply?.kind === 'apply_actions' ? apply.actions : []
  return load?.kind === 'load' ? Number(load.value) : 0
}

/** Calls when a MAC was learned or forgotten. */
export function listenTo(bridge: Bridge, changed: () => void): void {
  const session: Session = {
    role: controllerRole.slave,
    demote() {},
    takesPacketIn: () => false,
    packetIn: () => false,
    portStatus() {},
    flowsChanged(events) {
      if (events.some(({ flow }) => flow.table_id === table.learned && flow.hard_timeout > 0)) {
        changed()
      }
    },
    close() {},
  }
  bridge.sessions.add(session)
}
