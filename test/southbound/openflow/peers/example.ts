/**
 * What an example of a message is, and the values that several of them use. Neighbours: messages.ts,
 * multiparts.ts, actions.ts have the examples, peers.test.ts compares them with the peers.
 */
import {
  encodeInstructions,
  type Instruction,
} from '../../../../southbound/openflow/instruction.ts'
import { encodeMatch } from '../../../../southbound/openflow/match.ts'
import type { Body } from '../../../../southbound/openflow/message.ts'
import type { MultipartReply, MultipartRequest } from '../../../../southbound/openflow/multipart.ts'
import type { OsKenValue } from './os-ken.ts'

export interface Example {
  readonly message: Body
  /** Each in the text that ovs-ofctl prints. */
  readonly prints: readonly string[]
  /** Why ovs-ofctl reads it otherwise than we mean it. */
  readonly note?: string
  /** The same value in os-ken's form; a sentence: why not. */
  readonly osKen: OsKenValue | string
  /** os-ken is a controller: it only writes what controllers send, only reads what switches send. */
  readonly way: 'both' | 'reads' | 'writes'
  /** What os-ken does wrong when it writes. */
  readonly fault?: string
}

export const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
export const tlv = (field: string, value: unknown, mask: unknown = null) => ({
  OXMTlv: { field, mask, value },
})
export const osKenMatch = (...oxm_fields: object[]) => ({ OFPMatch: { oxm_fields } })

export const nothing = new Uint8Array(0)
export const frame = '02000000001102000000001208060001'

/** One match and its instructions, as everybody writes them. */
export const match = encodeMatch({
  in_port: 1,
  eth_type: 0x800,
  ipv4_dst: [0x0a000000, 0xffffff00],
})
export const matchText = 'ip,in_port=1,nw_dst=10.0.0.0/24'
export const matchOfOsKen = osKenMatch(
  tlv('in_port', 1),
  tlv('eth_type', 0x800),
  tlv('ipv4_dst', '10.0.0.0', '255.255.255.0'),
)
const all: readonly Instruction[] = [
  { kind: 'meter', meter_id: 6 },
  { kind: 'apply_actions', actions: [{ kind: 'output', port: 2, max_len: 0 }] },
  { kind: 'clear_actions' },
  { kind: 'write_actions', actions: [{ kind: 'group', group_id: 3 }] },
  { kind: 'write_metadata', metadata: 0x12n, metadata_mask: 0xffn },
  { kind: 'goto_table', table_id: 7 },
]
export const instructions = encodeInstructions(all)
export const instructionsText =
  'meter:6,output:2,clear_actions,write_actions(group:3),write_metadata:0x12/0xff,goto_table:7'
export const instructionsOfOsKen = [
  { OFPInstructionMeter: { meter_id: 6 } },
  { OFPInstructionActions: { type: 4, actions: [{ OFPActionOutput: { port: 2, max_len: 0 } }] } },
  { OFPInstructionActions: { type: 5, actions: [] } },
  { OFPInstructionActions: { type: 3, actions: [{ OFPActionGroup: { group_id: 3 } }] } },
  { OFPInstructionWriteMetadata: { metadata: 0x12, metadata_mask: 0xff } },
  { OFPInstructionGotoTable: { table_id: 7 } },
]

/** A multipart that a controller sends, and one that a switch sends. */
export const request = (
  message: MultipartRequest,
  prints: readonly string[],
  osKen: OsKenValue | string,
): Example => ({ message: { type: 'multipart_request', ...message }, prints, osKen, way: 'writes' })
export const reply = (
  message: MultipartReply,
  prints: readonly string[],
  osKen: OsKenValue | string,
): Example => ({ message: { type: 'multipart_reply', ...message }, prints, osKen, way: 'reads' })
