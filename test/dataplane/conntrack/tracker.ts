/**
 * A tracker alone, without a switch around it: frames in, `ct_state` in words and frames out.
 * Neighbours: packets.ts, conntrack.ts.
 */
import {
  type Conntrack,
  type ConntrackOptions,
  conntrack,
  type Writes,
} from '../../../dataplane/conntrack/conntrack.ts'
import { NAT_DST, NAT_SRC, type NatRequest } from '../../../dataplane/conntrack/nat.ts'
import { CT } from '../../../dataplane/conntrack/verdict.ts'
import { extract } from '../../../dataplane/packet/flow-key.ts'
import { fieldWords, KEY_WORDS, keyField } from '../../../dataplane/packet/key-layout.ts'
import { packetPool } from '../../../dataplane/packet/packet.ts'
import type { FieldName } from '../../../southbound/openflow/oxm.ts'
import { parseMatch } from '../../../southbound/openflow/text.ts'

export interface Ask {
  readonly zone?: number
  readonly commit?: boolean
  readonly force?: boolean
  /** '' = nat alone; 'src=10.0.0.1-10.0.0.9:80-90'. */
  readonly nat?: string
  /** The same object at every look, as a flow has it; instead of `nat`. */
  readonly request?: NatRequest
  readonly mark?: number
  readonly label?: bigint
  /** Looks before this one, of the same packet. */
  readonly first?: Ask
}

export interface Tracker {
  readonly conntrack: Conntrack
  /** Bits of ct_state by name, without trk: 'new', 'est|rpl'. */
  see(frame: Uint8Array, ask?: Ask): string
  /** As the last packet was when it left. */
  readonly frame: Uint8Array
  field(name: FieldName): bigint
  advance(ms: number): void
  now(): number
}

export const NO_WRITES: Writes = {
  mark: 0,
  markMask: 0,
  label: new Uint32Array(4),
  labelMask: new Uint32Array(4),
}

export function natRequest(text: string): NatRequest {
  const [, side, range = ''] = /^(src|dst)=?(.*)$/.exec(text) ?? []
  const [, addresses = '', ports = ''] = /^([^:]*|\[.*\])(?::([\d-]+))?$/.exec(range) ?? []
  const wide = (address: string) => {
    const six = address.includes(':')
    const bare = address.replace(/[[\]]/g, '')
    const match = parseMatch(six ? `ipv6,ipv6_src=${bare}` : `ip,nw_src=${bare}`)
    return fieldWords(six ? 'ipv6_src' : 'ipv4_src', (match.ipv6_src ?? match.ipv4_src) as number)
  }
  const [from, to = from] = addresses.replace(/[[\]]/g, '').split('-').filter(Boolean).map(wide)
  const [minPort = 0, maxPort = minPort] = ports.split('-').filter(Boolean).map(Number)
  return {
    side: side === 'src' ? NAT_SRC : side === 'dst' ? NAT_DST : 0,
    address: from,
    more: from && to ? to.at(-1)! - from.at(-1)! : 0,
    minPort,
    maxPort,
    persistent: false,
    random: false,
  }
}

export function tracker(options: Partial<ConntrackOptions> = {}): Tracker {
  let dice = 1
  const random = () => {
    dice = (dice * 48_271) % 2_147_483_647
    return dice / 2_147_483_647
  }
  const own = conntrack({ random, ...options })
  const pool = packetPool()
  const key = new Uint32Array(KEY_WORDS)
  let now = 1000
  let frame: Uint8Array = new Uint8Array(0)
  const read = (name: FieldName) => {
    const { slot, words } = keyField[name]
    let value = 0n
    for (let i = 0; i < words; i++) value = (value << 32n) | BigInt(key[slot + i]!)
    return value
  }
  return {
    conntrack: own,
    get frame() {
      return frame
    },
    see(bytes, ask = {}) {
      const packet = pool.take(bytes, 0, bytes.length)!
      key.fill(0)
      extract(key, packet)
      const look = ({ first, ...of }: Ask) => {
        if (first) look(first)
        const writes = {
          mark: of.mark ?? 0,
          markMask: of.mark === undefined ? 0 : 0xffff_ffff,
          label: fieldWords('ct_label', of.label ?? 0n),
          labelMask: fieldWords('ct_label', of.label === undefined ? 0n : 2n ** 128n - 1n),
        }
        const nat = of.request ?? (of.nat === undefined ? undefined : natRequest(of.nat))
        const tracking = { commit: of.commit ?? false, force: of.force ?? false, nat }
        own.execute(packet, key, of.zone ?? 0, tracking, writes, now)
      }
      look(ask)
      frame = packet.bytes.slice(packet.start, packet.end)
      pool.give(packet)
      const state = Number(read('ct_state'))
      return Object.entries(CT)
        .filter(([name, bit]) => name !== 'trk' && state & bit)
        .map(([name]) => name)
        .join('|')
    },
    field: read,
    advance: (ms) => {
      now += ms
    },
    now: () => now,
  }
}
