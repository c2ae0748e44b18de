/**
 * A lab: a document brought up so that real frames cross it. This file is the interface alone: what a
 * back end offers and what whoever drives a lab (checks/, scenarios, `npm start`) may rely on.
 *
 * Back ends: memory/ (our switches, guests and underlay in one process, no root), netns/ (real Open
 * vSwitch in network namespaces) and vagrant/ (virtual machines). checks/ runs on any `Lab` and never asks which one it is.
 *
 *     guest ── workload interface ── host (br-int) ── VTEP ══ underlay ══ VTEP ── host ── …
 *              ^ send, onFrame                        ^ inject, onFrame
 */

import type { TopologyDocument } from '../../controller/model/document.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Random } from '../../southbound/wire/random.ts'

/** A network as the document declares it. */
export interface DocumentNetwork {
  readonly type: 'vxlan' | 'vlan' | 'flat'
  /** 1 to 16,777,215; of type vxlan. */
  readonly vni?: number | undefined
  /** Bytes of IP packet that a guest may send in one frame. */
  readonly mtuBytes: number
  /** Guests may send tags. */
  readonly vlanTransparent?: boolean | 'qinq' | undefined
  /** It goes on in a VLAN of a physical network. */
  readonly extension?: object | undefined
}

/** A subnet as the document declares it. */
export interface DocumentSubnet {
  readonly network: string
  /** `10.0.0.0/24`. */
  readonly cidr: string
}

/** A port as the document declares it. */
export interface DocumentPort {
  readonly network: string
  /** `02:00:00:00:00:11`. */
  readonly mac: string
  /** Of both families; the first one of IPv4 is the guest's own. */
  readonly addresses: readonly string[]
  readonly hostId?: string
  readonly ofport?: number
}

/** A host as the document declares it. */
export interface DocumentHost {
  readonly kind: 'ovs' | 'vtep'
  /** `external_ids:system-id` of the host; its id when absent. */
  readonly systemId?: string
  /** IPv4 or IPv6. */
  readonly vtepAddress: string
  /** Of the other family, of a host with both. */
  readonly alternateVtepAddress?: string
  /** Bytes of outer IP packet that the host's underlay interface carries. */
  readonly underlayMtuBytes: number
  /** SHA-256 of its TLS certificate; absent: the certificate names the host itself. */
  readonly certificateFingerprint?: string
}

/** What one tenant makes, by id. */
export interface DocumentTenant {
  readonly networks?: Readonly<Record<string, DocumentNetwork>>
  readonly subnets?: Readonly<Record<string, DocumentSubnet>>
  readonly ports?: Readonly<Record<string, DocumentPort>>
}

/**
 * A topology document (topologies/*.yaml) as labs read it: the site, and the workloads. Every
 * TopologyDocument is one, with defaults and given values filled in.
 */
export interface LabDocument {
  readonly name: string
  readonly underlay: { readonly mtuBytes: number }
  readonly hosts: Readonly<Record<string, DocumentHost>>
  readonly tenants: Readonly<Record<string, DocumentTenant>>
  /** `host.name` -> `tenant/port`: the guest `name` runs on `host` and is plugged as that port. */
  readonly workloads: Readonly<Record<string, string>>
  readonly lab?: TopologyDocument['lab']
  /** The same for `store.commit`, of a document that was parsed; one made by hand has none. */
  readonly edits?: TopologyDocument['edits']
  /** What the store refused, at its line; of a document that was parsed. */
  readonly explain?: TopologyDocument['explain']
}

/** Takes one listener away again; a second call does nothing. */
export type Unsubscribe = () => void

