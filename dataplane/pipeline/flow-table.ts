/**
 * The flow tables of a bridge: flows by identity, a matcher per table, and flow-mods with the
 * semantics of OpenFlow 1.3.5 §6.4: an ADD of an identical flow starts its duration anew and, with
 * reset_counts, its counters; a MODIFY keeps cookie, timeouts and (without that) counters.
 * Neighbours: flow-index.ts, matcher.ts, program.ts, journal.ts; bridge.ts calls apply().
 */
import { type FlowBytes, flowKey, sameBytes } from '../../southbound/openflow/flow.ts'
import { ANY_GROUP } from '../../southbound/openflow/group.ts'
import {
  flowCommand,
  flowFlags,
  type MessageOf,
  OFP_NO_BUFFER,
} from '../../southbound/openflow/message.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { type Random, systemRandom } from '../../southbound/wire/random.ts'
import { conjunctiveMatcher } from '../classifier/conjunction.ts'
import {
  compileMatch,
  isWithin,
  type Matchable,
  type NewMatcher,
  overlaps,
} from '../classifier/matcher.ts'
import { newSecret } from '../classifier/secret-hash.ts'
import { tupleSpace } from '../classifier/tuple-space.ts'
import { checkedMatch } from './checked.ts'
import { type CompiledFlow, type CompileFlow, compileFlow } from './compiled-flow.ts'
import { flowIndex } from './flow-index.ts'
import { type Journal, removedReason } from './journal.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { type Program, TABLES } from './program.ts'
import { refuse } from './refusal.ts'

/** An installed flow. Identity and match never change; what it does may. */
export interface Flow extends FlowBytes, Matchable {
  /** flowKey() */
  readonly key: string
  instructions: Uint8Array
  program: Program
  readonly flags: number
  /** Seconds; 0 = never. */
  idle_timeout: number
  hard_timeout: number
  packets: number
  bytes: number
  /** Milliseconds on the switch's clock. */
  readonly createdAt: number
  /** Last taught by a packet, from which hard_timeout counts; else createdAt. */
  modifiedAt: number
  usedAt: number
}

export type FlowMod = Omit<MessageOf<'flow_mod'>, 'type' | 'xid'>

/** Which flows a request is about; as in flow_mod and multipart flow requests. */
export interface FlowFilter {
  readonly table_id: number
  readonly match: Uint8Array
  readonly cookie: bigint
  readonly cookie_mask: bigint
  readonly out_port: number
  readonly out_group: number
}

export interface FlowTables {
  lookup(tableId: number, key: Uint32Array): Flow | undefined
  /** Carries out a flow-mod; throws a Refusal, after which the journal must be rolled back. */
  apply(mod: FlowMod, now: number, journal: Journal): void
  /** Flows that the filter takes, in no order that means anything. */
  select(filter: FlowFilter): Flow[]
  remove(flow: Flow, reason: number, journal: Journal): void
  /** Adds a flow that a packet taught; the same flow again has all of its timeouts before it. */
  learn(mod: FlowMod, now: number, journal: Journal): void
  /** As Datapath.shorten. */
  shorten(flow: Flow, idle: number, hard: number): void
  /** Removes what has timed out; false = no flow has a timeout. */
  expire(now: number, journal: Journal): boolean
  all(): Iterable<Flow>
  inTable(tableId: number): Iterable<Flow>
  /** Flows that name the group, or the meter, in an instruction. */
  usersOfGroup(id: number): ReadonlySet<Flow>
  usersOfMeter(id: number): ReadonlySet<Flow>
  readonly counts: readonly TableCounts[]
  /** Undefined for a number that is no table's. */
  table(id: number): Table | undefined
  /** All of them, also those that nobody has used: look at it once. */
  readonly tables: readonly Table[]
}

export interface TableCounts {
  active: number
  lookups: number
  matched: number
}

/** What a controller may change of a table (table_mod, table features) and an owner of its size. */
export interface Table {
  name: string
  /** OFPTC_*. */
  config: number
  /** Taken out of the pipeline by a table features request: takes no flows. */
  absent: boolean
  maxFlows: number
}

/** Throws a Refusal when a group or meter that the program names does not exist. */
export type ReferenceCheck = (program: Program) => void

const ALL_TABLES = 0xff

/** Something that each table has, made when it is asked for: most tables never have a flow. */
function ofTables<T>(make: () => T) {
  const made: (T | undefined)[] = Array.from({ length: TABLES })
  const at = (id: number): T => {
    const known = made[id]
    if (known !== undefined) return known
    const thing = make()
    made[id] = thing
    return thing
  }
  return { at, all: (): readonly T[] => Array.from(made, (_, id) => at(id)) }
}

const KNOWN_FLAGS = Object.values(flowFlags).reduce<number>((bits, flag) => bits | flag, 0)

