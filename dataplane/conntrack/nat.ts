/**
 * Choosing a translation: a tuple for answers that no other connection has.
 * Source: Open vSwitch 3.1 lib/conntrack.c (nat_get_unique_tuple), ovs-actions(7) ct(nat).
 * Neighbours: table.ts (where the tuples are), translate.ts (what becomes of packets).
 */
import { isIcmp } from './datagram.ts'
import { hasPorts } from './parse.ts'
import { type ConnectionTable, FORWARD, REPLY } from './table.ts'
import {
  DST,
  DST_PORT,
  HEAD,
  hashTuple,
  protocolOf,
  SRC,
  SRC_PORT,
  sameTuple,
  TUPLE_WORDS,
  versionOf,
} from './tuple.ts'

/** Which end of the connection's first packet is another one behind the translation. */
export const NAT_SRC = 1
export const NAT_DST = 2

export interface NatRequest {
  /** 0: only what the connection has already. */
  readonly side: 0 | typeof NAT_SRC | typeof NAT_DST
  /** First address, as in a tuple; all 0 or undefined = the address stays. */
  readonly address?: Uint32Array | undefined
  /** Addresses in the range, less one; at most 2^32 - 2. */
  readonly more: number
  /** 0 = no range was given. */
  readonly minPort: number
  readonly maxPort: number
  /** The address depends on the sender's alone. */
  readonly persistent: boolean
  /** Ports by chance rather than by hash. */
  readonly random: boolean
}

export interface Nat {
  /**
   * Completes a pair of tuples by one for answers that is free; false when none was found, now or,
   * FULL_AFTER times in a row, for connections with the same choice within FULL_MS.
   */
  choose(pair: Uint32Array, request: NatRequest, now: number): boolean
}

/** Ports tried one by one; then from other places, half as many each time. */
const ATTEMPTS = 128
const LEAST_ATTEMPTS = 16
const MAX_ADDRESSES = 16
/** Ports tried for one connection, an equal share at each address. */
const MAX_ATTEMPTS = 256
/** How long nothing is tried again where nothing was found, milliseconds, and how often before. */
const FULL_MS = 100
const FULL_AFTER = 8
/** Choices that are remembered to be without a free tuple. */
const FULL_PLACES = 64
/** Where no range is given a port stays among its like (RFC 4787 REQ-3). */
const PORT_RANGES = [
  [1, 511],
  [600, 1023],
  [1024, 65_535],
] as const

/** A choice that failed, and how often in a row. */
interface Full {
  readonly request: NatRequest
  readonly choice: Uint32Array
  failures: number
  /** Fails without a search until then. */
  readonly until: number
}

