/**
 * Where each port is, derived: a port is where a host has been seen to carry it (its binding), else where its spec
 * declares it; a sub-port is where its trunk is, under its VID. One slot of a host has one owner: what is seen goes before
 * what is declared, and that before a sub-port. Whose port is untagged on an interface has all VIDs of it: no port of
 * another tenant is there, and a sub-port only where its own trunk is.
 * Input of the compiler; neighbours: `compiler.ts`, `program.ts`, ../model/rules-port.ts (the same of what is declared).
 */
import type { Binding, Port } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import { ensure } from './maps.ts'
import type { Input, PlacedAt, Placement } from './program.ts'

const none: ReadonlySet<string> = new Set()
const rank = { bound: 0, declared: 1, subport: 2 } as const

interface Claim {
  readonly hostId: string
  readonly at: PlacedAt
  readonly by: keyof typeof rank
}

export class Placements {
  readonly #ports = new Map<string, Port>()
  /** uuid -> key of the port. */
  readonly #keys = new Map<string, string>()
  /** port uuid -> binding. */
  readonly #bindings = new Map<string, Binding>()
  /** key of a trunk -> keys of its sub-ports. */
  readonly #subports = new Map<string, Set<string>>()
  /** Slot -> keys of the ports that claim it. */
  readonly #slots = new Map<string, Set<string>>()
  /** Interface of a vtep host -> keys of the ports that claim a VID of it. */
  readonly #tagged = new Map<string, Set<string>>()
  readonly #placed = new Map<string, Placement>()
  /** Host -> keys of the ports that are there. */
  readonly #onHost = new Map<string, Set<string>>()

  /** Where a port is now; undefined: nowhere. */
  get(key: string): Placement | undefined {
    return this.#placed.get(key)
  }

  /** Keys of the ports that are on a host now. */
  on(hostId: string): ReadonlySet<string> {
    return this.#onHost.get(hostId) ?? none
  }

