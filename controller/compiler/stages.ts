/**
 * The pipeline of br-int as data: table numbers, registers, ports. Every unit takes its numbers from here.
 *
 *   classify ─► admission (─► inner tag, size) ─► port security (─► neighbours) ─► responders ─► L2 lookup ─► output
 *      │                                                               └─► answer     ▲
 *      └─ tunnel (VNI known?) ─► peer (VTEP known?) ──────────────────────────────────┘
 *
 * Numbers leave room for the stages to come (connection tracking, rules, routing); goto only goes forward.
 */

import type { Way } from './ways.ts'

/** OpenFlow table of each stage. */
export const table = {
  classify: 0,
  tunnel: 1,
  peer: 2,
  admission: 5,
  innerTag: 6,
  size: 8,
  portSecurity: 10,
  neighbours: 15,
  responders: 30,
  l2: 50,
  output: 70,
  answer: 75,
  oversize: 90,
  shown: 95,
  sampled: 96,
} as const

/**
 * What each register means. All are 0 when a frame enters and are set by flows only, so no tenant can set one.
 * The names on the right are the match fields of the switch.
 */
export const register = {
  /** Where the frame comes from: 0 a workload, 1 the tunnel, 2 a physical network; it never goes back to the latter two. */
  origin: 'reg0',
  /** `number` of the network. */
  network: 'reg1',
  /** `number` of the port that sent the frame. */
  source: 'reg2',
  /** `number` of the port that gets the frame. */
  destination: 'reg3',
  /** Bit 0 = larger than the network's MTU. */
  oversize: 'reg4',
  /** Code of the drop reason of a frame that is to be shown. */
  reason: 'reg5',
  /** The tag that is taken off to look below it: VID, then from bit 12 its priority. */
  liftedTag: 'reg6',
} as const

/** ofport of the VXLAN port, the same on every host, so that flows towards it are shared by all of them. */
export const TUNNEL_OFPORT = 65000

/**
 * ofport of the patch port to the bridge of a physical network, the same on every host. Numbers up to 65023 are left for
 * tunnels; Open vSwitch takes none above 65279. @param physicalNumber `number` of the physical network, 1 to 250
 */
export const patchOfport = (physicalNumber: number): number => 65_023 + physicalNumber

/**
 * Groups that a frame goes through to be looked at anew, each to its table: when a tag came off, for the next one; what is
 * too large, so that it is counted where it goes and nowhere else; a sample, so that nothing comes of one that its meter
 * has held back. Their numbers are no network's, which begin at 4 and leave every fourth out.
 */
export const anewGroup = { oversize: 0, tunnel: 1, admission: 2, innerTag: 3, sampled: 7 } as const

/** Group that floods a network from a workload: local ports, remote VTEPs, the physical network. */
export const floodGroup = (networkNumber: number): number => networkNumber * 4
/** Group that floods a network from the tunnel, or from the physical network that it is on: never back to where it came from. */
export const localFloodGroup = (networkNumber: number): number => networkNumber * 4 + 1
/** Group that floods an extended network from its physical network: local ports and remote VTEPs. */
export const segmentFloodGroup = (networkNumber: number): number => networkNumber * 4 + 2

/** Meter that bounds the probes that a host takes; Open vSwitch takes none above 65536. */
export const PROBE_METER = 65_535
/** Meter that bounds the dropped frames that a host shows to the controller. */
export const SAMPLE_METER = 65_534

/** Flows with this priority in the tables output and answer count what a sub-port got. */
export const COUNTED_PRIORITY = 200

/** Blocks: what a host has of its own, what all hosts of a network share, what every host has. */
export const block = {
  site: 'site',
  host: (host: string): string => `host/${host}`,
  /** The host whose own block has this id; undefined: it is no host's own. */
  hostOf: (id: string): string | undefined => (id.startsWith('host/') ? id.slice(5) : undefined),
  network: (network: string): string => `network/${network}`,
  /** What hosts have that have networks on a physical network. */
  physical: (physicalNetwork: string): string => `physical/${physicalNetwork}`,
  /** Of a network what its hosts reach each other by: `ways.ts`. */
  way: (way: Way, network: string): string => `${way}/${network}`,
} as const
