/** What was freed stays with whom it may still be used by, against an oracle that reads the whole site. Neighbour: ../../lab/quarantine.test.ts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import { firstCarriers } from '../../../controller/model/quarantine.ts'
import type { Edit, Network, Port } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { runs } from '../../random.ts'
import { counting, drop, put } from './site.ts'

const office = { physicalNetwork: 'office' }
const at = (n: number) => ({ hostId: `h${n}`, ofport: n })
const base: readonly Edit[] = [
  put('physicalNetwork', 'office', { vids: [100, 101] }),
  ...[1, 2, 3].map((n) => put('host', `h${n}`, { vtepAddress: `192.0.2.${n}` })),
  put('tenant', 'acme', {}),
  put('tenant', 'globex', {}),
]
const uuid = counting()
const after = (site: Site, ...edits: readonly Edit[]): Site => applyEdits(site, edits, uuid).site
const siteOf = (...edits: readonly Edit[]): Site => after(after(Site.empty, ...base), ...edits)
/** What is in quarantine, and who holds it. */
const held = (site: Site): Record<string, readonly string[]> =>
  Object.fromEntries([...site.list('quarantined')].map(([key, { holders }]) => [key, holders]))
const released = (key: string, ...holders: string[]): Edit =>
  ({ collection: 'quarantined', key, spec: holders.length > 0 ? { holders } : undefined }) as Edit

function problemOf(site: Site, ...edits: readonly Edit[]) {
  try {
    after(site, ...edits)
  } catch (error) {
    if (error instanceof ModelError) return error.problems[0]
    throw error
  }
  return undefined
}

test('a VNI that was on hosts is in quarantine with them when its network goes, also when the ports went before', () => {
  const site = siteOf(
    put('network', 'acme/web', { vni: 5001 }),
    put('port', 'acme/vm1', { network: 'web', ...at(1) }),
    put('port', 'acme/vm2', { network: 'web', ...at(2) }),
  )
  const moved = after(site, put('port', 'acme/vm2', { network: 'web', ...at(3) }))
  const alone = after(moved, drop('port', 'acme/vm1'), drop('port', 'acme/vm2'))
  const freed = after(alone, drop('network', 'acme/web'))
  expect(freed.get('quarantined', 'vni 5001')).toMatchObject({
    ...{ kind: 'vni', number: 5001, holders: ['h1', 'h2', 'h3'] },
    freed: freed.revision,
  })
  expect(freed.list('carrier').size).toBe(0)

  const again = put('network', 'globex/web', { vni: 5001 })
  expect(problemOf(freed, again)).toMatchObject({
    ...{ type: 'quarantined', status: 409, pointer: '/vni', value: 5001 },
    detail: '5001 is quarantined: a host may still forward for the network that had it',
    named: '5001 is quarantined: host h1 and 2 more may still forward for the network that had it',
  })
  const fewer = after(freed, released('vni 5001', 'h3'))
  expect(held(fewer)).toEqual({ 'vni 5001': ['h3'] })
  expect(problemOf(fewer, again)?.type).toBe('quarantined')
  expect(problemOf(after(fewer, drop('host', 'h3')), again)).toBeUndefined()
  expect(problemOf(after(fewer, released('vni 5001')), again)).toBeUndefined()
})

test('a site from before there were carriers gets those that it has now', () => {
  const site = siteOf(
    put('network', 'acme/web', { vni: 5001 }),
    put('network', 'acme/wide', { extension: { ...office, vid: 100, hostId: 'h2' } }),
    put('port', 'acme/vm1', { network: 'web', ...at(1) }),
    put('port', 'acme/vm2', { network: 'wide', parent: 'vm1', vid: 5 }),
  )
  expect(firstCarriers(site)).toEqual([])
  const draft = site.draft()
  const all = [...site.list('carrier').keys()]
  for (const key of all) draft.put('carrier', key, undefined)
  const old = draft.site(site.revision)
  const added = after(old, ...firstCarriers(old))
  expect(all).toHaveLength(3)
  expect([...added.list('carrier').keys()]).toEqual(all)
})

test('a VNI that was on no host is free at once', () => {
  const site = siteOf(put('network', 'acme/web', { vni: 5001 }))
  expect(held(after(site, drop('network', 'acme/web')))).toEqual({})
})

test('a number that one network gives up is not for another of the same commit, and its own it may have back', () => {
  const port = put('port', 'acme/vm1', { network: 'web', ...at(1) })
  const site = siteOf(put('network', 'acme/web', { vni: 5001 }), port)
  const changed = put('network', 'acme/web', { vni: 5002 })
  expect(problemOf(site, changed, put('network', 'globex/web', { vni: 5001 }))?.type).toBe(
    'quarantined',
  )
  const freed = after(site, changed)
  expect(held(freed)).toEqual({ 'vni 5001': ['h1'] })
  const back = after(freed, put('network', 'acme/web', { vni: 5001 }))
  expect(held(back)).toEqual({ 'vni 5002': ['h1'] })
})

