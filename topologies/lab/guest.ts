/**
 * A guest's IP stack, as small as one can be that a ping crosses: answers ARP for its address, resolves
 * ARP, answers ICMP echo, sends echoes with DF. Whatever is not for it, or is broken, is dropped with a
 * name and a count, and it never sends a frame that nobody asked for: drop counters stay quiet.
 *
 * It knows no port: frames leave through `transmit` and enter through `receive` (memory/ binds both to a
 * dataplane port). Raw frames pass beside the stack, `send` as given and `onFrame` before any check, like
 * a packet socket does.
 */
import { BROADCAST_MAC, formatIpv4 } from '../../southbound/wire/address.ts'
import { ARP_REPLY, ARP_REQUEST, arp } from '../../southbound/wire/arp.ts'
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { type Clock, every } from '../../southbound/wire/clock.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame, icmpEchoFrame } from '../../southbound/wire/frame.ts'
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import type { Unsubscribe, Workload } from './lab.ts'

const ARP_LIFETIME_MS = 60_000
const ARP_RETRY_MS = 250
const ECHO_AT = ethernet.size + ipv4.size
const DATA_AT = ECHO_AT + icmpEcho.size

export interface GuestOptions {
  readonly mac: number
  readonly address: number
  /** Bytes of IP: the stack sends nothing longer and takes nothing longer. */
  readonly mtuBytes: number
  /** Puts a frame on the guest's wire; the guest does not touch the bytes again. */
  readonly transmit: (frame: Uint8Array) => void
  readonly clock: Clock
}

/** Why a guest's stack ignored a frame. */
export type GuestDrop = 'not_for_us' | 'too_long' | 'malformed' | 'unknown_protocol'

export interface Guest extends Pick<Workload, 'send' | 'onFrame' | 'ping'> {
  /** A frame that arrived at the interface; the guest may keep the bytes. */
  receive(frame: Uint8Array): void
  readonly drops: ReadonlyMap<GuestDrop, number>
  /** Whom it knows: IPv4 addresses (32 bits) and MACs (48 bits). */
  neighbours(): readonly (readonly [address: number, mac: number])[]
  /** Fails all that waits; the guest stays silent afterwards. */
  close(): void
}

interface Waiting {
  readonly target: number
  readonly bytes: number
  readonly answered: () => void
}

