/**
 * Rules of a bridge's uplinks: they are interfaces of the host that nothing of Weft or of the model is called by. That two
 * bridges of a host have one uplink is refused by the index `bridgeByUplink`. What is on the host already only its session sees.
 * Neighbour: rules-segment.ts has what bridges lead to.
 */
import { type Problem, problem } from './errors.ts'
import { uplinkValue } from './indexes.ts'
import type { Context } from './rule.ts'
import type { Bridge } from './schema.ts'

/** Names that Weft gives on a host: the integration bridge, its tunnel, patch ports, bonds and the agent's devices. */
const ofWeft = /^(br-int$|weft-)/

export function checkUplinks(bridge: Bridge, _: string, { view }: Context): Problem[] {
  const { host, id, kind, uplinks } = bridge
  const problems: Problem[] = []
  const expected = 'an interface of the host that is no bridge'
  for (const [at, value] of uplinks.entries()) {
    const pointer = `/uplinks/${at}`
    if (ofWeft.test(value)) problems.push(problem('uplink_reserved', { pointer, value, expected }))
    else if (view.get('bridge', `${host}/${value}`)) {
      const by = `bridge ${host}/${value}`
      problems.push(problem('uplink_is_bridge', { pointer, value, by, expected }))
    }
  }
  const [first, second] = uplinks
  if (kind === 'linux' && first !== undefined && second !== undefined) {
    const expected = 'one uplink, which may be a bond that the host has made'
    const facts = { pointer: '/uplinks/1', value: second, by: first, expected }
    problems.push(problem('uplinks_loop', facts))
  }
  for (const other of view.find('bridgeByUplink', uplinkValue(host, id))) {
    if (other === `${host}/${id}`) continue
    const facts = { pointer: '', value: id, by: `bridge ${other}`, expected: 'another id' }
    problems.push(problem('bridge_is_uplink', facts))
  }
  return problems
}
