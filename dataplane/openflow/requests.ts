/**
 * What a controller may ask for: one row per message that a switch takes. A row answers, or throws a
 * Refusal; a message without a row is refused with bad_type.
 * Neighbours: agent.ts calls, bridge.ts does; multipart.ts, bundles.ts, flow-monitors.ts, queues.ts.
 */
import { NICIRA, ONF } from '../../southbound/openflow/experimenter.ts'
import {
  controllerRole,
  fragmentHandling,
  type Message,
  type MessageOf,
  OFP_NO_BUFFER,
} from '../../southbound/openflow/message.ts'
import { packetInFormat, tlvTableCommand } from '../../southbound/openflow/nicira-message.ts'
import { ANY, CONTROLLER, LOCAL } from '../../southbound/openflow/port.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { TABLES } from '../pipeline/program.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Cause } from '../switch/session.ts'
import type { AsyncConfig } from './async.ts'
import type { Bundles } from './bundles.ts'
import { flushed } from './ct-flush.ts'
import type { FlowMonitors } from './flow-monitors.ts'
import { answerMultipart, type multipartAssembler } from './multipart.ts'
import type { Send } from './post.ts'
import { queueConfig } from './queues.ts'
import { TABLE_CONFIG } from './table-features.ts'

/** A controller, as its requests have set it up. */
export interface Peer {
  /** controllerRole. */
  role: number
  /** Bytes; nothing is cut, as there are no buffers. */
  missSendLen: number
  /** NXT_SET_CONTROLLER_ID. */
  controllerId: number
  /** packetInFormat. */
  format: number
  readonly async: AsyncConfig
  readonly monitors: FlowMonitors
  readonly bundles: Bundles
  readonly assemble: ReturnType<typeof multipartAssembler>
  readonly send: Send
  setRole(role: number): void
  cause(xid: number): Cause
}

type Requests = {
  readonly [K in Message['type']]?: (bridge: Bridge, peer: Peer, message: MessageOf<K>) => void
}

/** OFPC_*: statistics of flows, tables, ports, groups and queues; fragments are not put together. */
const CAPABILITIES = 0x4f
/** Of reassembly there is none; nx_match is what normal is here. */
const fragmentFlags: ReadonlySet<number> = new Set(Object.values(fragmentHandling))
/** OFPCML_MAX: beyond it there is only OFPCML_NO_BUFFER. */
const MAX_MISS_SEND_LEN = 0xffe5
const NO_BUFFER = 0xffff
const NO_GENERATION = 0xffff_ffff_ffff_ffffn
const ALL_TABLES = 0xff
/** in_port of a packet-out that came from no port; ANY is what ovs-ofctl sends. */
const NO_PORT: ReadonlySet<number> = new Set([CONTROLLER, LOCAL, ANY])

/** What a slave may not ask for (OpenFlow 1.3.5 §6.3.4). */
const NOT_FOR_SLAVES: ReadonlySet<Message['type']> = new Set<Message['type']>([
  'flow_mod',
  'group_mod',
  'meter_mod',
  'port_mod',
  'table_mod',
  'packet_out',
  'bundle_control',
  'bundle_add',
  'tlv_table_mod',
  'ct_flush_zone',
  'ct_flush',
  'resume',
])

export function isForSlaves(bridge: Bridge, message: Message): boolean {
  if (NOT_FOR_SLAVES.has(message.type)) return false
  // These two are read or told by everybody; a slave may not change the switch by them.
  if (message.type === 'set_config') return message.flags === bridge.fragments
  const orders = message.type === 'multipart_request' && message.kind === 'table_features'
  return !orders || message.body.length === 0
}

