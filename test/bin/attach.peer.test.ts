/** libvirt's own schemas take what `weft attach --format libvirt` prints: inside of a domain, and as a document by itself. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { printAttachment } from '../../bin/attach/print.ts'
import { needs } from '../needs.ts'
import { attachment } from './attach-facts.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-attach-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** A domain with nothing but this device. */
const domain = (device: string): string => `<domain type='kvm'>
  <name>vm1</name>
  <memory unit='MiB'>512</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
${device}</devices>
</domain>
`

/** virt-xml-validate knows no document of one device: the grammar of a domain, begun at <interface>. */
const deviceGrammar = `<grammar xmlns="http://relaxng.org/ns/structure/1.0"
  datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <include href="/usr/share/libvirt/schemas/domaincommon.rng"/>
  <start><ref name="interface"/></start>
</grammar>
`

const cases = [
  ['a host of kind ovs', 'vm1', undefined],
  ['a host of kind vtep', 'vm1', 'h3'],
  ['a trunk, an id with two hyphens in a comment', 'trunk', undefined],
  ['a trunk on a host of kind vtep', 'trunk', 'h3'],
  ['a declared interface', 'declared', undefined],
] as const

describe('libvirt takes the interface of', needs('libvirtSchemas'), () => {
  test.each(cases)('%s', (_, port, hostId) => {
    const device = printAttachment('libvirt', attachment(port, hostId))
    const validate = ['virt-xml-validate', file('domain.xml', domain(device)), 'domain'] as const
    expect(execFileSync(validate[0], validate.slice(1), { stdio: 'pipe' })).toBeDefined()
    const grammar = file('device.rng', deviceGrammar)
    const document = file('device.xml', device)
    execFileSync('xmllint', ['--noout', '--relaxng', grammar, document], { stdio: 'pipe' })
  })

  test('nothing else: a uuid that is none is refused', () => {
    const device = printAttachment('libvirt', attachment('vm1')).replace(
      /interfaceid='[^']+'/,
      "interfaceid='vm1'",
    )
    const { status, stderr } = spawnSync('virt-xml-validate', [
      file('bad.xml', domain(device)),
      'domain',
    ])
    expect({ status, text: `${stderr}` }).toMatchObject({
      text: expect.stringContaining('fails to validate'),
    })
    expect(status).not.toBe(0)
  })
})
