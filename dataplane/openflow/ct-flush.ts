/**
 * NXT_CT_FLUSH (`ovs-ofctl ct-flush`): which connections end, as words of their records.
 * What Open vSwitch 3.1 compares is compared: a port and an address that are not 0, all of ICMP that is
 * said. Neighbours: requests.ts, conntrack/tuple.ts (the words), conntrack/conntrack.ts (flush).
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { WordTest } from '../conntrack/conntrack.ts'
import { FORWARD, REPLY } from '../conntrack/table.ts'
import { DST, DST_PORT, HEAD, headOf, SRC, SRC_PORT, TYPE_SHIFT } from '../conntrack/tuple.ts'
import { refuse } from '../pipeline/refusal.ts'

type CtFlush = MessageOf<'ct_flush'>
type Property = Extract<CtFlush['properties'][number], { readonly tuple: unknown }>['tuple'][number]

const ADDRESS_BYTES = 16
const ALL = 0xffff_ffff
/** No connection has this. */
const NEVER: WordTest = { word: HEAD, mask: 0, value: 1 }

/** The zone, undefined for all, and what else connections must have. Throws a Refusal. */
export function flushed({ ip_proto, properties }: CtFlush): [number | undefined, WordTest[]] {
  let zone: number | undefined
  const tests: WordTest[] = []
  if (ip_proto !== 0) {
    tests.push({ word: HEAD, mask: headOf(0, 0xff, 0), value: headOf(0, ip_proto, 0) })
  }
  for (const property of properties) {
    if (property.kind === 'zone') zone = property.zone_id
    else if (property.kind === 'unknown') refuse('bad_request.bad_len', `property ${property.type}`)
    else {
      const base = property.kind === 'orig' ? FORWARD : REPLY
      for (const part of property.tuple) tests.push(...testsOf(part, base))
    }
  }
  return [zone, tests]
}

function testsOf(part: Property, base: number): WordTest[] {
  const port = (word: number, value: number) =>
    value === 0 ? [] : [{ word: base + word, mask: ALL, value }]
  switch (part.kind) {
    case 'ct_src':
      return address(part.address, base + SRC)
    case 'ct_dst':
      return address(part.address, base + DST)
    case 'src_port':
      return port(SRC_PORT, part.port)
    case 'dst_port':
      return port(DST_PORT, part.port)
    case 'icmp_id':
      return [{ word: base + SRC_PORT, mask: 0xffff, value: part.id }]
    case 'icmp_type': {
      const value = part.icmp_type << TYPE_SHIFT
      return [{ word: base + SRC_PORT, mask: 0xff << TYPE_SHIFT, value }]
    }
    case 'icmp_code':
      // Connections are those of requests and answers, whose code is 0.
      return part.icmp_code === 0 ? [] : [NEVER]
    default:
      return refuse('bad_request.bad_len', `a tuple with ${part.type}`)
  }
}

/** Of both versions; none where all is 0. */
function address(bytes: Uint8Array, word: number): WordTest[] {
  if (bytes.length !== ADDRESS_BYTES) refuse('bad_request.bad_len', `${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, ADDRESS_BYTES)
  const words = [0, 4, 8, 12].map((at) => view.getUint32(at))
  if (words.every((one) => one === 0)) return []
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff
  const parts = isMapped ? [words[3]!] : words
  const version = { word: HEAD, mask: headOf(0xff, 0, 0), value: headOf(isMapped ? 4 : 6, 0, 0) }
  return [version, ...parts.map((value, i) => ({ word: word + i, mask: ALL, value }))]
}
