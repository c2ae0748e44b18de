/**
 * `weft flows` and `weft doctor --host` against real Open vSwitch: what is printed is what the switch takes, and each check of a
 * machine finds what was broken for it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { examine, type Result } from '../../bin/doctor/check.ts'
import { vxlanFate, xtablesFate } from '../../bin/doctor/firewall.ts'
import { machineChecks, siteChecks } from '../../bin/doctor/groups.ts'
import { siteFacts } from '../../bin/doctor/site-facts.ts'
import { openRest } from '../../bin/rest.ts'
import type { HostItem } from '../../controller/northbound/realization.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import { RunError, run } from '../../topologies/lab/netns/run.ts'
import { runIn } from '../../topologies/lab/netns/run-in.ts'
import { program, runWeft } from '../bin/weft.ts'
import { needs } from '../needs.ts'
import { eventually, flowsOf, openTwoTenants } from './site-under-test.ts'

const LONG_MS = 60_000
const needed = needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping', 'nft')

describe('weft flows and weft doctor on Open vSwitch', needed, () => {
  let lab: NetnsLab
  let h1: OvsHost
  let directory: string

  const weft = (...args: readonly string[]) => runWeft(args, { env: { WEFT_CONTROLLER: lab.url } })

  /** As its operator runs it on h1. */
  async function look(...args: readonly string[]): Promise<readonly Result[]> {
    const argv = [execPath, program, 'doctor', '--host', '-o', 'json', ...args]
    const ended = await h1.exec(argv).catch((error: unknown) => {
      if (error instanceof RunError && error.exitCode === 1) return error
      throw error
    })
    const results = JSON.parse(ended.stdout) as Result[]
    const isBad = results.some(({ verdict }) => verdict === 'bad')
    expect(ended instanceof RunError).toBe(isBad)
    return results
  }
  /** Names and what was seen. */
  const badOf = (results: readonly Result[]) =>
    results.filter(({ verdict }) => verdict === 'bad').map(({ check, seen }) => [check, seen])
  const inHost = (...argv: readonly string[]) => h1.exec(argv)

  /** Of the interface with its VTEP; waits until it is so. */
  const setMtu = async (bytes: number) => {
    await h1.vsctl(['set', 'Interface', 'br-phy', `mtu_request=${bytes}`])
    await eventually(`br-phy has ${bytes}`, LONG_MS, async () => {
      const { stdout } = await inHost('ip', 'link', 'show', 'br-phy')
      return stdout.includes(` mtu ${bytes} `) || undefined
    })
  }

  beforeAll(async () => {
    if (needed.skip) return
    lab = await openTwoTenants()
    h1 = lab.host('h1')
    directory = (await h1.exec(['printenv', 'OVS_RUNDIR'])).stdout.trim()
  }, LONG_MS)
  afterAll(() => lab?.close())

  test(
    'what weft flows prints of a host makes an empty bridge the same as br-int',
    async () => {
      const { code, stdout } = await weft('flows', 'h1')
      expect(code).toBe(0)
      const lines = stdout.trimEnd().split('\n')
      const said = lines.filter((line) => !line.startsWith('#'))
      const stages = lines.filter((line) => /^# \w/.test(line)).map((line) => line.slice(2))
      expect(stages[0]).toMatch(
        /^h1 at revision \d+: \d+ flows, groups and meters, as it has them at /,
      )
      expect(stages.slice(1, 4)).toEqual(['meters', 'groups', 'classify (table 0)'])
      expect(lines).toContain('#   port/acme/vm1')
      const meters = said.filter((line) => line.startsWith('meter='))
      const groups = said.filter((line) => line.startsWith('group_id='))
      const flows = said.filter((line) => line.includes(' actions='))
      expect(said).toEqual([...meters, ...groups, ...flows])
      expect(flows.every((line) => line.includes(', n_packets='))).toBe(true)

      const bridge = ['br-check', '--', 'set', 'Bridge', 'br-check', 'datapath_type=netdev']
      await h1.vsctl(['add-br', ...bridge, 'fail_mode=secure', 'protocols=OpenFlow13'])
      for (const meter of meters) await h1.ofctl(['add-meter', 'br-check', meter])
      await h1.ofctl(['add-groups', 'br-check', '-'], { input: `${groups.join('\n')}\n` })
      // With its comments, but for what has commands of its own.
      const isOther = (line: string) => meters.includes(line) || groups.includes(line)
      const file = join(directory, 'flows.txt')
      writeFileSync(file, `${lines.filter((line) => !isOther(line)).join('\n')}\n`)
      await h1.ofctl(['add-flows', 'br-check', file])
      const dumped = async (what: string, of: string) =>
        (await h1.ofctl([what, of])).stdout.split('\n').slice(1).sort()
      const { stdout: copied } = await h1.ofctl(['dump-flows', '--no-stats', 'br-check'])
      const copy = copied
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean)
      expect(copy.sort()).toEqual((await flowsOf(lab, 'h1')).sort())
      expect(copy.length).toBe(flows.length)
      expect(await dumped('dump-groups', 'br-check')).toEqual(await dumped('dump-groups', 'br-int'))
      expect(await dumped('dump-meters', 'br-check')).toEqual(await dumped('dump-meters', 'br-int'))
      await h1.vsctl(['del-br', 'br-check'])
    },
    LONG_MS,
  )

  test(
    'one intent alone, as JSON; and no difference, by the exit code',
    async () => {
      const { stdout } = await weft('flows', 'h1', '--of', 'port/acme/vm1', '-o', 'json')
      const items = JSON.parse(stdout) as HostItem[]
      expect(items.length).toBeGreaterThan(5)
      expect(
        items.every(({ from, state }) => from.includes('port/acme/vm1') && state === 'same'),
      ).toBe(true)
      expect(await weft('flows', 'h1', '--diff')).toMatchObject({
        ...{ code: 0, stderr: '' },
        stdout: expect.stringMatching(/^# h1 at revision .*\n$/),
      })
    },
    LONG_MS,
  )

  test(
    'where all is well the doctor has nothing to say, of the site and of the host',
    async () => {
      // Until the first round of probes is through, and what guests say as they start is no longer news.
      const site = await eventually('all is well', LONG_MS, async () => {
        const ended = await weft('doctor')
        return ended.code === 0 && /\nAll is well\.\n$/.test(ended.stdout) ? ended : undefined
      })
      expect(site.stderr).toBe('')
      const results = await look()
      expect(results.filter(({ verdict }) => verdict === 'bad')).toEqual([])
      const names = [...new Set(results.map(({ check }) => check))]
      expect(names).toEqual(machineChecks.ovs.map(({ name }) => name))
      const mtu = results.find(({ check }) => check === 'MTU of the VTEP')
      expect(mtu?.seen).toBe('br-phy has 9050, its networks need 9050')
      const routes = results.find(({ check }) => check === 'routes to other VTEPs')
      expect(routes?.seen).toBe('to all of 1')
    },
    LONG_MS,
  )

  test('rules that drop UDP 4789 are told from those that do not', async () => {
    const fate = async (...rules: readonly string[]) => {
      for (const rule of ['add table inet t', ...rules]) await inHost('nft', rule)
      const { stdout } = await inHost('nft', '-j', 'list', 'ruleset')
      await inHost('nft', 'delete table inet t')
      return vxlanFate(JSON.parse(stdout)).passes
    }
    const input = 'add chain inet t input { type filter hook input priority 0; policy accept; }'
    const rule = (text: string) => `add rule inet t input ${text}`
    expect(await fate(input, rule('tcp dport 4789 drop'))).toBe('yes')
    expect(await fate(input, rule('udp dport { 53, 4789 } drop'))).toBe('no')
    expect(await fate(input, rule('udp dport != 4789 drop'))).toBe('yes')
    const inner = ['add chain inet t inner', 'add rule inet t inner udp dport 4000-5000 reject']
    expect(await fate(input, ...inner, rule('meta l4proto udp jump inner'))).toBe('no')
    expect(await fate(input, rule('ip saddr 192.0.2.12 udp dport 4789 drop'))).toBe('perhaps')
    const closed = input.replace('policy accept', 'policy drop')
    expect(await fate(closed)).toBe('no')
    expect(await fate(closed, rule('udp dport 4789 accept'))).toBe('yes')
    expect(await fate(closed, rule('ip saddr 192.0.2.0/24 udp dport 4789 accept'))).toBe('perhaps')
    expect(xtablesFate('-A INPUT -p udp -m udp --dport 4789 -j DROP').passes).toBe('no')
  })

  test(
    'a firewall, a low MTU, a peer without a route, a lost device, an old version and a clock that is off: all at once',
    async () => {
      await h1.vsctl(['--no-wait', 'add-port', 'br-phy', 'absent0'])
      await eventually('Open vSwitch says so', LONG_MS, async () => {
        const { stdout } = await h1.vsctl(['get', 'Interface', 'absent0', 'error'])
        return stdout.includes('absent0') || undefined
      })
      await h1.vsctl(['set', 'Open_vSwitch', '.', 'ovs_version=2.5.9'])
      const [peer = ''] = lab.host('h2').plan.vtep.addresses.map((each) => each.replace(/\/.*/, ''))
      await inHost('ip', 'route', 'add', 'unreachable', peer)
      await setMtu(1500)
      await inHost('nft', 'add table inet t')
      await inHost('nft', 'add chain inet t input { type filter hook input priority 0; }')
      await inHost('nft', 'add rule inet t input udp dport 4789 drop')
      const socket = join(directory, 'rest.sock')
      const ahead = await controllerAhead(socket)
      onTestFinished(async () => {
        ahead.close()
        await inHost('nft', 'delete table inet t')
        await setMtu(9050)
        await inHost('ip', 'route', 'del', 'unreachable', peer)
        await h1.vsctl(['clear', 'Open_vSwitch', '.', 'ovs_version'])
        await h1.vsctl(['del-port', 'br-phy', 'absent0'])
      })
      expect(badOf(await look('--controller', `unix:${socket}`))).toEqual([
        ['version of Open vSwitch', '2.5.9 has no check_pkt_larger'],
        ['interfaces', expect.stringMatching(/^absent0: /)],
        ['MTU of the VTEP', 'br-phy has 1500, its networks need 9050'],
        ['routes to other VTEPs', expect.stringContaining(peer)],
        ['firewall', expect.stringMatching(/^nft: t input: .*4789/)],
        ['clock', expect.stringMatching(/^that of the controller is 3\d{3} s ahead$/)],
      ])
    },
    LONG_MS,
  )

  test(
    'of a host of kind vtep: an address that no interface has, and modules that the kernel has not',
    async () => {
      const [own = ''] = h1.plan.vtep.addresses
      await inHost('ip', 'address', 'del', own, 'dev', 'br-phy')
      const address = own.replace(/\/.*/, '')
      const results = await look('--kind', 'vtep', '--vtep', address)
      await inHost('ip', 'address', 'add', own, 'dev', 'br-phy')
      const wrong = badOf(results)
      expect(wrong).toContainEqual(['VTEP address', `no interface has ${address}`])
      const named = wrong.flatMap(([check, seen = '']) =>
        check === 'kernel modules' ? seen.split(' ')[0] : [],
      )
      const loaded = (await run(['ls', '/sys/module'])).stdout.split('\n')
      expect(named).toEqual(['vxlan', '8021q'].filter((name) => !loaded.includes(name)))
    },
    LONG_MS,
  )

  test(
    'of a host whose tunnels lead nowhere the controller knows, and says between which two',
    async () => {
      const { underlayPort } = lab.host('h2').plan
      const underlay = (state: string) =>
        runIn(`weft-${lab.id}-underlay`, ['ip', 'link', 'set', underlayPort, state])
      await underlay('down')
      const silent = await eventually('nothing passes', LONG_MS, async () => {
        const signal = AbortSignal.timeout(LONG_MS)
        const rest = openRest({ controller: lab.url, signal })
        const facts = siteFacts({ rest, chosen: [], now: Date.now, later: Promise.resolve() })
        const checks = siteChecks.filter(({ name }) => name === 'VTEPs reach each other')
        const results = await examine(checks, facts, signal)
        return results.find(({ verdict }) => verdict === 'bad')
      })
      expect(silent.seen).toMatch(/^nothing passes from h\d \(192\.0\.2\.1\d\) to h\d /)
      await underlay('up')
    },
    2 * LONG_MS,
  )

  test(
    'without a manager the bridge is as somebody leaves it: no manager, no controller, fail_mode standalone',
    async () => {
      const { stdout: manager } = await h1.vsctl(['get-manager'])
      await h1.vsctl(['del-manager'])
      await h1.vsctl(['del-fail-mode', 'br-int', '--', 'del-controller', 'br-int'])
      expect(badOf(await look())).toEqual([
        ['manager', 'there is none'],
        ['br-int', expect.stringMatching(/^fail_mode standalone: /)],
        ['controllers of br-int', 'there is none'],
      ])
      await h1.vsctl(['set-manager', 'tcp:127.0.0.1:9'])
      const named = badOf(await look()).map(([, seen]) => seen)
      expect(named[0]).toContain('tcp:127.0.0.1:9 is not connected')
      await h1.vsctl(['set-manager', manager.trim()])
      await eventually('it is well again', LONG_MS, async () => {
        const { stdout } = await h1.vsctl(['get-fail-mode', 'br-int'])
        const { stdout: connected } = await h1.vsctl(['get-controller', 'br-int'])
        return (stdout.includes('secure') && connected !== '') || undefined
      })
    },
    2 * LONG_MS,
  )

  test(
    'daemons that are gone are found, one after the other',
    async () => {
      process.kill(Number(readFileSync(join(directory, 'ovs-vswitchd.pid'), 'utf8')), 'SIGKILL')
      const [first] = badOf(await look())
      expect(first).toEqual(['ovs-vswitchd', expect.stringMatching(/^it does not answer: /)])
      process.kill(Number(readFileSync(join(directory, 'ovsdb-server.pid'), 'utf8')), 'SIGKILL')
      const results = await look()
      expect(badOf(results)[0]).toEqual(['ovsdb-server', expect.stringContaining('db.sock')])
      expect(results.find(({ check }) => check === 'manager')?.verdict).toBe('unknown')
    },
    LONG_MS,
  )
})

/** Answers as a controller does whose clock is an hour ahead. */
function controllerAhead(path: string): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader('date', new Date(Date.now() + 3_600_000).toUTCString())
    response.end('{"status":"ok","revision":1}')
  })
  return new Promise((resolve) => server.listen(path, () => resolve(server)))
}
