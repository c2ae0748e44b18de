/**
 * Where Open vSwitch 3.1 and this switch differ and are meant to: one row each. A difference that no row
 * takes fails the run. dataplane/README.md has this table under "Where Open vSwitch differs", held by
 * a test. Neighbours: campaign.ts asks, report.ts counts.
 */
import type { Action } from '../../../southbound/openflow/action.ts'
import { groupType } from '../../../southbound/openflow/group.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import { inspect } from './inspect.ts'
import type { Input, Outcome } from './peer.ts'
import type { Line } from './tables.ts'

export interface ErrorCase {
  readonly line: Line
  /** Errors by name; undefined = accepted. */
  readonly ours: string | undefined
  readonly theirs: string | undefined
}
export interface OutcomeCase {
  readonly lines: readonly Line[]
  readonly input: Input
  readonly ours: Outcome
  readonly theirs: Outcome
}

export interface Known {
  /** What each of the two does. */
  readonly what: string
  /** Which side the specification takes, and where. */
  readonly why: string
  readonly error?: (of: ErrorCase) => boolean
  readonly outcome?: (of: OutcomeCase) => boolean
}

/** All actions of a line, those within clone too. */
export function actionsOf(line: Line): readonly Action[] {
  const inner = (action: Action): readonly Action[] =>
    action.kind === 'clone' ? [action, ...action.actions.flatMap(inner)] : [action]
  if (line.is === 'group') return line.group.buckets.flatMap((b) => b.actions.flatMap(inner))
  if (line.is !== 'flow') return []
  return line.flow.instructions.flatMap((one: Instruction) =>
    'actions' in one ? (one.actions as readonly Action[]).flatMap(inner) : [],
  )
}
/** All names in a line, in quotes. */
const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part))
const textOf = (line: Line): string => jsonOf(line)
const hasAction = (line: Line, kinds: readonly string[]) =>
  actionsOf(line).some(({ kind }) => kinds.includes(kind))
const someAction = (lines: readonly Line[], kinds: readonly string[]) =>
  lines.some((line) => hasAction(line, kinds))
const hasSelect = (lines: readonly Line[]) =>
  lines.some((line) => line.is === 'group' && line.group.group_type === groupType.select)
const isCalled = (line: Line, ...names: string[]) =>
  line.is === 'other' && names.includes(line.name)
const hasSetField = (line: Line, fields: RegExp) =>
  actionsOf(line).some((action) => action.kind === 'set_field' && fields.test(action.field))

