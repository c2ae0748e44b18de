/** Networks on physical networks as flows: all VIDs, what is shared, and what one change costs. */
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { isSwitchItem } from '../../../controller/compiler/program.ts'
import { patchOfport } from '../../../controller/compiler/stages.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'
import { counting, put, siteWith } from '../model/site.ts'

const flowsOf = (compiler: Compiler, host: string): string[] =>
  [...compiler.items(host)].flatMap((item) =>
    isSwitchItem(item) && item.kind === 'flow' ? [formatFlow(item.flow)] : [],
  )
/** Addresses and MACs repeat from network to network. */
const port = (key: string, network: string, place: object): Edit =>
  put('port', key, { network, addresses: ['10.0.0.2'], mac: '02:00:00:00:00:02', ...place })

const hosts = [1, 2].map((n) => put('host', `h${n}`, { vtepAddress: `192.0.2.${n}` }))
const vlan = (vid: number): Edit[] => [
  put('network', `acme/v${vid}`, { type: 'vlan', physicalNetwork: 'office', vid }),
  put('subnet', `acme/v${vid}`, { network: `v${vid}`, cidr: '10.0.0.0/24' }),
  port(`acme/p${vid}`, `v${vid}`, { hostId: 'h1', ofport: vid }),
]
const base = [...hosts, put('tenant', 'acme', {}), put('physicalNetwork', 'office', {})]

test('each of the 4,094 VIDs is a network of its own: in by its tag, out with its tag', () => {
  const vids = Array.from({ length: 4094 }, (_, i) => i + 1)
  const compiler = new Compiler(siteWith(base, vids.flatMap(vlan)))
  const flows = flowsOf(compiler, 'h1')
  const patch = patchOfport(1)
  const into = new Map<string, string>()
  const outOf = new Map<string, string>()
  const entry = new RegExp(`in_port=${patch},dl_vlan=(\\d+) .*set_field:0x([0-9a-f]+)->reg1`)
  const exit = new RegExp(`reg1=0x([0-9a-f]+) .*set_field:(\\d+)->vlan_vid,output:${patch}`)
  for (const flow of flows) {
    const [, tag, network] = entry.exec(flow) ?? []
    if (tag && network) into.set(tag, network)
    const [, from, to] = exit.exec(flow) ?? []
    if (from && to) outOf.set(`${Number(to) & 0xfff}`, from)
  }
  expect(into.size).toBe(4094)
  expect(new Set(into.values()).size).toBe(4094)
  expect(outOf).toEqual(into)
  expect(flowsOf(compiler, 'h2').some((flow) => flow.includes(`in_port=${patch}`))).toBe(false)
}, 120_000)

test('a port of a VLAN costs the other hosts nothing but the answer to ARP for it', () => {
  const site = siteWith(base, vlan(7), [
    port('acme/q', 'v7', {
      hostId: 'h2',
      ofport: 1,
      addresses: ['10.0.0.3'],
      mac: '02:00:00:00:00:03',
    }),
  ])
  const compiler = new Compiler(site)
  const spec = { network: 'v7', addresses: ['10.0.0.9'], hostId: 'h2', ofport: 9 }
  const { changes } = applyEdits(site, [put('port', 'acme/new', spec)], counting())
  const touched = compiler.apply(changes)
  expect(touched.get('h1')?.size).toBe(1)
})

test('only the host that joins an extended network has flows of the physical network', () => {
  const extension = { physicalNetwork: 'office', vid: 7, hostId: 'h2' }
  const compiler = new Compiler(
    siteWith(base, [
      put('network', 'acme/wide', { vni: 6000, extension }),
      put('subnet', 'acme/wide', { network: 'wide', cidr: '10.0.0.0/24' }),
      port('acme/p', 'wide', { hostId: 'h1', ofport: 1 }),
    ]),
  )
  const patch = patchOfport(1)
  const withPatch = (host: string) =>
    flowsOf(compiler, host).filter((flow) => new RegExp(`[=:]${patch}\\b`).test(flow))
  expect(withPatch('h1')).toEqual([])
  expect(withPatch('h2').length).toBeGreaterThan(2)
  expect(compiler.physicalNetworksOf('h1')).toEqual([])
  expect(compiler.physicalNetworksOf('h2')).toEqual(['office'])
})
