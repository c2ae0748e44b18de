/** What `weft attach` refuses, with the reason, and what it calls things outside Weft. */
import { expect, test } from 'vitest'
import { attachmentOf, nameOf } from '../../bin/attach/attachment.ts'
import { AttachError } from '../../bin/attach/error.ts'
import { type FormatName, formatNames, formats } from '../../bin/attach/formats.ts'
import { printAttachment } from '../../bin/attach/print.ts'
import { attachment, facts } from './attach-facts.ts'

const print = (format: FormatName, port: string, hostId?: string): string =>
  printAttachment(format, attachment(port, hostId))

test('no two ports, and no two networks, have one name outside Weft', () => {
  const keys = ['a/b-c', 'a-b/c']
  expect(keys.map(nameOf)).toEqual(['a.b-c', 'a-b.c'])
})

test('an unknown port or host is named with the one that was meant', () => {
  expect(() => attachment('vm')).toThrow("there is no port acme/vm; did you mean 'acme/vm1'?")
  expect(() => attachment('vm1', 'h9')).toThrow('there is no host h9; known: h1, h3')
})

test('a format that is not for the kind of the host is refused', () => {
  const text = 'port acme/vm1: host h3 is of kind vtep, and xen is for kind ovs'
  expect(() => print('xen', 'vm1', 'h3')).toThrow(new AttachError(text))
  expect(() => print('hyperv', 'vm1', 'h3')).toThrow('hyperv is for kind ovs')
})

test('a network that the host has no way to is refused with the reason, for whatever runs on that host', () => {
  const reason = 'physical_network_missing: h3 offers no bridge to dc1'
  const networks = facts.networks.map((network) =>
    network.id === 'db'
      ? { ...network, status: { hosts: { h3: { state: 'failed' as const, reason } } } }
      : network,
  )
  const at = (host?: string, port = 'db1') =>
    attachmentOf(`acme/${port}`, { ...facts, networks }, host)
  for (const format of ['libvirt', 'netns', 'docker', 'json'] as const) {
    expect(() => printAttachment(format, at('h3'))).toThrow(
      `network acme/db cannot be on host h3: ${reason}`,
    )
    expect(() => printAttachment(format, at('h3', 'trunk-db'))).toThrow('acme/db cannot be on')
  }
  expect(printAttachment('netns', at('h1'))).toContain('ip netns add acme.db1')
  // Where nobody has tried yet, it is said.
  const note = 'h3 has to have a bridge to physical network dc1: status of the port says so if'
  for (const format of ['libvirt', 'netns', 'docker'] as const) {
    const text = printAttachment(format, attachmentOf('acme/db1', facts, 'h3'))
    expect(text).toContain(note)
    expect(printAttachment(format, attachmentOf('acme/db1', facts, 'h1'))).not.toContain(note)
  }
  expect(printAttachment('esxi', at())).toContain('--vlan-id=100')
})

test('esxi takes no host of Weft, and says so', () => {
  expect(() => printAttachment('esxi', attachmentOf('acme/db1', facts, 'h1'))).toThrow(
    "port acme/db1: --host h1 says nothing here: esxi is for no host of Weft's; leave it out",
  )
})

test('a port declared at what no Linux interface can be called is to be cabled', () => {
  expect(() => print('netns', 'cabled')).toThrow('Ethernet1/1 of h3')
})

test('a declared port may run on another host, bound by its uuid', () => {
  expect(attachment('declared', 'h1')).toMatchObject({ boundBy: 'iface-id', device: 'wf00000018' })
})

test('no name of an interface is too long for the emulated NIC of Xen beside it (IFNAMSIZ)', () => {
  expect(`${attachment('vm1').device}-emu`.length).toBeLessThan(16)
})

test('every format is for some kind of host, or for none of Weft', () => {
  expect(formatNames.filter((name) => formats[name].hosts.length === 0)).toEqual(['esxi'])
})
