/**
 * The tunnel's fields in the flow key: tunnel_id, tun_src and tun_dst over IPv4, tun_ipv6_src and
 * tun_ipv6_dst over IPv6. (tun_flags has one bit, of Geneve's, and stays 0.)
 * Neighbours: outer.ts; the pipeline loads what came in, tunnel-port.ts reads what goes out.
 */
import { keyField, TUN_DST, TUN_SRC, TUNNEL_ID } from '../packet/key-layout.ts'
import { type Address, isIpv4, setIpv4 } from './address.ts'
import type { Outer } from './outer.ts'

const TUN_IPV6_SRC = keyField.tun_ipv6_src.slot
const TUN_IPV6_DST = keyField.tun_ipv6_dst.slot

function load(key: Uint32Array, four: number, six: number, address: Address): void {
  if (isIpv4(address)) key[four] = address[3]!
  else for (let i = 0; i < 4; i++) key[six + i] = address[i]!
}

/** Into a key that is zero there. */
export function loadTunnel(key: Uint32Array, outer: Outer): void {
  key[TUNNEL_ID] = outer.vni
  load(key, TUN_SRC, TUN_IPV6_SRC, outer.src)
  load(key, TUN_DST, TUN_IPV6_DST, outer.dst)
}

/** IPv4 first, as Open vSwitch has it; all zero when the flow has set neither. */
function read(key: Uint32Array, four: number, six: number, out: Address): void {
  if (key[four] !== 0) setIpv4(out, key[four]!)
  else for (let i = 0; i < 4; i++) out[i] = key[six + i]!
}

export const readTunnelDst = (key: Uint32Array, out: Address): void =>
  read(key, TUN_DST, TUN_IPV6_DST, out)
export const readTunnelSrc = (key: Uint32Array, out: Address): void =>
  read(key, TUN_SRC, TUN_IPV6_SRC, out)
