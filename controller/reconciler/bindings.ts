/**
 * Which ports a host carries, read from its rows: an interface on br-int whose external_ids:iface-id is a port's uuid, and
 * which the switch has given an ofport. By level: the whole list each time; the store sees only what is different.
 * Neighbours: `rows.ts` (the replica), `host-session.ts` (observes the edits).
 */
import { type Edit, lastWorkloadOfport } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'

/** What a session has said before; it says nothing twice. */
export interface Reported {
  /** iface-id -> ofport, of the last look. */
  readonly bindings: Map<string, number>
  readonly refused: Set<string>
  /** Nothing was looked at yet: what is there may have been there for long. */
  first: boolean
}

export interface SeenBindings {
  /** What the store should observe. */
  readonly edits: readonly Edit<'binding'>[]
  /** Interfaces that are not bound, each told once. */
  readonly refused: readonly {
    readonly ifaceId: string
    readonly interface: string
    readonly why: string
  }[]
}

export interface Beliefs {
  readonly snapshot: Snapshot
  /** Kept up to date by the call. */
  readonly reported: Reported
  /** Whether a binding of another host still holds, or may. */
  readonly isHeld: (ifaceId: string, byHost: string) => boolean
}

/** Refusals that one session is told of; a host that invents more is not told any further. */
const MAX_REFUSED = 1000

/** Compares what a host carries with what the snapshot believes it carries. */
export function seenBindings(replica: HostReplica, hostId: string, beliefs: Beliefs): SeenBindings {
  const { snapshot, reported, isHeld } = beliefs
  const refused: { ifaceId: string; interface: string; why: string }[] = []
  const refuse = (ifaceId: string, name: string, why: string) => {
    const key = `${name} ${ifaceId} ${why}`
    if (reported.refused.has(key) || reported.refused.size >= MAX_REFUSED) return
    reported.refused.add(key)
    refused.push({ ifaceId: ifaceId.slice(0, 64), interface: name, why })
  }

  const seen = new Map<string, { ofport: number; name: string }>()
  for (const { name, ofport, external_ids } of integrationInterfaces(replica)) {
    const ifaceId = external_ids['iface-id']
    if (ifaceId === undefined || ofport === undefined || ofport <= 0) continue
    const [port] = snapshot.find('portByUuid', ifaceId)
    const bound = snapshot.get('binding', ifaceId)
    const other = seen.get(ifaceId)
    if (port === undefined) refuse(ifaceId, name, 'its iface-id is the uuid of no port')
    else if (ofport > lastWorkloadOfport)
      refuse(ifaceId, name, `its ofport ${ofport} is not for workloads`)
    else if (!other) seen.set(ifaceId, { ofport, name })
    else if (bound?.hostId === hostId && bound.ofport === ofport) {
      refuse(ifaceId, other.name, `interface ${name} already is ${port}`)
      seen.set(ifaceId, { ofport, name })
    } else refuse(ifaceId, name, `interface ${other.name} already is ${port}`)
  }

  const edits: Edit<'binding'>[] = []
  for (const [ifaceId, { ofport }] of seen) {
    const known = snapshot.get('binding', ifaceId)
    if (known?.hostId === hostId && known.ofport === ofport) continue
    if (known && known.hostId !== hostId) {
      // The newer plug has the port: one that was told before is the older, one that was there at the first look may be.
      const older = reported.first
        ? isHeld(ifaceId, known.hostId)
        : reported.bindings.get(ifaceId) === ofport
      if (older) continue
    }
    edits.push({ collection: 'binding', key: ifaceId, spec: { hostId, ofport } })
  }
  for (const uuid of snapshot.find('bindingByHost', hostId)) {
    if (!seen.has(uuid)) edits.push({ collection: 'binding', key: uuid, spec: undefined })
  }
  reported.first = false
  reported.bindings.clear()
  for (const [ifaceId, { ofport }] of seen) reported.bindings.set(ifaceId, ofport)
  return { edits, refused }
}

function* integrationInterfaces(replica: HostReplica) {
  for (const bridge of replica.table('Bridge').values()) {
    if (bridge.name !== INTEGRATION_BRIDGE) continue
    for (const uuid of bridge.ports) {
      for (const iface of replica.table('Port').get(uuid)?.interfaces ?? []) {
        const row = replica.table('Interface').get(iface)
        if (row) yield row
      }
    }
  }
}
