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
import type { Adoption } from './adoption-plan.ts'
import type { Condition, ItemNumbers } from './conditions.ts'

export type HostState = 'realized' | 'pending' | 'failed' | 'disconnected'

/** Of one host; numbers of items only where they were asked for. */
export interface HostStatus extends Partial<ItemNumbers> {
  readonly state: HostState
  readonly reason?: string
}

export interface StatusOptions {
  /** With numbers of items on each host, which cost by what hosts have: not for lists. */
  readonly items?: boolean
}

/**
 * `realized`: every host that the object concerns has confirmed `revision` (the object's own) or a
 * later one; the same as the condition Realized.
 */
export interface Status {
  readonly realized: boolean
  readonly revision: number
  /**
   * The newest revision of the site that every host has answered which the object concerns: confirmed, or refused item by
   * item. A host that is pending has not answered the object's own; of one that is away it is what that had answered since the
   * controller started. So status speaks of a write as soon as this is the revision of the write or a later one.
   */
  readonly observedRevision: number
  /** Accepted, Realized, Degraded, in this order. */
  readonly conditions: readonly Condition[]
  /** Why it cannot be realized as it is, whatever the hosts do. */
  readonly reason?: string
  readonly hosts: Readonly<Record<string, HostStatus>>
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
  /** Of a host: derived, never stored. */
  readonly phase?: HostPhase | undefined
  /** Of a host: the version of Open vSwitch that it says it has. */
  readonly version?: string | undefined
  /** Of a host: how many ports of tenants are there. */
  readonly workloads?: number | undefined
  /** Of a host that is draining: what still runs there. */
  readonly drain?: Drain | undefined
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

/**
 * Where a host is in its life. `approved`: the model names it and it was never as it should be; `away`: it was, and is not
 * connected. What is known of the time before this start of the controller are its workloads.
 */
export const hostPhases = ['approved', 'active', 'draining', 'away'] as const
export type HostPhase = (typeof hostPhases)[number]

/** What keeps a host from being taken away: `empty` when no workload is there and no network is joined there. */
export interface Drain {
  readonly empty: boolean
  /** Keys, 'acme/vm1'; at most 1,000. */
  readonly ports: readonly string[]
  /** Networks that are joined to a VLAN at this very host: somebody has to name another one. */
  readonly joins: readonly string[]
  /** Declared bridges, which go with the host. */
  readonly bridges: readonly string[]
}

/** What a machine says of itself, each with where it was read. */
export interface Said {
  readonly version?: string
  readonly vtepAddress: { readonly value: string; readonly from: string }
  readonly underlayMtuBytes?: { readonly value: number; readonly from: string }
}

/**
 * `pending`: a machine that dialled in under a system-id which the model does not name; it gets nothing. `removing`: one that
 * the model has lost since the controller was started and that is not yet as Weft found it.
 */
export interface PendingHost {
  readonly phase: 'pending' | 'removing'
  readonly systemId: string
  readonly kind?: 'ovs' | 'vtep'
  readonly says?: Said
  /** Of one that is being removed: the id that it had, and why it is not given back yet. */
  readonly hostId?: string
  readonly reason?: string
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

/** How what a host has is to what it should have; `unknown`: the host is not connected, or the switch does not tell. */
export const itemStates = ['same', 'missing', 'different', 'foreign', 'unknown'] as const

/** One thing that a host should have, or has. */
export interface HostItem {
  readonly kind: 'flow' | 'group' | 'meter' | 'row'
  /** OpenFlow table, of a flow. */
  readonly table?: number
  /** 'l2' of a flow; 'groups', 'meters'; of a row its table. */
  readonly stage: string
  /** In the syntax of ovs-ofctl; of a row `TABLE COLUMN=VALUE, …`. */
  readonly text: string
  /** The intents behind it: 'port/acme/vm1'; empty of what is foreign. */
  readonly from: readonly string[]
  readonly state: (typeof itemStates)[number]
  /** Of what is different: what the host has in its place; of a row that is not the same what is wrong. */
  readonly actual?: string
  /** That it has taken; absent where the host is away or does not count. */
  readonly packets?: number
}

/** What an inspection is about. */
export interface InspectionChoice {
  /** Name or number of a stage, 'groups', 'meters', or a table of rows. */
  readonly table?: string | undefined
  /** An intent: 'port/acme/vm1'. */
  readonly of?: string | undefined
  /** What is not the same alone. */
  readonly diff?: boolean | undefined
}

/** What a host should have beside what it has, both as they were at one moment. */
export interface Inspection {
  /** Of what it should have. */
  readonly revision: number
  /** When the host was read, ISO 8601; undefined: it is not connected, or does not answer. */
  readonly at: string | undefined
  /** Items that it should have, whatever was chosen, and those of all that are not the same. */
  readonly desired: number
  readonly differences: number
  /** Of what was chosen, by stage. */
  readonly length: number
  /** Text is made when it is asked for. @param at below length */
  item(at: number): HostItem
}

export interface Realization {
  /** Reads what a host has now, beside what it should have. Rejects when the signal aborts. */
  inspect(hostId: string, choice: InspectionChoice, signal: AbortSignal): Promise<Inspection>
  /** What changes would do to hosts, by id; nothing is changed. @throws CompileConflict */
  preview(changes: readonly Change[]): Readonly<Record<string, HostCosts>>
  status<C extends Declared>(collection: C, object: Objects[C], options?: StatusOptions): Status
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
  /** What taking over a host's br-int would do; undefined while it is not connected. Never rejects because a bridge is slow. */
  adoption(hostId: string, signal: AbortSignal): Promise<Adoption | undefined>
}
