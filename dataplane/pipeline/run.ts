/**
 * One packet's passage through a bridge: the scratch state that the steps of flows work on, and
 * what a step may ask of the bridge. There is one Run per bridge, reused for every packet.
 * Neighbours: actions.ts compiles actions to steps, pipeline.ts runs them, bridge.ts delivers.
 */

import type { Conntrack } from '../conntrack/conntrack.ts'
import type { Packet } from '../packet/packet.ts'
import type { CompiledAction } from './action-row.ts'
import type { Flow, FlowMod } from './flow-table.ts'

/** One action, ready to run. Made when a flow is installed, never per packet. */
export type Step = (run: Run) => void

/** How much of the way ahead a step has called off. */
export const STOP = {
  none: 0,
  /** The rest of this table's flow and the tables behind it, up to a resubmit (dec_ttl). */
  table: 1,
  /** Everything, the action set too, but for what stands behind the bucket that it was in (exit). */
  exit: 2,
  /** Everything, up to the end of a bucket or clone: the packet was dropped. */
  packet: 3,
} as const

/** Words of the widest field that goes onto the stack, and so of every place on it. */
export const STACK_WORDS = 4
export const STACK_PLACES = 256

/** Of a packet for which nobody chose a queue: it leaves by the default queue of its port. */
export const NO_QUEUE = -1

export interface Run {
  packet: Packet
  readonly key: Uint32Array
  /** What a bucket or a clone puts back, by depth. */
  readonly saved: readonly Saved[]
  readonly datapath: Datapath
  /** The action set, OpenFlow 1.3.5 §5.10. */
  readonly set: CompiledAction[]
  /** Values of push, STACK_WORDS each. */
  readonly stack: Uint32Array
  /** Places in use. */
  stackSize: number
  /** Of set_queue; NO_QUEUE unless it was set. */
  queue: number
  /** Nothing but the action set follows the list of actions that runs. */
  isTail: boolean
  /** The flow whose actions run; undefined for a packet-out. */
  flow: Flow | undefined
  tableId: number
  /** Milliseconds on the switch's clock. */
  now: number
  /** One of STOP. */
  stop: number
  /** Copies that went to a port or a controller. */
  sent: number
  /** Copies dropped under a reason. */
  dropped: number
  /** A reason that only counts when nothing is sent in the end; -1 = none. */
  held: number
  /** Groups within groups and resubmits within resubmits. */
  depth: number
}

export interface Saved {
  readonly key: Uint32Array
  readonly set: CompiledAction[]
  /** The action set that is executed at this depth. */
  readonly executing: CompiledAction[]
  /** Made when something first stands on the stack at this depth. */
  stack: Uint32Array | undefined
  /** Of a branch, what stood on the stack, and the packet and queue that it puts back. */
  stackSize: number
  packet: Packet | undefined
  queue: number
}

/** Which controller a packet goes to, and what is told to it beside the packet. */
export interface ControllerTarget {
  /** NXT_SET_CONTROLLER_ID; 0 is the id of those that set none. */
  readonly controller_id: number
  /** Told in NXT_PACKET_IN2 alone. */
  readonly userdata: Uint8Array | undefined
}

/** What steps ask of the bridge they run on. */
export interface Datapath {
  /** Of the switch. */
  readonly conntrack: Conntrack
  /** `maxLen` counts for the controller port alone: bytes of the packet to send to it. */
  output(run: Run, port: number, maxLen: number): void
  group(run: Run, id: number): void
  /**
   * `original`: the lookup is by the addresses and ports of the connection, before translation. `isLast`:
   * nothing of the flow follows.
   */
  resubmit(run: Run, inPort: number, tableId: number, original: boolean, isLast: boolean): void
  /** Without a target: all controllers with the id 0. False when none of them takes it. */
  controller(run: Run, reason: number, maxLen: number, to?: ControllerTarget): boolean
  /** Gives the flow no longer to live than so many seconds without a packet, and at all; 0 = as it is. */
  shorten(flow: Flow, idle: number, hard: number): void
  /** Adds the flow, once this packet is done: it never sees a table that it changed. */
  learn(mod: FlowMod): void
  /**
   * Runs steps and puts key, packet, stack and action set back; `frame`: they may write to it. `ownSet`:
   * behind them the action set is executed, as it is then.
   */
  isolate(run: Run, steps: readonly Step[], frame: boolean, ownSet: boolean): void
  /**
   * What follows in this flow and the tables behind it is a way of its own, at whose end the action set
   * is executed and all is put back, the list of actions ends. False: there is no room for it.
   */
  branch(run: Run): boolean
  /**
   * Lets `change` work on the packet and its key, sends a copy on to the table, and puts the key back;
   * what was done to the frame stays. -1 = no table.
   */
  fork(run: Run, change: Step, tableId: number): void
  drop(run: Run, reason: number): void
  /** Whether the port is there, has a link and is not set down. */
  isUp(port: number): boolean
}
