/**
 * A site of the shape that the bench of the compiler measures: networks of 100 ports, each spread over 20 random hosts, and
 * one network on every host with one port each. Made by the model itself, so that the compiler sees what it always sees.
 */
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { type Change, Site } from '../../../controller/model/snapshot.ts'
import { counting, put } from '../../controller/model/site.ts'

const PORTS_PER_NETWORK = 100
const HOSTS_PER_NETWORK = 20
const NETWORKS_PER_TENANT = 10
/** Edits of one commit while the site is made. */
const BATCH = 5000

export interface Size {
  readonly ports: number
  readonly hosts: number
}

export interface PlacedNetwork {
  readonly tenant: string
  readonly id: string
  readonly hosts: readonly number[]
}

/** 0 <= n < 1; the same sequence for the same seed. mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Of host `h<n>`. */
export const vtepOf = (n: number): string => `172.16.${n >> 8}.${n & 255}`

/** A site that grows and changes; what a change was is handed to the compiler. */
export class BenchSite {
  site: Site = Site.empty
  /** Networks of 100 ports. */
  readonly networks: readonly PlacedNetwork[]
  /** The network on every host. */
  readonly wide: PlacedNetwork
  readonly random: () => number
  readonly #hosts: number
  readonly #uuid = counting()
  readonly #ofports: number[]
  #made = 0

  /** @param alike gets each commit as well: a store that is to have the same site */
  constructor(
    { ports, hosts }: Size,
    seed = 1,
    alike: (edits: readonly Edit[]) => void = () => {},
  ) {
    this.random = randomFrom(seed)
    this.#hosts = hosts
    this.#ofports = Array.from({ length: hosts }, () => 0)
    const all = Array.from({ length: hosts }, (_, n) => n)
    this.wide = { tenant: 'wide', id: 'wide', hosts: all }
    const count = Math.ceil((ports - hosts) / PORTS_PER_NETWORK)
    this.networks = Array.from({ length: count }, (_, n) => ({
      tenant: `t${Math.floor(n / NETWORKS_PER_TENANT)}`,
      id: `n${n}`,
      hosts: this.#someHosts(),
    }))
    const edits: Edit[] = all.map((n) =>
      put('host', `h${n}`, { vtepAddress: vtepOf(n), underlayMtuBytes: 9100 }),
    )
    for (const tenant of new Set([this.wide, ...this.networks].map((each) => each.tenant)))
      edits.push(put('tenant', tenant, {}))
    for (const [n, { tenant, id }] of [this.wide, ...this.networks].entries()) {
      edits.push(put('network', `${tenant}/${id}`, { vni: 1000 + n, mtuBytes: 9000 }))
      edits.push(put('subnet', `${tenant}/${id}`, { network: id, cidr: '10.0.0.0/16' }))
    }
    for (const n of all) edits.push(this.added(this.wide, n).edit)
    for (let n = hosts; n < ports; n++) {
      const network = this.networks[Math.floor((n - hosts) / PORTS_PER_NETWORK)] as PlacedNetwork
      edits.push(this.added(network, this.pick(network.hosts)).edit)
    }
    for (let at = 0; at < edits.length; at += BATCH) {
      const batch = edits.slice(at, at + BATCH)
      this.commit(batch)
      alike(batch)
    }
  }

  commit(edits: readonly Edit[]): readonly Change[] {
    const { site, changes } = applyEdits(this.site, edits, this.#uuid)
    this.site = site
    return changes
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T
  }

  /** A new port on a host. */
  added(
    { tenant, id }: PlacedNetwork,
    host: number,
  ): { readonly key: string; readonly edit: Edit } {
    const key = `${tenant}/p${this.#made++}`
    return { key, edit: put('port', key, { network: id, ...this.#place(host) }) }
  }

  /** A port as it is, on another host. */
  moved(key: string, host: number): Edit {
    const port = this.site.get('port', key)
    if (!port) throw new Error(`there is no port ${key}`)
    const { network, mac, addresses } = port
    return put('port', key, { network, mac, addresses: [...addresses], ...this.#place(host) })
  }

  #place(host: number): { hostId: string; ofport: number } {
    const ofport = ((this.#ofports[host] ?? 0) % 60_000) + 1
    this.#ofports[host] = ofport
    return { hostId: `h${host}`, ofport }
  }

  #someHosts(): number[] {
    const some = new Set<number>()
    const count = Math.min(HOSTS_PER_NETWORK, this.#hosts)
    while (some.size < count) some.add(Math.floor(this.random() * this.#hosts))
    return [...some]
  }
}