export function flowTables(
  checkReferences: ReferenceCheck,
  newMatcher: NewMatcher = tupleSpace,
  limits: Limits = defaultLimits,
  random: Random = systemRandom,
  make: CompileFlow = compileFlow,
): FlowTables {
  const tables = ofTables((): Table => {
    return { name: '', config: 0, absent: false, maxFlows: limits.flowsPerTable }
  })
  const secret = newSecret(random)
  const matchers = ofTables(() => conjunctiveMatcher<Flow>(newMatcher, secret))
  const counts = ofTables((): TableCounts => ({ active: 0, lookups: 0, matched: 0 }))
  const index = flowIndex(TABLES)
  /** Flows that were ever added, identical ones once. */
  let added = 0
  /** Flows with a timeout. */
  const timed = new Set<Flow>()

  const put = (flow: Flow) => {
    index.add(flow)
    matchers.at(flow.table_id).insert(flow)
    counts.at(flow.table_id).active++
    if (flow.idle_timeout + flow.hard_timeout > 0) timed.add(flow)
  }
  const take = (flow: Flow) => {
    index.remove(flow)
    matchers.at(flow.table_id).remove(flow)
    counts.at(flow.table_id).active--
    timed.delete(flow)
  }
  /** Gives a flow other instructions. */
  const become = (flow: Flow, next: Pick<Flow, 'instructions' | 'program'>) => {
    const { program: before } = flow
    const { clauses } = next.program
    // A matcher keeps parts of conjunctive matches elsewhere than whole flows.
    const moves = clauses !== undefined || before.clauses !== undefined
    if (moves) matchers.at(flow.table_id).remove(flow)
    Object.assign(flow, next, { clauses })
    if (moves) matchers.at(flow.table_id).insert(flow)
    index.changed(flow, before)
  }

  const remove: FlowTables['remove'] = (flow, reason, journal) => {
    take(flow)
    journal.undo.push(() => put(flow))
    journal.events.push({ event: 'deleted', flow, reason })
  }

  const compile = (flow: Parameters<CompileFlow>[0]): CompiledFlow => {
    const made = make(flow)
    const { program } = made
    checkReferences(program)
    if (program.goto >= 0 && tables.at(program.goto).absent) {
      refuse('bad_instruction.bad_table_id', `table ${program.goto} was taken out`)
    }
    return made
  }

  const add = (mod: FlowMod, now: number, journal: Journal) => {
    if (mod.table_id >= TABLES) return refuse('flow_mod_failed.bad_table_id', `${mod.table_id}`)
    const table = tables.at(mod.table_id)
    if (table.absent) return refuse('flow_mod_failed.bad_table_id', `${mod.table_id}`)
    const made = compile(mod)
    const old = index.find(mod.table_id, made.key)
    const keep = old !== undefined && (mod.flags & flowFlags.reset_counts) === 0
    const flow: Flow = {
      table_id: mod.table_id,
      priority: mod.priority,
      cookie: made.cookie,
      key: made.key,
      match: made.match,
      instructions: made.instructions,
      program: made.program,
      compiled: made.compiled,
      clauses: made.program.clauses,
      order: old?.order ?? added++,
      flags: mod.flags,
      idle_timeout: mod.idle_timeout,
      hard_timeout: mod.hard_timeout,
      packets: keep ? old.packets : 0,
      bytes: keep ? old.bytes : 0,
      createdAt: now,
      modifiedAt: now,
      usedAt: now,
    }
    if ((mod.flags & flowFlags.check_overlap) !== 0) checkOverlap(flow, old)
    const full = counts.at(mod.table_id).active >= table.maxFlows || index.size >= limits.flows
    if (!old && full) refuse('flow_mod_failed.table_full', `${index.size} flows`)
    if (old) {
      take(old)
      journal.undo.push(() => put(old))
    }
    put(flow)
    journal.undo.push(() => take(flow))
    journal.events.push({ event: 'added', flow, reason: 0, ...(old && { replaced: old }) })
  }

  const checkOverlap = (flow: Flow, old: Flow | undefined) => {
    for (const other of index.inTable(flow.table_id)) {
      if (other === old || other.priority !== flow.priority) continue
      if (overlaps(other.compiled, flow.compiled)) refuse('flow_mod_failed.overlap')
    }
  }

  const modify = (mod: FlowMod, flows: readonly Flow[], journal: Journal) => {
    for (const flow of flows) {
      const { instructions, program, packets, bytes } = flow
      const { table_id, priority, cookie, match } = flow
      const wanted = { table_id, priority, cookie, match, instructions: mod.instructions }
      const made = compile(wanted)
      const next = { instructions: made.instructions, program: made.program }
      const changed = !sameBytes(next.instructions, instructions)
      become(flow, next)
      if ((mod.flags & flowFlags.reset_counts) !== 0) Object.assign(flow, { packets: 0, bytes: 0 })
      journal.undo.push(() => {
        become(flow, { instructions, program })
        Object.assign(flow, { packets, bytes })
      })
      if (changed) journal.events.push({ event: 'modified', flow, reason: 0, before: program })
    }
    // Of a flow-mod that takes no flow the instructions are looked at all the same.
    if (flows.length === 0) compile(mod)
  }

  const strict = (mod: FlowMod): Flow[] => {
    if (mod.table_id === ALL_TABLES) return select(mod).filter((flow) => isExactly(flow, mod))
    checkedMatch(mod.match)
    const flow = index.find(mod.table_id, flowKey(mod))
    return flow && isWanted(flow, mod) ? [flow] : []
  }

  const select: FlowTables['select'] = (filter) => {
    const compiled = compileMatch(checkedMatch(filter.match))
    const found: Flow[] = []
    for (const flow of index.candidates(filter)) {
      if (isWanted(flow, filter) && isWithin(flow.compiled, compiled)) found.push(flow)
    }
    return found
  }

  return {
    get counts() {
      return counts.all()
    },
    table: (id) => (id < TABLES ? tables.at(id) : undefined),
    get tables() {
      return tables.all()
    },
    lookup(tableId, key) {
      const count = counts.at(tableId)
      count.lookups++
      const flow = matchers.at(tableId).lookup(key)
      if (flow) count.matched++
      return flow
    },
    apply(mod, now, journal) {
      const { command, table_id, flags } = mod
      if (command > flowCommand.delete_strict) refuse('flow_mod_failed.bad_command', `${command}`)
      if ((flags & ~KNOWN_FLAGS) !== 0) refuse('flow_mod_failed.bad_flags', `${flags}`)
      if (command === flowCommand.delete || command === flowCommand.delete_strict) {
        if (table_id !== ALL_TABLES && tables.at(table_id).absent) {
          refuse('flow_mod_failed.bad_table_id', `${table_id}`)
        }
        const flows = command === flowCommand.delete ? select(mod) : strict(mod)
        for (const flow of flows) remove(flow, removedReason.delete, journal)
        return
      }
      // No packet waits in a buffer here.
      if (mod.buffer_id !== OFP_NO_BUFFER) refuse('bad_request.buffer_unknown', `${mod.buffer_id}`)
      if (table_id === ALL_TABLES || tables.at(table_id).absent) {
        refuse('flow_mod_failed.bad_table_id', `${table_id}`)
      }
      if (command === flowCommand.add) return add(mod, now, journal)
      // On anything but a deletion out_port and out_group say nothing.
      const wanted = { ...mod, out_port: ANY, out_group: ANY_GROUP }
      modify(mod, command === flowCommand.modify ? select(wanted) : strict(wanted), journal)
    },
    select,
    remove,
    learn(mod, now, journal) {
      const old = index.find(mod.table_id, flowKey(mod))
      if (old && sameBytes(old.instructions, mod.instructions) && old.cookie === mod.cookie) {
        old.modifiedAt = old.usedAt = now
      } else add(mod, now, journal)
    },
    expire(now, journal) {
      for (const flow of timed) {
        const { hard_timeout, idle_timeout, modifiedAt, usedAt } = flow
        if (hard_timeout > 0 && now - modifiedAt >= hard_timeout * 1000) {
          remove(flow, removedReason.hard_timeout, journal)
        } else if (idle_timeout > 0 && now - usedAt >= idle_timeout * 1000) {
          remove(flow, removedReason.idle_timeout, journal)
        }
      }
      return timed.size > 0
    },
    shorten(flow, idle, hard) {
      if (idle > 0) flow.idle_timeout = Math.min(flow.idle_timeout || idle, idle)
      if (hard > 0) flow.hard_timeout = Math.min(flow.hard_timeout || hard, hard)
      // A packet may have run a flow that was taken out since.
      if (idle + hard > 0 && index.find(flow.table_id, flow.key) === flow) timed.add(flow)
    },
    all: index.all,
    inTable: index.inTable,
    usersOfGroup: index.usersOfGroup,
    usersOfMeter: index.usersOfMeter,
  }
}

function isExactly(flow: Flow, mod: FlowMod): boolean {
  return flow.priority === mod.priority && sameBytes(flow.match, mod.match)
}

function isWanted(flow: Flow, filter: FlowFilter): boolean {
  const { table_id, cookie, cookie_mask, out_port, out_group } = filter
  if (table_id !== 0xff && flow.table_id !== table_id) return false
  if (cookie_mask !== 0n && ((flow.cookie ^ cookie) & cookie_mask) !== 0n) return false
  if (out_port !== ANY && !flow.program.ports.includes(out_port)) return false
  return out_group === ANY_GROUP || flow.program.groups.includes(out_group)
}
