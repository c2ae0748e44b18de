/**
 * A host that is cut off forwards on: what it had reaches nobody who asks for the same VLAN, VNI or physical network, and a
 * network that is joined to a VLAN elsewhere is not joined twice. On the memory lab; topologies/scenarios/quarantine.ts has the
 * VNI on both labs.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { type Answer, call } from '../controller/northbound/client.ts'

const PATIENCE_MS = 15_000

const bridges = `{
  br-office: { uplinks: [eth1], physicalNetwork: office, mtuBytes: 1500 },
  br-dmz: { uplinks: [eth2], physicalNetwork: dmz, mtuBytes: 1500 } }`
const host = (n: number, more = `bridges: ${bridges}`) =>
  `h${n}: { vtepAddress: 192.0.2.${n}, underlayMtuBytes: 9050, ${more} }`
const port = (network: string, n: number) =>
  `{ network: ${network}, mac: '02:00:00:00:00:${n}', addresses: [10.0.0.${n}] }`

const text = `
name: cut-off
underlay: { mtuBytes: 9050 }
physicalNetworks: { office: { mtuBytes: 1500 }, dmz: { mtuBytes: 1500 } }
hosts: { ${host(1)}, ${host(2)}, ${host(3, 'kind: vtep')} }
tenants:
  acme:
    networks:
      desk: { type: vlan, physicalNetwork: office, vid: 100 }
      bare: { type: flat, physicalNetwork: office }
      wide: { vni: 6000, mtuBytes: 1400, extension: { physicalNetwork: office, vid: 7, hostId: h1 } }
      web: { vni: 5001, mtuBytes: 1400 }
    subnets:
      desk: { network: desk, cidr: 10.0.0.0/24 }
      bare: { network: bare, cidr: 10.0.0.0/24 }
      wide: { network: wide, cidr: 10.0.0.0/24 }
      web: { network: web, cidr: 10.0.0.0/24 }
    ports:
      vm11: ${port('desk', 11)}
      vm21: ${port('bare', 21)}
      vm31: ${port('wide', 31)}
      vm32: ${port('wide', 32)}
      vm42: ${port('web', 42)}
      vm43: ${port('web', 43)}
  globex:
    networks: { lan: { type: vlan, physicalNetwork: dmz, vid: 200 } }
    subnets: { lan: { network: lan, cidr: 10.0.0.0/24 } }
    ports: { vm12: ${port('lan', 12)} }
workloads:
  h1.vm11: acme/vm11
  h1.vm21: acme/vm21
  h1.vm31: acme/vm31
  h2.vm32: acme/vm32
  h2.vm42: acme/vm42
  h2.vm12: globex/vm12
  h3.vm43: acme/vm43
`

interface Site {
  readonly lab: MemoryLab
  rest(method: string, path: string, body?: object): Promise<Answer>
  /** Answers as expected; the body. */
  does(method: string, path: string, body?: object): Promise<Answer['body']>
  holders(): Promise<Record<string, readonly string[]>>
  /** The host is cut off, and missed. */
  cutOff(hostId: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

async function openSite(): Promise<Site> {
  const document = parseDocument(text, 'cut-off.yaml')
  const lab = await openMemoryLab({ document, signal: AbortSignal.timeout(PATIENCE_MS) })
  const site: Site = {
    lab,
    rest: (method, path, body) => call(lab.url, method, `/v1/${path}`, body),
    async does(method, path, body) {
      const answer = await site.rest(method, path, body)
      expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300)
      return answer.body
    },
    async holders() {
      const { items } = await site.does('GET', 'infra/quarantine')
      type Item = { kind: string; number?: number; physicalNetwork?: string; holders: string[] }
      const name = ({ kind, physicalNetwork, number }: Item) =>
        [kind, physicalNetwork, number].filter((part) => part !== undefined).join(' ')
      return Object.fromEntries((items as Item[]).map((one) => [name(one), one.holders]))
    },
    async cutOff(hostId) {
      await lab.faults.controlDown(hostId)
      await until(`${hostId} is missed`, async () => {
        const { status } = await site.does('GET', `infra/hosts/${hostId}`)
        return status.hosts[hostId].state === 'disconnected'
      })
    },
    [Symbol.asyncDispose]: () => lab.close(),
  }
  return site
}

