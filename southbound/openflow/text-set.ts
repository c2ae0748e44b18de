/**
 * Text of the actions that change a packet or its metadata: fields, tags, TTLs, the stack; one row
 * each. Source: ovs-actions(7). Neighbours: text-row.ts, text-action.ts, text-field.ts.
 */
import { masked } from './match.ts'
import { type FieldName, fieldOf } from './oxm.ts'
import { formatOperand, parseFieldName, parseOperand, setName } from './text-field.ts'
import {
  type ActionOf,
  type ActionText,
  bare,
  commas,
  foreign,
  given,
  type Kind,
  number,
  row,
} from './text-row.ts'
import { cut, fail, type Item, nameOf, parseBig, parseUint, textOf } from './text-span.ts'
import { formatMasked, formatValue, hex, parseEntry, sharpHex } from './text-value.ts'

const tag = (value: number | bigint) => `0x${value.toString(16).padStart(4, '0')}`
const tagged = <K extends 'push_vlan' | 'push_mpls' | 'push_pbb' | 'pop_mpls'>(kind: K) =>
  number<K>(
    kind,
    16,
    (action) => (action as { ethertype: number }).ethertype,
    (ethertype) => ({ kind, ethertype }) as ActionOf<K>,
    tag,
  )

/** What is on both sides of the last `->`. */
const arrow = (item: Item) =>
  cut(given(item), '->', true) ?? fail(item.value, `${textOf(item.name)}:VALUE->FIELD`)

function setField(item: Item): ActionOf<'set_field'> | ActionOf<'load2'> {
  const [value, target] = arrow(item)
  const field = parseFieldName(target)
  const entry = parseEntry(value, field)
  if (typeof entry !== 'object') return { kind: 'set_field', field: field.name, value: entry }
  if (!field.maskable) fail(value, `no mask for ${field.name}`)
  const [given, mask] = entry
  return { kind: 'load2', field: field.name, value: masked(field, given, mask), mask }
}

const moves = <K extends 'move' | 'copy_field'>(kind: K): ActionText<K> =>
  row<K>(
    kind,
    (action) => {
      const { src, dst } = action as ActionOf<'move'>
      return `${kind}:${formatOperand(src)}->${formatOperand(dst)}`
    },
    (item) => {
      const [from, to] = arrow(item)
      const src = parseOperand(from)
      const dst = parseOperand(to)
      if (src.n_bits !== dst.n_bits) fail(item.value, `${src.n_bits} bits on both sides`)
      return { kind, src, dst } as ActionOf<K>
    },
  )

/** Actions of OpenFlow 1.0 that set a field; ovs-ofctl sends set_field for them on 1.3. */
const older: Readonly<Record<string, FieldName>> = {
  mod_dl_src: 'eth_src',
  mod_dl_dst: 'eth_dst',
  mod_nw_src: 'ipv4_src',
  mod_nw_dst: 'ipv4_dst',
  mod_nw_tos: 'ip_dscp',
  mod_nw_ecn: 'ip_ecn',
  set_vlan_vid: 'vlan_vid',
  set_vlan_pcp: 'vlan_pcp',
  set_mpls_label: 'mpls_label',
  set_mpls_tc: 'mpls_tc',
}
/** Bit of vlan_vid: there is a tag. */
const TAGGED = 0x1000
function setOlder(item: Item, name: FieldName): ActionOf<'set_field'> {
  const value = given(item)
  if (name === 'vlan_vid') {
    return { kind: 'set_field', field: name, value: TAGGED | parseUint(value, 12) }
  }
  if (name !== 'ip_dscp') {
    const entry = parseEntry(value, fieldOf[name])
    if (typeof entry === 'object') fail(value, 'a value without a mask')
    return { kind: 'set_field', field: name, value: entry }
  }
  const tos = parseUint(value, 8)
  if (tos & 3) fail(value, 'a multiple of 4')
  return { kind: 'set_field', field: name, value: tos >>> 2 }
}

