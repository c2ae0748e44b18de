import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDocument } from '../../../controller/model/document.ts'
import { DocumentError } from '../../../controller/model/document-edits.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import { Store } from '../../../controller/store/store.ts'

const file = new URL('../../../topologies/two-tenants.yaml', import.meta.url)
const text = readFileSync(file, 'utf8')

/** The line of the text that has the words; they must be there once. */
function lineOf(source: string, words: string): number {
  const lines = source.split('\n')
  const at = lines.findIndex((line) => line.includes(words))
  return at + 1
}

function refusal(source: string): DocumentError {
  try {
    parseDocument(source, 'site.yaml')
  } catch (error) {
    if (error instanceof DocumentError) return error
    throw error
  }
  throw new Error('the document was taken')
}

/**
 * `wrong` replaces `right` where it first stands; the line with `wrong` must be the one that is
 * named.
 */
const cases = [
  ['an unknown key', 'mtuBytes: 9000', 'mtuByte: 9000', 'mtuByte', /did you mean 'mtuBytes'/],
  ['a duplicate VNI', 'vni: 5002', 'vni: 5001', '5001', /VNI 5001 is used by network globex\/web/],
  [
    'a port on an unknown network',
    'vm1: { network: web',
    'vm1: { network: wbe',
    'wbe',
    /did you mean 'web'/,
  ],
  [
    'an address outside its subnet',
    '[10.0.0.13]',
    '[10.0.1.13]',
    '10.0.1.13',
    /10\.0\.0\.0\/24 \(subnet web\)/,
  ],
  [
    'an MTU that cannot cross the underlay',
    'mtuBytes: 9000',
    'mtuBytes: 9001',
    '9001',
    /at most 9000/,
  ],
  ['VNI 0', 'vni: 5001', 'vni: 0', '0', /1 to 16777215/],
  ['an id that is no id', '      vm1:', '      Vm_1:', 'Vm_1', /lower-case/],
  [
    'bits behind the prefix',
    '10.0.0.0/24',
    '10.0.0.5/24',
    '10.0.0.5/24',
    /expected 10\.0\.0\.0\/24/,
  ],
  ['an unknown workload port', 'acme/vm3', 'acme/vm33', 'acme/vm33', /did you mean 'acme\/vm3'/],
  ['a workload on an unknown host', 'h1.acme-vm1:', 'h3.acme-vm1:', 'h3.acme-vm1', /known: h1, h2/],
  [
    'a switch of the lab for another kind of host',
    'name: two-tenants',
    'lab: { hosts: { h1: { switch: linux-bridge } } }\nname: two-tenants',
    'linux-bridge',
    /expected open-vswitch or weft-switch, since the host is of kind ovs/,
  ],
  [
    'a switch of the lab for an unknown host',
    'name: two-tenants',
    'lab: { hosts: { h9: { switch: weft-switch } } }\nname: two-tenants',
    'h9',
    /known: h1, h2/,
  ],
  ['IPv6', '[10.0.0.11]', "['fd00::1']", 'fd00::1', /an address in 10.0.0.0\/24/],
  ['a key twice', '  globex:\n', '  acme: # again\n', 'acme is there twice', /each key once/],
  ['a tag', 'name: two-tenants', 'name: !!js/function x', 'tag:yaml.org', /without tags/],
  ['a VNI as text', 'vni: 5001', "vni: '5001'", '"5001" is of the wrong type', /an integer/],
  [
    'a type that is none',
    'type: vxlan',
    'type: vlna',
    '"vlna" is malformed: it would be \'vxlan\'',
    /did you mean 'vlan'\?$/m,
  ],
  [
    'a word for a yes',
    'vni: 5001',
    'vlanTransparent: yes',
    '"yes" is malformed: it would be true',
    /or false/,
  ],
  ['a prototype', 'name: two-tenants', '__proto__: { a: 1 }', '__proto__', /known: name/],
] as const

describe('a document is refused whole, with file, line, value and what would be right, for', () => {
  test.each(cases)('%s', (_, right, wrong, value, expected) => {
    const source = text.replace(right, wrong)
    expect(source).not.toBe(text)
    const error = refusal(source)
    const line = lineOf(source, wrong.trim().split('\n')[0] ?? '')
    expect(error.message).toMatch(new RegExp(`^site\\.yaml:${line}:\\d+: `))
    expect(error.message).toContain(value)
    expect(error.message).toMatch(expected)
  })
})

test('the column is that of the value, or of the key where the key is wrong', () => {
  const [vni] = refusal(text.replace('vni: 5001', 'vni: 0')).problems
  expect(vni).toMatchObject({ line: 22, column: 32 })
  const [key] = refusal(text.replace('vni: 5001', 'vnii: 1')).problems
  expect(key).toMatchObject({ line: 22, column: 27, pointer: '/tenants/acme/networks/web/vnii' })
})

test('the two tenants are read as they stand', () => {
  const document = parseDocument(text, 'topologies/two-tenants.yaml')
  expect(document.name).toBe('two-tenants')
  expect(document.underlay).toEqual({ mtuBytes: 9050 })
  expect(Object.keys(document.hosts)).toEqual(['h1', 'h2'])
  expect(document.tenants.globex?.networks.web).toMatchObject({ vni: 5002, mtuBytes: 9000 })
  expect(document.tenants.acme?.ports.vm3).toMatchObject({
    mac: '02:00:00:00:00:13',
    addresses: ['10.0.0.13'],
  })
  expect(document.workloads['h2.globex-vm3']).toBe('globex/vm3')
})

