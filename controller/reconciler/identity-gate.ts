/**
 * Holds sessions to their certificates: an OVSDB session may be no other host than its certificate's, and a bridge must
 * be one that the certificate's host lists. Sessions without a certificate come from listeners without TLS, or from
 * inside the process; they are what they say. Neighbours: ../tls/identity.ts, `unclaimed.ts`, `reconciler.ts`.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Host } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Store } from '../store/store.ts'
import { type PeerIdentity, proves } from '../tls/identity.ts'
import type { EventLog } from './events.ts'
import { addressOf } from './host-line.ts'
import type { HostSession } from './host-session.ts'
import type { Logger } from './log.ts'
import { Refusals } from './refusals.ts'
import type { Session } from './session.ts'
import { UnclaimedBridges, type WaitingBridge } from './unclaimed.ts'

export interface IdentityGateOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Ends the vetting of bridges. */
  readonly signal: AbortSignal
  /** The session that an ovs host is driven by; undefined while it is away. */
  readonly session: (hostId: string) => HostSession | undefined
}

export class IdentityGate {
  readonly #options: IdentityGateOptions
  readonly #refusals: Refusals
  readonly #unclaimed: UnclaimedBridges
  /** Of connections that came over TLS. */
  readonly #identities = new WeakMap<Connection, PeerIdentity>()

  constructor(options: IdentityGateOptions) {
    const { events, clock, log, signal } = options
    this.#options = options
    this.#refusals = new Refusals(events, clock)
    this.#unclaimed = new UnclaimedBridges({
      clock,
      log,
      signal,
      objection: (bridge) => this.#objectionToBridge(bridge),
      refuse: (bridge, why) => this.#refuseBridge(bridge, why),
    })
  }

  /** Whether a session is not what it says; then it is closed, with an event. Asked before it takes anybody's place. */
  refuses(session: Session): boolean {
    const { systemId, line } = session
    const { identity, address } = line
    const { snapshot } = this.#options.store
    if (!identity || systemId === undefined) return false
    const why = objectionTo(systemId, identity, snapshot)
    if (why === undefined) return false
    const from = `a host with the certificate of ${identity.name} at ${address}`
    const message = `${from} claims over OVSDB to be ${systemId}; it is refused: ${why}`
    line.close(new Error(message))
    const fields = { protocol: 'ovsdb', claimed: systemId, ...certificateFields(identity) }
    const hostId = ownerOf(identity, snapshot)?.id ?? systemId
    this.#refusals.add('identity_refused', hostId, message, fields)
    return true
  }

  /** Takes a bridge's connection in until its host claims it. */
  wait(bridge: WaitingBridge): void {
    if (bridge.identity) this.#identities.set(bridge.connection, bridge.identity)
    this.#unclaimed.add(bridge)
  }

  /** Hands a host the connection of its bridge, from the host's address; undefined while there is none. */
  claim(datapathId: string, host: Host, address: string): Connection | undefined {
    return this.#unclaimed.claim(datapathId, host, address)?.connection
  }

  /** Closes a connection whose certificate the model no longer takes for this host's. */
  review(connection: Connection, host: Host | undefined): void {
    const identity = this.#identities.get(connection)
    if (identity && host && !proves(identity, host))
      connection.close(new Error(`its certificate is not that of ${host.id} any longer`))
  }

  /** Ends the connections that wait. */
  close(): void {
    this.#unclaimed.close()
  }

  /**
   * A host's session says which bridges are the host's. What is another host's br-int it is only as br-int of its own:
   * nothing but br-int is driven.
   */
  #objectionToBridge({ identity, datapathId }: WaitingBridge): string | undefined {
    const { store, session } = this.#options
    const host = identity && ownerOf(identity, store.snapshot)
    if (!host) return undefined
    const own = session(host.id)
    if (own?.datapathId === datapathId) return undefined
    const [known, name] = [own?.datapathId !== undefined, own?.bridges().get(datapathId)]
    for (const hostId of store.snapshot.list('host').keys()) {
      const other = session(hostId)
      const theirs = other?.bridges().get(datapathId)
      if (other === own || theirs === undefined) continue
      if (!known) return `it is ${theirs} of ${hostId}, and ${host.id} has told of no bridge yet`
      if (name === undefined) return `it is ${theirs} of ${hostId} and no bridge of ${host.id}`
      if (other?.datapathId === datapathId)
        return `it is ${theirs} of ${hostId}; ${name} of ${host.id} may not have its datapath_id`
    }
    return known && name === undefined ? `it is no bridge of ${host.id}` : undefined
  }

  #refuseBridge({ identity, datapathId, peer }: WaitingBridge, why: string): void {
    if (!identity) return
    const from = `a switch with the certificate of ${identity.name} at ${addressOf(peer)}`
    const message = `${from} claims over OpenFlow to be datapath ${datapathId}; it is refused: ${why}`
    const fields = { protocol: 'openflow', claimed: datapathId, ...certificateFields(identity) }
    const hostId = ownerOf(identity, this.#options.store.snapshot)?.id ?? identity.name
    this.#refusals.add('identity_refused', hostId, message, fields)
  }
}

/** The host that a certificate is; undefined when the model names none. */
export function ownerOf(identity: PeerIdentity, snapshot: Snapshot): Host | undefined {
  const { systemId, fingerprint } = identity
  const ids = [
    ...(systemId === undefined ? [] : snapshot.find('hostBySystemId', systemId)),
    ...snapshot.find('hostByFingerprint', fingerprint),
  ]
  return ids
    .map((id) => snapshot.get('host', id))
    .find((host) => host !== undefined && proves(identity, host))
}

/** Why a session with this certificate is not that host, as the end of a sentence; undefined: it may be. */
function objectionTo(
  systemId: string,
  identity: PeerIdentity,
  snapshot: Snapshot,
): string | undefined {
  const [id] = snapshot.find('hostBySystemId', systemId)
  const host = id === undefined ? undefined : snapshot.get('host', id)
  if (host && proves(identity, host)) return undefined
  if (host?.certificateFingerprint !== undefined)
    return `for ${systemId} the certificate with SHA-256 ${host.certificateFingerprint} is registered`
  const owner = ownerOf(identity, snapshot)?.systemId ?? identity.systemId
  if (owner !== undefined) return owner === systemId ? undefined : `the certificate is of ${owner}`
  return host && 'it names no host and its SHA-256 is registered on none'
}

/** How a certificate is called in events: its name, and the fingerprint that an operator may register. */
function certificateFields({ name, fingerprint }: PeerIdentity) {
  return { certificate: name, certificateFingerprint: fingerprint }
}
