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

/**
 * Those behind ports that are members still. The others are forgotten, and so is a MAC that a row now says is
 * behind another VTEP: its guest has moved.
 */
export function stationsOf(
  bridge: Bridge,
  networks: readonly Network[],
  ports: ReadonlyMap<string, { readonly ofport: number }>,
): Station[] {
  const members = new Map<number, ReadonlySet<number>>()
  const elsewhere = new Map<number, ReadonlySet<string>>()
  for (const { vni, members: of, macs } of networks) {
    const numbers = of.flatMap(({ interface: name, vid }) => {
      const ofport = ports.get(name)?.ofport
      return ofport === undefined ? [] : [memberNumber(ofport, vid)]
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
      const isHere = members.get(vni)?.has(memberOf(flow.instructions)) === true
      if (isHere && !elsewhere.get(vni)?.has(mac)) found.push({ vni, mac })
      else bridge.flows.remove(flow, removedReason.delete, journal)
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
