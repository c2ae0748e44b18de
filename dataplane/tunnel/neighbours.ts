/**
 * Who has which MAC on the underlay, IPv4 and IPv6: asked when needed, answered for our own
 * addresses, with a bounded queue of frames for each address that is being asked for. What nobody
 * asked for teaches nothing new: it may only say where one is now whom we talk to already.
 * Neighbours: discovery.ts (the messages), raw-underlay.ts (sends what this makes).
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { DROP } from '../packet/drop.ts'
import { type Address, addressMap, isNone, sameAddress } from './address.ts'
import { answer, type Heard, MALFORMED, question } from './discovery.ts'

/** A resolved neighbour. */
export interface Neighbour {
  readonly address: Address
  readonly mac: number
  checkedAt: number
}

export interface Neighbours {
  /** The neighbour, or undefined while it is being asked for. */
  find(address: Address): Neighbour | undefined
  /** Keeps a copy of a whole frame until the address is known; false = the queue is full. */
  wait(address: Address, bytes: Uint8Array, start: number, end: number): boolean
  /** Takes what discovery.ts read. */
  hear(message: Heard | undefined | typeof MALFORMED): void
  close(): void
}

export interface NeighboursOptions {
  readonly mac: number
  readonly own: readonly Address[]
  readonly clock: Clock
  /** The own address to ask from. */
  source(neighbour: Address): Address | undefined
  send(frame: Uint8Array): void
  drop(reason: number): void
}

/** Frames that wait for one address, addresses that are being asked for, and bytes of all that waits. */
const QUEUE_LENGTH = 64
const MAX_PENDING = 1024
const MAX_WAITING = 16 << 20
const MAX_KNOWN = 65_536
const ASK_AGAIN_MS = 500
const MAX_ASKED = 4
/** After this time a neighbour in use is asked again, by unicast first. */
const FRESH_MS = 30_000

interface Pending {
  readonly address: Address
  readonly queue: Uint8Array[]
  asked: number
  cancel: () => void
}

export function neighbours(options: NeighboursOptions): Neighbours {
  const { mac, clock } = options
  const known = addressMap<Neighbour>()
  const pending = addressMap<Pending>()
  let waiting = 0
  const ownOf = (address: Address) => options.own.find((own) => sameAddress(own, address))

  /** It is asked for no longer; what waited for it is the caller's. */
  const forget = (entry: Pending): readonly Uint8Array[] => {
    pending.delete(entry.address)
    for (const { length } of entry.queue) waiting -= length
    return entry.queue
  }

  const ask = (entry: Pending) => {
    const { address } = entry
    const source = options.source(address)
    if (entry.asked++ >= MAX_ASKED || !source) {
      known.delete(address)
      for (const _ of forget(entry)) options.drop(DROP.underlay_unresolved)
      return
    }
    const last = entry.asked === 1 ? known.get(address)?.mac : undefined
    options.send(question(mac, source, address, last))
    entry.cancel = clock.after(ASK_AGAIN_MS, () => ask(entry))
  }

  const begin = (of: Address): Pending | undefined => {
    const already = pending.get(of)
    if (already) return already
    if (pending.size >= MAX_PENDING) return undefined
    const entry: Pending = { address: of.slice(), queue: [], asked: 0, cancel: () => {} }
    pending.set(entry.address, entry)
    ask(entry)
    return pending.get(entry.address)
  }

  const learn = ({ who, mac: peer, isWeak }: Heard) => {
    const before = known.get(who)
    const entry = pending.get(who)
    if (!before && !entry) return
    if (before?.mac === peer) before.checkedAt = clock.now()
    else if (before && isWeak && !entry) return
    else {
      if (!before && known.size >= MAX_KNOWN) {
        const [oldest] = known.values()
        if (oldest) known.delete(oldest.address)
      }
      known.set(who, { address: who, mac: peer, checkedAt: clock.now() })
    }
    if (!entry) return
    entry.cancel()
    for (const frame of forget(entry)) {
      ethernet.set.dst(frame, 0, peer)
      options.send(frame)
    }
  }

  return {
    find(address) {
      const neighbour = known.get(address)
      if (neighbour && clock.now() - neighbour.checkedAt > FRESH_MS) begin(address)
      return neighbour
    },
    wait(address, bytes, start, end) {
      const entry = begin(address)
      const size = end - start
      if (!entry || entry.queue.length >= QUEUE_LENGTH || waiting + size > MAX_WAITING) return false
      entry.queue.push(bytes.slice(start, end))
      waiting += size
      return true
    },
    hear(message) {
      if (message === MALFORMED) return options.drop(DROP.underlay_malformed)
      // What claims our own address is not believed.
      if (!message || ownOf(message.who)) return
      if (!isNone(message.who)) learn(message)
      const own = message.kind === 'question' ? ownOf(message.target) : undefined
      if (own) options.send(answer(mac, own, message))
    },
    close() {
      for (const entry of pending.values()) entry.cancel()
      pending.clear()
      waiting = 0
      known.clear()
    },
  }
}
