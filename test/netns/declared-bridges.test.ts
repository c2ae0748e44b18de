/**
 * Bridges that the model declares, on real Open vSwitch: several uplinks into one segment are one bond, and what cannot be
 * had is said of that bridge alone. The segment is a bridge of the kernel on h2, with a machine's address on it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Status } from '../../controller/northbound/realization.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { ipBatch, within } from '../../topologies/lab/netns/namespace.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { needs } from '../needs.ts'
import { until } from './agent-site.ts'
import { type ControlledSite, openControlledSite } from './controlled-site.ts'

const port = (n: number, network = 'bare') => ({
  ...{ network, mac: `02:00:00:00:00:${n}`, addresses: [`10.0.0.${n}`] },
})
const siteDocument = {
  name: 'declared-bridges',
  underlay: { mtuBytes: 9050 },
  physicalNetworks: { office: {}, dmz: {} },
  hosts: {
    h1: {
      ...{ kind: 'ovs', vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 },
      bridges: { 'br-office': { uplinks: ['eth1', 'eth2'], physicalNetwork: 'office' } },
    },
    h2: { kind: 'ovs', vtepAddress: '192.0.2.12', underlayMtuBytes: 9050 },
  },
  tenants: {
    acme: {
      networks: {
        bare: { type: 'flat', physicalNetwork: 'office', mtuBytes: 1500 },
        far: { type: 'flat', physicalNetwork: 'dmz', mtuBytes: 1500 },
        web: { mtuBytes: 1450 },
      },
      subnets: {
        bare: { network: 'bare', cidr: '10.0.0.0/24' },
        web: { network: 'web', cidr: '10.0.0.0/24' },
      },
      ports: {
        ...{ vm21: port(21), vm31: port(31, 'web') },
        vm22: { network: 'far', hostId: 'h2', ofport: 9 },
      },
    },
  },
  workloads: { 'h1.vm21': 'acme/vm21', 'h2.vm31': 'acme/vm31' },
} as unknown as LabDocument

describe(
  'declared bridges on real Open vSwitch',
  needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping'),
  () => {
    let site: ControlledSite
    let [one, two] = ['', '']
    const stateOf = async (path: string, host = 'h1') =>
      (await site.get<{ status: Status }>(path)).status.hosts[host]
    const failed = async (path: string, host?: string) => {
      await until(`${path} has failed`, async () => (await stateOf(path, host))?.state === 'failed')
      return (await stateOf(path, host))?.reason
    }
    const vsctl = async (host: string, ...args: string[]) =>
      (await site.host(host).vsctl(args)).stdout.trim()
    /** Frames that came out of h1. */
    const framesOut = async () => {
      const file = (name: string) => `/sys/class/net/${name}/statistics/rx_packets`
      const { stdout } = await run(within(two, ['cat', file('eth1p'), file('eth2p')]))
      return stdout.trim().split('\n').map(Number)
    }
    const ask = { bytes: 56, timeoutMs: 1000 }
    const reaches = () =>
      until('a ping', () => site.guest('h1.vm21').ping(parseIpv4('10.0.0.90'), ask))

    beforeAll(async () => {
      site = await openControlledSite(siteDocument)
      ;[one = '', two = ''] = site.site.plan.hosts.map(({ namespace }) => namespace)
      await ipBatch(two, ['link add lan0 type bridge', 'addr add 10.0.0.90/24 dev lan0'])
      for (const name of ['eth1', 'eth2']) {
        await ipBatch(undefined, [
          `link add name ${name} netns ${one} type veth peer name ${name}p netns ${two}`,
        ])
        await ipBatch(one, [`link set ${name} up`])
        await ipBatch(two, [`link set ${name}p master lan0 up`])
      }
      await ipBatch(two, ['link set lan0 up'])
    })
    afterAll(() => site?.close())

    test('two uplinks into one segment are no loop, and the other one carries when the first is gone', async () => {
      await site.realized('infra/bridges/h1/br-office')
      await site.realized('tenants/acme/ports/vm21')
      expect(await vsctl('h1', 'get', 'Port', 'weft-bond-br-office', 'bond_mode')).toBe(
        'active-backup',
      )
      await reaches()
      const [first = 0, second = 0] = await framesOut()
      expect(first + second).toBeLessThan(200)
      const active = first > second ? 'eth1p' : 'eth2p'
      await ipBatch(two, [`link set ${active} down`])
      await reaches()
      const after = await framesOut()
      expect(after[active === 'eth1p' ? 1 : 0]).toBeGreaterThan(Math.min(first, second))
      expect((after[0] ?? 0) + (after[1] ?? 0)).toBeLessThan(400)
      await ipBatch(two, [`link set ${active} up`])
    })

    test('a bridge follows its uplinks: one, two, another one', async () => {
      const path = 'infra/bridges/h1/br-office'
      const put = async (...uplinks: string[]) => {
        expect(await site.put(path, { uplinks, physicalNetwork: 'office' })).toBe(200)
        await site.realized(path)
        await reaches()
        return await vsctl('h1', 'list-ifaces', 'br-office')
      }
      expect(await put('eth2')).toBe('eth2\nweft-int1')
      expect(await vsctl('h1', 'list-ports', 'br-office')).toBe('eth2\nweft-int1')
      expect(await put('eth2', 'eth1')).toBe('eth1\neth2\nweft-int1')
      expect(await put('eth1')).toBe('eth1\nweft-int1')
    })

    test('an uplink that there is not, or that another bridge has, fails its bridge and nothing else', async () => {
      await ipBatch(one, ['link add own0 type veth peer name own1'])
      await vsctl('h1', 'add-br', 'br-own', '--', 'set', 'Bridge', 'br-own', 'datapath_type=netdev')
      await vsctl('h1', 'add-port', 'br-own', 'own0')
      await site.put('infra/bridges/h1/br-x', { uplinks: ['nosuch0'] })
      await site.put('infra/bridges/h1/br-y', { uplinks: ['own0'] })
      expect(await failed('infra/bridges/h1/br-x')).toMatch(
        /could not open network device nosuch0 \(No such device\)/,
      )
      expect(await failed('infra/bridges/h1/br-y')).toBe('uplink_taken: br-own')
      expect(await vsctl('h1', 'list-ports', 'br-own')).toBe('own0')
      await site.put('infra/bridges/h1/br-z', { uplinks: ['own1'] })
      await site.realized('infra/bridges/h1/br-z')
      await site.realized('infra/hosts/h1')
      await site.realized('tenants/acme/ports/vm21')
      await ipBatch(one, ['link add nosuch0 type veth peer name nosuch1'])
      await site.realized('infra/bridges/h1/br-x')
    })

    test('a mapping to a bridge of another datapath_type, or of another physical network, is named in the status', async () => {
      const lead = 'physical_network_missing: h2 offers no bridge to dmz: '
      const map = (text: string) =>
        vsctl('h2', 'set', 'Open_vSwitch', '.', `external_ids:weft-bridge-mappings="${text}"`)
      await vsctl('h2', '--no-wait', 'add-br', 'br-sys')
      await map('dmz:br-sys')
      const path = 'tenants/acme/ports/vm22'
      const reason = async () => (await stateOf(path, 'h2'))?.reason
      const why = `${lead}br-sys has datapath_type system, br-int has netdev`
      await until(why, async () => (await reason()) === why)
      await vsctl('h2', 'add-br', 'br-two', '--', 'set', 'Bridge', 'br-two', 'datapath_type=netdev')
      await map('office:br-two,dmz:br-two')
      const second = `${lead}br-two leads to physical network office`
      await until(second, async () => (await reason()) === second)
      await map('dmz:br-two')
      await site.realized(path)
    })
  },
)
