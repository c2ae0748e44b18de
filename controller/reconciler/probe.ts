/**
 * One probe: a frame of Weft's own that leaves one host by a packet-out into the tunnel, under VNI 0, and comes back from
 * another host as a packet-in. What it carries is a random number that nobody else knows, so that no guest and no stranger
 * can answer for a host. Neighbours: `prober.ts` (whom and when), `../compiler/probe-units.ts` (the flows that take it).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { encode, type MessageOf, OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { filler, type Random } from '../../southbound/wire/random.ts'
import { PROBES_PER_S } from '../compiler/probe-units.ts'
import { TUNNEL_OFPORT, table } from '../compiler/stages.ts'
import { toVtep } from '../compiler/ways.ts'

/** IEEE 802 "Local Experimental Ethertype 1", after two locally administered MACs. */
const HEADER = Uint8Array.from([2, 0x57, 0, 0, 0, 2, 2, 0x57, 0, 0, 0, 1, 0x88, 0xb5])
const NUMBER_BYTES = 16
/** How long a probe may take to be seen. Milliseconds. */
const PATIENCE_MS = 500
/** A host that has so many bytes unread is not asked to send more. */
const MOST_BACKLOG = 1024 * 1024
/** OpenFlow 1.3.5 §7.1: a message has 16 bits for its length. */
const MOST_MESSAGE_BYTES = 0xffff

/**
 * The longest packet of a workload that a probe can stand for, in bytes: the packet-out that carries it to the host has to
 * fit a message, by IPv6 also. What networks have above that is not probed.
 */
export const MOST_PROBE_BYTES =
  MOST_MESSAGE_BYTES - HEADER.length - encode(packetOut('::', new Uint8Array(0))).length

/** The parts of a pair that a probe needs. */
export interface Path {
  readonly from: string
  readonly to: string
  /** VTEP address of `to`. */
  readonly remote: string
}

export class Probes {
  readonly #connectionOf: (hostId: string) => Connection | undefined
  readonly #clock: Clock
  readonly #fill: ReturnType<typeof filler>
  /** Number of a probe under way, hexadecimal -> where it is to be seen, and whom to tell. */
  readonly #waiting = new Map<string, { readonly at: string; readonly seen: () => void }>()
  /** When the next probe to a host may go. */
  readonly #turns = new Map<string, number>()

  /** @param connectionOf a bridge that has all its flows; undefined: probes would be lost or miscounted */
  constructor(
    connectionOf: (hostId: string) => Connection | undefined,
    { clock, random }: { readonly clock: Clock; readonly random?: Random | undefined },
  ) {
    this.#connectionOf = connectionOf
    this.#clock = clock
    this.#fill = filler(random)
  }

  /** Takes a packet-in of a host. Gives whether it was a probe, one that we wait for or not: it came by the table of probes. */
  arrived(
    hostId: string,
    { data, table_id }: Pick<MessageOf<'packet_in'>, 'data' | 'table_id'>,
  ): boolean {
    if (table_id !== table.peer) return false
    if (HEADER.some((byte, i) => data[i] !== byte)) return true
    const probe = this.#waiting.get(numberOf(data))
    if (probe?.at === hostId) probe.seen()
    return true
  }

  /**
   * Whether a packet of `bytes` (of MOST_PROBE_BYTES where it is longer), as a workload would send it, crosses; undefined:
   * it could not be sent, or one of the two hosts was not as it should be meanwhile. Rejects when the signal aborts.
   */
  async passes(path: Path, bytes: number, signal: AbortSignal): Promise<boolean | undefined> {
    const { from, to, remote } = path
    const ends = () => [this.#connectionOf(from), this.#connectionOf(to)] as const
    if (ends().includes(undefined)) return undefined
    await this.#turn(to, signal)
    const [source, sink] = ends()
    if (!source || !sink || source.backlog.bytes > MOST_BACKLOG) return undefined
    const size = Math.max(Math.min(bytes, MOST_PROBE_BYTES), NUMBER_BYTES)
    const data = new Uint8Array(HEADER.length + size)
    data.set(HEADER)
    this.#fill(data, HEADER.length, NUMBER_BYTES)
    const number = numberOf(data)
    try {
      const seen = new Promise<boolean>((resolve) => {
        this.#waiting.set(number, { at: to, seen: () => resolve(true) })
      })
      source.dismiss(packetOut(remote, data))
      // Not ended when it is seen: hundreds come a second, and each end would be an error with a stack.
      const late = this.#clock.sleep(PATIENCE_MS, signal)
      if (await Promise.race([seen, late.then(() => false)])) return true
      const [sourceNow, sinkNow] = ends()
      return sourceNow === source && sinkNow === sink ? false : undefined
    } finally {
      this.#waiting.delete(number)
    }
  }

  /** A host gets no more than its meter lets pass. */
  async #turn(to: string, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const at = Math.max(now, this.#turns.get(to) ?? 0)
    this.#turns.set(to, at + 1000 / PROBES_PER_S)
    if (at > now) await this.#clock.sleep(at - now, signal)
  }
}

function packetOut(remote: string, data: Uint8Array) {
  const actions: Action[] = [
    { kind: 'set_field', field: 'tunnel_id', value: 0n },
    toVtep(remote),
    { kind: 'output', port: TUNNEL_OFPORT, max_len: 0 },
  ]
  const type = 'packet_out' as const
  return { type, buffer_id: OFP_NO_BUFFER, in_port: CONTROLLER, actions, data }
}

function numberOf(data: Uint8Array): string {
  return Buffer.from(data.subarray(HEADER.length, HEADER.length + NUMBER_BYTES)).toString('hex')
}
