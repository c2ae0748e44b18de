/** Messages in few words, for tests of what a switch answers to them. */
import type { Action } from '../../../southbound/openflow/action.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { ANY_GROUP, type Bucket, encodeGroup } from '../../../southbound/openflow/group.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import type { Match } from '../../../southbound/openflow/match.ts'
import {
  type Body,
  type flowCommand,
  flowMod,
  groupMod,
  type MessageOf,
  OFP_NO_BUFFER,
} from '../../../southbound/openflow/message.ts'
import type { MeterBand } from '../../../southbound/openflow/meter.ts'
import { ANY } from '../../../southbound/openflow/port.ts'
import { udpFrame } from '../../../southbound/wire/frame.ts'

type FlowMod = Extract<Body, { type: 'flow_mod' }>
export const NOTHING = new Uint8Array(0)
export const apply = (...actions: Action[]): Instruction => ({ kind: 'apply_actions', actions })
export const write = (...actions: Action[]): Instruction => ({ kind: 'write_actions', actions })
export const output = (port: number): Action => ({ kind: 'output', port, max_len: 0xffff })
export const toGroup = (group_id: number): Action => ({ kind: 'group', group_id })

export interface FlowIn {
  readonly table_id?: number
  readonly priority?: number
  readonly cookie?: bigint
  readonly match?: Match
  readonly instructions?: readonly Instruction[]
}

/** A flow-mod; `fields` are put over it as they are. */
export function flow(
  command: keyof typeof flowCommand,
  { table_id = 0, priority = 10, cookie = 0n, match = {}, instructions = [] }: FlowIn = {},
  fields: Partial<FlowMod> = {},
): FlowMod {
  const of = encodeFlow({ table_id, priority, cookie, match, instructions })
  return { ...flowMod(command, of), ...fields }
}
export const addFlow = (of: FlowIn = {}, fields: Partial<FlowMod> = {}) => flow('add', of, fields)

export const bucket = (actions: Action[], of: Partial<Bucket> = {}): Bucket => ({
  weight: 0,
  watch_port: ANY,
  watch_group: ANY_GROUP,
  actions,
  ...of,
})
export const group = (
  command: 'add' | 'modify' | 'delete',
  group_id: number,
  group_type = 0,
  ...buckets: Bucket[]
): Body => groupMod(command, encodeGroup({ group_id, group_type, buckets }))

export const meter = (
  of: Partial<MessageOf<'meter_mod'>> = {},
  ...bands: MeterBand[]
): Extract<Body, { type: 'meter_mod' }> => ({
  type: 'meter_mod',
  command: 0,
  flags: 1,
  meter_id: 1,
  bands: bands.length > 0 ? bands : [{ kind: 'drop', rate: 100, burst_size: 0 }],
  ...of,
})

export const packetOut = (
  of: Partial<Extract<Body, { type: 'packet_out' }>> = {},
): Extract<Body, { type: 'packet_out' }> => ({
  type: 'packet_out',
  buffer_id: OFP_NO_BUFFER,
  in_port: 1,
  actions: [output(2)],
  data: udp(),
  ...of,
})

/** A UDP packet over IPv4, 100 bytes of frame. */
export function udp(of: { readonly tos?: number; readonly source?: number } = {}): Uint8Array {
  const frame = udpFrame({
    eth_src: 0x0a0000000001,
    eth_dst: 0x0a0000000002,
    ipv4_src: 0x0a000001,
    ipv4_dst: 0x0a000002,
    udp_src: of.source ?? 1000,
    udp_dst: 2000,
    payload: new Uint8Array(58),
  })
  if (of.tos === undefined) return frame
  frame[15] = of.tos
  return withChecksum(frame)
}

/** The IPv4 header's checksum made right. */
function withChecksum(frame: Uint8Array): Uint8Array {
  frame[24] = frame[25] = 0
  let sum = 0
  for (let i = 14; i < 34; i += 2) sum += (frame[i]! << 8) | frame[i + 1]!
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
  frame[24] = sum >>> 8
  frame[25] = sum & 0xff
  return frame
}

/** A message as bytes, for what no encoder makes. */
export function raw(code: number, body: readonly number[], version = 4): Uint8Array {
  const length = 8 + body.length
  return Uint8Array.of(version, code, length >>> 8, length & 255, 0, 0, 0, 77, ...body)
}
export const u32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]
export const zeros = (n: number): number[] => Array.from({ length: n }, () => 0)
