/** flow_mod: every error that a switch can answer it with. */
import { encodeInstructions } from '../../../../southbound/openflow/instruction.ts'
import { encodeMatch } from '../../../../southbound/openflow/match.ts'
import { encode } from '../../../../southbound/openflow/message.ts'
import { ANY, TABLE } from '../../../../southbound/openflow/port.ts'
import {
  addFlow,
  apply,
  flow,
  meter,
  output,
  raw,
  toGroup,
  u32,
  write,
  zeros,
} from '../messages.ts'
import type { Cases, Sent } from './case.ts'

const tlvs = (...match: number[]) => addFlow({}, { match: Uint8Array.from(match) })
/** A flow-mod with an ofp_match of any bytes. */
const wholeMatch = (...match: number[]): Sent =>
  raw(14, [...encode(addFlow({})).subarray(8, 48), ...match])
const bytesOf = (...instructions: number[]) =>
  addFlow({}, { instructions: Uint8Array.from(instructions) })
/** An apply_actions of any bytes. */
const actions = (...bytes: number[]) =>
  bytesOf(0, 4, (8 + bytes.length) >>> 8, 8 + bytes.length, 0, 0, 0, 0, ...bytes)
const flags = 2

export const flowCases: Cases = {
  'a flow in the last table, 254': {
    send: addFlow({ table_id: 254 }),
    answer: '',
    openVswitch: 'bad_request.eperm',
  },
  'an ADD to all tables': {
    send: addFlow({}, { table_id: 0xff }),
    answer: 'flow_mod_failed.bad_table_id',
  },
  'a MODIFY of all tables': {
    send: flow('modify', {}, { table_id: 0xff }),
    answer: 'flow_mod_failed.bad_table_id',
  },
  'a DELETE from all tables': { send: flow('delete', {}, { table_id: 0xff }), answer: '' },
  'a strict DELETE of no flow': { send: flow('delete_strict'), answer: '' },
  'a MODIFY of no flow': { send: flow('modify_strict'), answer: '' },
  'an unknown command': {
    send: addFlow({}, { command: 5 }),
    answer: 'flow_mod_failed.bad_command',
  },
  'flags that no specification has': {
    send: addFlow({}, { flags: 0x20 }),
    answer: 'flow_mod_failed.bad_flags',
  },
  'all flags at once': { send: addFlow({}, { flags: 0x1f }), answer: '' },
  'the longest timeouts': {
    send: addFlow({}, { idle_timeout: 0xffff, hard_timeout: 0xffff }),
    answer: '',
  },
  'an ADD that overlaps one of its priority': {
    before: [addFlow({ match: { in_port: 1 } })],
    send: addFlow({ match: { eth_type: 0x0800 } }, { flags }),
    answer: 'flow_mod_failed.overlap',
  },
  'an ADD that overlaps one of another priority': {
    before: [addFlow({ match: { in_port: 1 } })],
    send: addFlow({ match: { eth_type: 0x0800 }, priority: 11 }, { flags }),
    answer: '',
  },
  'an ADD of the very same flow with check_overlap': {
    before: [addFlow({ match: { in_port: 1 } })],
    send: addFlow({ match: { in_port: 1 } }, { flags }),
    answer: '',
  },
  'a buffer that there is not': {
    send: addFlow({}, { buffer_id: 7 }),
    answer: 'bad_request.buffer_unknown',
  },
  'a buffer in a DELETE': { send: flow('delete', {}, { buffer_id: 7 }), answer: '' },

  'a match that is not of OXM': {
    send: wholeMatch(0, 2, 0, 4, 0, 0, 0, 0),
    answer: 'bad_match.bad_type',
  },
  'a match of a length that no match has': {
    send: wholeMatch(0, 1, 0, 3, 0, 0, 0, 0),
    answer: 'bad_match.bad_len',
  },
  'a match that goes past the message': {
    send: wholeMatch(0, 1, 0, 99, 0, 0, 0, 0),
    answer: 'bad_match.bad_len',
  },
  'a flow-mod cut short': { send: raw(14, zeros(20)), answer: 'bad_request.bad_len' },
  'a field twice': {
    send: wholeMatch(
      0,
      1,
      0,
      20,
      ...[0x80, 0, 0, 4, ...u32(1), 0x80, 0, 0, 4, ...u32(2)],
      ...zeros(4),
    ),
    answer: 'bad_match.dup_field',
  },
  'a field of a wrong length': {
    send: tlvs(0x80, 0, 0, 3, 0, 0, 1),
    answer: 'bad_match.bad_len',
    openVswitch: 'bad_match.bad_field',
  },
  'a field that nobody knows': {
    send: tlvs(0x80, 0, 99 << 1, 4, ...u32(1)),
    answer: 'bad_match.bad_field',
  },
  'a value of more bits than the field has': {
    send: tlvs(0x80, 0, 5 << 1, 2, 8, 0, 0x80, 0, 8 << 1, 1, 64),
    answer: 'bad_match.bad_value',
  },
  'a mask of a field that takes none': {
    send: tlvs(0x80, 0, (5 << 1) | 1, 4, 8, 0, 0xff, 0),
    answer: 'bad_match.bad_mask',
  },
  'a value with bits that its mask has not': {
    send: tlvs(0x80, 0, (3 << 1) | 1, 12, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0),
    answer: 'bad_match.bad_wildcards',
  },
  'a field without what it needs': {
    send: addFlow({}, { match: encodeMatch({ ipv4_src: 1 }) }),
    answer: 'bad_match.bad_prereq',
  },

  'an instruction that nobody knows': {
    send: bytesOf(0, 77, 0, 8, 0, 0, 0, 0),
    answer: 'bad_instruction.unknown_inst',
  },
  'an instruction of an experimenter': {
    send: bytesOf(0xff, 0xff, 0, 8, 1, 2, 3, 4),
    answer: 'bad_instruction.bad_experimenter',
  },
  'an instruction of a wrong length': {
    send: bytesOf(0, 1, 0, 4),
    answer: 'bad_instruction.bad_len',
    openVswitch: 'bad_request.bad_len',
  },
  'an instruction twice': {
    send: bytesOf(0, 1, 0, 8, 1, 0, 0, 0, 0, 1, 0, 8, 2, 0, 0, 0),
    answer: 'bad_instruction.dup_inst',
  },
  'a goto_table backwards': {
    send: addFlow({ table_id: 3, instructions: [{ kind: 'goto_table', table_id: 3 }] }),
    answer: 'bad_instruction.bad_table_id',
  },
  'a goto_table to 255': {
    send: addFlow({ instructions: [{ kind: 'goto_table', table_id: 255 }] }),
    answer: 'bad_instruction.bad_table_id',
    openVswitch: '',
  },
  'a meter that does not exist': {
    send: addFlow({ instructions: [{ kind: 'meter', meter_id: 9 }] }),
    answer: 'meter_mod_failed.unknown_meter',
    openVswitch: 'meter_mod_failed.invalid_meter',
  },

  'an action that nobody knows': {
    send: actions(0, 99, 0, 8, 0, 0, 0, 0),
    answer: 'bad_action.bad_type',
  },
  'an action of a wrong length': {
    send: actions(0, 0, 0, 8, 0, 0, 0, 1),
    answer: 'bad_action.bad_len',
  },
  'an action of an unknown experimenter': {
    send: actions(0xff, 0xff, 0, 16, 1, 2, 3, 4, ...zeros(8)),
    answer: 'bad_action.bad_experimenter',
  },
  'an unknown action of Nicira': {
    send: actions(0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0x7f, 0, ...zeros(6)),
    answer: 'bad_action.bad_exp_type',
  },
  'more actions than a list may hold': {
    send: addFlow({
      instructions: [
        apply(...Array.from({ length: 4097 }, () => ({ kind: 'dec_mpls_ttl' }) as const)),
      ],
      match: { eth_type: 0x8847 },
    }),
    answer: 'bad_action.too_many',
    openVswitch: '',
  },
  'an output to no port': {
    send: addFlow({ instructions: [apply(output(0))] }),
    answer: 'bad_action.bad_out_port',
    openVswitch: '',
  },
  'an output to ANY': {
    send: addFlow({ instructions: [apply(output(ANY))] }),
    answer: 'bad_action.bad_out_port',
  },
  'an output to TABLE in a flow': {
    send: addFlow({ instructions: [apply(output(TABLE))] }),
    answer: 'bad_action.bad_out_port',
    openVswitch: '',
  },
  'an output to a port that does not exist': {
    send: addFlow({ instructions: [apply(output(4711))] }),
    answer: '',
  },
  'a group that does not exist': {
    send: addFlow({ instructions: [write(toGroup(4))] }),
    answer: 'bad_action.bad_out_group',
  },
  'a tag that is none': {
    send: addFlow({ instructions: [apply({ kind: 'push_vlan', ethertype: 0x1234 })] }),
    answer: 'bad_action.bad_argument',
  },
  'a set_field that the match does not allow': {
    send: addFlow({ instructions: [apply({ kind: 'set_field', field: 'ipv4_src', value: 1 })] }),
    answer: 'bad_action.match_inconsistent',
  },
  'a set_field of what cannot be set': {
    send: addFlow({
      match: { eth_type: 0x0800 },
      instructions: [apply({ kind: 'set_field', field: 'eth_type', value: 1 })],
    }),
    answer: 'bad_action.bad_set_type',
    openVswitch: 'bad_action.bad_set_argument',
  },
  'a set_field of an unknown field': {
    send: actions(0, 25, 0, 16, 0x80, 0, 99 << 1, 4, ...u32(1), ...zeros(4)),
    answer: 'bad_action.bad_set_type',
  },
  'a set_field of a wrong length': {
    send: actions(0, 25, 0, 16, 0x80, 0, 3 << 1, 5, ...zeros(8)),
    answer: 'bad_action.bad_set_len',
  },
  'a set_field with a mask': {
    send: actions(0, 25, 0, 24, 0x80, 0, (3 << 1) | 1, 12, ...zeros(16)),
    answer: 'bad_action.bad_set_mask',
  },
  'a set_field of more bits than the field has': {
    send: actions(0, 25, 0, 16, 0x80, 0, 7 << 1, 1, 0xff, ...zeros(7)),
    answer: 'bad_action.bad_set_argument',
  },
  'every instruction at once': {
    before: [meter()],
    send: addFlow(
      {},
      {
        instructions: encodeInstructions([
          { kind: 'meter', meter_id: 1 },
          apply(output(1)),
          { kind: 'clear_actions' },
          write(output(2)),
          { kind: 'write_metadata', metadata: 1n, metadata_mask: 0xffn },
          { kind: 'goto_table', table_id: 1 },
        ]),
      },
    ),
    answer: '',
  },
}
