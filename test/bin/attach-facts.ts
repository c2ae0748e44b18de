/** One site as the tests of `weft attach` need it: three types of network, a trunk, hosts of both kinds. */

import { type Attachment, attachmentOf, type SiteFacts } from '../../bin/attach/attachment.ts'
import type { Host, Network, Port, Subnet } from '../../controller/model/schema.ts'

const uuid = (n: number): string => `${`${n}`.padStart(8, '0')}-0000-4000-8000-000000000000`

const own = (id: string, n: number) => ({
  ...{ tenant: 'acme', id, uuid: uuid(n), number: n, revision: 1 },
})

const networks: readonly Network[] = [
  { ...own('web', 1), type: 'vxlan', vni: 5001, mtuBytes: 9000 },
  { ...own('db', 2), type: 'vlan', physicalNetwork: 'dc1', vid: 100, mtuBytes: 1500 },
  { ...own('mgmt', 3), type: 'flat', physicalNetwork: 'dc1', mtuBytes: 1500 },
  { ...own('big', 5), type: 'flat', physicalNetwork: 'dc2', mtuBytes: 9000 },
  {
    ...own('joined', 4),
    ...{ type: 'vxlan', vni: 5004, mtuBytes: 1450 },
    extension: { physicalNetwork: 'dc1', vid: 200, hostId: 'h1' },
  },
]

const subnet = (network: string, n: number): Subnet => ({
  ...own(network, n),
  ...{ network, cidr: `10.${n}.0.0/24` },
})

const port = (id: string, n: number, network: string, more: Partial<Port> = {}): Port => ({
  ...own(id, n),
  ...{ network, mac: `02:00:00:00:00:${`${n}`.padStart(2, '0')}`, addresses: [], ...more },
})

const host = (id: string, kind: Host['kind']): Host => ({
  ...{ id, uuid: uuid(90), kind, systemId: id, revision: 1 },
  ...{ vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 },
})

export const facts: SiteFacts = {
  networks,
  subnets: [
    ...[subnet('web', 1), subnet('db', 2), subnet('mgmt', 3)],
    { ...own('web-six', 24), network: 'web', cidr: '2001:db8:1::/64' },
  ],
  hosts: [host('h1', 'ovs'), host('h3', 'vtep')],
  ports: [
    port('vm1', 11, 'web', { addresses: ['10.1.0.11'] }),
    port('six', 25, 'web', { addresses: ['10.1.0.25', '2001:db8:1::25'] }),
    port('db1', 12, 'db', { addresses: ['10.2.0.12'] }),
    port('mgmt1', 13, 'mgmt'),
    port('joined1', 14, 'joined'),
    port('trunk', 15, 'mgmt', { addresses: ['10.3.0.15'] }),
    port('trunk-db', 16, 'db', { parent: 'trunk', vid: 100, addresses: ['10.2.0.16'] }),
    port('trunk--web', 17, 'web', { parent: 'trunk', vid: 20 }),
    port('trunk2', 21, 'mgmt'),
    port('trunk-joined', 22, 'joined', { parent: 'trunk2', vid: 21 }),
    port('big1', 23, 'big'),
    port('declared', 18, 'web', { hostId: 'h3', interface: 'eth7', addresses: ['10.1.0.18'] }),
    port('tagged', 19, 'web', {
      hostId: 'h3',
      interface: 'eth8',
      vid: 30,
      addresses: ['10.1.0.19'],
    }),
    port('cabled', 20, 'web', { hostId: 'h3', interface: 'Ethernet1/1' }),
  ],
}

/** Of a port of acme. */
export const attachment = (id: string, hostId?: string): Attachment =>
  attachmentOf(`acme/${id}`, facts, hostId)
