/** `trace`: the way of a frame through the flows that hosts should have, and what would let a dropped one pass. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { parseDocument } from '../../../controller/model/document.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { traceSite } from '../../../controller/trace/site.ts'
import { type Trace, type TraceRequest, trace } from '../../../controller/trace/trace.ts'

let count = 0
const uuid = (): string => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}`

/** The site of a topology, its guests plugged in as ports 1, 2, … of their hosts. @param unplugged but these */
function siteOf(file: string, unplugged: readonly string[] = []): (request: TraceRequest) => Trace {
  const text = readFileSync(new URL(`../../../topologies/${file}.yaml`, import.meta.url), 'utf8')
  const document = parseDocument(text, file)
  const { site: declared } = applyEdits(Site.empty, document.edits, uuid)
  const plugged = Object.entries(document.workloads).filter(([, key]) => !unplugged.includes(key))
  const bindings = plugged.map(([place, key], at): Edit => {
    const hostId = place.split('.')[0] ?? ''
    const isVtep = declared.get('host', hostId)?.kind === 'vtep'
    const spec = isVtep ? { hostId, interface: `tap${at}`, vid: 0 } : { hostId, ofport: at + 1 }
    return { collection: 'binding', key: declared.get('port', key)?.uuid ?? '', spec }
  })
  const { site } = applyEdits(declared, bindings, uuid)
  const compiler = new Compiler(site)
  const whatIf = (edits: readonly Edit[]) => {
    const next = applyEdits(site, edits, uuid)
    return traceSite(compiler, next.site, compiler.preview(next.changes, site))
  }
  return (request) => trace(traceSite(compiler, site), request, whatIf)
}

/** `h1: classify admission … -> tunnel h2`. */
const shown = ({ walks }: Trace): string[] =>
  walks.flatMap(({ what, hops }) => [
    what,
    ...hops.map(({ host, stages, ends }) => {
      const last = ends.map((end) => {
        if (end.kind === 'arrives') return end.port
        if (end.kind === 'tunnel') return `tunnel to ${end.host}`
        return end.kind === 'dropped' ? end.reason : end.physicalNetwork
      })
      return `${host}: ${stages.map(({ stage }) => stage).join(' ')} -> ${last.join(', ')}`
    }),
  ])

describe('three kinds of host', () => {
  const ask = siteOf('three-kinds')

  test('across the underlay: ARP is answered on the host, the packet arrives beyond the tunnel', () => {
    const traced = ask({ from: 'acme/vm1', to: 'acme/vm2', protocol: 'tcp', port: 443 })
    expect(traced.verdict).toBe('delivered')
    expect(shown(traced)).toEqual([
      'ARP: who has 10.0.0.12?',
      'h1: classify admission portSecurity responders answer -> acme/vm1',
      'TCP to 10.0.0.12 port 443',
      'h1: classify admission portSecurity l2 output -> tunnel to h2',
      'h2: classify tunnel peer l2 output -> acme/vm2',
    ])
  })

  test('each stage says which flow matched, in the syntax of ovs-ofctl, and the intent behind it', () => {
    const { walks } = ask({ from: 'acme/vm1', to: 'acme/vm4', protocol: 'icmp' })
    const [classify] = walks[1]?.hops[0]?.stages ?? []
    expect(classify?.flow).toMatch(/^priority=\d+,in_port=1 actions=/)
    expect(classify?.from).toEqual(['port/acme/vm1'])
  })

  test('into a Linux bridge and out of one: it forwards by rows', () => {
    expect(shown(ask({ from: 'acme/vm1', to: 'acme/vm3', protocol: 'icmp' })).slice(2)).toEqual([
      'ICMP echo request to 10.0.0.13',
      'h1: classify admission portSecurity l2 output -> tunnel to h3',
      'h3:  -> acme/vm3',
    ])
    const back = ask({ from: 'acme/vm3', to: 'acme/vm2', protocol: 'udp', port: 53 })
    expect(back.verdict).toBe('delivered')
    expect(shown(back).slice(-2)).toEqual([
      'h3:  -> tunnel to h2',
      'h2: classify tunnel peer l2 output -> acme/vm2',
    ])
  })

  test('of the whole MTU it arrives, one byte more is dropped; what would let it pass was tried', () => {
    const request = { from: 'acme/vm1', to: 'acme/vm4', protocol: 'udp' } as const
    expect(ask({ ...request, packetBytes: 9000 }).verdict).toBe('delivered')
    const { verdict, fault, advice } = ask({ ...request, packetBytes: 9001 })
    expect(verdict).toBe('dropped')
    expect(fault).toMatchObject({ reason: 'mtu_exceeded', host: 'h1', from: ['port/acme/vm1'] })
    expect(advice).toEqual([
      {
        says: expect.stringMatching(
          /^set mtuBytes of network acme\/web to 9001, now 9000; which the site refuses: .*h\d/,
        ),
        proven: false,
      },
    ])
  })

  test('to another tenant nothing passes, and the two networks are named', () => {
    const { fault, advice } = ask({ from: 'acme/vm1', to: 'globex/vm2', protocol: 'icmp' })
    expect(fault?.reason).toBe('not_there')
    expect(advice[0]?.says).toContain('network acme/web and globex/vm2 in globex/web')
  })
})

