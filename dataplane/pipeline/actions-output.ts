/**
 * Actions that send a packet on: to ports, groups, controllers and other tables.
 * Neighbours: pipeline.ts and bridge.ts carry them out, action-row.ts, actions.ts.
 */

import type { Subfield } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { packetInReason } from '../../southbound/openflow/message.ts'
import {
  ANY,
  LOCAL,
  MAX_PORT,
  IN_PORT as PORT_OF_ARRIVAL,
  TABLE,
} from '../../southbound/openflow/port.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { readNumber } from '../packet/bits.ts'
import { DROP } from '../packet/drop.ts'
import { IN_PORT } from '../packet/key-layout.ts'
import { wholePort } from '../packet/set-field.ts'
import { always, checkRange, RANK, type Row, type Rows, readable } from './action-row.ts'
import { refuse } from './refusal.ts'
import { type ControllerTarget, NO_QUEUE, STOP, type Step } from './run.ts'

/** IN_PORT of OpenFlow 1.0: in a resubmit, the port stays. */
const SAME_PORT = 0xfff8
/** In a resubmit: the table stays. */
const SAME_TABLE = 0xff
const WHOLE = 0xffff

/** The port; throws a Refusal for what is none. */
export function checkedPort(port: number): number {
  const isNumber = port <= MAX_PORT || port >= PORT_OF_ARRIVAL
  if (port === 0 || port === ANY || !isNumber) refuse('bad_action.bad_out_port', `port ${port}`)
  return port
}

/** The port is a number of OpenFlow 1.0, as Open vSwitch reads it; others are no ports. */
const outputRegister: Row<{ readonly src: Subfield; readonly max_len: number }> = {
  rank: RANK.never,
  compile({ src, max_len }, place) {
    checkRange(src)
    const field = readable(src.field, place)
    // Bits above the 32nd must be 0 as those above the 16th.
    const high = Math.max(0, Math.min(src.n_bits - 32, 32))
    const low = Math.min(src.n_bits, 32)
    return (run) => {
      const port = readNumber(run.key, field, src.ofs, low)
      const rest = high > 0 ? readNumber(run.key, field, src.ofs + 32, high) : 0
      if (rest !== 0 || port > 0xffff || port === 0 || port === 0xffff) {
        run.datapath.drop(run, DROP.port_unknown)
        return
      }
      run.datapath.output(run, wholePort(port), max_len)
    }
  },
}

const resubmitStep =
  (port: number, table: number, original: boolean, isLast: boolean): Step =>
  (run) => {
    const inPort = port === SAME_PORT ? run.key[IN_PORT]! : wholePort(port)
    const to = table === SAME_TABLE ? run.tableId : table
    run.datapath.resubmit(run, inPort, to, original, isLast)
  }

const controllerStep =
  (reason: number, maxLen: number, to: ControllerTarget): Step =>
  (run) => {
    if (!run.datapath.controller(run, reason, maxLen, to)) {
      run.datapath.drop(run, DROP.no_controller)
    }
  }

/** Bits of ct_state: any of those implies a connection; or tracked and not invalid. */
const CONNECTED = 0xcf
const INVALID = 0x10
const TRACKED = 0x20

/** Whether the match takes only packets of a connection, as Open vSwitch asks of resubmit with ct. */
function isTracked({ ct_state = 0 }: Match): boolean {
  const [value, mask] = typeof ct_state === 'object' ? ct_state : [ct_state, 0xff]
  const known = Number(value) & Number(mask)
  if ((known & CONNECTED) !== 0) return true
  return (known & TRACKED) !== 0 && (Number(mask) & INVALID) !== 0 && (known & INVALID) === 0
}

export const outputRows = {
  output: {
    rank: RANK.output,
    // The tables that a packet-out asks for may write to it.
    frame: ({ port }) => port === TABLE,
    compile({ port, max_len }) {
      checkedPort(port)
      return (run) => run.datapath.output(run, port, max_len ?? WHOLE)
    },
  },
  output_reg: outputRegister,
  output_trunc: {
    rank: RANK.never,
    compile({ port, max_len }) {
      const to = wholePort(port)
      if (to > MAX_PORT && to !== LOCAL && to !== PORT_OF_ARRIVAL) checkedPort(0)
      if (max_len < ethernet.size)
        refuse('bad_action.bad_argument', `truncated to ${max_len} bytes`)
      return (run) => {
        const { packet } = run
        const { end } = packet
        packet.end = Math.min(end, packet.start + max_len)
        run.datapath.output(run, to, WHOLE)
        packet.end = end
      }
    },
  },
  output_reg2: outputRegister,
  group: {
    rank: RANK.group,
    compile:
      ({ group_id }) =>
      (run) =>
        run.datapath.group(run, group_id),
  },
  resubmit: {
    rank: RANK.resubmit,
    frame: always,
    compile: ({ in_port, table_id }, { isLast }) => resubmitStep(in_port, table_id, false, isLast),
  },
  resubmit_port: {
    rank: RANK.resubmit,
    frame: always,
    identity: () => 'resubmit',
    compile: ({ in_port }, { isLast }) => resubmitStep(in_port, SAME_TABLE, false, isLast),
  },
  resubmit_ct: {
    rank: RANK.resubmit,
    frame: always,
    identity: () => 'resubmit',
    compile({ in_port, table_id }, { match, isLast }) {
      if (match && !isTracked(match)) {
        refuse(
          'bad_action.match_inconsistent',
          'resubmit by the tuple of a packet that may have none',
        )
      }
      return resubmitStep(in_port, table_id, true, isLast)
    },
  },
  controller: {
    rank: RANK.never,
    compile: ({ reason, max_len, controller_id }) =>
      controllerStep(reason, max_len, { controller_id, userdata: undefined }),
  },
  controller2: {
    rank: RANK.never,
    compile({ properties }) {
      let maxLen = WHOLE
      let reason: number = packetInReason.action
      let controller_id = 0
      let userdata: Uint8Array | undefined
      for (const property of properties) {
        if (property.kind === 'max_len') maxLen = property.max_len
        else if (property.kind === 'controller_id') controller_id = property.controller_id
        else if (property.kind === 'reason') reason = property.reason
        else if (property.kind === 'userdata') userdata = property.userdata.slice()
        else refuse('bad_action.bad_argument', `controller2 with ${property.kind}`)
      }
      return controllerStep(reason, maxLen, { controller_id, userdata })
    },
  },
  exit: {
    rank: RANK.never,
    compile: () => (run) => {
      run.stop = STOP.exit
    },
  },
  set_queue: {
    rank: RANK.queue,
    compile:
      ({ queue_id }) =>
      (run) => {
        run.queue = queue_id
      },
  },
  pop_queue: {
    rank: RANK.never,
    compile: () => (run) => {
      run.queue = NO_QUEUE
    },
  },
} as const satisfies Rows
