/** group_mod: every command and every error. */
import type { Bucket } from '../../../../southbound/openflow/group.ts'
import { ADD_OR_MODIFY, ALL_GROUPS } from '../../../../southbound/openflow/group.ts'
import { NORMAL, TABLE } from '../../../../southbound/openflow/port.ts'
import { bucket, group, NOTHING, output, toGroup } from '../messages.ts'
import type { Cases } from './case.ts'

const [ALL, SELECT, INDIRECT, FF] = [0, 1, 2, 3]
const one = bucket([output(1)])
const weighted = (weight: number) => bucket([output(1)], { weight })
const watching = (of: Partial<Bucket>) => bucket([output(1)], of)
const mayCreate = (mod: ReturnType<typeof group>) => ({ ...mod, command: ADD_OR_MODIFY }) as const
const groupMod = (command: number, group_id: number, group_type: number, buckets = NOTHING) =>
  ({ type: 'group_mod', command, group_id, group_type, buckets }) as const

export const groupCases: Cases = {
  'a group of type all without buckets': { send: group('add', 1, ALL), answer: '' },
  'a select group with weights': {
    send: group('add', 1, SELECT, weighted(0), weighted(1), weighted(0xffff)),
    answer: '',
  },
  'an indirect group': { send: group('add', 1, INDIRECT, one), answer: '' },
  'a fast failover group that watches a port and a group': {
    before: [group('add', 2, ALL, one)],
    send: group('add', 1, FF, watching({ watch_port: 1 }), watching({ watch_group: 2 })),
    answer: '',
  },
  'the highest number of a group': { send: group('add', 0xffffff00, ALL, one), answer: '' },
  'a number beyond it': {
    send: group('add', 0xffffff01, ALL, one),
    answer: 'group_mod_failed.invalid_group',
  },
  'a group that exists': {
    before: [group('add', 1, ALL, one)],
    send: group('add', 1, ALL, one),
    answer: 'group_mod_failed.group_exists',
  },
  'a MODIFY of a group that does not exist': {
    send: group('modify', 1, ALL, one),
    answer: 'group_mod_failed.unknown_group',
  },
  'a group that is modified, or added when it is not there': {
    before: [mayCreate(group('add', 1, ALL, one)), mayCreate(group('add', 1, SELECT, one))],
    send: group('add', 1, ALL, one),
    answer: 'group_mod_failed.group_exists',
  },
  'a MODIFY to another type': {
    before: [group('add', 1, ALL, one)],
    send: group('modify', 1, SELECT, weighted(1)),
    answer: '',
  },
  'a DELETE of a group that does not exist': { send: group('delete', 1), answer: '' },
  'a DELETE of all groups, some of which forward to others': {
    before: [group('add', 1, ALL, one), group('add', 2, ALL, bucket([toGroup(1)]))],
    send: group('delete', ALL_GROUPS),
    answer: '',
  },
  'a DELETE of a group that another forwards to': {
    before: [group('add', 1, ALL, one), group('add', 2, ALL, bucket([toGroup(1)]))],
    send: group('delete', 1),
    answer: 'group_mod_failed.chained_group',
    openVswitch: '',
  },
  'a group command that nobody knows': {
    send: groupMod(9, 1, ALL),
    answer: 'group_mod_failed.bad_command',
  },
  'a group type that nobody knows': {
    send: groupMod(0, 1, 4),
    answer: 'group_mod_failed.bad_type',
  },
  'an indirect group of two buckets': {
    send: group('add', 1, INDIRECT, one, one),
    answer: 'group_mod_failed.invalid_group',
  },
  'an indirect group without a bucket': {
    send: group('add', 1, INDIRECT),
    answer: 'group_mod_failed.invalid_group',
  },
  'a weight where there is none': {
    send: group('add', 1, ALL, weighted(5)),
    answer: 'group_mod_failed.invalid_group',
  },
  'a port to watch where nothing is watched': {
    send: group('add', 1, ALL, watching({ watch_port: 1 })),
    answer: 'group_mod_failed.watch_unsupported',
  },
  'a fast failover group that watches nothing': {
    send: group('add', 1, FF, one),
    answer: 'group_mod_failed.invalid_group',
  },
  'a reserved port to watch': {
    send: group('add', 1, FF, watching({ watch_port: NORMAL })),
    answer: 'group_mod_failed.bad_watch',
    openVswitch: '',
  },
  'a group in itself': {
    send: group('add', 1, ALL, bucket([toGroup(1)])),
    answer: 'group_mod_failed.loop',
    openVswitch: '',
  },
  'a MODIFY that closes a circle of groups': {
    before: [group('add', 1, ALL, one), group('add', 2, ALL, bucket([toGroup(1)]))],
    send: group('modify', 1, ALL, bucket([toGroup(2)])),
    answer: 'group_mod_failed.loop',
    openVswitch: '',
  },
  'a bucket to a group that does not exist': {
    send: group('add', 1, ALL, bucket([toGroup(4)])),
    answer: '',
  },
  'a bucket cut short': {
    send: groupMod(0, 1, ALL, Uint8Array.of(0, 40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)),
    answer: 'group_mod_failed.bad_bucket',
  },
  'an action of a wrong length in a bucket': {
    send: groupMod(
      0,
      1,
      ALL,
      Uint8Array.of(
        0,
        24,
        0,
        0,
        255,
        255,
        255,
        255,
        255,
        255,
        255,
        255,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        8,
        0,
        0,
        0,
        1,
      ),
    ),
    answer: 'bad_action.bad_len',
  },
  'a bucket that outputs to no port': {
    send: group('add', 1, ALL, bucket([output(0)])),
    answer: 'bad_action.bad_out_port',
    openVswitch: '',
  },
  'a bucket that outputs to TABLE': {
    send: group('add', 1, ALL, bucket([output(TABLE)])),
    answer: 'bad_action.bad_out_port',
    openVswitch: '',
  },
}
