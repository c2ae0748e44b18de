/**
 * Text of the actions that send a packet somewhere: to ports, groups, the controller or another
 * table; one row each. Source: ovs-actions(7). Neighbours: text-row.ts, text-action.ts.
 */
import { fieldOf } from './oxm.ts'
import { CONTROLLER } from './port.ts'
import { formatOperand, parseShortOperand } from './text-field.ts'
import { type ActionText, commas, type Kind, number, readKeys, row, wordOf } from './text-row.ts'
import {
  fail,
  formatHex,
  isEmpty,
  nameOf,
  parseHex,
  parseUint,
  parseWord,
  type Span,
  textOf,
} from './text-span.ts'
import { formatShortPort, parsePort, parseShortPort, portNames, portOfName } from './text-value.ts'

const WHOLE = 0xffff
/** OFPR_* as ovs-ofctl names them. */
const reasons = {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
}
const IN_PORT = 0xfff8
const ANY_TABLE = 0xff

/** Whether a value names bits of a field rather than a port. */
const isField = (span: Span) =>
  /^[a-z]\w*(\[|$)/i.test(textOf(span)) && portOfName(textOf(span)) === undefined
/** Fields of experimenters have long headers, for which there is an action of its own. */
const isLong = (name: keyof typeof fieldOf) => fieldOf[name].operandHeader >>> 16 === 0xffff

/** `output:5` and `output=5` are the same. */
const isGiven = ({ mark }: Parameters<ActionText['parse']>[0]) => mark === ':' || mark === '='

function resubmitTo(item: Parameters<ActionText['parse']>[0]) {
  if (item.mark !== '(') return undefined
  const [port, table, ct, more] = commas(item.value)
  if (more || !port) return fail(item.value, 'PORT,TABLE or PORT,TABLE,ct')
  if (ct && textOf(ct) !== 'ct') fail(ct, 'ct')
  const in_port = isEmpty(port) ? IN_PORT : parseShortPort(port)
  const table_id = !table || isEmpty(table) ? ANY_TABLE : parseUint(table, 8)
  return { in_port, table_id, ct: ct !== undefined }
}
const formatResubmit = ({ in_port, table_id }: { in_port: number; table_id: number }) =>
  `${in_port === IN_PORT ? '' : formatShortPort(in_port)},${table_id === ANY_TABLE ? '' : table_id}`

/** Keys of controller(…). */
function controllerKeys(span: Span) {
  const out: {
    max_len?: number
    controller_id?: number
    reason?: number
    userdata?: Uint8Array
    pause?: boolean
    meter_id?: number
  } = {}
  readKeys(span, {
    reason: (value) => (out.reason = parseWord(value, reasons)),
    max_len: (value) => (out.max_len = parseUint(value, 16)),
    id: (value) => (out.controller_id = parseUint(value, 16)),
    userdata: (value) => (out.userdata = parseHex(value)),
    pause: () => (out.pause = true),
    meter_id: (value) => (out.meter_id = parseUint(value, 32)),
  })
  return out
}

export const outputTexts: { readonly [K in Kind]?: ActionText<K> } = {
  /** max_len is printed where it means something: for the controller. */
  output: row<'output'>(
    'output controller CONTROLLER',
    ({ port, max_len }) =>
      port === CONTROLLER ? `CONTROLLER:${max_len ?? 0}` : (portNames[port] ?? `output:${port}`),
    (item) => {
      if (item.mark === '(') return undefined
      if (nameOf(item) === 'output') {
        if (isField(item.value)) return undefined
        const port = parsePort(item.value)
        return { kind: 'output', port, max_len: port === CONTROLLER ? WHOLE : 0 }
      }
      const max_len = item.mark === '' ? WHOLE : parseUint(item.value, 16)
      return { kind: 'output', port: CONTROLLER, max_len }
    },
  ),
  output_reg: row<'output_reg'>(
    'output',
    ({ src, max_len }) => (max_len === WHOLE ? `output:${formatOperand(src)}` : undefined),
    (item) => {
      if (!isGiven(item) || !isField(item.value)) return undefined
      const src = parseShortOperand(item.value)
      return isLong(src.field) ? undefined : { kind: 'output_reg', src, max_len: WHOLE }
    },
  ),
  output_reg2: row<'output_reg2'>(
    'output',
    ({ src, max_len }) => (max_len === WHOLE ? `output:${formatOperand(src)}` : undefined),
    (item) => {
      if (!isGiven(item) || !isField(item.value)) return undefined
      return { kind: 'output_reg2', src: parseShortOperand(item.value), max_len: WHOLE }
    },
  ),
  output_trunc: row<'output_trunc'>(
    'output',
    ({ port, max_len }) => `output(port=${formatShortPort(port)},max_len=${max_len})`,
    (item) => {
      let port: number | undefined
      let max_len: number | undefined
      readKeys(item.value, {
        port: (value) => (port = parseShortPort(value)),
        max_len: (value) => (max_len = parseUint(value, 32)),
      })
      if (port === undefined || max_len === undefined) fail(item.value, 'port=PORT,max_len=BYTES')
      return { kind: 'output_trunc', port, max_len }
    },
  ),
  group: number<'group'>(
    'group',
    32,
    ({ group_id }) => group_id,
    (group_id) => ({ kind: 'group', group_id }),
  ),
  controller: row<'controller'>(
    'controller CONTROLLER',
    ({ reason, max_len, controller_id }) => {
      const word = wordOf(reasons, reason)
      return word && `controller(reason=${word},max_len=${max_len},id=${controller_id})`
    },
    (item) => {
      // Others than controller(…) are read by the row of output.
      const { userdata, pause, meter_id, ...keys } = controllerKeys(item.value)
      if (userdata ?? pause ?? meter_id) return undefined
      return { kind: 'controller', max_len: WHOLE, controller_id: 0, reason: 1, ...keys }
    },
  ),
  /** Only in the order, and without the values, that ovs-ofctl has; else its bytes are printed. */
  controller2: row<'controller2'>(
    'controller CONTROLLER',
    ({ properties }) => {
      const words = properties.map((property) => {
        switch (property.kind) {
          case 'reason':
            return `reason=${wordOf(reasons, property.reason) ?? property.reason}`
          case 'max_len':
            return `max_len=${property.max_len}`
          case 'controller_id':
            return `id=${property.controller_id}`
          case 'userdata':
            return `userdata=${formatHex(property.userdata, '.')}`
          case 'meter_id':
            return `meter_id=${property.meter_id}`
          default:
            return property.kind
        }
      })
      return `controller(${words.join(',')})`
    },
    (item) => {
      const { max_len, controller_id, reason, userdata, pause, meter_id } = controllerKeys(
        item.value,
      )
      return {
        kind: 'controller2',
        properties: [
          ...(max_len === undefined || max_len === WHOLE
            ? []
            : [{ kind: 'max_len', max_len } as const]),
          ...(controller_id ? [{ kind: 'controller_id', controller_id } as const] : []),
          ...(reason === undefined || reason === 1 ? [] : [{ kind: 'reason', reason } as const]),
          ...(userdata ? [{ kind: 'userdata', userdata } as const] : []),
          ...(pause ? [{ kind: 'pause' } as const] : []),
          ...(meter_id === undefined ? [] : [{ kind: 'meter_id', meter_id } as const]),
        ],
      }
    },
  ),
  /** The older form of the same; ovs-ofctl itself sends the one with a table. */
  resubmit_port: row<'resubmit_port'>(
    'resubmit',
    ({ in_port }) => `resubmit(${formatShortPort(in_port)},)`,
    (item) => {
      const to = resubmitTo(item)
      if (!to || to.ct || to.in_port === IN_PORT || to.table_id !== ANY_TABLE) return undefined
      return { kind: 'resubmit_port', in_port: to.in_port }
    },
  ),
  resubmit: row<'resubmit'>(
    'resubmit',
    (action) =>
      action.table_id === ANY_TABLE
        ? `resubmit:${formatShortPort(action.in_port)}`
        : `resubmit(${formatResubmit(action)})`,
    (item) => {
      if (isGiven(item)) {
        const in_port = parseShortPort(item.value)
        if (in_port === IN_PORT) fail(item.value, 'another port than IN_PORT, or a table')
        return { kind: 'resubmit', in_port, table_id: ANY_TABLE }
      }
      const to = resubmitTo(item)
      if (!to || to.ct) return undefined
      if (to.in_port === IN_PORT && to.table_id === ANY_TABLE) fail(item.value, 'PORT or TABLE')
      return { kind: 'resubmit', in_port: to.in_port, table_id: to.table_id }
    },
  ),
  resubmit_ct: row<'resubmit_ct'>(
    'resubmit',
    (action) => `resubmit(${formatResubmit(action)},ct)`,
    (item) => {
      const to = resubmitTo(item)
      return to && { kind: 'resubmit_ct', in_port: to.in_port, table_id: to.table_id }
    },
  ),
}

/** `IN_PORT`, `LOCAL`, `5`: a port alone. */
export function parsePortAlone(
  span: Span,
): { kind: 'output'; port: number; max_len: number } | undefined {
  const text = textOf(span)
  if (portOfName(text) === undefined && !/^\d/.test(text)) return undefined
  const port = parsePort(span)
  return { kind: 'output', port, max_len: port === CONTROLLER ? WHOLE : 0 }
}
