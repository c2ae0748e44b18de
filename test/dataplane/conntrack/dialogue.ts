/**
 * Two ends that talk, by chance and not always well: random packets of one kind of connection, each
 * sent from what an end has seen arrive, so that it goes on behind a translation too.
 * Neighbours: packets.ts, conntrack.peer.test.ts.
 */
import type { Random } from '../../fuzz/random.ts'
import { echo, other, type Ports, sctp, tcp, udp, unframed, unreachable } from './packets.ts'

export type Kind = 'tcp' | 'udp' | 'icmp' | 'other' | 'sctp'

export interface Said {
  /** 1 = the end that begins, 2 = the other. */
  readonly port: 1 | 2
  readonly frame: Uint8Array
}

export interface Dialogue {
  next(): Said
  /** A frame came out at the port: that end answers to it from now on. */
  heard(port: number, frame: Uint8Array): void
}

interface Side {
  seq: number
  /** Highest number of the other side that it has seen. */
  seen: number
  scale: number | undefined
}

const FLAGS = [
  'S',
  'SA',
  'A',
  'A',
  'A',
  'PA',
  'PA',
  'FA',
  'R',
  'RA',
  'F',
  '',
  'SF',
  'SR',
  'UA',
] as const
/** Of a connection that goes well, by who sends. */
const SCRIPT = [
  [1, 'S'],
  [2, 'SA'],
  [1, 'A'],
  [1, 'PA'],
  [2, 'PA'],
  [1, 'A'],
  [2, 'FA'],
  [1, 'A'],
  [1, 'PA'],
  [1, 'FA'],
  [2, 'A'],
] as const

/**
 * `careful`: ports of a TCP connection that has ended are not used again, and ICMP errors quote packets
 * whole; translated, Open vSwitch 3.1.0 does not survive either for long.
 */
