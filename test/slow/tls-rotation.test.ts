/** Certificates that change while sessions are open, and that end; those of ovs-pki. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import type { CredentialFiles } from '../../controller/tls/credentials.ts'
import { plainFingerprint } from '../../controller/tls/identity.ts'
import { fingerprintOf } from '../../controller/tls/pki-folder.ts'
import { startOvsHost } from '../controller/tls/ovs-host.ts'
import { DAY_S, openTlsSite, type TlsSite } from '../controller/tls/site.ts'
import { needs } from '../needs.ts'

const run = promisify(execFile)
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function site(files?: CredentialFiles) {
  const made = await openTlsSite(files)
  cleanups.push(() => made.close())
  return made
}

async function ovs(systemId: string) {
  const host = await startOvsHost(systemId)
  cleanups.push(() => host.close())
  return host
}

/** The fingerprint of the certificate that a listener shows now. */
function shown(target: string, files: CredentialFiles): Promise<string> {
  const [key, cert, ca] = [files.key, files.cert, files.ca].map((file) => readFileSync(file))
  return new Promise((resolve, reject) => {
    const port = Number(target.split(':')[2])
    const options = { host: '127.0.0.1', port, key, cert, ca, checkServerIdentity: () => undefined }
    const socket = connect({ ...options }, () => {
      resolve(plainFingerprint(socket.getPeerX509Certificate()?.fingerprint256 ?? ''))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('rotation with real Open vSwitch', needs('ovs'), () => {
  test("the controller's new files serve new connections while open sessions stay", async () => {
    const { pki, ovsdb, events, event } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S })
    const h1 = await ovs('h1')
    await h1.setSsl(files)
    await h1.setManager(ovsdb)
    await event('host_connected', 'h1')
    const before = fingerprintOf(pki.controller.cert)
    expect(await shown(ovsdb, files)).toBe(before)

    pki.issueController(['127.0.0.1'], { validSeconds: DAY_S, renew: true })
    const after = fingerprintOf(pki.controller.cert)
    expect(after).not.toBe(before)
    expect(await shown(ovsdb, files)).toBe(after)

    // A rotation half done: a certificate whose key is not there yet.
    const half = readFileSync(pki.controller.cert)
    copyFileSync(files.cert, pki.controller.cert)
    expect(await shown(ovsdb, files)).toBe(after)
    writeFileSync(pki.controller.cert, half)
    expect(await shown(ovsdb, files)).toBe(after)
    expect(events().filter(({ type }) => type === 'host_disconnected')).toEqual([])
  })

  test("a host's session lasts until its certificate ends; then it comes with the new one", async () => {
    const { pki, ovsdb, events, event } = await site()
    const files = pki.issueHost('h1', { validSeconds: 8 })
    const h1 = await ovs('h1')
    await h1.setSsl(files)
    await h1.setManager(ovsdb)
    const { id } = await event('host_connected', 'h1')
    pki.issueHost('h1', { validSeconds: DAY_S, renew: true })
    await event('certificate_expired', 'its OpenFlow session is closed', id)
    const expired = await event('certificate_expired', 'its OVSDB session is closed', id)
    expect(expired).toMatchObject({ host: 'h1', protocol: 'OVSDB' })
    const back = await event('host_connected', 'h1', id)
    const gone = events().filter(({ type, id: at }) => type === 'host_disconnected' && at < back.id)
    expect(gone.map(({ host }) => host)).toEqual(['h1'])
    expect(events().filter(({ type }) => type === 'tls_refused')).toEqual([])
  })

  test('the CA is changed in two steps under a host that is there, which dials again at each', async () => {
    const { pki, ovsdb, events, event } = await site()
    const files = pki.issueHost('h1', { validSeconds: DAY_S })
    const h1 = await ovs('h1')
    await h1.setSsl(files)
    await h1.setManager(ovsdb)
    let { id } = await event('host_connected', 'h1')
    const dialAgain = async () => {
      await h1.vsctl('del-manager')
      await h1.setManager(ovsdb)
      await h1.reconnect('br-int')
      id = (await event('host_connected', 'h1', id)).id
    }
    pki.rekey({ validSeconds: DAY_S })
    await dialAgain()
    pki.issueController([], { validSeconds: DAY_S, renew: true })
    await dialAgain()
    pki.issueHost('h1', { validSeconds: DAY_S, renew: true })
    await dialAgain()
    pki.finishRekey()
    await dialAgain()
    expect(events().filter(({ type }) => /refused/.test(type))).toEqual([])
  })
})

describe('certificates of ovs-pki', needs('ovs', 'openssl'), () => {
  test('a host with one is refused until its fingerprint is registered, and by another never', async () => {
    const made = await openTlsSite()
    cleanups.push(() => made.close())
    const { directory } = made
    const ovsPki = (...args: string[]) =>
      run(
        'ovs-pki',
        [`--dir=${join(directory, 'ovs')}`, `--log=${join(directory, 'log')}`, ...args],
        {
          cwd: directory,
        },
      )
    await ovsPki('init')
    await ovsPki('req+sign', 'ctl', 'controller')
    await ovsPki('req+sign', 'h1', 'switch')
    await ovsPki('req+sign', 'h2', 'switch')
    const filesOf = (name: string, trusts: string): CredentialFiles => ({
      key: join(directory, `${name}-privkey.pem`),
      cert: join(directory, `${name}-cert.pem`),
      ca: join(directory, 'ovs', trusts, 'cacert.pem'),
    })
    expect(existsSync(filesOf('ctl', 'switchca').ca)).toBe(true)
    const { store, ovsdb, event } = await site(filesOf('ctl', 'switchca'))
    const h1 = await ovs('h1')
    const files = filesOf('h1', 'controllerca')
    await h1.setSsl(files)
    await h1.setManager(ovsdb)
    const refused = await event('identity_refused', 'to be h1')
    expect(refused.certificateFingerprint).toBe(fingerprintOf(files.cert))
    register({ store }, refused.certificateFingerprint as string)
    const { id } = await event('host_connected', 'h1')

    await h1.setSsl(filesOf('h2', 'controllerca'))
    await h1.vsctl('del-manager')
    await h1.setManager(ovsdb)
    const { message } = await event('identity_refused', 'is registered', id)
    expect(message).toContain(`for h1 the certificate with SHA-256 ${fingerprintOf(files.cert)}`)
  })
})

function register({ store }: Pick<TlsSite, 'store'>, fingerprint: string): void {
  const certificateFingerprint = fingerprint.toUpperCase().replace(/..(?!$)/g, '$&:')
  const spec = { vtepAddress: '192.0.2.11', certificateFingerprint }
  store.commit([{ collection: 'host', key: 'h1', spec }], { who: 'test' })
}
