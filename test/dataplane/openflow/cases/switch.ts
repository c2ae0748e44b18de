/** What is asked of the switch, its ports, tables and queues, and of the session itself. */
import { ANY, LOCAL, NORMAL } from '../../../../southbound/openflow/port.ts'
import { output, packetOut, raw, toGroup, u32, zeros } from '../messages.ts'
import type { CaseContext, Cases } from './case.ts'

const config = (flags: number, miss_send_len = 128) =>
  ({ type: 'set_config', flags, miss_send_len }) as const
const portMod = (of: object) => (context: CaseContext) =>
  ({
    type: 'port_mod',
    port_no: 1,
    hw_addr: context.mac,
    config: 0,
    mask: 0,
    advertise: 0,
    ...of,
  }) as const
const tableMod = (table_id: number, bits: number) =>
  ({ type: 'table_mod', table_id, config: bits }) as const
const role = (wanted: number, generation_id: bigint) =>
  ({ type: 'role_request', role: wanted, generation_id }) as const
const packetOutOf = (actions: number[]) =>
  raw(13, [...u32(0xffffffff), ...u32(1), 0, actions.length, ...zeros(6), ...actions, ...zeros(60)])

export const switchCases: Cases = {
  'another version behind the hello': {
    send: raw(5, [], 1),
    answer: 'bad_request.bad_version',
  },
  'a message type that nobody knows': { send: raw(69, []), answer: 'bad_request.bad_type' },
  'a message that only switches send': {
    send: { type: 'barrier_reply' },
    answer: 'bad_request.bad_type',
  },
  'a request with bytes too many': {
    send: raw(5, zeros(8)),
    answer: 'bad_request.bad_len',
  },
  'an experimenter that nobody knows': {
    send: { type: 'experimenter', experimenter: 5, exp_type: 1, data: new Uint8Array(0) },
    answer: 'bad_request.bad_experimenter',
  },
  'a message of the ONF that nobody knows': {
    send: {
      type: 'experimenter',
      experimenter: 0x4f4e4600,
      exp_type: 9999,
      data: new Uint8Array(0),
    },
    answer: 'bad_request.bad_exp_type',
  },
  features: { send: { type: 'features_request' }, answer: 'features_reply' },
  'the configuration': { send: { type: 'get_config_request' }, answer: 'get_config_reply' },
  'fragments are to be dropped': { send: [config(1), config(0)], answer: '' },
  'fragments are to be put together': {
    send: config(2),
    answer: 'switch_config_failed.bad_flags',
    openVswitch: '',
  },
  'configuration flags that no specification has': {
    send: config(8),
    answer: 'switch_config_failed.bad_flags',
  },
  'a miss_send_len over OFPCML_MAX': {
    send: config(0, 0xffe6),
    answer: 'switch_config_failed.bad_len',
    openVswitch: '',
  },
  'a set_config cut short': {
    send: raw(9, [0, 0]),
    answer: 'switch_config_failed.bad_len',
    openVswitch: 'bad_request.bad_len',
  },

  'a port_mod that changes nothing': { send: portMod({}), answer: '' },
  'a port_mod of a port that does not exist': {
    send: portMod({ port_no: 4711 }),
    answer: 'port_mod_failed.bad_port',
  },
  'a port_mod of a reserved port': {
    send: portMod({ port_no: NORMAL }),
    answer: 'port_mod_failed.bad_port',
  },
  'a port_mod with another address': {
    send: portMod({ hw_addr: 5 }),
    answer: 'port_mod_failed.bad_hw_addr',
  },
  'a port_mod of a bit that ports have not': {
    send: portMod({ config: 2, mask: 2 }),
    answer: 'port_mod_failed.bad_config',
    openVswitch: '',
  },
  'a port_mod that advertises what does not exist': {
    send: portMod({ advertise: 0x8000_0000 }),
    answer: 'port_mod_failed.bad_advertise',
    openVswitch: '',
  },
  'a port_mod that advertises': { send: portMod({ advertise: 0x20 }), answer: '' },

  'a table_mod of one table': { send: tableMod(3, 3), answer: '' },
  'a table_mod of all tables': { send: tableMod(0xff, 0), answer: '' },
  'a table_mod of a bit that tables have not': {
    send: tableMod(0, 8),
    answer: 'table_mod_failed.bad_config',
    openVswitch: '',
  },

  'queues of a port': {
    send: { type: 'queue_get_config_request', port: 1 },
    answer: 'queue_get_config_reply',
  },
  'queues of all ports': {
    send: { type: 'queue_get_config_request', port: ANY },
    answer: 'queue_get_config_reply',
  },
  'queues of a port that does not exist': {
    send: { type: 'queue_get_config_request', port: 4711 },
    answer: 'queue_op_failed.bad_port',
  },

  'the role as it is': { send: role(0, 0n), answer: 'role_reply' },
  'the role of master': { send: role(2, 0n), answer: 'role_reply' },
  'a role that nobody knows': { send: role(4, 0n), answer: 'role_request_failed.bad_role' },
  'a role of a generation that is over': {
    send: [role(2, 9n), role(3, 8n)],
    answer: 'role_reply role_request_failed.stale',
  },
  'a slave that asks for a change': {
    send: [role(3, 9n), packetOut()],
    answer: 'role_reply bad_request.is_slave',
  },

  'a packet-out of a controller': { send: packetOut({ in_port: 0xfffffffd }), answer: '' },
  'a packet-out by LOCAL': { send: packetOut({ in_port: LOCAL }), answer: '' },
  'a packet-out with a buffer': {
    send: packetOut({ buffer_id: 3 }),
    answer: 'bad_request.buffer_unknown',
  },
  'a packet-out by a port that does not exist': {
    send: packetOut({ in_port: 4711 }),
    answer: 'bad_request.bad_port',
    openVswitch: '',
  },
  'a packet-out by a reserved port': {
    send: packetOut({ in_port: NORMAL }),
    answer: 'bad_request.bad_port',
  },
  'a packet-out of no packet': {
    send: packetOut({ data: new Uint8Array(13) }),
    answer: 'bad_request.bad_packet',
    openVswitch: '',
  },
  'a packet-out to a group that does not exist': {
    send: packetOut({ actions: [toGroup(9)] }),
    answer: 'bad_action.bad_out_group',
  },
  'a packet-out to no port': {
    send: packetOut({ actions: [output(0)] }),
    answer: 'bad_action.bad_out_port',
    openVswitch: '',
  },
  'a packet-out with an action of a wrong length': {
    send: packetOutOf([0, 0, 0, 8, 0, 0, 0, 1]),
    answer: 'bad_action.bad_len',
  },
  'a packet-out whose actions go past its end': {
    send: raw(13, [...u32(0xffffffff), ...u32(1), 0, 64, ...zeros(6)]),
    answer: 'bad_request.bad_len',
  },
  'a meter_mod cut short': {
    send: raw(29, [0, 0, 0, 1, ...u32(1), 0, 1, 0, 3]),
    answer: 'bad_request.bad_len',
  },
  'an asynchronous configuration': {
    send: [{ ...setAsync(), type: 'set_async' }, { type: 'get_async_request' }],
    answer: 'get_async_reply',
  },
  'an asynchronous configuration cut short': {
    send: raw(28, zeros(8)),
    answer: 'bad_request.bad_len',
  },
  'a barrier': { send: { type: 'barrier_request' }, answer: 'barrier_reply' },
}
function setAsync() {
  return {
    packet_in: 7,
    packet_in_slave: 0,
    port_status: 7,
    port_status_slave: 7,
    flow_removed: 15,
    flow_removed_slave: 0,
  }
}
