/**
 * Nothing is reused too early: a host that is cut off keeps forwarding. A VNI, a VID, what is untagged on a physical network
 * or the number of one that is freed is `quarantined` with the hosts that had it, until each of them has confirmed the
 * revision that freed it, or has left the site. Who may have had it is known by `carrier`: every host that a network was on
 * since it is, so that a port that left before its network still counts.
 *
 *   a network comes to a host ─► carrier      it gives a number up ─► quarantined {holders: its carriers}
 *
 * An extension that moves leaves its own VID in quarantine with the old joiner: the new one joins when that is gone
 * (compiler/segment-units.ts). Neighbours: edit.ts calls `follow` for each object it puts or deletes, ipam.ts skips,
 * reconciler/quarantine.ts takes out who has confirmed.
 */
import { type Problem, problem } from './errors.ts'
import type { Context } from './rule.ts'
import type { Collection, Edit, Network, Objects, Port, Quarantined } from './schema.ts'
import type { Change, Draft, View } from './snapshot.ts'

/** What is given to one network, or physical network, of the site at a time. */
export interface Numbered {
  readonly kind: Quarantined['kind']
  readonly number?: number | undefined
  readonly physicalNetwork?: string | undefined
}
/** With the host that alone has it of the hosts of its network. */
interface Held extends Numbered {
  readonly joiner?: string
}

/** 'vni 5001', 'vid office 100', 'untagged office', 'physicalNetwork 3'. */
export const numberKey = ({ kind, number, physicalNetwork }: Numbered): string =>
  [kind, physicalNetwork, number].filter((part) => part !== undefined).join(' ')

export const isQuarantined = (view: View, numbered: Numbered): boolean =>
  view.get('quarantined', numberKey(numbered)) !== undefined

/** Pairs of the uuid of a network and a host that may still join it to this VLAN. */
export function stillJoinedAt({ network, kind, holders }: Quarantined): [string, string][] {
  if (network === undefined || kind === 'vni' || kind === 'physicalNetwork') return []
  return holders.map((hostId) => [network, hostId])
}

/** The hosts that may still join a network to a VLAN, apart from the one that is to do so. */
export function joinersLeft(view: View, { uuid, extension }: Network): string[] {
  if (!extension) return []
  const left = [...view.find('quarantinedByNetwork', uuid)].flatMap((key) => {
    const entry = view.get('quarantined', key)
    return entry ? stillJoinedAt(entry).map(([, hostId]) => hostId) : []
  })
  return [...new Set(left)].filter((hostId) => hostId !== extension.hostId)
}

interface At {
  readonly revision: number
  /** Told of every object that is put or deleted. */
  readonly touch: (collection: Collection, key: string) => void
}

/** Keeps carriers and quarantine, after an object was put into the draft or deleted; costs by what the object is on. */
export function follow(draft: Draft, { collection, key, before, after }: Change, at: At): void {
  const keeper = new Keeper(draft, at)
  if (collection === 'network') {
    keeper.network(before as Network | undefined, after as Network | undefined)
  } else if (collection === 'port' && after) {
    keeper.port(key, after as Port)
  } else if (collection === 'binding' && after) {
    for (const port of draft.find('portByUuid', key))
      keeper.port(port, draft.get('port', port) as Port)
  } else if (collection === 'host' && !after) {
    keeper.lost(key)
  } else if (collection === 'physicalNetwork' && before && !after) {
    // Any host may have a bridge of its own to it, which the model does not know.
    const { number } = before as Objects['physicalNetwork']
    keeper.free({ kind: 'physicalNetwork', number }, [...draft.list('host').keys()])
  }
}

/** Nobody gets what hosts may still forward for another network. Its own it may have back. */
export function checkQuarantined(network: Network, _: string, { view }: Context): Problem[] {
  return heldBy(network).flatMap((held) => {
    const key = numberKey(held)
    const entry = view.get('quarantined', key)
    if (!entry || entry.network === network.uuid) return []
    const [first, ...others] = entry.holders
    const more = others.length > 0 ? ` and ${others.length} more` : ''
    const place = network.extension && held.kind !== 'vni' ? '/extension' : ''
    const field = { vni: 'vni', vid: 'vid' }[held.kind as string] ?? 'physicalNetwork'
    return [
      problem('quarantined', {
        pointer: `${place}/${field}`,
        value: held.number ?? held.physicalNetwork,
        by: 'a host',
        holder: `host ${first}${more}`,
        expected: 'another one, or to try again when that host is back or has been removed',
        quarantine: key,
      }),
    ]
  })
}

/** What a network has of the site. */
function heldBy({ vni, vid, physicalNetwork, extension }: Network): Held[] {
  const onSegment = (at: { physicalNetwork: string; vid?: number | undefined }): Numbered => ({
    kind: at.vid === undefined ? 'untagged' : 'vid',
    number: at.vid,
    physicalNetwork: at.physicalNetwork,
  })
  return [
    ...(vni === undefined ? [] : [{ kind: 'vni', number: vni } as const]),
    ...(physicalNetwork === undefined ? [] : [onSegment({ physicalNetwork, vid })]),
    ...(extension ? [{ ...onSegment(extension), joiner: extension.hostId }] : []),
  ]
}

