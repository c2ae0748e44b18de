/**
 * What a QoS row and its Queue rows ask of a port, as values: a pure reading of
 * ovs-vswitchd.conf.db(5), with what it leaves out filled in. One row per QoS.type.
 * Neighbours: egress.ts carries it out, switch/qos-rows.ts finds the rows.
 */
import type { RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'

/** Rates in bit/s, bursts in bits. */
export interface QueuePlan {
  readonly queue_id: number
  /** What it gets before any queue gets more than its own; 0 = nothing is promised. */
  readonly minRate: number
  /** The port's, where it has none of its own. */
  readonly maxRate: number
  readonly burst: number
  /** Of those that want more than their minRate, the smallest goes first. */
  readonly priority: number
}

export interface ShapePlan {
  readonly kind: 'shape'
  readonly maxRate: number
  readonly burst: number
  /** By queue_id; queue 0 is always there. */
  readonly queues: readonly QueuePlan[]
}

/** Frames over the rate are dropped; sizes without the Ethernet header. */
export interface PolicePlan {
  readonly kind: 'police'
  readonly rate: number
  readonly burst: number
}

export interface QosPlan {
  /** 'pass': the type asks for nothing, or for what is not here. */
  readonly limit: ShapePlan | PolicePlan | { readonly kind: 'pass' }
  /** DSCP that a queue marks its packets with. */
  readonly marks: readonly (readonly [queue_id: number, dscp: number])[]
  /** What is asked for and not done, a sentence each. */
  readonly refused: readonly string[]
}

type Rows = {
  readonly qos: RowOf<'QoS'>
  /** By queue_id. */
  readonly queues: readonly (readonly [queue_id: number, row: RowOf<'Queue'>])[]
  /** Largest payload of the port, bytes. */
  readonly mtuBytes: number
}
type Limit = Pick<QosPlan, 'limit' | 'refused'>

/** Where nothing says how fast a port is, as ovs-vswitchd.conf.db(5) has it: 10 Gbit/s. */
export const DEFAULT_RATE = 10e9
/** Queue ids of linux-htb and linux-hfsc are below. */
const QUEUE_IDS = 61_440
/** Queues of a port: what OFPT_QUEUE_GET_CONFIG_REPLY can hold of one, and some to spare. */
export const MAX_QUEUES = 1000
/** Room for headers, so that a burst is never less than a frame. */
const HEADERS = 64
/** What timers of an event loop may be late by, ms: a rate passes in that time without a loss of it. */
const LATE_MS = 10

/** More than any rate is, and few enough for sums of it to be exact. */
const LARGEST = 2 ** 50

/** A number of the map; what is none, or 0, counts as absent. */
function numberOf(config: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = config[key] ?? ''
  const value = /^\d+$/.test(text) ? Math.min(Number(text), LARGEST) : 0
  return value > 0 ? value : undefined
}

const least = (rate: number, mtuBytes: number) =>
  Math.max((mtuBytes + HEADERS) * 8, (rate / 1000) * LATE_MS)

function shape({ qos, queues, mtuBytes }: Rows): Limit {
  const maxRate = numberOf(qos.other_config, 'max-rate') ?? DEFAULT_RATE
  const refused: string[] = []
  const plans = new Map([[0, queuePlan(0, {}, maxRate, mtuBytes)]])
  for (const [queue_id, { other_config }] of queues) {
    if (queue_id >= QUEUE_IDS) refused.push(`${qos.type} has no queue ${queue_id}`)
    else if (plans.size === MAX_QUEUES && queue_id !== 0) {
      refused.push(`queue ${queue_id}: a port has ${MAX_QUEUES} queues at most`)
    } else plans.set(queue_id, queuePlan(queue_id, other_config, maxRate, mtuBytes))
  }
  const burst = least(maxRate, mtuBytes)
  return { limit: { kind: 'shape', maxRate, burst, queues: [...plans.values()] }, refused }
}

function queuePlan(
  queue_id: number,
  config: Readonly<Record<string, string>>,
  portRate: number,
  mtuBytes: number,
): QueuePlan {
  const minRate = Math.min(numberOf(config, 'min-rate') ?? 0, portRate)
  // A promise counts more than a limit below it, as in Open vSwitch.
  const asked = Math.max(numberOf(config, 'max-rate') ?? portRate, minRate)
  const maxRate = Math.min(asked, portRate)
  return {
    queue_id,
    minRate,
    maxRate,
    burst: Math.max(numberOf(config, 'burst') ?? 0, least(maxRate, mtuBytes)),
    priority: numberOf(config, 'priority') ?? 0,
  }
}

/** Curves of linux-hfsc have no burst and no priority. */
function shapeByCurves(rows: Rows): Limit {
  const queues = rows.queues.map(([id, row]) => {
    const { burst: _burst, priority: _priority, ...other_config } = row.other_config
    return [id, { ...row, other_config }] as const
  })
  return shape({ ...rows, queues })
}

function police({ qos }: Rows): Limit {
  const cir = numberOf(qos.other_config, 'cir')
  const cbs = numberOf(qos.other_config, 'cbs')
  if (cir === undefined || cbs === undefined) {
    return { limit: { kind: 'pass' }, refused: ['egress-policer needs cir and cbs above 0'] }
  }
  return { limit: { kind: 'police', rate: cir * 8, burst: cbs * 8 }, refused: [] }
}

/** QoS.type -> what it asks for. */
const types: Readonly<Record<string, (rows: Rows) => Limit>> = {
  'linux-htb': shape,
  'linux-hfsc': shapeByCurves,
  // Somebody else manages the queues.
  'linux-noop': () => ({ limit: { kind: 'pass' }, refused: [] }),
  'egress-policer': police,
}

/**
 * What the rows ask of a port. A type that is not known limits nothing, as in Open vSwitch, but is told of;
 * marks count for every type.
 */
export function qosPlan(rows: Rows): QosPlan {
  const { type } = rows.qos
  const limitOf = Object.hasOwn(types, type) ? types[type] : undefined
  const unknown: Limit = { limit: { kind: 'pass' }, refused: [`no QoS of type ${type} is here`] }
  const marks = rows.queues.flatMap(([queue_id, { dscp }]) =>
    dscp === undefined ? [] : [[queue_id, dscp] as const],
  )
  return { ...(limitOf?.(rows) ?? unknown), marks }
}
