/**
 * Actions that write fields: constants, bits of other fields, the stack, the size of the packet.
 * Neighbours: set-field.ts (frame and checksums), bits.ts, action-row.ts, actions.ts.
 */
import type { Subfield } from '../../southbound/openflow/action.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { moveBits, readBits, writeBits } from '../packet/bits.ts'
import { packetEnd } from '../packet/checksums.ts'
import { DROP } from '../packet/drop.ts'
import { HEADER } from '../packet/headers.ts'
import { fieldWords, isInFrame, type KeyField, keyField, wholeMask } from '../packet/key-layout.ts'
import type { Packet } from '../packet/packet.ts'
import { hasField, prerequisites } from '../packet/prerequisite.ts'
import { setField, storeField } from '../packet/set-field.ts'
import {
  checkRange,
  checkSettable,
  dropPacket,
  type Place,
  RANK,
  type Row,
  type Rows,
  readable,
  settable,
  writable,
} from './action-row.ts'
import { refuse } from './refusal.ts'
import { STACK_PLACES, STACK_WORDS, type Step } from './run.ts'

const maskWords = (name: FieldName, mask: number | bigint): Uint32Array =>
  BigInt(mask) === BigInt(fieldOf[name].ones) ? wholeMask(name) : fieldWords(name, mask)

/** Writes value under mask, both shifted to where they belong. */
export function writeStep(field: KeyField, value: number | bigint, mask: number | bigint): Step {
  const masks = maskWords(field.name, mask)
  const values = fieldWords(field.name, BigInt(value) & BigInt(mask))
  const needed = prerequisites(field)
  return (run) => {
    if (hasField(run.key, needed)) setField(run.key, run.packet, field, values, masks)
  }
}

function checkValue(name: FieldName, value: number | bigint): void {
  if (value > fieldOf[name].ones) refuse('bad_action.bad_set_argument', `${name} ${value}`)
  // OpenFlow 1.3.5 §7.2.3.7: the value of a tag has OFPVID_PRESENT.
  if (name === 'vlan_vid' && (Number(value) & 0x1000) === 0) {
    refuse('bad_action.bad_set_argument', `vlan_vid ${value} without OFPVID_PRESENT`)
  }
}

function moveStep(src: Subfield, dst: Subfield, place: Place): Step {
  checkRange(src)
  checkRange(dst)
  const from = readable(src.field, place)
  const to = settable(dst.field, place)
  const there = prerequisites(from)
  const needed = prerequisites(to)
  return ({ key, packet }) => {
    if (!hasField(key, there) || !hasField(key, needed)) return
    moveBits(key, from, src.ofs, to, dst.ofs, dst.n_bits)
    storeField(key, packet, to)
  }
}

const moveRow: Row<{ readonly src: Subfield; readonly dst: Subfield }> = {
  rank: RANK.set,
  frame: ({ dst }) => isInFrame(dst.field),
  compile: ({ src, dst }, place) => moveStep(src, dst, place),
}

const tunnelRow: Row<{ readonly tun_id: number | bigint }> = {
  rank: RANK.set,
  compile: ({ tun_id }) => writeStep(keyField.tunnel_id, tun_id, 0xffff_ffff_ffff_ffffn),
}

const value = new Uint32Array(STACK_WORDS)

/** Bytes of the frame without the padding behind an IP packet, which Open vSwitch does not count. */
function sizeOf({ bytes, at, start, end }: Packet): number {
  const isIp = at[HEADER.ipv4]! >= 0 || at[HEADER.ipv6]! >= 0
  return (isIp ? packetEnd(bytes, at) : end) - start
}

export const fieldRows = {
  set_field: {
    rank: RANK.set,
    frame: ({ field }) => isInFrame(field),
    compile({ field, value: constant }, place) {
      checkSettable(field)
      checkValue(field, constant)
      return writeStep(settable(field, place), constant, fieldOf[field].ones)
    },
  },
  load: {
    rank: RANK.set,
    frame: ({ dst }) => isInFrame(dst.field),
    compile({ dst, value: constant }, place) {
      checkRange(dst)
      const mask = (1n << BigInt(dst.n_bits)) - 1n
      if (constant > mask) {
        refuse('bad_action.bad_set_argument', `${constant} into ${dst.n_bits} bits`)
      }
      const shift = BigInt(dst.ofs)
      return writeStep(settable(dst.field, place), constant << shift, mask << shift)
    },
  },
  load2: {
    rank: RANK.set,
    frame: ({ field }) => isInFrame(field),
    compile({ field, value: constant, mask }, place) {
      const to = settable(field, place)
      return writeStep(to, constant, mask)
    },
  },
  move: moveRow,
  copy_field: moveRow,
  set_tunnel: tunnelRow,
  set_tunnel64: tunnelRow,
  push: {
    rank: RANK.never,
    compile({ src }, place) {
      checkRange(src)
      const field = readable(src.field, place)
      return (run) => {
        if (run.stackSize === STACK_PLACES) return dropPacket(run, DROP.recursion_limit)
        readBits(run.key, field, src.ofs, src.n_bits, value)
        run.stack.set(value, STACK_WORDS * run.stackSize++)
      }
    },
  },
  pop: {
    rank: RANK.never,
    frame: ({ dst }) => isInFrame(dst.field),
    compile({ dst }, place) {
      checkRange(dst)
      const field = writable(dst.field, place)
      const needed = prerequisites(field)
      return (run) => {
        // Nothing is there to take: Open vSwitch goes on.
        if (run.stackSize === 0) return
        const at = STACK_WORDS * --run.stackSize
        for (let i = 0; i < STACK_WORDS; i++) value[i] = run.stack[at + i]!
        if (!hasField(run.key, needed)) return
        writeBits(run.key, field, dst.ofs, dst.n_bits, value)
        storeField(run.key, run.packet, field)
      }
    },
  },
  check_pkt_larger: {
    rank: RANK.never,
    frame: ({ dst }) => isInFrame(dst.field),
    compile({ pkt_len, dst }, place) {
      checkRange({ ...dst, n_bits: 1 })
      const field = writable(dst.field, place)
      const { isLast } = place
      return (run) => {
        // In Open vSwitch what follows is a branch of its own for each answer, the smaller one without the
        // action set of before. Where nothing comes behind the branch, not even a set, none is needed.
        const isLarger = sizeOf(run.packet) > pkt_len
        const isEnd = run.isTail && run.set.length === 0
        if (isEnd ? isLast : !run.datapath.branch(run)) return
        if (!isLarger) run.set.length = 0
        const { key, packet } = run
        value[STACK_WORDS - 1] = isLarger ? 1 : 0
        writeBits(key, field, dst.ofs, 1, value)
        storeField(key, packet, field)
      }
    },
  },
} as const satisfies Rows
