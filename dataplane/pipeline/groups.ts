/**
 * Groups: all, select (by flow hash and weight), indirect, fast failover by watched ports and
 * groups (OpenFlow 1.3.5 §5.6). A group is stored as the bytes it came in, beside its steps.
 * Neighbours: pipeline.ts runs buckets, flow-table.ts loses the flows of a deleted group.
 */
import {
  ADD_OR_MODIFY,
  ALL_GROUPS,
  ANY_GROUP,
  type Bucket as BucketValue,
  decodeBuckets,
  groupCommand,
  groupType,
} from '../../southbound/openflow/group.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { ANY, LOCAL, MAX_PORT, TABLE } from '../../southbound/openflow/port.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { type CompiledAction, compileActions, orderActions, writeActions } from './actions.ts'
import { backReferences, longest } from './group-chains.ts'
import type { Journal } from './journal.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { badActions } from './malformed.ts'
import { Refusal, refuse } from './refusal.ts'
import type { Step } from './run.ts'
import { MAX_DEPTH } from './scratch.ts'

export interface Bucket {
  readonly weight: number
  readonly watch_port: number
  readonly watch_group: number
  readonly steps: readonly Step[]
  /** Whether it may write to the frame: it then works on a copy. */
  readonly frame: boolean
  readonly groups: readonly number[]
  /** As the last choice of a bucket of this group found it. */
  live: boolean
  packets: number
  bytes: number
}

export interface Group {
  readonly group_id: number
  readonly group_type: number
  readonly bytes: Uint8Array
  readonly buckets: readonly Bucket[]
  /** The groups that it forwards to, and those and the ones that it watches, each once. */
  readonly forwards: readonly number[]
  readonly names: readonly number[]
  /** Whether a bucket was live at the choice of this number. */
  live: boolean
  liveAt: number
  packets: number
  byteCount: number
  readonly createdAt: number
}

export type GroupMod = Omit<MessageOf<'group_mod'>, 'type' | 'xid'>

export interface Groups {
  readonly all: ReadonlyMap<number, Group>
  /** How many groups forward to it. */
  references(id: number): number
  /** Carries out a group-mod; throws a Refusal. Returns the ids of groups that are gone. */
  apply(mod: GroupMod, now: number, journal: Journal): number[]
  /** The bucket of a select or fast failover group for this packet; undefined = none is live. */
  choose(group: Group, hash: number, isUp: (port: number) => boolean): Bucket | undefined
}

export function groups(limits: Limits = defaultLimits): Groups {
  const all = new Map<number, Group>()
  /** Of a group, the ids of those that forward to it, and that forward to it or watch it. */
  const forwarding = backReferences()
  const naming = backReferences()
  let bucketCount = 0
  let choices = 0

  const put = (id: number, group: Group | undefined) => {
    const old = all.get(id)
    bucketCount += (group?.buckets.length ?? 0) - (old?.buckets.length ?? 0)
    forwarding.replace(id, old?.forwards, group?.forwards)
    naming.replace(id, old?.names, group?.names)
    if (group) all.set(id, group)
    else all.delete(id)
  }
  const set = (id: number, group: Group | undefined, journal: Journal) => {
    const old = all.get(id)
    journal.undo.push(() => put(id, old))
    put(id, group)
  }

  /**
   * No group comes to itself by what it names, and no chain of groups is longer than what a packet may
   * go through: so whoever follows chains may recurse.
   */
  const checkChains = (id: number, names: readonly number[]) => {
    const below = longest(names, (name) => all.get(name)?.names ?? [], id)
    const above = longest(naming.of(id), naming.of, id)
    if (below + 1 + above > MAX_DEPTH) {
      refuse('group_mod_failed.chaining_unsupported', `${below + 1 + above} groups in a chain`)
    }
  }

  const build = (mod: GroupMod, now: number, old: Group | undefined): Group => {
    const { group_id, group_type } = mod
    if (group_type > groupType.ff) refuse('group_mod_failed.bad_type', `${group_type}`)
    const values = decode(mod.buckets)
    const room = limits.buckets - bucketCount + (old?.buckets.length ?? 0)
    if (values.length > room) refuse('group_mod_failed.out_of_buckets', `${values.length}`)
    if (group_type === groupType.indirect && values.length !== 1) {
      refuse('group_mod_failed.invalid_group', `indirect with ${values.length} buckets`)
    }
    for (const value of values) checkBucket(value, group_type)
    const buckets = values.map(compileBucket)
    const forwards = [...new Set(buckets.flatMap((bucket) => bucket.groups))]
    const watched = buckets.flatMap((b) => (b.watch_group === ANY_GROUP ? [] : [b.watch_group]))
    const names = [...new Set([...forwards, ...watched])]
    checkChains(group_id, names)
    const bytes = mod.buckets.slice()
    // A modification keeps what the group has counted; its buckets count anew (OpenFlow 1.3.5 §6.5).
    const { packets = 0, byteCount = 0, createdAt = now } = old ?? {}
    return {
      ...{ group_id, group_type, bytes, buckets, forwards, names, live: false, liveAt: 0 },
      ...{ packets, byteCount, createdAt },
    }
  }

  const isLive = (bucket: Bucket, type: number, isUp: (port: number) => boolean): boolean => {
    const { watch_port, watch_group } = bucket
    if (watch_port === ANY && watch_group === ANY_GROUP) return type !== groupType.ff
    if (watch_port !== ANY && isUp(watch_port)) return true
    const watched = watch_group === ANY_GROUP ? undefined : all.get(watch_group)
    if (!watched) return false
    if (watched.liveAt !== choices) {
      watched.liveAt = choices
      watched.live = watched.buckets.some((other) => isLive(other, watched.group_type, isUp))
    }
    return watched.live
  }

  return {
    all,
    references: (id) => forwarding.of(id).size,
    apply(mod, now, journal) {
      const { command, group_id } = mod
      if (command > groupCommand.delete && command !== ADD_OR_MODIFY) {
        refuse('group_mod_failed.bad_command', `${command}`)
      }
      const everything = command === groupCommand.delete && group_id === ALL_GROUPS
      if (group_id > MAX_PORT && !everything)
        refuse('group_mod_failed.invalid_group', `${group_id}`)
      const old = all.get(group_id)
      if (command === groupCommand.delete) {
        const ids = everything ? [...all.keys()] : old ? [group_id] : []
        if (old && !everything && forwarding.of(group_id).size > 0) {
          refuse('group_mod_failed.chained_group', `a bucket forwards to ${group_id}`)
        }
        for (const id of ids) set(id, undefined, journal)
        return ids
      }
      if (command === groupCommand.add || (command === ADD_OR_MODIFY && !old)) {
        if (old) refuse('group_mod_failed.group_exists', `${group_id}`)
        if (all.size >= limits.groups) refuse('group_mod_failed.out_of_groups', `${all.size}`)
        set(group_id, build(mod, now, undefined), journal)
      } else {
        if (!old) refuse('group_mod_failed.unknown_group', `${group_id}`)
        set(group_id, build(mod, now, old), journal)
      }
      return []
    },
    choose(group, hash, isUp) {
      choices++
      let total = 0
      for (const bucket of group.buckets) {
        bucket.live = isLive(bucket, group.group_type, isUp)
        if (!bucket.live) continue
        if (group.group_type === groupType.ff) return bucket
        total += bucket.weight
      }
      let at = total === 0 ? 0 : hash % total
      for (const bucket of group.buckets) {
        if (!bucket.live) continue
        if (at < bucket.weight) return bucket
        at -= bucket.weight
      }
      return undefined
    },
  }
}

