/**
 * A release whose pipeline is another one takes a running site over and gives it back, on real Open vSwitch: frames go on, by
 * one bundle for each bridge. What came in which order is read from the switches' own logs of their OpenFlow connections.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../../controller/compiler/stages.ts'
import { formatIpv4 } from '../../southbound/wire/address.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { within } from '../../topologies/lab/netns/namespace.ts'
import { ended, launch } from '../../topologies/lab/netns/run.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import {
  events,
  eventually,
  expectAllChecks,
  flowsOf,
  needed,
  openTwoTenants,
} from './site-under-test.ts'

const program = fileURLToPath(new URL('other-release.ts', import.meta.url))
const hosts = ['h1', 'h2'] as const
/** Of ours none but these are also the other's. */
const common = [table.classify, table.shown] as readonly number[]
/** Meters cannot be in a bundle. */
const oneBundle = [
  ...['meter added', 'meter added', 'bundle committed', 'meter deleted', 'meter deleted'],
]

/** What a switch was told that changes something, in its order. */
function changesIn(log: string): string[] {
  const kinds = {
    'meter added': /OFPT_METER_MOD[^\n]* ADD /,
    'bundle committed': /type=COMMIT_REQUEST/,
    'meter deleted': /OFPT_METER_MOD[^\n]* DEL /,
    // Those in a bundle come on a line of their own, below that of its message.
    'flow or group outside of a bundle': /received: OFPT_(?:FLOW|GROUP)_MOD/,
  }
  return log.split('\n').flatMap((line) => {
    const found = Object.entries(kinds).find(([, pattern]) => pattern.test(line))
    return found ? [found[0]] : []
  })
}

describe('an upgrade', needed, () => {
  let lab: NetnsLab
  let folder: string
  beforeAll(async () => {
    lab = await openTwoTenants()
    folder = dirname(lab.controller.logFile)
    for (const id of hosts) {
      await lab.host(id).appctl(['vlog/disable-rate-limit', 'vconn'])
      await lab.host(id).appctl(['vlog/set', 'vconn:file:dbg'])
    }
  })
  afterAll(() => lab?.close())

  const logOf = (id: string) => readFileSync(join(folder, id, 'ovs-vswitchd.log'), 'latin1')

  async function tablesOf(id: string): Promise<number[]> {
    const flows = await flowsOf(lab, id)
    const tables = flows.map((flow) => Number(/table=(\d+)/.exec(flow)?.[1] ?? 0))
    return [...new Set(tables)].sort((a, b) => a - b)
  }

  /** Both hosts are driven by the controller that is there now: it has read all and made it right. */
  const taken = () =>
    eventually('both hosts are driven', 60_000, async () => {
      const heard = await events(lab).catch(() => [])
      const driven = heard.filter(({ type }) => type === 'host_connected')
      return hosts.every((id) => driven.some(({ host }) => host === id)) || undefined
    })

  const stopped = async () => {
    process.kill(lab.controller.pid ?? 0, 'SIGTERM')
    await eventually(
      'it has ended',
      30_000,
      async () => lab.controller.pid === undefined || undefined,
    )
  }

  async function startOther(): Promise<ChildProcess> {
    const output = openSync(lab.controller.logFile, 'a')
    const args = [join(folder, 'controller.db'), formatIpv4(lab.controllerAddress)]
    const command = [execPath, program, ...args, join(folder, 'rest.sock')]
    const child = launch(within(`weft-${lab.id}-controller`, command), { output })
    closeSync(output)
    await taken()
    return child
  }

  test('a change that comes in two bundles is seen as two', async () => {
    const before = logOf('h1').length
    const seen: string[] = []
    for (const [at, ofport] of [60, 61].entries()) {
      const body = JSON.stringify({ network: 'web', hostId: 'h2', ofport })
      const headers = { 'content-type': 'application/json' }
      const url = `${lab.url}/v1/tenants/acme/ports/more${ofport}`
      expect((await fetchChecked(url, { method: 'PUT', headers, body })).status).toBe(201)
      await eventually('h1 is told', 30_000, async () => {
        seen.splice(0, seen.length, ...changesIn(logOf('h1').slice(before)))
        return seen.length > at || undefined
      })
    }
    expect(seen).toEqual(['bundle committed', 'bundle committed'])
  })

  test('to another pipeline and back loses no packet, by one bundle a bridge', async () => {
    const acme = [...lab.workloads.values()].filter(({ tenant }) => tenant === 'acme')
    const [from, to] = hosts.map((id) => acme.find(({ hostId }) => hostId === id))
    if (!from || !to) throw new Error('no two guests on two hosts')
    const seen: number[] = []
    const ping = from.launch(['ping', '-i', '0.002', formatIpv4(to.address)])
    if (!ping.stdout) throw new Error('ping has no output')
    createInterface(ping.stdout).on('line', (line) => {
      const seq = /icmp_seq=(\d+) /.exec(line)?.[1]
      if (seq) seen.push(Number(seq))
    })
    const more = (count: number) => {
      const wanted = seen.length + count
      return eventually('more answers', 60_000, async () => seen.length >= wanted || undefined)
    }

    const told: Record<string, string[]> = {}
    const during = async (what: string, act: () => Promise<void>) => {
      const before = hosts.map((id) => logOf(id).length)
      await more(500)
      await act()
      await more(500)
      hosts.forEach((id, at) => {
        told[`${what}, ${id}`] = changesIn(logOf(id).slice(before[at]))
      })
    }
    let other: ChildProcess | undefined
    try {
      await during('forward', async () => {
        await stopped()
        other = await startOther()
      })
      expect((await tablesOf('h1')).filter((id) => id < 100)).toEqual(common)
      await expectAllChecks(lab)
      await during('back', async () => {
        other?.kill('SIGTERM')
        if (other) await ended(other)
        await lab.controller.start()
        await taken()
      })
      expect((await tablesOf('h1')).filter((id) => id > 100)).toEqual([])
      await more(Math.max(0, 6000 - seen.length))
    } finally {
      other?.kill('SIGKILL')
      ping.kill('SIGKILL')
    }
    expect(told).toEqual({
      ...{ 'forward, h1': oneBundle, 'forward, h2': oneBundle },
      ...{ 'back, h1': oneBundle, 'back, h2': oneBundle },
    })
    // Each once: of those that were sent before the last one that was answered none was lost.
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from(seen, (_, at) => at + 1))
    await expectAllChecks(lab)
  })
})
