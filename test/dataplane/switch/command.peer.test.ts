/** `weft switch` as a process: its options, and what ovs-vsctl, ovs-ofctl and controllers see of it. Neighbours: command-life.peer.test.ts, process.ts. */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { listenOpenflow } from '../../../southbound/openflow/listen.ts'
import { requestRole } from '../../../southbound/openflow/roles.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import type { Guest } from '../../../topologies/lab/guest.ts'
import { needs } from '../../needs.ts'
import { testCa } from '../../southbound/wire/certificates.ts'
import { type SwitchProcess, startSwitch, until } from './process.ts'

const ping = { bytes: 56, timeoutMs: 5000 }

describe(
  'weft switch, as ovs-vsctl and ovs-ofctl find it by OVS_RUNDIR alone',
  needs('ovs'),
  () => {
    let host: SwitchProcess
    const get = async (...of: string[]) => (await host.vsctl('get', ...of)).trim()
    beforeAll(async () => {
      host = await startSwitch()
    })
    afterAll(() => host.close())

    test('it says what to type next, and all of that works', async () => {
      const lines = host.process.stdout.split('\n').filter((line) => line.startsWith('  '))
      expect(lines[0]).toBe(`  export OVS_RUNDIR=${host.folder}`)
      expect(lines).toHaveLength(5)
      for (const line of lines.slice(1)) {
        const [command = '', ...args] = line.trim().split(' ')
        expect(await host.run(command, ...args)).toMatchObject({ code: 0, stderr: '' })
      }
      expect(await host.vsctl('show')).toContain('Port p1')
      await host.vsctl('del-br', 'br0')
      expect(existsSync(join(host.folder, 'br0.mgmt'))).toBe(false)
    })

    test('add-br returns when the bridge is there: a learning bridge, until a controller is set', async () => {
      await host.vsctl('add-br', 'br0')
      expect(await host.ofctl('dump-flows', 'br0')).toContain('priority=0 actions=NORMAL')
      const [vm1, vm2] = [
        await host.plug('br0', 'vm1', '10.0.0.1'),
        await host.plug('br0', 'vm2', '10.0.0.2'),
      ]
      expect(await vm1.ping(parseIpv4('10.0.0.2'), ping)).toBe(true)
      const seen: Uint8Array[] = []
      const third = await host.plug('br0', 'vm3', '10.0.0.3')
      third.onFrame((frame) => seen.push(frame))
      expect(await vm2.ping(parseIpv4('10.0.0.1'), ping)).toBe(true)
      expect(seen).toEqual([])
      await host.vsctl('set-fail-mode', 'br0', 'secure')
      expect(await host.ofctl('dump-flows', 'br0')).not.toContain('NORMAL')
      expect(await vm1.ping(parseIpv4('10.0.0.2'), { ...ping, timeoutMs: 300 })).toBe(false)
      await host.ofctl('add-flow', 'br0', 'actions=FLOOD')
      expect(await vm1.ping(parseIpv4('10.0.0.2'), ping)).toBe(true)
      await until(
        () => get('Interface', 'vm1', 'statistics:rx_packets'),
        (n) => Number(n) >= 4,
      )
      expect(await get('Interface', 'vm1', 'statistics')).toMatch(
        /^\{rx_bytes=\d+, rx_dropped=0, rx_errors=0, rx_packets=\d+, tx_bytes=\d+, tx_dropped=0, tx_errors=0, tx_packets=\d+\}$/,
      )
      await host.vsctl('del-br', 'br0')
    })

    test('what cannot be opened is said by ovs-vsctl itself, and is -1 in the database', async () => {
      await host.vsctl('add-br', 'br1')
      const { code, stderr } = await host.run('ovs-vsctl', 'add-port', 'br1', 'eth77')
      expect({ code, stderr: stderr.split('\n')[0] }).toEqual({
        code: 0,
        stderr:
          "ovs-vsctl: Error detected while setting up 'eth77': could not open network device eth77 (No such device).  See ovs-vswitchd log for details.",
      })
      expect(await get('Interface', 'eth77', 'ofport')).toBe('-1')
      const taken = join(host.folder, 'taken.sock')
      writeFileSync(taken, 'no socket')
      const of = ['type=stream', `options:pstream=punix:${taken}`]
      const other = await host.run(
        'ovs-vsctl',
        'add-port',
        'br1',
        's1',
        '--',
        'set',
        'Interface',
        's1',
        ...of,
      )
      expect(other.stderr).toContain(
        "Error detected while setting up 's1': could not open network device s1",
      )
      // What was wrong is mended, and the row said again.
      rmSync(taken)
      await host.vsctl('set', 'Interface', 's1', 'ofport_request=9')
      expect(await get('Interface', 's1', 'ofport', 'error')).toBe('9\n[]')
      await host.vsctl('del-br', 'br1')
    })

    test('a port moves to the number that is requested, and who only happened to have it moves on', async () => {
      await host.vsctl('add-br', 'br2')
      for (const name of ['a', 'b']) {
        await host.vsctl('add-port', 'br2', name, '--', 'set', 'Interface', name, 'type=dummy')
      }
      const numbers = async () => [
        await get('Interface', 'a', 'ofport'),
        await get('Interface', 'b', 'ofport'),
      ]
      expect(await numbers()).toEqual(['1', '2'])
      await host.vsctl('set', 'Interface', 'b', 'ofport_request=1')
      expect((await numbers())[1]).toBe('1')
      expect((await numbers())[0]).not.toBe('1')
      await host.vsctl('set', 'Interface', 'a', 'ofport_request=1')
      expect((await numbers())[1]).toBe('1')
      await host.vsctl('set', 'Interface', 'a', 'mtu_request=9000')
      expect(await get('Interface', 'a', 'mtu')).toBe('9000')
      await host.vsctl('del-br', 'br2')
    })

    test('the datapath id is what other_config says, later too', async () => {
      await host.vsctl(
        'add-br',
        'br3',
        '--',
        'set',
        'Bridge',
        'br3',
        'other_config:hwaddr=02:00:00:00:00:99',
      )
      expect(await get('Bridge', 'br3', 'datapath_id')).toBe('"0000020000000099"')
      expect(await get('Interface', 'br3', 'mac_in_use')).toBe('"02:00:00:00:00:99"')
      await host.vsctl('set', 'Bridge', 'br3', 'other_config:datapath-id=00000000000000ab')
      expect(await get('Bridge', 'br3', 'datapath_id')).toBe('"00000000000000ab"')
      expect(await host.ofctl('show', 'br3')).toContain('dpid:00000000000000ab')
      await host.vsctl('del-br', 'br3')
    })

    test('active and passive controllers have their roles and states in the database', async () => {
      const dialled: Connection[] = []
      const listener = await listenOpenflow('ptcp:0:127.0.0.1', {}, (one) => void dialled.push(one))
      const { port } = listener.address as InetEndpoint
      await host.vsctl(
        'add-br',
        'br4',
        '--',
        'set-controller',
        'br4',
        `tcp:127.0.0.1:${port}`,
        'ptcp:0:127.0.0.1',
      )
      await until(
        () => dialled.length,
        (count) => count === 1,
      )
      await requestRole(dialled[0] as Connection, 'master', 1n)
      const find = async (target: string, column: string) =>
        (
          await host.vsctl(
            '--bare',
            `--columns=${column}`,
            'find',
            'Controller',
            `target="${target}"`,
          )
        ).trim()
      const active = `tcp:127.0.0.1:${port}`
      await until(
        () => find(active, 'role'),
        (role) => role === 'master',
      )
      expect(await find(active, 'is_connected')).toBe('true')
      expect(await find(active, 'status')).toMatch(/^sec_since_connect=\d+ state=ACTIVE$/)
      const bound = await until(
        () => find('ptcp:0:127.0.0.1', 'status'),
        (text) => text.includes('bound_port'),
      )
      const target = `tcp:127.0.0.1:${/bound_port=(\d+)/.exec(bound)?.[1]}`
      expect((await host.run('ovs-ofctl', '-O', 'OpenFlow13', 'show', target)).stdout).toContain(
        'OFPT_FEATURES_REPLY',
      )
      dialled[0]?.close()
      await listener.close()
      await until(
        () => find(active, 'status'),
        (text) => text.includes('last_error=Connection refused'),
      )
      expect(await find(active, 'status')).toMatch(/sec_since_disconnect=\d+ state=BACKOFF$/)
      expect(await find(active, 'role')).toBe('')
      await host.vsctl('del-br', 'br4')
    })

    test('ssl: targets use the keys of ovs-vsctl set-ssl', needs('openssl'), async () => {
      const ca = testCa()
      const tls = ca.issue('controller')
      ca.issue('switch')
      let connected = 0
      const listener = await listenOpenflow('pssl:0:127.0.0.1', { tls }, () => void connected++)
      const { port } = listener.address as InetEndpoint
      await host.vsctl('add-br', 'br5', '--', 'set-controller', 'br5', `ssl:127.0.0.1:${port}`)
      const state = () => host.vsctl('--bare', '--columns=status', 'list', 'Controller')
      await until(state, (text) => text.includes('there is no SSL row'))
      await host.vsctl(
        'set-ssl',
        ...['switch.key', 'switch.pem', 'ca.pem'].map((f) => join(ca.dir, f)),
      )
      await until(
        () => connected,
        (count) => count === 1,
      )
      await listener.close()
      ca.remove()
      await host.vsctl('del-br', 'br5')
    })

    test('managers dial in where a row or --remote says, and are in the database', async () => {
      await host.vsctl('set-manager', 'ptcp:0:127.0.0.1', 'tcp:127.0.0.1:1')
      const find = async (target: string) =>
        host.vsctl(
          '--bare',
          '--columns=is_connected,status',
          'find',
          'Manager',
          `target="${target}"`,
        )
      const bound = await until(
        () => find('ptcp:0:127.0.0.1'),
        (text) => text.includes('bound_port'),
      )
      const target = `tcp:127.0.0.1:${/bound_port=(\d+)/.exec(bound)?.[1]}`
      expect((await host.run('ovs-vsctl', `--db=${target}`, 'get-manager')).stdout).toContain(
        'ptcp:0',
      )
      await until(
        () => find('tcp:127.0.0.1:1'),
        (text) => text.includes('last_error=Connection refused state=BACKOFF'),
      )
      await host.vsctl('del-manager')
      const remote = await startSwitch('--remote', 'punix:DIR/other.sock')
      const other = `--db=unix:${join(remote.folder, 'other.sock')}`
      expect((await remote.run('ovs-vsctl', other, 'add-br', 'br0')).code).toBe(0)
      expect(await remote.vsctl('list-br')).toBe('br0\n')
      await remote.close()
    })

    test('rows that nothing is done for are taken, and said once in the log', async () => {
      await host.vsctl('add-br', 'br6')
      for (const name of ['m1', 'm2']) {
        await host.vsctl(
          '--',
          '--id=@m',
          'create',
          'Mirror',
          `name=${name}`,
          '--',
          'add',
          'Bridge',
          'br6',
          'mirrors',
          '@m',
        )
      }
      expect(host.process.stderr.match(/Mirror rows/g)).toHaveLength(1)
      await host.vsctl('del-br', 'br6')
    })

    test('names that are no names of files, and rows that contradict each other, end nothing', async () => {
      await host.run('ovs-vsctl', '--no-wait', 'add-br', '../evil')
      await host.run('ovs-vsctl', '--no-wait', 'add-br', 'n'.repeat(120))
      expect(await host.vsctl('list-br')).toContain('n'.repeat(120))
      expect(readdirSync(join(host.folder, '..')).filter((name) => name.includes('evil'))).toEqual(
        [],
      )
      await host.vsctl(
        '--no-wait',
        'set-manager',
        'garbage',
        'tcp:',
        'ptcp:99999',
        'punix:/nowhere/x',
        'ssl:[::',
        'unix:',
      )
      await host.vsctl('--no-wait', 'del-manager')
      await host.vsctl('emer-reset')
      await host.vsctl('--no-wait', 'destroy', 'Open_vSwitch', '.')
      await host.vsctl('--no-wait', 'init')
      await host.vsctl('add-br', 'br7')
      const long = 'p'.repeat(40)
      await host.vsctl('add-port', 'br7', long, '--', 'set', 'Interface', long, 'type=dummy')
      expect(await get('Open_vSwitch', '.', 'ovs_version')).toBe('"3.1.0"')
      expect(await host.ofctl('show', 'br7')).toContain('LOCAL(br7)')
      await host.vsctl('del-br', 'br7')
    })
  },
)

test('two of them carry a VXLAN between them over UDP sockets', needs('ovs', 'linux'), async () => {
  const at = ['127.0.0.41', '127.0.0.42']
  const hosts = await Promise.all(at.map((address) => startSwitch('--underlay', `udp:${address}`)))
  try {
    const guests: Guest[] = []
    for (const [i, host] of hosts.entries()) {
      const options = ['type=vxlan', `options:remote_ip=${at[1 - i]}`, 'options:key=5001']
      await host.vsctl('add-br', 'br0')
      await host.vsctl('add-port', 'br0', 'vx', '--', 'set', 'Interface', 'vx', ...options)
      guests.push(await host.plug('br0', 'vm', `10.0.0.${i + 1}`))
    }
    expect(await guests[0]?.ping(parseIpv4('10.0.0.2'), ping)).toBe(true)
  } finally {
    for (const host of hosts) await host.close()
  }
})
