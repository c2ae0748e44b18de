/**
 * Flows that packets taught (the learn action): how many there may be, and what becomes of those that
 * find no room: counted each, logged once a minute, as packets decide how many there are.
 * Neighbours: bridge.ts, pipeline/learn.ts (the action), flow-table.ts (adds the flow).
 */
import { checkFlowFits } from '../openflow/reply-size.ts'
import type { Flow, FlowMod } from '../pipeline/flow-table.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from './bridge.ts'

const LOG_EVERY_MS = 60_000

export interface Lessons {
  /** Never throws. */
  learn(mod: FlowMod): void
  /** Flows came, changed and went, whoever asked for it. */
  changed(events: readonly FlowEvent[]): void
  /** Flows that could not be learned. */
  readonly refused: number
}

export function lessons(bridge: Bridge): Lessons {
  const learned = new Set<Flow>()
  let refused = 0
  let told = 0
  let tellAt = Number.NEGATIVE_INFINITY

  return {
    get refused() {
      return refused
    },
    learn(mod) {
      const now = bridge.clock.now()
      const limit = bridge.limits.learnedFlows
      let added: FlowEvent | undefined
      try {
        bridge.change(undefined, (journal) => {
          bridge.flows.learn(mod, now, journal)
          added = journal.events.find(({ event }) => event === 'added')
          if (!added) return
          checkFlowFits(added.flow)
          const isMore = !added.replaced || !learned.has(added.replaced)
          if (isMore && learned.size >= limit) {
            refuse('flow_mod_failed.table_full', `${limit} learned flows`)
          }
        })
        if (added) learned.add(added.flow)
      } catch (error) {
        refused++
        if (now < tellAt) return
        tellAt = now + LOG_EVERY_MS
        const fields = { bridge: bridge.name, error, flows: refused - told }
        bridge.log.warn(fields, 'flows could not be learned')
        told = refused
      }
    },
    changed(events) {
      for (const { event, flow, replaced } of events) {
        if (event === 'deleted') learned.delete(flow)
        else if (replaced) learned.delete(replaced)
      }
    },
  }
}
