/**
 * OpenFlow connections that wait for the host whose bridge they are: the datapath_id says which bridge, the host's OVSDB
 * session says whose. Over TLS a host gets only those that came with its own certificate, and a bridge that its host
 * does not list is refused. Bounded as a whole and by certificate. Neighbours: `reconciler.ts`, `identity-gate.ts`.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { keepRunning } from '../keep-running.ts'
import type { Host } from '../model/schema.ts'
import { type PeerIdentity, proves } from '../tls/identity.ts'
import { addressOf } from './host-line.ts'
import type { Logger } from './log.ts'

export interface WaitingBridge {
  /** 16 hexadecimal digits. */
  readonly datapathId: string
  readonly connection: Connection
  /** Undefined when it did not come over TLS. */
  readonly identity: PeerIdentity | undefined
  readonly peer: string
}

export interface UnclaimedOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Ends the vetting. */
  readonly signal: AbortSignal
  /** Why a bridge is not its host's; undefined when it is, or when that is not known yet. */
  readonly objection: (bridge: WaitingBridge) => string | undefined
  readonly refuse: (bridge: WaitingBridge, why: string) => void
}

/** More than this and the oldest goes. */
const MOST = 1024
const MOST_OF_ONE_CERTIFICATE = 16
/** A host may say a little later by OVSDB which bridges it has than those dial. Milliseconds. */
const VET_MS = 2000

export class UnclaimedBridges {
  readonly #options: UnclaimedOptions
  /** With what ends the ignoring of each. */
  readonly #waiting = new Map<WaitingBridge, () => void>()

  constructor(options: UnclaimedOptions) {
    this.#options = options
  }

  /** Takes a connection in until it is claimed, refused or ends. The same bridge's former connection goes. */
  add(bridge: WaitingBridge): void {
    const { identity, datapathId, connection, peer } = bridge
    const same = [...this.#waiting.keys()].filter(
      (other) =>
        other.identity?.fingerprint === identity?.fingerprint &&
        (identity !== undefined || addressOf(other.peer) === addressOf(peer)),
    )
    for (const former of same)
      if (former.datapathId === datapathId) this.#end(former, new Error('the bridge dialled again'))
    const [oldest] = this.#waiting.keys()
    const [oldestOfIt] = same
    const crowd = new Error('too many bridges that belong to no known host')
    if (identity && oldestOfIt && same.length >= MOST_OF_ONE_CERTIFICATE)
      this.#end(oldestOfIt, crowd)
    else if (oldest && this.#waiting.size >= MOST) this.#end(oldest, crowd)
    // What it tells before it is driven is read again then: it would only be kept.
    this.#waiting.set(
      bridge,
      connection.onMessage(() => {}),
    )
    void connection.closed.then(() => this.#forget(bridge))
    if (identity)
      void keepRunning(() => this.#vet(bridge), { name: 'vetting of a bridge', ...this.#options })
  }

  /**
   * Hands a host the connection of its bridge; undefined while there is none. Without a certificate it must come from
   * the address that the host's session comes from.
   */
  claim(datapathId: string, host: Host, address: string): WaitingBridge | undefined {
    for (const bridge of this.#waiting.keys()) {
      if (bridge.datapathId !== datapathId) continue
      if (bridge.identity ? !proves(bridge.identity, host) : addressOf(bridge.peer) !== address)
        continue
      this.#forget(bridge)
      return bridge
    }
    return undefined
  }

  close(): void {
    for (const bridge of [...this.#waiting.keys()]) this.#end(bridge)
  }

  async #vet(bridge: WaitingBridge): Promise<void> {
    const { clock, signal, objection, refuse } = this.#options
    for (;;) {
      await clock.sleep(VET_MS, signal)
      if (!this.#waiting.has(bridge)) return
      const why = objection(bridge)
      if (why === undefined) continue
      this.#end(bridge, new Error(why))
      refuse(bridge, why)
    }
  }

  #forget(bridge: WaitingBridge): void {
    this.#waiting.get(bridge)?.()
    this.#waiting.delete(bridge)
  }

  #end(bridge: WaitingBridge, reason?: Error): void {
    this.#forget(bridge)
    bridge.connection.close(reason)
  }
}
