/**
 * What the northbound asks of the rest of the controller: is it real yet, what was dropped, what
 * happened. The reconciler implements it; the northbound never looks at a host itself. Status is
 * never part of a model object.
 */
import type { FrameTuple } from '../../southbound/openflow/frame-tuple.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import type { Counted } from '../trace/injection.ts'
import type { Trace, TraceRequest, WalkOf } from '../trace/trace.ts'

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
  /** Of a port that a host was seen to carry: where. */
  readonly binding?:
    | {
        readonly hostId: string
        readonly ofport?: number
        readonly interface?: string
        readonly vid?: number
      }
    | undefined
  /** Of a port that somebody looks at. */
  readonly counters?: PortCounters | undefined
  /** Of a network or a port. */
  readonly mtu?: MtuStatus | undefined
  /** Of a host that says so: the interface that carries its tunnels, and the MTU that it has now. */
  readonly underlay?: { readonly interface: string; readonly mtuBytes: number } | undefined
}

/** Bytes of IP packet of a workload: as asked for, as the underlay carries now, and what limits it, narrowest first. */
export interface MtuStatus {
  readonly configured: number
  readonly effective: number
  /** Empty when nothing does; of many the first twenty. */
  readonly limitedBy: readonly MtuLimit[]
  /** Paths of which nobody can tell what passes: no probe of any size is answered there. At most the first twenty. */
  readonly unknown?: readonly UnknownPath[]
  /** Where packets may be longer than a probe can be: up to here they are probed, above only interfaces tell. */
  readonly probedBytes?: number
}

/** `packetBytes`: the largest packet of a workload that passes. */
export type MtuLimit = { readonly packetBytes: number; readonly message: string } & (
  | {
      readonly kind: 'interface'
      readonly host: string
      readonly interface: string
      readonly mtuBytes: number
    }
  | {
      readonly kind: 'path'
      /** Hosts, and the VTEP addresses of both. */
      readonly from: string
      readonly to: string
      readonly vteps: readonly [local: string, remote: string]
    }
)

/** From one host to another: a filter that drops echo requests, or a tunnel that is broken, looks like this. */
export interface UnknownPath {
  readonly from: string
  readonly to: string
  readonly vteps: readonly [local: string, remote: string]
  readonly message: string
}

export interface Traffic {
  readonly frames: number
  readonly bytes: number
}

/** What a port sent, got and lost, as its host counts. */
export interface PortCounters {
  /** When the host was asked: ISO 8601. */
  readonly at: string
  /** By the workload; of a whole interface, sub-ports included. Both are absent where `uncounted` says why. */
  readonly sent?: Traffic
  readonly received?: Traffic
  readonly uncounted?: string
  readonly drops: readonly {
    readonly reason: string
    readonly packets: number
    readonly of: 'port'
  }[]
  /** A sample: of a port and reason its host shows one in 5 s. */
  readonly lastDrop?: LastDrop
}

export interface LastDrop extends FrameTuple {
  readonly at: string
  readonly reason: string
  readonly host: string
  /** Absent where the host shows no size. */
  readonly frameBytes?: number
  /** The intents behind the drop: 'port/acme/vm1'. */
  readonly from: readonly string[]
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

export interface ItemCounts {
  readonly added: number
  readonly changed: number
  readonly removed: number
}
/** What a commit would do to one host. */
export interface HostCosts {
  readonly rows: ItemCounts
  readonly flows: ItemCounts
  readonly groups: ItemCounts
  readonly meters: ItemCounts
}

export interface Realization {
  /** What changes would do to hosts, by id; nothing is changed. @throws CompileConflict */
  preview(changes: readonly Change[]): Readonly<Record<string, HostCosts>>
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
  /** Whether a number has left quarantine, as soon as it has; false when a host that holds it is away, or the signal aborts. */
  whenFree(quarantine: string, signal: AbortSignal): Promise<boolean>
  /** Of a port, by key; undefined while it is nowhere or its host is away. Never rejects because a host is slow. */
  counters(key: string): Promise<PortCounters | undefined>
  /** Undefined while the host is not connected. */
  drops(hostId: string, signal: AbortSignal): Promise<readonly DropCount[] | undefined>
  /** The revision up to which a host has everything; undefined while it is away or not settled. */
  confirmed(hostId: string): number | undefined
  /** Newest last; with `since` only those whose id is greater. */
  events(since?: number): readonly ControllerEvent[]
  /** Called with each event as it happens. Gives the way to stop. */
  onEvent(listener: (event: ControllerEvent) => void): () => void
  pendingHosts(): readonly PendingHost[]
  /** The way of a packet by what hosts should have. @throws CompileConflict */
  trace(request: TraceRequest): Trace
  /** Sends what was walked. Undefined while a host that it comes to is away; rejects when one does not answer. */
  inject(walk: WalkOf, signal: AbortSignal): Promise<readonly Counted[] | undefined>
}
