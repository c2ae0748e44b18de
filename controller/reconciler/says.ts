/**
 * What a machine says of itself, for whoever makes a host object of it: each with where it was read. The address of its
 * tunnels is nowhere in the database of Open vSwitch, unless somebody has written it there. Neighbours: `roster.ts`, `underlay-interface.ts`.
 */
import type { Said } from '../northbound/realization.ts'
import { addressOf } from './host-line.ts'
import type { HostReplica } from './host-replica.ts'
import { underlayInterface } from './underlay-interface.ts'
import type { VtepReplica } from './vtep/vtep-replica.ts'

/** Keys of external_ids that have the VTEP's address; the second is what OVN's hosts have. */
const ADDRESS_KEYS = ['weft-vtep-address', 'ovn-encap-ip'] as const

/** @param peer 'ADDRESS:PORT' that it dials from */
export function saidByOvs(replica: HostReplica, peer: string): Said {
  const [root] = replica.table('Open_vSwitch').values()
  const version = root?.ovs_version
  const underlay = underlayInterface(replica)
  return {
    ...(version !== undefined && { version: version.slice(0, 64) }),
    vtepAddress: vtepOf(replica) ?? dialled(peer),
    ...(underlay && {
      underlayMtuBytes: {
        value: underlay.mtuBytes,
        from: `mtu of Interface ${underlay.interface}`,
      },
    }),
  }
}

/** @param name of its Physical_Switch */
export function saidByVtep(replica: VtepReplica, name: string | undefined, peer: string): Said {
  const rows = [...replica.table('Physical_Switch').values()]
  const [address] = rows.find((row) => row.name === name)?.tunnel_ips ?? []
  const own = address !== undefined && { value: address, from: `tunnel_ips of ${name}` }
  return { vtepAddress: own || dialled(peer) }
}

function vtepOf(replica: HostReplica): Said['vtepAddress'] | undefined {
  const [root] = replica.table('Open_vSwitch').values()
  for (const key of ADDRESS_KEYS) {
    // OVN takes several, with commas between them.
    const [value] = root?.external_ids[key]?.split(',') ?? []
    if (value) return { value: value.slice(0, 64), from: `external_ids:${key}` }
  }
  for (const { name, options } of replica.table('Interface').values()) {
    const { local_ip: value } = options
    if (value && value !== 'flow')
      return { value: value.slice(0, 64), from: `local_ip of Interface ${name}` }
  }
  return undefined
}

const dialled = (peer: string): Said['vtepAddress'] => ({
  value: addressOf(peer)
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/^::ffff:/, ''),
  from: 'the address that it dials from',
})