  /** Takes changed ports and bindings, gives the placements that are different now. */
  apply(changes: readonly Change[]): Input<'placement'>[] {
    const moved = new Set<string>()
    for (const { collection, key } of changes) {
      if (collection === 'port') this.#withSubports(key, moved)
      if (collection === 'binding') this.#withSubports(this.#keys.get(key), moved)
    }
    const affected = new Set(moved)
    for (const key of moved) this.#release(key, affected)
    for (const change of changes) this.#take(change)
    for (const key of moved) this.#claim(key, affected)

    const inputs: Input<'placement'>[] = []
    const [trunks, subports] = [[] as string[], [] as string[]]
    for (const key of affected)
      (this.#ports.get(key)?.parent === undefined ? trunks : subports).push(key)
    for (const key of [...trunks, ...subports]) {
      const value = this.#resolve(key)
      const before = this.#placed.get(key)
      if (samePlacement(before, value)) continue
      if (before) remove(this.#onHost, before.hostId, key)
      if (value) ensure(this.#onHost, value.hostId, () => new Set()).add(key)
      if (value) this.#placed.set(key, value)
      else this.#placed.delete(key)
      inputs.push({ collection: 'placement', key, value })
    }
    return inputs
  }

  /** A sub-port moves with its trunk. */
  #withSubports(key: string | undefined, into: Set<string>): void {
    if (key === undefined) return
    into.add(key)
    for (const subport of this.#subports.get(key) ?? []) into.add(subport)
  }

  #take(change: Change): void {
    if (change.collection === 'binding') {
      if (change.after) this.#bindings.set(change.key, change.after)
      else this.#bindings.delete(change.key)
    }
    if (change.collection !== 'port') return
    const { key, before, after } = change
    const [old, now] = [before && trunkOf(before), after && trunkOf(after)]
    if (before && this.#keys.get(before.uuid) === key) this.#keys.delete(before.uuid)
    if (old !== undefined && old !== now) remove(this.#subports, old, key)
    if (now !== undefined) ensure(this.#subports, now, () => new Set()).add(key)
    if (after) this.#keys.set(after.uuid, key)
    if (after) this.#ports.set(key, after)
    else this.#ports.delete(key)
  }

  #claimOf(key: string): Claim | undefined {
    const port = this.#ports.get(key)
    if (!port) return undefined
    const binding = this.#bindings.get(port.uuid)
    if (binding) return { hostId: binding.hostId, at: bindingAt(binding), by: 'bound' }
    const { hostId, ofport, vid = 0 } = port
    const trunk = trunkOf(port)
    if (trunk !== undefined) return inside(this.#claimOf(trunk), vid)
    if (hostId === undefined) return undefined
    if (ofport !== undefined) return { hostId, at: { kind: 'ofport', ofport }, by: 'declared' }
    if (port.interface === undefined) return undefined
    return { hostId, at: { kind: 'vtep', interface: port.interface, vid }, by: 'declared' }
  }

  #claim(key: string, affected: Set<string>): void {
    const claim = this.#claimOf(key)
    if (!claim) return
    ensure(this.#slots, slotOf(claim), () => new Set()).add(key)
    const held = heldBy(claim)
    if (held !== undefined) ensure(this.#tagged, held, () => new Set()).add(key)
    this.#rivals(claim, affected)
  }

  #release(key: string, affected: Set<string>): void {
    const claim = this.#claimOf(key)
    if (!claim) return
    remove(this.#slots, slotOf(claim), key)
    const held = heldBy(claim)
    if (held !== undefined) remove(this.#tagged, held, key)
    this.#rivals(claim, affected)
  }

  /** Those whose place may depend on this claim. */
  #rivals(claim: Claim, into: Set<string>): void {
    const slot = slotOf(claim)
    for (const other of this.#slots.get(slot) ?? []) this.#withSubports(other, into)
    for (const other of this.#tagged.get(slot) ?? []) this.#withSubports(other, into)
  }

  #resolve(key: string): Placement | undefined {
    const claim = this.#claimOf(key)
    const port = this.#ports.get(key)
    if (!claim || !port || !this.#mayBeAt(key, claim)) return undefined
    if (this.#winner(slotOf(claim)) !== key) return undefined
    return Object.freeze({ port, hostId: claim.hostId, at: Object.freeze(claim.at) })
  }

  /** Of those who may be in a slot the one that is. */
  #winner(slot: string): string | undefined {
    let best: { readonly key: string; readonly rank: number } | undefined
    for (const key of this.#slots.get(slot) ?? []) {
      const claim = this.#claimOf(key)
      if (!claim || !this.#mayBeAt(key, claim)) continue
      const own = { key, rank: rank[claim.by] }
      if (!best || own.rank < best.rank || (own.rank === best.rank && key < best.key)) best = own
    }
    return best?.key
  }

  /** Whether the trunk of a sub-port is where it says, and a VID is of an interface that no other tenant holds. */
  #mayBeAt(key: string, claim: Claim): boolean {
    const port = this.#ports.get(key)
    const trunk = port && claim.by === 'subport' ? trunkOf(port) : undefined
    if (trunk !== undefined) return this.#placed.has(trunk)
    const held = heldBy(claim)
    const holder = held === undefined ? undefined : this.#winner(held)
    return holder === undefined || this.#ports.get(holder)?.tenant === port?.tenant
  }
}

function trunkOf({ tenant, parent }: Port): string | undefined {
  return parent === undefined ? undefined : `${tenant}/${parent}`
}

function bindingAt(binding: Binding): PlacedAt {
  if (binding.ofport !== undefined) return { kind: 'ofport', ofport: binding.ofport }
  return { kind: 'vtep', interface: binding.interface, vid: binding.vid }
}

/** Where a sub-port is whose trunk is there; undefined where tags inside of it cannot be told apart. */
function inside(trunk: Claim | undefined, vid: number): Claim | undefined {
  if (!trunk) return undefined
  const { hostId, at } = trunk
  if (at.kind === 'ofport')
    return { hostId, at: { kind: 'subport', ofport: at.ofport, vid }, by: 'subport' }
  if (at.kind === 'vtep' && at.vid === 0) return { hostId, at: { ...at, vid }, by: 'subport' }
  return undefined
}

function slotOf({ hostId, at }: Claim): string {
  if (at.kind === 'vtep') return `${hostId}|${at.interface} ${at.vid}`
  return at.kind === 'ofport' ? `${hostId}|${at.ofport}` : `${hostId}|${at.ofport}.${at.vid}`
}

/** The slot whose owner has this place too: what is untagged on its interface; undefined: there is none. */
function heldBy({ hostId, at, by }: Claim): string | undefined {
  if (at.kind !== 'vtep' || at.vid === 0) return undefined
  return slotOf({ hostId, at: { ...at, vid: 0 }, by })
}

function samePlacement(a: Placement | undefined, b: Placement | undefined): boolean {
  if (!a || !b) return a === b
  return a.port === b.port && slotOf({ ...a, by: 'bound' }) === slotOf({ ...b, by: 'bound' })
}

function remove(map: Map<string, Set<string>>, key: string, member: string): void {
  const members = map.get(key)
  members?.delete(member)
  if (members?.size === 0) map.delete(key)
}
