/**
 * Which ports a host carries, read from its rows: an interface on br-int whose external_ids:iface-id is a port's uuid, and
 * which the switch has given an ofport. By level: the whole list each time; the store sees only what is different.
 * Neighbours: `rows.ts` (the replica), `host-session.ts` (observes the edits).
 */
import type { Edit } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type HostReplica, INTEGRATION_BRIDGE } from './rows.ts'

/** What a session has said before; it says nothing twice. */
export interface Reported {
  /** iface-id -> ofport. */
  readonly bindings: Map<string, number>
  readonly refused: Set<string>
}

export interface SeenBindings {
  /** What the store should observe. */
  readonly edits: readonly Edit<'binding'>[]
  /** iface-ids that name no port of the site, each told once. */
  readonly refused: readonly { readonly ifaceId: string; readonly interface: string }[]
}

/** Compares what a host carries with what the snapshot believes it carries. Remembers in `reported`. */
export function seenBindings(
  replica: HostReplica,
  hostId: string,
  snapshot: Snapshot,
  reported: Reported,
): SeenBindings {
  const edits: Edit<'binding'>[] = []
  const refused: { ifaceId: string; interface: string }[] = []
  const seen = new Map<string, number>()
  for (const iface of integrationInterfaces(replica)) {
    const ifaceId = iface.external_ids['iface-id']
    const { ofport } = iface
    if (ifaceId === undefined || ofport === undefined || ofport <= 0 || seen.has(ifaceId)) continue
    const [port] = snapshot.find('portByUuid', ifaceId)
    if (port === undefined) {
      if (!reported.refused.has(ifaceId)) refused.push({ ifaceId, interface: iface.name })
      reported.refused.add(ifaceId)
      continue
    }
    seen.set(ifaceId, ofport)
    const known = snapshot.get('binding', ifaceId)
    if (known?.hostId === hostId && known.ofport === ofport) continue
    // Plugged in on another host since we told of it: the newer plug has the port, two hosts never fight over it.
    if (known && known.hostId !== hostId && reported.bindings.get(ifaceId) === ofport) continue
    edits.push({ collection: 'binding', key: ifaceId, spec: { hostId, ofport } })
  }
  for (const uuid of snapshot.find('bindingByHost', hostId)) {
    if (!seen.has(uuid)) edits.push({ collection: 'binding', key: uuid, spec: undefined })
  }
  reported.bindings.clear()
  for (const [ifaceId, ofport] of seen) reported.bindings.set(ifaceId, ofport)
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
