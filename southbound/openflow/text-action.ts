/**
 * Actions as text: `set_field:0x5->reg1,output:2`. The rows are in text-output.ts, text-set.ts,
 * text-nicira.ts, text-encap.ts, text-learn.ts and text-ct.ts. What no row has words for is printed as its bytes,
 * `unknown(type=0xffff,00002320…)`, and read again. Neighbours: action.ts (the same on the wire),
 * text-instruction.ts.
 */
import { WireError } from '../wire/error.ts'
import { Writer } from '../wire/writer.ts'
import { type Action, actionsPart } from './action.ts'
import { sameBytes } from './flow.ts'
import { CONTROLLER } from './port.ts'
import { ctTexts } from './text-ct.ts'
import { encapTexts } from './text-encap.ts'
import { learnTexts } from './text-learn.ts'
import { niciraTexts } from './text-nicira.ts'
import { outputTexts, parsePortAlone } from './text-output.ts'
import { type ActionText, commas, type Kind, type Lists } from './text-row.ts'
import { setTexts } from './text-set.ts'
import {
  cut,
  fail,
  formatHex,
  type Item,
  itemsOf,
  nameOf,
  parseHex,
  parseUint,
  type Span,
  spanOf,
  TextError,
  textOf,
} from './text-span.ts'

/** The table of texts; `unknown` has none. */
export const actionTexts: { readonly [K in Kind]?: ActionText<K> } = {
  ...outputTexts,
  ...setTexts,
  ...niciraTexts,
  ...learnTexts,
  ...ctTexts,
  ...encapTexts,
}
const rows = Object.values(actionTexts) as readonly ActionText[]
const byName = new Map<string, ActionText[]>()
for (const one of rows) {
  for (const name of one.names) byName.set(name, [...(byName.get(name) ?? []), one])
}
const textOfKind = actionTexts as Readonly<Partial<Record<Kind, ActionText>>>

const scratch = new Writer(256)
function encode(action: Action): Uint8Array {
  scratch.length = 0
  actionsPart.write(scratch, [action])
  return scratch.copy()
}

/** `unknown(type=0x19,hex of the body)`, of an element { u16 type, u16 length, body }. */
export const formatUnknown = (name: string, bytes: Uint8Array): string => {
  const type = ((bytes[0] as number) << 8) | (bytes[1] as number)
  return `${name}(type=0x${type.toString(16)},${formatHex(bytes.subarray(4))})`
}
export function parseUnknown(span: Span): Uint8Array {
  const [type, body, more] = commas(span) as [Span, ...Span[]]
  const number = cut(type, '=')
  if (!number || textOf(number[0]) !== 'type' || !body || more) {
    return fail(span, 'type=NUMBER,BYTES')
  }
  const bytes = parseHex(body)
  const out = new Uint8Array(4 + bytes.length)
  const word = new DataView(out.buffer)
  word.setUint16(0, parseUint(number[1], 16))
  word.setUint16(2, out.length)
  out.set(bytes, 4)
  return out
}

/** What the text keeps: max_len is nothing to a port that is not the controller. */
function spoken(action: Action): Action {
  if (action.kind === 'output' && action.port !== CONTROLLER) return { ...action, max_len: 0 }
  if (action.kind === 'clone' || action.kind === 'ct') {
    return { ...action, actions: action.actions.map(spoken) }
  }
  return action
}

/** Whether a text says all of an action; a peer may send what no syntax has words for. */
function says(text: string, action: Action): boolean {
  try {
    const [back, ...others] = parseActions(text)
    return (
      back !== undefined && others.length === 0 && sameBytes(encode(back), encode(spoken(action)))
    )
  } catch (error) {
    if (error instanceof TextError || error instanceof RangeError) return false
    throw error
  }
}

export function formatAction(action: Action): string {
  const text = textOfKind[action.kind]?.format(action as never, lists)
  return text !== undefined && says(text, action) ? text : formatUnknown('unknown', encode(action))
}
export const formatActions = (actions: readonly Action[]): string =>
  actions.map(formatAction).join(',')

function parseUnknownAction(span: Span): Action {
  try {
    const bytes = parseUnknown(span)
    return actionsPart.read(bytes, 0, bytes.length)[0] as Action
  } catch (error) {
    if (error instanceof WireError) return fail(span, `bytes of an action (${error.message})`)
    throw error
  }
}

/** The action of an item. @throws {TextError} */
export function parseActionItem(item: Item): Action {
  const name = nameOf(item)
  if (name === 'unknown' && item.mark === '(') return parseUnknownAction(item.value)
  for (const one of byName.get(name) ?? []) {
    const action = one.parse(item, lists)
    if (action) return action
  }
  const output = item.mark === '' ? parsePortAlone(item.whole) : undefined
  return output ?? fail(item.whole, instead[name] ?? 'an action as ovs-actions(7) has it')
}
/** What ovs-ofctl makes of these depends on the match. */
const instead: Readonly<Record<string, string>> = {
  mod_vlan_vid: 'push_vlan:0x8100 if there is no tag, and set_field:4096+VLAN->vlan_vid',
  mod_vlan_pcp: 'push_vlan:0x8100 if there is no tag, and set_field:PRIORITY->vlan_pcp',
  mod_tp_src: 'set_field:PORT->tcp_src, udp_src or sctp_src',
  mod_tp_dst: 'set_field:PORT->tcp_dst, udp_dst or sctp_dst',
  enqueue: 'set_queue:QUEUE,output:PORT,pop_queue',
  apply_actions: 'the actions themselves',
}

/** The actions of a span; `drop`, alone, is none. @throws {TextError} */
export function parseActionList(span: Span): readonly Action[] {
  const items = itemsOf(span)
  const [first, second] = items
  if (first && !second && textOf(first.whole) === 'drop') return []
  return items.map(parseActionItem)
}

const lists: Lists = { format: (actions) => formatActions(actions), parse: parseActionList }

/** The actions of a text. @throws {TextError} with the position and what would be right */
export const parseActions = (text: string): readonly Action[] => parseActionList(spanOf(text))
