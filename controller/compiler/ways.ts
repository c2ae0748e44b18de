/**
 * How the hosts of a network reach each other through the tunnel, where some have an IPv4 VTEP, some an IPv6 one and some
 * both. What a host's peers need to reach it depends on nothing but which families they have, so it is emitted once, into
 * one of three blocks of the network, and each peer links the blocks of the ways that it takes. Says the same as
 * `tunnelBetween`, pair by pair. Neighbour: `units.ts`.
 */

import type { Action } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { parseIpv6 } from '../../southbound/openflow/text-address.ts'
import { spanOf } from '../../southbound/openflow/text-span.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { familyOf } from '../model/ip-address.ts'
import { familiesOf, type Vtep, vtepAddressOf } from '../model/tunnel.ts'

/** `over4`: whoever has IPv4 is reached so by all who have it; `only6`: hosts without IPv4; `also6`: hosts with both, by those without. */
export type Way = 'over4' | 'only6' | 'also6'

const taken = { 4: ['over4'], 46: ['over4', 'only6'], 6: ['only6', 'also6'] } as const

/** The ways by which a host reaches its peers, and takes VXLAN from them. */
export function waysFrom(host: Vtep): readonly Way[] {
  return taken[familiesOf(host)]
}

/** The ways by which its peers reach a host, each with the address of its VTEP. */
export function waysTo(host: Vtep): readonly (readonly [way: Way, address: string])[] {
  const four = vtepAddressOf(host, 4)
  const six = vtepAddressOf(host, 6)
  const ways: [Way, string][] = []
  if (four !== undefined) ways.push(['over4', four])
  if (six !== undefined) ways.push([four === undefined ? 'only6' : 'also6', six])
  return ways
}

/** Of what came out of the tunnel from this VTEP. */
export function fromVtep(address: string): Match {
  return familyOf(address) === 4
    ? { tun_src: parseIpv4(address) }
    : { tun_ipv6_src: parseIpv6(spanOf(address)) }
}

/** Before the output to the tunnel: where to. One alone may be set of a frame. */
export function toVtep(address: string): Action {
  const [field, value] =
    familyOf(address) === 4
      ? (['tun_dst', parseIpv4(address)] as const)
      : (['tun_ipv6_dst', parseIpv6(spanOf(address))] as const)
  return { kind: 'set_field', field, value } as Action
}
