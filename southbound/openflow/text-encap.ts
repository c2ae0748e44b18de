/**
 * Text of Open vSwitch's actions that put a header on and take it off: `encap(nsh(md_type=1))`,
 * `decap()`. Sources: ovs-actions(7); properties: lib/ofp-ed-props.c of Open vSwitch. Neighbours:
 * text-row.ts, text-action.ts; text-nicira.ts has the other extensions.
 */

import { commas, given, readKeys, row, wordOf } from './text-row.ts'
import { fail, formatHex, itemAt, parseHex, parseUint, parseWord, type Span } from './text-span.ts'
import { hex } from './text-value.ts'

/** Packet types that have words, namespace << 16 | type. */
const packetTypes = { ethernet: 0, nsh: 0x1894f, mpls: 0x18847, mpls_mc: 0x18848 }
/** decap: whatever the header says that comes next. */
const NEXT = 0xfffe

/** Properties of NSH: their class, and the types of the two that there are. */
const NSH = 4
const MD_TYPE = 1
const TLV = 2
/** Bytes of a property before a TLV's value, and what all are padded to. The length of a TLV has the padding in it. */
const HEAD = 8
const MD_TYPE_LENGTH = 5
const MOST_VALUE = 0xf8 - HEAD

/** `md_type=2,tlv(0x1000,10,0x12345678)`; undefined for anything else. */
function formatNsh(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + HEAD > bytes.length || view.getUint16(at) !== NSH) return undefined
    const [type, length] = [view.getUint8(at + 2), view.getUint8(at + 3)]
    const size = view.getUint8(at + 7)
    if (type === MD_TYPE && length === MD_TYPE_LENGTH)
      texts.push(`md_type=${view.getUint8(at + 4)}`)
    else if (type === TLV && length === padded(HEAD + size)) {
      const value = formatHex(bytes.subarray(at + HEAD, at + HEAD + size))
      texts.push(`tlv(0x${hex4(view.getUint16(at + 4))},${view.getUint8(at + 6)},0x${value})`)
    } else return undefined
    at += padded(length)
  }
  return texts.join(',')
}
const hex4 = (value: number) => value.toString(16).padStart(4, '0')
const padded = (length: number) => Math.ceil(length / HEAD) * HEAD

/** A property of this type: what stands behind its length, then a TLV's value. */
function property(
  type: number,
  length: number,
  head: readonly number[],
  value: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(padded(length))
  bytes.set([0, NSH, type, length, ...head])
  bytes.set(value, HEAD)
  return bytes
}

function parseNsh(span: Span): Uint8Array {
  const properties: Uint8Array[] = []
  readKeys(span, {
    md_type: (value) =>
      properties.push(property(MD_TYPE, MD_TYPE_LENGTH, [parseUint(value, 8)], none)),
    tlv(value) {
      const [tlvClass, type, data, ...more] = commas(value)
      if (!tlvClass || !type || !data || more.length > 0) fail(value, 'class,type,0x…')
      const number = parseUint(tlvClass, 16)
      const digits = { ...data, from: data.from + 2 }
      const bytes = data.source.startsWith('0x', data.from) ? parseHex(digits) : none
      if (bytes.length === 0 || bytes.length > MOST_VALUE)
        fail(data, `1 to ${MOST_VALUE} bytes, 0x…`)
      const head = [number >>> 8, number & 0xff, parseUint(type, 8), bytes.length]
      properties.push(property(TLV, padded(HEAD + bytes.length), head, bytes))
    },
  })
  return new Uint8Array(Buffer.concat(properties))
}
const none = new Uint8Array(0)

export const encapTexts = {
  encap: row<'encap'>(
    'encap',
    ({ hdr_size, new_pkt_type, properties }) => {
      const word = wordOf(packetTypes, new_pkt_type)
      if (hdr_size !== 0 || !word) return undefined
      if (properties.length === 0) return `encap(${word})`
      const nsh = word === 'nsh' ? formatNsh(properties) : undefined
      return nsh && `encap(nsh(${nsh}))`
    },
    (item) => {
      const value = given(item)
      const inner = value.from < value.to ? itemAt(value).item : undefined
      const isNsh = inner?.mark === '(' && inner.whole.to === value.to
      return {
        kind: 'encap',
        hdr_size: 0,
        new_pkt_type: parseWord(isNsh ? inner.name : value, isNsh ? { nsh: 0x1894f } : packetTypes),
        properties: isNsh ? parseNsh(inner.value) : none,
      }
    },
  ),
  decap: row<'decap'>(
    'decap',
    ({ new_pkt_type: type }) =>
      type === NEXT
        ? 'decap()'
        : `decap(packet_type(ns=${type >>> 16},type=${hex(type & 0xffff)}))`,
    (item) => {
      let new_pkt_type = NEXT
      readKeys(item.value, {
        packet_type(value) {
          new_pkt_type = 0
          readKeys(value, {
            ns: (span) => (new_pkt_type += parseUint(span, 16) * 65_536),
            type: (span) => (new_pkt_type += parseUint(span, 16)),
          })
        },
      })
      return { kind: 'decap', new_pkt_type }
    },
  ),
}