export const known: Readonly<Record<string, Known>> = {
  group_loop: {
    what: 'takes a group that leads to itself; here `loop`',
    why: '§6.7: a switch that can tell refuses with `loop`',
    error: ({ line, ours }) =>
      isCalled(line, 'group in itself') && ours === 'group_mod_failed.loop',
  },
  goto_255: {
    what: 'takes `goto_table` 255; here `bad_table_id`',
    why: '§5.9: a table that is there; 255 is none',
    error: ({ line, ours }) =>
      isCalled(line, 'goto 255') && ours === 'bad_instruction.bad_table_id',
  },
  port_0: {
    what: 'takes an output to port 0; here `bad_out_port`',
    why: '§7.2.1: ports are numbered from 1',
    error: ({ line, ours }) =>
      isCalled(line, 'output to 0', 'a bucket with a wrong action') &&
      ours === 'bad_action.bad_out_port',
  },
  unknown_meter: {
    what: '`invalid_meter` for a flow that names a meter which is not there; here `unknown_meter`',
    why: '§7.4.4.13: `unknown_meter` says just that',
    error: ({ line, ours }) =>
      isCalled(line, 'unknown meter') && ours === 'meter_mod_failed.unknown_meter',
  },
  set_pipeline_field: {
    what: 'takes a set_field of in_port or metadata; here `bad_set_type`',
    why: '§7.2.5: set_field takes header fields; those two are named as not supported',
    error: ({ line, ours }) =>
      ours === 'bad_action.bad_set_type' && hasSetField(line, /^(nxm_)?in_port$|^metadata$/),
  },
  write_prerequisites: {
    what: 'holds write_actions against the packet as apply_actions leave it, in the order of the list, TTL actions and pop_mpls not at all; here against the match, in the order of execution (`match_inconsistent` in either)',
    why: '§7.4.4.3 says that a switch may refuse, not on what ground; what does not fit the packet in the end has no effect in either',
    error: ({ line, ours, theirs }) =>
      (ours ?? theirs) === 'bad_action.match_inconsistent' &&
      (ours === undefined || theirs === undefined) &&
      line.is === 'flow' &&
      line.flow.instructions.some(({ kind }) => kind === 'write_actions'),
  },
  tags_refused: {
    what: '`bad_tag` for a flow that pushes a third tag; here any number',
    why: '§7.2.3.7: eth_type is the type behind all tags, so there may be more than two (as in many_tags)',
    error: ({ line, ours, theirs }) =>
      ours === undefined &&
      theirs === 'bad_action.bad_tag' &&
      countActions([line], 'push_vlan') > 1,
  },
  bucket_actions: {
    what: 'takes actions in a bucket that an action set cannot hold, and leaves them out; here `bad_type`',
    why: '§5.6: a bucket is an action set, and the same list in write_actions is refused by both',
    error: ({ line, ours, theirs }) =>
      line.is === 'group' && ours === 'bad_action.bad_type' && theirs === undefined,
  },
  which_error: {
    what: 'of several mistakes in one message, another is told first',
    why: '§7.4: one error for one message, and none is said to come first; each mistake alone has the same error in both',
    error: ({ line, ours, theirs }) =>
      line.is !== 'other' && ours !== undefined && theirs !== undefined,
  },
  table_254: {
    what: 'keeps table 254 to itself: `eperm`; here it is a table as any other',
    why: '§5.1: a switch says how many it has; this one has 255',
    error: ({ line, ours, theirs }) =>
      isCalled(line, 'flow in table 254') && ours === undefined && theirs === 'bad_request.eperm',
  },
  instruction_length: {
    what: '`bad_request.bad_len` for an instruction shorter than itself; here `bad_instruction.bad_len`',
    why: '§7.4.4.4: `bad_len` of bad_instruction says just that',
    error: ({ line, ours }) =>
      isCalled(line, 'an instruction too short') && ours === 'bad_instruction.bad_len',
  },
  output_table: {
    what: 'takes an output to TABLE in a flow; here `bad_out_port`',
    why: '§7.2.1: TABLE is for packet-out alone',
    error: ({ line, ours }) =>
      isCalled(line, 'output to TABLE') && ours === 'bad_action.bad_out_port',
  },
  read_only_set: {
    what: '`bad_set_argument` for a set_field of a field that is for reading; here `bad_set_type`',
    why: '§7.4.4.3: `bad_set_type` is of the field, `bad_set_argument` of its value',
    error: ({ line, ours }) =>
      isCalled(line, 'set_field of a field for reading') && ours === 'bad_action.bad_set_type',
  },
  fields_abroad: {
    what: 'has no in_phy_port, pbb_isid, ipv6_exthdr and refuses them',
    why: '§7.2.3.7 has them',
    error: ({ line, theirs }) =>
      theirs !== undefined && /"(in_phy_port|pbb_isid|ipv6_exthdr)"/.test(textOf(line)),
  },
  nd_code: {
    what: 'refuses fields of neighbour discovery beside an icmpv6_code that is not 0; here they need the type alone',
    why: '§7.2.3.7, table 12: ICMPV6_TYPE = 135 or 136',
    error: ({ line, ours, theirs }) =>
      ours === undefined &&
      /bad_prereq|match_inconsistent/.test(theirs ?? '') &&
      line.is === 'flow' &&
      (line.flow.match.icmpv6_code ?? 0) !== 0,
  },
  move_into_vlan: {
    what: 'takes a move or load into vlan_vid where the match has no tag; here `match_inconsistent`',
    why: '§7.4.4.3, and both refuse a set_field of the same',
    error: ({ line, ours, theirs }) =>
      ours === 'bad_action.match_inconsistent' &&
      theirs === undefined &&
      actionsOf(line).some(
        (one) => 'dst' in one && typeof one.dst === 'object' && /^vlan_/.test(one.dst.field),
      ),
  },
  match_length: {
    what: '`bad_field` for a field of a wrong length; here `bad_len`',
    why: '§7.4.4.5: `bad_len` is a length problem in the match',
    error: ({ line, ours }) =>
      isCalled(line, 'a field of a wrong length') && ours === 'bad_match.bad_len',
  },
  packet_in_cookie: {
    what: 'names a table and a cookie in packet-ins from a bucket or the action set; here the cookie is -1',
    why: '§7.4.1: -1 where no one flow sent it, as from a bucket or the action set (every such packet-in is compared but for these two)',
  },
  push_vlan_copies: {
    what: 'pushes a tag with VID and priority 0; here they are those of the tag below',
    why: '§5.12.1, table 7: copied from the outer tag that is there',
    outcome: ({ lines }) =>
      pushesAlone(lines, 'push_vlan', 'vlan_vid') || endsEarly(lines, 'push_vlan'),
  },
  push_mpls_defaults: {
    what: 'pushes label 2 before IPv6, the DSCP as traffic class and TTL 64 before what has none; here 0',
    why: '§5.12.1: fields for which there is nothing to copy are zero',
    outcome: ({ lines }) =>
      pushesAlone(lines, 'push_mpls', 'mpls_label') || endsEarly(lines, 'push_mpls'),
  },
  mpls_depth: {
    what: 'has room for three labels and drops what would have more, or had more before a pop; here any number',
    why: '§5.12.1: push_mpls pushes, whatever is there; three is the size of a structure of Open vSwitch, not what it does',
    outcome: ({ lines, input }) => {
      const pushes = countActions(lines, 'push_mpls')
      const isDeep = inspect(input.bytes).labels + pushes > 3
      return isDeep && someAction(lines, ['push_mpls', 'pop_mpls'])
    },
  },
  push_mpls_place: {
    what: 'pushes a label behind the tags of a frame, which can still be written then; here in front of them',
    why: '§5.12: a new tag is the outermost, immediately after the Ethernet header and before other tags',
    error: ({ line, ours, theirs }) =>
      (ours ?? theirs) === 'bad_action.match_inconsistent' &&
      (ours === undefined || theirs === undefined) &&
      hasAction(line, ['push_mpls', 'pop_mpls']) &&
      /"vlan_/.test(textOf(line)),
    outcome: ({ lines, input }) =>
      someAction(lines, ['push_mpls']) &&
      inspect(input.bytes).tags + countActions(lines, 'push_vlan') > 0,
  },
  output_trunc_tags: {
    what: 'cuts in output_trunc before tags that were pushed are there, and after popped ones are gone; here what is sent is cut',
    why: 'ovs-actions(7): output_trunc truncates the packet to max_len bytes, not to four more or less for each tag',
    outcome: ({ lines }) =>
      someAction(lines, ['output_trunc']) &&
      someAction(lines, ['push_vlan', 'push_mpls', 'pop_vlan', 'pop_mpls']),
  },
  pop_mpls_all: {
    what: 'pops all labels when the EtherType that is left is not MPLS; here one. A pop of what was pushed leaves the EtherType that the frame had, and a pop beyond the bottom of the stack does nothing; here the EtherType is what the pop before said',
    why: '§5.12: pop the outermost',
    outcome: ({ lines, input }) =>
      someAction(lines, ['pop_mpls']) &&
      (inspect(input.bytes).labels > 1 ||
        someAction(lines, ['push_mpls']) ||
        countActions(lines, 'pop_mpls') > 1 ||
        writes(lines, /"ethertype":3488[78]/)),
  },
  unwritten: {
    what: 'writes no field into reverse ARP, and none into a packet whose ip_proto or arp_op is 0 (or whose arp_op is over 255, which it reads as 0); here as into any other',
    why: '§7.2.5: set_field has its prerequisites, and these are met',
    outcome: ({ lines, input }) =>
      (inspect(input.bytes).isUnwritten && writes(lines, /"(arp|ipv4|ip|nw)_|"dec_|ttl/)) ||
      lines.some((line) => actionsOf(line).some(writesOperation)),
  },
  later_fragments: {
    what: 'takes the beginning of a later fragment for a header: brings its checksum in line with addresses, writes its type and code, reads its ports and types as 0; here a fragment without that header is left alone',
    why: 'RFC 791: that is payload',
    outcome: ({ lines, input }) =>
      inspect(input.bytes).isLater && (writes(lines, ADDRESS) || writes(lines, PORT)),
  },
  first_fragment: {
    what: 'matches the ports of a first fragment as 0; here they are matched as they are',
    why: '§7.3.2: OFPC_FRAG_NORMAL is no special handling of fragments',
    outcome: ({ lines, input }) =>
      inspect(input.bytes).isFirst && lines.some((line) => PORT.test(textOf(line))),
  },
  arp_operations: {
    what: 'refuses an arp_op over 255 in a match and in a set_field; here it has 16 bits',
    why: '§7.2.3.7, table 12: 16 bits',
    error: ({ line, ours, theirs }) =>
      ours === undefined &&
      /bad_value|bad_set_argument/.test(theirs ?? '') &&
      textOf(line).includes('"arp_op"'),
  },
  drop_eligible: {
    what: 'clears the drop eligible bit of a tag whose VID or priority is written, or that was gone for a bucket or a clone; here it stays',
    why: '§7.2.5: set_field sets one field',
    outcome: ({ lines, input }) =>
      inspect(input.bytes).isEligible &&
      (someAction(lines, ['pop_vlan', 'push_vlan', 'push_mpls', 'pop_mpls']) ||
        lines.some(
          (line) => /"vlan_(vid|pcp|tci)"/.test(textOf(line)) && actionsOf(line).length > 0,
        )),
  },
  nested_select: {
    what: 'does nothing behind a clone in which a select group is, and runs the action set twice where one is in another group; here the next action follows, and the set runs once',
    why: '§5.6, §5.10: what a bucket does ends with it, and the action set is executed at the end; of clone ovs-actions(7) says the same',
    outcome: ({ lines }) =>
      (someAction(lines, ['clone']) ||
        lines.some((line) => line.is === 'group' && hasAction(line, ['group']))) &&
      hasSelect(lines),
  },
  branch_again: {
    what: 'executes the action set once alone, or not at all, where behind check_pkt_larger a packet goes through the datapath again (pop_mpls, a select group), be it of the other size; here at the end of the branch and at the end of the pipeline, as behind every check_pkt_larger',
    why: "§5.10: the action set is executed at the end of the pipeline; that a packet goes through the datapath again is Open vSwitch's own affair",
    outcome: ({ lines }) =>
      someAction(lines, ['check_pkt_larger']) &&
      (someAction(lines, ['pop_mpls']) || hasSelect(lines)),
  },
  later_ports: {
    what: 'refuses a set_field of a port or type where the match says that it is a later fragment; here it has no effect',
    why: '§7.2.5: the prerequisites are eth_type and ip_proto, and these are met',
    error: ({ line, ours, theirs }) =>
      ours === undefined &&
      theirs === 'bad_action.match_inconsistent' &&
      line.is === 'flow' &&
      line.flow.match.ip_frag !== undefined,
  },
  cut_short: {
    what: 'remembers what was set in a header that is cut short over a push or pop, and writes into ARP and MPLS that are cut short (or makes a label where there is none); here such a header is not there',
    why: 'RFC 826, RFC 3032: what is too short has no such field; what Open vSwitch writes into it is never read from the packet',
    outcome: ({ lines, input }) =>
      inspect(input.bytes).isCut &&
      (someAction(lines, ['push_vlan', 'pop_vlan', 'push_mpls', 'pop_mpls']) ||
        lines.some((line) => actionsOf(line).length > 0 && /"arp_|mpls_/.test(textOf(line)))),
  },
  nd_type_read: {
    what: 'reads nd_options_type as 0 in a move, though it matches it; here what is matched is what is moved',
    why: 'ovs-fields(7): the field has one value, and the move of Open vSwitch contradicts its match',
    outcome: ({ lines }) => writes(lines, /"src":\{"field":"nd_options_type"/),
  },
  nd_options: {
    what: 'writes single bits into the target of neighbour discovery whose options are malformed; here the whole field, of which nothing was read',
    why: '§7.2.5: a field is set to what the actions say; bits that no match can see are not mixed with it',
    outcome: ({ lines, input }) => inspect(input.bytes).isNdWrong && writes(lines, /"(ipv6_)?nd_/),
  },
  routing_header: {
    what: 'leaves the checksum of TCP, UDP and ICMPv6 behind a routing or fragment header as it is when an address is written; here it is brought in line',
    why: 'RFC 8200 §8.1: the addresses are in the pseudo header',
    outcome: ({ lines, input }) => inspect(input.bytes).isRouted && writes(lines, ADDRESS),
  },
  length_mpls: {
    what: 'pushes a label behind the LLC header of an IEEE 802.3 frame; here behind the addresses',
    why: '§5.12: immediately after the Ethernet header',
    outcome: ({ lines, input }) =>
      inspect(input.bytes).isLength && someAction(lines, ['push_mpls']),
  },
  many_tags: {
    what: 'sees two VLAN tags at most, and the third as the EtherType, and loses one of three; here any number',
    why: '§7.2.3.7: eth_type is the type behind all tags',
    outcome: ({ lines, input }) => {
      const pushes = countActions(lines, 'push_vlan')
      const twice = someAction(lines, ['resubmit', 'resubmit_ct', 'group', 'clone']) ? 2 : 1
      return inspect(input.bytes).tags + twice * pushes > 2
    },
  },
}

/** Whether an action may make an operation of ARP 0 or more than 255. */
const writesOperation = (action: Action) =>
  ('dst' in action && typeof action.dst === 'object' && action.dst.field === 'arp_op') ||
  (action.kind === 'load2' && action.field === 'arp_op')

const ADDRESS = /"ipv[46]_(src|dst)"/
const PORT = /"(tcp|udp|sctp)_(src|dst)"|"icmpv[46]_(type|code)"/
/** Whether an action has such a name in it. */
const writes = (lines: readonly Line[], names: RegExp) =>
  lines.some((line) => actionsOf(line).some((action) => names.test(jsonOf(action))))

const DECREMENTS = ['dec_nw_ttl', 'dec_mpls_ttl', 'dec_ttl_cnt_ids'] as const
/** Whether a TTL may be over between a push in the action set and the fields that are set after it. */
const endsEarly = (lines: readonly Line[], push: string) =>
  someAction(lines, [push]) && someAction(lines, DECREMENTS)

/** Whether something is pushed whose fields are not all set at once. */
const pushesAlone = (lines: readonly Line[], kind: string, field: string) =>
  lines.some((line) => {
    const actions = actionsOf(line)
    return actions.some((one, i) => {
      const next = actions[i + 1]
      return one.kind === kind && !(next?.kind === 'set_field' && next.field === field)
    })
  })
const countActions = (lines: readonly Line[], kind: string) =>
  lines.reduce((n, line) => n + actionsOf(line).filter((one) => one.kind === kind).length, 0)

export const knownError = (of: ErrorCase): string | undefined =>
  Object.entries(known).find(([, row]) => row.error?.(of))?.[0]
export const knownOutcome = (of: OutcomeCase): string | undefined =>
  Object.entries(known).find(([, row]) => row.outcome?.(of))?.[0]
