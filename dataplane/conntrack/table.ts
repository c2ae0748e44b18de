/**
 * The connections, as records of 32-bit words in one typed array that doubles up to its bound. Two
 * hash chains find a record by the tuple of either direction; a list for each timeout class, oldest
 * first, finds what has expired or must give way. Nothing is allocated for a connection.
 * Neighbours: tuple.ts (the first words), tcp.ts, sctp.ts and datagram.ts (state), conntrack.ts.
 */
import { EVICTED, type Timeouts, timeoutClasses } from './timeouts.ts'
import { HEAD, hashTuple, sameTuple, TUPLE_WORDS, zoneOf } from './tuple.ts'

/** Words of a record: the tuple of the first packet, then the tuple that answers have. */
export const FORWARD = 0
export const REPLY = TUPLE_WORDS
export const MARK = 22
/** Four words, most significant first. */
export const LABEL = 23
/** 0, NAT_SRC or NAT_DST. */
export const NAT = 27
/** What the protocol remembers: a state, or TCP's two peers of three words each. */
export const STATE = 28
export const PEERS = 29
const CHAINS = 35
const HASHES = 37
const CLASS = 39
const OLDER = 40
const NEWER = 41
/** Grows when the record is let go: a reference with another number is a stale one. */
const GENERATION = 42
/** 1 while a connection is in the record. */
const IN_USE = 43
const RECORD_WORDS = 44

/** Most bridges of a lab never track one. */
const FIRST_CAPACITY = 64

export interface ConnectionTable {
  /** All records. Replaced when it grows: never kept beyond a call that may add. */
  readonly words: Uint32Array
  readonly count: number
  /** First word of the connection with this tuple, and its direction in `replying`; -1 = none. */
  find(tuple: Uint32Array, at: number, now: number): number
  /** Whether the last find() met the tuple of answers. */
  readonly replying: boolean
  /** A record with both tuples set from `tuples`, all else 0, or -1 when there is no room. */
  add(tuples: Uint32Array, timeout: number, now: number): number
  remove(record: number): void
  /** Lives on for the timeout of this class, ms. */
  touch(record: number, timeout: number, now: number): void
  /** Removes up to `limit` expired connections. */
  sweep(now: number, limit: number): void
  /** How long it lives on, ms. */
  remaining(record: number, now: number): number
  timeoutOf(record: number): number
  generation(record: number): number
  /** False when the record is another connection by now, or none. */
  isCurrent(record: number, generation: number): boolean
  /** Connections kept for a zone. */
  inZone(zone: number): number
  records(): IterableIterator<number>
  readonly expired: number
  readonly evicted: number
}

