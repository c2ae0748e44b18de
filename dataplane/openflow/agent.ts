/**
 * The switch's end of an OpenFlow connection: one session per controller. Requests are rows of a
 * table; what cannot be done is answered with the error that the specification names, and no
 * message, however wrong, throws out of here.
 * Neighbours: statistics.ts (multipart), bundles.ts, flow-monitors.ts, bridge.ts (the datapath).
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import {
  type Body,
  controllerRole,
  encode,
  flowFlags,
  type Message,
  type MessageOf,
  OFP_NO_BUFFER,
} from '../../southbound/openflow/message.ts'
import { ANY, CONTROLLER, LOCAL } from '../../southbound/openflow/port.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { TABLES } from '../pipeline/program.ts'
import { Refusal, refuse } from '../pipeline/refusal.ts'
import type { Bridge, Cause, Session } from '../switch/bridge.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { bundles } from './bundles.ts'
import { flowMonitors } from './flow-monitors.ts'
import { answerMultipart, describePort, duration } from './statistics.ts'

type Async = Omit<MessageOf<'set_async'>, 'type' | 'xid'>
type Handlers = { readonly [K in Message['type']]?: (message: MessageOf<K>) => void }

/** Flow, table, port and group statistics. */
const CAPABILITIES = 0xf
const ALL_REASONS = 0x3f
/** What a controller is told before it says otherwise; a slave hears of ports only (§6.3.5). */
const DEFAULT_ASYNC: Async = {
  packet_in: 0b11,
  packet_in_slave: 0,
  port_status: 0b111,
  port_status_slave: 0b111,
  flow_removed: ALL_REASONS,
  flow_removed_slave: 0,
}
/** in_port of a packet-out that came from no port; ANY is what ovs-ofctl sends. */
const NO_PORT: ReadonlySet<number> = new Set([CONTROLLER, LOCAL, ANY])
/** What a slave may not ask for, OpenFlow 1.3.5 §6.3.5. */
const NOT_FOR_SLAVES: ReadonlySet<Message['type']> = new Set<Message['type']>([
  'flow_mod',
  'group_mod',
  'meter_mod',
  'packet_out',
  'bundle_control',
  'bundle_add',
])

export interface AgentOptions {
  /** Called after a role request changed this session's role. */
  readonly onRole?: (role: number) => void
}

