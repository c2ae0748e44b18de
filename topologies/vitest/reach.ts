/**
 * Whether a guest reaches another one: a ping of its own IP stack comes back, and it was that guest who was asked. Tenants have
 * the same addresses, so that an answer alone may be somebody else's. Neighbours: matchers.ts, ../lab/guest.ts.
 */
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { ICMP_ECHO_REQUEST, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import type { Workload } from '../lab/lab.ts'
import type { Inside } from './site.ts'

export const PING_HEADERS = ipv4.size + icmpEcho.size
/** A VTEP may lose the first frame to a peer whose MAC it has yet to resolve. */
const PINGS = 2

export interface Reached {
  readonly isAnswered: boolean
  /** Guests that were asked. */
  readonly asked: readonly string[]
}

export async function reach(
  { lab, signal, sleep }: Inside,
  from: Workload,
  to: Workload,
  { bytes, timeoutMs }: { readonly bytes: number; readonly timeoutMs: number },
): Promise<Reached> {
  const asked = new Set<string>()
  const alike = [...lab.workloads.values()].filter(({ address }) => address === to.address)
  const stops = alike.map((guest) =>
    guest.onFrame((frame) => {
      if (isEcho(frame, from.address, to.address)) asked.add(guest.name)
    }),
  )
  const once = { bytes: bytes - PING_HEADERS, timeoutMs: Math.ceil(timeoutMs / PINGS), signal }
  try {
    let isAnswered = false
    for (let ping = 0; ping < PINGS && !isAnswered; ping++)
      isAnswered = await from.ping(to.address, once)
    // The eyes may be slower than the guest.
    if (!asked.has(to.name)) await sleep(lab.settleMs)
    return { isAnswered, asked: [...asked] }
  } finally {
    for (const stop of stops) stop()
  }
}

function isEcho(frame: Uint8Array, from: number, to: number): boolean {
  const at = ethernet.size + ipv4.size
  if (frame.length < at + icmpEcho.size || ethernet.get.type(frame, 0) !== ETH_TYPE.ipv4)
    return false
  const { protocol, src, dst } = ipv4.read(frame, ethernet.size)
  const isOurs = protocol === IP_PROTO.icmp && src === from && dst === to
  return isOurs && icmpEcho.get.type(frame, at) === ICMP_ECHO_REQUEST
}
