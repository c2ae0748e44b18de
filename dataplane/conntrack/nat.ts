/**
 * Translation of addresses and ports: choosing a tuple for answers that no other connection has,
 * and rewriting packets, and the packets that ICMP errors quote, to what the far side knows.
 * Source: Open vSwitch 3.1 lib/conntrack.c (nat_get_unique_tuple), ovs-actions(7) ct(nat).
 * Neighbours: table.ts (where the tuples are), set-field.ts (checksums by difference).
 */
import { fold16, internetChecksum, sum16, updateChecksum } from '../../southbound/wire/checksum.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { type KeyField, keyField } from '../packet/key-layout.ts'
import type { Packet } from '../packet/packet.ts'
import { storeField } from '../packet/set-field.ts'
import { isIcmp } from './datagram.ts'
import { hasPorts, LATER_FRAGMENT, type Reading } from './parse.ts'
import { type ConnectionTable, FORWARD, NAT, REPLY } from './table.ts'
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

export function natChooser(table: ConnectionTable, seed: number, random: () => number): Nat {
  const hashed = new Uint32Array(16)
  const choice = new Uint32Array(TUPLE_WORDS)
  const full = Array.from({ length: FULL_PLACES }, () => ({
    request: undefined as NatRequest | undefined,
    choice: new Uint32Array(TUPLE_WORDS),
    failures: 0,
    until: 0,
  }))
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
      const known = full[hashTuple(choice, 0, seed) % FULL_PLACES]!
      const isSame = known.request === request && sameTuple(known.choice, 0, choice, 0)
      if (isSame && now < known.until) return false
      for (let i = 0; i < addresses; i++) {
        attemptsLeft = MAX_ATTEMPTS / addresses
        if (!fixed && address) addOffset(pair, to, address, (hash + i) % (more + 1))
        pair[REPLY + SRC_PORT] = ports[0]
        pair[REPLY + DST_PORT] = ports[1]
        if (!choosePorts(pair, request, offset, now)) continue
        if (isSame) known.failures = 0
        return true
      }
      known.failures = isSame ? known.failures + 1 : 1
      known.request = request
      known.choice.set(choice)
      known.until = known.failures < FULL_AFTER ? 0 : now + FULL_MS
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

const slotsOf = {
  ipv4: [keyField.ipv4_src, keyField.ipv4_dst],
  ipv6: [keyField.ipv6_src, keyField.ipv6_dst],
  tcp: [keyField.tcp_src, keyField.tcp_dst],
  udp: [keyField.udp_src, keyField.udp_dst],
  sctp: [keyField.sctp_src, keyField.sctp_dst],
} as const

function portFields(protocol: number): readonly [KeyField, KeyField] {
  if (protocol === IP_PROTO.tcp) return slotsOf.tcp
  return protocol === IP_PROTO.udp ? slotsOf.udp : slotsOf.sctp
}

function store(key: Uint32Array, packet: Packet, field: KeyField, words: Uint32Array, at: number) {
  let same = true
  for (let i = 0; i < field.words; i++) {
    if (key[field.slot + i] === words[at + i]) continue
    key[field.slot + i] = words[at + i]!
    same = false
  }
  if (!same) storeField(key, packet, field)
}

/** Turns a packet of the connection, and its fields in the key, into what the far side knows. */
export function translate(
  packet: Packet,
  key: Uint32Array,
  reading: Reading,
  words: Uint32Array,
  record: number,
  reply: boolean,
): void {
  const target = record + (reply ? FORWARD : REPLY)
  const addresses = reading.version === 4 ? slotsOf.ipv4 : slotsOf.ipv6
  const source = (words[record + NAT] === NAT_SRC) !== reply
  if (source) store(key, packet, addresses[0], words, target + DST)
  else store(key, packet, addresses[1], words, target + SRC)
  if (reading.related) {
    translateQuoted(reading, words, target)
  } else if (reading.fragment !== LATER_FRAGMENT) {
    if (hasPorts(reading.protocol)) {
      const [src, dst] = portFields(reading.protocol)
      store(key, packet, src, words, target + DST_PORT)
      store(key, packet, dst, words, target + SRC_PORT)
    } else if (isIcmp(reading.version, reading.protocol)) {
      const { bytes, l4 } = reading
      const before = (bytes[l4 + ICMP_ID]! << 8) | bytes[l4 + ICMP_ID + 1]!
      const id = words[target + SRC_PORT]! & 0xffff
      put16(bytes, l4 + ICMP_ID, id)
      icmp.set.checksum(bytes, l4, updateChecksum(icmp.get.checksum(bytes, l4), before, id))
    }
  }
}

/** The quoted packet went the other way: it is to look as that side sent it. */
function translateQuoted(reading: Reading, words: Uint32Array, target: number): void {
  const { bytes, innerL3, innerL4, l3, l4, end, version } = reading
  const protocol = protocolOf(words[target + HEAD]!)
  const from = version === 4 ? innerL3 + ipv4.at.src / 8 : innerL3 + ADDRESSES_V6
  const size = version === 4 ? 4 : 16
  const before = fold16(sum16(bytes, from, from + 2 * size))
  for (let i = 0; i < size / 4; i++) {
    put32(bytes, from + 4 * i, words[target + SRC + i]!)
    put32(bytes, from + size + 4 * i, words[target + DST + i]!)
  }
  const after = fold16(sum16(bytes, from, from + 2 * size))
  if (version === 4) {
    const sum = ipv4.get.checksum(bytes, innerL3)
    ipv4.set.checksum(bytes, innerL3, updateChecksum(sum, before, after))
  }
  if (hasPorts(protocol)) {
    const ports = fold16(sum16(bytes, innerL4, innerL4 + 4))
    put16(bytes, innerL4, words[target + SRC_PORT]!)
    put16(bytes, innerL4 + 2, words[target + DST_PORT]!)
    const now = fold16(sum16(bytes, innerL4, innerL4 + 4))
    const at = innerL4 + (protocol === IP_PROTO.tcp ? tcp.at.checksum : udp.at.checksum) / 8
    // SCTP's is over all of a packet of which this is the beginning: nobody can mend it.
    if (protocol !== IP_PROTO.sctp && at + 2 <= end) {
      const sum = (bytes[at]! << 8) | bytes[at + 1]!
      if (protocol === IP_PROTO.tcp || sum !== 0) {
        const mended = updateChecksum(updateChecksum(sum, before, after), ports, now)
        put16(bytes, at, mended === 0 && protocol === IP_PROTO.udp ? 0xffff : mended)
      }
    }
  } else if (isIcmp(version, protocol)) {
    const id = words[target + SRC_PORT]! & 0xffff
    const old = (bytes[innerL4 + ICMP_ID]! << 8) | bytes[innerL4 + ICMP_ID + 1]!
    put16(bytes, innerL4 + ICMP_ID, id)
    let sum = updateChecksum(icmp.get.checksum(bytes, innerL4), old, id)
    if (version === 6) sum = updateChecksum(sum, before, after)
    icmp.set.checksum(bytes, innerL4, sum)
  }
  icmp.set.checksum(bytes, l4, 0)
  const seed =
    version === 4 ? 0 : sum16(bytes, l3 + ADDRESSES_V6, l3 + ipv6.size) + IP_PROTO.icmpv6 + end - l4
  icmp.set.checksum(bytes, l4, internetChecksum(bytes, l4, end, seed))
}

const ICMP_ID = 4
const ADDRESSES_V6 = 8

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16)
  put16(bytes, at + 2, value & 0xffff)
}
