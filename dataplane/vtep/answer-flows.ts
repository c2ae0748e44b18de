/**
 * Questions of guests here about guests elsewhere, answered from rows, as a kernel's neigh_suppress does: ARP and
 * neighbour discovery. Guests here hear the question all the same. Pure. Neighbour: network-flows.ts.
 */
import { isIPv4 } from 'node:net'
import { type Action, moveField } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { ipv6Of } from './locator.ts'
import { emit, type Flows, group, register, resubmit, set, table } from './tables.ts'

const discovery = (icmpv6_type: number): Match => ({
  ...{ eth_type: ETH_TYPE.ipv6, ip_proto: 58, icmpv6_type, icmpv6_code: 0 },
})
const [SOLICITATION, ADVERTISEMENT] = [135, 136]
/** Flags of an advertisement: router, solicited, override (RFC 4861 §4.4). */
const [ROUTER, SOLICITED, OVERRIDE] = [0x8000_0000, 0x4000_0000, 0x2000_0000]
const TARGET_ADDRESS = 2

/** Past the ACL of the guest that gets it, as the kernel's own answers are. */
const back: readonly Action[] = [
  moveField(register.source, register.destination),
  resubmit(table.emit),
]

/** @param here the group of guests here @param mac of the guest that has the address */
export function answerFlows(
  flows: Flows,
  at: Match,
  here: number,
  mac: number,
  address: string,
): void {
  if (isIPv4(address)) arpFlows(flows, at, here, mac, parseIpv4(address))
  else discoveryFlows(flows, at, here, mac, ipv6Of(address))
}

/** What a guest says of itself unasked, and asks about itself, stays here: rows tell the others. */
export function selfFlows(flows: Flows, at: Match, here: number): void {
  const stay = { apply: [group(here)] }
  emit(flows, table.answer, 120, { ...at, eth_type: ETH_TYPE.arp, arp_spa: 0 }, stay)
  emit(flows, table.answer, 120, { ...at, ...discovery(SOLICITATION), ipv6_src: 0n }, stay)
  for (const nd_reserved of [0, OVERRIDE, ROUTER, ROUTER + OVERRIDE]) {
    emit(flows, table.answer, 120, { ...at, ...discovery(ADVERTISEMENT), nd_reserved }, stay)
  }
}

function arpFlows(flows: Flows, at: Match, here: number, mac: number, arp_tpa: number): void {
  const about: Match = { ...at, eth_type: ETH_TYPE.arp, arp_tpa }
  emit(flows, table.answer, 110, { ...about, arp_spa: arp_tpa }, { apply: [group(here)] })
  const apply: Action[] = [
    group(here),
    moveField('eth_src', 'eth_dst'),
    set('eth_src', mac),
    set('arp_op', 2),
    moveField('arp_sha', 'arp_tha'),
    set('arp_sha', mac),
    moveField('arp_spa', 'arp_tpa'),
    set('arp_spa', arp_tpa),
    ...back,
  ]
  emit(flows, table.answer, 100, { ...about, arp_op: 1 }, { apply })
}

/** In two tables: only an advertisement has a target's link-layer address that could be set. */
function discoveryFlows(
  flows: Flows,
  at: Match,
  here: number,
  mac: number,
  ipv6_nd_target: bigint,
): void {
  const asked: Match = { ...at, ...discovery(SOLICITATION), ipv6_nd_target }
  // Without an option there is no room for the answer.
  emit(flows, table.answer, 110, { ...asked, ipv6_nd_sll: 0 }, { goto: table.remote })
  const turn: Action[] = [
    group(here),
    moveField('eth_src', 'eth_dst'),
    set('eth_src', mac),
    moveField('ipv6_src', 'ipv6_dst'),
    set('ipv6_src', ipv6_nd_target),
    set('icmpv6_type', ADVERTISEMENT),
    resubmit(table.advertise),
  ]
  emit(flows, table.answer, 100, asked, { apply: turn })
  const tell: Action[] = [
    set('nd_options_type', TARGET_ADDRESS),
    set('nd_reserved', SOLICITED + OVERRIDE),
    set('ipv6_nd_tll', mac),
    ...back,
  ]
  const told: Match = { ...at, ...discovery(ADVERTISEMENT), ipv6_nd_target }
  emit(flows, table.advertise, 100, told, { apply: tell })
}