test('over IPv6: a neighbour solicitation first, which comes to the one that has the address', () => {
  const ask = siteOf('ipv6-underlay')
  const traced = ask({ from: 'acme/vm1', to: 'acme/vm2', protocol: 'tcp', port: 443, family: 6 })
  expect(traced.verdict).toBe('delivered')
  expect(
    traced.walks.map(({ what, verdict }) => [what.replace(/[0-9a-f:]{6,}/, 'IPV6'), verdict]),
  ).toEqual([
    ['neighbour solicitation: who has IPV6?', 'delivered'],
    ['TCP to IPV6 port 443', 'delivered'],
  ])
  const large = ask({
    from: 'acme/vm1',
    to: 'acme/vm2',
    protocol: 'icmp',
    family: 6,
    packetBytes: 9001,
  })
  expect(large.fault?.reason).toBe('mtu_exceeded')
  expect(
    siteOf('two-tenants')({ from: 'acme/vm1', to: 'acme/vm2', protocol: 'icmp', family: 6 }).fault,
  ).toMatchObject({
    reason: 'no_address',
    sentence: 'acme/vm1 and acme/vm2 have no IPv6 addresses of one family',
  })
})

test('a change that helps is told as proven', () => {
  const ask = siteOf('vlan-trunk')
  const request = { from: 'acme/vm31', to: 'acme/vm32', protocol: 'icmp' } as const
  expect(ask({ ...request, packetBytes: 1500 }).verdict).toBe('delivered')
  expect(ask({ ...request, packetBytes: 1600 })).toMatchObject({
    fault: { reason: 'mtu_exceeded' },
    advice: [{ says: 'set mtuBytes of network acme/wide to 1600, now 1500', proven: true }],
  })
})

test('a sub-port sends with its tag, by the trunk that it is in', () => {
  const ask = siteOf('vlan-trunk')
  const traced = ask({ from: 'acme/vm71', to: 'acme/vm72', protocol: 'udp', port: 53 })
  expect(traced.verdict).toBe('delivered')
  expect(shown(traced).at(-1)).toMatch(/^h2: .* -> acme\/vm72$/)
})

test('who is plugged in nowhere sends nothing, and nobody reaches him', () => {
  const ask = siteOf('two-tenants', ['acme/vm2'])
  expect(ask({ from: 'acme/vm2', to: 'acme/vm1', protocol: 'icmp' })).toMatchObject({
    ...{ verdict: 'dropped', walks: [], fault: { reason: 'port_unplaced' } },
    advice: [{ says: 'plug acme/vm2 in: weft attach acme/vm2', proven: false }],
  })
  expect(ask({ from: 'acme/vm1', to: 'acme/vm2', protocol: 'icmp' })).toMatchObject({
    ...{ verdict: 'dropped', fault: { reason: 'arp_unknown', host: 'h1' } },
    advice: [{ says: 'plug acme/vm2 in, which is nowhere: weft attach acme/vm2', proven: false }],
  })
})
