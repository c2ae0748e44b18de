/** Bundles (ONF EXT-230) and Open vSwitch's own messages: each error. */
import { encode, type Outgoing } from '../../../../southbound/openflow/message.ts'
import { addFlow, meter, NOTHING, raw, u32 } from '../messages.ts'
import type { Cases } from './case.ts'

const [OPEN, CLOSE, COMMIT, DISCARD] = [0, 2, 4, 6]
const control = (control_type: number, of: { bundle_id?: number; flags?: number } = {}) =>
  ({
    type: 'bundle_control',
    bundle_id: 1,
    control_type,
    flags: 3,
    properties: NOTHING,
    ...of,
  }) as const
const add = (message: Outgoing, of: { flags?: number; innerXid?: number } = {}) =>
  ({
    type: 'bundle_add',
    xid: 77,
    bundle_id: 1,
    flags: of.flags ?? 3,
    message: encode({ xid: of.innerXid ?? 77, ...message }),
    properties: NOTHING,
  }) as const
const told = 'bundle_control'

export const bundleCases: Cases = {
  'a bundle from its opening to its commit': {
    send: [control(OPEN), add(addFlow()), control(CLOSE), control(COMMIT)],
    answer: `${told} ${told} ${told}`,
  },
  'a bundle without atomicity or order': {
    send: [control(OPEN, { flags: 0 }), control(DISCARD, { flags: 0 })],
    answer: `${told} ${told}`,
  },
  'a commit without a close': {
    send: [control(OPEN), add(addFlow()), control(COMMIT)],
    answer: `${told} ${told}`,
  },
  'a bundle that its first message opens': {
    send: [add(addFlow()), control(COMMIT)],
    answer: told,
  },
  'a bundle that exists': {
    send: [control(OPEN), control(OPEN)],
    answer: `${told} bundle_failed.bundle_exist`,
    openVswitch: `${told} bundle_failed.bad_id`,
  },
  'a commit of no bundle': { send: control(COMMIT), answer: 'bundle_failed.bad_id' },
  'a close of no bundle': { send: control(CLOSE), answer: 'bundle_failed.bad_id' },
  'a discard of no bundle': { send: control(DISCARD), answer: 'bundle_failed.bad_id' },
  'a message for a closed bundle': {
    send: [control(OPEN), control(CLOSE), add(addFlow())],
    answer: `${told} ${told} bundle_failed.bundle_closed`,
  },
  'a bundle closed twice': {
    send: [control(OPEN), control(CLOSE), control(CLOSE)],
    answer: `${told} ${told} bundle_failed.bundle_closed`,
  },
  'a commit with other flags': {
    send: [control(OPEN), control(COMMIT, { flags: 1 })],
    answer: `${told} bundle_failed.bad_flags`,
  },
  'a message with other flags': {
    send: [control(OPEN), add(addFlow(), { flags: 1 })],
    answer: `${told} bundle_failed.bad_flags`,
  },
  'bundle flags that nobody knows': {
    send: control(OPEN, { flags: 0x10 }),
    answer: 'bundle_failed.bad_flags',
    openVswitch: told,
  },
  'a bundle control that nobody knows': {
    send: control(9),
    answer: 'bundle_failed.bad_type',
    openVswitch: told,
  },
  'a meter in a bundle': {
    send: [control(OPEN), add(meter())],
    answer: `${told} bundle_failed.msg_unsup`,
  },
  'a barrier in a bundle': {
    send: [control(OPEN), add({ type: 'barrier_request' })],
    answer: `${told} bundle_failed.msg_unsup`,
  },
  'a message of another xid': {
    send: [control(OPEN), add(addFlow(), { innerXid: 5 })],
    answer: `${told} bundle_failed.msg_bad_xid`,
  },
  'a message that goes past its bundle': {
    send: [
      control(OPEN),
      raw(4, [...u32(0x4f4e4600), ...u32(2301), ...u32(1), 0, 0, 0, 3, 4, 14, 0, 99, ...u32(77)]),
    ],
    answer: `${told} bundle_failed.msg_bad_len`,
  },
  'a bundle whose commit fails': {
    send: [control(OPEN), add(addFlow({ table_id: 0 }, { command: 9 })), control(COMMIT)],
    answer: `${told} flow_mod_failed.bad_command bundle_failed.msg_failed`,
    openVswitch: `${told} flow_mod_failed.bad_command ${told}`,
  },

  'a packet-in format': { send: { type: 'set_packet_in_format', format: 2 }, answer: '' },
  'a packet-in format that nobody knows': {
    send: { type: 'set_packet_in_format', format: 9 },
    answer: 'bad_request.eperm',
  },
  "a controller's number": { send: { type: 'set_controller_id', controller_id: 5 }, answer: '' },
  'asynchronous messages by property': {
    send: { type: 'set_async2', properties: [{ kind: 'packet_in_master', mask: 7 }] },
    answer: '',
  },
  'the numbers of tables in flow-mods': { send: { type: 'flow_mod_table_id', set: 1 }, answer: '' },
  'the table of tunnel options': { send: { type: 'tlv_table_request' }, answer: 'tlv_table_reply' },
  'connections by their tuples are ended': {
    send: {
      type: 'ct_flush',
      ip_proto: 6,
      properties: [
        { kind: 'orig', tuple: [{ kind: 'dst_port', port: 80 }] },
        { kind: 'zone', zone_id: 5 },
      ],
    },
    answer: '',
  },
  'connections of a zone are ended': { send: { type: 'ct_flush_zone', zone_id: 5 }, answer: '' },
  'a packet that goes on': {
    send: { type: 'resume', properties: [{ kind: 'packet', packet: new Uint8Array(60) }] },
    answer: 'resume_failed.not_supported',
    openVswitch: 'resume_failed.stale',
  },
}
