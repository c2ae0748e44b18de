/** Ethernet II header; a VLAN tag (vlan.ts) follows when `type` is 0x8100 or 0x88a8. */
import { hex16, mac, struct } from './struct.ts'

export const ethernet = struct('ethernet', 'IEEE 802.3 §3.1', {
  dst: mac(),
  src: mac(),
  type: hex16('EtherType'),
})

/** EtherTypes that Weft names. */
export const ETH_TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  serviceVlan: 0x88a8,
  pbb: 0x88e7,
} as const
