/**
 * Meters as text: `meter=1,pktps,burst,stats,bands=type=drop,rate=1000,burst_size=100`, the syntax
 * of ovs-ofctl's add-meter and dump-meters. Neighbour: meter.ts (the same as bytes).
 */
import { type MeterBand, meterFlags } from './meter.ts'
import {
  fail,
  formatHex,
  itemsBefore,
  itemsOf,
  nameOf,
  parseHex,
  parseUint,
  type Span,
  spanOf,
  textOf,
} from './text-span.ts'

/** A meter as values: the body of a meter_mod without its command. */
export interface Meter {
  readonly meter_id: number
  /** meterFlags */
  readonly flags: number
  readonly bands: readonly MeterBand[]
}

/** Without the flag a burst is one second's worth, and ovs-ofctl wants no word of it. */
const implied = (flags: number, { rate, burst_size }: { rate: number; burst_size: number }) =>
  !(flags & meterFlags.burst) && burst_size === rate

function formatBand(band: MeterBand, flags: number): string {
  if (band.kind === 'unknown') return `type=${band.type},bytes=${formatHex(band.bytes)}`
  const level = band.kind === 'dscp_remark' ? `,prec_level=${band.prec_level}` : ''
  const burst = implied(flags, band) ? '' : `,burst_size=${band.burst_size}`
  return `type=${band.kind},rate=${band.rate}${burst}${level}`
}

export function formatMeter({ meter_id, flags, bands }: Meter): string {
  const known = Object.entries(meterFlags)
  const words = known.flatMap(([word, bit]) => (flags & bit ? [word] : []))
  const rest = known.reduce((left, [, bit]) => left & ~bit, flags)
  const head = [`meter=${meter_id}`, ...words, ...(rest ? [`flags=0x${rest.toString(16)}`] : [])]
  return `${head.join(',')},bands=${bands.map((band) => formatBand(band, flags)).join(',')}`
}

interface Reading {
  readonly type: Span
  rate: number
  burst_size?: number
  prec_level: number
  bytes: Uint8Array
}

/** The keys of a band; each `type=` begins another one. */
function parseBands(span: Span, flags: number): readonly MeterBand[] {
  const bands: Reading[] = []
  for (const item of itemsOf(span)) {
    const name = nameOf(item)
    const band = bands.at(-1)
    if (name === 'type') {
      bands.push({ type: item.value, rate: 0, prec_level: 0, bytes: new Uint8Array() })
    } else if (!band) fail(item.name, 'type=drop or type=dscp_remark first')
    else if (name === 'rate') band.rate = parseUint(item.value, 32)
    else if (name === 'burst_size') band.burst_size = parseUint(item.value, 32)
    else if (name === 'prec_level') band.prec_level = parseUint(item.value, 8)
    else if (name === 'bytes') band.bytes = parseHex(item.value)
    else fail(item.name, 'type, rate, burst_size or prec_level')
  }
  return bands.map(({ type, rate, burst_size: given, prec_level, bytes }): MeterBand => {
    const burst_size = given ?? (flags & meterFlags.burst ? 0 : rate)
    const word = textOf(type)
    if (word === 'drop') return { kind: 'drop', rate, burst_size }
    if (word === 'dscp_remark') return { kind: 'dscp_remark', rate, burst_size, prec_level }
    if (!/^\d/.test(word)) fail(type, 'drop or dscp_remark')
    return { kind: 'unknown', type: parseUint(type, 16), bytes }
  })
}

/** @throws {TextError} with the position and what would be right */
export function parseMeter(text: string): Meter {
  const span = spanOf(text)
  const { items, rest } = itemsBefore(span, /^bands?=/)
  let meter_id: number | undefined
  let flags = 0
  for (const item of items) {
    const name = nameOf(item)
    const bit = Object.entries(meterFlags).find(([word]) => word === name)?.[1]
    if (name === 'meter') meter_id = parseUint(item.value, 32)
    else if (name === 'flags') flags |= parseUint(item.value, 16)
    else if (bit !== undefined) flags |= bit
    else fail(item.name, `meter, ${Object.keys(meterFlags).join(', ')} or bands`)
  }
  if (meter_id === undefined) return fail(span, 'meter=NUMBER')
  return { meter_id, flags, bands: rest ? parseBands(rest, flags) : [] }
}
