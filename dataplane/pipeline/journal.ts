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
  /** OpenFlow 1.3 has none of its own: as a deletion. */
  meter_delete: 2,
} as const

export interface FlowEvent {
  readonly event: 'added' | 'deleted' | 'modified'
  readonly flow: Flow
  /** removedReason; 0 unless deleted. */
  readonly reason: number
  /** Of an added flow: the identical one whose place it took. */
  readonly replaced?: Flow
  /** Of a modified flow: what it did until then. */
  readonly before?: Flow['program']
}

export interface Journal {
  readonly undo: (() => void)[]
  readonly events: FlowEvent[]
  /** What is told of other changes when all of them hold. */
  readonly told: (() => void)[]
}

export function newJournal(): Journal {
  return { undo: [], events: [], told: [] }
}

export function rollBack(journal: Journal): void {
  for (const undo of journal.undo.reverse()) undo()
  journal.undo.length = 0
  journal.events.length = 0
  journal.told.length = 0
}
