/**
 * A hash of who talks to whom, by which select groups choose. Neighbours: flow-key.ts fills keys.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { keyField, VLAN_TCI } from './key-layout.ts'

const HASHED: readonly FieldName[] = [
  'eth_src',
  'eth_dst',
  'eth_type',
  'ip_proto',
  'ipv4_src',
  'ipv4_dst',
  'ipv6_src',
  'ipv6_dst',
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
]
/** vlan_tci without the priority. */
const VLAN_ID = 0x1fff
const hashedSlots = Uint16Array.from(
  HASHED.flatMap((name) =>
    Array.from({ length: keyField[name].words }, (_, i) => keyField[name].slot + i),
  ),
)

/** A 32-bit hash of who talks to whom: the same for all packets of a connection's direction. */
export function flowHash(key: Uint32Array): number {
  let hash = key[VLAN_TCI]! & VLAN_ID
  for (let i = 0; i < hashedSlots.length; i++) {
    hash = Math.imul(hash ^ key[hashedSlots[i]!]!, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
