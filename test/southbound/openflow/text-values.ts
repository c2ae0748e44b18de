/**
 * Random flows that Open vSwitch accepts, made of text-match-values.ts and text-action-values.ts. For
 * tests of the text.
 */
import fc from 'fast-check'
import type { Action } from '../../../southbound/openflow/action.ts'
import type { Flow } from '../../../southbound/openflow/flow.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import type { Match } from '../../../southbound/openflow/match.ts'
import { actionTexts } from '../../../southbound/openflow/text-action.ts'
import { actionValues, type Kind } from './text-action-values.ts'
import { acceptedMatches } from './text-match-values.ts'

const int = (min: number, max: number) => fc.integer({ min, max })
const wide = (bits: number) => fc.bigInt(0n, (1n << BigInt(bits)) - 1n)

/** Kinds that Open vSwitch has no words for. */
export const foreignKinds: readonly Kind[] = (Object.keys(actionTexts) as Kind[]).filter(
  (kind) => actionTexts[kind]?.foreign,
)
const TAGGED_TCP: Match = { eth_type: 0x0800, ip_proto: 6, vlan_vid: 0x1005 }
const NSH: Match = { eth_type: 0x894f }
const MPLS: Match = { eth_type: 0x8847 }
/** The packet that an action of a kind is valid in, where that is not TCP over IPv4 with a tag. */
const packets: Readonly<Partial<Record<Kind, Match>>> = {
  output_reg2: NSH,
  dec_nsh_ttl: NSH,
  decap: NSH,
  pop_mpls: MPLS,
  set_mpls_ttl: MPLS,
  dec_mpls_ttl: MPLS,
  resubmit_ct: { ...TAGGED_TCP, ct_state: [0x22, 0x22] },
}
/** These make another packet of it, or stand alone. */
const shaping = new Set<Kind>(['push_vlan', 'pop_vlan', 'push_mpls', 'encap', 'conjunction'])
/** These change on their way through ovs-ofctl, or want more of the switch. */
export const otherwise = new Set<Kind>([
  ...(['load2', 'controller', 'resubmit_port', 'set_tunnel', 'set_tunnel64'] as const),
  'delete_field',
])
const calm: readonly Kind[] = (Object.keys(actionValues) as Kind[]).filter(
  (kind) =>
    !(shaping.has(kind) || packets[kind] || otherwise.has(kind) || foreignKinds.includes(kind)),
)
const anyOf = (kinds: readonly Kind[]): fc.Arbitrary<Action> =>
  fc.oneof(
    ...kinds.map((kind) => actionValues[kind as keyof typeof actionValues] as fc.Arbitrary<Action>),
  )

const applied = (actions: readonly Action[]): Instruction => ({ kind: 'apply_actions', actions })
/** One action of a kind, in a flow that it is valid in. */
export const flowOfKind = (kind: keyof typeof actionValues): fc.Arbitrary<Flow> =>
  fc.record({
    table_id: fc.constant(0),
    priority: fc.integer({ min: 0, max: 0xffff }),
    cookie: wide(64),
    match: fc.constant(packets[kind] ?? TAGGED_TCP),
    instructions: (actionValues[kind] as fc.Arbitrary<Action>).map((one) => [applied([one])]),
  })

/** Flows that Open vSwitch accepts. */
export const acceptedFlows: fc.Arbitrary<Flow> = fc.record({
  table_id: int(0, 100),
  priority: fc.integer({ min: 0, max: 0xffff }),
  cookie: wide(64),
  match: acceptedMatches,
  instructions: fc
    .record({
      actions: fc.array(
        anyOf(['output', 'set_queue', 'resubmit', 'note', 'push', 'check_pkt_larger']),
        {
          maxLength: 3,
        },
      ),
      written: fc.array(anyOf(['output', 'set_queue']), { maxLength: 1 }),
      metadata: fc.option(
        fc.tuple(
          wide(64),
          wide(64).filter((mask) => mask !== 0n),
        ),
      ),
      clear: fc.boolean(),
      meter: fc.boolean(),
      goto: fc.option(int(101, 253)),
    })
    .map(({ actions, written, metadata, clear, meter, goto }): Instruction[] => [
      ...(meter ? [{ kind: 'meter' as const, meter_id: 3 }] : []),
      ...(actions.length ? [applied(actions)] : []),
      ...(clear ? [{ kind: 'clear_actions' as const }] : []),
      ...(written.length ? [{ kind: 'write_actions' as const, actions: written }] : []),
      ...(metadata
        ? [
            {
              kind: 'write_metadata' as const,
              metadata: metadata[0] & metadata[1],
              metadata_mask: metadata[1],
            },
          ]
        : []),
      ...(goto === null ? [] : [{ kind: 'goto_table' as const, table_id: goto }]),
    ]),
})

/** Several actions in a row. */
export const acceptedActions: fc.Arbitrary<Flow> = fc.record({
  table_id: int(0, 100),
  priority: fc.integer({ min: 0, max: 0xffff }),
  cookie: wide(64),
  match: fc.constant(TAGGED_TCP),
  instructions: fc
    .array(anyOf(calm), { minLength: 1, maxLength: 4 })
    .map((actions) => [applied(actions)]),
})
