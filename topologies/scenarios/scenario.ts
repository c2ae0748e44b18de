/**
 * A scenario: a topology, frames that are sent, frames that are seen. The same one runs on the memory lab and on the netns
 * lab (test/scenarios/register.ts), and its declaration fills the table of topologies/README.md (features.ts). The files beside this one
 * hold the scenarios.
 */
import type { Claims } from '../lab/checks/claims.ts'
import type { Site } from '../lab/checks/site.ts'
import type { LabSwitch, Realizer } from '../lab/host-switch.ts'
import type { Faults, Lab, Segment, Tap, Workload } from '../lab/lab.ts'
import type { MemoryLab } from '../lab/memory/lab.ts'
import type { NetnsLab } from '../lab/netns/lab.ts'
import type { RealLab } from '../lab/real.ts'
import type { Feature } from './features.ts'

export interface Scenario {
  /** A sentence about behaviour, once in all files. */
  readonly name: string
  /** A file of topologies/, without `.yaml`. */
  readonly topology: string
  /** Further ones that it runs on. */
  readonly also?: readonly string[]
  /** What it proves, on these kinds of host. */
  readonly shows: Readonly<Partial<Record<Feature, readonly Realizer[]>>>
  /** Why it does not run on a lab; left out: it runs on both. */
  readonly not?: Partial<Record<Lab['backend'], string>>
  /** Programs of the machine, beyond what the lab itself needs. */
  readonly needs?: readonly ('iperf3' | 'pythonOvs')[]
  /** Where the default of a lab (register.ts) is too short. */
  readonly timeoutMs?: number
  run(lab: ScenarioLab): Promise<void>
}

/** What a scenario has in hands. Waits end with an error that says what was seen instead. */
export interface ScenarioLab {
  readonly backend: Lab['backend']
  readonly document: Lab['document']
  /** Aborts when the scenario has taken too long. */
  readonly signal: AbortSignal
  /** The lab's time: a scenario asks no other clock, and waits for nothing outside the lab but through netns(). */
  readonly clock: Lab['clock']
  readonly run: Lab['run']
  readonly taps: readonly Tap[]
  /** Throws for a name that the topology does not have. */
  guest(name: string): Workload
  /** All ordered pairs of guests of one network. */
  pairs(): Pair[]
  /** What realizes a host here. */
  realizer(hostId: string): Realizer
  /** Bytes that no frame had before; put them into a payload, or frames of two scenarios look alike. */
  mark(): Uint8Array
  /** Throws for one that no host has an uplink to. */
  physicalNetwork(id: string): Segment
  /** Puts a frame on the wire of a guest, as it is. @param arriving what it is there when its tags change on the way */
  send(name: string, frame: Uint8Array, arriving?: Uint8Array): Promise<void>
  /** The frame arrives there, at a guest or on a physical network, byte for byte, once. */
  expectAt(name: string, frame: Uint8Array): Promise<void>
  /**
   * The host of this guest counts the frames that were sent by it since the last time, for this reason, and nobody sees them.
   * @param subports of it, whose drops count as well
   */
  expectDropped(name: string, reason: string, ...subports: readonly string[]): Promise<void>
  /** Where the mark was seen (guests, `underlay`, physical networks), once all has arrived that was sent. */
  places(mark: Uint8Array): Promise<readonly string[]>
  /** The mark is seen at these places and nowhere else, once all has arrived. */
  expectOnly(mark: Uint8Array, places: readonly string[]): Promise<void>
  /** Claims of the checks, or more of the kind, each with its positive control. Resolves to what was seen. */
  prove(claims: (site: Site) => Claims): Promise<string>
  readonly underlay: Lab['underlay']
  /** The lab of real hosts under it, netns or vagrant; throws on another. */
  real(): RealLab
  /** The netns lab under it; throws on another. */
  netns(): NetnsLab
  /** The memory lab under it; throws on another. */
  memory(): MemoryLab
  get<T>(path: string): Promise<T>
  /** Resolves when realized, or with `{ realized: false }` when it is taken. */
  put(path: string, body: object, options?: { readonly realized?: boolean }): Promise<void>
  /** As `put`. */
  remove(path: string, options?: { readonly realized?: boolean }): Promise<void>
  /** Messages of events of this type. */
  events(type: string): Promise<string[]>
  /** Asks until it is true. @param withinMs default 8 s */
  until(what: string, ask: () => Promise<boolean> | boolean, withinMs?: number): Promise<void>
  /** Takes a host the way to its controller; it goes on forwarding. */
  cutOff(hostId: string): Promise<void>
  /** What can go wrong on the lab; throws on one that has nothing of it. */
  faults(): Faults
  /** Gives it back; of kind ovs. */
  letBack(hostId: string): Promise<void>
  /** Sets the MTU of the device that carries the tunnels of a host. @returns its name */
  setNicMtu(hostId: string, mtuBytes: number): Promise<string>
  /** A line for whoever reads the output of the test. */
  tell(line: string): void
}

export interface Pair {
  readonly from: Workload
  readonly to: Workload
}

export const ALL_SWITCHES: readonly Realizer[] = [
  'open-vswitch',
  'weft-switch',
  'linux-bridge',
  'weft-vtep',
]
export const NETNS_SWITCHES: readonly LabSwitch[] = ['open-vswitch', 'weft-switch', 'linux-bridge']

/** Of networks that are VXLAN and nothing else. */
export const plainPairs = (lab: ScenarioLab): Pair[] =>
  lab.pairs().filter(({ from: { tenant, portId } }) => {
    const { networks, ports } = lab.document.tenants[tenant] ?? {}
    return networks?.[ports?.[portId]?.network ?? '']?.type === 'vxlan'
  })
