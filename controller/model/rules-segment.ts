/**
 * Rules of physical networks, of the VLANs that networks use on them, of the bridges that lead to them, and of VNI pools. Neighbours: rules-mtu.ts has their sizes, vids.ts the lists.
 */
import { type Problem, problem } from './errors.ts'
import { vidValue } from './indexes.ts'
import type { Context } from './rule.ts'
import type { Bridge, Network, PhysicalNetwork, VniPool } from './schema.ts'
import { segmentsOf } from './segment.ts'
import { vniRange } from './values.ts'
import { hasVid, missingVids, type VidList, vidRangeOf } from './vids.ts'

/** A range goes upwards. */
export function checkVids({ vids = [] }: { readonly vids?: VidList }): Problem[] {
  return vids.flatMap((value, at) => {
    const { first, last } = vidRangeOf(value)
    const expected = `a range that goes upwards, such as '${last}-${first}'`
    return first <= last ? [] : [problem('malformed', { pointer: `/vids/${at}`, value, expected })]
  })
}

export function checkVnis({ vnis }: VniPool): Problem[] {
  return vnis.flatMap((value, at) => {
    const { first, last } = vidRangeOf(value)
    const expected = `a range that goes upwards, to ${vniRange.last} at most`
    const isRight = first <= last && last <= vniRange.last
    return isRight ? [] : [problem('malformed', { pointer: `/vnis/${at}`, value, expected })]
  })
}

export function checkVidsInUse(_: PhysicalNetwork, key: string, at: Context): Problem[] {
  const physical = at.view.get('physicalNetwork', key)
  for (const { first, last } of missingVids(physical?.vids ?? [])) {
    const bounds = [vidValue(key, first), vidValue(key, last + 1)] as const
    for (const [, by] of at.view.index('networkByVid').range(...bounds)) {
      const network = at.view.get('network', by)
      const vid = network && segmentsOf(network)[0]?.vid
      if (vid === undefined || at.edited('network', by)) continue
      const expected = `VIDs with ${vid} among them`
      return [problem('vid_in_use', { pointer: '/vids', value: vid, by, expected })]
    }
  }
  return []
}

export function checkVidAllowed(network: Network, _: string, { view }: Context): Problem[] {
  const { extension } = network
  return segmentsOf(network).flatMap(({ physicalNetwork, vid }) => {
    const allowed = view.get('physicalNetwork', physicalNetwork)?.vids
    if (allowed === undefined || vid === undefined || hasVid(allowed, vid)) return []
    const expected = `a VID among ${allowed.join(', ')}`
    const pointer = extension ? '/extension/vid' : '/vid'
    return [problem('vid_not_allowed', { pointer, value: vid, by: physicalNetwork, expected })]
  })
}

export function checkExtension({ extension, vlanTransparent }: Network): Problem[] {
  if (!extension || !vlanTransparent || extension.vid !== undefined) return []
  return [
    problem('extension_untagged', {
      pointer: '/extension',
      value: vlanTransparent,
      by: extension.physicalNetwork,
      expected: 'a vid in the extension, or vlanTransparent left out',
    }),
  ]
}

/** The kind of bridge that each kind of host has. */
export const bridgeKinds = { ovs: 'ovs', vtep: 'linux' } as const

export function checkBridgeKind(bridge: Bridge, _: string, { view }: Context): Problem[] {
  const host = view.get('host', bridge.host)
  if (!host || bridgeKinds[host.kind] === bridge.kind) return []
  const expected = `kind ${bridgeKinds[host.kind]}`
  const by = `host ${host.id} is of kind ${host.kind}`
  return [problem('host_kind_mismatch', { pointer: '/kind', value: bridge.kind, by, expected })]
}
