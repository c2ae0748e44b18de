/**
 * A controller's connection, as the bridge sees it. Neighbours: bridge.ts tells its sessions what
 * happens, openflow/agent.ts makes them.
 */
import type { Body } from '../../southbound/openflow/message.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import type { BridgePort } from './bridge-port.ts'

/** Who asked for a change: the monitor tells that one in short. */
export interface Cause {
  readonly session: Session
  readonly xid: number
}

export interface Session {
  /** controllerRole. */
  readonly role: number
  /** Another session became master: a master becomes slave. */
  demote(): void
  /** As NXT_SET_CONTROLLER_ID has set it; absent = 0. */
  readonly controllerId?: number
  /** Whether a packet-in for this reason is wanted and has room: asked before one is made. */
  takesPacketIn(reason: number): boolean
  /**
   * Of a session that takes it. `userdata` of controller2: for those that take NXT_PACKET_IN2. False when
   * what goes with the packet leaves no room for any of it.
   */
  packetIn(
    message: Extract<Body, { type: 'packet_in' }>,
    maxLen: number,
    userdata?: Uint8Array,
  ): boolean
  portStatus(reason: number, port: BridgePort): void
  flowsChanged(events: readonly FlowEvent[], cause: Cause | undefined): void
  close(): void
}
