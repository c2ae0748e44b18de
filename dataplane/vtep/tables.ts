/**
 * The pipeline of a host of kind `vtep` as data: tables, registers, and what a flow is before it is bytes.
 *
 *   arrive ─► classify ─► admit ─► ingress ACL ─► learn ─► answer ─► remote ─► decide ─► egress ACL ─► emit
 *                (network, port)   (tags, MTU)           (ARP, ND) (a VTEP's MACs)   └─ group: flood ──▲
 *
 * A group's bucket begins at the egress ACL with a port of its own. `learned` is filled by packets and asked by
 * remote. Where guests may send a tag, `below` looks between classify and admit whether there is a second one. Neighbours: network-flows.ts and port-flows.ts write flows, backend.ts installs them.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { encodeFlow, type FlowBytes, flowKey } from '../../southbound/openflow/flow.ts'
import type { Instruction } from '../../southbound/openflow/instruction.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import type { FieldName } from '../../southbound/openflow/oxm.ts'

export const table = {
  arrive: 0,
  classify: 1,
  admit: 2,
  ingress: 3,
  learn: 4,
  answer: 5,
  /** The second half of an answer to a solicitation. */
  advertise: 6,
  remote: 7,
  learned: 8,
  decide: 9,
  egress: 10,
  emit: 11,
  /** What is below a tag that is lifted, of networks that take one: on from there to admit. */
  below: 12,
  /** Where drops of ports are shown. */
  shown: 13,
} as const

/** All are 0 when a frame enters, and set by flows only. */
export const register = {
  /** 1: out of the tunnel, and never back into it. */
  fromTunnel: 'reg0',
  /** The VNI. */
  network: 'reg1',
  /** Number of the member that sent the frame; 0 of what came out of the tunnel. */
  source: 'reg2',
  /** Number of the member that gets it; 0: nobody has the MAC. */
  destination: 'reg3',
  /** Bit 0: larger than the network's MTU. */
  oversize: 'reg4',
  /** The tag that is taken off to look below it, whole. */
  lifted: 'reg5',
  /** Of a dropped frame whose it is and why: `shownNumber`. */
  shown: 'reg6',
} as const

/** ofport of the tunnel; ports of guests have lower ones. */
export const TUNNEL_OFPORT = 65_000
/** Of what packets taught, in `learned`. */
export const LEARNED_PRIORITY = 100
/** Seconds, as a kernel bridge has it. */
export const AGEING_S = 300
export const ANY_TAG = [0x1000, 0x1000] as const

/** A port of a network: an interface's untagged frames (VID 0) or those of one VID. A number over 0. */
export const memberNumber = (ofport: number, vid: number): number => (ofport << 12) | vid
/** Local ports of a network, and those with the VTEPs of its flood list. */
export const localGroup = (vni: number): number => vni * 2
export const floodGroup = (vni: number): number => vni * 2 + 1

/** Whose frames a drop flow counts; `reason` as in backend.ts of the agent. */
export interface DropOf {
  readonly port?: string
  readonly vni?: number
  readonly reason: string
}

/** A binding to a VID, of which a flow counts the frames from or to the guest. */
export interface CountOf {
  readonly port: string
  readonly vid: number
  readonly side: 'from' | 'to'
}

export interface PlannedFlow extends FlowBytes {
  readonly count?: CountOf | undefined
  readonly drop: DropOf | undefined
}

/** By flowKey. */
export type Flows = Map<string, PlannedFlow>

/** What a flow does, in short. */
export interface Doing {
  readonly apply?: readonly Action[]
  readonly goto?: number
  readonly drop?: DropOf
  readonly count?: CountOf
}

/** Adds a flow; one of the same identity that is there already stays. Nothing to do: a drop. */
export function emit(
  flows: Flows,
  table_id: number,
  priority: number,
  match: Match,
  { apply, goto, drop, count }: Doing = {},
): void {
  const instructions: Instruction[] = []
  if (drop?.port !== undefined) {
    const actions = [set(register.shown, shownNumber(drop)), resubmit(table.shown)]
    instructions.push({ kind: 'apply_actions', actions })
  }
  if (apply !== undefined) instructions.push({ kind: 'apply_actions', actions: apply })
  if (goto !== undefined) instructions.push({ kind: 'goto_table', table_id: goto })
  const cookie = drop === undefined ? 0n : cookieOf(drop)
  const flow = { ...encodeFlow({ table_id, priority, cookie, match, instructions }), drop, count }
  const key = flowKey(flow)
  if (!flows.has(key)) flows.set(key, flow)
}

export const set = (field: FieldName, value: number | bigint): Action => ({
  kind: 'set_field',
  field,
  value,
})
export const resubmit = (table_id: number): Action => ({
  kind: 'resubmit',
  in_port: 0xfff8,
  table_id,
})
export const group = (group_id: number): Action => ({ kind: 'group', group_id })

/** Tells drops of ports apart, in 32 bits. */
export const shownNumber = (drop: DropOf): number => Number(cookieOf(drop) & 0xffff_ffffn)

/** FNV-1a of who and why: a flow whose drops mean something else is another one. */
function cookieOf({ port, vni, reason }: DropOf): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(`${port ?? vni} ${reason}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash
}
