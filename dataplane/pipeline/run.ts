/**
 * One packet's passage through a bridge: the scratch state that the steps of flows work on, and
 * what a step may ask of the bridge. There is one Run per bridge, reused for every packet.
 * Neighbours: actions.ts compiles actions to steps, pipeline.ts runs them, bridge.ts delivers.
 */

import type { Packet } from '../packet/packet.ts'
import type { CompiledAction } from './actions.ts'
import type { Flow } from './flow-table.ts'

/** One action, ready to run. Made when a flow is installed, never per packet. */
export type Step = (run: Run) => void

export interface Run {
  packet: Packet
  readonly key: Uint32Array
  /** Keys as they were before a bucket, by depth. */
  readonly saved: readonly Uint32Array[]
  readonly datapath: Datapath
  /** The action set, OpenFlow 1.3.5 §5.10. */
  readonly set: CompiledAction[]
  /** The flow whose actions run; undefined for a packet-out. */
  flow: Flow | undefined
  tableId: number
  /** Milliseconds on the switch's clock. */
  now: number
  /** Set by a step after which nothing more may happen to the packet. */
  halted: boolean
  /** Copies that went to a port or a controller. */
  sent: number
  /** Copies dropped under a reason. */
  dropped: number
  /** A reason that only counts when nothing is sent in the end; -1 = none. */
  held: number
  /** Groups within groups and resubmits within resubmits. */
  depth: number
  /** Resubmits and buckets so far, bounded for each packet. */
  work: number
}

/** What steps ask of the bridge they run on. */
export interface Datapath {
  /** `maxLen` counts for the controller port alone: bytes of the packet to send to it. */
  output(run: Run, port: number, maxLen: number): void
  group(run: Run, id: number): void
  resubmit(run: Run, inPort: number, tableId: number): void
  controller(run: Run, reason: number, maxLen: number): void
  drop(run: Run, reason: number): void
}
