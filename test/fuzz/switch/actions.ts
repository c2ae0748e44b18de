/**
 * Random actions: one row for each kind that the southbound library has, so that a new kind does not
 * compile until it has a row here. A sentence instead of a maker says why a kind is not made.
 * Neighbours: operands.ts, tables.ts.
 */
import type { Action } from '../../../southbound/openflow/action.ts'
import type { Match } from '../../../southbound/openflow/match.ts'
import { type FieldName, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import {
  type ActionContext,
  bits,
  field,
  firstLive,
  isIp,
  isMpls,
  isTagged,
  settable,
  someMpls,
  somePort,
  someTag,
  someTtl,
  sources,
  typed,
  value,
  wholly,
  widthOf,
} from './operands.ts'
import { PORTS } from './peer.ts'
import { someBytes, type World } from './world.ts'

type Of<K extends string> = Extract<Action, { readonly kind: K }>
type Maker<K extends string> = (context: ActionContext) => Omit<Of<K>, 'kind'> | undefined
type Row<K extends string> = readonly [weight: number, make: Maker<K>] | string

const rows: { readonly [K in Action['kind']]: Row<K> } = {
  output: [
    26,
    ({ world }) => {
      const port = somePort(world)
      const max_len = port === CONTROLLER ? world.random.pick([0, 14, 60, 128, 0xffff]) : 0
      return { port, max_len }
    },
  ],
  group: [
    5,
    ({ world, groups }) => (groups.length ? { group_id: world.random.pick(groups) } : undefined),
  ],
  set_field: [
    26,
    (context) => {
      const name = field(context, settable)
      return { field: name, value: context.world.value(name) }
    },
  ],
  load: [
    6,
    (context) => {
      const dst = bits(context, settable, 64)
      return { dst, value: value(context.world, dst.n_bits) }
    },
  ],
  load2: [
    6,
    (context) => {
      const maskable = settable.filter((one) => fieldOf[one].maskable)
      const name = field(context, maskable)
      if (!fieldOf[name].maskable) return undefined
      // Without the bit that says that there is a tag.
      const mask = value(context.world, widthOf(name))
      const under = value(context.world, fieldOf[name].bits) & mask
      return { field: name, value: typed(name, under), mask: typed(name, mask) }
    },
  ],
  move: [
    6,
    (context) => {
      const src = bits(context, sources)
      const name = field(context, settable)
      const all = widthOf(name)
      const n_bits = Math.min(src.n_bits, all)
      const ofs = context.world.random.below(all - n_bits + 1)
      return { src: { ...src, n_bits }, dst: { field: name, ofs, n_bits } }
    },
  ],
  copy_field: [
    2,
    (context) => {
      const src = bits(context, sources)
      const name = field(context, settable)
      const all = widthOf(name)
      const n_bits = Math.min(src.n_bits, all)
      const ofs = context.world.random.below(all - n_bits + 1)
      return { src: { ...src, n_bits }, dst: { field: name, ofs, n_bits } }
    },
  ],
  // On top of two tags it is a known difference.
  push_vlan: [
    10,
    ({ world, known }) =>
      known?.vlan_vid === 0 || world.random.once(8) ? { ethertype: someTag(world) } : undefined,
  ],
  pop_vlan: [5, ({ world, known }) => (isTagged(known) || world.random.once(40) ? {} : undefined)],
  // In front of tags it is a known difference.
  push_mpls: [
    12,
    ({ world, known }) =>
      known?.vlan_vid === 0 || world.random.once(60) ? { ethertype: someMpls(world) } : undefined,
  ],
  pop_mpls: [
    5,
    ({ world, known }) =>
      isMpls(known) || world.random.once(40)
        ? { ethertype: world.random.pick([0x800, 0x86dd, 0x8847, 0x8848, 0x806, 0x1234]) }
        : undefined,
  ],
  push_pbb: [2, () => ({ ethertype: 0x88e7 })],
  pop_pbb: [2, () => ({})],
  set_mpls_ttl: [
    5,
    ({ world, known }) =>
      isMpls(known) || known === undefined || world.random.once(40)
        ? { mpls_ttl: someTtl(world) }
        : undefined,
  ],
  dec_mpls_ttl: [
    5,
    ({ world, known }) => (isMpls(known) || world.random.once(100) ? {} : undefined),
  ],
  copy_ttl_out: [2, () => ({})],
  copy_ttl_in: [2, () => ({})],
  set_nw_ttl: [
    4,
    ({ world, known }) =>
      isIp(known) || known === undefined || world.random.once(40)
        ? { nw_ttl: someTtl(world) }
        : undefined,
  ],
  dec_nw_ttl: [
    5,
    ({ world, known }) =>
      isIp(known) || known === undefined || world.random.once(40) ? {} : undefined,
  ],
  dec_ttl_cnt_ids: [
    2,
    ({ world, known }) =>
      isIp(known) || known === undefined
        ? { ids: world.random.pick([[0], [0, 0], [7]]) }
        : undefined,
  ],
  set_queue: [1, ({ world }) => ({ queue_id: world.random.below(3) })],
  pop_queue: [1, () => ({})],
  resubmit: [
    3,
    ({ world, tables }) =>
      tables.length
        ? {
            in_port: world.chance(80) ? 0xfff8 : world.random.pick(PORTS),
            table_id: world.random.pick(tables),
          }
        : undefined,
  ],
  resubmit_port: 'goes to its own table: a loop, or nothing',
  resubmit_ct: 'test/dataplane/conntrack has its own comparison',
  set_tunnel: [2, ({ world }) => ({ tun_id: world.random.below(4) })],
  set_tunnel64: [2, ({ world }) => ({ tun_id: BigInt(world.random.below(4)) << 40n })],
  note: [1, ({ world }) => ({ note: someBytes(world, 6 + 8 * world.random.below(3)) })],
  exit: [1, () => ({})],
  controller: [
    3,
    ({ world }) => ({
      max_len: world.random.pick([14, 64, 0xffff]),
      controller_id: 0,
      reason: world.random.below(3),
    }),
  ],
  controller2: [
    2,
    ({ world }) => ({
      properties: [
        { kind: 'reason', reason: world.random.below(3) },
        ...(world.chance(50)
          ? [{ kind: 'userdata', userdata: someBytes(world, 1 + world.random.below(9)) } as const]
          : []),
      ],
    }),
  ],
  push: [3, (context) => ({ src: bits(context, sources) })],
  pop: [3, (context) => ({ dst: bits(context, settable) })],
  output_reg: [
    2,
    ({ world }) => ({
      src: world.random.pick([wholly('reg0'), { field: 'reg1', ofs: 0, n_bits: 3 }]),
      max_len: 0xffff,
    }),
  ],
  output_reg2: [1, () => ({ src: wholly('pkt_mark'), max_len: 0xffff })],
  output_trunc: [
    1,
    ({ world }) => ({
      port: world.random.pick(PORTS),
      max_len: 14 + world.random.below(80),
    }),
  ],
  clone: [
    1,
    (context) =>
      context.depth < 2
        ? { actions: actions({ ...context, depth: context.depth + 1 }, 3) }
        : undefined,
  ],
  check_pkt_larger: [
    1,
    ({ world }) => ({
      pkt_len: world.random.pick([14, 60, 64, 100, 1000]),
      dst: { field: 'reg0', ofs: world.random.below(32) },
    }),
  ],
  ct_clear: [1, () => ({})],
  // No flow ends within a run.
  fin_timeout: [1, () => ({ fin_idle_timeout: 6000, fin_hard_timeout: 0 })],
  // The hash is nobody's but Open vSwitch's: of these there is but one choice.
  bundle: [1, ({ world }) => firstLive(world)],
  bundle_load: [
    1,
    (context) => ({
      ...firstLive(context.world),
      dst: bits(context, ['reg3', 'pkt_mark', 'reg4'], 64),
    }),
  ],
  multipath: [
    1,
    (context) => ({
      ...{ fields: context.world.random.below(7), basis: 7, algorithm: 0, max_link: 0, arg: 0 },
      dst: bits(context, settable, 64),
    }),
  ],
  learn: 'a learned flow depends on which frame came first; test/dataplane has tests of it',
  learn2: 'a learned flow depends on which frame came first; test/dataplane has tests of it',
  unknown: 'mistakes.ts makes those',
  sample: 'needs a collector',
  sample2: 'needs a collector',
  sample3: 'needs a collector',
  conjunction: 'a flow of conjunctions holds nothing else: flows.ts makes those',
  ct: 'test/dataplane/conntrack has its own comparison',
  nat: 'a part of ct',
  encap: 'network service headers, which Weft has not',
  decap: 'network service headers, which Weft has not',
  dec_nsh_ttl: 'network service headers, which Weft has not',
  delete_field: 'takes fields of Geneve alone',
}

type Made = readonly [
  kind: string,
  weight: number,
  make: (context: ActionContext) => object | undefined,
]
const made: readonly Made[] = Object.entries(rows as Record<string, Row<never>>).flatMap(
  ([kind, row]) => (typeof row === 'string' ? [] : [[kind, row[0], row[1] as Made[2]] as const]),
)
/** Kinds that are made. */
export const madeKinds: readonly string[] = made.map(([kind]) => kind)

/** What only a list of actions may hold. */
const LISTS_ONLY: ReadonlySet<string> = new Set(
  'controller controller2 push pop output_reg output_reg2 output_trunc clone check_pkt_larger exit note resubmit dec_ttl_cnt_ids fin_timeout bundle bundle_load multipath pop_queue set_tunnel set_tunnel64'.split(
    ' ',
  ),
)

export function action(context: ActionContext): Action {
  for (;;) {
    const [kind, , make] = context.world.weighted(made, ([, weight]) => weight)
    if (context.without.has(kind) || (context.isSet && LISTS_ONLY.has(kind))) continue
    const body = make(context)
    if (body) return { kind, ...body } as Action
  }
}
/** An action of one kind; undefined when it cannot be here. */
export const actionOf = (kind: string, context: ActionContext): Action | undefined => {
  const body = made.find(([name]) => name === kind)?.[2](context)
  return body && ({ kind, ...body } as Action)
}

/** 1 to `most` actions, each fit for the packet as the ones before leave it. */
export function actions(context: ActionContext, most: number): Action[] {
  const list: Action[] = []
  const { world } = context
  let { known } = context
  for (let n = 1 + world.random.below(most); n > 0; n--) {
    const one = action({ ...context, known })
    const all = [one, ...(world.chance(98) ? settled(world, one) : [])]
    list.push(...all)
    for (const each of all) known = known && afterwards(known, each)
  }
  return list
}

/** Writes all of a new header: what it has of itself is a known difference. */
function settled(world: World, { kind }: Action): readonly Action[] {
  const set = (name: FieldName): Action => ({
    kind: 'set_field',
    field: name,
    value: name === 'vlan_vid' ? world.number(name) | 0x1000 : world.value(name),
  })
  if (kind === 'push_vlan') return [set('vlan_vid'), set('vlan_pcp')]
  if (kind !== 'push_mpls') return []
  return [set('mpls_label'), set('mpls_tc'), { kind: 'set_mpls_ttl', mpls_ttl: someTtl(world) }]
}

/** What is known of the packet behind an action. */
function afterwards(known: Match, one: Action): Match {
  const { vlan_vid: _vid, vlan_pcp: _pcp, ...untagged } = known
  switch (one.kind) {
    case 'push_vlan':
      return { ...known, vlan_vid: 0x1000 }
    case 'pop_vlan':
      return untagged
    case 'push_mpls':
    case 'pop_mpls':
    case 'push_pbb': {
      const { in_port } = known
      return { ...(in_port !== undefined && { in_port }), eth_type: one.ethertype }
    }
    case 'pop_pbb':
      return {}
    case 'set_field':
      return one.field in known ? { ...known, [one.field]: one.value } : known
    default:
      return known
  }
}
