import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import type { Guest } from '../../../topologies/lab/guest.ts'
import { needs } from '../../needs.ts'
import { type Started, type SwitchProcess, start, startSwitch, until } from './process.ts'

const app = (name: string) => fileURLToPath(new URL(`../os-ken/${name}.py`, import.meta.url))
const ping = { bytes: 56, timeoutMs: 1000 }

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe("somebody else's controller drives weft switch", needs('ovs'), () => {
  let host: SwitchProcess
  let vm1: Guest
  let vm2: Guest
  let controller: Started | undefined
  let port: number
  beforeEach(async () => {
    host = await startSwitch()
    port = await freePort()
    const set = [
      'set',
      'Bridge',
      'br0',
      'other_config:datapath-id=0000000000000001',
      '--',
      'set-fail-mode',
      'br0',
      'secure',
    ]
    await host.vsctl('add-br', 'br0', '--', ...set)
    vm1 = await host.plug('br0', 'vm1', '10.0.0.1')
    vm2 = await host.plug('br0', 'vm2', '10.0.0.2')
    await host.plug('br0', 'vm3', '10.0.0.3')
    expect(await vm1.ping(parseIpv4('10.0.0.2'), { ...ping, timeoutMs: 200 })).toBe(false)
  })
  afterEach(async () => {
    await controller?.end('SIGKILL')
    controller = undefined
    await host.close()
  })

  const drive = async (command: string, ...args: string[]) => {
    controller = start(command, args, host.env)
    await host.vsctl('set-controller', 'br0', `tcp:127.0.0.1:${port}`)
    await host.vsctl('set', 'Controller', 'br0', 'max_backoff=1000')
    const connected = () => host.vsctl('--bare', '--columns=is_connected', 'list', 'Controller')
    await until(
      connected,
      (text) => text.trim() === 'true' || controller?.child.exitCode !== null,
      60_000,
    )
    return controller
  }
  const osKen = (name: string) =>
    drive(
      '/usr/bin/python3',
      '-c',
      'from os_ken.cmd.manager import main; main()',
      `--ofp-tcp-listen-port=${port}`,
      app(name),
    )
  const said = (process: Started) =>
    process.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  /** Both ways, each within the time that a controller takes for its flows. */
  const pings = async () => {
    await until(() => vm1.ping(parseIpv4('10.0.0.2'), ping), Boolean)
    await until(() => vm2.ping(parseIpv4('10.0.0.1'), ping), Boolean)
  }

  test(
    'a learning switch of os-ken, with a meter, a group and statistics',
    needs('osKen'),
    async () => {
      expect(readFileSync(app('app'), 'utf8').split('\n').length).toBeLessThanOrEqual(81)
      const process = await osKen('app')
      await pings()
      const lines = await until(
        () => said(process),
        (seen) =>
          seen.some(({ kind, learned }) => kind === 'flows' && (learned as number[]).length === 2),
      )
      expect(lines[0]).toEqual({ kind: 'features', dpid: 1, tables: 255 })
      expect(lines).toContainEqual({
        ...{ kind: 'packet_in', in_port: 1 },
        ...{ src: '02:00:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff' },
      })
      const flows = await host.ofctl('dump-flows', 'br0')
      expect(flows).toMatch(
        /n_packets=[1-9]\d*, .*idle_timeout=60, priority=1,in_port=1,dl_dst=02:00:00:00:00:02 actions=meter:1,output:2/,
      )
      expect(flows).toMatch(/priority=0 actions=meter:1,CONTROLLER:65535/)
      const counted = await until(
        () => said(process),
        (seen) =>
          ['group', 'meter'].every((name) =>
            seen.some(({ kind, packets }) => kind === name && Number(packets) > 0),
          ),
      )
      expect(counted.filter(({ kind }) => kind === 'error')).toEqual([])
      expect(
        counted.some(
          ({ kind, rx }) => kind === 'ports' && Number((rx as Record<string, number>)['1']) > 0,
        ),
      ).toBe(true)
    },
  )

  test(
    "os-ken's ofctl service reads and writes flows, groups, meters and ports",
    needs('osKen'),
    async () => {
      const process = await osKen('ofctl')
      const lines = await until(
        () => said(process),
        (seen) => seen.some(({ kind }) => kind === 'refused'),
        60_000,
      )
      const of = (name: string) => lines.find(({ kind }) => kind === name)?.value
      expect(of('datapaths')).toEqual([1])
      expect(of('desc_stats')).toMatchObject({ mfr_desc: 'Weft', dp_desc: 'br0' })
      expect(of('flow_stats')).toMatchObject([
        {
          ...{ table_id: 3, priority: 7, cookie: 11, packet_count: 0 },
          match: { in_port: 1, dl_type: 2048, nw_dst: '10.0.0.0/255.0.0.0' },
          actions: ['SET_FIELD: {eth_dst:02:00:00:00:00:09}', 'GROUP:5'],
        },
      ])
      expect(of('aggregate_flow_stats')).toMatchObject([{ flow_count: 1 }])
      expect(of('group_desc')).toMatchObject([
        {
          type: 'SELECT',
          group_id: 5,
          buckets: [
            { weight: 2, actions: ['OUTPUT:1'] },
            { weight: 1, actions: ['OUTPUT:2'] },
          ],
        },
      ])
      expect(of('group_stats')).toMatchObject([
        { group_id: 5, ref_count: 1, bucket_stats: [{}, {}] },
      ])
      expect(of('meter_config')).toMatchObject([
        { meter_id: 4, bands: [{ type: 'DROP', rate: 1000, burst_size: 100 }] },
      ])
      expect(of('meter_stats')).toMatchObject([{ meter_id: 4, flow_count: 0 }])
      const ports = of('port_desc') as { name: string }[]
      expect(ports.map(({ name }) => name).sort()).toEqual(['br0', 'vm1', 'vm2', 'vm3'])
      expect(of('port_stats')).toHaveLength(4)
      expect(of('table_stats')).toHaveLength(255)
      expect(of('role')).toMatchObject([{ role: 'EQUAL' }])
      expect(of('left')).toEqual([0])
      // OFPET_GROUP_MOD_FAILED, OFPGMFC_GROUP_EXISTS.
      expect(of('refused')).toEqual([[6, 0]])
    },
  )

  test.each([
    ['a hub', ['--hub'], /actions=FLOOD/],
    [
      'a learning switch',
      ['--max-idle=60'],
      /idle_timeout=60, .*dl_dst=02:00:00:00:00:02.* actions=output:2/,
    ],
    ['a learning switch that has no flows', ['--noflow'], /actions=CONTROLLER/],
  ])('ovs-testcontroller makes it %s', needs('testController'), async (_, options, flows) => {
    await drive(
      'ovs-testcontroller',
      '-O',
      'OpenFlow13',
      `ptcp:${port}:127.0.0.1`,
      `--unixctl=${host.folder}/ctl`,
      ...options,
    )
    await pings()
    expect(await host.ofctl('dump-flows', 'br0')).toMatch(flows)
  })
})
