/**
 * The pipeline of br-int as data: table numbers, registers, ports. Every unit takes its numbers from here.
 *
 *   classify ─► admission ─► port security ─► responders ─► L2 lookup ─► output
 *      └─ tunnel (VNI known?) ─► peer (VTEP known?) ───────────▲
 *
 * Numbers leave room for the stages to come (connection tracking, rules, routing); goto only goes forward.
 */

/** OpenFlow table of each stage. */
export const table = {
  classify: 0,
  tunnel: 1,
  peer: 2,
  admission: 5,
  portSecurity: 10,
  responders: 30,
  l2: 50,
  output: 70,
} as const

/**
 * What each register means. All are 0 when a frame enters and are set by flows only, so no tenant can set one.
 * The names on the right are the match fields of the switch.
 */
export const register = {
  /** 1 = the frame came out of the tunnel: it must never go back into it. */
  fromTunnel: 'reg0',
  /** `number` of the network. */
  network: 'reg1',
  /** `number` of the port that sent the frame. */
  source: 'reg2',
  /** `number` of the port that gets the frame. */
  destination: 'reg3',
  /** Bit 0 = larger than the network's MTU. */
  oversize: 'reg4',
} as const

/** ofport of the VXLAN port, the same on every host, so that flows towards it are shared by all of them. */
export const TUNNEL_OFPORT = 65000

/** Group that floods a network from a local port: local ports and remote VTEPs. */
export const floodGroup = (networkNumber: number): number => networkNumber * 2
/** Group that floods a network from the tunnel: local ports only. */
export const localFloodGroup = (networkNumber: number): number => networkNumber * 2 + 1

/** Blocks: what a host has of its own, what all hosts of a network share, what every host has. */
export const block = {
  site: 'site',
  host: (host: string): string => `host/${host}`,
  network: (network: string): string => `network/${network}`,
} as const
