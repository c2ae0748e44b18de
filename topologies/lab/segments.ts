/**
 * Which networks of a document are one Ethernet: each by itself, but those that the same VLAN of a physical network carries. Pure.
 * Neighbours: matrix.ts (who reaches whom), capture.ts (what a frame belongs to).
 */
import type { DocumentNetwork, LabDocument } from './lab.ts'

export interface LabNetwork {
  /** `acme/web`. */
  readonly key: string
  readonly vni?: number | undefined
  /** Of its frames on a physical network: untagged without a VID. */
  readonly on?: { readonly physicalNetwork: string; readonly vid?: number | undefined } | undefined
  /** The same of networks that are one Ethernet. */
  readonly segment: string
  /** Of its subnets, both families. */
  readonly cidrs: readonly string[]
}

/** What a document that was parsed has beyond DocumentNetwork. */
interface Carried extends DocumentNetwork {
  readonly physicalNetwork?: string
  readonly vid?: number
  readonly extension?: { readonly physicalNetwork: string; readonly vid?: number }
}

/** By key, in the document's order. */
export function networksOf({ tenants }: Pick<LabDocument, 'tenants'>): Map<string, LabNetwork> {
  const networks = Object.entries(tenants).flatMap(
    ([tenant, { networks: own = {}, subnets = {} }]) =>
      Object.entries(own).map(([id, network]): [string, LabNetwork] => {
        const { vni, physicalNetwork, vid, extension } = network as Carried
        const key = `${tenant}/${id}`
        const on = physicalNetwork === undefined ? extension : { physicalNetwork, vid }
        const segment = on ? `${on.physicalNetwork} ${on.vid ?? 'untagged'}` : key
        const ranges = Object.values(subnets).filter((subnet) => subnet.network === id)
        return [key, { key, vni, on, segment, cidrs: ranges.map(({ cidr }) => cidr) }]
      }),
  )
  return new Map(networks)
}

/** Keys of the networks of guests, by the guests' names. */
export function networkOfGuests({ tenants, workloads }: LabDocument): Map<string, string> {
  return new Map(
    Object.entries(workloads).flatMap(([name, port]) => {
      const [tenant = '', portId = ''] = port.split('/')
      const network = tenants[tenant]?.ports?.[portId]?.network
      return network === undefined ? [] : [[name, `${tenant}/${network}`] as const]
    }),
  )
}
