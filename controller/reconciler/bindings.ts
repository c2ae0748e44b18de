/**
 * Which ports a host carries: what says that it is a port (a plug) against what the store believes. By level: all plugs of
 * the host each time; the store sees only what is different. The same rules for every kind of host; `plugs.ts` reads the
 * plugs of an `ovs` host, `vtep/plugs.ts` those of a `vtep` host.
 */
import type { Edit } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'

/** Where on its host a port is. */
export type Place =
  | { readonly ofport: number; readonly interface?: undefined; readonly vid?: undefined }
  | { readonly interface: string; readonly vid: number; readonly ofport?: undefined }

/** Something on a host that carries the uuid of a port as iface-id. */
export interface Plug {
  readonly ifaceId: string
  /** Of the interface, for people. */
  readonly name: string
  readonly at: Place
  /** Why it can be no port, whatever its iface-id says. */
  readonly objection?: string | undefined
}

/** What a session has said before; it says nothing twice. */
export interface Reported {
  /** iface-id -> where, of the last look. */
  readonly bindings: Map<string, Place>
  readonly refused: Set<string>
  /** Nothing was looked at yet: what is there may have been there for long. */
  first: boolean
}

export const nothingReported = (): Reported => ({
  bindings: new Map(),
  refused: new Set(),
  first: true,
})

export interface Beliefs {
  readonly snapshot: Snapshot
  /** Kept up to date by the call. */
  readonly reported: Reported
  /** Whether a binding of another host still holds, or may. */
  readonly isHeld: (ifaceId: string, byHost: string) => boolean
}

interface SeenBindings {
  /** What the store should observe. */
  readonly edits: readonly Edit<'binding'>[]
  /** Interfaces that are not bound, each told once. */
  readonly refused: readonly {
    readonly ifaceId: string
    readonly interface: string
    readonly why: string
  }[]
}

/** Refusals that one session is told of; a host that invents more is not told any further. */
const MAX_REFUSED = 1000

/** Lets the store observe what a host carries, and tells of it. */
export function reportBindings(
  plugs: Iterable<Plug>,
  hostId: string,
  { store, events, ...beliefs }: Omit<Beliefs, 'snapshot'> & { store: Store; events: EventLog },
): void {
  const { snapshot } = store
  const { edits, refused } = seenBindings(plugs, hostId, { snapshot, ...beliefs })
  for (const { ifaceId, interface: name, why } of refused) {
    const fields = { ifaceId, interface: name }
    events.add('binding_refused', hostId, `interface ${name} on ${hostId}: ${why}`, fields)
  }
  if (edits.length === 0) return
  const bound = edits.map(({ key, spec }) => ({ spec, port: portOf(snapshot, key) }))
  store.observe([...edits], { who: `host ${hostId}` })
  for (const { spec, port } of bound) {
    const { hostId: _, ...at } = spec ?? { hostId }
    events.add(
      spec ? 'port_bound' : 'port_unbound',
      hostId,
      `${port ?? 'a deleted port'} was ${spec ? 'plugged in' : 'unplugged'} on ${hostId}`,
      { port, ...at },
    )
  }
}

/** Compares what a host carries with what the snapshot believes it carries. */
function seenBindings(plugs: Iterable<Plug>, hostId: string, beliefs: Beliefs): SeenBindings {
  const { snapshot, reported, isHeld } = beliefs
  const refused: { ifaceId: string; interface: string; why: string }[] = []
  const refuse = ({ ifaceId, name }: Plug, why: string) => {
    const key = `${name} ${ifaceId} ${why}`
    if (reported.refused.has(key) || reported.refused.size >= MAX_REFUSED) return
    reported.refused.add(key)
    refused.push({ ifaceId: ifaceId.slice(0, 64), interface: name, why })
  }

  const seen = new Map<string, Plug>()
  for (const plug of plugs) {
    const { ifaceId, name, at, objection } = plug
    const port = portOf(snapshot, ifaceId)
    const bound = snapshot.get('binding', ifaceId)
    const other = seen.get(ifaceId)
    if (port === undefined) refuse(plug, 'its iface-id is the uuid of no port')
    else if (objection !== undefined) refuse(plug, objection)
    else if (!other) seen.set(ifaceId, plug)
    else if (isSame(bound?.hostId === hostId ? bound : reported.bindings.get(ifaceId), at)) {
      refuse(other, `interface ${name} already is ${port}`)
      seen.set(ifaceId, plug)
    } else refuse(plug, `interface ${other.name} already is ${port}`)
  }

  const edits: Edit<'binding'>[] = []
  for (const [ifaceId, { at }] of seen) {
    const known = snapshot.get('binding', ifaceId)
    if (known?.hostId === hostId && isSame(known, at)) continue
    if (known && known.hostId !== hostId) {
      // The newer plug has the port: one that was told before is the older, one that was there at the first look may be.
      const older = reported.first
        ? isHeld(ifaceId, known.hostId)
        : isSame(reported.bindings.get(ifaceId), at)
      if (older) continue
    }
    edits.push({ collection: 'binding', key: ifaceId, spec: { hostId, ...at } })
  }
  for (const uuid of snapshot.find('bindingByHost', hostId)) {
    if (!seen.has(uuid)) edits.push({ collection: 'binding', key: uuid, spec: undefined })
  }
  reported.first = false
  reported.bindings.clear()
  for (const [ifaceId, { at }] of seen) reported.bindings.set(ifaceId, at)
  return { edits, refused }
}

function isSame(a: Place | undefined, b: Place): boolean {
  return a?.ofport === b.ofport && a?.interface === b.interface && a?.vid === b.vid
}

function portOf(snapshot: Snapshot, uuid: string): string | undefined {
  const [key] = snapshot.find('portByUuid', uuid)
  return key
}
