/**
 * Groups: all, select (by flow hash and weight), indirect, fast failover by watched ports and
 * groups (OpenFlow 1.3.5 §5.6). A group is stored as the bytes it came in, beside its steps.
 * Neighbours: pipeline.ts runs buckets, flow-table.ts loses the flows of a deleted group.
 */
import {
  ALL_GROUPS,
  ANY_GROUP,
  type Bucket as BucketValue,
  decodeBuckets,
  groupCommand,
  groupType,
} from '../../southbound/openflow/group.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { ANY, MAX_PORT } from '../../southbound/openflow/port.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { type CompiledAction, compileActions, orderActions, writeActions } from './actions.ts'
import type { Journal } from './journal.ts'
import { refuse } from './refusal.ts'
import type { Step } from './run.ts'

export interface Bucket {
  readonly weight: number
  readonly watch_port: number
  readonly watch_group: number
  readonly steps: readonly Step[]
  /** Whether it may write to the frame: it then works on a copy. */
  readonly frame: boolean
  readonly groups: readonly number[]
  packets: number
  bytes: number
}

export interface Group {
  readonly group_id: number
  readonly group_type: number
  readonly bytes: Uint8Array
  readonly buckets: readonly Bucket[]
  packets: number
  byteCount: number
  readonly createdAt: number
}

export type GroupMod = Omit<MessageOf<'group_mod'>, 'type' | 'xid'>

export interface Groups {
  readonly all: ReadonlyMap<number, Group>
  /** Carries out a group-mod; throws a Refusal. Returns the ids of groups that are gone. */
  apply(mod: GroupMod, now: number, journal: Journal): number[]
  /** The bucket of a select or fast failover group for this packet; undefined = none is live. */
  choose(group: Group, hash: number, isUp: (port: number) => boolean): Bucket | undefined
}

export function groups(): Groups {
  const all = new Map<number, Group>()

  const set = (id: number, group: Group | undefined, journal: Journal) => {
    const old = all.get(id)
    journal.undo.push(() => (old ? all.set(id, old) : all.delete(id)))
    if (group) all.set(id, group)
    else all.delete(id)
  }

  /** Whether following the buckets from `ids` comes to `wanted`. */
  const reaches = (ids: readonly number[], wanted: number, seen = new Set<number>()): boolean =>
    ids.some((id) => {
      if (id === wanted) return true
      if (seen.has(id)) return false
      seen.add(id)
      return reaches(all.get(id)?.buckets.flatMap((b) => b.groups) ?? [], wanted, seen)
    })

  const build = (mod: GroupMod, now: number): Group => {
    const { group_id, group_type } = mod
    if (group_id > MAX_PORT) refuse('group_mod_failed.invalid_group', `${group_id}`)
    if (group_type > groupType.ff) refuse('group_mod_failed.bad_type', `${group_type}`)
    const buckets = decode(mod.buckets).map(compileBucket)
    if (group_type === groupType.indirect && buckets.length !== 1) {
      refuse('group_mod_failed.invalid_group', `indirect with ${buckets.length} buckets`)
    }
    const chained = buckets.flatMap((bucket) => bucket.groups)
    // A group that does not exist yet may be named: its packets are dropped until it does.
    if (reaches(chained, group_id)) refuse('group_mod_failed.loop', `group ${group_id}`)
    const bytes = mod.buckets.slice()
    return { group_id, group_type, bytes, buckets, packets: 0, byteCount: 0, createdAt: now }
  }

  const isLive = (
    bucket: Bucket,
    type: number,
    isUp: (port: number) => boolean,
    depth = 0,
  ): boolean => {
    if (depth > 8) return false
    const { watch_port, watch_group } = bucket
    if (watch_port === ANY && watch_group === ANY_GROUP) return type !== groupType.ff
    if (watch_port !== ANY && isUp(watch_port)) return true
    const watched = watch_group === ANY_GROUP ? undefined : all.get(watch_group)
    if (!watched) return false
    return watched.buckets.some((other) => isLive(other, watched.group_type, isUp, depth + 1))
  }

  return {
    all,
    apply(mod, now, journal) {
      const old = all.get(mod.group_id)
      if (mod.command === groupCommand.delete) {
        const ids = mod.group_id === ALL_GROUPS ? [...all.keys()] : old ? [mod.group_id] : []
        for (const id of ids) set(id, undefined, journal)
        return ids
      }
      if (mod.command === groupCommand.add) {
        if (old) refuse('group_mod_failed.group_exists', `${mod.group_id}`)
        set(mod.group_id, build(mod, now), journal)
      } else if (mod.command === groupCommand.modify) {
        if (!old) refuse('group_mod_failed.unknown_group', `${mod.group_id}`)
        set(mod.group_id, build(mod, old.createdAt), journal)
      } else refuse('group_mod_failed.bad_command', `${mod.command}`)
      return []
    },
    choose(group, hash, isUp) {
      let total = 0
      for (const bucket of group.buckets) {
        if (!isLive(bucket, group.group_type, isUp)) continue
        if (group.group_type === groupType.ff) return bucket
        total += bucket.weight
      }
      let at = total === 0 ? 0 : hash % total
      for (const bucket of group.buckets) {
        if (bucket.weight === 0 || !isLive(bucket, group.group_type, isUp)) continue
        if (at < bucket.weight) return bucket
        at -= bucket.weight
      }
      return undefined
    },
  }
}

function decode(bytes: Uint8Array): readonly BucketValue[] {
  try {
    return decodeBuckets(bytes)
  } catch (error) {
    if (error instanceof WireError) return refuse('group_mod_failed.bad_bucket', error.message)
    throw error
  }
}

/** A bucket is an action set: executed in the set's order, whatever the order of its actions. */
function compileBucket(value: BucketValue): Bucket {
  const set: CompiledAction[] = []
  writeActions(set, compileActions(value.actions).actions)
  orderActions(set)
  return {
    weight: value.weight,
    watch_port: value.watch_port,
    watch_group: value.watch_group,
    steps: set.map((action) => action.step),
    frame: set.some((action) => action.frame),
    groups: value.actions.flatMap((a) => (a.kind === 'group' ? [a.group_id] : [])),
    packets: 0,
    bytes: 0,
  }
}
