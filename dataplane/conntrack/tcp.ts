/**
 * TCP: flags, windows and sequence numbers of both sides, after pf. A connection that was there
 * before the tracker is picked up in its middle, never at its SYN+ACK.
 * Sources: Open vSwitch 3.1 lib/conntrack-tcp.c; Guido van Rooij, "Real Stateful TCP Packet
 * Filtering in IP Filter" (the window check). Neighbours: table.ts, conntrack.ts (who calls).
 */
import { TCP_FLAG, tcp } from '../../southbound/wire/tcp.ts'
import type { Reading } from './parse.ts'
import { type ConnectionTable, PEERS, STATE } from './table.ts'
import { TIMEOUT } from './timeouts.ts'
import { ANEW, INVALID, STILL_NEW, VALID } from './verdict.ts'

/** States of one side, in the order of a connection's life. */
export const TCP_STATES = [
  'CLOSED',
  'LISTEN',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'CLOSE_WAIT',
  'FIN_WAIT_1',
  'CLOSING',
  'LAST_ACK',
  'FIN_WAIT_2',
  'TIME_WAIT',
] as const
const CLOSED = 0
const SYN_SENT = 2
const ESTABLISHED = 4
const CLOSING = 7
const FIN_WAIT_2 = 9
const TIME_WAIT = 10

/** Words of a side in a record: highest sequence number sent, highest allowed, and the rest packed. */
const SEQ_LOW = 0
const SEQ_HIGH = 1
/** Largest window in the low 16 bits, window scale above it, state on top. */
const REST = 2
const PEER_WORDS = 3

const SCALE_KNOWN = 0x80
/** The SYN was not seen. */
const SCALE_UNKNOWN = 0x40
const SCALE_MASK = 0x0f
const MAX_SCALE = 14
/** How far an acknowledgment may be off; 1500 is for luck. */
const ACK_SLACK = 0xffff + 1500

const { fin: FIN, syn: SYN, rst: RST, psh: PSH, ack: ACK, urg: URG } = TCP_FLAG

const windowOf = (rest: number) => rest & 0xffff
const scaleOf = (rest: number) => (rest >>> 16) & 0xff
const stateOf = (rest: number) => rest >>> 24
const pack = (window: number, scale: number, state: number) =>
  ((state << 24) | (scale << 16) | (window & 0xffff)) >>> 0

/** a >= b, modulo 2^32. */
const isFrom = (a: number, b: number) => ((a - b) | 0) >= 0

function areFlagsWrong(flags: number): boolean {
  if (flags & SYN ? flags & (RST | FIN) : !(flags & (ACK | RST))) return true
  return !(flags & ACK) && (flags & (FIN | PSH | URG)) !== 0
}

export function beginsTcp({ bytes, l4 }: Reading): boolean {
  const flags = tcp.get.flags(bytes, l4)
  return !areFlagsWrong(flags) && (flags & (SYN | ACK)) !== (SYN | ACK)
}

const payloadOf = ({ bytes, l4, end }: Reading) => end - l4 - tcp.get.dataOffset(bytes, l4) * 4

/** The window scale option (RFC 7323 §2.2) with SCALE_KNOWN, or 0. */
function readScale(bytes: Uint8Array, l4: number): number {
  const end = l4 + tcp.get.dataOffset(bytes, l4) * 4
  let scale = 0
  for (let o = l4 + tcp.size; end - o >= 3; ) {
    const kind = bytes[o]!
    if (kind === 0) break
    if (kind === 1) {
      o++
      continue
    }
    if (kind === 3) scale = Math.min(bytes[o + 2]!, MAX_SCALE) | SCALE_KNOWN
    o += Math.max(bytes[o + 1]!, 2)
  }
  return scale
}

export const TCP_TIMEOUT = TIMEOUT.tcp_syn_sent

/** Fills a new record from its first packet. */
export function beginTcp(words: Uint32Array, record: number, reading: Reading): void {
  const { bytes, l4 } = reading
  const flags = tcp.get.flags(bytes, l4)
  const src = record + PEERS
  const dst = src + PEER_WORDS
  const low = tcp.get.sequence(bytes, l4)
  const scale = flags & SYN ? readScale(bytes, l4) : SCALE_UNKNOWN
  const window = Math.max(tcp.get.window(bytes, l4), 1)
  words[src + SEQ_LOW] = low
  words[src + SEQ_HIGH] =
    low + payloadOf(reading) + 1 + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)
  // The window of a SYN is not scaled (RFC 7323 §2.2).
  words[src + REST] = pack(Math.ceil(window / (1 << (scale & SCALE_MASK))), scale, SYN_SENT)
  words[dst + SEQ_HIGH] = 1
  words[dst + REST] = pack(1, flags & SYN ? 0 : SCALE_UNKNOWN, CLOSED)
  words[record + STATE] = 0
}

