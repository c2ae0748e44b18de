/**
 * The marked frames of the checks. All of IP are ICMP echo replies that nobody asked for: a guest's
 * stack, ours or a kernel's, takes them in silence, so that no check stirs up frames of its own.
 */
import { ARP_REQUEST } from '../../../southbound/wire/arp.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import { arpFrame, icmpEchoFrame, tcpSynFrame } from '../../../southbound/wire/frame.ts'
import { icmpEcho } from '../../../southbound/wire/icmp.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'

/** Someone who has addresses: a workload, or a made-up stranger. */
export interface Station {
  readonly mac: number
  readonly address: number
}

const HEADERS = ipv4.size + icmpEcho.size
const SHORT = 64
/** Ethernet's minimum without FCS, IEEE 802.3 §3.2.8; an ARP packet leaves 18 bytes of padding in it. */
const SHORTEST_FRAME = 60

/** An IP packet of `ipBytes` bytes in a frame, the mark at the start of its payload. */
export function markedPacket(
  mark: Uint8Array,
  from: Station,
  to: Station,
  { ipBytes = SHORT, dontFragment = true } = {},
): Uint8Array {
  const payload = new Uint8Array(ipBytes - HEADERS)
  payload.set(mark)
  return icmpEchoFrame({
    kind: 'reply',
    eth_dst: to.mac,
    eth_src: from.mac,
    ipv4_src: from.address,
    ipv4_dst: to.address,
    dontFragment,
    identifier: 0x5745,
    sequence: 0,
    payload,
  })
}

/** The first segment of a TCP connection to the OVSDB port, with the mark as data. */
export function markedSyn(mark: Uint8Array, from: Station, to: Station): Uint8Array {
  return tcpSynFrame({
    eth_dst: to.mac,
    eth_src: from.mac,
    ipv4_src: from.address,
    ipv4_dst: to.address,
    tcp_src: 49_152,
    tcp_dst: 6640,
    payload: mark,
  })
}

/** A broadcast ARP request for `tpa`, the mark in its padding; `sender` is what the ARP header claims. */
export function markedArp(
  mark: Uint8Array,
  from: Station,
  tpa: number,
  sender: Station = from,
): Uint8Array {
  const { mac: sha, address: spa } = sender
  const frame = arpFrame({ op: ARP_REQUEST, sha, spa, tha: 0, tpa, eth_src: from.mac })
  const padded = new Uint8Array(Math.max(SHORTEST_FRAME, frame.length + mark.length))
  padded.set(frame)
  padded.set(mark, frame.length)
  return padded
}

/** Bytes of IP in a frame without a tag. */
export const ipBytesOf = (frame: Uint8Array): number => frame.length - ethernet.size
