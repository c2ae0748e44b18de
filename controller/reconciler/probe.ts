/**
 * One probe: a frame of Weft's own that leaves one host by a packet-out into the tunnel, under VNI 0, and comes back from
 * another host as a packet-in. What it carries is a random number that nobody else knows, so that no guest and no stranger
 * can answer for a host. Neighbours: `prober.ts` (whom and when), `../compiler/probe-units.ts` (the flows that take it).
 */
import { randomFillSync } from 'node:crypto'
import type { Action } from '../../southbound/openflow/action.ts'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { type MessageOf, OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import type { Clock } from '../clock.ts'
import { TUNNEL_OFPORT } from '../compiler/stages.ts'
import { toVtep } from '../compiler/ways.ts'

/** IEEE 802 "Local Experimental Ethertype 1", after two locally administered MACs. */
const HEADER = Uint8Array.from([2, 0x57, 0, 0, 0, 2, 2, 0x57, 0, 0, 0, 1, 0x88, 0xb5])
const NUMBER_BYTES = 16
/** How long a probe may take to be seen. Milliseconds. */
const PATIENCE_MS = 500
/** A host that has so many bytes unread is not asked to send more. */
const MOST_BACKLOG = 1024 * 1024

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
  /** Number of a probe under way, hexadecimal -> where it is to be seen, and whom to tell. */
  readonly #waiting = new Map<string, { readonly at: string; readonly seen: () => void }>()

  constructor(connectionOf: (hostId: string) => Connection | undefined, clock: Clock) {
    this.#connectionOf = connectionOf
    this.#clock = clock
  }

  /** Takes a packet-in of a host. Gives whether it was a probe, one that we wait for or not. */
  arrived(hostId: string, { data }: Pick<MessageOf<'packet_in'>, 'data'>): boolean {
    if (HEADER.some((byte, i) => data[i] !== byte)) return false
    const number = numberOf(data)
    const probe = this.#waiting.get(number)
    if (probe?.at === hostId) probe.seen()
    return true
  }

  /**
   * Whether a packet of `bytes`, as a workload would send it, crosses; undefined: it could not be sent.
   * Rejects when the signal aborts.
   */
  async passes(path: Path, bytes: number, signal: AbortSignal): Promise<boolean | undefined> {
    const connection = this.#connectionOf(path.from)
    if (!connection || connection.backlog.bytes > MOST_BACKLOG) return undefined
    const data = new Uint8Array(Math.max(HEADER.length + bytes, HEADER.length + NUMBER_BYTES))
    data.set(HEADER)
    randomFillSync(data, HEADER.length, NUMBER_BYTES)
    const number = numberOf(data)
    const end = new AbortController()
    try {
      const seen = new Promise<boolean>((resolve) => {
        this.#waiting.set(number, { at: path.to, seen: () => resolve(true) })
      })
      const actions: Action[] = [
        { kind: 'set_field', field: 'tunnel_id', value: 0n },
        toVtep(path.remote),
        { kind: 'output', port: TUNNEL_OFPORT, max_len: 0 },
      ]
      connection.dismiss({
        type: 'packet_out',
        buffer_id: OFP_NO_BUFFER,
        in_port: CONTROLLER,
        actions,
        data,
      })
      const late = this.#clock.sleep(PATIENCE_MS, AbortSignal.any([signal, end.signal]))
      return await Promise.race([seen, late.then(() => false)])
    } finally {
      this.#waiting.delete(number)
      end.abort()
    }
  }
}

function numberOf(data: Uint8Array): string {
  return Buffer.from(data.subarray(HEADER.length, HEADER.length + NUMBER_BYTES)).toString('hex')
}