async function until(what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`in vain waited for: ${what}`)
    await delay(5)
  }
}

/** A broadcast of guest N, and how often each of these heard it, once it has gone wherever it goes. */
async function heardFrom({ lab }: Site, n: number, ...listeners: string[]): Promise<number[]> {
  const from = [...lab.workloads.values()].find(({ name }) => name.endsWith(`.vm${n}`))
  const tpa = parseIpv4(`10.0.0.${n}`)
  const frame = arpFrame({ op: 1, sha: parseMac(`02:00:00:00:00:${n}`), spa: tpa, tha: 0, tpa })
  const counts = listeners.map(() => 0)
  const stops = listeners.map((name, i) =>
    (lab.workloads.get(name) ?? lab.physicalNetworks.get(name))?.onFrame(() => {
      counts[i] = (counts[i] ?? 0) + 1
    }),
  )
  from?.send(frame)
  await delay(lab.settleMs * 5)
  for (const stop of stops) stop?.()
  return counts
}

const tenant = (id: string, rest: string) => `tenants/${id}/${rest}`

async function removeAll(site: Site, who: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await site.does('DELETE', tenant(who, path))
}

/** Gives the guest h2.vm12 to another network of globex. */
async function regive(site: Site, network: object): Promise<Answer> {
  const { status } = await site.does('GET', tenant('globex', 'ports/vm12'))
  await removeAll(site, 'globex', ['ports/vm12', 'subnets/lan', 'networks/lan'])
  const answer = await site.rest('PUT', tenant('globex', 'networks/new'), network)
  if (answer.status !== 201) return answer
  await site.does('PUT', tenant('globex', 'subnets/new'), { network: 'new', cidr: '10.0.0.0/24' })
  const spec = { network: 'new', mac: '02:00:00:00:00:12', addresses: ['10.0.0.12'] }
  const at = { hostId: 'h2', ofport: status.binding.ofport }
  await site.does('PUT', tenant('globex', 'ports/vm12'), { ...spec, ...at })
  return answer
}

test('a VID, and what is untagged, that a host cut off still has is nobody else’s until it is back', async () => {
  await using site = await openSite()
  const { lab } = site
  await site.cutOff('h1')
  await removeAll(site, 'acme', ['ports/vm11', 'subnets/desk', 'networks/desk'])
  await removeAll(site, 'acme', ['ports/vm21', 'subnets/bare', 'networks/bare'])
  expect(await site.holders()).toEqual({ 'vid office 100': ['h1'], 'untagged office': ['h1'] })

  const vid = { type: 'vlan', physicalNetwork: 'office', vid: 100 }
  const flat = { type: 'flat', physicalNetwork: 'office' }
  expect((await site.rest('PUT', tenant('globex', 'networks/flat'), flat)).body).toMatchObject({
    type: 'urn:weft:problem:quarantined',
    pointer: '/physicalNetwork',
  })
  const refused = await regive(site, vid)
  expect(refused).toMatchObject({ status: 409, body: { pointer: '/vid', value: 100 } })
  expect(JSON.stringify(refused.body)).not.toContain('h1')

  await lab.faults.controlUp('h1')
  await until('h1 has given them up', async () => Object.keys(await site.holders()).length === 0)
  await site.does('PUT', `${tenant('globex', 'networks/new')}?wait=realized`, vid)
  expect(await heardFrom(site, 11, 'office', 'h2.vm12')).toEqual([0, 0])
})

test('a number that connected hosts alone have is given again at once: the answer waits for them', async () => {
  await using site = await openSite()
  await removeAll(site, 'acme', ['ports/vm42', 'ports/vm43', 'subnets/web', 'networks/web'])
  expect((await site.rest('PUT', tenant('globex', 'networks/web'), { vni: 5001 })).status).toBe(201)
  await removeAll(site, 'acme', ['ports/vm11', 'subnets/desk', 'networks/desk'])
  const vid = { type: 'vlan', physicalNetwork: 'office', vid: 100 }
  expect((await regive(site, vid)).status).toBe(201)
})

