/**
 * Messages that a switch must refuse, or that change what is there: one row each. The errors that come
 * of them are compared by type and code. Neighbour: tables.ts.
 */
import type { Action } from '../../../southbound/openflow/action.ts'
import { encodeFlow, type Flow } from '../../../southbound/openflow/flow.ts'
import { ALL_GROUPS, encodeGroup, groupType } from '../../../southbound/openflow/group.ts'
import type { Match } from '../../../southbound/openflow/match.ts'
import { type Body, flowFlags, flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { ANY, TABLE } from '../../../southbound/openflow/port.ts'
import type { World } from './world.ts'

export interface MistakeContext {
  readonly world: World
  readonly groups: readonly number[]
  readonly meters: readonly number[]
  readonly tables: readonly number[]
  /** Names of rows that are not to be made. */
  readonly without: ReadonlySet<string>
}
type Maker = (context: MistakeContext) => Body | undefined

const some = { table_id: 0, priority: 5, cookie: 9n, match: {}, instructions: [] } as const
const add = (flow: Partial<Flow>): Body => flowMod('add', encodeFlow({ ...some, ...flow }))
const apply = (...actions: Action[]): Body =>
  add({ instructions: [{ kind: 'apply_actions', actions }] })
const group = (group_id: number, group_type: number, ...lists: Action[][]): Body =>
  groupMod('add', encodeGroup({ group_id, group_type, buckets: lists }))
const meter = (meter_id: number, command: number, flags: number, rate = 1000): Body => ({
  type: 'meter_mod',
  command,
  flags,
  meter_id,
  bands: [{ kind: 'drop', rate, burst_size: 0 }],
})
/** A match of TLVs as they are, right or not. */
const rawMatch = (...tlvs: number[]): Body => ({
  ...flowMod('add', encodeFlow(some)),
  match: Uint8Array.from(tlvs),
})
const rawInstructions = (...bytes: number[]): Body => ({
  ...flowMod('add', encodeFlow(some)),
  instructions: Uint8Array.from(bytes),
})
const rawAction = (...bytes: number[]): Body =>
  rawInstructions(0, 4, 0, 8 + bytes.length, 0, 0, 0, 0, ...bytes)
const output = (port: number): Action => ({ kind: 'output', port, max_len: 0 })
const ipv4: Match = { eth_type: 0x0800 }

export const OVERLAP = 'overlap'

export const mistakes: Readonly<Record<string, Maker>> = {
  'flow in table 255': () => add({ table_id: 255 }),
  'flow in table 254': () => add({ table_id: 254 }),
  'goto backwards': ({ tables }) =>
    add({ table_id: tables.at(-1)!, instructions: [{ kind: 'goto_table', table_id: 0 }] }),
  'goto 255': () => add({ instructions: [{ kind: 'goto_table', table_id: 255 }] }),
  'unknown meter': () => add({ instructions: [{ kind: 'meter', meter_id: 4000 }] }),
  'unknown group': () => apply({ kind: 'group', group_id: 4000 }),
  'group ALL': () => apply({ kind: 'group', group_id: ALL_GROUPS }),
  'output to 0': () => apply(output(0)),
  'output to ANY': () => apply(output(ANY)),
  'output to TABLE': () => apply(output(TABLE)),
  'output to a number over MAX': () => apply(output(0xffffff05)),
  'match without what it needs': ({ world }) =>
    add({
      match: world.random.pick([
        { tcp_src: 1 },
        { ip_proto: 6 },
        { arp_op: 1 },
        { vlan_pcp: 1 },
        { ...ipv4, tcp_dst: 80 },
        { ...ipv4, ip_proto: 17, tcp_dst: 80 },
        { eth_type: 0x86dd, ipv4_src: 1 },
        { ipv6_nd_target: 1n },
        { mpls_label: 1 },
      ] as const),
    }),
  'set_field without what it needs': ({ world }) =>
    add({
      match: world.random.pick([{}, ipv4]),
      instructions: [
        {
          kind: world.random.pick(['apply_actions', 'write_actions']),
          actions: [{ kind: 'set_field', field: 'tcp_dst', value: 1 }],
        },
      ],
    }),
  'set_field of a field for reading': ({ world }) =>
    add({
      match: { ...ipv4, ip_proto: 6 },
      instructions: [
        {
          kind: 'apply_actions',
          actions: [
            {
              kind: 'set_field',
              field: world.random.pick(['eth_type', 'ip_proto', 'tcp_flags']),
              value: 6,
            },
          ],
        },
      ],
    }),
  'a field twice': () => rawMatch(0x80, 0, 0, 4, 0, 0, 0, 1, 0x80, 0, 0, 4, 0, 0, 0, 2),
  'an unknown field': () => rawMatch(0x80, 0, 99 << 1, 4, 0, 0, 0, 1),
  'a field of a wrong length': () => rawMatch(0x80, 0, 0, 3, 0, 0, 1),
  'a value outside its mask': () =>
    rawMatch(...[0x80, 0, (3 << 1) | 1, 12, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0]),
  'a mask where none may be': () => rawMatch(0x80, 0, (5 << 1) | 1, 4, 8, 0, 0xff, 0),
  'a value that does not fit': () => rawMatch(0x80, 0, 5 << 1, 2, 8, 0, 0x80, 0, 8 << 1, 1, 64),
  'vlan_vid without its present bit': () => rawMatch(0x80, 0, 6 << 1, 2, 0, 5),
  'an unknown instruction': () => rawInstructions(0, 99, 0, 8, 0, 0, 0, 0),
  'an instruction of an experimenter': () => rawInstructions(0xff, 0xff, 0, 8, 1, 2, 3, 4),
  'an instruction twice': () => rawInstructions(0, 1, 0, 8, 1, 0, 0, 0, 0, 1, 0, 8, 2, 0, 0, 0),
  'an instruction too short': () => rawInstructions(0, 1, 0, 4),
  'an unknown action': () => rawAction(0, 99, 0, 8, 0, 0, 0, 0),
  'an action of an unknown experimenter': () => rawAction(0xff, 0xff, 0, 8, 1, 2, 3, 4),
  'an unknown action of Nicira': () =>
    rawAction(0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0x7f, 0, 0, 0, 0, 0, 0, 0),
  'an action of a wrong length': () => rawAction(0, 0, 0, 8, 0, 0, 0, 1),
  'an action of length 0': () => rawAction(0, 0, 0, 0, 0, 0, 0, 1),
  'push_vlan of no tag': () => apply({ kind: 'push_vlan', ethertype: 0x1234 }),
  'push_mpls of no label': () => apply({ kind: 'push_mpls', ethertype: 0x800 }),
  'pop_vlan without a tag': () => apply({ kind: 'pop_vlan' }),
  'set_field of an unknown field': () =>
    rawAction(0, 25, 0, 16, 0x80, 0, 99 << 1, 4, 0, 0, 0, 1, 0, 0, 0, 0),
  'set_field of what does not fit': () =>
    rawAction(0, 25, 0, 16, 0x80, 0, 7 << 1, 1, 0xff, 0, 0, 0, 0, 0, 0, 0),
  'wrong flow command': () => ({ ...flowMod('add', encodeFlow(some)), command: 9 }),
  'wrong flow flags': () => ({ ...flowMod('add', encodeFlow(some)), flags: 0x8000 }),
  /** Of the table-miss flow, which most tables have: tables.ts puts this behind it. */
  [OVERLAP]: () => ({
    ...flowMod('add', encodeFlow({ ...some, priority: 0, match: { in_port: 1 } })),
    flags: flowFlags.check_overlap,
  }),
  'a flow with an unknown buffer': () => ({
    ...flowMod('add', encodeFlow({ ...some, match: { in_port: 4, eth_type: 0x9999 } })),
    buffer_id: 7,
  }),
  'group that exists': ({ groups }) => (groups.length ? group(1, 0, [output(1)]) : undefined),
  'group of an unknown type': () => group(900, 9, [output(1)]),
  'group number over MAX': () => group(0xffffff05, 0, [output(1)]),
  'indirect group of two buckets': () => group(901, groupType.indirect, [output(1)], [output(2)]),
  'group in itself': () => group(902, 0, [{ kind: 'group', group_id: 902 }]),
  'group to an unknown one': () => group(903, 0, [{ kind: 'group', group_id: 4001 }]),
  'weights where none may be': () =>
    groupMod(
      'add',
      encodeGroup({
        group_id: 904,
        group_type: 0,
        buckets: [{ weight: 5, watch_port: ANY, watch_group: ANY, actions: [output(1)] }],
      }),
    ),
  'fast failover that watches nothing': () => group(905, groupType.ff, [output(1)]),
  'modify an unknown group': () => ({ ...group(906, 0, [output(1)]), command: 1 }) as Body,
  'wrong group command': () => ({ ...group(907, 0, [output(1)]), command: 9 }) as Body,
  'a bucket cut short': () => ({
    ...(group(908, 0, [output(1)]) as Extract<Body, { type: 'group_mod' }>),
    buckets: Uint8Array.of(0, 40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  }),
  'a bucket with a wrong action': () => group(909, 0, [output(0)]),
  'meter that exists': ({ meters }) => (meters.length ? meter(1, 0, 1) : undefined),
  'meter 0': () => meter(0, 0, 1),
  'meter number over MAX': () => meter(0xffff0005, 0, 1),
  'modify an unknown meter': () => meter(4000, 1, 1),
  'delete an unknown meter': () => meter(4000, 2, 1),
  'wrong meter flags': ({ world }) => meter(4001, 0, world.random.pick([0, 3, 0x20])),
  'wrong meter command': () => meter(4002, 9, 1),
  'meter without rate': () => meter(4003, 0, 1, 0),
  'unknown band': () => ({
    type: 'meter_mod',
    command: 0,
    flags: 1,
    meter_id: 4004,
    bands: [{ kind: 'unknown', type: 9, bytes: new Uint8Array(8) } as never],
  }),
}
const names = Object.keys(mistakes)

export function mistake(context: MistakeContext): { name: string; body: Body } {
  for (;;) {
    const name = context.world.random.pick(names)
    const body = context.without.has(name) ? undefined : mistakes[name]!(context)
    if (body) return { name, body }
  }
}
