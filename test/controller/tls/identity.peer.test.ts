/** Sessions over TLS with real Open vSwitch and with Weft's own switch: who may be whom. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlainly } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { issue } from '../../../controller/tls/certificate.ts'
import { identityOf } from '../../../controller/tls/identity.ts'
import { fingerprintOf, pkiFolder } from '../../../controller/tls/pki-folder.ts'
import { needs } from '../../needs.ts'
import { startOvsHost } from './ovs-host.ts'
import { DAY_S, openTlsSite, startWeftHost } from './site.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function site() {
  const made = await openTlsSite()
  cleanups.push(() => made.close())
  return made
}

async function ovs(systemId: string) {
  const host = await startOvsHost(systemId)
  cleanups.push(() => host.close())
  return host
}

describe('TLS with real Open vSwitch', needs('ovs'), () => {
  test('a host with its own certificate is driven, and its bridge is told ssl:', async () => {
    const { pki, ovsdb, openflow, event } = await site()
    const h1 = await ovs('h1')
    await h1.setSsl(pki.issueHost('h1', { validSeconds: DAY_S }))
    await h1.setManager(ovsdb)
    await event('host_connected', 'h1')
    expect((await h1.vsctl('get-controller', 'br-int')).trim()).toBe(openflow)
  })

  test("h1's key that claims h2 over OVSDB is refused, and h2 keeps its session", async () => {
    const { pki, ovsdb, events, event } = await site()
    const h2 = startWeftHost('h2', pki.issueHost('h2', { validSeconds: DAY_S }), ovsdb)
    cleanups.push(() => h2.close())
    const { id } = await event('host_connected', 'h2')
    const liar = await ovs('h2')
    await liar.setSsl(pki.issueHost('h1', { validSeconds: DAY_S }))
    await liar.setManager(ovsdb)
    const refused = await event('identity_refused', 'claims over OVSDB to be h2', id)
    expect(refused).toMatchObject({
      host: 'h1',
      certificate: 'h1',
      claimed: 'h2',
      protocol: 'ovsdb',
    })
    expect(refused.message).toContain('the certificate is of h1')
    expect(events().filter(({ type }) => type === 'host_disconnected')).toEqual([])
    expect(await liar.vsctl('list-br')).toBe('')
    // Once it tells the truth it is h1.
    await liar.vsctl('set', 'Open_vSwitch', '.', 'external_ids:system-id=h1')
    await event('host_connected', 'h1', id)
  })

  test("h1's key that presents h2's datapath_id over OpenFlow is refused, and h2 keeps its flows", async () => {
    const { pki, ovsdb, openflow, events, event } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S })
    const h1 = await ovs('h1')
    await h1.setSsl(files)
    await h1.setManager(ovsdb)
    const h2 = await ovs('h2')
    await h2.setSsl(pki.issueHost('h2', { validSeconds: DAY_S }))
    await h2.setManager(ovsdb)
    await event('host_connected', 'h1')
    const { id } = await event('host_connected', 'h2')
    const datapathId = JSON.parse(await h2.vsctl('get', 'Bridge', 'br-int', 'datapath_id'))
    const liar = await ovs('h1')
    await liar.setSsl(files)
    await liar.vsctl(
      ...['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=dummy'],
      ...[`other_config:datapath-id=${datapathId}`, 'protocols=OpenFlow13'],
      ...['--', 'set-controller', 'br0', openflow],
    )
    const refused = await event('identity_refused', 'claims over OpenFlow', id)
    expect(refused).toMatchObject({ host: 'h1', certificate: 'h1', claimed: datapathId })
    expect(refused.message).toContain('it is br-int of h2 and no bridge of h1')
    expect(events().filter(({ type }) => type === 'host_disconnected')).toEqual([])
  })

  test("h1's key that dials OpenFlow only, as h2's datapath_id or with it on another bridge, is refused", async () => {
    const { pki, ovsdb, openflow, event } = await site()
    const h2 = await ovs('h2')
    await h2.setSsl(pki.issueHost('h2', { validSeconds: DAY_S }))
    await h2.setManager(ovsdb)
    const { id } = await event('host_connected', 'h2')
    const datapathId = JSON.parse(await h2.vsctl('get', 'Bridge', 'br-int', 'datapath_id'))
    const h1 = await ovs('h1')
    await h1.setSsl(pki.issueHost('h1', { validSeconds: DAY_S }))
    await h1.vsctl(
      ...['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=dummy'],
      ...[`other_config:datapath-id=${datapathId}`, 'protocols=OpenFlow13'],
      ...['--', 'set-controller', 'br0', openflow],
      ...['--', 'set', 'Controller', 'br0', 'max_backoff=1000'],
    )
    await event('identity_refused', 'it is br-int of h2, and h1 has told of no bridge yet', id)
    await h1.setManager(ovsdb)
    await event('host_connected', 'h1', id)
    await event('identity_refused', 'it is br-int of h2; br0 of h1 may not have its', id)
  })

  test("a host that lists h2's datapath_id as its own bridge takes nothing of h2", async () => {
    const { pki, ovsdb, events, event } = await site()
    const h1 = await ovs('h1')
    await h1.setSsl(pki.issueHost('h1', { validSeconds: DAY_S }))
    await h1.setManager(ovsdb)
    await event('host_connected', 'h1')
    const h2 = await ovs('h2')
    await h2.setSsl(pki.issueHost('h2', { validSeconds: DAY_S }))
    await h2.setManager(ovsdb)
    const { id } = await event('host_connected', 'h2')
    const datapathId = JSON.parse(await h2.vsctl('get', 'Bridge', 'br-int', 'datapath_id'))
    await h1.vsctl('set', 'Bridge', 'br-int', `other_config:datapath-id=${datapathId}`)
    await event('host_connected', 'h1', id)
    const flows = await h2.ofctl('dump-flows', 'br-int')
    await h2.reconnect('br-int')
    await event('host_connected', 'h2', id)
    expect(await h2.ofctl('dump-flows', 'br-int')).toBe(flows)
    expect(events().filter(({ type }) => type === 'identity_refused')).toEqual([])
  })

  test('a certificate of another CA and an expired one are refused with their names', async () => {
    const { pki, directory, ovsdb, event } = await site()
    const other = pkiFolder(join(directory, 'other'), { now: Date.now })
    other.makeAuthority({ validSeconds: DAY_S })
    const h1 = await ovs('h1')
    await h1.setSsl({ ...other.issueHost('h1', { validSeconds: DAY_S }), ca: pki.controller.ca })
    await h1.setManager(ovsdb)
    expect((await event('tls_refused', 'weft:host:h1')).message).toMatch(
      /OVSDB: the certificate of URI:weft:host:h1 is not accepted: UNABLE_TO_/,
    )
    await h1.setSsl(pki.issueHost('h1', { validSeconds: -60 }))
    expect((await event('tls_refused', 'EXPIRED')).message).toMatch(
      /^127\.0\.0\.1 was refused .* the certificate of URI:weft:host:h1 .*CERT_HAS_EXPIRED/,
    )
    await h1.setSsl(pki.issueHost('h1', { validSeconds: DAY_S, renew: true }))
    await event('host_connected', 'h1')
  })

  test("a host's key cannot play the controller to another host", async () => {
    const { pki } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S })
    const liar = await openTlsSite(files)
    cleanups.push(() => liar.close())
    const h2 = await ovs('h2')
    await h2.setSsl(pki.issueHost('h2', { validSeconds: DAY_S }))
    await h2.setManager(liar.ovsdb)
    await liar.event('tls_refused', 'OVSDB')
    expect((await h2.vsctl('get', 'Manager', '.', 'is_connected')).trim()).toBe('false')
  })
})

describe('TLS without Open vSwitch', () => {
  test.each(['ovsdb', 'openflow'] as const)(
    'without a certificate nobody gets in over %s',
    async (protocol) => {
      const { [protocol]: target, pki, event } = await site()
      const port = Number(target.split(':')[2])
      const socket: TLSSocket = connect({
        ...{ host: '127.0.0.1', port, ca: readFileSync(pki.controller.ca) },
      })
      socket.on('error', () => {})
      await once(socket, 'close')
      const { message } = await event('tls_refused', 'it showed no certificate')
      expect(message).toContain(protocol === 'ovsdb' ? 'OVSDB' : 'OpenFlow')
    },
  )

  test('a certificate that ends soon is spoken of once, and the status of its host says when', async () => {
    const { pki, ovsdb, events, event, url } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S / 2 })
    const h1 = startWeftHost('h1', files, ovsdb)
    cleanups.push(() => h1.close())
    const { expires, certificateFingerprint: fingerprint } = await event(
      'certificate_expiring',
      'the certificate of h1 ends in 11 hours',
    )
    await event('host_connected', 'h1')
    const answer = await fetch(`${url}/v1/infra/hosts/h1`)
    expect(await answer.json()).toMatchObject({
      status: { certificate: { name: 'h1', fingerprint, expires } },
    })
    const told = events().filter(({ type }) => type === 'certificate_expiring')
    expect(told.map(({ kind, host }) => [kind, host])).toEqual([
      ['controller', ''],
      ['ca', ''],
      ['host', 'h1'],
    ])
  })

  test('a host whose certificate is taken off the model while it is connected is sent away', async () => {
    const { pki, store, ovsdb, event } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S })
    const put = (fingerprint: string) => {
      const spec = { vtepAddress: '192.0.2.11', certificateFingerprint: fingerprint }
      store.commit([{ collection: 'host', key: 'h1', spec }], { who: 'test' })
    }
    put(fingerprintOf(files.cert))
    const h1 = startWeftHost('h1', files, ovsdb)
    cleanups.push(() => h1.close())
    const { id } = await event('host_connected', 'h1')
    put('ab'.repeat(32))
    await event('identity_refused', 'for h1 the certificate with SHA-256 abab', id)
    await event('host_disconnected', 'its certificate is not that of h1 any longer', id)
  })

  test.each([
    ['plain text', 'GET / HTTP/1.0\r\n\r\n', 'it does not speak TLS'],
    ['half a handshake', '\x16\x03\x01\x02', 'it hung up in the handshake'],
  ])('a peer that says %s is named with its address and what is wrong', async (_, text, words) => {
    const { ovsdb, event } = await site()
    const socket = connectPlainly(Number(ovsdb.split(':')[2]), '127.0.0.1')
    socket.on('error', () => {})
    socket.end(text, 'latin1')
    expect(await event('tls_refused', words)).toMatchObject({ host: '127.0.0.1' })
    socket.destroy()
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s is spoken, and its sessions are not renegotiated',
    async (version) => {
      const { pki, ovsdb } = await site()
      const files = pki.issueHost('h1', { validSeconds: DAY_S })
      const [key, cert, ca] = [files.key, files.cert, files.ca].map((file) => readFileSync(file))
      const socket = connect({
        ...{ host: '127.0.0.1', port: Number(ovsdb.split(':')[2]), key, cert, ca },
        ...{ minVersion: version, maxVersion: version, checkServerIdentity: () => undefined },
      })
      cleanups.push(() => socket.destroy())
      await once(socket, 'secureConnect')
      expect(socket.getProtocol()).toBe(version)
      const error = await new Promise((resolve) => {
        socket.once('error', resolve)
        if (!socket.renegotiate({}, resolve)) resolve(new Error('refused'))
      })
      expect(error).toBeInstanceOf(Error)
    },
  )

  test('a certificate of two hosts is none of them', async () => {
    const { pki, directory, ovsdb, event } = await site()
    const { ca } = pki.controller
    const authority = {
      key: readFileSync(join(directory, 'pki/private/ca.key'), 'utf8'),
      cert: readFileSync(ca, 'utf8'),
    }
    const both = issue(authority, {
      ...{ name: 'both', role: 'host', uris: ['weft:host:h1', 'weft:host:h2'] },
      ...{ from: new Date(Date.now() - 1000), until: new Date(Date.now() + 60_000) },
    })
    expect(identityOf(new X509Certificate(both.cert))).toMatchObject({
      ...{ systemId: undefined, name: 'CN=both' },
    })
    const files = { key: join(directory, 'b.key'), cert: join(directory, 'b.crt'), ca }
    writeFileSync(files.key, both.key)
    writeFileSync(files.cert, both.cert)
    const h1 = startWeftHost('h1', files, ovsdb)
    cleanups.push(() => h1.close())
    const { message } = await event('identity_refused', 'to be h1')
    expect(message).toContain('it names no host and its SHA-256 is registered on none')
  })
})
