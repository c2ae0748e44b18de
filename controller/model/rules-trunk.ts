/**
 * A network whose guests may send tags is no network of trunks: a tag that any of its ports sends would be one of a trunk's
 * sub-ports to the guest behind that trunk, and so in another network. Neighbour: rules-port.ts has the other rules of sub-ports.
 */
import { type Problem, problem } from './errors.ts'
import type { Context } from './rule.ts'
import type { Network, Port } from './schema.ts'

export function checkTrunkNetwork(port: Port, _: string, { view }: Context): Problem[] {
  const { tenant, parent } = port
  const trunk = parent === undefined ? undefined : view.get('port', `${tenant}/${parent}`)
  const network = trunk && view.get('network', `${tenant}/${trunk.network}`)
  if (!network?.vlanTransparent) return []
  const by = `network ${tenant}/${network.id}`
  const expected = 'a parent in a network that is not vlanTransparent'
  return [problem('trunk_transparent', { pointer: '/parent', value: parent, by, expected })]
}

/** Costs by the sub-ports of the tenant, and nothing where guests may not send tags. */
export function checkTransparent(network: Network, _: string, { view }: Context): Problem[] {
  if (!network.vlanTransparent) return []
  const { tenant, id } = network
  const bounds = [`${tenant}/`, `${tenant}0`] as const
  for (const [, key] of view.index('portByParent').range(...bounds)) {
    const trunk = view.get('port', `${tenant}/${view.get('port', key)?.parent}`)
    if (trunk?.network !== id) continue
    const by = `port ${tenant}/${trunk.id}`
    const facts = { pointer: '/vlanTransparent', value: network.vlanTransparent, by }
    const expected = 'vlanTransparent left out, or the sub-ports of that port deleted first'
    return [problem('transparent_trunk', { ...facts, expected })]
  }
  return []
}