/** Serves a bridge to a controller over an open connection, until that ends. */
export function serveOpenflow(
  bridge: Bridge,
  connection: Connection,
  options: AgentOptions = {},
): Session {
  let role: number = controllerRole.equal
  let async = DEFAULT_ASYNC
  let config = { flags: 0, miss_send_len: 128 }
  const send = (message: Body & { xid?: number }) => void connection.send(message)
  const monitors = flowMonitors(bridge, send)

  const sendError = (message: Message, { error_type, code, experimenter }: Refusal) => {
    const data = encode(message).slice(0, 64)
    const vendor = experimenter === undefined ? {} : { experimenter }
    send({ type: 'error', xid: message.xid, error_type, code, ...vendor, data })
  }
  const cause = (xid: number): Cause => ({ session, xid })
  const ofBundles = bundles(bridge, { send, sendError, cause })
  const wants = (kind: 'packet_in' | 'port_status' | 'flow_removed', reason: number) => {
    const mask = async[role === controllerRole.slave ? (`${kind}_slave` as const) : kind]
    return ((mask >>> reason) & 1) === 1
  }
  const setRole = (next: number) => {
    if (next === role) return
    role = next
    options.onRole?.(role)
  }

  const handlers: Handlers = {
    features_request: ({ xid }) =>
      send({
        type: 'features_reply',
        xid,
        datapath_id: bridge.datapathId,
        n_buffers: 0,
        n_tables: TABLES,
        auxiliary_id: 0,
        capabilities: CAPABILITIES,
        reserved: 0,
      }),
    get_config_request: ({ xid }) => send({ type: 'get_config_reply', xid, ...config }),
    set_config({ flags, miss_send_len }) {
      if (flags !== 0) refuse('switch_config_failed.bad_flags', `${flags}`)
      config = { flags, miss_send_len }
    },
    flow_mod: (mod) =>
      bridge.change(cause(mod.xid), (journal) =>
        bridge.flows.apply(mod, bridge.clock.now(), journal),
      ),
    group_mod: (mod) =>
      bridge.change(cause(mod.xid), (journal) => bridge.applyGroupMod(mod, journal)),
    meter_mod: (mod) => bridge.applyMeterMod(mod, cause(mod.xid)),
    packet_out({ buffer_id, in_port, actions, data }) {
      if (buffer_id !== OFP_NO_BUFFER) refuse('bad_request.buffer_unknown', `${buffer_id}`)
      const known = bridge.ports.has(in_port) || NO_PORT.has(in_port)
      if (!known) refuse('bad_request.bad_port', `in_port ${in_port}`)
      bridge.execute(data, in_port, actions)
    },
    barrier_request: ({ xid }) => send({ type: 'barrier_reply', xid }),
    role_request({ xid, role: wanted, generation_id }) {
      if (wanted > controllerRole.slave) refuse('role_request_failed.bad_role', `${wanted}`)
      if (wanted === controllerRole.master || wanted === controllerRole.slave) {
        const last = bridge.generationId
        if (last !== undefined && BigInt.asIntN(64, generation_id - last) < 0n) {
          refuse('role_request_failed.stale', `${generation_id} after ${last}`)
        }
        bridge.generationId = generation_id
      }
      if (wanted === controllerRole.master) {
        for (const other of bridge.sessions) if (other !== session) other.demote()
      }
      if (wanted !== controllerRole.nochange) setRole(wanted)
      const generation = bridge.generationId ?? 0xffff_ffff_ffff_ffffn
      send({ type: 'role_reply', xid, role, generation_id: generation })
    },
    get_async_request: ({ xid }) => send({ type: 'get_async_reply', xid, ...async }),
    set_async({ type: _type, xid: _xid, ...masks }) {
      async = masks
    },
    multipart_request(request) {
      if (request.kind === 'flow_monitor') monitors.add(request.body, request.xid)
      else answerMultipart(bridge, request, send)
    },
    flow_monitor_cancel: ({ id }) => monitors.cancel(id),
    bundle_control: (message) => ofBundles.control(message),
    bundle_add: (message) => ofBundles.add(message),
    experimenter: ({ experimenter, exp_type }) =>
      refuse(
        experimenter === 0x4f4e4600 ? 'bad_request.bad_exp_type' : 'bad_request.bad_experimenter',
        `${experimenter} ${exp_type}`,
      ),
    error: () => {},
    echo_reply: () => {},
  }

  const session: Session = {
    get role() {
      return role
    },
    demote() {
      if (role === controllerRole.master) setRole(controllerRole.slave)
    },
    packetIn(message, maxLen) {
      if (!wants('packet_in', message.reason)) return false
      const cut = maxLen < message.data.length ? message.data.subarray(0, maxLen) : message.data
      send({ ...message, data: cut, xid: 0 })
      return true
    },
    portStatus(reason, port: BridgePort) {
      if (!wants('port_status', reason)) return
      send({ type: 'port_status', xid: 0, reason, padding: 0, ...describePort(port) } as never)
    },
    flowsChanged(events, from) {
      monitors.tell(events, from?.session === session ? from.xid : undefined)
      for (const event of events) if (wants('flow_removed', event.reason)) tellRemoved(event)
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

  bridge.sessions.add(session)
  void connection.closed.then(() => bridge.sessions.delete(session))
  connection.onMessage((message) => {
    try {
      const handle = handlers[message.type] as ((message: Message) => void) | undefined
      if (!handle) return refuse('bad_request.bad_type', message.type)
      if (role === controllerRole.slave && NOT_FOR_SLAVES.has(message.type)) {
        refuse('bad_request.is_slave')
      }
      return handle(message)
    } catch (error) {
      if (error instanceof Refusal) return sendError(message, error)
      bridge.log.warn({ bridge: bridge.name, message: message.type, error }, 'request failed')
      return sendError(message, new Refusal('bad_request.bad_len'))
    }
  })
  return session
}
