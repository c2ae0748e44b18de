/**
 * All or nothing: whatever changes flows or groups notes in a journal how to take the change back
 * and what to tell of it. One message is one journal, an atomic bundle is one for all of its
 * messages. Neighbours: flow-table.ts and groups.ts write it, bridge.ts opens and closes it.
 */
import type { Flow } from './flow-table.ts'

/** OpenFlow 1.3.5 §7.4.2, OFPRR_*. */
export const removedReason = {
  idle_timeout: 0,
  hard_timeout: 1,
  delete: 2,
  group_delete: 3,
  meter_delete: 4,
} as const

export interface FlowEvent {
  readonly event: 'added' | 'deleted' | 'modified'
  readonly flow: Flow
  /** removedReason; 0 unless deleted. */
  readonly reason: number
}

export interface Journal {
  readonly undo: (() => void)[]
  readonly events: FlowEvent[]
}

export function newJournal(): Journal {
  return { undo: [], events: [] }
}

export function rollBack(journal: Journal): void {
  for (const undo of journal.undo.reverse()) undo()
  journal.undo.length = 0
  journal.events.length = 0
}
