/** Documents of the lab tests: small sites, made from one line per guest. */
import type { LabDocument } from '../../topologies/lab/lab.ts'

interface Guest {
  readonly host: string
  readonly tenant: string
  /** Last byte of its MAC and address. */
  readonly number: number
}

/** `h1 acme 11`: guest number 11 of tenant acme on host h1, in one network a tenant. */
export function documentOf(lines: readonly string[], mtuBytes = 9000): LabDocument {
  const guests = lines.map((line): Guest => {
    const [host = '', tenant = '', number = ''] = line.split(' ')
    return { host, tenant, number: Number(number) }
  })
  const hosts = [...new Set(guests.map(({ host }) => host))]
  const tenants = [...new Set(guests.map(({ tenant }) => tenant))]
  const ports = (tenant: string) =>
    guests
      .filter((guest) => guest.tenant === tenant)
      .map(({ number }) => {
        const mac = `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`
        return [`vm${number}`, { network: 'web', mac, addresses: [`10.0.0.${number}`] }] as const
      })
  return {
    name: 'test',
    underlay: { mtuBytes: mtuBytes + 50 },
    hosts: Object.fromEntries(
      hosts.map((id, at) => [
        id,
        { kind: 'ovs', vtepAddress: `192.0.2.${11 + at}`, underlayMtuBytes: mtuBytes + 50 },
      ]),
    ),
    tenants: Object.fromEntries(
      tenants.map((tenant, at) => [
        tenant,
        {
          networks: { web: { type: 'vxlan', vni: 5001 + at, mtuBytes } },
          subnets: { web: { network: 'web', cidr: '10.0.0.0/24' } },
          ports: Object.fromEntries(ports(tenant)),
        },
      ]),
    ),
    workloads: Object.fromEntries(
      guests.map((g) => [`${g.host}.${g.tenant}-vm${g.number}`, `${g.tenant}/vm${g.number}`]),
    ),
  }
}

/** Two hosts, two tenants with the same addresses, two guests of each tenant on one of the hosts. */
export const TWO_TENANTS = [
  'h1 acme 11',
  'h2 acme 12',
  'h1 acme 13',
  'h1 globex 11',
  'h2 globex 12',
  'h2 globex 13',
]
