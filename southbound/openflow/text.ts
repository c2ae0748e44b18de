/**
 * Flows in the syntax of ovs-ofctl, both ways: printed as `dump-flows --no-stats` does, for events and
 * people, and read as `add-flow` and the output of `dump-flows` are. Reading what was printed gives
 * the same flow. Neighbours: text-match.ts, text-instruction.ts (the two halves), text-group.ts,
 * text-meter.ts, flow.ts.
 */
import { WireError } from '../wire/error.ts'
import type { Flow, FlowBytes, FlowSettings } from './flow.ts'
import { decodeInstructions, type Instruction } from './instruction.ts'
import { decodeMatch, type Match } from './match.ts'
import { flowFlags } from './message.ts'
import { formatInstructions, parseInstructions } from './text-instruction.ts'
import { formatMatch, readMatch } from './text-match.ts'
import {
  fail,
  formatHex,
  type Item,
  itemsBefore,
  nameOf,
  parseBig,
  parseUint,
  spanOf,
} from './text-span.ts'
import { hex } from './text-value.ts'

export { formatAction, formatActions, parseActions } from './text-action.ts'
export { formatIpv6 } from './text-address.ts'
export { formatMatch, parseMatch } from './text-match.ts'
export { TextError } from './text-span.ts'
export { formatValue } from './text-value.ts'

/** As ovs-vsctl and ovs-ofctl write it: 16 hexadecimal digits. */
export const formatDatapathId = (id: bigint): string => id.toString(16).padStart(16, '0')

const DEFAULT_PRIORITY = 0x8000
const timeouts = ['idle_timeout', 'hard_timeout', 'importance'] as const
const flagWords: Readonly<Record<string, number>> = {
  send_flow_rem: flowFlags.send_flow_rem,
  check_overlap: flowFlags.check_overlap,
  reset_counts: flowFlags.reset_counts,
  no_packet_counts: flowFlags.no_pkt_counts,
  no_byte_counts: flowFlags.no_byt_counts,
}
/** Counters and ages of a report, which are read and left out. */
const statistics = new Set(['duration', 'n_packets', 'n_bytes', 'idle_age', 'hard_age'])

/**
 * `table=5, priority=100,reg1=0x7 actions=drop`. Bytes that cannot be decoded are shown as hex, which
 * is not read back: a foreign flow may hold fields that no row declares, and the text must come all the same.
 */
export function formatFlow(flow: FlowBytes | Flow): string {
  const match = orHex(flow.match, decodeMatch, formatMatch)
  const actions = orHex(flow.instructions, decodeInstructions, formatInstructions)
  const head = [
    flow.cookie === 0n ? '' : `cookie=${hex(flow.cookie)}, `,
    flow.table_id === 0 ? '' : `table=${flow.table_id}, `,
    ...timeouts.map((name) => (flow[name] ? `${name}=${flow[name]}, ` : '')),
    ...Object.entries(flagWords).map(([word, bit]) => ((flow.flags ?? 0) & bit ? `${word} ` : '')),
  ].join('')
  const priority = flow.priority === DEFAULT_PRIORITY ? '' : `priority=${flow.priority}`
  const rule = [priority, match].filter(Boolean).join(',')
  return `${head}${rule}${rule === '' ? '' : ' '}actions=${actions}`
}

function orHex<T extends Match | readonly Instruction[]>(
  part: Uint8Array | T,
  decode: (bytes: Uint8Array) => T,
  format: (value: T) => string,
): string {
  if (!(part instanceof Uint8Array)) return format(part)
  try {
    return format(decode(part))
  } catch (error) {
    if (error instanceof WireError) return `hex:${formatHex(part)}`
    throw error
  }
}

/**
 * The flow of a text; counters of a report are left out. A priority that is not there is 32768, a
 * table 0, a cookie 0. @throws {TextError} with the position and what would be right
 */
export function parseFlow(text: string): Flow {
  const span = spanOf(text)
  const { items, rest } = itemsBefore(span, /^actions?[=:]/)
  if (!rest) return fail(span, 'actions=ACTIONS at the end (actions=drop for none)')
  const out = { table_id: 0, priority: DEFAULT_PRIORITY, cookie: 0n }
  const settings: { -readonly [K in keyof FlowSettings]: FlowSettings[K] } = {}
  const read = (item: Item) => {
    const name = nameOf(item)
    const timeout = timeouts.find((one) => one === name)
    if (name === 'table') out.table_id = parseUint(item.value, 8)
    else if (name === 'priority') out.priority = parseUint(item.value, 16)
    else if (name === 'cookie') out.cookie = parseBig(item.value, 2n ** 64n - 1n)
    else if (timeout) settings[timeout] = parseUint(item.value, 16)
    else if (item.mark === '' && Object.hasOwn(flagWords, name)) {
      settings.flags = (settings.flags ?? 0) | (flagWords[name] as number)
    } else if (!statistics.has(name)) fail(item.name, 'a field, a protocol or a setting of a flow')
  }
  const match = readMatch(items, read)
  return { ...out, ...settings, match, instructions: parseInstructions(rest) }
}
