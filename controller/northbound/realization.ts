/**
 * What the northbound asks of the rest of the controller: is it real yet, what was dropped, what
 * happened. The reconciler implements it; the northbound never looks at a host itself. Status is
 * never part of a model object.
 */
import type { Declared, Objects } from '../model/schema.ts'

export type HostState = 'realized' | 'pending' | 'failed' | 'disconnected'

/**
 * `realized`: every host that the object concerns has confirmed `revision` (the object's own) or a
 * later one.
 */
export interface Status {
  readonly realized: boolean
  readonly revision: number
  /** Why it cannot be realized as it is, whatever the hosts do. */
  readonly reason?: string
  readonly hosts: Readonly<Record<string, { readonly state: HostState; readonly reason?: string }>>
  /** Of a host that is connected over TLS: who its certificate says it is, SHA-256, and its end (ISO 8601). */
  readonly certificate?:
    | { readonly name: string; readonly fingerprint: string; readonly expires: string }
    | undefined
}

/**
 * Frames dropped since the flow or meter was made. `port` is the key of the port ('acme/vm1') where
 * one is to blame.
 */
export interface DropCount {
  readonly reason: string
  readonly port?: string
  /** Key of the network ('acme/web') where the reason belongs to one. */
  readonly network?: string
  readonly packets: number
}

/**
 * `id` grows by one; `at` is ISO 8601; other fields are JSON and belong to the type of the event.
 */
export interface ControllerEvent {
  readonly id: number
  readonly at: string
  readonly type: string
  readonly message: string
  readonly host?: string
  readonly revision?: number
  readonly [field: string]: unknown
}

/** A host that dialled in under a system-id which the model does not name; it gets nothing. */
export interface PendingHost {
  readonly systemId: string
  readonly address?: string
  readonly since?: string
  /** SHA-256 of its certificate, as a host object takes it; only over TLS. */
  readonly certificateFingerprint?: string
}

export interface Realization {
  status<C extends Declared>(collection: C, object: Objects[C]): Status
  /**
   * Resolves when the object as of `revision` is realized; for a deleted object, when no host
   * carries it any longer. Rejects when the signal aborts. Never rejects because a host is slow or
   * away.
   */
  whenRealized(
    collection: Declared,
    key: string,
    revision: number,
    signal: AbortSignal,
  ): Promise<void>
  /** Undefined while the host is not connected. */
  drops(hostId: string, signal: AbortSignal): Promise<readonly DropCount[] | undefined>
  /** Newest last; with `since` only those whose id is greater. */
  events(since?: number): readonly ControllerEvent[]
  pendingHosts(): readonly PendingHost[]
}
