/**
 * The switch's end of an OpenFlow connection: one session per controller. What cannot be done, or not
 * even read, is answered with the error that the specification names, and no message, however wrong,
 * throws out of here. Neighbours: requests.ts (what each message asks for), bridge.ts (the datapath).
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import {
  controllerRole,
  encode,
  flowFlags,
  type Message,
  packetInReason,
} from '../../southbound/openflow/message.ts'
import { packetInFormat } from '../../southbound/openflow/nicira-message.ts'
import type { WireError } from '../../southbound/wire/error.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { Refusal, refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Session } from '../switch/session.ts'
import { asyncConfig } from './async.ts'
import { bundles } from './bundles.ts'
import { duration } from './duration.ts'
import { flowMonitors } from './flow-monitors.ts'
import { refusalOf } from './malformed.ts'
import { multipartAssembler } from './multipart.ts'
import { fitted, packetIn2 } from './packet-in.ts'
import { patience } from './patience.ts'
import { post } from './post.ts'
import { isForSlaves, type Peer, requests } from './requests.ts'
import { describePort } from './statistics.ts'

export interface AgentOptions {
  /** Called after a role request changed this session's role. */
  readonly onRole?: (role: number) => void
  /**
   * Not a controller that was configured, but somebody who came by: is told nothing unasked before it
   * sets a miss_send_len, as in Open vSwitch.
   */
  readonly isService?: boolean
}

/** Bytes of the message that failed, in the error about it. */
const ERROR_DATA = 64
const DEFAULT_MISS_SEND_LEN = 128

/** Serves a bridge to a controller over an open connection, until that ends. */
export function serveOpenflow(
  bridge: Bridge,
  connection: Connection,
  options: AgentOptions = {},
): Session {
  const { isService = false } = options
  const async = asyncConfig()
  const outgoing = post(connection, () => monitors.caughtUp())
  const monitors = flowMonitors(bridge, outgoing)
  const toldUnasked = patience(connection, bridge.clock, bridge.limits.unreadBytes)
  const send: Peer['send'] = (message) => void connection.send(message)
  const tellError = (
    xid: number,
    { error_type, code, experimenter }: Refusal,
    data: Uint8Array,
  ) => {
    const vendor = experimenter === undefined ? {} : { experimenter }
    send({ type: 'error', xid, error_type, code, ...vendor, data: data.slice(0, ERROR_DATA) })
  }
  const sendError = (message: Message, error: Refusal) =>
    tellError(message.xid, error, encode(message))
  const setRole = (next: number) => {
    if (next === peer.role) return
    peer.role = next
    options.onRole?.(next)
  }
  const cause = (xid: number) => ({ session, xid })

  const peer: Peer = {
    role: controllerRole.equal,
    missSendLen: isService ? 0 : DEFAULT_MISS_SEND_LEN,
    controllerId: 0,
    format: packetInFormat.standard,
    async,
    monitors,
    bundles: bundles(bridge, { send, sendError, cause }),
    assemble: multipartAssembler(bridge.limits.requestBytes),
    send,
    setRole,
    cause,
  }
  const wants = (kind: Parameters<typeof async.wants>[0], reason: number) =>
    (!isService || peer.missSendLen > 0) && async.wants(kind, reason, peer.role)

  const session: Session = {
    get role() {
      return peer.role
    },
    get controllerId() {
      return peer.controllerId
    },
    demote() {
      if (peer.role === controllerRole.master) setRole(controllerRole.slave)
    },
    takesPacketIn(reason) {
      const unread = Math.max(outgoing.unread, connection.backlog.bytes)
      if (unread > bridge.limits.packetInBytes) return false
      // Reasons that a flow makes up have no bit: they come as an action's.
      return wants(
        'packet_in',
        reason > packetInReason.invalid_ttl ? packetInReason.action : reason,
      )
    },
    packetIn(whole, _maxLen, userdata) {
      const second = peer.format === packetInFormat.nxt_packet_in2
      const message = fitted(whole, second ? userdata : undefined)
      if (!message) return false
      const size = message.data.length + 64
      outgoing.send({ ...(second ? packetIn2(message, userdata) : message), xid: 0 }, size)
      return true
    },
    portStatus(reason, port) {
      if (!wants('port_status', reason)) return
      send({ type: 'port_status', xid: 0, reason, padding: 0, ...describePort(port) } as never)
      toldUnasked()
    },
    flowsChanged(events, from) {
      monitors.tell(events, from?.session === session ? from.xid : undefined)
      for (const event of events) if (wants('flow_removed', event.reason)) tellRemoved(event)
      toldUnasked()
    },
    close: () => connection.close(),
  }

  const tellRemoved = ({ event, flow, reason }: FlowEvent) => {
    if (event !== 'deleted' || (flow.flags & flowFlags.send_flow_rem) === 0) return
    send({
      type: 'flow_removed',
      xid: 0,
      cookie: flow.cookie,
      priority: flow.priority,
      reason,
      table_id: flow.table_id,
      ...duration(bridge.clock.now() - flow.createdAt),
      idle_timeout: flow.idle_timeout,
      hard_timeout: flow.hard_timeout,
      packet_count: BigInt(flow.packets),
      byte_count: BigInt(flow.bytes),
      match: flow.match,
    })
  }

  const carryOut = (message: Message) => {
    const request = requests[message.type] as
      | ((bridge: Bridge, peer: Peer, message: Message) => void)
      | undefined
    if (!request) return refuse('bad_request.bad_type', message.type)
    if (peer.role === controllerRole.slave && !isForSlaves(bridge, message)) {
      refuse('bad_request.is_slave', message.type)
    }
    return request(bridge, peer, message)
  }
  const guarded = (what: string, work: () => void, answer: (error: Refusal) => void) => {
    try {
      work()
    } catch (error) {
      if (error instanceof Refusal) return answer(error)
      bridge.log.warn({ bridge: bridge.name, message: what, error }, 'request failed')
      answer(new Refusal('bad_request.bad_len'))
    }
  }

  bridge.sessions.add(session)
  void connection.closed.then(() => {
    bridge.sessions.delete(session)
    peer.bundles.close()
  })
  connection.onMalformed((bytes: Uint8Array, error: WireError) => {
    const xid = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4)
    guarded(
      'malformed',
      () => {
        throw refusalOf(bytes, error)
      },
      (refusal) => tellError(xid, refusal, bytes),
    )
  })
  connection.onMessage((message) =>
    guarded(
      message.type,
      () => carryOut(message),
      (refusal) => sendError(message, refusal),
    ),
  )
  return session
}
