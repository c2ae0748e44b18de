/**
 * The flows of a network's member: whose frames it takes, what its ACL says of them in both directions, and
 * how they leave. Pure. Neighbours: tables.ts, acl-matches.ts; network-flows.ts has what a network shares.
 */
import type { AclEntry, Member, Network } from '../../southbound/agent/desired.ts'
import type { Fault } from '../../southbound/agent/fault.ts'
import { type Action, moveField } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { IN_PORT } from '../../southbound/openflow/port.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { aclMatches } from './acl-matches.ts'
import {
  ANY_TAG,
  emit,
  type Flows,
  memberNumber,
  register,
  resubmit,
  set,
  table,
} from './tables.ts'

/** A tag of before 802.1ad: no field has its VID. */
const OLD_TAG = 0x9100
/** Entries are tried from here downwards. */
const FIRST_ENTRY = 60_000
const PRESENT = 0x1000

export interface PlacedMember extends Member {
  readonly ofport: number
}

/** @param mtuBytes of the network */
export function memberFlows(
  flows: Flows,
  faults: Fault[],
  { vni, vlanTransparent }: Pick<Network, 'vni' | 'vlanTransparent'>,
  mtuBytes: number,
  { interface: port, ofport, vid, acl }: PlacedMember,
): void {
  const number = memberNumber(ofport, vid)
  const prefix = vid === 0 ? '' : `vid-${vid}-`
  const drop = (reason: string) => ({ drop: { port, reason: `${prefix}${reason}` } })
  const count = (side: 'from' | 'to') => (vid === 0 ? {} : { count: { port, vid, side } })
  const enter = (before: readonly Action[], tagBytes: number) => ({
    apply: [
      ...before,
      set(register.network, vni),
      set(register.source, number),
      {
        kind: 'check_pkt_larger',
        pkt_len: ethernet.size + tagBytes + mtuBytes,
        dst: { field: register.oversize, ofs: 0, n_bits: 1 },
      } as const,
    ],
    goto: table.admit,
  })
  const pop = [{ kind: 'pop_vlan' }] as const

  if (vid > 0) {
    emit(
      flows,
      table.classify,
      100,
      { in_port: ofport, vlan_vid: PRESENT | vid },
      {
        ...enter(pop, 0),
        ...count('from'),
      },
    )
  } else {
    emit(flows, table.classify, 100, { in_port: ofport, vlan_vid: 0 }, enter([], 0))
    const tagged: Match = { in_port: ofport, vlan_vid: ANY_TAG }
    if (vlanTransparent === 'qinq')
      emit(flows, table.classify, 50, tagged, enter([], 2 * vlan.size))
    else if (vlanTransparent) emit(flows, table.classify, 50, tagged, lookBelow(enter([], 0).apply))
    else {
      // A priority tag is none (RFC 7348 §6.1); classify sees what is under it.
      const priority: Match = { in_port: ofport, vlan_vid: PRESENT }
      emit(flows, table.arrive, 100, priority, { apply: pop, goto: table.classify })
      emit(flows, table.classify, 50, tagged, drop('vlan'))
    }
  }
  const source: Match = { [register.source]: number }
  if (vlanTransparent === true)
    emit(flows, table.below, 200, { ...source, vlan_vid: ANY_TAG }, drop('vlan'))
  if (!vlanTransparent) {
    emit(flows, table.admit, 200, { ...source, vlan_vid: ANY_TAG }, drop('vlan'))
    emit(flows, table.admit, 200, { ...source, eth_type: OLD_TAG }, drop('vlan'))
  }
  const oversize: Match = { ...source, [register.oversize]: [1, 1] }
  emit(flows, table.admit, 100, oversize, drop('mtu_exceeded'))

  const destination: Match = { [register.destination]: number }
  const sides = [
    ['in', 'ingress', source, table.learn],
    ['out', 'egress', destination, table.emit],
  ] as const
  for (const [side, direction, match, next] of sides) {
    const entries = acl.filter((entry) => entry.direction === direction)
    for (const [entry, priority] of byPriority(entries)) {
      const made = aclMatches(entry)
      if ('invalid' in made) {
        const subject = { kind: 'acl', uuid: entry.uuid } as const
        faults.push({ code: 'acl_entry_invalid', subject, detail: made.invalid })
      }
      const isPermit = entry.action === 'permit'
      // As everywhere: a deny that cannot be matched denies all, such a permit permits nothing.
      const matches = 'invalid' in made ? (isPermit ? [] : [{}]) : made.matches
      const doing = isPermit ? { goto: next } : drop(`${side}-${entry.sequence}`)
      for (const one of matches)
        emit(flows, table[direction], priority, { ...match, ...one }, doing)
    }
  }

  // Never back to where it came from; to another VID of the same interface it takes IN_PORT.
  emit(flows, table.egress, 65_000, { ...source, ...destination })
  const tag: Action[] =
    vid === 0
      ? []
      : [{ kind: 'push_vlan', ethertype: ETH_TYPE.vlan }, set('vlan_vid', PRESENT | vid)]
  const leave = (to: number) => ({
    apply: [...tag, { kind: 'output', port: to } as const],
    ...count('to'),
  })
  emit(flows, table.emit, 200, { ...destination, in_port: ofport }, leave(IN_PORT))
  emit(flows, table.emit, 100, destination, leave(ofport))
}

/** Takes the tag off, so that what is below it is seen and measured, and puts it back there. */
const lookBelow = (apply: readonly Action[]) => ({
  apply: [
    moveField('vlan_tci', register.lifted),
    { kind: 'pop_vlan' } as const,
    ...apply,
    resubmit(table.below),
  ],
})

/** By sequence where that fits, so that a new entry moves no other. */
function byPriority(entries: readonly AclEntry[]): [AclEntry, number][] {
  const numbers = entries.map(({ sequence }) => sequence)
  const fits = numbers.every((n) => n >= 0 && n < FIRST_ENTRY)
  const isDistinct = new Set(numbers).size === numbers.length
  return entries.map((entry, index) => [
    entry,
    FIRST_ENTRY - (fits && isDistinct ? entry.sequence : index),
  ])
}
