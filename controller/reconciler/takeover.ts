/**
 * Whether a br-int that is there before Weft may be taken. One that Weft has made may, whatever is in it, and so may one that
 * is empty; one that somebody else has filled is left as it is until its host object says `adopt`.
 *
 *   rows: a Controller of somebody else, a port that is no workload's ─► foreign, nothing is written
 *   else: only the bridge knows its flows ─► it is asked to dial (`lookRow`), read, and asked no longer
 *
 * Open vSwitch flushes the flows of a bridge that gets its first controller, but not for one of `type=service`: so reading
 * changes nothing that is forwarded. Neighbours: `host-session.ts` asks, `adoption.ts` says what an adoption would do.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { formatFlow } from '../../southbound/openflow/text.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import type { SwitchItem } from '../compiler/program.ts'
import type { Host } from '../model/schema.ts'
import { type Actual, readActual } from './actual.ts'
import { controllersOf, LOOK, was } from './before.ts'
import { type BridgeRow, byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import { isPatchPort } from './physical-networks.ts'
import { addressIn, TUNNEL_PORT } from './rows.ts'

/** What a standalone bridge has by itself. */
const DEFAULT_FLOW = 'priority=0 actions=NORMAL'
/** How many names a sentence has before it counts the rest. */
const NAMED = 3
/** How long a bridge may take to answer. Milliseconds. */
const READ_MS = 10_000
/** How long one is asked to dial: it may not reach us, or not speak OpenFlow 1.3. Milliseconds. */
const DIAL_MS = 30_000

const { insert, mutate } = operations(openVSwitch)

export type Judgement =
  /** It may be taken, or there is none. */
  | { readonly kind: 'free' }
  /** Not known yet; `operations` ask it to dial, if it does not do so already. */
  | { readonly kind: 'looking'; readonly operations: readonly Operation[] }
  /** Somebody else's; `operations` ask it, or take back that it was asked. */
  | { readonly kind: 'foreign'; readonly why: string; readonly operations: readonly Operation[] }

/** What is known of a bridge of which its rows do not tell. */
interface Known {
  /** uuid of its row. */
  readonly bridge: string
  /** What it was seen to have: '3 flows (…)', '1 group'; empty: nothing that somebody has put there. */
  filled?: readonly string[] | undefined
  /** Why that cannot be asked. */
  refused?: string | undefined
  /** It is asked, until this ends. */
  asked?: object | undefined
}

export class Takeover {
  readonly #replica: HostReplica
  readonly #target: string
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #lookAgain: () => void
  readonly #waiting = new Set<(actual?: Actual) => void>()
  /** uuid of the row of a bridge that was taken: whoever takes our mark off it sees that put right. */
  #taken: string | undefined
  #known: Known | undefined
  #judged: Judgement = { kind: 'free' }
  #connection: Connection | undefined
  #isBusy = false

  /**
   * @param target where bridges find us: 'tcp:ADDRESS:PORT', or 'ssl:…'
   * @param signal ends with the session
   * @param lookAgain has it judged again, soon
   */
  constructor(
    replica: HostReplica,
    {
      target,
      clock,
      signal,
      lookAgain,
    }: { target: string; clock: Clock; signal: AbortSignal; lookAgain: () => void },
  ) {
    this.#replica = replica
    this.#target = target
    this.#clock = clock
    this.#signal = signal
    this.#lookAgain = lookAgain
  }

  /** As last judged. */
  get state(): Judgement {
    return this.#judged
  }

