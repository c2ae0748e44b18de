/**
 * The switch's own end on the underlay: a MAC, an IPv4 address and an MTU on a port, with ARP and
 * UDP 4789 and nothing else. Frames of tunnel ports go out here and come in here.
 * Neighbours: neighbours.ts (ARP), vxlan.ts (headers), tunnels.ts (which port a packet is for).
 */
import { BROADCAST_MAC } from '../../southbound/wire/address.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { VXLAN_IPV4_OVERHEAD } from '../../southbound/wire/vxlan.ts'
import { DROP } from '../packet/drop.ts'
import { HEADROOM, type Packet } from '../packet/packet.ts'
import type { FramePort } from '../ports/memory.ts'
import type { Clock } from '../switch/clock.ts'
import { neighbours } from './neighbours.ts'
import { DECAPSULATED, decapsulate, encapsulate, newInner, OTHER_PACKET } from './vxlan.ts'

/** Where the switch stands on the underlay. */
export interface UnderlayOptions {
  readonly port: FramePort
  readonly mac: number
  /** The VTEP address. */
  readonly address: number
  /** Largest IPv4 packet, bytes. */
  readonly mtuBytes: number
}

/** Result of send() besides drop reasons. */
export const SENT = -1

export interface Underlay {
  readonly address: number
  readonly mtuBytes: number
  /** Encapsulates and sends the packet; SENT (or queued for ARP), or a drop reason. */
  send(packet: Packet, vni: number, dst: number, entropy: number): number
  close(): void
}

export interface UnderlayHost {
  readonly clock: Clock
  drop(reason: number): void
  /** An inner frame; the bytes are borrowed for the call. */
  receive(
    bytes: Uint8Array,
    start: number,
    end: number,
    vni: number,
    src: number,
    dst: number,
  ): void
}

export function underlay(options: UnderlayOptions, host: UnderlayHost): Underlay {
  const { port, mac, address, mtuBytes } = options
  const inner = newInner()

  const peers = neighbours({
    mac,
    address,
    clock: host.clock,
    drop: host.drop,
    send: (frame) => port.transmit(frame, 0, frame.length),
    resume(neighbour, waiting, note) {
      const bytes = new Uint8Array(HEADROOM + waiting.length)
      bytes.set(waiting, HEADROOM)
      // The note of a waiting frame carries VNI and entropy: 24 and 14 bits of a double.
      const vni = Math.floor(note / 0x4000)
      const at = encapsulate(bytes, HEADROOM, bytes.length, neighbour.outer, vni, note % 0x4000)
      port.transmit(bytes, at, bytes.length)
    },
  })

  const receive = (bytes: Uint8Array, start: number, end: number) => {
    if (end - start < ethernet.size) return host.drop(DROP.underlay_malformed)
    const dst = ethernet.get.dst(bytes, start)
    if (dst !== mac && dst !== BROADCAST_MAC) return host.drop(DROP.underlay_not_ours)
    const type = ethernet.get.type(bytes, start)
    if (type === ETH_TYPE.arp) return peers.receive(bytes.subarray(0, end), start)
    if (type !== ETH_TYPE.ipv4) return host.drop(DROP.underlay_unwanted)
    const result = decapsulate(bytes, start, end, address, inner)
    if (result === DECAPSULATED) {
      host.receive(bytes, inner.start, inner.end, inner.vni, inner.src, inner.dst)
    } else {
      host.drop(result === OTHER_PACKET ? DROP.underlay_unwanted : result)
    }
  }
  const stop = port.onReceive(receive)

  return {
    address,
    mtuBytes,
    send(packet, vni, dst, entropy) {
      const { bytes, start, end } = packet
      const size = end - start + VXLAN_IPV4_OVERHEAD - ethernet.size
      if (size > mtuBytes) return DROP.underlay_mtu_exceeded
      const neighbour = peers.find(dst)
      if (!neighbour) {
        const note = vni * 0x4000 + (entropy & 0x3fff)
        return peers.wait(dst, bytes, start, end, note) ? SENT : DROP.underlay_queue_full
      }
      const at = encapsulate(bytes, start, end, neighbour.outer, vni, entropy)
      port.transmit(bytes, at, end)
      return SENT
    },
    close() {
      stop()
      peers.close()
    },
  }
}