/** Where a port is seen, and where it is declared. */
function placesOf(view: View, { uuid, hostId, ofport, interface: name }: Port): string[] {
  const isDeclared = ofport !== undefined || name !== undefined
  return [view.get('binding', uuid)?.hostId, isDeclared ? hostId : undefined].flatMap(
    (each) => each ?? [],
  )
}

/** And inside of a trunk where that is. */
function hostsOf(view: View, port: Port): string[] {
  const { tenant, parent } = port
  const trunk = parent === undefined ? undefined : view.get('port', `${tenant}/${parent}`)
  return [...placesOf(view, port), ...(trunk ? placesOf(view, trunk) : [])]
}

/** Of a site that was written before there were carriers: those that it has now; else none. */
export function firstCarriers(view: View): Edit<'carrier'>[] {
  if (view.list('carrier').size > 0) return []
  const keys = new Set<string>()
  for (const { uuid, extension } of view.list('network').values())
    if (extension) keys.add(carrierKey(uuid, extension.hostId))
  for (const port of view.list('port').values()) {
    const network = view.get('network', `${port.tenant}/${port.network}`)
    for (const host of network ? hostsOf(view, port) : [])
      keys.add(carrierKey(network?.uuid ?? '', host))
  }
  return [...keys].map((key) => ({ collection: 'carrier', key, spec: {} }))
}

const carrierKey = (network: string, hostId: string): string => `${network} ${hostId}`

class Keeper {
  readonly #draft: Draft
  readonly #at: At

  constructor(draft: Draft, at: At) {
    this.#draft = draft
    this.#at = at
  }

  network(before: Network | undefined, after: Network | undefined): void {
    const { uuid } = (after ?? before) as Network
    const had = before ? heldBy(before) : []
    const has = after ? heldBy(after) : []
    const isIn = (all: readonly Held[], one: Held) =>
      all.some((each) => numberKey(each) === numberKey(one) && each.joiner === one.joiner)
    for (const held of had) {
      if (isIn(has, held)) continue
      const { joiner, ...numbered } = held
      this.free(numbered, joiner === undefined ? this.#carriers(uuid) : [joiner], uuid)
    }
    for (const held of has) if (!isIn(had, held)) this.#takeBack(held, uuid)
    if (after?.extension) this.#carry(uuid, after.extension.hostId)
    if (after) return
    for (const hostId of this.#carriers(uuid)) this.#put('carrier', carrierKey(uuid, hostId))
  }

  /** A port came or changed, and those inside of it with it. */
  port(key: string, port: Port): void {
    const { tenant, network } = port
    for (const host of hostsOf(this.#draft, port)) this.#carryBy(`${tenant}/${network}`, host)
    const own = placesOf(this.#draft, port)
    if (own.length === 0) return
    for (const [, child] of this.#draft.index('portByParent').range(`${key} `, `${key}!`)) {
      const subport = this.#draft.get('port', child)
      for (const host of own) this.#carryBy(`${tenant}/${subport?.network}`, host)
    }
  }

  /** A host has left the site. */
  lost(hostId: string): void {
    for (const key of [...this.#draft.find('carrierByHost', hostId)]) this.#put('carrier', key)
    for (const key of [...this.#draft.find('quarantinedByHolder', hostId)])
      this.#without(key, hostId)
  }

  free(numbered: Numbered, hosts: readonly string[], network?: string): void {
    const key = numberKey(numbered)
    const before = this.#draft.get('quarantined', key)?.holders ?? []
    const there = hosts.filter((host) => this.#draft.get('host', host))
    const holders = [...new Set([...before, ...there])].sort()
    if (holders.length === 0) return
    const { kind, number, physicalNetwork } = numbered
    const { revision } = this.#at
    this.#put('quarantined', key, {
      kind,
      ...(number === undefined ? {} : { number }),
      ...(physicalNetwork === undefined ? {} : { physicalNetwork }),
      ...(network === undefined ? {} : { network }),
      freed: revision,
      holders: Object.freeze(holders),
      revision,
    })
  }

  /** What it had itself; of a VLAN that it is joined to, who joined it before still counts. */
  #takeBack({ joiner, ...numbered }: Held, network: string): void {
    const key = numberKey(numbered)
    if (this.#draft.get('quarantined', key)?.network !== network) return
    if (joiner === undefined) this.#put('quarantined', key)
    else this.#without(key, joiner)
  }

  #without(key: string, hostId: string): void {
    const entry = this.#draft.get('quarantined', key)
    if (!entry?.holders.includes(hostId)) return
    const holders = Object.freeze(entry.holders.filter((each) => each !== hostId))
    const { revision } = this.#at
    this.#put('quarantined', key, holders.length > 0 ? { ...entry, holders, revision } : undefined)
  }

  #carriers(network: string): string[] {
    const all = this.#draft.list('carrier').range(`${network} `, `${network}!`)
    return [...all].map(([, { hostId }]) => hostId)
  }

  #carryBy(networkKey: string, hostId: string): void {
    const network = this.#draft.get('network', networkKey)
    if (network) this.#carry(network.uuid, hostId)
  }

  #carry(network: string, hostId: string): void {
    const key = carrierKey(network, hostId)
    if (this.#draft.get('carrier', key)) return
    this.#put('carrier', key, { network, hostId, revision: this.#at.revision })
  }

  #put<C extends 'carrier' | 'quarantined'>(collection: C, key: string, object?: Objects[C]): void {
    if (object) Object.freeze(object)
    this.#draft.put(collection, key, object)
    this.#at.touch(collection, key)
  }
}
