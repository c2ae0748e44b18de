/** Multipart requests: each kind, and each error. */

import { ALL_GROUPS } from '../../../../southbound/openflow/group.ts'
import { encodeMatch } from '../../../../southbound/openflow/match.ts'
import { ALL_METERS } from '../../../../southbound/openflow/meter.ts'
import type { MultipartRequest } from '../../../../southbound/openflow/multipart.ts'
import { allFlows } from '../../../../southbound/openflow/multipart.ts'
import { ANY } from '../../../../southbound/openflow/port.ts'
import { ALL_QUEUES } from '../../../../southbound/openflow/queue.ts'
import { group, meter, NOTHING, raw, u32, zeros } from '../messages.ts'
import type { Cases } from './case.ts'

const ask = (request: MultipartRequest) => ({ type: 'multipart_request', ...request }) as const
const answer = 'multipart_reply'
/** A request for flows with an ofp_match of any bytes. */
const flowsOf = (...match: number[]) =>
  raw(18, [
    0,
    1,
    0,
    0,
    ...zeros(4),
    0xff,
    0,
    0,
    0,
    ...u32(ANY),
    ...u32(ANY),
    ...zeros(20),
    ...match,
  ])
const monitor = (of: object = {}) =>
  ask({
    kind: 'flow_monitor',
    body: [{ id: 1, flags: 0xf, out_port: ANY, table_id: 0xff, match: NOTHING, ...of }],
  })
/** Open vSwitch has these in the form of OpenFlow 1.0: type NXET_VENDOR. */
const OLD_ERROR = '45250.0'
const cancel = (id: number) => ({ type: 'flow_monitor_cancel', id }) as const

export const multipartCases: Cases = {
  'a description': { send: ask({ kind: 'desc', body: {} }), answer },
  'all flows': { send: ask({ kind: 'flow', body: allFlows() }), answer },
  'a sum over flows': { send: ask({ kind: 'aggregate', body: allFlows() }), answer },
  'statistics of tables': { send: ask({ kind: 'table', body: {} }), answer },
  'statistics of all ports': { send: ask({ kind: 'port_stats', body: { port_no: ANY } }), answer },
  'statistics of a port': { send: ask({ kind: 'port_stats', body: { port_no: 1 } }), answer },
  'statistics of a port that does not exist': {
    send: ask({ kind: 'port_stats', body: { port_no: 4711 } }),
    answer: 'bad_request.bad_port',
    openVswitch: answer,
  },
  'statistics of all queues': {
    send: ask({ kind: 'queue', body: { port_no: ANY, queue_id: ALL_QUEUES } }),
    answer,
  },
  'statistics of queues of a port that does not exist': {
    send: ask({ kind: 'queue', body: { port_no: 4711, queue_id: ALL_QUEUES } }),
    answer: 'queue_op_failed.bad_port',
  },
  'statistics of a queue that does not exist': {
    send: ask({ kind: 'queue', body: { port_no: 1, queue_id: 7 } }),
    answer: 'queue_op_failed.bad_queue',
  },
  'statistics of all groups': {
    before: [group('add', 1)],
    send: ask({ kind: 'group', body: { group_id: ALL_GROUPS } }),
    answer,
  },
  'statistics of a group that does not exist': {
    send: ask({ kind: 'group', body: { group_id: 4 } }),
    answer,
  },
  'descriptions of groups': { send: ask({ kind: 'group_desc', body: {} }), answer },
  'features of groups': { send: ask({ kind: 'group_features', body: {} }), answer },
  'statistics of all meters': {
    before: [meter()],
    send: ask({ kind: 'meter', body: { meter_id: ALL_METERS } }),
    answer,
  },
  'statistics of a meter that does not exist': {
    send: ask({ kind: 'meter', body: { meter_id: 9 } }),
    answer: 'meter_mod_failed.unknown_meter',
  },
  'configurations of all meters': {
    send: ask({ kind: 'meter_config', body: { meter_id: ALL_METERS } }),
    answer,
  },
  'features of meters': { send: ask({ kind: 'meter_features', body: {} }), answer },
  'descriptions of ports': { send: ask({ kind: 'port_desc', body: {} }), answer },
  'a multipart that nobody knows': {
    send: ask({ kind: 'unknown', multipart_type: 99, body: NOTHING }),
    answer: 'bad_request.bad_multipart',
  },
  'a multipart of an unknown experimenter': {
    send: ask({ kind: 'experimenter', experimenter: 5, exp_type: 1, body: NOTHING }),
    answer: 'bad_request.bad_experimenter',
  },
  'a multipart of Nicira that nobody knows': {
    send: ask({ kind: 'experimenter', experimenter: 0x2320, exp_type: 99, body: NOTHING }),
    answer: 'bad_request.bad_exp_type',
  },
  'IPFIX, which is not configured': {
    send: ask({ kind: 'ipfix_bridge', body: {} }),
    answer: 'stats_failed.not_configured',
  },
  'a request for flows with a wrong match': {
    send: flowsOf(0, 2, 0, 4, 0, 0, 0, 0),
    answer: 'bad_match.bad_type',
  },
  'a request for flows without what a field needs': {
    send: ask({ kind: 'flow', body: allFlows({ match: encodeMatch({ ipv4_src: 1 }) }) }),
    answer: 'bad_match.bad_prereq',
  },
  'a multipart cut short': { send: raw(18, [0, 1]), answer: 'bad_request.bad_len' },
  'a request in two messages': {
    send: [ask({ kind: 'desc', body: {}, more: true }), ask({ kind: 'desc', body: {} })],
    answer,
  },
  'a request that becomes another': {
    send: [ask({ kind: 'desc', body: {}, more: true }), ask({ kind: 'table', body: {} })],
    answer: 'bad_request.bad_multipart',
  },

  'a flow monitor': { send: monitor(), answer },
  'a flow monitor of a number that is taken': {
    send: [monitor(), monitor()],
    answer: 'multipart_reply flow_monitor_failed.monitor_exists',
    openVswitch: `multipart_reply ${OLD_ERROR}`,
  },
  'a flow monitor with flags that nobody knows': {
    send: monitor({ flags: 0x40 }),
    answer: 'flow_monitor_failed.bad_flags',
    openVswitch: OLD_ERROR,
  },
  'the end of a flow monitor': { send: [monitor(), cancel(1)], answer },
  'the end of a flow monitor that does not exist': {
    send: cancel(9),
    answer: 'flow_monitor_failed.unknown_monitor',
  },
}
