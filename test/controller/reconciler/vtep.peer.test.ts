/** Hosts of kind vtep whose database is a real ovsdb-server with vtep.ovsschema, written to by a real vtep-ctl. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import type { CredentialFiles } from '../../../controller/tls/credentials.ts'
import { needs } from '../../needs.ts'
import { put } from '../model/site.ts'
import { DAY_S, openTlsSite } from '../tls/site.ts'
import { until } from './site.ts'

const run = promisify(execFile)
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

interface Device {
  /** `vtep-ctl`; the words of one command. */
  ctl(...args: string[]): Promise<string>
  dial(target: string): Promise<void>
}

/** A device that dials with these files. */
async function device(name: string, { key, cert, ca }: CredentialFiles): Promise<Device> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-vtep-'))
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }))
  const [database, socket] = [join(directory, 'vtep.db'), join(directory, 'db.sock')]
  await run('ovsdb-tool', ['create', database, '/usr/share/openvswitch/vtep.ovsschema'])
  const server: ChildProcess = spawn(
    'ovsdb-server',
    [
      ...[database, `--remote=punix:${socket}`, '--remote=db:hardware_vtep,Global,managers'],
      ...[`--private-key=${key}`, `--certificate=${cert}`, `--ca-cert=${ca}`],
      ...[`--unixctl=${join(directory, 'ctl')}`, '-vconsole:off'],
    ],
    { stdio: 'ignore' },
  )
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.once('exit', resolve)
        server.kill('SIGKILL')
      }),
  )
  await until('the server listens', () => existsSync(socket))
  const ctl = async (...args: string[]) =>
    (await run('vtep-ctl', [`--db=unix:${socket}`, '--timeout=10', ...args])).stdout.trim()
  await ctl('add-ps', name, '--', 'set', 'Physical_Switch', name, 'tunnel_ips=192.0.2.21')
  await ctl('add-port', name, 'eth1')
  return {
    ctl,
    async dial(target) {
      await ctl('set-manager', target, '--', 'set', 'Manager', target, 'max_backoff=1000')
    },
  }
}

async function site() {
  const site = await openTlsSite()
  cleanups.push(() => site.close())
  site.store.commit(
    [
      put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21' }),
      put('host', 'v2', { kind: 'vtep', vtepAddress: '192.0.2.22' }),
      put('tenant', 'acme', {}),
      put('network', 'acme/web', { vni: 5001 }),
      put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
      ...[1, 2].map((n) =>
        put('port', `acme/vm${n}`, {
          network: 'web',
          mac: `02:00:00:00:00:1${n}`,
          addresses: [`10.0.0.1${n}`, `10.0.0.2${n}`],
          ...{ hostId: `v${n}`, interface: 'eth1' },
        }),
      ),
    ],
    { who: 'test' },
  )
  return site
}

describe('a real hardware_vtep database', needs('vtep', 'ovs'), () => {
  test('gets its rows over TLS, and has what vtep-ctl changes put right', async () => {
    const { pki, ovsdb, event } = await site()
    const v1 = await device('v1', pki.issueHost('v1', { validSeconds: DAY_S }))
    await v1.dial(ovsdb)
    await event('host_connected', 'v1 is driven')
    const name = await v1.ctl('list-ls')
    expect(await v1.ctl('get', 'Logical_Switch', name, 'tunnel_key')).toBe('5001')
    expect(await v1.ctl('list-bindings', 'v1', 'eth1')).toBe(`0000 ${name}`)
    expect(await v1.ctl('get-replication-mode', name)).toBe('source_node')
    const macs = await v1.ctl('--bare', '--columns=MAC,ipaddr', 'list', 'Ucast_Macs_Remote')
    expect(macs.split('\n\n').sort()).toEqual([
      '02:00:00:00:00:12\n10.0.0.12',
      '02:00:00:00:00:12\n10.0.0.22',
    ])
    expect(await v1.ctl('list-remote-macs', name)).toContain(
      'unknown-dst -> vxlan_over_ipv4/192.0.2.22',
    )
    expect(
      (await v1.ctl('--bare', '--columns=_uuid', 'list', 'ACL_entry')).split('\n\n').length,
    ).toBe(12)

    await v1.ctl('unbind-ls', 'v1', 'eth1', '0')
    await event('drift', 'binding of VLAN 0 of eth1 was missing on v1')
    await v1.ctl('clear-remote-macs', name)
    await event('drift', `flood list of ${name} was missing on v1`)
    await v1.ctl('add-ucast-remote', name, '02:66:00:00:00:00', '203.0.113.1')
    await event('drift', 'remote MAC 02:66:00:00:00:00')
    await until('all is right', async () => {
      const text = await v1.ctl('list-remote-macs', name)
      return text.includes('02:00:00:00:00:12') && !text.includes('203.0.113.1')
    })
    expect(await v1.ctl('list-bindings', 'v1', 'eth1')).toBe(`0000 ${name}`)
  })

  test("a device with v1's key that says it is v2 is refused, and one with both names is v1 only", async () => {
    const { pki, ovsdb, event, events } = await site()
    const files = pki.issueHost('v1', { validSeconds: DAY_S })
    const liar = await device('v2', files)
    await liar.dial(ovsdb)
    const refused = await event('identity_refused', 'claims over OVSDB to be v2')
    expect(refused).toMatchObject({ host: 'v1', certificate: 'v1', claimed: 'v2' })
    expect(await liar.ctl('list-ls')).toBe('')
    await liar.ctl('add-ps', 'v1')
    await event('host_connected', 'v1 is driven', refused.id)
    expect(await liar.ctl('list-bindings', 'v2', 'eth1')).toBe('')
    expect(events().filter(({ type, host }) => type === 'host_connected' && host === 'v2')).toEqual(
      [],
    )
  })

  test('a device that the model does not name is pending and gets nothing', async () => {
    const { pki, ovsdb, event } = await site()
    const stranger = await device('v9', pki.issueHost('v9', { validSeconds: DAY_S }))
    await stranger.dial(ovsdb)
    await event('host_pending', 'dialled in as v9')
    expect(await stranger.ctl('list-ls')).toBe('')
  })
})
