/**
 * What realizes rows: the kernel through iproute2 (iproute2/backend.ts), later our own switch. A back
 * end is level-triggered: it compares what is there with what should be, and changes the difference.
 */
import type { Desired } from './desired.ts'
import type { Fault } from './fault.ts'
import type { Probe } from './path-mtu.ts'

export interface Backend {
  /** Shown in `other_config:weft-backend`. */
  readonly name: string
  /**
   * Makes it so and tells what was found and done. Without `prune` it changes nothing: what should be
   * is not known yet. Rejects only when the host cannot be read, or with the signal's reason.
   */
  realize(desired: Desired, options: RealizeOptions): Promise<Report>
  /** Calls when something may have changed; returns how to stop. */
  watch(changed: () => void): () => void
  /** Absent: this back end cannot ask. */
  readonly probe?: Probe | undefined
}

export interface RealizeOptions {
  /** Address of the VTEP: whose device the underlay is. */
  readonly local: string | undefined
  readonly prune: boolean
  readonly signal?: AbortSignal | undefined
}

export interface Report {
  /** Sorted. */
  readonly capabilities: readonly string[]
  readonly missing: readonly string[]
  /** The device with the VTEP's address. */
  readonly underlay: { readonly device: string; readonly mtuBytes: number } | undefined
  /** Interfaces that may become ports, and those that are. */
  readonly ports: readonly SeenPort[]
  readonly networks: readonly { readonly vni: number; readonly mtuBytes: number }[]
  /** MACs of guests here. */
  readonly localMacs: readonly { readonly vni: number; readonly mac: string }[]
  readonly drops: readonly Drop[]
  readonly shown: readonly ShownDrop[]
  /** What somebody else had changed since the last time and was put right. */
  readonly repairs: readonly Repair[]
  /** How many things were changed because rows asked for it. */
  readonly changes: number
  readonly faults: readonly Fault[]
}

export interface SeenPort {
  readonly name: string
  /** The ifalias, when it is a uuid. */
  readonly ifaceId: string | undefined
  readonly mtuBytes: number
  readonly isUp: boolean
  /** Of a bridge: the physical network that it leads to, and which of it and its uplinks has the MTU. */
  readonly physicalNetwork?: string | undefined
  readonly narrowest?: string | undefined
  /** From and to the guest. */
  readonly traffic: Traffic
  /** Of its bindings to VIDs, by VID. */
  readonly tagged?: ReadonlyMap<number, Traffic> | undefined
}

export interface Traffic {
  readonly packets_from_local: number
  readonly bytes_from_local: number
  readonly packets_to_local: number
  readonly bytes_to_local: number
}

/** Of a port by name or of a network by VNI; `reason` is the end of the key `weft-dropped-`. */
export interface Drop {
  readonly port?: string
  readonly vni?: number
  readonly reason: string
  readonly packets: number
}

/** A frame that was dropped: the last one, or one of the last 5 s where there are many. */
export interface ShownDrop {
  readonly port: string
  /** End of the key `weft-last-drop-`. */
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
  /** Its size (`frameBytes`) and header fields by their OpenFlow names, as far as they were seen. */
  readonly frame: Readonly<Record<string, string | number>>
}

export interface Repair {
  /** Such as `fdb vx5001 02:00:00:00:00:02 self`. */
  readonly object: string
  /** What was found; undefined: nothing. */
  readonly was: string | undefined
  /** What is there now. */
  readonly now: string | undefined
}
