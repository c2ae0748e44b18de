/**
 * The state of a packet's passage: made once per bridge and depth, cleared for each packet, kept and
 * put back around buckets and clones. Neighbours: run.ts (what it is), pipeline.ts.
 */
import { KEY_WORDS, keyField } from '../packet/key-layout.ts'
import { UNSET } from './actions.ts'
import {
  type Datapath,
  NO_QUEUE,
  type Run,
  type Saved,
  STACK_PLACES,
  STACK_WORDS,
  STOP,
} from './run.ts'

/** Groups in groups and resubmits in resubmits. */
export const MAX_DEPTH = 32
const ACTSET_OUTPUT = keyField.actset_output.slot

export function newRun(datapath: Datapath): Run {
  return {
    packet: undefined as never,
    key: new Uint32Array(KEY_WORDS),
    saved: Array.from(
      { length: MAX_DEPTH + 1 },
      (): Saved => ({
        ...{ key: new Uint32Array(KEY_WORDS), set: [], stack: undefined },
        ...{ executing: [], stackSize: 0, packet: undefined, queue: NO_QUEUE },
      }),
    ),
    datapath,
    set: [],
    stack: new Uint32Array(STACK_PLACES * STACK_WORDS),
    stackSize: 0,
    queue: NO_QUEUE,
    isTail: true,
    flow: undefined,
    tableId: 0,
    now: 0,
    stop: STOP.none,
    sent: 0,
    dropped: 0,
    held: -1,
    depth: 0,
  }
}

export function restart(run: Run, packet: Run['packet'], now: number): void {
  run.packet = packet
  run.key.fill(0)
  run.key[ACTSET_OUTPUT] = UNSET
  run.set.length = 0
  run.stackSize = 0
  run.queue = NO_QUEUE
  run.isTail = true
  run.flow = undefined
  run.tableId = 0
  run.now = now
  run.stop = STOP.none
  run.sent = 0
  run.dropped = 0
  run.held = -1
  run.depth = 0
}

/** Keeps key, action set and stack; answers the size of the stack. */
export function save(run: Run, saved: Saved): number {
  saved.key.set(run.key)
  copyList(run.set, saved.set)
  if (run.stackSize > 0) {
    saved.stack ??= new Uint32Array(STACK_PLACES * STACK_WORDS)
    saved.stack.set(run.stack)
  }
  return run.stackSize
}

export function restore(run: Run, saved: Saved, stackSize: number): void {
  run.key.set(saved.key)
  copyList(saved.set, run.set)
  if (stackSize > 0) run.stack.set(saved.stack!)
  run.stackSize = stackSize
}

export function copyList<T>(from: readonly T[], to: T[]): void {
  to.length = from.length
  for (let i = 0; i < from.length; i++) to[i] = from[i]!
}
