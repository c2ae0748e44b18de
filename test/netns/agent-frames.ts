/** Frames sent and seen by guests of an agent-site.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { frameSender, frameTap } from '../../topologies/lab/netns/raw-socket.ts'
import type { Guest } from './agent-site.ts'

const SETTLE_MS = 200

export const mac = (guest: Guest) => parseMac(guest.mac)
export const ip = (guest: Guest) => parseIpv4(guest.address)

/** Frames that arrive at a guest, or at the u0 of a namespace, while `send` runs and a moment after. */
export async function arriving(at: Guest | string, send: () => void): Promise<Uint8Array[]> {
  const [namespace, device] = typeof at === 'string' ? [at, 'u0'] : [at.namespace, 'eth0']
  const frames: Uint8Array[] = []
  const tap = frameTap(namespace, [device])
  tap.onFrame((frame) => void frames.push(frame))
  send()
  await delay(SETTLE_MS)
  tap.close()
  return frames
}

/** How often a frame of a guest arrives; a text in it tells it from the kernel's own. */
export async function marked(
  from: Guest,
  at: Guest | string,
  frame: (mark: Uint8Array) => Uint8Array,
): Promise<number> {
  const mark = Buffer.from(`mark ${Math.random()} of this frame, long enough`)
  const sender = frameSender({ namespace: from.namespace, device: 'eth0' })
  const frames = await arriving(at, () => sender.send(frame(mark)))
  sender.close()
  return frames.filter((bytes) => Buffer.from(bytes).includes(mark)).length
}
