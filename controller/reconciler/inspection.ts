/**
 * What a host should have beside what it has, for people: flows, groups and meters of an ovs host as its switch tells them now,
 * with counters, or the rows of a vtep host. In steps, so that a host of 100,000 flows holds nobody else up; what is
 * written of an item is made when somebody reads it. Neighbours: `actual.ts`, `vtep/difference.ts` (the comparisons);
 * `../northbound/flows.ts` asks.
 */
import { setImmediate } from 'node:timers/promises'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import { groupItemId, meterItemId } from '../compiler/items.ts'
import { ensure } from '../compiler/maps.ts'
import type { Item, SwitchItem } from '../compiler/program.ts'
import { table } from '../compiler/stages.ts'
import type { HostItem, Inspection, InspectionChoice } from '../northbound/realization.ts'
import { type Actual, isAsDesired, readActual } from './actual.ts'
import { itemText } from './item-text.ts'
import type { Reconciler } from './reconciler.ts'
import type { VtepSession } from './vtep/vtep-session.ts'

/** An item that is wanted or there; of a row that nobody wants the id alone. */
interface Found {
  readonly id: string
  readonly item: Item | undefined
  readonly state: HostItem['state']
  /** What is there in its place. */
  readonly have?: SwitchItem
  /** Of a row: what is wrong. */
  readonly wrong?: string
  readonly packets?: number | undefined
}

/** Looked at in one go. */
const STEP = 2000
/** How long a switch may take to tell all it has. Milliseconds. */
const ANSWER_MS = 20_000

const stages = new Map<number, string>(Object.entries(table).map(([name, id]) => [id, name]))

/** Asks the host, for at most 20 s. @throws when the signal aborts */
export async function inspectHost(
  reconciler: Reconciler,
  hostId: string,
  choice: InspectionChoice,
  signal: AbortSignal,
): Promise<Inspection> {
  const session = reconciler.session(hostId)
  const connection = reconciler.channel(hostId)?.connection
  const rows = session?.kind === 'vtep' ? session.compare() : undefined
  const read =
    connection && !rows ? await readCounted(connection, signal, reconciler.clock) : undefined
  // After reading, as the audit does it; in one go, so that all of it is of one revision.
  const wanted = rows?.items ?? [...reconciler.compiler.items(hostId)]
  const { revision } = reconciler
  const at = rows || read ? new Date(reconciler.clock.wall()).toISOString() : undefined
  const found = rows
    ? comparedRows(rows)
    : read
      ? comparedItems(read, wanted as readonly SwitchItem[])
      : unread(wanted)
  const { sections, desired, differences } = await chosen(found, choice)
  const items = [...sections.keys()].sort(byOrder).flatMap((name) => sections.get(name) ?? [])
  return {
    ...{ revision, at, desired, differences },
    length: items.length,
    item: (index) => shown(items[index] as Found),
  }
}

/** By stage, those that are asked for; and of all how many should be there and how many are not as they should be. */
async function chosen(found: Iterable<Found>, { table, of, diff }: InspectionChoice) {
  const sections = new Map<string, Found[]>()
  let [count, desired, differences] = [0, 0, 0]
  for (const each of found) {
    if (++count % STEP === 0) await setImmediate()
    const isWrong = each.state !== 'same' && each.state !== 'unknown'
    if (isWrong) differences++
    if (each.state !== 'foreign') desired++
    const section = sectionOf(each)
    if (diff && !isWrong) continue
    if (of !== undefined && !each.item?.from.includes(of)) continue
    if (table !== undefined && table !== section && table !== `${tableOf(each)}`) continue
    ensure(sections, section, () => []).push(each)
  }
  return { sections, desired, differences }
}

interface Counted {
  readonly actual: Actual
  /** Item id -> packets. */
  readonly packets: ReadonlyMap<string, number>
}