export const requests: Requests = {
  error: () => {},
  features_request: ({ datapathId }, { send }, { xid }) =>
    send({
      type: 'features_reply',
      xid,
      datapath_id: datapathId,
      n_buffers: 0,
      n_tables: TABLES,
      auxiliary_id: 0,
      capabilities: CAPABILITIES,
      reserved: 0,
    }),
  get_config_request(bridge, { missSendLen, send }, { xid }) {
    const flags = bridge.fragments
    send({ type: 'get_config_reply', xid, flags, miss_send_len: missSendLen })
  },
  set_config(bridge, peer, { flags, miss_send_len }) {
    if (!fragmentFlags.has(flags)) refuse('switch_config_failed.bad_flags', `${flags}`)
    if (miss_send_len > MAX_MISS_SEND_LEN && miss_send_len !== NO_BUFFER) {
      refuse('switch_config_failed.bad_len', `${miss_send_len}`)
    }
    bridge.fragments = flags
    peer.missSendLen = miss_send_len
  },
  flow_mod: (bridge, { cause }, mod) =>
    bridge.change(cause(mod.xid), (journal) => bridge.applyFlowMod(mod, journal)),
  group_mod: (bridge, { cause }, mod) =>
    bridge.change(cause(mod.xid), (journal) => bridge.applyGroupMod(mod, journal)),
  port_mod: (bridge, { cause }, mod) =>
    bridge.change(cause(mod.xid), (journal) => bridge.applyPortMod(mod, journal)),
  meter_mod: (bridge, { cause }, mod) => bridge.applyMeterMod(mod, cause(mod.xid)),
  table_mod({ flows }, _peer, { table_id, config }) {
    if ((config & ~TABLE_CONFIG) !== 0) refuse('table_mod_failed.bad_config', `${config}`)
    const wanted = table_id === ALL_TABLES ? flows.tables : [flows.table(table_id)!]
    if (wanted[0]!.absent) refuse('table_mod_failed.bad_table', `${table_id}`)
    for (const table of wanted) table.config = config
  },
  packet_out(bridge, _peer, { buffer_id, in_port, actions, data }) {
    if (buffer_id !== OFP_NO_BUFFER) refuse('bad_request.buffer_unknown', `${buffer_id}`)
    const known = bridge.ports.has(in_port) || NO_PORT.has(in_port)
    if (!known) refuse('bad_request.bad_port', `in_port ${in_port}`)
    if (data.length < ethernet.size) refuse('bad_request.bad_packet', `${data.length} bytes`)
    bridge.execute(data, in_port, actions)
  },
  barrier_request: (_bridge, { send }, { xid }) => send({ type: 'barrier_reply', xid }),
  queue_get_config_request: (bridge, { send }, request) =>
    send({ type: 'queue_get_config_reply', xid: request.xid, ...queueConfig(bridge, request) }),
  role_request(bridge, peer, { xid, role, generation_id }) {
    if (role > controllerRole.slave) refuse('role_request_failed.bad_role', `${role}`)
    if (role === controllerRole.master || role === controllerRole.slave) {
      const last = bridge.generationId
      if (last !== undefined && BigInt.asIntN(64, generation_id - last) < 0n) {
        refuse('role_request_failed.stale', `${generation_id} after ${last}`)
      }
      bridge.generationId = generation_id
    }
    if (role === controllerRole.master) {
      const { session } = peer.cause(xid)
      for (const other of bridge.sessions) if (other !== session) other.demote()
    }
    if (role !== controllerRole.nochange) peer.setRole(role)
    const generation = bridge.generationId ?? NO_GENERATION
    peer.send({ type: 'role_reply', xid, role: peer.role, generation_id: generation })
  },
  get_async_request: (_bridge, { async, send }, { xid }) =>
    send({ type: 'get_async_reply', xid, ...async.masks }),
  set_async(_bridge, { async }, { type: _type, xid: _xid, ...masks }) {
    async.set(masks)
  },
  multipart_request(bridge, peer, part) {
    const request = peer.assemble(part)
    if (!request) return
    if (request.kind === 'flow_monitor') peer.monitors.add(request.body, request.xid)
    else answerMultipart(bridge, request, peer.send)
  },

  // ---- the ONF's extensions -------------------------------------------------------------------
  bundle_control: (_bridge, { bundles }, message) => bundles.control(message),
  bundle_add: (_bridge, { bundles }, message) => bundles.add(message),
  flow_monitor_cancel: (_bridge, { monitors }, { id }) => monitors.cancel(id),

  // ---- Open vSwitch's -------------------------------------------------------------------------
  // OpenFlow 1.3 has the table's number in every flow-mod already.
  flow_mod_table_id: () => {},
  set_packet_in_format(_bridge, peer, { format }) {
    const { standard, nxt_packet_in2 } = packetInFormat
    if (format !== standard && format !== nxt_packet_in2) refuse('bad_request.eperm', `${format}`)
    peer.format = format
  },
  set_controller_id(_bridge, peer, { controller_id }) {
    peer.controllerId = controller_id
  },
  set_async2: (_bridge, { async }, { properties }) => async.setSome(properties),
  tlv_table_mod(_bridge, _peer, { command }) {
    if (command > tlvTableCommand.clear) refuse('tlv_table_mod_failed.bad_command', `${command}`)
    // There is no Geneve, and no room for its options.
    if (command === tlvTableCommand.add) refuse('tlv_table_mod_failed.table_full')
  },
  tlv_table_request: (_bridge, { send }, { xid }) =>
    send({ type: 'tlv_table_reply', xid, max_option_space: 0, max_fields: 0, maps: [] }),
  resume: () => refuse('resume_failed.not_supported'),
  ct_flush_zone: (bridge, _peer, { zone_id }) => bridge.conntrack.flush(zone_id),
  ct_flush: (bridge, _peer, message) => bridge.conntrack.flush(...flushed(message)),

  experimenter: (_bridge, _peer, { experimenter, exp_type }) =>
    refuse(
      experimenter === ONF || experimenter === NICIRA
        ? 'bad_request.bad_exp_type'
        : 'bad_request.bad_experimenter',
      `${experimenter} ${exp_type}`,
    ),
}
