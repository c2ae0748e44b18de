/** VTEPs in matches and actions, of either version of IP. Neighbour: network-flows.ts. */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { parseAddress } from '../tunnel/address.ts'
import { set, TUNNEL_OFPORT } from './tables.ts'

/** An IPv6 address as 128 bits. @throws WireError */
export function ipv6Of(text: string): bigint {
  let value = 0n
  for (const word of parseAddress(text)) value = (value << 32n) | BigInt(word)
  return value
}

/** Of what came out of the tunnel. */
export const fromVtep = (address: string): Match =>
  address.includes(':') ? { tun_ipv6_src: ipv6Of(address) } : { tun_src: parseIpv4(address) }

/** Sends the frame as it is now to each of them. */
export function toVteps(vni: number, local: string, vteps: readonly string[]): Action[] {
  if (vteps.length === 0) return []
  const own = local.includes(':')
    ? set('tun_ipv6_src', ipv6Of(local))
    : set('tun_src', parseIpv4(local))
  return [
    set('tunnel_id', BigInt(vni)),
    own,
    ...vteps.flatMap((vtep): Action[] => [
      vtep.includes(':') ? set('tun_ipv6_dst', ipv6Of(vtep)) : set('tun_dst', parseIpv4(vtep)),
      { kind: 'output', port: TUNNEL_OFPORT },
    ]),
  ]
}
