/** One bridge with three workloads, which every test of the pipeline begins with; and their frames. */

import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { icmpEchoFrame, udpFrame } from '../../../southbound/wire/frame.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { type Host, quiet, type Station, startHost } from '../rig.ts'

export const A = { mac: 0x020000000011, address: parseIpv4('10.0.0.11') }
export const B = { mac: 0x020000000012, address: parseIpv4('10.0.0.12') }
export const between = {
  eth_src: A.mac,
  eth_dst: B.mac,
  ipv4_src: A.address,
  ipv4_dst: B.address,
}
export const echo = (payload: number) =>
  icmpEchoFrame({ ...between, identifier: 1, sequence: 1, payload: new Uint8Array(payload) })
export const datagram = (payload = 10) =>
  udpFrame({ ...between, udp_src: 1000, udp_dst: 2000, payload: new Uint8Array(payload).fill(7) })

export interface Scene {
  readonly h: Host
  readonly clock: VirtualClock
  /** At ports 1, 2 and 3. */
  readonly one: Station
  readonly two: Station
  readonly three: Station
}

export async function openScene(): Promise<Scene> {
  const clock = virtualClock()
  const h = await startHost('h1', { clock })
  const [one, two, three] = [h.plug('vm1', 1), h.plug('vm2', 2), h.plug('vm3', 3)]
  await quiet(3)
  return { h, clock, one, two, three }
}
