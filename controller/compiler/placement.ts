/**
 * Where each port is, derived: a port is where a host has been seen to carry it (its binding), else where its spec
 * declares it. One slot (host, ofport) has one owner: a binding, being seen, goes before a declaration.
 * Input of the compiler; neighbours: `compiler.ts`, `program.ts`.
 */
import type { Binding, Port } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import { ensure } from './maps.ts'
import type { Input, Placement } from './program.ts'

interface Claim {
  readonly hostId: string
  readonly ofport: number
  readonly bound: boolean
}

export class Placements {
  readonly #ports = new Map<string, Port>()
  /** uuid -> key of the port. */
  readonly #keys = new Map<string, string>()
  /** port uuid -> binding. */
  readonly #bindings = new Map<string, Binding>()
  /** 'host|ofport' -> keys of the ports that claim it. */
  readonly #slots = new Map<string, Set<string>>()
  readonly #placed = new Map<string, Placement>()

  /** Where a port is now; undefined: nowhere. */
  get(key: string): Placement | undefined {
    return this.#placed.get(key)
  }

  /** Takes changed ports and bindings, gives the placements that are different now. */
  apply(changes: readonly Change[]): Input<'placement'>[] {
    const affected = new Set<string>()
    for (const change of changes) {
      if (change.collection === 'port') {
        const { before, after } = change as Change<'port'>
        if (before) this.#release(change.key, affected)
        if (before && before.uuid !== after?.uuid) this.#keys.delete(before.uuid)
        if (after) {
          this.#ports.set(change.key, after)
          this.#keys.set(after.uuid, change.key)
          this.#claim(change.key, affected)
        } else this.#ports.delete(change.key)
        affected.add(change.key)
      } else if (change.collection === 'binding') {
        const { after } = change as Change<'binding'>
        const key = this.#keys.get(change.key)
        if (key) this.#release(key, affected)
        if (after) this.#bindings.set(change.key, after)
        else this.#bindings.delete(change.key)
        if (key) this.#claim(key, affected)
      }
    }
    const inputs: Input<'placement'>[] = []
    for (const key of affected) {
      const value = this.#resolve(key)
      const old = this.#placed.get(key)
      if (
        old?.port === value?.port &&
        old?.hostId === value?.hostId &&
        old?.ofport === value?.ofport
      )
        continue
      if (value) this.#placed.set(key, value)
      else this.#placed.delete(key)
      inputs.push({ collection: 'placement', key, value })
    }
    return inputs
  }

  #claimOf(key: string): Claim | undefined {
    const port = this.#ports.get(key)
    if (!port) return undefined
    const binding = this.#bindings.get(port.uuid)
    if (binding) return { hostId: binding.hostId, ofport: binding.ofport, bound: true }
    if (port.hostId === undefined || port.ofport === undefined) return undefined
    return { hostId: port.hostId, ofport: port.ofport, bound: false }
  }

  #claim(key: string, affected: Set<string>): void {
    const claim = this.#claimOf(key)
    if (!claim) return
    const slot = `${claim.hostId}|${claim.ofport}`
    const claimants = ensure(this.#slots, slot, () => new Set())
    claimants.add(key)
    for (const other of claimants) affected.add(other)
  }

  #release(key: string, affected: Set<string>): void {
    const claim = this.#claimOf(key)
    affected.add(key)
    if (!claim) return
    const slot = `${claim.hostId}|${claim.ofport}`
    const claimants = this.#slots.get(slot)
    claimants?.delete(key)
    if (claimants?.size === 0) this.#slots.delete(slot)
    for (const other of claimants ?? []) affected.add(other)
  }

  #resolve(key: string): Placement | undefined {
    const claim = this.#claimOf(key)
    const port = this.#ports.get(key)
    if (!claim || !port) return undefined
    for (const other of this.#slots.get(`${claim.hostId}|${claim.ofport}`) ?? []) {
      if (other === key) continue
      const bound = this.#claimOf(other)?.bound ?? false
      if (bound !== claim.bound ? bound : other < key) return undefined
    }
    return Object.freeze({ port, hostId: claim.hostId, ofport: claim.ofport })
  }
}
