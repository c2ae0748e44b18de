/**
 * What is to be said about one vtep host: what stands against its rows, for the status; what happened to them, as events.
 * Neighbours: `vtep-session.ts` keeps it, `device.ts` reads what the device says, `difference.ts` what is not as desired.
 */
import type { RowItem } from '../../compiler/program.ts'
import type { EventLog } from '../events.ts'
import { onceEach } from '../looking.ts'
import { type DeviceFault, deviceFaults, repairsOf, shortcomings } from './device.ts'
import type { Difference } from './difference.ts'
import type { VtepReplica } from './vtep-replica.ts'

export class Account {
  /** Id of the host. */
  readonly host: string
  /** Says a thing about this host the first time only. */
  readonly once = onceEach()
  /** Name of its Physical_Switch. */
  name = ''
  readonly #replica: VtepReplica
  readonly #events: EventLog
  #blocked: Difference['blocked'] = []
  #faults: readonly DeviceFault[] = []
  #repairs = Number.POSITIVE_INFINITY
  /** Ids of the rows that the database had when all was right: what differs now was changed by somebody else … */
  #held: ReadonlySet<string> | undefined
  /** … unless the model has changed it since. */
  #touched = new Set<string>()

  constructor(host: string, replica: VtepReplica, events: EventLog) {
    this.host = host
    this.#replica = replica
    this.#events = events
  }

  /** The model has changed these rows since all was right. */
  touch(ids: Iterable<string>): void {
    for (const id of ids) this.#touched.add(id)
  }

  /** All is right. @returns whether for the first time */
  settled(items: readonly RowItem[]): boolean {
    const isFirst = this.#held === undefined
    const blocked = new Set(this.#blocked.map(({ item }) => item.id))
    this.#held = new Set(items.map(({ id }) => id).filter((id) => !blocked.has(id)))
    this.#touched = new Set()
    return isFirst
  }

  /** What somebody else has changed, with the intent behind it. */
  tellDrift({ changes }: Difference): void {
    for (const { id, item, text } of changes) {
      const isOurChange = this.#touched.has(id) || (item !== undefined && !this.#held?.has(id))
      if (!this.#held || isOurChange) continue
      // Until it is right again it is no news.
      this.#touched.add(id)
      const intent = item?.from.join(', ') ?? 'foreign'
      const message = `${text} on ${this.host}; put right`
      this.#events.add('drift', this.host, message, { seen: 'row', item: text, intent })
    }
  }

  /** Takes in what the device and the comparison have to say, and tells what is new of it. */
  hear(items: readonly RowItem[], { foreign, blocked }: Difference): void {
    const { host, name } = this
    const events = this.#events
    this.#blocked = blocked
    const { missing, version } = this.#replica
    if (missing.length > 0) {
      const message = `${host} has hardware_vtep ${version} without ${missing.join(', ')}; it gets what it has columns for`
      this.once(message, () => events.add('device_fault', host, message, { missing }))
    }
    for (const what of foreign) {
      const message = `${what} on ${host} is not ours; it is left alone`
      this.once(message, () => events.add('rows_foreign', host, message))
    }
    for (const { item, why } of blocked) {
      const message = `${item.from.join(', ')} cannot be on ${host}: ${why}`
      const type =
        item.row.table === 'Physical_Network' ? 'physical_network_missing' : 'device_fault'
      this.once(message, () => events.add(type, host, message, { from: item.from }))
    }
    this.#faults = deviceFaults(this.#replica, { name, host, items })
    for (const { from, text } of this.#faults) {
      const message = `${host} says of ${[...new Set(from)].join(', ')}: ${text}`
      this.once(message, () => events.add('device_fault', host, message, { from }))
    }
    const { count, last } = repairsOf(this.#replica, name)
    if (count > this.#repairs)
      events.add('drift', host, `${host} has put right: ${last}`, { seen: 'device', item: last })
    this.#repairs = count
  }

  /**
   * Why one of these intents is not realized; undefined: nothing is against it. What the device says may name whatever it
   * concerns, so of a fault that is not of one tenant alone he reads the code; events have the text.
   */
  objection(intents: readonly string[]): string | undefined {
    const fault = this.#faults.find((one) => !one.isDegrading && concerns(one, intents))
    const isOwn = fault && (isOperators(intents) || isOfOneTenant(fault))
    const text = isOwn ? fault.text : fault?.text.replace(/:.*/s, '')
    return this.#blocked.find(({ item }) => concerns(item, intents))?.why ?? text
  }

  /** Whether the database had this row when all was right, and nothing has been asked of it since. */
  holds(id: string): boolean {
    return this.#held?.has(id) === true && !this.#touched.has(id)
  }

  /** Why a row cannot be written; undefined: it can. */
  whyBlocked(id: string): string | undefined {
    return this.#blocked.find(({ item }) => item.id === id)?.why
  }

  /** Names of what these intents go without on this device; empty: nothing. */
  degradation(intents: readonly string[]): readonly string[] {
    const names = this.#faults
      .filter((fault) => fault.isDegrading && concerns(fault, intents))
      .map(({ text }) => text.replace(/:.*/, ''))
    return [...new Set([...shortcomings(this.#replica, this.name), ...names])].sort()
  }
}

/** The intent that is asked about, which comes first, is a host or a bridge. */
const isOperators = ([asked = '']: readonly string[]): boolean => /^(host|bridge)\//.test(asked)

/** 'port/acme/vm1', 'network/acme/web': of acme. */
function isOfOneTenant({ from }: { readonly from: readonly string[] }): boolean {
  const tenants = from.map((intent) => /^(?:port|network)\/([^/]+)/.exec(intent)?.[1])
  return tenants[0] !== undefined && new Set(tenants).size === 1
}

function concerns({ from }: { readonly from: readonly string[] }, intents: readonly string[]) {
  return from.some((intent) => intents.includes(intent))
}