export function connectionTable(options: {
  readonly maxConnections: number
  readonly timeouts: Timeouts
  /** Secret of the hash. */
  readonly seed: number
}): ConnectionTable {
  const { maxConnections, seed } = options
  const lifetimes = timeoutClasses.map((name) => options.timeouts[name] * 1000)
  let capacity = Math.min(FIRST_CAPACITY, maxConnections)
  let words = new Uint32Array(capacity * RECORD_WORDS)
  let expiry = new Float64Array(capacity)
  let heads = new Int32Array(chainsFor(capacity)).fill(-1)
  const oldest = new Int32Array(lifetimes.length).fill(-1)
  const newest = new Int32Array(lifetimes.length).fill(-1)
  const zones = new Map<number, number>()
  /** Free records are chained by NEWER. */
  let free = -1
  let used = 0
  let count = 0
  let expired = 0
  let evicted = 0
  let replying = false
  let nextClass = 0

  /** A node of a chain is a record's first word, plus 1 for the tuple of answers. */
  const chain = (node: number) => {
    const bucket = words[node + HASHES]! & (heads.length - 1)
    words[node + CHAINS] = heads[bucket]!
    heads[bucket] = node
  }
  const unchain = (node: number) => {
    const bucket = words[node + HASHES]! & (heads.length - 1)
    const next = words[node + CHAINS]!
    let at = heads[bucket]!
    if (at === node) {
      heads[bucket] = next
      return
    }
    for (; at >= 0; at = words[at + CHAINS]! | 0) {
      if ((words[at + CHAINS]! | 0) !== node) continue
      words[at + CHAINS] = next
      return
    }
  }

  const unlist = (record: number) => {
    const of = words[record + CLASS]!
    const older = words[record + OLDER]! | 0
    const newer = words[record + NEWER]! | 0
    if (older < 0) oldest[of] = newer
    else words[older + NEWER] = newer
    if (newer < 0) newest[of] = older
    else words[newer + OLDER] = older
  }
  const list = (record: number, of: number) => {
    const last = newest[of]!
    words[record + CLASS] = of
    words[record + OLDER] = last
    words[record + NEWER] = -1
    if (last < 0) oldest[of] = record
    else words[last + NEWER] = record
    newest[of] = record
  }

  const remove = (record: number) => {
    unchain(record)
    unchain(record + 1)
    unlist(record)
    const zone = zoneOf(words[record + HEAD]!)
    const left = (zones.get(zone) ?? 1) - 1
    if (left === 0) zones.delete(zone)
    else zones.set(zone, left)
    words[record + GENERATION] = words[record + GENERATION]! + 1
    words[record + IN_USE] = 0
    words[record + NEWER] = free
    free = record
    count--
  }

  const grow = () => {
    capacity = Math.min(capacity * 2, maxConnections)
    const moreWords = new Uint32Array(capacity * RECORD_WORDS)
    moreWords.set(words)
    words = moreWords
    const moreExpiry = new Float64Array(capacity)
    moreExpiry.set(expiry)
    expiry = moreExpiry
    heads = new Int32Array(chainsFor(capacity)).fill(-1)
    for (let record = 0; record < used * RECORD_WORDS; record += RECORD_WORDS) {
      if (words[record + IN_USE] !== 1) continue
      chain(record + 1)
      chain(record)
    }
  }

  /** The connection that was silent for longest in the first group that has any. */
  const evict = (now: number) => {
    for (const group of EVICTED) {
      let victim = -1
      let silent = -1
      for (const of of group) {
        const record = oldest[of]!
        if (record < 0) continue
        const age = lifetimes[of]! - (expiry[record / RECORD_WORDS]! - now)
        if (age > silent) {
          silent = age
          victim = record
        }
      }
      if (victim >= 0) {
        remove(victim)
        evicted++
        return
      }
    }
  }

  const sweepClass = (of: number, now: number, limit: number): number => {
    let left = limit
    for (let record = oldest[of]!; record >= 0 && left > 0; record = oldest[of]!, left--) {
      if (expiry[record / RECORD_WORDS]! > now) break
      remove(record)
      expired++
    }
    return left
  }
  const sweep = (now: number, limit: number) => {
    let left = limit
    for (let i = 0; i < lifetimes.length && left > 0; i++) {
      left = sweepClass(nextClass, now, left)
      nextClass = (nextClass + 1) % lifetimes.length
    }
  }

  return {
    get words() {
      return words
    },
    get count() {
      return count
    },
    get replying() {
      return replying
    },
    get expired() {
      return expired
    },
    get evicted() {
      return evicted
    },
    find(tuple, at, now) {
      const hash = hashTuple(tuple, at, seed)
      for (let node = heads[hash & (heads.length - 1)]!; node >= 0; ) {
        const direction = node % RECORD_WORDS
        const record = node - direction
        if (
          words[node + HASHES] === hash &&
          sameTuple(words, record + direction * REPLY, tuple, at) &&
          expiry[record / RECORD_WORDS]! > now
        ) {
          replying = direction === 1
          return record
        }
        node = words[node + CHAINS]! | 0
      }
      return -1
    },
    add(tuples, timeout, now) {
      if (free < 0 && used === capacity) {
        if (capacity < maxConnections) grow()
        else {
          sweep(now, 16)
          if (free < 0) evict(now)
        }
      }
      let record = free
      if (record >= 0) free = words[record + NEWER]! | 0
      else if (used < capacity) record = used++ * RECORD_WORDS
      else return -1
      const generation = words[record + GENERATION]!
      words.fill(0, record, record + RECORD_WORDS)
      words[record + GENERATION] = generation
      words[record + IN_USE] = 1
      for (let i = 0; i < 2 * TUPLE_WORDS; i++) words[record + i] = tuples[i]!
      words[record + HASHES] = hashTuple(words, record + FORWARD, seed)
      words[record + HASHES + 1] = hashTuple(words, record + REPLY, seed)
      // The forward direction comes first, for one who talks to himself by one port.
      chain(record + 1)
      chain(record)
      list(record, timeout)
      expiry[record / RECORD_WORDS] = now + lifetimes[timeout]!
      const zone = zoneOf(words[record + HEAD]!)
      zones.set(zone, (zones.get(zone) ?? 0) + 1)
      count++
      return record
    },
    remove,
    touch(record, timeout, now) {
      expiry[record / RECORD_WORDS] = now + lifetimes[timeout]!
      if (newest[timeout] === record) return
      unlist(record)
      list(record, timeout)
    },
    sweep,
    remaining: (record, now) => Math.max(0, expiry[record / RECORD_WORDS]! - now),
    timeoutOf: (record) => words[record + CLASS]!,
    generation: (record) => words[record + GENERATION]!,
    isCurrent: (record, generation) =>
      words[record + IN_USE] === 1 && words[record + GENERATION] === generation,
    inZone: (zone) => zones.get(zone) ?? 0,
    *records() {
      for (let record = 0; record < used * RECORD_WORDS; record += RECORD_WORDS) {
        if (words[record + IN_USE] === 1) yield record
      }
    },
  }
}

/** Two nodes a connection: a bucket has one on average when the table is full. */
function chainsFor(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(2 * capacity))
}
