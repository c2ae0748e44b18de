/**
 * Connection tracking, translation and clones: actions that hold other actions, one row each.
 * Source: Open vSwitch 3.1 lib/ofp-actions.c, ovs-actions(7).
 * Neighbours: action.ts joins them with the others and gives the list of actions that they hold.
 */
import { WireError } from '../wire/error.ts'
import { put, putNumber } from '../wire/put.ts'
import type { AnyPart, Part } from '../wire/record.ts'
import { pad, struct, u8, u16, u32, wide } from '../wire/struct.ts'
import type { Action } from './action.ts'
import { NICIRA } from './experimenter.ts'
import {
  half,
  need,
  packBits,
  readHeader,
  type Subfield,
  unpackBits,
  word,
  writeHeader,
} from './operand.ts'

const NX = 'Open vSwitch 3.1 lib/ofp-actions.c'

/** `flags` of ct: keep the connection; make it anew in this direction. */
export const ctFlags = { commit: 1, force: 2 } as const
/** recirc_table of ct: do not look up again. */
export const NO_RECIRC = 0xff
/** `flags` of nat; neither src nor dst: translate as the connection has it. */
export const natFlags = {
  src: 1,
  dst: 2,
  persistent: 4,
  protocol_hash: 8,
  protocol_random: 16,
} as const

/** An interface, so that a list of actions can hold a list of actions. */
export interface Clone {
  readonly actions: readonly Action[]
}
export interface Ct extends Clone {
  readonly flags: number
  /** A number, or the bits that hold it. */
  readonly zone: number | Subfield
  readonly recirc_table: number
  /** 0, or the port of the helper: 21 FTP, 69 TFTP. */
  readonly alg: number
}
/** Ends of ranges are left out when they are the same as the beginning, or when there is none. */
export interface Nat {
  readonly flags: number
  readonly ipv4_min?: number
  readonly ipv4_max?: number
  readonly ipv6_min?: bigint
  readonly ipv6_max?: bigint
  readonly proto_min?: number
  readonly proto_max?: number
}

const ctHead = struct('ct', NX, {
  flags: u16('ctFlags'),
  zone_src: u32(),
  zone: u16(),
  recirc_table: u8(),
  pad: pad(24),
  alg: u16(),
})

function ct(actions: AnyPart): Part<Ct> {
  return {
    read(bytes, start, end) {
      need(start, end, ctHead.size)
      const { zone_src, zone, ...head } = ctHead.read(bytes, start)
      const at = start + ctHead.size
      const from = (): Subfield => ({
        field: readHeader(bytes, start + 2, start + 6).name,
        ...unpackBits(zone),
      })
      return {
        ...head,
        zone: zone_src === 0 ? zone : from(),
        actions: actions.read(bytes, at, end),
      }
    },
    write(writer, value) {
      const { zone } = value
      const at = writer.length
      if (typeof zone === 'number') {
        put(writer, ctHead.size, ctHead.write, { ...value, zone, zone_src: 0 })
      } else {
        put(writer, 2, half.set.value, 0)
        writeHeader(writer, zone.field)
        if (writer.length !== at + 6) throw new RangeError(`no zone in ${zone.field}`)
        const zone_src = word.get.value(writer.bytes, at + 2)
        writer.reserve(ctHead.size - 6)
        ctHead.write(writer.bytes, at, { ...value, zone: packBits(zone), zone_src })
      }
      actions.write(writer, value.actions)
    },
  }
}

const natHead = struct('nat', NX, { pad: pad(16), flags: u16('natFlags'), present: u16() })
const ipv6 = struct('ipv6', NX, { value: wide(128) })
/** Bit n of `present`: the nth is there. */
const natRange = [
  ['ipv4_min', word],
  ['ipv4_max', word],
  ['ipv6_min', ipv6],
  ['ipv6_max', ipv6],
  ['proto_min', half],
  ['proto_max', half],
] as const

const nat: Part<Nat> = {
  read(bytes, start, end) {
    need(start, end, natHead.size)
    const { flags, present } = natHead.read(bytes, start)
    if (present >>> natRange.length)
      throw new WireError(`nat range 0x${present.toString(16)}`, start)
    const out: Record<string, number | bigint> = { flags }
    let at = start + natHead.size
    natRange.forEach(([name, layout], i) => {
      if (!((present >>> i) & 1)) return
      if (end - at < layout.size) throw new WireError(`nat without its ${name}`, at)
      out[name] = layout.get.value(bytes, at)
      at += layout.size
    })
    return out as unknown as Nat
  },
  write(writer, value) {
    let present = 0
    natRange.forEach(([name], i) => {
      if (value[name] !== undefined) present |= 1 << i
    })
    put(writer, natHead.size, natHead.write, { flags: value.flags, present })
    for (const [name, layout] of natRange) {
      const one = value[name]
      if (one !== undefined) putNumber(writer, layout as never, `nat: ${name}`, one)
    }
  },
}

const clone = (actions: AnyPart): Part<Clone> => ({
  read(bytes, start, end) {
    need(start, end, 6)
    return { actions: actions.read(bytes, start + 6, end) }
  },
  write(writer, value) {
    writer.reserve(6)
    actions.write(writer, value.actions)
  },
})

/** Deeper than any switch goes; a peer's bytes may nest 4,000 deep. */
const MAX_DEPTH = 64

type Row<T> = readonly [type: readonly [number, number], body: Part<T>]

/** The rows; `list` is called for the list of all actions, which is made of them. */
export function ctActions(list: () => AnyPart): {
  // Spelled out: inferred, the type of an action would depend on itself.
  readonly ct: Row<Ct>
  readonly nat: Row<Nat>
  readonly clone: Row<Clone>
} {
  let depth = 0
  const actions: AnyPart = {
    read(bytes, start, end) {
      if (depth === MAX_DEPTH) throw new WireError('actions in actions in actions', start)
      depth++
      try {
        return list().read(bytes, start, end)
      } finally {
        depth--
      }
    },
    write: (writer, value) => list().write(writer, value),
    shape: { is: 'lazy', part: list },
  }
  return {
    ct: [[NICIRA, 35], ct(actions)],
    nat: [[NICIRA, 36], nat],
    clone: [[NICIRA, 42], clone(actions)],
  }
}
