/** What a captured frame is about: its VNI where it is VXLAN, whose MACs are in it, in words for its comment. Pure. Neighbour: capture.ts. */
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { VXLAN_PORT, vxlan } from '../../southbound/wire/vxlan.ts'

export interface Inside {
  readonly vni: number
  /** Where the inner frame begins. */
  readonly start: number
}

/** Of VXLAN over either family, untagged and in one piece; undefined for all else. */
export function insideOf(frame: Uint8Array): Inside | undefined {
  const at = udpAt(frame)
  if (at === undefined || frame.length < at + udp.size + vxlan.size) return undefined
  if (udp.get.dst(frame, at) !== VXLAN_PORT) return undefined
  const header = at + udp.size
  return { vni: vxlan.get.vni(frame, header), start: header + vxlan.size }
}

function udpAt(frame: Uint8Array): number | undefined {
  const at = ethernet.size
  if (frame.length < at + ipv4.size) return undefined
  const type = ethernet.get.type(frame, 0)
  if (type === ETH_TYPE.ipv4) {
    const isFragment =
      ipv4.get.moreFragments(frame, at) === 1 || ipv4.get.fragmentOffset(frame, at) > 0
    if (isFragment || ipv4.get.protocol(frame, at) !== IP_PROTO.udp) return undefined
    return at + 4 * ipv4.get.ihl(frame, at)
  }
  if (type !== ETH_TYPE.ipv6 || frame.length < at + ipv6.size) return undefined
  return ipv6.get.nextHeader(frame, at) === IP_PROTO.udp ? at + ipv6.size : undefined
}

/** Whether the frame that begins there is from or to this MAC. */
export function isOf(frame: Uint8Array, start: number, mac: number): boolean {
  if (frame.length < start + ethernet.size) return false
  return ethernet.get.src(frame, start) === mac || ethernet.get.dst(frame, start) === mac
}

/** Its outermost tag. */
export function vidOf(frame: Uint8Array): number | undefined {
  if (frame.length < ethernet.size + vlan.size) return undefined
  if (ethernet.get.type(frame, 0) !== ETH_TYPE.vlan) return undefined
  return vlan.get.vid(frame, ethernet.size)
}