/** A guest of the lab: something that has an interface, an IP stack behind it, and sends raw frames too. */
export interface Workload {
  /** As in the document: `h1.acme-vm1`. */
  readonly name: string
  readonly hostId: string
  readonly tenant: string
  /** Id of its port within the tenant: `vm1`. */
  readonly portId: string
  /** 48 bits, as southbound/wire/address.ts has it. */
  readonly mac: number
  /** IPv4, 32 bits, as southbound/wire/address.ts has it. */
  readonly address: number
  /** MTU of its network, bytes of IP. Its interface takes longer frames, so that the flow drops them. */
  readonly mtuBytes: number
  /**
   * Puts one Ethernet frame (no FCS) on the wire exactly as given: foreign addresses and frames of up to
   * 14 + mtuBytes + 100 bytes included. The bytes may be reused by the caller after return.
   */
  send(frame: Uint8Array): void
  /**
   * Calls back with every frame that arrives at the interface, whoever it is for (promiscuous), and none
   * that the workload itself sent. The bytes are the listener's to keep.
   */
  onFrame(listener: (frame: Uint8Array) => void): Unsubscribe
  /**
   * One ICMP echo by the guest's own stack, DF set: `bytes` of ICMP payload (mtuBytes − 28 fills the MTU).
   * True when the answer came back whole within `timeoutMs`; false otherwise, never throws for silence.
   */
  ping(
    target: number,
    options: { readonly bytes: number; readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<boolean>
}

/** The network between the VTEPs, with a stranger on it. */
export interface Underlay {
  /** Each host's VTEP on the underlay: MAC (48 bits) and, where it has one, IPv4 address (32 bits). */
  readonly hosts: Readonly<
    Record<string, { readonly mac: number; readonly address: number | undefined }>
  >
  /** An address in the underlay's subnet that is no VTEP of the site. */
  readonly rogueAddress: number
  /** MAC that the stranger sends from. */
  readonly rogueMac: number
  /** Puts one Ethernet frame (no FCS) on the underlay from where the stranger sits. */
  inject(frame: Uint8Array): void
  /**
   * Calls back with every frame on the underlay, injected ones possibly included, each possibly more than
   * once. The bytes are the listener's to keep. `link`: which of `lab.underlay.links` it is on where there
   * are routers; absent, or '', on one segment.
   */
  onFrame(listener: (frame: Uint8Array, link?: string) => void): Unsubscribe
}

/** A physical network that hosts of the lab have uplinks to, with a station on it that Weft does not know. */
export interface Segment {
  /** Puts one Ethernet frame (no FCS) on it, as it is. */
  send(frame: Uint8Array): void
  /** Calls back with every frame that a host puts on it, once, and none that was sent here. */
  onFrame(listener: (frame: Uint8Array) => void): Unsubscribe
}

/**
 * What can go wrong on a site, as `lab.events` of the document names it. Each resolves when it is done to the site, not when
 * the site has got over it. @throws for a host that the document does not have
 */
export interface Faults {
  /** Power off, with all that the host knew: its database is empty when it comes back. Off already: nothing happens. */
  hostOff(hostId: string): Promise<void>
  /** Power on, and what its boot script does as far as the controller is there to answer. */
  hostOn(hostId: string): Promise<void>
  /** Pulls the host's cable out of the underlay. */
  linkDown(hostId: string): Promise<void>
  linkUp(hostId: string): Promise<void>
  /** The controller is gone, and its REST with it; its store is kept. */
  controllerOff(): Promise<void>
  controllerOn(): Promise<void>
  /** No way between the host and the controller; the host goes on forwarding. */
  controlDown(hostId: string): Promise<void>
  controlUp(hostId: string): Promise<void>
  /** What the host and the controller say to each other is under way for so long, each way; 0: no longer. */
  delay(hostId: string, ms: number): Promise<void>
}

/** An interface of the lab whose frames can be watched both ways, as tcpdump would on that machine. */
export interface Tap {
  /** For people, once in a lab: `h1 acme-vm1`, `underlay h1`, `office h1 eth1`. */
  readonly name: string
  readonly hostId: string
  /** Name of the guest whose interface it is; left out: of the host's own. */
  readonly guest?: string
  /** Id of the physical network that it goes to; left out: to the underlay, or to br-int. */
  readonly physicalNetwork?: string
  /**
   * Calls back with every frame from now on: `in` arrives at the machine, `out` was sent by it. The bytes are lent for the call.
   * `at`: when the system saw it, nanoseconds since 1970; undefined: now.
   */
  open(seen: (frame: Uint8Array, direction: 'in' | 'out', at?: bigint) => void): OpenTap
}

export interface OpenTap {
  /** Resolves when frames are being seen, rejects when none can be; left out: they are. */
  readonly ready?: Promise<void>
  /** Rejects when none come any more although it is not closed; left out: that cannot be. */
  readonly failed?: Promise<never>
  /** Frames that went by and were not seen, for want of room; final once it is closed. */
  readonly lost: number
  /** What has been on the wire by now is seen before it resolves; without a promise it has been. A second call does nothing. */
  close(): void | Promise<void>
}

/** A running lab. All hosts are connected and all ports realized when the back end hands it out. */
export interface Lab {
  readonly backend: 'memory' | 'netns' | 'vagrant'
  readonly document: LabDocument
  /** REST of the lab's controller, on 127.0.0.1: `http://127.0.0.1:PORT`, no slash at the end. */
  readonly url: string
  /** Asks that REST: `path` from `/v1/…`. On every back end, also where nothing listens. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** IPv4 that hosts dial the controller at, 32 bits. */
  readonly controllerAddress: number
  /** MAC behind that address where it has one (netns), 48 bits. */
  readonly controllerMac?: number
  /**
   * Milliseconds after which whatever was sent has arrived or never will, and the drop counters that
   * REST shows have caught up. The checks look for leaks only after waiting this long.
   */
  readonly settleMs: number
  /** By name, in the document's order. */
  readonly workloads: ReadonlyMap<string, Workload>
  readonly underlay: Underlay
  /** By id; those that declared bridges have uplinks to. */
  readonly physicalNetworks: ReadonlyMap<string, Segment>
  /**
   * The lab's time, for whoever waits for something in it; on a lab with a seed it is virtual and passes only while somebody
   * waits: `sleep` lets it pass, `after` runs when somebody else lets it.
   */
  readonly clock: Clock
  /**
   * Lets the lab's time pass until what `ask` promises has come about. `fetch`, `ping` and `clock.sleep` do so by themselves;
   * whatever else waits for something in the lab goes through here. `ask` may wait for the lab alone: not for files or sockets.
   */
  run<T>(ask: () => T | Promise<T>): Promise<T>
  /** Numbers from 0 up to 1 for one purpose, which go on where they were; on a lab with a seed the same of each seed. */
  random(purpose: string): Random
  /** Left out where a back end has none. */
  readonly faults?: Faults
  /** Left out where nothing can be watched both ways. */
  readonly taps?: readonly Tap[]
  /**
   * What stands before a command so that it runs in a guest (`h1.acme-vm1`) or on a host (`h1`); undefined for a name that is
   * neither. Left out where they are no machines with a shell.
   */
  commandIn?(name: string): readonly string[] | undefined
  /** Ends everything that the lab started and leaves nothing; may be called twice. */
  close(): Promise<void>
}

/** Says what a lab does while it comes up, one short line a step; report.ts adds the times. */
export type Step = (text: string) => void