export function natChooser(table: ConnectionTable, seed: number, random: () => number): Nat {
  const hashed = new Uint32Array(16)
  const choice = new Uint32Array(TUPLE_WORDS)
  /** Places that are in use: most tables never have one. */
  const full: (Full | undefined)[] = Array.from({ length: FULL_PLACES })
  let attemptsLeft = 0

  /** The port in word `at` of the tuple for answers that is free, beginning with `first`. */
  const choosePort = (
    pair: Uint32Array,
    at: number,
    first: number,
    min: number,
    max: number,
    now: number,
  ): boolean => {
    const range = max - min + 1
    const isId = !hasPorts(protocolOf(pair[HEAD]!))
    const isFree = (port: number) => {
      attemptsLeft--
      if (isId) {
        // Of ICMP both words hold the identifier, each below its type.
        pair[REPLY + SRC_PORT] = (pair[REPLY + SRC_PORT]! & ~0xffff) | port
        pair[REPLY + DST_PORT] = (pair[REPLY + DST_PORT]! & ~0xffff) | port
      } else pair[REPLY + at] = port
      return table.find(pair, REPLY, now) < 0
    }
    if (isFree(first)) return true
    let port = first
    for (let attempts = Math.min(range, ATTEMPTS); ; ) {
      for (let i = 0; i < attempts; i++) {
        port = port >= min && port < max ? port + 1 : min
        if (attemptsLeft <= 0) return false
        if (isFree(port)) return true
      }
      if (attempts >= range || attempts < LEAST_ATTEMPTS) return false
      attempts >>= 1
      port = min + Math.floor(random() * range)
    }
  }

  const choosePorts = (pair: Uint32Array, request: NatRequest, offset: number, now: number) => {
    const { side, minPort, maxPort } = request
    const head = pair[HEAD]!
    const protocol = protocolOf(head)
    if (isIcmp(versionOf(head), protocol)) {
      const id = pair[SRC_PORT]! & 0xffff
      return side === NAT_SRC
        ? choosePort(pair, DST_PORT, id, 0, 0xffff, now)
        : table.find(pair, REPLY, now) < 0
    }
    if (!hasPorts(protocol)) return table.find(pair, REPLY, now) < 0
    const inRange = minPort + (offset % (maxPort - minPort + 1))
    if (minPort > 0 && side === NAT_SRC) {
      return choosePort(pair, DST_PORT, inRange, minPort, maxPort, now)
    }
    if (minPort > 0 && choosePort(pair, SRC_PORT, inRange, minPort, maxPort, now)) return true
    const own = pair[SRC_PORT]!
    const [min, max] = likePorts(own)
    return choosePort(pair, DST_PORT, own, min, max, now)
  }

  /** Of the connection, or of its sender alone. */
  const hashOf = (pair: Uint32Array, persistent: boolean) => {
    hashed.fill(0)
    if (!persistent) return hashTuple(pair, FORWARD, seed)
    for (let i = 0; i < 4; i++) hashed[SRC + i] = pair[SRC + i]!
    return hashTuple(hashed, 0, 0)
  }

  /** Writes to `choice` what all connections that have the same tuples to choose from share. */
  const readChoice = (pair: Uint32Array, { side, minPort }: NatRequest, fixed: boolean) => {
    for (let i = 0; i < TUPLE_WORDS; i++) choice[i] = pair[REPLY + i]!
    if (!fixed) choice.fill(0, side === NAT_SRC ? DST : SRC, (side === NAT_SRC ? DST : SRC) + 4)
    const protocol = protocolOf(choice[HEAD]!)
    if (isIcmp(versionOf(choice[HEAD]!), protocol)) {
      if (side !== NAT_SRC) return
      choice[SRC_PORT]! &= ~0xffff
      choice[DST_PORT]! &= ~0xffff
    } else if (hasPorts(protocol)) {
      choice[DST_PORT] = minPort > 0 && side === NAT_SRC ? 0 : likePorts(pair[SRC_PORT]!)[0]
      if (minPort > 0 && side === NAT_DST) choice[SRC_PORT] = 0
    }
  }

  return {
    choose(pair, request, now) {
      if (request.side === 0) return true
      const to = REPLY + (request.side === NAT_SRC ? DST : SRC)
      const hash = hashOf(pair, request.persistent)
      const offset = request.random ? Math.floor(random() * 2 ** 32) : hashOf(pair, false)
      const { address, more } = request
      const fixed = !address?.some((word) => word !== 0)
      const ports = [pair[REPLY + SRC_PORT]!, pair[REPLY + DST_PORT]!] as const
      const addresses = fixed ? 1 : Math.min(more + 1, MAX_ADDRESSES)
      readChoice(pair, request, fixed)
      const place = hashTuple(choice, 0, seed) % FULL_PLACES
      const before = full[place]
      const known =
        before?.request === request && sameTuple(before.choice, 0, choice, 0) ? before : undefined
      if (known && now < known.until) return false
      for (let i = 0; i < addresses; i++) {
        attemptsLeft = MAX_ATTEMPTS / addresses
        if (!fixed && address) addOffset(pair, to, address, (hash + i) % (more + 1))
        pair[REPLY + SRC_PORT] = ports[0]
        pair[REPLY + DST_PORT] = ports[1]
        if (!choosePorts(pair, request, offset, now)) continue
        if (known) known.failures = 0
        return true
      }
      const failures = known ? known.failures + 1 : 1
      const until = failures < FULL_AFTER ? 0 : now + FULL_MS
      full[place] = { request, choice: choice.slice(), failures, until }
      return false
    },
  }
}

const likePorts = (port: number) => PORT_RANGES.find(([, last]) => port <= last) ?? PORT_RANGES[2]

/** address + offset into four words; an IPv4 address has only the first of them. */
function addOffset(to: Uint32Array, at: number, address: Uint32Array, offset: number): void {
  to.set(address, at)
  const last = address.length - 1
  let carry = offset
  for (let i = last; i >= 0 && carry > 0; i--) {
    const sum = address[i]! + carry
    to[at + i] = sum
    carry = sum >= 2 ** 32 ? 1 : 0
  }
}
