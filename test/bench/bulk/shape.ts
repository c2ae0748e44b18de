/**
 * The shape of `bulk`, the same for both contenders: networks of 100 ports each, a port's frames held to its own MAC and
 * address, ports in turn on the two hosts. What is measured is the control plane: interfaces.ts.
 */
import type { LabDocument } from '../../../topologies/lab/lab.ts'
import { INTEGRATION_BRIDGE, type OvsHost } from '../../../topologies/lab/netns/ovs-host.ts'

export const PORTS_PER_NETWORK = 100
export const HOSTS = ['h1', 'h2'] as const
const FIRST_OFPORT = 100

export interface ShapePort {
  readonly id: string
  readonly network: string
  readonly mac: string
  readonly address: string
  readonly hostId: string
  readonly ofport: number
}

/** Ports `from` to `to`, without the last; the n-th is the same for everybody. */
export const portsOf = (from: number, to: number): ShapePort[] =>
  Array.from({ length: to - from }, (_, i) => portAt(from + i))

function portAt(n: number): ShapePort {
  const network = Math.floor(n / PORTS_PER_NETWORK)
  const hex = (byte: number): string => (byte & 255).toString(16).padStart(2, '0')
  return {
    id: `p${n}`,
    network: `n${network}`,
    mac: `02:00:00:00:${hex(n >> 8)}:${hex(n)}`,
    address: `10.0.0.${10 + (n % PORTS_PER_NETWORK)}`,
    hostId: HOSTS[n % HOSTS.length] ?? '',
    ofport: FIRST_OFPORT + Math.floor(n / HOSTS.length),
  }
}

export const networksOf = (ports: readonly ShapePort[]): string[] => [
  ...new Set(ports.map(({ network }) => network)),
]

/** Two hosts with Open vSwitch and nothing on them. */
export function emptySite(name: string): LabDocument {
  const host = (vtepAddress: string) => ({
    kind: 'ovs' as const,
    vtepAddress,
    underlayMtuBytes: 9050,
  })
  return {
    name,
    underlay: { mtuBytes: 9050 },
    hosts: { h1: host('192.0.2.11'), h2: host('192.0.2.12') },
    tenants: {},
    workloads: {},
  }
}

/** Of one host. */
export const portsOn = (hostId: string, ports: readonly ShapePort[]): ShapePort[] =>
  ports.filter((port) => port.hostId === hostId)

/** Flows on br-int. */
export async function flowsOn(host: OvsHost): Promise<number> {
  const { stdout } = await host.ofctl(['dump-aggregate', INTEGRATION_BRIDGE])
  return Number(/flow_count=(\d+)/.exec(stdout)?.[1])
}