/** Bytes in front of a bucket's actions. */
const BUCKET_HEAD = 16

function decode(bytes: Uint8Array): readonly BucketValue[] {
  try {
    return decodeBuckets(bytes)
  } catch (error) {
    if (error instanceof WireError) throw badBucket(bytes, error)
    throw error
  }
}

/** Which bucket it is, and whether its actions are what is wrong. */
function badBucket(bytes: Uint8Array, cause: WireError): Refusal {
  for (let at = 0; at + BUCKET_HEAD <= bytes.length; ) {
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    const one = bytes.subarray(at, at + length)
    if (length < BUCKET_HEAD || one.length < length) break
    try {
      decodeBuckets(one)
    } catch (error) {
      if (error instanceof WireError) return badActions(one.subarray(BUCKET_HEAD), error)
      throw error
    }
    at += length
  }
  return new Refusal('group_mod_failed.bad_bucket', cause.message)
}

/** What the type of a group has no use for (OpenFlow 1.3.5 §6.5, §7.3.4.2). */
function checkBucket({ weight, watch_port, watch_group }: BucketValue, type: number): void {
  const watches = watch_port !== ANY || watch_group !== ANY_GROUP
  if (weight !== 0 && type !== groupType.select) {
    refuse('group_mod_failed.invalid_group', `a weight of ${weight}`)
  }
  if (watches && (type === groupType.all || type === groupType.indirect)) {
    refuse('group_mod_failed.watch_unsupported', `group type ${type}`)
  }
  if (!watches && type === groupType.ff) {
    refuse('group_mod_failed.invalid_group', 'fast failover that watches nothing')
  }
  const badPort = watch_port !== ANY && watch_port !== LOCAL && watch_port > MAX_PORT
  if (badPort || watch_port === 0 || (watch_group !== ANY_GROUP && watch_group > MAX_PORT)) {
    refuse('group_mod_failed.bad_watch', `port ${watch_port}, group ${watch_group}`)
  }
}

/** A bucket is an action set: executed in the set's order, whatever the order of its actions. */
function compileBucket(value: BucketValue): Bucket {
  const set: CompiledAction[] = []
  for (const action of value.actions) {
    if (action.kind !== 'output' || action.port !== TABLE) continue
    refuse('bad_action.bad_out_port', 'TABLE in a bucket')
  }
  writeActions(set, compileActions(value.actions, { inSet: true }).actions)
  orderActions(set)
  return {
    weight: value.weight,
    watch_port: value.watch_port,
    watch_group: value.watch_group,
    steps: set.map((action) => action.step),
    frame: set.some((action) => action.frame),
    groups: value.actions.flatMap((a) => (a.kind === 'group' ? [a.group_id] : [])),
    live: false,
    packets: 0,
    bytes: 0,
  }
}
