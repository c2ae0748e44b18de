/**
 * How much a bridge takes: whatever a controller can make grow has a bound, and the error that
 * OpenFlow names for it. Neighbours: flow-table.ts, groups.ts, meters.ts, openflow/.
 */
export interface Limits {
  /** Flows of one table; more are refused with table_full. */
  readonly flowsPerTable: number
  readonly flows: number
  /** Of those, the ones that packets taught. */
  readonly learnedFlows: number
  readonly groups: number
  /** Buckets of all groups. */
  readonly buckets: number
  readonly meters: number
  /** Bands of one meter. */
  readonly bands: number
  /** Flow monitors of one controller. */
  readonly monitors: number
  /** Bundles of one controller that are open at a time. */
  readonly bundles: number
  /** Messages of one bundle; bytes that the open bundles of all controllers take in memory. */
  readonly bundleMessages: number
  readonly bundleBytes: number
  /** Bytes of a multipart request in many messages, and of monitor updates that wait for a reader. */
  readonly requestBytes: number
  readonly updateBytes: number
  /** Bytes of packet-ins, or of all that waits for a reader, beyond which packet-ins are dropped. */
  readonly packetInBytes: number
  /** Bytes that a controller which takes nothing for some seconds may leave unread: patience.ts. */
  readonly unreadBytes: number
}

export const defaultLimits: Limits = {
  flowsPerTable: 1_000_000,
  flows: 4_000_000,
  learnedFlows: 65_536,
  groups: 65_536,
  buckets: 1_048_576,
  meters: 65_536,
  bands: 8,
  monitors: 256,
  bundles: 64,
  bundleMessages: 1_000_000,
  bundleBytes: 256 << 20,
  requestBytes: 4 << 20,
  updateBytes: 4 << 20,
  packetInBytes: 4 << 20,
  unreadBytes: 8 << 20,
}
