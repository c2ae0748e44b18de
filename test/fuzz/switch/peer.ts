/**
 * What is compared: switches with the same ports, the same messages and the same frames, and what
 * each makes of them. Neighbours: ours.ts and open-vswitch.ts are peers, compare.ts compares.
 */
import type { Body } from '../../../southbound/openflow/message.ts'

/** Ports that somebody sits at. */
export const PORTS: readonly number[] = [1, 2, 3, 4, 5]
/** A port that is there and down. */
export const DOWN_PORT = 6
/** No port has this number. */
export const NO_PORT = 77
/** Largest payload of a port, bytes. */
export const MTU_BYTES = 1500

export interface Input {
  /** The port that the frame comes in by. */
  readonly port: number
  readonly bytes: Uint8Array
}

/** What a switch made of one frame, or of several. Strings, so that they sort and compare. */
export interface Outcome {
  /** `PORT HEX` of each frame that came out. */
  readonly frames: string[]
  /** One line for each packet-in. */
  readonly punts: string[]
  /** Flows that took it; known of our own switches alone. */
  readonly matched?: number
}

export interface Peer {
  readonly name: string
  /**
   * Forgets all flows, groups and meters, then carries out the messages in order. Resolves with the
   * error of each that was refused, by its place: `bad_action.bad_out_port`.
   */
  install(messages: readonly Body[]): Promise<ReadonlyMap<number, string>>
  /** One outcome for each frame, in order. */
  run(inputs: readonly Input[]): Promise<Outcome[]>
  close(): Promise<void>
}

type PacketIn = Extract<Body, { type: 'packet_in' }>

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
export const frameLine = (port: number, bytes: Uint8Array): string => `${port} ${hex(bytes)}`
export const puntLine = (of: PacketIn): string =>
  `reason ${of.reason} table ${of.table_id} cookie 0x${of.cookie.toString(16)} ` +
  `total_len ${of.total_len} match ${hex(of.match)} data ${hex(of.data)}`

/** Outcomes of frames that were run together. */
export const together = (outcomes: readonly Outcome[]): Outcome => ({
  frames: outcomes.flatMap(({ frames }) => frames),
  punts: outcomes.flatMap(({ punts }) => punts),
})

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  const [left, right] = [a.toSorted(), b.toSorted()]
  return left.every((line, i) => line === right[i])
}

/** Cookie of a packet-in that no one flow sent: out of a bucket or the action set. */
const NO_COOKIE = ' cookie 0xffffffffffffffff '
const withoutFlow = (line: string) => line.replace(/ table \d+ cookie 0x[0-9a-f]+/, '')

/**
 * Whether both are the same, in any order. Where ours says that no one flow sent a packet to the
 * controller, Open vSwitch names table and cookie of one (known.ts, `packet_in_cookie`).
 */
export function sameOutcome(ours: Outcome, theirs: Outcome): boolean {
  if (!sameLines(ours.frames, theirs.frames)) return false
  if (sameLines(ours.punts, theirs.punts)) return true
  const left = [...theirs.punts]
  const rest: string[] = []
  for (const line of ours.punts) {
    const at = line.includes(NO_COOKIE) ? -1 : left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    else if (line.includes(NO_COOKIE)) rest.push(withoutFlow(line))
    else return false
  }
  return sameLines(rest, left.map(withoutFlow))
}
