/**
 * A bridge of the host's own to a physical network, on real Open vSwitch: h1 has the one that the model declares, h2 offers
 * its own. What networks there do is in the scenarios (topologies/scenarios/vlan.ts).
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Status } from '../../controller/northbound/realization.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { ipBatch } from '../../topologies/lab/netns/namespace.ts'
import { needs } from '../needs.ts'
import { until } from './agent-site.ts'
import { type ControlledSite, openControlledSite } from './controlled-site.ts'

const OWN = 'br-own'
/** What the patch ports are called: `office` is the first physical network. */
const FAR = 'weft-int1'

/** Of topologies/vlan-trunk.yaml the VLAN, on two hosts of which one has no bridge. */
function siteDocument(): LabDocument {
  const file = fileURLToPath(new URL('../../topologies/vlan-trunk.yaml', import.meta.url))
  const { underlay, physicalNetworks, hosts, tenants } = parse(readFileSync(file, 'utf8'))
  const { networks, subnets, ports } = tenants.acme
  const { vm11, vm12 } = ports
  const { desk, 'desk-six': six } = subnets
  const acme = { networks: { desk: networks.desk }, subnets: { desk, 'desk-six': six } }
  return {
    ...{ name: 'own-bridge', underlay, physicalNetworks },
    hosts: { h1: hosts.h1, h2: { ...hosts.h2, bridges: {} } },
    tenants: { acme: { ...acme, ports: { vm11, vm12 } } },
    workloads: { 'h1.vm11': 'acme/vm11', 'h2.vm12': 'acme/vm12' },
  } as LabDocument
}

describe(
  'a bridge of the host to a physical network, on real Open vSwitch',
  needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping'),
  () => {
    let site: ControlledSite
    const statusOf = async (path: string): Promise<Status> => (await site.get(path)).status
    const vsctl = async (host: string, ...args: string[]) =>
      (await site.host(host).vsctl(args)).stdout.trim()

    beforeAll(async () => {
      site = await openControlledSite(siteDocument())
      const [one, two] = site.site.plan.hosts.map(({ namespace }) => namespace)
      await ipBatch(undefined, [
        `link add name eth1 netns ${one} mtu 9100 type veth peer name eth1 netns ${two} mtu 9100`,
      ])
      for (const namespace of [one, two]) await ipBatch(namespace, ['link set eth1 up'])
      await vsctl('h2', 'add-br', OWN, '--', 'set', 'Bridge', OWN, 'datapath_type=netdev')
      await vsctl('h2', 'add-port', OWN, 'eth1')
    })
    afterAll(() => site?.close())

    test('a host that offers no bridge to it says so, until it names one in its mappings', async () => {
      const path = 'tenants/acme/ports/vm12'
      const missing = async () => (await statusOf(path)).hosts.h2?.state === 'failed'
      await until('vm12 has failed', missing)
      expect((await statusOf(path)).hosts.h2?.reason).toBe(
        'physical_network_missing: h2 offers no bridge to office',
      )
      const events = await site.events('physical_network_missing')
      expect(events.map(({ host }) => host)).toEqual(['h2'])
      const mapping = `external_ids:weft-bridge-mappings=office:${OWN}`
      await vsctl('h2', 'set', 'Open_vSwitch', '.', mapping)
      await site.realized(path)
      expect(await vsctl('h2', 'list-ports', OWN)).toBe(`eth1\n${FAR}`)
      expect(await vsctl('h2', 'get', 'Open_vSwitch', '.', 'other_config:vlan-limit')).toBe('"0"')
      expect(await vsctl('h1', 'list-ports', 'br-office')).toBe(`eth1\n${FAR}`)
      const ask = { bytes: 56, timeoutMs: 1000 }
      await until('a ping', () => site.guest('h1.vm11').ping(parseIpv4('10.0.0.12'), ask))
    })

    test('the MTU of the NIC behind it is lowered: the status of the network names host, NIC and what passes', async () => {
      const path = 'tenants/acme/networks/desk'
      const setMtu = (bytes: number) =>
        ipBatch(site.site.plan.hosts[1]?.namespace, [`link set dev eth1 mtu ${bytes}`])
      await setMtu(8000)
      await until('it is named', async () => (await statusOf(path)).mtu?.effective === 8000)
      expect((await statusOf(path)).mtu?.limitedBy).toMatchObject([
        { kind: 'interface', host: 'h2', interface: 'eth1', mtuBytes: 8000, packetBytes: 8000 },
      ])
      await setMtu(9100)
      await until('it is enough', async () => (await statusOf(path)).mtu?.effective === 9000)
    })

    test('without the mapping the patch port is taken away, and nothing else', async () => {
      await vsctl('h2', 'remove', 'Open_vSwitch', '.', 'external_ids', 'weft-bridge-mappings')
      await until('it is gone', async () => (await vsctl('h2', 'list-ports', OWN)) === 'eth1')
      await until(
        'an event',
        async () => (await site.events('physical_network_missing')).length === 2,
      )
      expect(await vsctl('h2', 'list-ports', 'br-int')).not.toContain('weft-phy')
    })
  },
)
