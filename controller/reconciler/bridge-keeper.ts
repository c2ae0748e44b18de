/**
 * Keeps the bridges that the model declares on a host, each by a transaction of its own and beside the session's loop: what
 * a host refuses of one holds up neither the others nor br-int. Neighbours: `declared-bridges.ts` (which rows),
 * `host-session.ts` looks.
 */
import type { Operation } from '../../southbound/ovsdb/operation.ts'
import type { Bridge } from '../model/schema.ts'
import { type BridgePlan, bridgePlans, removedBridges } from './declared-bridges.ts'
import type { EventLog } from './events.ts'
import type { HostReplica } from './host-replica.ts'
import { Looking, type onceEach, rowsByName } from './looking.ts'

export interface BridgeKeeperOptions {
  readonly replica: HostReplica
  readonly events: EventLog
  readonly once: ReturnType<typeof onceEach>
  /** Sends operations of one bridge, or of those that go. @param refused gets what the host has against them */
  readonly write: (
    hostId: string,
    operations: readonly Operation[],
    refused: (why: string) => void,
  ) => Promise<void>
  /** Ends the session. */
  readonly failed: (error: Error) => void
}

/** What a bridge is as long as it is not what was declared. */
export interface BridgeState {
  readonly state: 'pending' | 'failed'
  readonly reason: string
}

export class BridgeKeeper {
  readonly #options: BridgeKeeperOptions
  readonly #looking: Looking
  #hostId = ''
  #declared: readonly Bridge[] = []
  #plans: readonly BridgePlan[] = []
  /** Name of a bridge -> the operations that the host refused, and why. */
  readonly #refused = new Map<string, { readonly text: string; readonly why: string }>()

  constructor(options: BridgeKeeperOptions, signal: AbortSignal) {
    this.#options = options
    this.#looking = new Looking(() => this.#keep(), signal, options.failed)
  }

  /** Compares them with what is there, and sees to the difference soon. */
  look(hostId: string, declared: readonly Bridge[]): void {
    const { events, once } = this.#options
    this.#hostId = hostId
    this.#declared = declared
    const plans = this.#compare()
    for (const { name, fault } of plans) {
      const message = `bridge ${name} on ${hostId}: ${fault}`
      if (fault !== undefined) once(message, () => events.add('rows_failed', hostId, message))
    }
    const isDue = plans.some(({ operations }) => operations.length > 0)
    if (isDue || this.#removal().length > 0) this.#looking.again()
  }

  /** Undefined: it is as declared. */
  state(name: string): BridgeState | undefined {
    const plan = this.#plans.find((each) => each.name === name)
    if (plan?.fault !== undefined) return { state: 'failed', reason: plan.fault }
    const refused = this.#refused.get(name)
    if (refused !== undefined) return { state: 'failed', reason: refused.why }
    if (!plan) return { state: 'pending', reason: 'nobody has looked for it yet' }
    if (plan.awaits !== undefined) return { state: 'pending', reason: plan.awaits }
    if (plan.operations.length === 0) return undefined
    return { state: 'pending', reason: 'its rows are not as they should be yet' }
  }

  #compare(): readonly BridgePlan[] {
    const [root] = this.#options.replica.table('Open_vSwitch').values()
    this.#plans = root ? bridgePlans(this.#options.replica, root._uuid, this.#declared) : []
    for (const name of this.#refused.keys()) {
      const plan = this.#plans.find((each) => each.name === name)
      if (!plan || rowsByName(plan.operations) !== this.#refused.get(name)?.text)
        this.#refused.delete(name)
    }
    return this.#plans
  }

  #removal(): Operation[] {
    const [root] = this.#options.replica.table('Open_vSwitch').values()
    return root ? removedBridges(this.#options.replica, root._uuid, this.#declared) : []
  }

  async #keep(): Promise<void> {
    await this.#write('', this.#removal())
    for (const { id } of this.#declared) {
      // Anew each time: what was written before may have freed an uplink.
      const plan = this.#compare().find(({ name }) => name === id)
      if (plan) await this.#write(id, plan.operations)
    }
  }

  async #write(name: string, operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return
    const text = rowsByName(operations)
    let isRefused = false
    await this.#options.write(this.#hostId, operations, (why) => {
      isRefused = true
      this.#refused.set(name, { text, why })
    })
    if (!isRefused) this.#refused.delete(name)
  }
}
