/** What a walk is told of the site: the model, and what each host should have. Neighbours: walk.ts, ../compiler/compiler.ts. */
import type { BridgeContent } from '../../dataplane/trace/bridge-trace.ts'
import type { Compiler, Preview } from '../compiler/compiler.ts'
import type { Item, Placement } from '../compiler/program.ts'
import { rowName } from '../compiler/rows.ts'
import { sortable } from '../model/indexes.ts'
import type { Host, Network, Port } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'

export interface TraceSite {
  readonly snapshot: Snapshot
  placement(portKey: string): Placement | undefined
  lookup(hostId: string, itemId: string): Item | undefined
  content(hostId: string): BridgeContent
  /** The ovs or vtep host with this VTEP address, of either family. */
  hostWithVtep(address: string): Host | undefined
  /** Key of the port behind an OpenFlow port, as a sub-port by its VID; 0: untagged. */
  portAt(hostId: string, ofport: number, vid: number): string | undefined
  /** Ports of a network that are on a host. */
  portsOn(hostId: string, network: Network | undefined): readonly Port[]
  networkWithVni(vni: number | undefined): Network | undefined
  /** VTEP addresses behind which a vtep host has this MAC in the network with this uuid. */
  remotesOf(hostId: string, network: string, mac: string): readonly string[]
}

/** @param instead items that would be there in the place of others, as `Compiler.preview` says */
export function traceSite(
  compiler: Compiler,
  snapshot: Snapshot,
  instead: Preview = new Map(),
): TraceSite {
  const lookup = (hostId: string, id: string): Item | undefined => {
    const change = instead
      .get(hostId)
      ?.find(({ before, after }) => before?.id === id || after?.id === id)
    return change ? change.after : compiler.lookup(hostId, id)
  }
  const items = (hostId: string): Item[] => {
    const changes = instead.get(hostId) ?? []
    const changed = new Set(changes.flatMap(({ before, after }) => (before ?? after)?.id ?? []))
    const kept = [...compiler.items(hostId)].filter(({ id }) => !changed.has(id))
    return [...kept, ...changes.flatMap(({ after }) => after ?? [])]
  }
  const placedOn = (hostId: string): Placement[] =>
    [...compiler.portsOn(hostId)].flatMap((key) => compiler.placement(key) ?? [])
  const keyOf = ({ port }: Placement): string => `${port.tenant}/${port.id}`
  return {
    snapshot,
    placement: (key) => compiler.placement(key),
    lookup,
    content(hostId) {
      const all = items(hostId)
      return {
        flows: all.flatMap((item) => (item.kind === 'flow' ? item.flow : [])),
        groups: all.flatMap((item) => (item.kind === 'group' ? item.group : [])),
      }
    },
    hostWithVtep(address) {
      for (const host of snapshot.list('host').values())
        if (host.vtepAddress === address || host.alternateVtepAddress === address) return host
      return undefined
    },
    portAt(hostId, ofport, vid) {
      const found = placedOn(hostId).find(({ at }) =>
        vid === 0
          ? at.kind === 'ofport' && at.ofport === ofport
          : at.kind === 'subport' && at.ofport === ofport && at.vid === vid,
      )
      return found && keyOf(found)
    },
    portsOn: (hostId, network) =>
      placedOn(hostId)
        .filter(({ port }) => port.tenant === network?.tenant && port.network === network.id)
        .map(({ port }) => port),
    networkWithVni(vni) {
      const [key] = vni === undefined ? [] : snapshot.find('networkByVni', sortable(vni))
      return key === undefined ? undefined : snapshot.get('network', key)
    },
    remotesOf: (hostId, network, mac) =>
      items(hostId).flatMap((item) => {
        if (item.kind !== 'row' || item.row.table !== 'Ucast_Macs_Remote') return []
        const { logicalSwitch, mac: remote, vtep } = item.row
        return logicalSwitch === rowName(network) && remote === mac ? [vtep] : []
      }),
  }
}
