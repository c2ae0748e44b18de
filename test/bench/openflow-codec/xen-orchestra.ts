/**
 * The peer of openflow-codec on npm: @xen-orchestra/openflow, which speaks OpenFlow 1.1. The nearest
 * that it has: a flow-mod with the same match (1.1 has a fixed structure for it) and only the output,
 * since it knows no other action and no goto_table; its decoder passes over actions.
 */
import { createRequire } from 'node:module'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { decodeInstructions } from '../../../southbound/openflow/instruction.ts'
import { decodeMatch } from '../../../southbound/openflow/match.ts'
import { decode, encode, flowMod } from '../../../southbound/openflow/message.ts'
import { type Case, flow } from './cases.ts'

type Names = Readonly<Record<string, number>>
/** What we use of it; it has no types. */
interface Peer {
  readonly versions: { readonly openFlow11: number }
  readonly protocols: Readonly<Record<number, Readonly<Record<string, Names>>>>
  pack(message: object): Buffer
  unpack(bytes: Buffer): { readonly priority: number }
}

const { default: openflow } = createRequire(import.meta.url)('@xen-orchestra/openflow') as {
  default: Peer
}
const version = openflow.versions.openFlow11
const protocol = (...path: [string, string]): number => {
  const value = openflow.protocols[version]?.[path[0]]?.[path[1]]
  if (value === undefined) throw new Error(`@xen-orchestra/openflow has no ${path.join('.')}`)
  return value
}
const numbers = {
  flowMod: protocol('type', 'flowMod'),
  add: protocol('flowModCommand', 'add'),
  standard: protocol('matchType', 'standard'),
  applyActions: protocol('instructionType', 'applyActions'),
  output: protocol('actionType', 'output'),
}

const cookie = Buffer.from('0000000000000057', 'hex')
// Without a mask it throws on a name that it misspells.
const cookie_mask = Buffer.alloc(8)

const make = () =>
  openflow.pack({
    header: { version, type: numbers.flowMod, xid: 1 },
    ...{ cookie, cookie_mask },
    command: numbers.add,
    table_id: 5,
    priority: 100,
    match: {
      type: numbers.standard,
      ...{ in_port: 3, dl_dst: '02:00:00:00:00:11', dl_type: 0x800 },
      ...{ nw_dst: '10.0.0.0', nw_dst_mask: '0.0.0.255' },
    },
    instructions: [
      {
        type: numbers.applyActions,
        actions: [{ type: numbers.output, port: 4, max_len: 0 }],
      },
    ],
  })
const packed = make()

const near = {
  ...flow,
  instructions: [
    { kind: 'apply_actions' as const, actions: [{ kind: 'output' as const, port: 4, max_len: 0 }] },
  ],
}
const nearBytes = encode(flowMod('add', encodeFlow(near)))

/** Each of theirs with ours beside it. */
export const nearest: Record<string, { readonly ours: Case; readonly theirs: Case }> = {
  near_encode: {
    ours: {
      what: 'flow-mod with one output, encoded from values',
      items: 1,
      run: () => encode(flowMod('add', encodeFlow(near))).length,
    },
    theirs: { what: '', items: 1, run: () => make().length },
  },
  near_decode: {
    ours: {
      what: 'flow-mod with one output, decoded to values',
      items: 1,
      run: () => {
        const message = decode(nearBytes)
        if (message.type !== 'flow_mod') return 0
        const { in_port } = decodeMatch(message.match)
        return (in_port === undefined ? 0 : 1) + decodeInstructions(message.instructions).length
      },
    },
    theirs: { what: '', items: 1, run: () => openflow.unpack(packed).priority },
  },
}
