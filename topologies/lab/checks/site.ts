/**
 * What there is to check, derived from the lab's document: networks, who is on them, and the pairs of
 * guests that stand for the rest. What is on a physical network or takes tags keeps other promises (topologies/scenarios/vlan.ts,
 * qinq.ts have them). Bounded, so that the checks of a large site take no longer than those
 * of a small one: at most NETWORKS networks (tenants first), HOSTS senders in each.
 */
import { parseMac } from '../../../southbound/wire/address.ts'
import type { Lab, Workload } from '../lab.ts'

const NETWORKS = 4
const HOSTS = 3

export interface SiteNetwork {
  /** `acme/web`. */
  readonly key: string
  readonly tenant: string
  /** Of type vxlan. */
  readonly vni: number | undefined
  /** VXLAN and nothing else, without tags: the sentences of the table are about these. */
  readonly isPlain: boolean
  readonly mtuBytes: number
  /** The guests of the lab on it. */
  readonly workloads: readonly Workload[]
  /** MACs of all its ports, with and without a guest in the lab. */
  readonly macs: ReadonlySet<number>
}

/** A sender and the nearest peers of its network, if there are any. */
export interface Sample {
  readonly network: SiteNetwork
  readonly sender: Workload
  /** On the sender's host. */
  readonly local?: Workload
  /** On another host. */
  readonly remote?: Workload
}

export interface Site {
  readonly lab: Lab
  /** All networks that have a guest. */
  readonly networks: readonly SiteNetwork[]
  readonly samples: readonly Sample[]
  /** All VNIs in use, with and without guests. */
  readonly vnis: ReadonlySet<number>
}

export function siteOf(lab: Lab): Site {
  const networks = networksOf(lab)
  const plain = networks.filter(({ isPlain }) => isPlain)
  const samples = chooseNetworks(plain).flatMap((network) => samplesOf(network))
  const tenants = Object.values(lab.document.tenants)
  const declared = tenants.flatMap((tenant) => Object.values(tenant.networks ?? {}))
  return { lab, networks, samples, vnis: new Set(declared.flatMap(({ vni }) => vni ?? [])) }
}

function networksOf(lab: Lab): SiteNetwork[] {
  const workloads = Map.groupBy(lab.workloads.values(), ({ tenant, portId }) => {
    const port = lab.document.tenants[tenant]?.ports?.[portId]
    return `${tenant}/${port?.network}`
  })
  return Object.entries(lab.document.tenants).flatMap(([tenant, { networks = {}, ports = {} }]) =>
    Object.entries(networks).flatMap(
      ([id, { type, vni, mtuBytes, vlanTransparent, extension }]) => {
        const isPlain = type === 'vxlan' && !vlanTransparent && extension === undefined
        const here = workloads.get(`${tenant}/${id}`)
        if (here === undefined) return []
        const declared = Object.values(ports).filter((port) => port.network === id)
        const macs = new Set(declared.map((port) => parseMac(port.mac)))
        return [{ key: `${tenant}/${id}`, tenant, vni, isPlain, mtuBytes, workloads: here, macs }]
      },
    ),
  )
}

/** Whether a network of another tenant has a guest with an address that a guest of `network` has. */
export function sharesAddress(network: SiteNetwork): (other: SiteNetwork) => boolean {
  const addresses = new Set(network.workloads.map(({ address }) => address))
  return ({ tenant, workloads }) =>
    tenant !== network.tenant && workloads.some(({ address }) => addresses.has(address))
}

/** One network of each tenant before a second one of any, those that can show most first. */
function chooseNetworks(networks: readonly SiteNetwork[]): SiteNetwork[] {
  const shows = (network: SiteNetwork) =>
    Math.max(...samplesOf(network).map((s) => Number(!!s.local) + Number(!!s.remote))) +
    Number(networks.some(sharesAddress(network)))
  const scores = new Map(networks.map((network) => [network, shows(network)]))
  const best = networks.toSorted((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0))
  const byTenant = [...Map.groupBy(best, (network) => network.tenant).values()]
  const ranked = byTenant.flatMap((list) => list.map((network, rank) => ({ network, rank })))
  ranked.sort((a, b) => a.rank - b.rank)
  return ranked.slice(0, NETWORKS).map(({ network }) => network)
}

function samplesOf(network: SiteNetwork): Sample[] {
  const hosts = [...Map.groupBy(network.workloads, (workload) => workload.hostId).values()]
  return hosts.slice(0, HOSTS).flatMap(([sender, local], at) => {
    const [remote] = hosts[(at + 1) % hosts.length] ?? []
    if (sender === undefined) return []
    const other = remote !== undefined && remote.hostId !== sender.hostId
    return [{ network, sender, ...(local && { local }), ...(other && { remote }) }]
  })
}

/** A sample's peers, with the word for where they are. */
export function peersOf({ network, sender, local, remote }: Sample): (Pair & {
  readonly where: 'other host' | 'same host'
})[] {
  return [
    ...(remote ? [{ where: 'other host' as const, network, peer: remote, sender }] : []),
    ...(local ? [{ where: 'same host' as const, network, peer: local, sender }] : []),
  ]
}

/** Two guests of one network. */
export interface Pair {
  readonly network: SiteNetwork
  readonly sender: Workload
  readonly peer: Workload
}

/** What the sentence of a check cannot be shown of on this site: one clause each, none when all can. */
export function missingPeers({ samples }: Site): string[] {
  const missing: string[] = []
  if (!samples.some((s) => s.remote)) missing.push('no network has guests on two hosts')
  if (!samples.some((s) => s.local)) missing.push('no network has two guests on one host')
  return missing
}

/** Nothing that a guest sends can be shown to arrive without a peer. */
export function missingSender({ samples }: Site): string[] {
  return samples.some((s) => s.local ?? s.remote) ? [] : ['no network has two guests']
}
