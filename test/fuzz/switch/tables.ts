/**
 * A random set of tables: groups that chain, meters, flows over several tables whose matches are taken
 * from the frames that will come, and mistakes that must be refused. No two flows of one table have one
 * priority: which of them takes a frame is undefined. Neighbours: actions.ts, mistakes.ts, frames.ts.
 */
import { keyNames } from '../../../dataplane/packet/key-layout.ts'
import type { Action } from '../../../southbound/openflow/action.ts'
import { encodeFlow, type Flow } from '../../../southbound/openflow/flow.ts'
import { encodeGroup, groupType } from '../../../southbound/openflow/group.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import { type Match, missingPrerequisite } from '../../../southbound/openflow/match.ts'
import { type Body, flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import type { MeterBand } from '../../../southbound/openflow/meter.ts'
import { type FieldName, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { ANY, CONTROLLER } from '../../../southbound/openflow/port.ts'
import { type Random, randomOf } from '../random.ts'
import { actions } from './actions.ts'
import { type Frame, newFrame } from './frames.ts'
import { mistake, OVERLAP } from './mistakes.ts'
import { somePort } from './operands.ts'
import { DOWN_PORT, type Input, NO_PORT, PORTS } from './peer.ts'
import { newWorld, type Value, type World } from './world.ts'

export interface GroupValue {
  readonly group_id: number
  readonly group_type: number
  readonly buckets: readonly BucketValue[]
}
export interface BucketValue {
  readonly weight: number
  readonly watch_port: number
  readonly watch_group: number
  readonly actions: readonly Action[]
}
export interface MeterValue {
  readonly meter_id: number
  readonly flags: number
  readonly bands: readonly MeterBand[]
}
/** One message, as a value that can be made smaller. */
export type Line =
  | { readonly is: 'flow'; readonly flow: Flow }
  | { readonly is: 'group'; readonly group: GroupValue }
  | { readonly is: 'meter'; readonly meter: MeterValue }
  /** Something that should be refused, or a change of what is there already. */
  | { readonly is: 'other'; readonly name: string; readonly body: Body }

export interface TableSet {
  readonly lines: readonly Line[]
  readonly inputs: readonly (Input & { readonly frame: Frame })[]
}

export function bodyOf(line: Line): Body {
  switch (line.is) {
    case 'flow':
      return flowMod('add', encodeFlow(line.flow))
    case 'group':
      return groupMod('add', encodeGroup(line.group))
    case 'meter':
      return { type: 'meter_mod', command: 0, ...line.meter }
    case 'other':
      return line.body
  }
}

export const ANY_WATCH = { watch_port: ANY, watch_group: ANY } as const
const FRAMES = 100
/** A rate that no run comes near to: what a meter drops depends on time. */
const HUGE_RATE = 0x7fff_ffff

export interface Plan {
  /** Frames for each set of tables. */
  readonly frames?: number
  /** Kinds of actions and mistakes that are not to be made. */
  readonly without: ReadonlySet<string>
  /** Whether what Open vSwitch has not may be made: then `without` leaves out what ours has not alone. */
  readonly alone?: boolean
}

/** The set of tables of one seed. */
export function newTables(seed: number, plan: Plan): TableSet {
  const world = newWorld(randomOf(seed))
  const { random } = world
  const frames = Array.from({ length: plan.frames ?? FRAMES }, () => newFrame(world))
  const inputs = frames.map((frame) => ({ port: random.pick(PORTS), bytes: frame.bytes, frame }))
  const lines: Line[] = []
  const groups: number[] = []
  const watchable: number[] = []
  for (let n = random.below(6); n > 0; n--) {
    const group = newGroup(world, plan, 1 + groups.length, groups, watchable)
    lines.push({ is: 'group', group })
    groups.push(group.group_id)
    // Whether a select group whose buckets all have weight 0 is live: nothing says it.
    if (group.group_type !== groupType.select) watchable.push(group.group_id)
  }
  const meters = [1, 2].slice(0, random.below(3))
  for (const meter_id of meters) lines.push({ is: 'meter', meter: newMeter(world, meter_id) })
  const tables = tablesOf(random)
  for (const table_id of tables) {
    const later = tables.filter((other) => other > table_id)
    lines.push(...flowsOf({ world, plan, inputs, groups, meters, table_id, later }))
  }
  for (let n = random.below(4); n > 0; n--) {
    const body = mistake({ world, groups, meters, tables, without: plan.without })
    const at = body.name === OVERLAP ? lines.length : random.below(lines.length + 1)
    lines.splice(at, 0, { is: 'other', ...body })
  }
  return { lines, inputs }
}

/** Table 0 and up to four more, of all that there are. */
function tablesOf(random: Random): number[] {
  const ids = new Set([0])
  for (let n = 1 + random.below(4); n > 0; n--) ids.add(1 + random.below(random.pick([4, 253])))
  return [...ids].sort((a, b) => a - b)
}

function newMeter(world: World, meter_id: number): MeterValue {
  const unit = world.random.pick([1, 2])
  const burst = world.random.pick([0, 4])
  const band: MeterBand = { kind: 'drop', rate: HUGE_RATE, burst_size: burst ? HUGE_RATE : 0 }
  return { meter_id, flags: unit | burst | world.random.pick([0, 8]), bands: [band] }
}

/** Which bucket a select group takes is the switch's own choice: live ones do the same. */
function newGroup(
  world: World,
  plan: Plan,
  group_id: number,
  groups: readonly number[],
  watchable: readonly number[],
): GroupValue {
  const { random } = world
  const type = random.pick([
    groupType.all,
    groupType.all,
    groupType.select,
    groupType.indirect,
    groupType.ff,
    groupType.ff,
  ])
  const context = {
    world,
    known: undefined,
    groups,
    tables: [],
    depth: 1,
    without: plan.without,
    isSet: !world.chance(3),
  }
  const bucket = (weight: number, watch: Partial<typeof ANY_WATCH>): BucketValue => ({
    weight,
    ...ANY_WATCH,
    ...watch,
    actions: world.chance(5) ? [] : actions(context, 4),
  })
  const count = type === groupType.indirect ? 1 : random.below(5)
  let buckets: BucketValue[]
  if (type === groupType.ff) {
    const watch = () =>
      watchable.length > 0 && world.chance(35)
        ? { watch_group: random.pick(watchable) }
        : { watch_port: random.pick([...PORTS, DOWN_PORT, DOWN_PORT, NO_PORT]) }
    buckets = Array.from({ length: count }, () => bucket(0, watch() as never))
  } else if (type === groupType.select) {
    const one = bucket(1, {})
    const dead = Array.from({ length: random.below(2) }, () => bucket(0, {}))
    const live = Array.from({ length: count }, () => ({ ...one, weight: 1 + random.below(9) }))
    buckets = world.chance(50) ? [...dead, ...live] : [...live, ...dead]
  } else buckets = Array.from({ length: count }, () => bucket(0, {}))
  return { group_id, group_type: type, buckets }
}

interface TableContext {
  readonly world: World
  readonly plan: Plan
  readonly inputs: TableSet['inputs']
  readonly groups: readonly number[]
  readonly meters: readonly number[]
  readonly table_id: number
  readonly later: readonly number[]
}

function flowsOf(context: TableContext): Line[] {
  const { world, table_id } = context
  const { random } = world
  const flows: Line[] = []
  const count = 4 + random.below(9)
  const priorities = new Set<number>()
  while (priorities.size < count) priorities.add(1 + random.below(random.pick([30, 0xfffe])))
  for (const priority of priorities) {
    const match = newMatch(context)
    flows.push({
      is: 'flow',
      flow: {
        table_id,
        priority,
        cookie: cookieOf(random),
        match,
        instructions: newInstructions(context, match),
      },
    })
  }
  if (world.chance(85)) {
    const instructions = missInstructions(context)
    flows.push({
      is: 'flow',
      flow: { table_id, priority: 0, cookie: cookieOf(random), match: {}, instructions },
    })
  }
  return flows
}

const cookieOf = (random: Random) =>
  (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32))

function missInstructions({ world, later }: TableContext): Instruction[] {
  const { random } = world
  const at = random.below(100)
  if (at < 60 && later.length) return [{ kind: 'goto_table', table_id: random.pick(later) }]
  if (at < 78)
    return [
      { kind: 'apply_actions', actions: [{ kind: 'output', port: CONTROLLER, max_len: 0xffff }] },
    ]
  if (at < 90)
    return [
      {
        kind: 'write_actions',
        actions: [{ kind: 'output', port: random.pick(PORTS), max_len: 0 }],
      },
    ]
  return []
}

/** Fields that only the pipeline knows: at first 0, later what actions wrote. */
const PIPELINE = keyNames.filter((name) =>
  /^(metadata|tunnel_id|x*reg\d+|pkt_mark|tun_(src|dst|flags|ipv6_src|ipv6_dst|gbp_id|gbp_flags)|ct_(state|zone|mark|label))$/.test(
    name,
  ),
)
/** Fields of the specification that Open vSwitch 3.1 has not. */
const ABROAD = /^(in_phy_port|pbb_isid|ipv6_exthdr)$/
/** Fields that few frames have. */
const RARE: readonly FieldName[] = [
  ...(['ipv6_nd_sll', 'ipv6_nd_tll', 'ipv6_nd_target', 'nd_reserved', 'nd_options_type'] as const),
  ...(['pbb_isid', 'ipv6_exthdr', 'in_phy_port'] as const),
]
/** A register may be named twice, as itself and as a part of a wider one: one of them is enough. */
const REGISTER = /reg\d/
const OFTEN: readonly FieldName[] = ['metadata', 'reg0', 'reg1', 'reg2', 'tunnel_id', 'pkt_mark']

/** 0 to 4 fields of a frame that will come, and what they need. */
function newMatch({ world, plan, inputs, table_id }: TableContext): Match {
  const { random } = world
  const input = random.pick(inputs)
  const values: { readonly [name: string]: Value | undefined } = {
    ...input.frame.fields,
    in_port: input.port,
    in_phy_port: input.port,
  }
  const names = (Object.keys(values) as FieldName[]).filter(
    (name) => keyNames.includes(name) && (plan.alone || !ABROAD.test(name)),
  )
  const match: Record<string, Value | readonly [Value, Value]> = {}
  const take = (name: FieldName) => {
    const value = values[name]
    if (value === undefined || name in match) return
    match[name] = maybeMasked(world, name, value)
  }
  for (let n = random.below(table_id === 0 ? 4 : 3); n > 0; n--) take(random.pick(names))
  for (const name of RARE) if (names.includes(name) && world.chance(30)) take(name)
  if (values.vlan_vid === 0 && world.chance(25)) match.vlan_vid = 0
  if (table_id !== 0 || world.chance(15)) {
    for (let n = random.below(3); n > 0; n--) {
      const name = world.chance(60) ? random.pick(OFTEN) : random.pick(PIPELINE)
      const shadow = REGISTER.test(name) && Object.keys(match).some((other) => REGISTER.test(other))
      if (name in match || shadow || !keyNames.includes(name)) continue
      const zero = fieldOf[name].bits > 48 ? 0n : 0
      const value = world.chance(table_id === 0 ? 90 : 50) ? zero : world.value(name)
      match[name] = maybeMasked(world, name, value)
    }
  }
  // What the fields need, innermost first.
  for (let i = 0; i < 4 && missingPrerequisite(match as Match) !== undefined; i++) {
    for (const name of Object.keys(match) as FieldName[]) {
      for (const other of Object.keys(fieldOf[name].needs) as FieldName[]) {
        if (other in match && typeof match[other] !== 'object') continue
        const value = values[other]
        if (value !== undefined) match[other] = value
      }
    }
  }
  if (missingPrerequisite(match as Match) === undefined || world.chance(2)) return match as Match
  return 'in_port' in match ? { in_port: input.port } : {}
}

function maybeMasked(world: World, name: FieldName, value: Value): Value | readonly [Value, Value] {
  const { maskable, bits, ones } = fieldOf[name]
  if (!maskable || !world.chance(35)) return value
  const { random } = world
  const all = BigInt(ones)
  const way = random.below(3)
  const prefix = all ^ ((1n << BigInt(random.below(bits))) - 1n)
  let mask = way === 0 ? prefix : way === 1 ? 1n << BigInt(random.below(bits)) : 0n
  if (way === 2)
    for (let i = 0; i < bits; i += 32) mask = (mask << 32n) | BigInt(random.below(2 ** 32))
  mask &= all
  if (mask === 0n) return value
  const under = BigInt(value) & mask
  return bits > 48 ? [under, mask] : [Number(under), Number(mask)]
}

/** For TCP alone, which few matches ask for: fin_timeout is in all that do. No flow ends within a run. */
const timeoutOf = ({ eth_type, ip_proto }: Match): Action[] =>
  (eth_type === 0x800 || eth_type === 0x86dd) && ip_proto === 6
    ? [{ kind: 'fin_timeout', fin_idle_timeout: 6000, fin_hard_timeout: 0 }]
    : []

function newInstructions(context: TableContext, match: Match): Instruction[] {
  const { world, plan, groups, meters, later } = context
  const { random } = world
  const list: Instruction[] = []
  const of = { world, known: match, groups, tables: later, depth: 0, without: plan.without }
  if (meters.length && world.chance(15)) list.push({ kind: 'meter', meter_id: random.pick(meters) })
  if (world.chance(50)) {
    list.push({ kind: 'apply_actions', actions: [...timeoutOf(match), ...actions(of, 5)] })
  }
  if (world.chance(10)) list.push({ kind: 'clear_actions' })
  if (world.chance(25))
    list.push({
      kind: 'write_actions',
      actions: actions({ ...of, tables: [], isSet: !world.chance(3) }, 4),
    })
  if (world.chance(25)) {
    const metadata_mask = world.chance(50) ? 0xffff_ffff_ffff_ffffn : world.wide('metadata')
    list.push({
      kind: 'write_metadata',
      metadata: world.wide('metadata') & metadata_mask,
      metadata_mask,
    })
  }
  const goes = later.length > 0 && world.chance(65)
  if (goes) list.push({ kind: 'goto_table', table_id: random.pick(later) })
  else if (!list.some((one) => 'actions' in one) && world.chance(75)) {
    const port = somePort(world)
    list.push({ kind: 'apply_actions', actions: [{ kind: 'output', port, max_len: 0xffff }] })
  }
  return list
}