export function dialogue(
  random: Random,
  kind: Kind,
  version: 4 | 6,
  { careful }: { readonly careful: boolean },
): Dialogue {
  const [a, b] = version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2']
  const ports = { sport: 1024 + random.below(4), dport: random.pick([80, 443]) }
  const id = 1 + random.below(3)
  /** How each end sees the connection: from itself. */
  const ends: Record<1 | 2, Ports> = {
    1: { src: a!, dst: b!, ...ports },
    2: { src: b!, dst: a!, sport: ports.dport, dport: ports.sport },
  }
  const here = version === 4 ? a : text6(ipv6Bytes(a!), 0)
  const lastHeard: Record<1 | 2, Uint8Array | undefined> = { 1: undefined, 2: undefined }
  const side = (): Side => ({
    seq: random.pick([0, 1000, 2 ** 32 - 50, random.below(2 ** 32)]),
    seen: 0,
    scale: random.once(2) ? random.below(15) : undefined,
  })
  const sides = { 1: side(), 2: side() }
  /** The last packet, on its way: whoever gets it throws it away. */
  let damaged = false
  let ending = false
  let step = random.once(6) ? 3 : 0

  const speak = (port: 1 | 2): Uint8Array => {
    const end = ends[port]
    if (random.once(12) && lastHeard[port]) {
      const quoted = unframed(lastHeard[port])
      const router = version === 4 ? '10.0.0.254' : 'fd00::fe'
      const src = random.once(2) ? end.src : router
      const to = { src, dst: random.once(8) ? router : sourceOf(lastHeard[port]) }
      const least = version === 4 ? 28 : 60
      return unreachable(to, quoted, !careful && random.once(3) ? least : quoted.length)
    }
    switch (kind) {
      case 'tcp':
        return speakTcp(port)
      case 'udp':
        return udp({ ...end, data: random.below(20) })
      case 'icmp':
        return echo(
          { ...end, id: random.once(10) ? 9 : id },
          random.once(8) === (port === 1) ? 'reply' : 'request',
        )
      case 'sctp':
        return sctp(end, [random.pick([0, 1, 2, 3, 10, 11])])
      case 'other':
        return other(end)
    }
  }

  const speakTcp = (port: 1 | 2): Uint8Array => {
    const end = ends[port]
    const own = sides[port]
    const wild = random.once(5)
    const wanted = wild ? random.pick(FLAGS) : SCRIPT[step]![1]
    const flags = wanted === 'S' && ending && careful ? 'A' : wanted
    ending ||= flags.includes('F') || flags.includes('R')
    const off = random.once(8) ? random.pick([-70_000, -2000, -1, 1, 2000, 70_000, 2 ** 30]) : 0
    const ackOff = random.once(10) ? random.pick([-70_000, -1000, 1, 1000, 70_000, 2 ** 30]) : 0
    const data = flags.includes('P') || random.once(6) ? random.below(400) : 0
    const size = data + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)
    const seq = (own.seq + off + 2 ** 32) % 2 ** 32
    const frame = tcp({
      ...end,
      flags,
      seq,
      ack: flags.includes('A') ? (own.seen + ackOff + 2 ** 32) % 2 ** 32 : 0,
      window: random.pick([0, 1, 500, 1000, 65_535]),
      ...(flags.includes('S') && own.scale !== undefined ? { scale: own.scale } : {}),
      data,
    })
    if (!wild && off === 0) {
      // Not when it is to be sent again.
      if (!random.once(6)) {
        own.seq = (own.seq + size) % 2 ** 32
        sides[port === 1 ? 2 : 1].seen = own.seq
        step = (step + 1) % SCRIPT.length
      }
    }
    return frame
  }

  return {
    next() {
      const turn =
        kind === 'tcp' && !random.once(6) ? SCRIPT[step]![0] : random.pick([1, 2, 2] as const)
      const frame = speak(turn)
      damaged = random.once(40)
      return { port: turn, frame: damaged ? flipped(random, frame) : frame }
    },
    heard(port, frame) {
      if ((port !== 1 && port !== 2) || damaged) return
      const packet = unframed(frame)
      const seen = portsOf(packet, version)
      if (!seen) return
      // One who is not meant does not answer.
      if (port === 1 && seen.dst !== here) return
      lastHeard[port] = frame
      // Whoever is heard is answered; he may be another one behind a translation.
      ends[port] = { src: seen.dst, dst: seen.src, sport: seen.dport, dport: seen.sport }
    },
  }
}

function flipped(random: Random, frame: Uint8Array): Uint8Array {
  const bytes = frame.slice()
  const at = 14 + random.below(bytes.length - 14)
  bytes[at] = bytes[at]! ^ (1 << random.below(8))
  return bytes
}

const ipv6Bytes = (address: string) => unframed(other({ src: address, dst: address })).slice(8, 24)
const text4 = (bytes: Uint8Array, at: number) => [...bytes.subarray(at, at + 4)].join('.')
const text6 = (bytes: Uint8Array, at: number) =>
  Array.from({ length: 8 }, (_, i) =>
    ((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!).toString(16),
  ).join(':')

const sourceOf = (frame: Uint8Array) => (frame[12] === 0x86 ? text6(frame, 22) : text4(frame, 26))

/** Undefined for errors, which are not answered. */
function portsOf(packet: Uint8Array, version: 4 | 6): Ports | undefined {
  const protocol = packet[version === 4 ? 9 : 6]!
  const at = version === 4 ? 20 : 40
  const type = packet[at]!
  if (protocol === 1 && type !== 0 && type !== 8) return undefined
  if (protocol === 58 && type < 128) return undefined
  const [src, dst] =
    version === 4 ? [text4(packet, 12), text4(packet, 16)] : [text6(packet, 8), text6(packet, 24)]
  const half = (o: number) => (packet[o]! << 8) | packet[o + 1]!
  return { src, dst, sport: half(at), dport: half(at + 2) }
}