test('what is given is never what is in quarantine', () => {
  const desk = put('network', 'acme/desk', { type: 'vlan', ...office, vid: 100 })
  const site = siteOf(desk, put('port', 'acme/vm1', { network: 'desk', ...at(1) }))
  const freed = after(site, drop('port', 'acme/vm1'), drop('network', 'acme/desk'))
  expect(held(freed)).toEqual({ 'vid office 100': ['h1'] })
  const given = after(freed, put('network', 'globex/a', { type: 'vlan', ...office }))
  expect(given.get('network', 'globex/a')?.vid).toBe(101)
  const more = put('network', 'globex/b', { type: 'vlan', ...office })
  expect(problemOf(given, more)?.type).toBe('vid_exhausted')
  const free = after(given, released('vid office 100'), more)
  expect(free.get('network', 'globex/b')?.vid).toBe(100)
})

test('numbers of physical networks go on behind the last, and round past those in quarantine', () => {
  let site = siteOf()
  const add = (id: string): number => {
    site = after(site, put('physicalNetwork', id, {}))
    return site.get('physicalNetwork', id)?.number ?? 0
  }
  expect(add('a')).toBe(2)
  site = after(site, drop('physicalNetwork', 'a'))
  expect(held(site)).toEqual({ 'physicalNetwork 2': ['h1', 'h2', 'h3'] })
  for (let n = 3; n <= 250; n++) expect(add(`p${n}`)).toBe(n)
  expect(problemOf(site, put('physicalNetwork', 'b', {}))?.type).toBe('physical_networks_exhausted')
  site = after(site, released('physicalNetwork 2'))
  expect(add('b')).toBe(2)
})

test('an extension that moves leaves its VID with the old joiner, until it is the joiner again', () => {
  const to = (n: number, more = {}) =>
    put('network', 'acme/wide', {
      vni: 6000,
      extension: { ...office, vid: 100, hostId: `h${n}`, ...more },
    })
  const site = siteOf(to(1))
  const moved = after(site, to(2))
  expect(held(moved)).toEqual({ 'vid office 100': ['h1'] })
  expect(held(after(moved, to(3)))).toEqual({ 'vid office 100': ['h1', 'h2'] })
  expect(held(after(moved, to(1)))).toEqual({ 'vid office 100': ['h2'] })
  expect(held(after(moved, to(2, { vid: 101 })))).toEqual({ 'vid office 100': ['h1', 'h2'] })
  expect(held(after(moved, drop('network', 'acme/wide')))).toEqual({
    'vid office 100': ['h1', 'h2'],
    'vni 6000': ['h1', 'h2'],
  })
})

// The same from the whole site after every edit -----------------------------------------------------

const id = fc.constantFrom('a', 'b')
const key = fc
  .record({ t: fc.constantFrom('acme', 'globex'), n: id })
  .map(({ t, n }) => `${t}/${n}`)
const hostId = fc.constantFrom('h1', 'h2', 'h3')
const vid = fc.constantFrom(100, 101)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({ key, vni: fc.constantFrom(1, 2, 3) })
    .map(({ key, vni }) => put('network', key, { vni })),
  fc
    .record({ key, vid, hostId, vni: fc.constantFrom(1, 2, 3) })
    .map(({ key, vid, hostId, vni }) =>
      put('network', key, { vni, extension: { ...office, vid, hostId } }),
    ),
  fc.record({ key, vid: fc.option(vid, { nil: undefined }) }).map(({ key, vid }) =>
    put('network', `${key}v`, {
      type: vid === undefined ? 'flat' : 'vlan',
      ...office,
      ...(vid === undefined ? {} : { vid }),
    }),
  ),
  fc
    .record({
      key,
      n: fc.constantFrom('a', 'b', 'av', 'bv'),
      on: fc.option(fc.constantFrom(1, 2, 3)),
    })
    .map(({ key, n, on }) => put('port', key, { network: n, ...(on === null ? {} : at(on)) })),
  fc
    .record({ key, n: id, parent: id })
    .map(({ key, n, parent }) => put('port', `${key}s`, { network: n, parent, vid: 5 })),
  fc.record({ key, hostId }).map(({ key, hostId }) => ({ bind: key, hostId })),
  fc.record({ nth: fc.nat(5), all: fc.boolean() }).map((release) => ({ release })),
  key.map((key) => drop('network', key)),
  key.map((key) => drop('network', `${key}v`)),
  key.map((key) => drop('port', key)),
  key.map((key) => drop('port', `${key}s`)),
  hostId.map((key) => drop('host', key)),
  hostId.map((key) => put('host', key, { vtepAddress: `192.0.2.${key[1]}` })),
)

type Step =
  | Edit
  | { readonly bind: string; readonly hostId: string }
  | { readonly release: { readonly nth: number; readonly all: boolean } }