  /** Why the host is not as it should be; undefined: this is no reason. */
  get objection(): { readonly state: 'failed' | 'pending'; readonly reason: string } | undefined {
    if (this.#judged.kind === 'free') return undefined
    if (this.#judged.kind === 'foreign')
      return { state: 'failed', reason: `bridge_foreign: ${this.#judged.why}` }
    const reason = `${INTEGRATION_BRIDGE} was there before Weft; it has not dialled OpenFlow yet to tell what is in it`
    return { state: 'pending', reason }
  }

  /** Whether the bridge's connection is for reading alone. */
  get isReading(): boolean {
    return this.#judged.kind === 'looking' || this.#waiting.size > 0
  }

  /** @param isReal whether ovs-vswitchd has carried out what was written last */
  judge({ adopt }: Host, isReal: boolean): Judgement {
    const bridge = byName(this.#replica.table('Bridge'), INTEGRATION_BRIDGE)
    if (!bridge) return this.#free([], true)
    const known = this.#about(bridge)
    if (adopt === true || bridge._uuid === this.#taken || isWefts(this.#replica, bridge))
      return this.#free(this.#asking(bridge, false), isReal, bridge._uuid)
    const rows = this.#filledRows(bridge)
    // Seen empty, it may be filled while a row is in the way: then it is read again.
    if (rows.length > 0 && known.filled?.length === 0) known.filled = undefined
    const isUnknown = rows.length === 0 && !known.filled && known.refused === undefined
    const operations = this.#asking(bridge, isUnknown || this.#waiting.size > 0)
    if (isUnknown) this.#ask(known)
    else known.asked = undefined
    const unread =
      known.refused === undefined ? [] : [`flows that cannot be read (${known.refused})`]
    const what = [...rows, ...(known.filled ?? []), ...unread]
    if (isUnknown) this.#judged = { kind: 'looking', operations }
    else if (what.length === 0) return this.#free(this.#asking(bridge, false), isReal, bridge._uuid)
    else {
      const why = `${INTEGRATION_BRIDGE} is somebody else's: it has ${what.join(', ')}. It is left alone until it is adopted: weft host adopt, or adopt: true of the host`
      this.#judged = { kind: 'foreign', why, operations }
    }
    return this.#judged
  }

  /** The row that asked it goes before ours comes: two of one target, one after the other, may be one to a switch. */
  #free(operations: readonly Operation[], isReal: boolean, bridge?: string): Judgement {
    const isAsked = operations.length > 0 || (this.#connection !== undefined && !isReal)
    this.#judged = isAsked ? { kind: 'looking', operations } : { kind: 'free' }
    this.#wake()
    // It dials anew, to be driven.
    if (!isAsked) this.#connection?.close(new Error('the bridge is taken now'))
    this.#taken = isAsked ? undefined : bridge
    return this.#judged
  }

  /** What is known of this bridge; of another one nothing is. */
  #about({ _uuid }: BridgeRow): Known {
    if (this.#known?.bridge === _uuid) return this.#known
    if (this.#known) this.#connection?.close(new Error('there is another bridge'))
    this.#known = { bridge: _uuid }
    return this.#known
  }

  /** Who has dialled already is read; who does not dial is asked no longer. */
  #ask(known: Known): void {
    if (this.#connection) void this.#readNow(this.#connection)
    if (known.asked) return
    const asked = {}
    known.asked = asked
    const late = () => {
      if (this.#known?.asked === asked)
        this.refused(`it has not told of them within ${DIAL_MS / 1000} s`)
    }
    this.#clock.sleep(DIAL_MS, this.#signal).then(late, () => {})
  }

  /** It is no host any longer: its bridge is somebody else's again, unless it has our mark. */
  forget(): void {
    this.#taken = undefined
    this.#known = undefined
    this.#judged = { kind: 'free' }
  }

  /** The bridge cannot be asked: such as by a host that does not take the row. */
  refused(why: string): void {
    if (this.#known) this.#known.refused = why
    this.#wake()
    this.#lookAgain()
  }

  /** Takes the connection of the bridge and reads it. It is the switch that ends it, when it is asked no longer. */
  async read(connection: Connection): Promise<void> {
    this.#connection = connection
    connection.onMessage(() => {})
    void connection.closed.then(() => {
      if (this.#connection === connection) this.#connection = undefined
    })
    await this.#readNow(connection)
  }

  /** What is on the bridge now; undefined when it does not dial in time, or there is none. */
  async look(signal: AbortSignal): Promise<Actual | undefined> {
    // Somebody wants to know: it is asked anew.
    if (this.#known) this.#known.refused = undefined
    const held = this.#connection
    const ends = AbortSignal.any([signal, this.#signal])
    const actual = await new Promise<Actual | undefined>((resolve) => {
      const end = (read?: Actual) => {
        this.#waiting.delete(end)
        ends.removeEventListener('abort', late)
        resolve(read)
      }
      const late = () => end()
      this.#waiting.add(end)
      ends.addEventListener('abort', late, { once: true })
      if (ends.aborted) late()
      if (held) void this.#readNow(held)
      else this.#lookAgain()
    })
    this.#lookAgain()
    return actual
  }

  async #readNow(connection: Connection): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    const known = this.#known
    const signal = AbortSignal.any([this.#signal, deadline(this.#clock, READ_MS)])
    try {
      const actual = await readActual(connection, signal)
      if (known) known.filled = filledFlows(actual)
      this.#wake(actual)
    } catch (error) {
      // It dials again, and is read then.
      if (this.#connection === connection) this.#connection = undefined
      connection.close(error as Error)
    }
    this.#isBusy = false
    this.#lookAgain()
  }

  #wake(actual?: Actual): void {
    for (const end of [...this.#waiting]) end(actual)
  }

  #filledRows(bridge: BridgeRow): string[] {
    const ports = bridge.ports.flatMap((uuid) => this.#replica.table('Port').get(uuid) ?? [])
    const others = ports.filter(({ name, interfaces }) => {
      if (name === INTEGRATION_BRIDGE || isPatchPort(name)) return false
      const rows = interfaces.map((uuid) => this.#replica.table('Interface').get(uuid))
      return rows.some((row) => row?.external_ids['iface-id'] === undefined)
    })
    const controllers = controllersOf(this.#replica, bridge)
      .map(({ target }) => target)
      .filter((target) => addressIn(target) !== addressIn(this.#target))
    return [
      ...listed(
        'port',
        others.map(({ name }) => name),
        ' without iface-id',
      ),
      ...listed('controller', controllers),
    ]
  }

  #asking(bridge: BridgeRow, isWanted: boolean): Operation[] {
    const rows = bridge.controller.flatMap(
      (uuid) => this.#replica.table('Controller').get(uuid) ?? [],
    )
    const own = rows.filter(({ external_ids }) => LOOK in external_ids).map(({ _uuid }) => _uuid)
    if (!isWanted)
      return own.length > 0 ? [mutate('Bridge', bridge._uuid, 'controller', 'delete', own)] : []
    if (rows.some(({ target }) => target === this.#target)) return []
    return lookRow(bridge._uuid, this.#target)
  }
}

/** Whether Weft has made the bridge, or has adopted it: of this site or of another store. */
export function isWefts(replica: HostReplica, bridge: BridgeRow): boolean {
  if (was.bridge in bridge.external_ids) return true
  return bridge.ports.some((uuid) => replica.table('Port').get(uuid)?.name === TUNNEL_PORT)
}

/** Has a bridge dial us and changes nothing else. */
function lookRow(bridge: string, target: string): Operation[] {
  const type = 'service' as const
  const row = { target, type, connection_mode: 'out-of-band' as const, max_backoff: 1000 }
  return [
    insert('Controller', { ...row, external_ids: { [LOOK]: 'yes' } }, 'look'),
    mutate('Bridge', bridge, 'controller', 'insert', ['look']),
  ]
}

/** Takes back what is left of a look at a bridge that is not ours. */
export function lookBack(replica: HostReplica): Operation[] {
  return [...replica.table('Bridge').values()].flatMap(({ _uuid, controller, external_ids }) => {
    const rows = controller.flatMap((uuid) => replica.table('Controller').get(uuid) ?? [])
    const looks = rows.filter((row) => LOOK in row.external_ids).map((row) => row._uuid)
    if (looks.length === 0 || was.bridge in external_ids) return []
    return [mutate('Bridge', _uuid, 'controller', 'delete', looks)]
  })
}

function filledFlows(actual: Actual): string[] {
  const count = { flow: 0, group: 0, meter: 0 }
  let first = ''
  for (const item of actual.values()) {
    if (isDefault(item)) continue
    count[item.kind]++
    if (item.kind === 'flow' && first === '') first = ` (${formatFlow(item.flow)})`
  }
  return (['flow', 'group', 'meter'] as const)
    .filter((kind) => count[kind] > 0)
    .map((kind) => `${numbered(count[kind], kind)}${kind === 'flow' ? first : ''}`)
}

/** Whether it is there without anybody having put it there. */
const isDefault = (item: SwitchItem): boolean =>
  item.kind === 'flow' && item.flow.priority === 0 && formatFlow(item.flow) === DEFAULT_FLOW

const numbered = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`

function listed(noun: string, names: readonly string[], what = ''): string[] {
  if (names.length === 0) return []
  const more = names.length > NAMED ? ' …' : ''
  const some = names.slice(0, NAMED).join(', ')
  return [`${numbered(names.length, noun)}${what} (${some}${more})`]
}
