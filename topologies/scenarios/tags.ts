/** Frames with VLAN tags, and the station of a physical network whose frames have one. Neighbours: vlan.ts, qinq.ts, trunk.ts. */
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import type { Station } from '../lab/checks/frames.ts'
import { createGuest, type Guest } from '../lab/guest.ts'
import type { ScenarioLab } from './scenario.ts'

export const SERVICE = 0x88a8
export const CUSTOMER = 0x8100
const MACS_SIZE = 12
const TAG_SIZE = 4

/** A tag by its TCI (priority, VID) under the customer type; or its type, TCI. */
export type Tag = number | readonly [tpid: number, tci: number]

/** The frame with tags put in front of its type, the first one outermost. */
export function tagged(frame: Uint8Array, ...tags: readonly Tag[]): Uint8Array {
  const bytes = tags.flatMap((tag) => {
    const [tpid, tci] = typeof tag === 'number' ? [CUSTOMER, tag] : tag
    return [tpid >> 8, tpid & 0xff, tci >> 8, tci & 0xff]
  })
  return Buffer.concat([
    frame.subarray(0, MACS_SIZE),
    Uint8Array.from(bytes),
    frame.subarray(MACS_SIZE),
  ])
}

/** Numbers of topologies/vlan-trunk.yaml: port vmN of tenant acme has 10.0.0.N. */
export const stationOf = (n: number): Station => ({
  mac: parseMac(`02:00:00:00:00:${n}`),
  address: parseIpv4(`10.0.0.${n}`),
})

const MTU = 9000

/** A machine on a physical network, with an IP stack; its frames have this tag, undefined: none. */
export function machineOn(
  lab: ScenarioLab,
  physicalNetwork: string,
  n: number,
  vid?: number,
): Guest & Disposable {
  const wire = lab.physicalNetwork(physicalNetwork)
  const tags = vid === undefined ? [] : [vid]
  const guest = createGuest({
    ...stationOf(n),
    mtuBytes: MTU,
    transmit: (frame) => wire.send(tagged(frame, ...tags)),
    clock: lab.clock,
  })
  const stop = wire.onFrame((frame) => {
    const bare = untagged(frame, vid)
    if (bare) guest.receive(bare)
  })
  const close = () => {
    stop()
    guest.close()
  }
  const ping: Guest['ping'] = (...asked) => lab.run(() => guest.ping(...asked))
  return { ...guest, ping, [Symbol.dispose]: close }
}

/** Without its tag of this VID, or as it is; undefined: it has another one. */
function untagged(frame: Uint8Array, vid: number | undefined): Uint8Array | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset)
  const isTagged = view.getUint16(MACS_SIZE) === CUSTOMER
  const own = isTagged ? view.getUint16(MACS_SIZE + 2) & 0xfff : undefined
  if (own !== vid) return undefined
  if (!isTagged) return frame
  return Buffer.concat([frame.subarray(0, MACS_SIZE), frame.subarray(MACS_SIZE + TAG_SIZE)])
}
