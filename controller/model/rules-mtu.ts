/**
 * What cannot cross is refused: a network against the underlay of every host that could carry it and
 * against its physical network, and each of those against the networks there are.
 *
 * Neighbours: overhead.ts knows what an encapsulation costs, tunnel.ts over which family it goes.
 */
import { type Problem, problem } from './errors.ts'
import type { IndexName } from './indexes.ts'
import { type Family, guestTags, overheadBytes } from './overhead.ts'
import { type Context, defaulted } from './rule.ts'
import type { Bridge, Host, Network, PhysicalNetwork } from './schema.ts'
import { guestBytes, segmentsOf } from './segment.ts'
import type { View } from './snapshot.ts'
import { type Families, familiesOf } from './tunnel.ts'

/** MTU of an underlay that nobody speaks of. */
const plainBytes = 1500
const leastMtuBytes = 576

// The underlay ------------------------------------------------------------------------------------

/** A host, and the costlier of the families that its tunnels may have. */
interface Carrier {
  readonly host: Host
  readonly family: Family
}

/** Packets that fit into the tunnels of a host, in bytes. */
const roomOf = ({ host, family }: Carrier): number =>
  host.underlayMtuBytes - overheadBytes({ family })

/** A host with both families has tunnels over IPv6 when another host has nothing else. */
function carrier(host: Host, view: View): Carrier {
  const families = familiesOf(host)
  if (families === '46') return { host, family: narrowestOf('6', view) ? 6 : 4 }
  return { host, family: families === '6' ? 6 : 4 }
}

/** The host of these families whose underlay carries least. */
function narrowestOf(families: Families, view: View): Host | undefined {
  const [first] = view.index('hostByUnderlayMtu').range(`${families} `, `${families}!`)
  return first && view.get('host', first[1])
}

/** A port may be bound on any host, so a network must cross the narrowest underlay of the site. */
function narrowest(view: View): Carrier | undefined {
  const carriers = (['4', '6', '46'] as const).flatMap((families) => {
    const host = narrowestOf(families, view)
    return host ? [carrier(host, view)] : []
  })
  return carriers.sort((a, b) => roomOf(a) - roomOf(b))[0]
}

const costWords = (family: Family, tags: number): string =>
  `VXLAN over IPv${family} adds ${overheadBytes({ family })}${tagWords(tags)}`

const tagWords = (tags: number): string =>
  tags === 0 ? '' : ` and VLAN tags of workloads ${overheadBytes({ tags })}`

export function checkTunnelMtu(network: Network, _: string, at: Context): Problem[] {
  const least = network.type === 'vxlan' ? narrowest(at.view) : undefined
  if (!least || guestBytes(network) <= roomOf(least)) return []
  const { host, family } = least
  const tags = guestTags(network)
  const cost = overheadBytes({ family, tags })
  return [
    problem('mtu_exceeds_underlay', {
      pointer: '/mtuBytes',
      value: network.mtuBytes,
      note: defaulted('mtuBytes', at),
      by: `${costWords(family, tags)} and host ${host.id} carries ${host.underlayMtuBytes}`,
      expected: `at most ${host.underlayMtuBytes - cost}, or an underlay of at least ${network.mtuBytes + cost}`,
    }),
  ]
}

export function checkUnderlayMtu(host: Host, _: string, at: Context): Problem[] {
  const widest = at.view.index('networkByTunnelBytes').last()?.[1]
  const network = widest === undefined ? undefined : at.view.get('network', widest)
  if (!network || widest === undefined || at.edited('network', widest)) return []
  const own = carrier(host, at.view)
  if (guestBytes(network) > roomOf(own)) {
    return [
      problem('underlay_mtu_too_small', {
        pointer: '/underlayMtuBytes',
        value: host.underlayMtuBytes,
        note: defaulted('underlayMtuBytes', at),
        by: `${widest} with its packets of ${network.mtuBytes} bytes${tagged(network)}`,
        expected: `at least ${guestBytes(network) + overheadBytes({ family: own.family })}`,
      }),
    ]
  }
  return checkDearerPeers(host, widest, network, at)
}

const tagged = (network: Network): string => {
  const tags = guestTags(network)
  return tags === 0 ? '' : ` and VLAN tags of ${overheadBytes({ tags })}`
}

