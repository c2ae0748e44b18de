/**
 * A netns site without a controller: br-int and its flows are made by hand with ovs-vsctl and ovs-ofctl,
 * so that tests of the lab's mechanics need nothing of Weft but the lab. One tenant, no security.
 */
import { formatIpv4, formatMac } from '../../southbound/wire/address.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import { openSite, type Site } from '../../topologies/lab/netns/site.ts'

const VNI = 5001

/** Two hosts, two guests on h1 and one on h2, in one network. */
export const handMadeDocument: LabDocument = {
  name: 'hand-made',
  underlay: { mtuBytes: 9050 },
  hosts: {
    h1: { kind: 'ovs', vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 },
    h2: { kind: 'ovs', vtepAddress: '192.0.2.12', underlayMtuBytes: 9050 },
  },
  tenants: {
    acme: {
      networks: { web: { type: 'vxlan', vni: VNI, mtuBytes: 9000 } },
      subnets: { web: { network: 'web', cidr: '10.0.0.0/24' } },
      ports: {
        vm1: { network: 'web', mac: '02:00:00:00:00:11', addresses: ['10.0.0.11'] },
        vm2: { network: 'web', mac: '02:00:00:00:00:12', addresses: ['10.0.0.12'] },
        vm3: { network: 'web', mac: '02:00:00:00:00:13', addresses: ['10.0.0.13'] },
      },
    },
  },
  workloads: { 'h1.vm1': 'acme/vm1', 'h2.vm2': 'acme/vm2', 'h1.vm3': 'acme/vm3' },
}

/** The uuid that a controller would have given to the port. */
export const handMadeUuid = (tenant: string, portId: string): string =>
  `uuid-of-${tenant}-${portId}`

/** Opens the site and brings its hosts up by hand. */
export async function openHandMadeSite(document: LabDocument = handMadeDocument): Promise<Site> {
  const portUuid = async (tenant: string, portId: string): Promise<string> =>
    handMadeUuid(tenant, portId)
  const site = await openSite({ document, portUuid })
  try {
    await Promise.all(
      [...site.hosts.values()].map(async (host) => {
        await host.start({ emptyDatabase: true })
        await Promise.all([host.boot(), makeIntegrationBridge(host)])
        await makeFlows(site, host)
      }),
    )
    return site
  } catch (error) {
    await site.close()
    throw error
  }
}

/** What the controller does to a host that dials in. */
export async function makeIntegrationBridge(host: OvsHost): Promise<void> {
  await host.vsctl([
    ...['add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev'],
    ...['fail_mode=secure', 'other_config:disable-in-band=true', 'protocols=OpenFlow13'],
    ...['--', 'add-port', 'br-int', 'vxlan', '--', 'set', 'Interface', 'vxlan', 'type=vxlan'],
    ...['options:key=flow', 'options:remote_ip=flow', 'ofport_request=100'],
  ])
}

/** One L2 table for the guests of all hosts; what is for nobody is flooded. */
export async function makeFlows(site: Site, host: OvsHost): Promise<void> {
  const toPeers = [...site.hosts.values()]
    .filter((peer) => peer.id !== host.id)
    .map((peer) => `set_field:${formatIpv4(peer.plan.vtep.address ?? 0)}->tun_dst,output:100`)
  const local = site.plan.workloads.filter((guest) => guest.hostId === host.id)
  const flood = local.map((guest) => `output:${guest.device}`)
  const tunnel = `set_field:${VNI}->tun_id,${toPeers.join(',')}`
  const flows = site.plan.workloads.map((guest) => {
    const here = guest.hostId === host.id
    return `table=1,dl_dst=${formatMac(guest.mac)},actions=${here ? `output:${guest.device}` : tunnel}`
  })
  await host.ofctl(['add-flows', 'br-int', '-'], {
    input: [
      `table=0,priority=2,in_port=100,tun_id=${VNI},actions=resubmit(,1)`,
      'table=0,priority=1,in_port=100,actions=drop',
      'table=0,priority=0,actions=resubmit(,1)',
      ...flows,
      `table=1,priority=1,in_port=100,actions=${flood.join(',')}`,
      `table=1,priority=0,actions=${[...flood, tunnel].join(',')}`,
    ].join('\n'),
  })
}
