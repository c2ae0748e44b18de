/**
 * bundle: output to one of several ports, or its number into a field. Source: Open vSwitch 3.1
 * lib/bundle.c. Neighbours: action-nicira.ts lists it, operand.ts.
 */
import { UnknownError, WireError } from '../wire/error.ts'
import { putNumber } from '../wire/put.ts'
import type { Part } from '../wire/record.ts'
import { struct, u16, u32 } from '../wire/struct.ts'
import type { Writer } from '../wire/writer.ts'
import { half, need, packed, type Subfield } from './operand.ts'

const NX = 'Open vSwitch 3.1 lib/bundle.c'
/** u16 each, as many as `count` says. */
export function numbers(
  bytes: Uint8Array,
  at: number,
  count: number,
  end: number,
): readonly number[] {
  if (end - at < 2 * count) throw new WireError(`${count} numbers in ${end - at} bytes`, at)
  return Array.from({ length: count }, (_, i) => half.get.value(bytes, at + 2 * i))
}

/** Ports as u16 OpenFlow 1.0 numbers. */
export interface BundleMembers {
  readonly algorithm: number
  readonly fields: number
  readonly basis: number
  readonly members: readonly number[]
}
const bundleHead = struct('bundle', NX, {
  algorithm: u16('0 active_backup, 1 hrw'),
  fields: u16('what is hashed, NX_HASH_FIELDS_*'),
  basis: u16(),
  member_type: u32(),
  n_members: u16(),
})
const MEMBERS_AT = bundleHead.size + 10
const NXM_IN_PORT = 2
const bundleWith = <T extends object>(
  readDst: (bytes: Uint8Array, at: number, end: number) => T,
  writeDst: (writer: Writer, value: T) => void,
): Part<BundleMembers & T> => ({
  read(bytes, start, end) {
    need(start, end, MEMBERS_AT)
    const { n_members, member_type, ...head } = bundleHead.read(bytes, start)
    if (member_type !== NXM_IN_PORT) throw new UnknownError(`members of type ${member_type}`, start)
    const members = numbers(bytes, start + MEMBERS_AT, n_members, end)
    return { ...head, members, ...readDst(bytes, start + bundleHead.size, end) }
  },
  write(writer, value) {
    const at = writer.reserve(bundleHead.size)
    const n_members = value.members.length
    bundleHead.write(writer.bytes, at, { ...value, member_type: NXM_IN_PORT, n_members })
    writeDst(writer, value)
    writer.reserve(at + MEMBERS_AT - writer.length)
    for (const one of value.members) putNumber(writer, half, 'bundle: a member', one)
  },
})

export const bundle = bundleWith(
  () => ({}),
  () => {},
)
export const bundle_load = bundleWith<{ dst: Subfield }>(
  (bytes, at, end) => ({ dst: packed.read(bytes, at, end) }),
  (writer, { dst }) => packed.write(writer, dst),
)
