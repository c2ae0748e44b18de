/**
 * The life of a host on real Open vSwitch, from the command line: let in, left alone while its br-int is somebody else's, adopted,
 * drained, removed. h2 is a machine that forwards by flows of its own operator before Weft comes.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ControllerEvent, Drain } from '../../controller/northbound/realization.ts'
import { formatMac } from '../../southbound/wire/address.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import {
  type ControllerProcess,
  controllerProcess,
} from '../../topologies/lab/netns/controller-process.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import { openSite, type Site } from '../../topologies/lab/netns/site.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { pingFrom } from '../../topologies/scenarios/pinging.ts'
import { runWeft } from '../bin/weft.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { until } from './agent-site.ts'
import { handMadeDocument } from './hand-made.ts'
import { needed } from './site-under-test.ts'

const LONG_MS = 120_000
const PATIENCE_MS = 40_000
const document: LabDocument = {
  ...handMadeDocument,
  workloads: { 'h1.vm1': 'acme/vm1', 'h2.vm2': 'acme/vm2', 'h2.vm3': 'acme/vm3' },
}

describe('the life of a host', needed, () => {
  let site: Site
  let controller: ControllerProcess
  let h2: OvsHost

  const weft = (...args: readonly string[]) =>
    runWeft(args, { env: { WEFT_CONTROLLER: controller.url } })
  const get = async <T>(path: string): Promise<T> =>
    (await (await fetchChecked(`${controller.url}/v1/${path}`)).json()) as T
  const guest = (name: string) => site.workloads.get(name) as NetnsWorkload
  const messages = async (type: string) =>
    (await get<{ events: ControllerEvent[] }>('events')).events
      .filter((event) => event.type === type)
      .map(({ message }) => message)
  const flows = async (bridge: string) => {
    const { stdout } = await h2.ofctl(['dump-flows', '--no-stats', bridge])
    return stdout.replace(/^.*reply.*\n/, '')
  }
  const show = async () => (await h2.vsctl(['show'])).stdout
  const shows = (rows: string) =>
    vi.waitFor(async () => expect(await show()).toBe(rows), PATIENCE_MS)
  /** Here and there: `ovs-vsctl show` tells of the session a moment later. */
  const isPending = async () => {
    const { items } = await get<{ items: { systemId: string }[] }>('infra/pending-hosts')
    const isListed = items.some(({ systemId }) => systemId === 'h2')
    return isListed && (await show()).includes('is_connected: true')
  }
  const reaches = (from: string, to: string) =>
    until(`${from} reaches ${to}`, () =>
      guest(from).ping(guest(to).address, { bytes: 56, timeoutMs: 300 }),
    )
  const unplug = async () => {
    const devices = site.plan.workloads.filter(({ hostId }) => hostId === 'h2')
    await h2.vsctl(devices.flatMap(({ device }) => ['--', 'del-port', 'br-int', device]))
  }

  beforeAll(async () => {
    const portUuid = async (tenant: string, id: string) =>
      (await get<{ uuid: string }>(`tenants/${tenant}/ports/${id}`)).uuid
    site = await openSite({ document, portUuid })
    h2 = site.hosts.get('h2') as OvsHost
    const { path } = site.runDirectory
    const documentFile = join(path, 'document.json')
    const { h1, h2: _ } = document.hosts
    writeFileSync(documentFile, JSON.stringify({ ...document, hosts: { h1 }, workloads: {} }))
    controller = await controllerProcess({ plan: site.plan, runDirectory: path, documentFile })
    await controller.start()
    for (const host of site.hosts.values()) await host.start({ emptyDatabase: true })
    await site.hosts.get('h1')?.boot()
    // An operator's own: guests in a br-int with two flows, and no controller.
    await h2.vsctl(['add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev'])
    await h2.boot()
    const own = site.plan.workloads.filter(({ hostId }) => hostId === 'h2')
    const input = [
      'priority=5,arp,actions=flood',
      ...own.map(
        ({ mac, device }) => `priority=6,dl_dst=${formatMac(mac)},actions=output:${device}`,
      ),
    ].join('\n')
    await h2.ofctl(['del-flows', 'br-int'])
    await h2.ofctl(['add-flows', 'br-int', '-'], { input })
  }, LONG_MS)
  afterAll(async () => {
    await controller?.close()
    await site?.close()
  })

  test(
    'a br-int that somebody filled forwards on, without a loss, until it is adopted by its plan',
    async () => {
      await reaches('h2.vm2', 'h2.vm3')
      await until('h2 waits', isPending, PATIENCE_MS)
      const [before, rows] = [await flows('br-int'), await show()]
      const ping = pingFrom(guest('h2.vm2'), guest('h2.vm3'))
      expect((await weft('host', 'list')).stdout).toMatch(/^ +h2 +pending +ovs +\S+ +dials from /m)
      const approved = await weft('host', 'approve', 'h2', '--vtep-address', '192.0.2.12')
      expect(approved).toMatchObject({ code: 0, stderr: '' })
      expect(approved.stdout).toMatch(/^underlayMtuBytes +9050 +mtu of Interface \S+$/m)
      await until('told', async () => (await messages('bridge_foreign')).length > 0, PATIENCE_MS)
      expect((await messages('bridge_foreign'))[0]).toMatch(/^h2: br-int .* 3 flows \(priority=/)
      const refused = await weft('host', 'adopt', 'h2')
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('nothing was done; off a terminal --yes is needed')
      expect(refused.stdout).toMatch(/^- flow priority=5,arp actions=FLOOD$/m)
      expect(refused.stdout).toMatch(/^~ Bridge br-int {2}controller: none -> tcp:\S+:6653$/m)
      expect(refused.stdout).toMatch(/^ {2}Port \S+ stays: acme\/vm2$/m)
      const listed = await weft('host', 'list')
      expect(listed.stdout).toMatch(
        /^h2 +h2 +approved +ovs +192\.0\.2\.12 +0 +failed: bridge_foreign$/m,
      )
      await shows(rows)
      expect(await flows('br-int')).toBe(before)
      const { sent, lost } = await ping.stop()
      expect({ lost, isMany: sent > 10 }).toEqual({ lost: [], isMany: true })

      const adopted = await weft('host', 'adopt', 'h2', '--yes', '--wait', '40s')
      expect(adopted).toMatchObject({ code: 0 })
      await reaches('h2.vm2', 'h2.vm3')
      await reaches('h2.vm2', 'h1.vm1')
      expect(await flows('br-int')).not.toContain('FLOOD')
    },
    LONG_MS,
  )

  test(
    'it is drained and removed: what was there first stays, with its settings as they were',
    async () => {
      const draining = await weft('host', 'drain', 'h2')
      expect(draining.stdout.split('\n')).toEqual([
        ...['h2 is draining; there still:', '  port acme/vm2', '  port acme/vm3', ''],
      ])
      await reaches('h2.vm2', 'h1.vm1')
      const waiting = weft('host', 'drain', 'h2', '--wait', '1m')
      await unplug()
      expect(await waiting).toMatchObject({ code: 0 })
      const { status } = await get<{ status: { drain: Drain } }>('infra/hosts/h2')
      expect(status.drain).toMatchObject({ empty: true, ports: [] })
      expect(await messages('host_drained')).toHaveLength(1)
      expect(await weft('host', 'remove', 'h2')).toMatchObject({ code: 0 })
      const columns = 'fail_mode,protocols,controller,external_ids,other_config'
      const { stdout } = await h2.vsctl([`--columns=${columns}`, 'list', 'Bridge', 'br-int'])
      expect(stdout.split('\n').map((line) => line.replace(/^\S+ +: /, ''))).toEqual([
        ...['[]', '[]', '[]', '{}', '{}', ''],
      ])
      expect(await flows('br-int')).toMatch(/^ .*priority=0 actions=NORMAL\n$/)
    },
    LONG_MS,
  )

  test(
    'a machine without a br-int is let in, serves, and is given back byte for byte; away, it is given back when it comes',
    async () => {
      await h2.vsctl(['del-br', 'br-int'])
      await until('h2 waits', isPending, PATIENCE_MS)
      const [rows, own] = [await show(), await flows('br-phy')]
      const approve = ['host', 'approve', 'h2', '--vtep-address', '192.0.2.12', '--wait', '40s']
      expect(await weft(...approve)).toMatchObject({ code: 0 })
      expect(await show()).not.toBe(rows)
      await h2.boot()
      await reaches('h2.vm2', 'h1.vm1')
      expect(await weft('host', 'remove', 'h2')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('h2 still carries 2 workloads'),
      })
      await unplug()
      expect(await weft('host', 'remove', 'h2', '--yes')).toMatchObject({ code: 0 })
      await shows(rows)
      expect(await flows('br-phy')).toBe(own)

      expect(await weft(...approve)).toMatchObject({ code: 0 })
      await h2.kill()
      await until(
        'h2 is away',
        async () =>
          (await get<{ status: { phase: string } }>('infra/hosts/h2')).status.phase === 'away',
        PATIENCE_MS,
      )
      expect(await weft('host', 'remove', 'h2')).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('it is away, and is given back when it dials in'),
      })
      // A device that a killed ovs-vswitchd has left.
      await h2.exec(['ip', 'link', 'del', 'br-int'])
      await h2.start({ emptyDatabase: false })
      await shows(rows)
    },
    LONG_MS,
  )
})
