/**
 * The tunnel between two hosts: which family, from where to where, at what cost. The one place that
 * decides it, for flows, rows of vtep hosts, probes and status. Neighbour: overhead.ts.
 */
import { familyOf } from './ip-address.ts'
import { type Family, overheadBytes } from './overhead.ts'
import type { Host } from './schema.ts'

export interface Tunnel {
  readonly family: Family
  /** VTEP address of the one host, and of its peer; canonical text. */
  readonly local: string
  readonly remote: string
  /** Bytes that the tunnel puts around a packet: 50 or 70. */
  readonly overheadBytes: number
}

/** The part of a host that tunnels depend on. */
export type Vtep = Pick<Host, 'vtepAddress' | 'alternateVtepAddress'>

/** The host's address of that family; undefined when it has none. */
export function vtepAddressOf(host: Vtep, family: Family): string | undefined {
  const { vtepAddress, alternateVtepAddress } = host
  if (familyOf(vtepAddress) === family) return vtepAddress
  return alternateVtepAddress !== undefined && familyOf(alternateVtepAddress) === family
    ? alternateVtepAddress
    : undefined
}

/** The families that a host has: '4', '6' or both, '46'. */
export function familiesOf(host: Vtep): Families {
  const four = vtepAddressOf(host, 4) !== undefined
  if (!four) return '6'
  return vtepAddressOf(host, 6) === undefined ? '4' : '46'
}
export type Families = '4' | '6' | '46'

/**
 * The family that both have, IPv4 before IPv6, so that both ends choose the same; undefined when they
 * have none in common and cannot reach each other.
 */
export function tunnelBetween(a: Vtep, b: Vtep): Tunnel | undefined {
  for (const family of [4, 6] as const) {
    const local = vtepAddressOf(a, family)
    const remote = vtepAddressOf(b, family)
    if (local === undefined || remote === undefined) continue
    return Object.freeze({ family, local, remote, overheadBytes: overheadBytes({ family }) })
  }
  return undefined
}