/** Undefined when it does not answer: then it is as if it were not connected. */
async function readCounted(
  connection: Connection,
  asking: AbortSignal,
  clock: Clock,
): Promise<Counted | undefined> {
  const packets = new Map<string, number>()
  const signal = AbortSignal.any([asking, deadline(clock, ANSWER_MS)])
  const asked = Promise.all([
    readActual(connection, signal, (id, count) => packets.set(id, count)),
    connection.multipart({ kind: 'group' }, { signal }),
    connection.multipart({ kind: 'meter' }, { signal }),
  ])
  const told = await asked.catch((error: unknown) => {
    if (asking.aborted) throw error
    return undefined
  })
  if (!told) return undefined
  const [actual, groups, meters] = told
  for (const { group_id, packet_count } of groups)
    packets.set(groupItemId(group_id), Number(packet_count))
  for (const { meter_id, packet_in_count } of meters)
    packets.set(meterItemId(meter_id), Number(packet_in_count))
  return { actual, packets }
}

function* comparedItems(
  { actual, packets }: Counted,
  desired: readonly SwitchItem[],
): Iterable<Found> {
  const wanted = new Set<string>()
  for (const item of desired) {
    const { id } = item
    // Several blocks of a host may have the same one.
    if (wanted.has(id)) continue
    wanted.add(id)
    const have = actual.get(id)
    const counted = { id, item, packets: packets.get(id) }
    if (!have) yield { id, item, state: 'missing' }
    else if (isAsDesired(have, item)) yield { ...counted, state: 'same' }
    else yield { ...counted, state: 'different', have }
  }
  for (const item of actual.values()) {
    const { id } = item
    if (!wanted.has(id)) yield { id, item, state: 'foreign', packets: packets.get(id) }
  }
}

function* comparedRows({ items, difference }: Compared): Iterable<Found> {
  const wrong = new Map(difference.changes.map(({ id, text }) => [id, text]))
  const blocked = new Map(difference.blocked.map(({ item, why }) => [item.id, why]))
  for (const item of items) {
    const { id } = item
    const why = blocked.get(id)
    const text = wrong.get(id)
    wrong.delete(id)
    if (why !== undefined) yield { id, item, state: 'missing', wrong: why }
    else if (text === undefined) yield { id, item, state: 'same' }
    else yield { id, item, state: isMissing(text) ? 'missing' : 'different', wrong: text }
  }
  for (const [id, text] of wrong) yield { id, item: undefined, state: 'foreign', wrong: text }
}

const isMissing = (text: string): boolean => text.endsWith('was missing')

type Compared = NonNullable<ReturnType<VtepSession['compare']>>

function* unread(desired: readonly Item[]): Iterable<Found> {
  const known = new Set<string>()
  for (const item of desired) {
    const { id } = item
    if (known.has(id)) continue
    known.add(id)
    yield { id, item, state: 'unknown' }
  }
}

/** Table of a flow. Its id has that behind 'f', which spares reading the flow. */
const tableOf = ({ id }: Found): number | undefined =>
  id.startsWith('f') ? id.charCodeAt(1) : undefined

function sectionOf(found: Found): string {
  const { id } = found
  const at = tableOf(found)
  if (at !== undefined) return stages.get(at) ?? `table ${at}`
  if (id.startsWith('g')) return 'groups'
  if (id.startsWith('m')) return 'meters'
  return id.slice(1).replace(/ .*/s, '')
}

/** What others refer to first: meters, groups, then stages as frames meet them; rows by the name of their table. */
function byOrder(a: string, b: string): number {
  const [first, second] = [placeOf(a), placeOf(b)]
  return first - second || (a < b ? -1 : 1)
}

const placeOf = (section: string): number =>
  section === 'meters'
    ? -2
    : section === 'groups'
      ? -1
      : (table[section as keyof typeof table] ?? Number(/^table (\d+)$/.exec(section)?.[1] ?? 0))

function shown(found: Found): HostItem {
  const { id, item, state, have, wrong, packets } = found
  const actual = wrong ?? (have && itemText(have))
  return {
    kind: item?.kind ?? 'row',
    ...(tableOf(found) !== undefined && { table: tableOf(found) as number }),
    stage: sectionOf(found),
    text: item ? itemText(item) : id.slice(1),
    from: item?.from ?? [],
    state,
    ...(actual !== undefined && { actual }),
    ...(packets !== undefined && { packets }),
  }
}
