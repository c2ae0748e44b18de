/**
 * Open vSwitch's actions (experimenter 0x2320, ovs-actions(7)), one row each; those that hold other
 * actions are in action-ct.ts, learn in action-learn.ts. Sources: Open vSwitch nicira-ext.h and
 * lib/ofp-actions.c. Neighbours: action.ts joins them with OpenFlow's own, operand.ts.
 */
import { put, putNumber } from '../wire/put.ts'
import { fixed, nothing, type Part, record, rest, tlvs } from '../wire/record.ts'
import { sequence } from '../wire/sequence.ts'
import { hex32, hex64, pad, struct, u8, u16, u32 } from '../wire/struct.ts'
import { check_pkt_larger, load, load2, moveAs, output_reg2 } from './action-bits.ts'
import { bundle, bundle_load, numbers } from './action-bundle.ts'
import { NICIRA, ONF } from './experimenter.ts'
import { fieldHeader, half, need, packed, type Subfield, spread } from './operand.ts'
import type { FieldName } from './oxm.ts'

const NX = 'Open vSwitch 3.1 lib/ofp-actions.c'
const bare = (name: string) => fixed(struct(name, NX, { pad: pad(48) }))

/** Sends to the controllers with these ids when the TTL is 1 or less, else decrements it. */
const dec_ttl_cnt_ids: Part<{ ids: readonly number[] }> = {
  read(bytes, start, end) {
    need(start, end, 6)
    return { ids: numbers(bytes, start + 6, half.get.value(bytes, start), end) }
  },
  write(writer, { ids }) {
    put(writer, 6, half.set.value, ids.length)
    for (const id of ids) putNumber(writer, half, 'dec_ttl_cnt_ids: an id', id)
  },
}

const resubmit = (name: string) =>
  fixed(struct(name, NX, { in_port: u16('0xfff8: unchanged'), table_id: u8(), pad: pad(24) }))
const controller = fixed(
  struct('controller', NX, {
    max_len: u16('bytes; 0xffff = whole'),
    controller_id: u16(),
    reason: u8('OFPR_*'),
    pad: pad(8),
  }),
)

/** Properties of controller2; those that are left out: whole packet, id 0, reason action. */
const controllerProperties = tlvs(
  {
    max_len: [0, fixed(struct('max_len', NX, { max_len: u16('bytes'), pad: pad(16) }))],
    controller_id: [1, fixed(struct('controller_id', NX, { controller_id: u16(), pad: pad(16) }))],
    /** Its length counts no padding. */
    reason: [2, fixed(struct('reason', NX, { reason: u8('OFPR_*') }))],
    userdata: [3, record(struct('userdata', NX, {}), { userdata: rest })],
    pause: [4, nothing],
    meter_id: [5, fixed(struct('meter_id', NX, { meter_id: u32() }))],
  },
  { padded: false },
)

const sample = {
  probability: u16('of 65,535'),
  collector_set_id: u32(),
  obs_domain_id: u32(),
  obs_point_id: u32(),
}
const samplePort = (name: string) =>
  fixed(
    struct(name, NX, {
      ...sample,
      sampling_port: u16(),
      direction: u8('0 either, 1 ingress, 2 egress'),
      pad: pad(40),
    }),
  )

/** The table of Open vSwitch's actions. */
export const niciraActions = {
  resubmit_port: [
    [NICIRA, 1],
    fixed(struct('resubmit_port', NX, { in_port: u16(), pad: pad(32) })),
  ],
  set_tunnel: [[NICIRA, 2], fixed(struct('set_tunnel', NX, { pad: pad(16), tun_id: hex32() }))],
  pop_queue: [[NICIRA, 5], bare('pop_queue')],
  move: [[NICIRA, 6], moveAs(0, 0)],
  load: [[NICIRA, 7], load],
  /** The bytes come back filled with zeros to 6 or 8 more. */
  note: [[NICIRA, 8], record(struct('note', NX, {}), { note: rest })],
  set_tunnel64: [[NICIRA, 9], fixed(struct('set_tunnel64', NX, { pad: pad(48), tun_id: hex64() }))],
  multipath: [
    [NICIRA, 10],
    sequence<{
      fields: number
      basis: number
      algorithm: number
      max_link: number
      arg: number
      dst: Subfield
    }>([
      struct('multipath', NX, {
        fields: u16('what is hashed, NX_HASH_FIELDS_*'),
        basis: u16(),
        pad1: pad(16),
        algorithm: u16('0 modulo_n, 1 hash_threshold, 2 hrw, 3 iter_hash'),
        max_link: u16('links - 1'),
        arg: u32(),
        pad2: pad(16),
      }),
      { dst: packed },
    ]),
  ],
  bundle: [[NICIRA, 12], bundle],
  bundle_load: [[NICIRA, 13], bundle_load],
  resubmit: [[NICIRA, 14], resubmit('resubmit')],
  output_reg: [
    [NICIRA, 15],
    sequence<{ src: Subfield; max_len: number }>([
      { src: packed },
      struct('output_reg', NX, { max_len: u16('bytes to the controller'), pad: pad(48) }),
    ]),
  ],
  exit: [[NICIRA, 17], bare('exit')],
  fin_timeout: [
    [NICIRA, 19],
    fixed(
      struct('fin_timeout', NX, {
        fin_idle_timeout: u16('s; 0 = unchanged'),
        fin_hard_timeout: u16('s; 0 = unchanged'),
        pad: pad(16),
      }),
    ),
  ],
  controller: [[NICIRA, 20], controller],
  dec_ttl_cnt_ids: [[NICIRA, 21], dec_ttl_cnt_ids],
  push: [[NICIRA, 27], sequence<{ src: Subfield }>([{ src: spread }], 14)],
  pop: [[NICIRA, 28], sequence<{ dst: Subfield }>([{ dst: spread }], 14)],
  sample: [[NICIRA, 29], fixed(struct('sample', NX, sample))],
  /** output_reg of a field whose header is long. */
  output_reg2: [[NICIRA, 32], output_reg2],
  load2: [[NICIRA, 33], load2],
  conjunction: [
    [NICIRA, 34],
    fixed(struct('conjunction', NX, { clause: u8('from 0'), n_clauses: u8(), id: u32() })),
  ],
  controller2: [
    [NICIRA, 37],
    record(struct('controller2', NX, { pad: pad(48) }), { properties: controllerProperties }),
  ],
  sample2: [[NICIRA, 38], samplePort('sample2')],
  output_trunc: [[NICIRA, 39], fixed(struct('output_trunc', NX, { port: u16(), max_len: u32() }))],
  sample3: [[NICIRA, 41], samplePort('sample3')],
  ct_clear: [[NICIRA, 43], bare('ct_clear')],
  /** resubmit that looks up by the connection's original addresses and ports. */
  resubmit_ct: [[NICIRA, 44], resubmit('resubmit_ct')],
  encap: [
    [NICIRA, 46],
    record(struct('encap', NX, { hdr_size: u16('bytes; 0 = default'), new_pkt_type: hex32() }), {
      properties: rest,
    }),
  ],
  decap: [[NICIRA, 47], fixed(struct('decap', NX, { pad: pad(16), new_pkt_type: hex32() }))],
  dec_nsh_ttl: [[NICIRA, 48], bare('dec_nsh_ttl')],
  check_pkt_larger: [[NICIRA, 49], check_pkt_larger],
  delete_field: [[NICIRA, 50], sequence<{ field: FieldName }>([{ field: fieldHeader }], 14)],
  /** The ONF's name for move. */
  copy_field: [[ONF, 3200], moveAs(2, 2)],
} as const
