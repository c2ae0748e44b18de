/**
 * The flow tables of a bridge: flows by identity, a matcher per table, and flow-mods with the
 * semantics of OpenFlow 1.3.5 §6.4 as Open vSwitch fills its gaps: an ADD of an identical flow
 * starts its counters and duration anew; a MODIFY keeps cookie, timeouts and counters.
 * Neighbours: matcher.ts, program.ts, journal.ts; bridge.ts calls apply().
 */
import { type FlowBytes, flowKey, sameBytes } from '../../southbound/openflow/flow.ts'
import { ANY_GROUP } from '../../southbound/openflow/group.ts'
import { decodeInstructions, encodeInstructions } from '../../southbound/openflow/instruction.ts'
import { decodeMatch, type Match, missingPrerequisite } from '../../southbound/openflow/match.ts'
import { flowCommand, flowFlags, type MessageOf } from '../../southbound/openflow/message.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { ValueError, WireError } from '../../southbound/wire/error.ts'
import { conjunctiveMatcher } from '../classifier/conjunction.ts'
import {
  compileMatch,
  isWithin,
  type Matchable,
  type NewMatcher,
  overlaps,
} from '../classifier/matcher.ts'
import { tupleSpace } from '../classifier/tuple-space.ts'
import { keyField } from '../packet/key-layout.ts'
import { type Journal, removedReason } from './journal.ts'
import { compileProgram, type Program, TABLES } from './program.ts'
import { refuse } from './refusal.ts'

/** An installed flow. Identity and match never change; what it does may. */
export interface Flow extends FlowBytes, Matchable {
  instructions: Uint8Array
  program: Program
  readonly flags: number
  /** Seconds; 0 = never. */
  readonly idle_timeout: number
  readonly hard_timeout: number
  packets: number
  bytes: number
  /** Milliseconds on the switch's clock. */
  readonly createdAt: number
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
  /** Flows that the filter takes, by table and priority as they were added. */
  select(filter: FlowFilter): Flow[]
  remove(flow: Flow, reason: number, journal: Journal): void
  /** Removes what has timed out; false = no flow has a timeout. */
  expire(now: number, journal: Journal): boolean
  all(): Iterable<Flow>
  readonly counts: readonly TableCounts[]
}

export interface TableCounts {
  active: number
  lookups: number
  matched: number
}

/** Throws a Refusal when a group or meter that the program names does not exist. */
export type ReferenceCheck = (program: Program) => void