function toEdits(site: Site, step: Step): Edit[] {
  if ('bind' in step) {
    const port = site.get('port', step.bind)
    return port ? [put('binding', port.uuid, { hostId: step.hostId, ofport: 9 })] : []
  }
  if (!('release' in step)) return [step]
  const { nth, all } = step.release
  const [key, entry] = [...site.list('quarantined')][nth] ?? []
  if (key === undefined || entry === undefined) return []
  return [released(key, ...(all ? [] : entry.holders.slice(1)))]
}

/** Who has what, from the whole site. */
function numbersOf({
  vni,
  vid,
  type,
  extension,
}: Network): [key: string, joiner?: string | undefined][] {
  const all: [string, string?][] = []
  if (vni !== undefined) all.push([`vni ${vni}`])
  if (type === 'vlan') all.push([`vid office ${vid}`])
  if (type === 'flat') all.push(['untagged office'])
  if (extension) all.push([`vid office ${extension.vid}`, extension.hostId])
  return all
}

function hostsOf(site: Site, { tenant, uuid, hostId, ofport, parent }: Port): string[] {
  const own = [site.get('binding', uuid)?.hostId, ofport === undefined ? undefined : hostId]
  const trunk = parent === undefined ? undefined : site.get('port', `${tenant}/${parent}`)
  return [...own.flatMap((host) => host ?? []), ...(trunk ? hostsOf(site, trunk) : [])]
}

class Oracle {
  readonly carriers = new Map<string, Set<string>>()
  readonly held = new Map<string, { network: string; hosts: Set<string> }>()

  step(before: Site, now: Site): void {
    const [old, all] = [before, now].map(
      (site) => new Map([...site.list('network').values()].map((each) => [each.uuid, each])),
    )
    const has = (network: Network | undefined, [key, joiner]: [string, (string | undefined)?]) =>
      network !== undefined && numbersOf(network).some(([k, j]) => k === key && j === joiner)
    for (const [network, object] of old ?? []) {
      for (const [key, joiner] of numbersOf(object)) {
        if (has(all?.get(network), [key, joiner])) continue
        const hosts = joiner === undefined ? (this.carriers.get(network) ?? []) : [joiner]
        const known = this.held.get(key)?.hosts ?? []
        this.held.set(key, { network, hosts: new Set([...known, ...hosts]) })
      }
    }
    for (const [network, object] of all ?? []) {
      for (const [key, joiner] of numbersOf(object)) {
        if (has(old?.get(network), [key, joiner]) || this.held.get(key)?.network !== network)
          continue
        if (joiner === undefined) this.held.delete(key)
        else this.held.get(key)?.hosts.delete(joiner)
      }
    }
    for (const [network, { extension }] of all ?? [])
      if (extension) this.#carry(network, extension.hostId)
    for (const port of now.list('port').values()) {
      const network = now.get('network', `${port.tenant}/${port.network}`)
      for (const host of hostsOf(now, port)) this.#carry(network?.uuid ?? '', host)
    }
    for (const network of this.carriers.keys())
      if (!all?.has(network)) this.carriers.delete(network)
    for (const hosts of [...this.carriers.values(), ...[...this.held.values()].map((e) => e.hosts)])
      for (const host of hosts) if (!now.get('host', host)) hosts.delete(host)
    for (const [key, { hosts }] of this.held) if (hosts.size === 0) this.held.delete(key)
  }

  #carry(network: string, host: string): void {
    this.carriers.set(network, (this.carriers.get(network) ?? new Set()).add(host))
  }
}

test('after every edit, carriers and quarantine are what the history of the whole site gives', () => {
  const seen = { taken: 0, quarantined: 0, refused: 0 }
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
      let site = siteOf()
      const oracle = new Oracle()
      for (const step of steps) {
        const edits = toEdits(site, step)
        try {
          const next = after(site, ...edits)
          const [release] = edits
          if (release?.collection === 'quarantined') {
            const hosts = new Set(next.get('quarantined', release.key)?.holders)
            const network = oracle.held.get(release.key)?.network ?? ''
            oracle.held.set(release.key, { network, hosts })
          }
          oracle.step(site, next)
          site = next
          seen.taken++
        } catch (error) {
          if (!(error instanceof ModelError)) throw error
          if (error.type === 'quarantined') seen.refused++
          continue
        }
        const carriers = [...oracle.carriers].flatMap(([network, hosts]) =>
          [...hosts].map((host) => `${network} ${host}`),
        )
        expect([...site.list('carrier').keys()]).toEqual(carriers.sort())
        expect(held(site)).toEqual(
          Object.fromEntries([...oracle.held].map(([key, { hosts }]) => [key, [...hosts].sort()])),
        )
        seen.quarantined += site.list('quarantined').size
        for (const network of site.list('network').values())
          for (const [key] of numbersOf(network)) {
            const owner = site.get('quarantined', key)?.network
            expect(owner === undefined || owner === network.uuid).toBe(true)
          }
      }
    }),
    runs(200),
  )
  expect(seen.refused).toBeGreaterThan(0)
  expect(seen.quarantined).toBeGreaterThan(0)
})