test('what a host cut off still has is free when an operator deletes that host', async () => {
  await using site = await openSite()
  await site.cutOff('h3')
  await removeAll(site, 'acme', ['ports/vm42', 'ports/vm43', 'subnets/web', 'networks/web'])
  const again = () => site.rest('PUT', tenant('globex', 'networks/web'), { vni: 5001 })
  expect(await again()).toMatchObject({ status: 409, body: { pointer: '/vni', value: 5001 } })
  expect(await site.holders()).toEqual({ 'vni 5001': ['h3'] })
  const other = await regive(site, {})
  expect(other.body.vni).not.toBe(5001)
  expect(await heardFrom(site, 43, 'h2.vm12')).toEqual([0])
  await site.does('DELETE', 'infra/hosts/h3')
  expect((await again()).status).toBe(201)
})

test('a number of a physical network is not that of another while a host may have it', async () => {
  await using site = await openSite()
  const { number } = await site.does('GET', 'infra/physical-networks/dmz')
  await site.cutOff('h2')
  await removeAll(site, 'globex', ['ports/vm12', 'subnets/lan', 'networks/lan'])
  for (const id of ['h1', 'h2']) await site.does('DELETE', `infra/bridges/${id}/br-dmz`)
  await site.does('DELETE', 'infra/physical-networks/dmz')
  await until('h2 alone holds it', async () => {
    const held = (await site.holders())[`physicalNetwork ${number}`]
    return held?.join() === 'h2'
  })
  const numbers = new Set<number>()
  for (let n = 0; n < 248; n++)
    numbers.add((await site.does('PUT', `infra/physical-networks/p${n}`, {})).number)
  expect(numbers.size).toBe(248)
  expect(numbers.has(number)).toBe(false)
  expect((await site.rest('PUT', 'infra/physical-networks/one-more', {})).status).toBe(409)
})

const moved = {
  vni: 6000,
  mtuBytes: 1400,
  extension: { physicalNetwork: 'office', vid: 7, hostId: 'h2' },
}

test('an extension moves to another host when the old joiner has left it, never before', async () => {
  await using site = await openSite()
  const { lab } = site
  const wide = tenant('acme', 'networks/wide')
  expect(await heardFrom(site, 32, 'office', 'h1.vm31')).toEqual([1, 1])
  await site.cutOff('h1')
  await site.does('PUT', wide, moved)
  const stateAt = async () => (await site.does('GET', wide)).status.hosts.h2
  await until('h2 is told', async () => (await stateAt()).state === 'failed')
  expect(await stateAt()).toMatchObject({
    state: 'failed',
    reason: 'still joined at h1, which is away',
  })
  // By h1 alone: what went by h2 as well would come back by h1, and go round.
  expect(await heardFrom(site, 32, 'office')).toEqual([1])

  await lab.faults.controlUp('h1')
  await until('realized', async () => (await site.does('GET', wide)).status.realized)
  expect(await heardFrom(site, 32, 'office', 'h1.vm31')).toEqual([1, 1])
  expect(await heardFrom(site, 31, 'office', 'h2.vm32')).toEqual([1, 1])
})

test('an extension moves when an operator deletes the old joiner; made anew elsewhere it waits as well', async () => {
  await using site = await openSite()
  const wide = tenant('acme', 'networks/wide')
  await site.cutOff('h1')
  await removeAll(site, 'acme', ['ports/vm31', 'ports/vm32', 'subnets/wide', 'networks/wide'])
  expect(await site.rest('PUT', wide, moved)).toMatchObject({ status: 409 })
  expect(await site.holders()).toEqual({ 'vni 6000': ['h1'], 'vid office 7': ['h1'] })
  expect(await site.rest('PUT', wide, { ...moved, vni: 6001 })).toMatchObject({
    status: 409,
    body: { pointer: '/extension/vid' },
  })

  await removeAll(site, 'acme', ['ports/vm11', 'ports/vm21'])
  for (const name of ['br-office', 'br-dmz']) await site.does('DELETE', `infra/bridges/h1/${name}`)
  await site.does('DELETE', 'infra/hosts/h1')
  expect((await site.rest('PUT', wide, moved)).status).toBe(201)
  await until('realized', async () => (await site.does('GET', wide)).status.realized)
})