export const setTexts: { readonly [K in Kind]?: ActionText<K> } = {
  set_field: row<'set_field'>(
    `set_field ${Object.keys(older).join(' ')}`,
    ({ field, value }) => `set_field:${formatValue(field, value)}->${setName(field)}`,
    (item) => {
      const field = older[nameOf(item)]
      if (field) return setOlder(item, field)
      const action = setField(item)
      return action.kind === 'set_field' ? action : undefined
    },
  ),
  load2: row<'load2'>(
    'set_field',
    ({ field, value, mask }) => `set_field:${formatMasked(field, value, mask)}->${setName(field)}`,
    (item) => setField(item) as ActionOf<'load2'>,
  ),
  load: row<'load'>(
    'load',
    ({ dst, value }) => `load:${sharpHex(value)}->${formatOperand(dst)}`,
    (item) => {
      const [value, target] = arrow(item)
      const dst = parseOperand(target)
      if (dst.n_bits > 64) fail(target, 'at most 64 bits')
      const max = (1n << BigInt(dst.n_bits)) - 1n
      return { kind: 'load', dst, value: parseBig(value, max) }
    },
  ),
  move: moves('move'),
  copy_field: foreign(moves('copy_field')),
  delete_field: row<'delete_field'>(
    'delete_field',
    ({ field }) => `delete_field:${setName(field)}`,
    (item) => ({ kind: 'delete_field', field: parseFieldName(given(item)).name }),
  ),
  push: row<'push'>(
    'push',
    ({ src }) => `push:${formatOperand(src)}`,
    (item) => ({ kind: 'push', src: parseOperand(given(item)) }),
  ),
  pop: row<'pop'>(
    'pop',
    ({ dst }) => `pop:${formatOperand(dst)}`,
    (item) => ({ kind: 'pop', dst: parseOperand(given(item)) }),
  ),
  check_pkt_larger: row<'check_pkt_larger'>(
    'check_pkt_larger',
    ({ pkt_len, dst: { field, ofs } }) =>
      `check_pkt_larger(${pkt_len})->${formatOperand({ field, ofs, n_bits: 1 })}`,
    (item) => {
      if (!item.target) return fail(item.whole, 'check_pkt_larger(BYTES)->FIELD[BIT]')
      const { field, ofs, n_bits } = parseOperand(item.target)
      if (n_bits !== 1) fail(item.target, 'one bit, FIELD[BIT]')
      return { kind: 'check_pkt_larger', pkt_len: parseUint(item.value, 16), dst: { field, ofs } }
    },
  ),
  push_vlan: tagged('push_vlan'),
  pop_vlan: bare('pop_vlan strip_vlan', 'pop_vlan'),
  push_mpls: tagged('push_mpls'),
  pop_mpls: tagged('pop_mpls'),
  push_pbb: foreign(tagged('push_pbb')),
  pop_pbb: foreign(bare('pop_pbb', 'pop_pbb')),
  copy_ttl_out: foreign(bare('copy_ttl_out', 'copy_ttl_out')),
  copy_ttl_in: foreign(bare('copy_ttl_in', 'copy_ttl_in')),
  set_mpls_ttl: row<'set_mpls_ttl'>(
    'set_mpls_ttl',
    ({ mpls_ttl }) => `set_mpls_ttl(${mpls_ttl})`,
    (item) => ({ kind: 'set_mpls_ttl', mpls_ttl: parseUint(given(item), 8) }),
  ),
  dec_mpls_ttl: bare('dec_mpls_ttl', 'dec_mpls_ttl'),
  dec_nsh_ttl: bare('dec_nsh_ttl', 'dec_nsh_ttl'),
  set_nw_ttl: number<'set_nw_ttl'>(
    'mod_nw_ttl',
    8,
    ({ nw_ttl }) => nw_ttl,
    (nw_ttl) => ({ kind: 'set_nw_ttl', nw_ttl }),
  ),
  dec_nw_ttl: row<'dec_nw_ttl'>(
    'dec_ttl',
    () => 'dec_ttl',
    (item) => (item.mark === '' ? { kind: 'dec_nw_ttl' } : undefined),
  ),
  dec_ttl_cnt_ids: row<'dec_ttl_cnt_ids'>(
    'dec_ttl',
    ({ ids }) => `dec_ttl(${ids.join(',')})`,
    (item) => ({
      kind: 'dec_ttl_cnt_ids',
      ids: commas(given(item)).map((one) => parseUint(one, 16)),
    }),
  ),
  set_queue: number<'set_queue'>(
    'set_queue',
    32,
    ({ queue_id }) => queue_id,
    (queue_id) => ({ kind: 'set_queue', queue_id }),
  ),
  pop_queue: bare('pop_queue', 'pop_queue'),
  set_tunnel: row<'set_tunnel'>(
    'set_tunnel',
    ({ tun_id }) => `set_tunnel:${hex(tun_id)}`,
    (item) => {
      const tun_id = parseBig(given(item), 2n ** 64n - 1n)
      // One of more bits is the next row's.
      return tun_id < 2n ** 32n ? { kind: 'set_tunnel', tun_id: Number(tun_id) } : undefined
    },
  ),
  set_tunnel64: row<'set_tunnel64'>(
    'set_tunnel64 set_tunnel',
    ({ tun_id }) => `set_tunnel64:${hex(tun_id)}`,
    (item) => ({ kind: 'set_tunnel64', tun_id: parseBig(given(item), 2n ** 64n - 1n) }),
  ),
}