export function flowTables(
  checkReferences: ReferenceCheck,
  newMatcher: NewMatcher = tupleSpace,
): FlowTables {
  const matchers = Array.from({ length: TABLES }, () => conjunctiveMatcher<Flow>(newMatcher))
  const counts = Array.from(
    { length: TABLES },
    (): TableCounts => ({ active: 0, lookups: 0, matched: 0 }),
  )
  const byKey = new Map<string, Flow>()
  /** Flows with a timeout. */
  const timed = new Set<Flow>()

  const put = (flow: Flow) => {
    byKey.set(flowKey(flow), flow)
    matchers[flow.table_id]!.insert(flow)
    counts[flow.table_id]!.active++
    if (flow.idle_timeout + flow.hard_timeout > 0) timed.add(flow)
  }
  const take = (flow: Flow) => {
    byKey.delete(flowKey(flow))
    matchers[flow.table_id]!.remove(flow)
    counts[flow.table_id]!.active--
    timed.delete(flow)
  }

  const remove: FlowTables['remove'] = (flow, reason, journal) => {
    take(flow)
    journal.undo.push(() => put(flow))
    journal.events.push({ event: 'deleted', flow, reason })
  }

  const add = (mod: FlowMod, now: number, journal: Journal) => {
    if (mod.table_id === 0xff) refuse('flow_mod_failed.bad_table_id', 'a flow needs one table')
    if (mod.table_id >= TABLES) refuse('bad_request.eperm', `table ${mod.table_id}`)
    const match = checkedMatch(mod.match)
    const behaviour = programOf(mod.instructions, match, mod.table_id)
    checkReferences(behaviour.program)
    const flow: Flow = {
      table_id: mod.table_id,
      priority: mod.priority,
      cookie: mod.cookie,
      match: mod.match.slice(),
      ...behaviour,
      compiled: compileMatch(match),
      flags: mod.flags,
      idle_timeout: mod.idle_timeout,
      hard_timeout: mod.hard_timeout,
      packets: 0,
      bytes: 0,
      createdAt: now,
      usedAt: now,
    }
    const old = byKey.get(flowKey(flow))
    if (old) {
      take(old)
      journal.undo.push(() => put(old))
    } else if ((mod.flags & flowFlags.check_overlap) !== 0) {
      for (const other of byKey.values()) {
        const sameLevel = other.table_id === flow.table_id && other.priority === flow.priority
        if (sameLevel && overlaps(other.compiled, flow.compiled)) refuse('flow_mod_failed.overlap')
      }
    }
    put(flow)
    journal.undo.push(() => take(flow))
    journal.events.push({ event: 'added', flow, reason: 0 })
  }

  const modify = (mod: FlowMod, flows: readonly Flow[], journal: Journal) => {
    for (const flow of flows) {
      const { instructions, program, packets, bytes } = flow
      const next = programOf(mod.instructions, decodeMatch(flow.match), flow.table_id)
      checkReferences(next.program)
      const changed = !sameBytes(next.instructions, instructions)
      Object.assign(flow, next)
      if ((mod.flags & flowFlags.reset_counts) !== 0) Object.assign(flow, { packets: 0, bytes: 0 })
      journal.undo.push(() => Object.assign(flow, { instructions, program, packets, bytes }))
      if (changed) journal.events.push({ event: 'modified', flow, reason: 0 })
    }
  }

  const strict = (mod: FlowMod): Flow[] => {
    if (mod.table_id === 0xff) return select(mod).filter((flow) => isExactly(flow, mod))
    const flow = byKey.get(flowKey(mod))
    return flow && isWanted(flow, mod) ? [flow] : []
  }

  const select: FlowTables['select'] = (filter) => {
    const compiled = compileMatch(checkedMatch(filter.match))
    const everything = compiled.length === 0
    return [...byKey.values()].filter(
      (flow) => isWanted(flow, filter) && (everything || isWithin(flow.compiled, compiled)),
    )
  }

  return {
    counts,
    lookup(tableId, key) {
      const count = counts[tableId]!
      count.lookups++
      const flow = matchers[tableId]!.lookup(key)
      if (flow) count.matched++
      return flow
    },
    apply(mod, now, journal) {
      const deletion =
        mod.command === flowCommand.delete || mod.command === flowCommand.delete_strict
      // On anything but a deletion out_port and out_group say nothing.
      const wanted = deletion ? mod : { ...mod, out_port: ANY, out_group: ANY_GROUP }
      if (mod.command === flowCommand.add) add(mod, now, journal)
      else if (mod.command === flowCommand.modify) modify(mod, select(wanted), journal)
      else if (mod.command === flowCommand.modify_strict) modify(mod, strict(wanted), journal)
      else if (mod.command === flowCommand.delete) {
        for (const flow of select(mod)) remove(flow, removedReason.delete, journal)
      } else if (mod.command === flowCommand.delete_strict) {
        for (const flow of strict(mod)) remove(flow, removedReason.delete, journal)
      } else refuse('flow_mod_failed.bad_command', `${mod.command}`)
    },
    select,
    remove,
    expire(now, journal) {
      for (const flow of timed) {
        const { hard_timeout, idle_timeout, createdAt, usedAt } = flow
        if (hard_timeout > 0 && now - createdAt >= hard_timeout * 1000) {
          remove(flow, removedReason.hard_timeout, journal)
        } else if (idle_timeout > 0 && now - usedAt >= idle_timeout * 1000) {
          remove(flow, removedReason.idle_timeout, journal)
        }
      }
      return timed.size > 0
    },
    all: () => byKey.values(),
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

function programOf(
  bytes: Uint8Array,
  match: Match,
  tableId: number,
): { instructions: Uint8Array; program: Program } {
  try {
    const instructions = decodeInstructions(bytes)
    return {
      instructions: encodeInstructions(instructions),
      program: compileProgram(instructions, match, tableId),
    }
  } catch (error) {
    if (error instanceof WireError) return refuse('bad_action.bad_argument', error.message)
    throw error
  }
}

/** The match as values; a Refusal when it breaks a rule of OpenFlow 1.3.5 §7.2.3. */
export function checkedMatch(bytes: Uint8Array): Match {
  let match: Match
  try {
    match = decodeMatch(bytes)
  } catch (error) {
    if (error instanceof ValueError) return refuse(`bad_match.bad_${error.what}`, error.message)
    if (error instanceof WireError) return refuse('bad_match.bad_field', error.message)
    throw error
  }
  for (const [name, entry] of Object.entries(match)) {
    if (!(name in keyField)) refuse('bad_match.bad_field', name)
    if (typeof entry !== 'object') continue
    const [value, mask] = entry
    if ((BigInt(value) & ~BigInt(mask)) !== 0n) refuse('bad_match.bad_wildcards', name)
  }
  const missing = missingPrerequisite(match)
  if (missing !== undefined) refuse('bad_match.bad_prereq', missing)
  return match
}
