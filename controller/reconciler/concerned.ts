/**
 * Which sessions have to look at their rows again after a commit: of a bridge that of its host, of a host its own, and of a
 * physical network that comes or goes those that name a bridge for it. What flows and rows of networks need is told to each
 * host by the compiler. Neighbour: `reconciler.ts`.
 */
import type { Host } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import { proves } from '../tls/identity.ts'
import type { Session } from './session.ts'

/** Whether a session, driven as that host (undefined: as none yet), is concerned; undefined: no session can be. */
export function concernedBy(
  changes: readonly Change[],
): ((session: Session, hostId: string | undefined) => boolean) | undefined {
  /** Hosts whose own objects changed, or whose bridges did. */
  const ids = new Set<string>()
  const hosts: Host[] = []
  const physicalNetworks: string[] = []
  for (const { collection, key, before, after } of changes) {
    if (collection === 'bridge') ids.add((before ?? after)?.host ?? '')
    if (collection === 'physicalNetwork' && !(before && after)) physicalNetworks.push(key)
    if (collection !== 'host') continue
    ids.add(key)
    for (const host of [before, after]) if (host) hosts.push(host)
  }
  if (ids.size === 0 && physicalNetworks.length === 0) return undefined
  return (session, hostId) => {
    if (hostId !== undefined && ids.has(hostId)) return true
    if (session.kind === 'ovs' && physicalNetworks.some((id) => session.offers.names(id)))
      return true
    if (hosts.length === 0) return false
    // Who is no host yet may be one now; and somebody else's certificate, or name, may have become this session's.
    const { systemId, line } = session
    return (
      hostId === undefined ||
      hosts.some(
        (host) => host.systemId === systemId || (line.identity && proves(line.identity, host)),
      )
    )
  }
}