export function createGuest({ mac, address, mtuBytes, transmit, clock }: GuestOptions): Guest {
  const listeners = new Set<(frame: Uint8Array) => void>()
  const drops = new Map<GuestDrop, number>()
  const neighbours = new Map<number, { mac: number; until: number }>()
  const resolving = new Map<number, Set<(mac: number) => void>>()
  const pings = new Map<number, Waiting>()
  const closing = new AbortController()
  let lastSequence = 0

  const drop = (reason: GuestDrop): void => {
    drops.set(reason, (drops.get(reason) ?? 0) + 1)
  }

  function receive(frame: Uint8Array): void {
    if (closing.signal.aborted) return
    for (const listener of [...listeners]) listener(frame)
    if (frame.length < ethernet.size) return drop('malformed')
    const dst = ethernet.get.dst(frame, 0)
    if (dst !== mac && dst !== BROADCAST_MAC) return drop('not_for_us')
    if (frame.length > ethernet.size + mtuBytes) return drop('too_long')
    const type = ethernet.get.type(frame, 0)
    if (type === ETH_TYPE.arp) receiveArp(frame)
    else if (type === ETH_TYPE.ipv4) receiveIpv4(frame, dst)
    else drop('unknown_protocol')
  }

  function receiveArp(frame: Uint8Array): void {
    if (frame.length < ethernet.size + arp.size) return drop('malformed')
    const { op, sha, spa, tpa } = arp.read(frame, ethernet.size)
    if (tpa !== address) return drop('not_for_us')
    neighbours.set(spa, { mac: sha, until: clock.now() + ARP_LIFETIME_MS })
    for (const resolved of resolving.get(spa) ?? []) resolved(sha)
    if (op === ARP_REQUEST) {
      transmit(arpFrame({ op: ARP_REPLY, sha: mac, spa: address, tha: sha, tpa: spa }))
    }
  }

  function receiveIpv4(frame: Uint8Array, eth_dst: number): void {
    const room = frame.length - ethernet.size
    if (room < ipv4.size) return drop('malformed')
    const header = ipv4.read(frame, ethernet.size)
    if (header.dst !== address) return drop('not_for_us')
    const whole = header.version === 4 && header.ihl === 5 && header.totalLength <= room
    const fragment = header.moreFragments === 1 || header.fragmentOffset > 0
    const broken = internetChecksum(frame, ethernet.size, ECHO_AT) !== 0
    if (!whole || fragment || broken) return drop('malformed')
    if (header.protocol !== IP_PROTO.icmp) return drop('unknown_protocol')
    const end = ethernet.size + header.totalLength
    if (end < DATA_AT || internetChecksum(frame, ECHO_AT, end) !== 0) return drop('malformed')
    const { type, identifier, sequence } = icmpEcho.read(frame, ECHO_AT)
    const payload = frame.subarray(DATA_AT, end)
    if (type === ICMP_ECHO_REQUEST && eth_dst === mac) {
      const back = { eth_dst: ethernet.get.src(frame, 0), eth_src: mac, dontFragment: true }
      const ip = { ipv4_src: address, ipv4_dst: header.src }
      transmit(icmpEchoFrame({ ...back, ...ip, kind: 'reply', identifier, sequence, payload }))
      return
    }
    const waiting = pings.get(sequence)
    const ours = type === ICMP_ECHO_REPLY && waiting?.target === header.src
    if (!ours || payload.length !== waiting.bytes) return drop('unknown_protocol')
    waiting.answered()
  }

  /** The MAC behind an address: asked for every ARP_RETRY_MS until the signal ends it. */
  function resolve(target: number, signal: AbortSignal): Promise<number | undefined> {
    const known = neighbours.get(target)
    if (known !== undefined && known.until > clock.now()) return Promise.resolve(known.mac)
    const ask = () =>
      transmit(arpFrame({ op: ARP_REQUEST, sha: mac, spa: address, tha: 0, tpa: target }))
    return new Promise((done) => {
      const waiting = resolving.get(target) ?? new Set()
      resolving.set(target, waiting)
      const stopAsking = every(clock, ARP_RETRY_MS, ask)
      const end = (found?: number): void => {
        stopAsking()
        signal.removeEventListener('abort', silence)
        waiting.delete(end)
        if (waiting.size === 0) resolving.delete(target)
        done(found)
      }
      const silence = (): void => end()
      waiting.add(end)
      signal.addEventListener('abort', silence)
      ask()
    })
  }

  function echo(target: number, eth_dst: number, bytes: number, signal: AbortSignal) {
    lastSequence = (lastSequence + 1) & 0xffff
    const sequence = lastSequence
    return new Promise<boolean>((done) => {
      const end = (answered: boolean): void => {
        signal.removeEventListener('abort', silence)
        pings.delete(sequence)
        done(answered)
      }
      const silence = (): void => end(false)
      signal.addEventListener('abort', silence)
      pings.set(sequence, { target, bytes, answered: () => end(true) })
      transmit(
        icmpEchoFrame({
          eth_dst,
          eth_src: mac,
          ipv4_src: address,
          ipv4_dst: target,
          dontFragment: true,
          identifier: address & 0xffff,
          sequence,
          payload: new Uint8Array(bytes).map((_, at) => at),
        }),
      )
    })
  }

  return {
    drops,
    neighbours: () =>
      [...neighbours].flatMap(([known, { mac: of, until }]) =>
        until > clock.now() ? [[known, of] as const] : [],
      ),
    receive,
    send: (frame) => transmit(frame.slice()),
    onFrame(listener): Unsubscribe {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async ping(target, { bytes, timeoutMs, signal }) {
      if (target === address) throw new RangeError(`${formatIpv4(target)} is the guest itself`)
      // With DF nothing longer than the MTU leaves the stack (EMSGSIZE in a kernel).
      if (ipv4.size + icmpEcho.size + bytes > mtuBytes) return false
      const deadline = new AbortController()
      const cancel = clock.after(timeoutMs, () => deadline.abort())
      const ends = [deadline.signal, closing.signal, ...(signal === undefined ? [] : [signal])]
      const until = AbortSignal.any(ends)
      try {
        if (until.aborted) return false
        const found = await resolve(target, until)
        return found !== undefined && !until.aborted && (await echo(target, found, bytes, until))
      } finally {
        cancel()
      }
    },
    close: () => closing.abort(),
  }
}