export function updateTcp(
  table: ConnectionTable,
  record: number,
  reading: Reading,
  reply: boolean,
  now: number,
): number {
  const { words } = table
  const { bytes, l4 } = reading
  const src = record + PEERS + (reply ? PEER_WORDS : 0)
  const dst = record + PEERS + (reply ? 0 : PEER_WORDS)
  const flags = tcp.get.flags(bytes, l4)
  if (areFlagsWrong(flags)) return INVALID

  let srcWindow = windowOf(words[src + REST]!)
  let srcScale = scaleOf(words[src + REST]!)
  let srcState = stateOf(words[src + REST]!)
  let dstWindow = windowOf(words[dst + REST]!)
  let dstScale = scaleOf(words[dst + REST]!)
  let dstState = stateOf(words[dst + REST]!)

  if ((flags & (SYN | ACK)) === SYN) {
    if (dstState >= FIN_WAIT_2 && srcState >= FIN_WAIT_2) return ANEW
    if (srcState <= SYN_SENT) {
      words[src + REST] = pack(srcWindow, srcScale, SYN_SENT)
      table.touch(record, TIMEOUT.tcp_syn_sent, now)
      return STILL_NEW
    }
  }

  let scale = 0
  let scaleBack = 0
  if (!(flags & SYN)) {
    if (srcScale & SCALE_KNOWN && dstScale & SCALE_KNOWN) {
      scale = srcScale & SCALE_MASK
      scaleBack = dstScale & SCALE_MASK
    } else if (srcScale & SCALE_UNKNOWN && dstScale & SCALE_UNKNOWN) {
      scale = MAX_SCALE
      scaleBack = MAX_SCALE
    }
  }

  const first = tcp.get.sequence(bytes, l4)
  let seq = first
  let end = (seq + payloadOf(reading) + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) >>> 0
  let window = tcp.get.window(bytes, l4)
  let ack = tcp.get.acknowledgment(bytes, l4)
  let low = words[src + SEQ_LOW]!
  let high = words[src + SEQ_HIGH]!
  let checkAck = true

  if (srcState < SYN_SENT) {
    // The first packet from this side.
    if (flags & SYN && dstScale & SCALE_KNOWN) {
      srcScale = readScale(bytes, l4)
      if (srcScale & SCALE_KNOWN) {
        scale = srcScale & SCALE_MASK
        window = Math.ceil(window / (1 << scale))
        scaleBack = dstScale & SCALE_MASK
      } else {
        dstWindow = (dstWindow << (dstScale & SCALE_MASK)) & 0xffff
        dstScale = 0
      }
    }
    low = seq
    srcState = SYN_SENT
    const limit = end + Math.max(1, dstWindow << scaleBack)
    // Picked up in the middle: what it may send is known only from now on.
    if (high === 1 || isFrom(limit, high)) {
      high = limit >>> 0
      checkAck = false
    }
    srcWindow = Math.max(srcWindow, window)
  }

  const dstLow = words[dst + SEQ_LOW]!
  // No acknowledgment, or that of a stack which gives none in a reset.
  if (!(flags & ACK) || (ack === 0 && flags & RST)) ack = dstLow
  // A packet without data may be anywhere in its window.
  if (seq === end) {
    seq = low
    end = low
  }

  const skew = checkAck ? (dstLow - ack) | 0 : 0
  const inWindow =
    isFrom(high, end) &&
    isFrom(seq, low - (dstWindow << scaleBack)) &&
    skew >= -ACK_SLACK &&
    skew <= ACK_SLACK * (1 << scale) &&
    // A reset must hit its place exactly, or be off by one.
    (!(flags & RST) || first === low || first === (low + 1) >>> 0 || (first + 1) >>> 0 === low)
  // SYNs that cross, streams picked up, and what still comes after the end.
  const isLoose =
    (dstState < SYN_SENT || dstState >= FIN_WAIT_2 || srcState >= FIN_WAIT_2) &&
    isFrom(high + ACK_SLACK, end) &&
    isFrom(seq, low - ACK_SLACK)
  const verdict = inWindow || isLoose ? VALID : INVALID

  if (verdict === VALID) {
    srcWindow = Math.max(srcWindow, window)
    if (!isFrom(low, end)) low = end
    const scaled = window * (1 << scale)
    if (isFrom(ack + scaled, words[dst + SEQ_HIGH]!)) {
      words[dst + SEQ_HIGH] = ack + Math.max(scaled, 1)
    }
    if (flags & FIN && srcState < CLOSING) srcState = CLOSING
    if (inWindow && flags & ACK) {
      if (dstState === SYN_SENT) dstState = ESTABLISHED
      else if (dstState === CLOSING) dstState = FIN_WAIT_2
    }
    if (flags & RST) srcState = dstState = TIME_WAIT
    if (inWindow) table.touch(record, timeoutOf(srcState, dstState), now)
  }
  words[src + SEQ_LOW] = low
  words[src + SEQ_HIGH] = high
  words[src + REST] = pack(srcWindow, srcScale, srcState)
  words[dst + REST] = pack(dstWindow, dstScale, dstState)
  return verdict
}

function timeoutOf(a: number, b: number): number {
  const least = Math.min(a, b)
  if (least >= FIN_WAIT_2) return TIMEOUT.tcp_close
  if (least >= CLOSING) return TIMEOUT.tcp_time_wait
  if (least < ESTABLISHED) return TIMEOUT.tcp_syn_recv
  return Math.max(a, b) >= CLOSING ? TIMEOUT.tcp_fin_wait : TIMEOUT.tcp_established
}

/** State of a side by name: 0 = the side that began. */
export const tcpStateOf = (words: Uint32Array, record: number, side: number): string =>
  TCP_STATES[stateOf(words[record + PEERS + side * PEER_WORDS + REST]!)] ?? 'CLOSED'
/** Flags of a side as Open vSwitch prints them. */
export function tcpFlagsOf(words: Uint32Array, record: number, side: number): string {
  const scale = scaleOf(words[record + PEERS + side * PEER_WORDS + REST]!)
  if (scale & SCALE_KNOWN) return 'WINDOW_SCALE'
  return scale & SCALE_UNKNOWN ? 'BE_LIBERAL' : ''
}
