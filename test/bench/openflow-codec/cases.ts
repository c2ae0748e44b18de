/** What `openflow-codec` times: one flow, as values and as bytes, and a reply with a hundred of it. */
import { encodeFlow, type Flow } from '../../../southbound/openflow/flow.ts'
import { decodeInstructions } from '../../../southbound/openflow/instruction.ts'
import { decodeMatch } from '../../../southbound/openflow/match.ts'
import { decode, encode, flowMod } from '../../../southbound/openflow/message.ts'

/** 136 bytes as a flow-mod; os-ken.py and xen-orchestra.ts have the same, as far as they can. */
export const flow: Flow = {
  table_id: 5,
  priority: 100,
  cookie: 0x57n,
  match: {
    in_port: 3,
    eth_dst: 0x020000000011,
    eth_type: 0x800,
    ipv4_dst: [0x0a000000, 0xffffff00],
  },
  instructions: [
    {
      kind: 'apply_actions',
      actions: [
        { kind: 'set_field', field: 'eth_src', value: 0x020000000001 },
        { kind: 'output', port: 4, max_len: 0 },
      ],
    },
    { kind: 'goto_table', table_id: 6 },
  ],
}

const bytes = encodeFlow(flow)
export const ENTRIES = 100
export const flowModBytes = encode(flowMod('add', bytes))
const stats = Array.from({ length: ENTRIES }, (_, n) => ({
  ...encodeFlow({ ...flow, priority: n }),
  ...{ duration_sec: 1, duration_nsec: 2, idle_timeout: 0, hard_timeout: 0, flags: 0 },
  ...{ packet_count: 5n, byte_count: 500n },
}))
const reply = { type: 'multipart_reply', xid: 1, kind: 'flow', more: false, body: stats } as const
export const replyBytes = encode(reply)

export interface Case {
  readonly what: string
  /** Items per call. */
  readonly items: number
  /** Returns something of the result, so that none is left out. */
  run(): number
}

const readWhole = (one: { match: Uint8Array; instructions: Uint8Array }): number =>
  Object.keys(decodeMatch(one.match)).length + decodeInstructions(one.instructions).length

export const cases = {
  flow_mod_encode: {
    what: 'flow-mod encoded from values',
    items: 1,
    run: () => encode(flowMod('add', encodeFlow(flow))).length,
  },
  flow_mod_encode_bytes: {
    what: 'flow-mod encoded from a flow that is bytes (as a push does)',
    items: 1,
    run: () => encode(flowMod('add', bytes)).length,
  },
  flow_mod_decode: {
    what: 'flow-mod decoded to values',
    items: 1,
    run: () => {
      const message = decode(flowModBytes)
      return message.type === 'flow_mod' ? readWhole(message) : 0
    },
  },
  flow_mod_decode_bytes: {
    what: 'flow-mod decoded, match and instructions as bytes',
    items: 1,
    run: () => decode(flowModBytes).type.length,
  },
  flow_stats_encode: {
    what: 'flow-stats entry encoded from a flow that is bytes',
    items: ENTRIES,
    run: () => encode(reply).length,
  },
  flow_stats_decode: {
    what: 'flow-stats entry decoded to values',
    items: ENTRIES,
    run: () => {
      const message = decode(replyBytes)
      if (message.type !== 'multipart_reply' || message.kind !== 'flow') return 0
      let all = 0
      for (const one of message.body) all += readWhole(one)
      return all
    },
  },
  flow_stats_decode_bytes: {
    what: 'flow-stats entry decoded, match and instructions as bytes',
    items: ENTRIES,
    run: () => decode(replyBytes).type.length,
  },
} satisfies Record<string, Case>