/** A host without IPv4 makes every host with both families pay for IPv6. */
function checkDearerPeers(host: Host, key: string, network: Network, at: Context): Problem[] {
  const peer = familiesOf(host) === '6' ? narrowestOf('46', at.view) : undefined
  if (!peer || at.edited('host', peer.id)) return []
  const needed = guestBytes(network) + overheadBytes({ family: 6 })
  if (needed <= peer.underlayMtuBytes) return []
  return [
    problem('tunnel_too_narrow', {
      pointer: '/vtepAddress',
      value: host.vtepAddress,
      by: `network ${key} needs ${needed} bytes over IPv6 and host ${peer.id} carries ${peer.underlayMtuBytes}`,
      expected: `an IPv4 address beside it, or an underlay of at least ${needed} at host ${peer.id}`,
    }),
  ]
}

// Physical networks -------------------------------------------------------------------------------

export function checkSegmentMtu(network: Network, _: string, at: Context): Problem[] {
  return segmentsOf(network).flatMap(({ physicalNetwork }) => {
    const most = at.view.get('physicalNetwork', physicalNetwork)?.mtuBytes
    if (most === undefined || guestBytes(network) <= most) return []
    const tags = guestTags(network)
    const cost = overheadBytes({ tags })
    return [
      problem('mtu_exceeds_physical', {
        pointer: '/mtuBytes',
        value: network.mtuBytes,
        note: `${defaulted('mtuBytes', at)}${tagged(network)}`,
        by: `${physicalNetwork}, which carries ${most}`,
        expected: `at most ${most - cost}, or a physical network of at least ${network.mtuBytes + cost}`,
      }),
    ]
  })
}

export function checkPhysicalMtu(physical: PhysicalNetwork, key: string, at: Context): Problem[] {
  const facts = {
    pointer: '/mtuBytes',
    value: physical.mtuBytes,
    note: defaulted('mtuBytes', at),
  }
  const problems: Problem[] = []
  const widest = last(at.view, 'networkBySegmentBytes', key)
  const network = widest === undefined ? undefined : at.view.get('network', widest)
  if (network && widest !== undefined && !at.edited('network', widest)) {
    const least = guestBytes(network)
    const by = `network ${widest} with its packets of ${network.mtuBytes} bytes${tagged(network)}`
    if (least > physical.mtuBytes)
      problems.push(
        problem('physical_mtu_too_small', { ...facts, by, expected: `at least ${least}` }),
      )
  }
  const [narrow] = at.view.index('bridgeByMtu').range(`${key} `, `${key}!`)
  const bridge = narrow && at.view.get('bridge', narrow[1])
  if (bridge && !at.edited('bridge', `${bridge.host}/${bridge.id}`)) {
    const most = bridge.mtuBytes ?? physical.mtuBytes
    const by = `bridge ${bridge.host}/${bridge.id}, which carries ${most}`
    if (most < physical.mtuBytes)
      problems.push(
        problem('physical_mtu_too_large', { ...facts, by, expected: `at most ${most}` }),
      )
  }
  return problems
}

export function checkBridgeMtu(bridge: Bridge, _: string, { view }: Context): Problem[] {
  const { mtuBytes, physicalNetwork = '' } = bridge
  const least = view.get('physicalNetwork', physicalNetwork)?.mtuBytes
  if (least === undefined || mtuBytes === undefined || least <= mtuBytes) return []
  const by = `${physicalNetwork} with its packets of ${least} bytes`
  const facts = { pointer: '/mtuBytes', value: mtuBytes, by, expected: `at least ${least}` }
  return [problem('bridge_mtu_too_small', facts)]
}

function last(view: View, index: IndexName, value: string): string | undefined {
  let key: string | undefined
  for (const [, each] of view.index(index).range(`${value} `, `${value}!`)) key = each
  return key
}

// What is taken where the client leaves it out ----------------------------------------------------

/**
 * The MTU of a network that says none: what crosses an underlay of 1500 bytes over the costlier
 * family in use, and the physical network; never below 576, so that what is too narrow is refused.
 */
export function defaultMtuBytes(
  network: Omit<Network, 'mtuBytes' | 'revision'>,
  view: View,
): number {
  const tags = guestTags(network)
  const family = network.type !== 'vxlan' ? undefined : narrowestOf('6', view) ? 6 : 4
  const most = [plainBytes - overheadBytes({ family, tags })]
  for (const { physicalNetwork } of segmentsOf(network as Network)) {
    const carried = view.get('physicalNetwork', physicalNetwork)?.mtuBytes
    if (carried !== undefined) most.push(carried - overheadBytes({ tags }))
  }
  return Math.max(leastMtuBytes, Math.min(...most))
}
