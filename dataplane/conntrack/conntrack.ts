/**
 * Connection tracking of one switch, shared by its bridges: which packets belong together, what
 * state that is in, and what is translated. It writes `ct_state`, `ct_zone`, `ct_mark`, `ct_label` and
 * the original tuple into the flow key. What Open vSwitch's userspace datapath does is followed, but
 * where README.md says so. No timer: packets that come sweep out a few connections that expired.
 * Neighbours: actions-ct.ts (who calls), parse.ts, table.ts, protocol.ts, nat.ts, translate.ts,
 * fragments.ts.
 */
import type { Packet } from '../packet/packet.ts'
import { type Entry, entryOf } from './entry.ts'
import {
  CT_LABEL,
  CT_MARK,
  CT_STATE,
  CT_ZONE,
  clearConnection,
  clearFields,
  writeTuple,
} from './fields.ts'
import { type Fate, fragments } from './fragments.ts'
import { type NatRequest, natChooser } from './nat.ts'
import { FIRST_FRAGMENT, LATER_FRAGMENT, parser } from './parse.ts'
import { protocolFor } from './protocol.ts'
import { connectionTable, LABEL, MARK, NAT } from './table.ts'
import { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts'
import { translate } from './translate.ts'
import { HEAD, reverse, TUPLE_WORDS, zoneOf } from './tuple.ts'
import { ANEW, CT, CT_NAT, STILL_NEW, VALID } from './verdict.ts'

/** What a `ct` action asks, made when its flow is installed. */
export interface Tracking {
  readonly commit: boolean
  /** A connection in the other direction gives way. */
  readonly force: boolean
  /** Undefined: addresses are left alone. */
  readonly nat: NatRequest | undefined
}

/** What the actions inside of `ct` write: bits of the connection's mark and label. */
export interface Writes {
  readonly mark: number
  readonly markMask: number
  /** Four words each, most significant first. */
  readonly label: Uint32Array
  readonly labelMask: Uint32Array
}

export interface ConntrackLimits {
  /** Connections in all; when it is reached, those that nobody answered give way. Default 262,144. */
  readonly maxConnections?: number
  /** Connections of any zone that has no limit of its own. Default: no limit. */
  readonly perZone?: number
  readonly zones?: ReadonlyMap<number, number>
}

export interface ConntrackOptions {
  /** From 0 to 1: the secret of hashes, and ports by chance. */
  readonly random: () => number
  readonly limits?: ConntrackLimits
  /** Seconds. */
  readonly timeouts?: Partial<Timeouts>
  /** Whether a packet with a wrong checksum is `inv`. Default true. */
  readonly verifyChecksums?: boolean
}

export interface ConntrackStatistics {
  readonly connections: number
  readonly created: number
  readonly expired: number
  /** Gave way to new ones. */
  readonly evicted: number
  /** Not kept, because the zone or the whole was full. */
  readonly refused: number
  /** Not kept, because no address and port were free. */
  readonly untranslatable: number
  /** Packets found to be `inv`. */
  readonly invalid: number
}

/** Of a connection's record: the word under the mask is the value. */
export interface WordTest {
  readonly word: number
  readonly mask: number
  readonly value: number
}

export interface Conntrack {
  /** Looks at the packet, translates it, and writes the fields of its connection into the key. */
  execute(
    packet: Packet,
    key: Uint32Array,
    zone: number,
    tracking: Tracking,
    writes: Writes,
    now: number,
  ): void
  /** Forgets what was found of the packet. */
  clear(packet: Packet, key: Uint32Array): void
  /** Ends all connections, or those of one zone, that pass all tests. */
  flush(zone?: number, tests?: readonly WordTest[]): void
  entries(now: number, zone?: number): Entry[]
  /** Undefined: without a limit of its own, as `ovs-appctl dpctl/ct-del-limits`. */
  setLimit(zone: number | 'default', limit: number | undefined): void
  readonly limits: ReadonlyMap<number | 'default', number>
  readonly statistics: ConntrackStatistics
}

/** What a packet remembers of its last tracking: words of Packet.tracked. */
const RECORD = 0
const GENERATION = 1
const FLAGS = 2
const STATE = 3
const ZONE = 4
/** In FLAGS; FAST: the next look may be spared. */
const REPLYING = 1
const FAST = 2

const SWEEP_EVERY = 16
const SWEEP_LIMIT = 64

export function conntrack(options: ConntrackOptions): Conntrack {
  const { random } = options
  const secret = () => Math.floor(random() * 2 ** 32)
  const seed = secret()
  const table = connectionTable({
    maxConnections: options.limits?.maxConnections ?? 262_144,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    seed,
  })
  const limits = new Map<number | 'default', number>(options.limits?.zones)
  if (options.limits?.perZone !== undefined) limits.set('default', options.limits.perZone)
  const { reading, parse } = parser({ verifyChecksums: options.verifyChecksums ?? true })
  const pieces = fragments(seed)
  const nat = natChooser(table, seed, random)
  /** Both tuples of a connection that is being made. */
  const pair = new Uint32Array(2 * TUPLE_WORDS)
  const fate: Fate = { record: -1, generation: 0, reply: false, state: 0 }
  const statistics = { created: 0, refused: 0, untranslatable: 0, invalid: 0 }
  let packets = 0
  let record = -1
  let reply = false
  let state = 0

  /** True: the connection was over and a new one begins. */
  const updateState = (now: number): boolean => {
    if (reading.related) {
      state |= CT.rel | (reply ? CT.rpl : 0)
      return false
    }
    switch (protocolFor(reading).update(table, record, reading, reply, now)) {
      case VALID:
        state = (state & ~CT.new) | CT.est | (reply ? CT.rpl : 0)
        return false
      case STILL_NEW:
        state |= CT.new
        return false
      case ANEW:
        table.remove(record)
        record = -1
        return true
      default:
        state = CT.inv
        return false
    }
  }

  const commit = (tracking: Tracking, zone: number, now: number) => {
    const limit = limits.get(zone) ?? limits.get('default')
    if (limit !== undefined && table.inZone(zone) >= limit) {
      statistics.refused++
      return
    }
    pair.set(reading.tuple)
    reverse(pair, 0, pair, TUPLE_WORDS)
    const request = tracking.nat
    if (request && request.side !== 0 && !nat.choose(pair, request, now)) {
      // Open vSwitch would let it go untranslated, as new.
      statistics.untranslatable++
      state = CT.inv
      return
    }
    const protocol = protocolFor(reading)
    record = table.add(pair, protocol.timeout, now)
    if (record < 0) {
      statistics.refused++
      return
    }
    statistics.created++
    reply = false
    table.words[record + NAT] = request?.side ?? 0
    protocol.begin(table.words, record, reading)
  }

  /** Translates, once for each zone, and says so in the state. */
  const applyNat = (packet: Packet, key: Uint32Array) => {
    if (record < 0 || state & CT_NAT) return
    const side = table.words[record + NAT]!
    if (side === 0) return
    state |= (side === 1) !== reply ? CT.snat : CT.dnat
    translate(packet, key, reading, table.words, record, reply)
  }

  const process = (
    packet: Packet,
    key: Uint32Array,
    zone: number,
    tracking: Tracking,
    now: number,
  ) => {
    const { tracked } = packet
    state = tracked[ZONE] === zone ? tracked[STATE]! & ~CT.trk : 0
    record = table.find(reading.tuple, 0, now)
    reply = record >= 0 && table.replying
    if (tracking.force && reply) {
      table.remove(record)
      record = -1
      reply = false
    }
    let isNew = false
    if (record < 0 && state & CT_NAT && isKnown(packet, zone)) {
      // Translated in an earlier look: no tuple of the connection is that of the packet any more.
      record = tracked[RECORD]! - 1
      reply = (tracked[FLAGS]! & REPLYING) !== 0
    }
    if (record >= 0) isNew = updateState(now)
    else if (reading.related) state = CT.inv
    else isNew = true
    if (isNew) {
      reply = false
      state = protocolFor(reading).begins(reading) ? CT.new : CT.inv
      if (state === CT.new && tracking.commit) commit(tracking, zone, now)
    }
    if (tracking.nat) applyNat(packet, key)
    if (reading.fragment === FIRST_FRAGMENT) {
      fate.record = record
      fate.generation = record < 0 ? 0 : table.generation(record)
      fate.reply = reply
      fate.state = state & ~CT_NAT
      pieces.remember(reading, fate, now)
    }
  }

  /** A later fragment: as the first one. */
  const follow = (packet: Packet, key: Uint32Array, tracking: Tracking, now: number) => {
    record = -1
    state = CT.inv
    if (!pieces.recall(reading, fate, now)) return
    state = fate.state
    if (fate.record < 0 || !table.isCurrent(fate.record, fate.generation)) return
    record = fate.record
    reply = fate.reply
    if (tracking.nat) applyNat(packet, key)
  }

  const isKnown = ({ tracked }: Packet, zone: number): boolean => {
    const known = tracked[RECORD]! - 1
    return (
      known >= 0 &&
      table.isCurrent(known, tracked[GENERATION]!) &&
      zoneOf(table.words[known + HEAD]!) === zone
    )
  }

  const writeConnection = (key: Uint32Array, writes: Writes) => {
    const { words } = table
    const { label, labelMask, markMask } = writes
    words[record + MARK] = (words[record + MARK]! & ~markMask) | (writes.mark & markMask)
    key[CT_MARK] = words[record + MARK]!
    for (let i = 0; i < 4; i++) {
      const at = record + LABEL + i
      words[at] = (words[at]! & ~labelMask[i]!) | (label[i]! & labelMask[i]!)
      key[CT_LABEL + i] = words[at]!
    }
    writeTuple(key, words, record)
  }

  return {
    execute(packet, key, zone, tracking, writes, now) {
      if (++packets % SWEEP_EVERY === 0) table.sweep(now, SWEEP_LIMIT)
      const { tracked } = packet
      const isFast = tracked[FLAGS]! & FAST && !tracking.force && isKnown(packet, zone)
      const parsed = (isFast && !tracking.nat) || parse(packet, zone)
      if (isFast && parsed) {
        record = tracked[RECORD]! - 1
        reply = (tracked[FLAGS]! & REPLYING) !== 0
        state = tracked[STATE]! & ~CT.trk
        if (tracking.nat) applyNat(packet, key)
      } else if (!parsed) {
        record = -1
        reply = false
        state = CT.inv
      } else if (reading.fragment === LATER_FRAGMENT) follow(packet, key, tracking, now)
      else process(packet, key, zone, tracking, now)
      if (state & CT.inv) statistics.invalid++
      key[CT_STATE] = state | CT.trk
      key[CT_ZONE] = zone
      if (record >= 0) writeConnection(key, writes)
      else {
        clearConnection(key)
        if (parsed) writeTuple(key, reading.tuple, 0)
      }
      tracked[RECORD] = record + 1
      tracked[GENERATION] = record < 0 ? 0 : table.generation(record)
      tracked[FLAGS] = (reply ? REPLYING : 0) | (record >= 0 && !tracking.nat ? FAST : 0)
      tracked[STATE] = state | CT.trk
      tracked[ZONE] = zone
    },
    clear(packet, key) {
      packet.tracked.fill(0)
      clearFields(key)
    },
    flush(zone, tests = []) {
      const { words } = table
      const passes = (one: number) =>
        tests.every(({ word, mask, value }) => ((words[one + word]! & mask) ^ value) === 0)
      for (const one of [...table.records()]) {
        const isIn = zone === undefined || zoneOf(words[one + HEAD]!) === zone
        if (isIn && passes(one)) table.remove(one)
      }
    },
    entries: (now, zone) =>
      [...table.records()]
        .filter((one) => table.remaining(one, now) > 0)
        .map((one) => entryOf(table, one, now))
        .filter((entry) => zone === undefined || entry.zone === zone),
    setLimit(zone, limit) {
      if (limit === undefined) limits.delete(zone)
      else limits.set(zone, limit)
    },
    limits,
    get statistics() {
      return {
        connections: table.count,
        ...statistics,
        expired: table.expired,
        evicted: table.evicted,
      }
    },
  }
}
