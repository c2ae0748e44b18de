/**
 * Which kinds of actions a switch has not: all that it answers to one is that it does not know it. Such
 * kinds are left out of the comparison and named in the report. Neighbours: actions.ts, main.ts.
 */
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { type Body, flowMod } from '../../../southbound/openflow/message.ts'
import { randomOf } from '../random.ts'
import { actionOf, madeKinds } from './actions.ts'
import type { Peer } from './peer.ts'
import { newWorld } from './world.ts'

const ATTEMPTS = 12
const UNKNOWN = /^bad_action\.(bad_type|bad_exp_type|bad_experimenter)$/

export async function missingActions(peer: Peer): Promise<string[]> {
  const world = newWorld(randomOf(1))
  const context = {
    world,
    known: {},
    groups: [],
    tables: [9],
    depth: 0,
    without: new Set<string>(),
  }
  const missing: string[] = []
  for (const kind of madeKinds) {
    const bodies: Body[] = []
    for (let i = 0; i < ATTEMPTS; i++) {
      const action = actionOf(kind, context)
      if (!action) continue
      const instructions = [{ kind: 'apply_actions', actions: [action] }] as const
      const flow = { table_id: 0, priority: 1 + i, cookie: 0n, match: {}, instructions }
      bodies.push(flowMod('add', encodeFlow(flow)))
    }
    const errors = await peer.install(bodies)
    if (errors.size < bodies.length || bodies.length === 0) continue
    if ([...errors.values()].every((name) => UNKNOWN.test(name))) missing.push(kind)
  }
  return missing
}