test('the edits of a document are one commit, and the second time none', () => {
  const store = Store.open(':memory:')
  const { edits } = parseDocument(text, 'two-tenants.yaml')
  expect(store.commit(edits, { who: 'test' }).revision).toBe(1)
  expect(store.commit(edits, { who: 'test' }).revision).toBe(1)
  expect(store.snapshot.list('port').size).toBe(6)
  store.close()
})

test('what the site refuses is explained at its place in the document', () => {
  const store = Store.open(':memory:')
  store.commit(
    [
      { collection: 'tenant', key: 'initech', spec: {} },
      { collection: 'network', key: 'initech/n', spec: { vni: 5002 } },
    ],
    { who: 'test' },
  )
  const document = parseDocument(text, 'site.yaml')
  try {
    store.commit(document.edits, { who: 'test' })
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(ModelError)
    const explained = document.explain(error as ModelError)
    expect(explained.message).toMatch(/^site\.yaml:32:32: .*VNI 5002 is used by network initech\/n/)
  }
  expect(store.snapshot.list('tenant').size).toBe(1)
  store.close()
})

test('a host takes the MTU of the underlay, and not more', () => {
  const inherited = parseDocument(text.replaceAll(', underlayMtuBytes: 9050', ''), 'a.yaml')
  expect(inherited.hosts.h1?.underlayMtuBytes).toBe(9050)
  expect(refusal(text.replace('mtuBytes: 9050', 'mtuBytes: 9000')).message).toMatch(
    /^site\.yaml:16:63: .*expected at most 9000, the mtuBytes of the underlay/,
  )
})

test('a document that would grow without end is refused', () => {
  const laughs = Array.from({ length: 12 }, (_, n) =>
    n === 0 ? 'a0: &a0 [x, x]' : `a${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}]`,
  )
  expect(refusal(laughs.join('\n')).problems[0]?.type).toBe('yaml_syntax')
})

const physical = `
physicalNetworks:
  office: { mtuBytes: 9000, vids: [7, 100-199] }
hosts:
  h1:
    vtepAddress: 2001:DB8::11
    bridges:
      br-x: { uplinks: [eth1], physicalNetwork: office }
  v1: { kind: vtep, vtepAddress: 2001:db8::21 }
tenants:
  acme:
    networks:
      trunk: { type: vlan, physicalNetwork: office, vid: 100 }
      web: { extension: { physicalNetwork: office, vid: 101, hostId: h1 } }
    ports:
      a: { network: web, hostId: v1, interface: tap0, vid: 30 }
      b: { network: web, hostId: h1, ofport: 7 }
      c: { network: trunk, parent: b, vid: 40 }
`

test('a document has physical networks, VLANs, both kinds of host and sub-ports', () => {
  const document = parseDocument(physical, 'site.yaml')
  expect(document.physicalNetworks.office).toMatchObject({ mtuBytes: 9000, vids: [7, '100-199'] })
  expect(document.hosts.h1).toMatchObject({ kind: 'ovs', vtepAddress: '2001:db8::11' })
  expect(document.tenants.acme?.networks.web).toMatchObject({ type: 'vxlan', mtuBytes: 1430 })
  expect(document.tenants.acme?.networks.trunk).toMatchObject({ type: 'vlan', mtuBytes: 1500 })
  expect(document.tenants.acme?.ports.c).toMatchObject({ parent: 'b', vid: 40 })
  const store = Store.open(':memory:')
  expect(store.commit(document.edits, { who: 'test' }).revision).toBe(1)
  expect(store.snapshot.get('bridge', 'h1/br-x')).toMatchObject({ kind: 'ovs' })
  store.close()
})

describe('what is wrong with physical networks and what is on them is named with its line, for', () => {
  test.each([
    ['a VID not allowed', 'vid: 100 }', 'vid: 200 }', /a VID among 7, 100-199/],
    ['a VID taken twice', 'vid: 100 }', 'vid: 101 }', /VID 101 .* is used by network acme\/web/],
    ['a list with no VID', '[7, 100-199]', '[7, 100-4095]', /a range of them such as '100-199'/],
    ['a misspelt extension', 'physicalNetwork: office, vid: 101', 'vid: 101', /physicalNetwork/],
    ['a parent that is not there', 'parent: b', 'parent: bb', /known: a, b/],
    ['an interface of an ovs host', 'v1, interface', 'h1, interface', /host h1 is of kind ovs/],
  ])('%s', (_, right, wrong, expected) => {
    const source = physical.replace(right, wrong)
    const { message } = refusal(source)
    expect(message).toMatch(new RegExp(`^site\\.yaml:${lineOf(source, wrong)}:\\d+: `))
    expect(message).toMatch(expected)
  })
})

test('the example of the README is a document that is taken', () => {
  const readme = readFileSync(new URL('../../../topologies/README.md', import.meta.url), 'utf8')
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? []
  const document = parseDocument(example, 'README.md')
  expect(Object.values(document.tenants.acme?.networks ?? {}).map(({ type }) => type)).toEqual(
    expect.arrayContaining(['vxlan', 'vlan', 'flat']),
  )
})
