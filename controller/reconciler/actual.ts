/**
 * What a bridge has: its flows, groups and meters, read whole, as items; and how they differ from what should be.
 * Nothing is pruned before the actual state is read whole. Neighbours: `flow-channel.ts` (when), `mods.ts` (how to mend).
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { type FlowBytes, sameBytes } from '../../southbound/openflow/flow.ts'
import { ALL_METERS, type MeterBand } from '../../southbound/openflow/meter.ts'
import { allFlows, type FlowEntry } from '../../southbound/openflow/multipart.ts'
import { CompactFlow, compactId } from '../compiler/compact-flow.ts'
import { groupItemBytes, groupItemId, meterBytes, meterItemId } from '../compiler/items.ts'
import type { FlowItem, SwitchItem } from '../compiler/program.ts'
import { isMute } from '../compiler/sample-units.ts'
import { meterFlagsOfOurs, type Step } from './mods.ts'

/** Items that are there by id. Of a meter only whether it is as ours are. */
export type Actual = ReadonlyMap<string, SwitchItem>

const unknown: readonly string[] = []
/** Equal to no flow and no meter of ours: those are multiples of 8 bytes. */
const OTHER = new Uint8Array(1)

/**
 * Reads the bridge. The byte arrays of the answer are its own.
 * @param count told of each flow how many packets it has taken
 */
export async function readActual(
  connection: Connection,
  signal: AbortSignal,
  count: (id: string, packets: number) => void = () => {},
): Promise<Actual> {
  const actual = new Map<string, SwitchItem>()
  // As they come: all at once, 100,000 of them hold everybody else up.
  const onPart = (entries: readonly FlowEntry[]): void => {
    for (const entry of entries) {
      if (isMute(entry)) continue
      const item = actualFlow(entry)
      actual.set(item.id, item)
      count(item.id, Number(entry.packet_count))
    }
  }
  const [groups, meters] = await Promise.all([
    connection.multipart({ kind: 'group_desc', body: {} }, { signal }),
    connection.multipart({ kind: 'meter_config', body: { meter_id: ALL_METERS } }, { signal }),
    connection.multipart({ kind: 'flow', body: allFlows() }, { signal, onPart }),
  ])
  for (const { group_id, group_type, buckets } of groups) {
    const id = groupItemId(group_id)
    actual.set(id, {
      kind: 'group',
      id,
      bytes: groupItemBytes({ group_id, group_type, buckets }),
      cookie: 0n,
      from: unknown,
      group: { group_id, group_type, buckets },
    })
  }
  for (const { meter_id, flags, bands } of meters) {
    const id = meterItemId(meter_id)
    const pktps = flags === meterFlagsOfOurs ? rateOf(bands) : undefined
    actual.set(id, {
      kind: 'meter',
      id,
      bytes: pktps === undefined ? OTHER : meterBytes(pktps),
      cookie: 0n,
      from: unknown,
      meterId: meter_id,
      pktps: pktps ?? 0,
    })
  }
  return actual
}

/** What a switch tells of a flow besides its bytes. */
interface Lifetime {
  readonly idle_timeout?: number
  readonly hard_timeout?: number
  readonly flags?: number
}

/**
 * A flow that was seen on a bridge, as an item without provenance, whose bytes are its own. Ours never expire and have no flags.
 * It is kept as the compiler keeps flows, so that the two compare as strings: an audit compares thousands.
 */
export function actualFlow(seen: FlowBytes & Lifetime): FlowItem {
  const { table_id, priority, cookie, match, instructions } = seen
  const id = compactId(table_id, priority, match)
  if (!seen.idle_timeout && !seen.hard_timeout && !seen.flags)
    return new CompactFlow(id, latin1(instructions), cookie, unknown, false)
  const flow = {
    table_id,
    priority,
    cookie,
    match: match.slice(),
    instructions: instructions.slice(),
  }
  return { kind: 'flow', id, bytes: OTHER, cookie, from: unknown, flow }
}

const latin1 = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('latin1')

/** Whether a bridge that has `have` has what is wanted. */
export function isAsDesired(have: SwitchItem | undefined, want: SwitchItem | undefined): boolean {
  if (!have || !want) return have === want
  if (have.cookie !== want.cookie) return false
  return want.hasBytesOf?.(have) ?? sameBytes(have.bytes, want.bytes)
}

/** Everything to do so that the bridge has what it should, and nothing else. */
export function difference(actual: Actual, desired: Iterable<SwitchItem>): Step[] {
  const steps: Step[] = []
  const wanted = new Set<string>()
  for (const want of desired) {
    wanted.add(want.id)
    const have = actual.get(want.id)
    if (!isAsDesired(have, want)) steps.push({ want, have })
  }
  for (const have of actual.values())
    if (!wanted.has(have.id)) steps.push({ want: undefined, have })
  return steps
}

/** Of a meter with the one band that ours have; undefined: it is another kind. */
function rateOf([band, ...more]: readonly MeterBand[]): number | undefined {
  return band?.kind === 'drop' && more.length === 0 ? band.rate : undefined
}
