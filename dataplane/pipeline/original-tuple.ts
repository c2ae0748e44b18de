/**
 * Addresses and ports of a packet, exchanged with those that its connection had before translation:
 * resubmit with ct looks up by these. Neighbours: pipeline.ts, conntrack.ts fills the ct_ fields.
 */
import { keyField } from '../packet/key-layout.ts'

/** Pairs of fields of the packet, and of its connection before translation. */
const IPV4_TUPLE = [
  [keyField.ipv4_src, keyField.ct_nw_src],
  [keyField.ipv4_dst, keyField.ct_nw_dst],
] as const
const IPV6_TUPLE = [
  [keyField.ipv6_src, keyField.ct_ipv6_src],
  [keyField.ipv6_dst, keyField.ct_ipv6_dst],
] as const
const PORTS = {
  6: [keyField.tcp_src, keyField.tcp_dst],
  17: [keyField.udp_src, keyField.udp_dst],
  132: [keyField.sctp_src, keyField.sctp_dst],
} as const
const CT_PROTOCOL = keyField.ct_nw_proto.slot
const IPV4 = 0x0800

/** Exchanges them; a packet of no connection stays as it is. */
export function swapTuple(key: Uint32Array): void {
  const protocol = key[CT_PROTOCOL]!
  if (protocol === 0) return
  for (const [own, tracked] of key[keyField.eth_type.slot] === IPV4 ? IPV4_TUPLE : IPV6_TUPLE) {
    for (let i = 0; i < own.words; i++) swap(key, own.slot + i, tracked.slot + i)
  }
  swap(key, keyField.ip_proto.slot, CT_PROTOCOL)
  const ports = PORTS[protocol as keyof typeof PORTS]
  if (!ports) return
  swap(key, ports[0].slot, keyField.ct_tp_src.slot)
  swap(key, ports[1].slot, keyField.ct_tp_dst.slot)
}

function swap(key: Uint32Array, a: number, b: number): void {
  const before = key[a]!
  key[a] = key[b]!
  key[b] = before
}
