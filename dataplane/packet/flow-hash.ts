/**
 * A hash of who talks to whom, by which select groups choose. Neighbours: flow-key.ts fills keys.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { keyField, VLAN_TCI } from './key-layout.ts'

const ADDRESSES: readonly FieldName[] = [
  'eth_src',
  'eth_dst',
  'eth_type',
  'ip_proto',
  'ipv4_src',
  'ipv4_dst',
  'ipv6_src',
  'ipv6_dst',
]
const PORTS: readonly FieldName[] = [
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
  'sctp_src',
  'sctp_dst',
]
/** vlan_tci without the priority. */
const VLAN_ID = 0x1fff
const IP_FRAG = keyField.ip_frag.slot
const slotsOf = (names: readonly FieldName[]) =>
  names.flatMap((name) =>
    Array.from({ length: keyField[name].words }, (_, i) => keyField[name].slot + i),
  )
const hashedSlots = Uint16Array.from(slotsOf([...ADDRESSES, ...PORTS]))
const fragmentSlots = Uint16Array.from(slotsOf(ADDRESSES))

/**
 * A 32-bit hash of who talks to whom: the same for all whole packets of a connection's direction, and
 * for all fragments between two hosts. Only the first fragment of a datagram has ports, so they do
 * not count for any of them.
 */
export function flowHash(key: Uint32Array): number {
  let hash = key[VLAN_TCI]! & VLAN_ID
  const slots = key[IP_FRAG] === 0 ? hashedSlots : fragmentSlots
  for (let i = 0; i < slots.length; i++) {
    hash = Math.imul(hash ^ key[slots[i]!]!, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
