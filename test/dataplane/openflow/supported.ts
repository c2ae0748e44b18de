/**
 * What of OpenFlow 1.3 the switch supports, row by row, each with the test that shows it. The rows are
 * those of the codec, so that none is forgotten; what shows them is found in the tables of cases, or
 * named here. Neighbours: supported.test.ts holds the README and the tests' names against this.
 */

import { keyField } from '../../../dataplane/packet/key-layout.ts'
import { actionKinds } from '../../../dataplane/pipeline/actions.ts'
import { type Action, actionRows } from '../../../southbound/openflow/action.ts'
import { errorTypes } from '../../../southbound/openflow/error.ts'
import { groupType } from '../../../southbound/openflow/group.ts'
import { instructionRows } from '../../../southbound/openflow/instruction.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { bandRows } from '../../../southbound/openflow/meter.ts'
import { multipartRows } from '../../../southbound/openflow/multipart.ts'
import { fieldNames, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { parseFlow } from '../../../southbound/openflow/text.ts'
import { readCases } from '../cases.ts'
import { cases } from './cases/all.ts'
import type { Sent } from './cases/case.ts'

export interface Supported {
  readonly kind: string
  readonly name: string
  /** `FILE: TEST`; or, after a dash, why there is nothing to show. */
  readonly shown: string
}

const answers = (name: string) => `openflow/answers.test.ts: ${name}`
const found = (entries: Iterable<readonly [string, string]>): ReadonlyMap<string, string> => {
  const first = new Map<string, string>()
  for (const [key, shown] of entries) if (!first.has(key)) first.set(key, shown)
  return first
}

// ---- what the cases of requests show -----------------------------------------------------------

const requestCases = Object.values(cases).flatMap((table) => Object.entries(table))
const sentBy = ({ send }: { readonly send: unknown }): readonly Sent[] => {
  const sent = typeof send === 'function' ? send({ mac: 0 }) : send
  return Array.isArray(sent) ? sent : [sent]
}
/** Of a case with several messages the last but a bundle's or monitor's end is what it is about. */
const byMessage = found(
  requestCases.flatMap(([name, one]) =>
    sentBy(one).flatMap((message): [string, string][] => {
      if (message instanceof Uint8Array) return []
      const multipart = message.type === 'multipart_request' ? [[message.kind, answers(name)]] : []
      return [[message.type, answers(name)], ...(multipart as [string, string][])]
    }),
  ),
)
const byError = found(
  requestCases.flatMap(([name, { answer }]) =>
    answer.split(' ').map((word): [string, string] => [word, answers(name)]),
  ),
)

// ---- what the cases of packets show ------------------------------------------------------------

const FILES = ['actions', 'fields', 'tags', 'ttl', 'alone', 'parsing']
const kindsIn = (actions: readonly Action[]): string[] =>
  actions.flatMap((one) => [
    one.kind,
    ...('actions' in one ? kindsIn(one.actions as readonly Action[]) : []),
  ])
const packetCases = FILES.flatMap((file) =>
  readCases(file).flatMap((one) => {
    const shown = `actions.test.ts: ${one.name}`
    const texts = [
      ...one.flows,
      ...Object.keys(one.ours.matches).map((match) => `${match} actions=drop`),
    ]
    return texts.map((text) => ({ shown, flow: parseFlow(text) }))
  }),
)
const byInstruction = found(
  packetCases.flatMap(({ shown, flow }) =>
    flow.instructions.map(({ kind }): [string, string] => [kind, shown]),
  ),
)
const byAction = found(
  packetCases.flatMap(({ shown, flow }) =>
    flow.instructions.flatMap((one) =>
      'actions' in one
        ? kindsIn(one.actions as readonly Action[]).map((kind): [string, string] => [kind, shown])
        : [],
    ),
  ),
)
const byField = found(
  packetCases.flatMap(({ shown, flow }) =>
    Object.keys(flow.match).map((name): [string, string] => [name, shown]),
  ),
)

// ---- what other tests show ---------------------------------------------------------------------

const QUEUES =
  'openflow/queues.test.ts: packets leave by the queue that was set, are counted there, and lost there when it is full'
const FUZZED = '- yes: each run of `npm run fuzz -- switch` has it'
const CT = 'conntrack/actions.test.ts: a firewall lets answers in and nothing else'
/** Rows whose test is not a case; `- …` says why there is none. */
const named: Readonly<Record<string, string>> = {
  'message hello':
    'openflow/sessions.test.ts: a peer that speaks another version is told hello_failed',
  'message error':
    'openflow/sessions.test.ts: an error holds the first 64 bytes of what failed, under its xid',
  'message echo_request': 'openflow/sessions.test.ts: an echo comes back as it was',
  'message echo_reply': 'openflow/sessions.test.ts: an echo comes back as it was',
  'message features_reply':
    'openflow/sessions.test.ts: features: 255 tables, no buffers, statistics of flows, tables, ports, groups and queues',
  'message get_config_reply':
    'openflow/sessions.test.ts: fragments come in, or are dropped by name when the controller says so',
  'message packet_in':
    'openflow/packet-ins.test.ts: packet-ins come whole, whatever max_len and miss_send_len: there are no buffers',
  'message flow_removed':
    'openflow/flows.test.ts: idle and hard timeouts, deletions and groups end flows, and who asked for it is told',
  'message port_status':
    'openflow/ports.test.ts: a port is told when it comes, when its link changes and when it goes',
  'message packet_out':
    'openflow/ports.test.ts: a packet-out goes to ports, reserved ports, groups and through the tables',
  'message port_mod':
    'openflow/ports.test.ts: a port_mod changes the bits of its mask, tells everybody once, and is there to be read',
  'message flow_mod':
    'openflow/flows.test.ts: a modification keeps cookie, timeouts, flags and counters; reset_counts ends the last',
  'message barrier_reply': answers('a barrier'),
  'message queue_get_config_reply':
    'openflow/queues.test.ts: queues tell their rates in tenths of a percent of the port’s',
  'multipart queue': QUEUES,
  'action set_queue': QUEUES,
  'message role_reply':
    'openflow/sessions.test.ts: a second master demotes the first; a slave changes nothing and hears of ports alone',
  'message role_request':
    'openflow/sessions.test.ts: a second master demotes the first; a slave changes nothing and hears of ports alone',
  'message get_async_reply':
    'openflow/sessions.test.ts: each kind of message is told for the reasons that are asked for, by role',
  'message set_async':
    'openflow/sessions.test.ts: each kind of message is told for the reasons that are asked for, by role',
  'message flow_monitor_paused':
    'openflow/monitors.test.ts: who does not read hears of deletions alone, and of the rest when everything was read',
  'message flow_monitor_resumed':
    'openflow/monitors.test.ts: who does not read hears of deletions alone, and of the rest when everything was read',
  'message packet_in2':
    'openflow/packet-ins.test.ts: packet_in2 carries userdata to the controller of its number',
  'message tlv_table_reply': answers('the table of tunnel options'),
  'message tlv_table_mod': '- no Geneve: there is no room for options (`table_full`)',
  'message multipart_request':
    'openflow/tables.test.ts: what the switch says of its tables it takes back, names and configuration too',
  'message multipart_reply':
    'openflow/flows.test.ts: statistics filter as deletions do, add up, and come in as many messages as they need',
  'multipart table_features':
    'openflow/tables.test.ts: 255 tables tell what flows in them may hold, which is what flows may hold',
  'multipart ipfix_flow': '- as `ipfix_bridge`: nothing is configured',
  'group type all':
    'openflow/groups.test.ts: a group of type all copies to every bucket, each with its own changes',
  'group type select':
    'openflow/groups.test.ts: a select group shares out by weight, by flow: the packets of one go one way',
  'group type indirect':
    'openflow/groups.test.ts: counters: of a group, of each bucket, of who refers to it; a change keeps the first',
  'group type ff':
    'openflow/groups.test.ts: a fast failover group takes the first bucket whose port or group is alive',
  'meter band drop':
    'openflow/meters.test.ts: a drop band lets its rate of packets pass, second by second',
  'meter band dscp_remark':
    'openflow/meters.test.ts: a dscp_remark band raises the drop precedence of what is over its rate, and mends the checksum',
  'meter band experimenter': '- refused with `bad_band`',
  'instruction meter':
    'openflow/meters.test.ts: a drop band counts kilobits: 8 kb/s are ten frames of 100 bytes',
  'action group':
    'openflow/groups.test.ts: a group of type all copies to every bucket, each with its own changes',
  'Open vSwitch action resubmit_port': '- yes: as `resubmit` into the same table',
  'Open vSwitch action resubmit_ct':
    'conntrack/actions.test.ts: a lookup by the tuple before translation',
  'Open vSwitch action controller': FUZZED,
  'Open vSwitch action output_reg2': FUZZED,
  'Open vSwitch action copy_field': FUZZED,
  'Open vSwitch action controller2':
    'openflow/packet-ins.test.ts: packet_in2 carries userdata to the controller of its number',
  'Open vSwitch action ct': CT,
  'Open vSwitch action nat': CT,
  'error hello_failed.incompatible':
    'openflow/sessions.test.ts: a peer that speaks another version is told hello_failed',
  'error flow_mod_failed.table_full':
    'openflow/flows.test.ts: a full table takes no more flows, but lets one be replaced',
  'error group_mod_failed.out_of_groups':
    'openflow/groups.test.ts: bounds: so many groups, so many buckets',
  'error group_mod_failed.out_of_buckets':
    'openflow/groups.test.ts: bounds: so many groups, so many buckets',
  'error meter_mod_failed.out_of_meters': 'openflow/meters.test.ts: so many meters and no more',
  'error bad_request.multipart_buffer_overflow':
    'openflow/tables.test.ts: an order of more than a request may hold is refused',
  'error bad_request.eperm': 'openflow/monitors.test.ts: so many monitors and no more',
  'error bad_request.bad_table_id':
    'openflow/tables.test.ts: tables that an order leaves out leave the pipeline with their flows, and nobody is told',
  'error table_mod_failed.bad_table':
    'openflow/tables.test.ts: tables that an order leaves out leave the pipeline with their flows, and nobody is told',
  'error table_features_failed.bad_len':
    'openflow/tables.test.ts: an order of a wrong length is refused with bad_len',
  ...Object.fromEntries(
    ['bad_table', 'bad_type', 'bad_argument'].map((code) => [
      `error table_features_failed.${code}`,
      'openflow/tables.test.ts: %s answers an order that cannot be, and nothing is changed',
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      'bad_request.buffer_empty': 'there are no buffers',
      'bad_action.eperm': 'nothing is forbidden',
      'bad_action.bad_queue': 'a queue that a port has not is its default (§5.12)',
      'bad_action.unsupported_order': 'every order is supported',
      'bad_action.bad_tag': 'tags that are none are `bad_argument`, as in Open vSwitch',
      'bad_instruction.unsup_inst': 'every instruction is supported',
      'bad_instruction.unsup_metadata': 'every bit of the metadata is supported',
      'bad_instruction.unsup_metadata_mask': 'every bit of the metadata is supported',
      'bad_instruction.bad_exp_type': 'no experimenter’s instruction is known',
      'bad_match.bad_tag': 'a match has no tags',
      'bad_match.bad_dl_addr_mask': 'every mask is supported',
      'bad_match.bad_nw_addr_mask': 'every mask is supported',
      'flow_mod_failed.unknown': 'every error has a name',
      'flow_mod_failed.bad_timeout': 'every timeout is supported',
      'group_mod_failed.weight_unsupported': 'weights are supported',
      'group_mod_failed.chaining_unsupported': 'chaining is supported',
      'meter_mod_failed.unknown': 'every error has a name',
      'meter_mod_failed.bad_rate': 'every rate is supported',
      'meter_mod_failed.bad_burst': 'every burst is supported',
      'role_request_failed.unsup': 'every role is supported',
      'table_features_failed.bad_metadata': 'every bit of the metadata is supported',
    }).map(([name, why]) => [`error ${name}`, `- ${why}`]),
  ),
}

/** Open vSwitch's actions that this switch refuses. */
const refused: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    sample: 'no samples are taken',
    sample2: 'no samples are taken',
    sample3: 'no samples are taken',
    encap: 'no network service headers',
    decap: 'no network service headers',
    dec_nsh_ttl: 'no network service headers',
    delete_field: 'no Geneve, and its options are all that it deletes',
    learn2: 'no limit of learned flows of one cookie; `learn` is there',
  }).map(([name, why]) => [name, `- refused with \`bad_exp_type\`: ${why}`]),
)

const rowsOf = (
  kind: string,
  names: readonly string[],
  shownBy: (name: string) => string | undefined,
): Supported[] =>
  names.map((name) => {
    const row = `${kind} ${name}`
    return { kind, name, shown: named[row] ?? shownBy(name) ?? '' }
  })

const OPENFLOW_FIELDS = fieldNames.filter((name) => fieldOf[name].header >>> 16 === 0x8000)
const OPENFLOW_ACTIONS = Object.entries(actionRows).flatMap(([name, [type]]) =>
  typeof type === 'number' ? [name] : [],
)
const OPEN_VSWITCH_ACTIONS = Object.keys(actionRows).filter(
  (name) => !OPENFLOW_ACTIONS.includes(name),
)
const errorNames = Object.values(errorTypes).flatMap(([type, codes]) =>
  codes.map((code) => `${type}.${code}`),
)
/** Nothing is forbidden here: the codes that say so are never sent. */
const isPermission = (name: string) => name.endsWith('.eperm') && name !== 'bad_request.eperm'

export const supported: readonly Supported[] = [
  ...rowsOf('message', Object.keys(messageRows), (name) => byMessage.get(name)),
  ...rowsOf('multipart', Object.keys(multipartRows), (name) => byMessage.get(name)),
  ...rowsOf('instruction', Object.keys(instructionRows), (name) => byInstruction.get(name)),
  ...rowsOf('action', OPENFLOW_ACTIONS, (name) =>
    actionKinds.includes(name as Action['kind'])
      ? byAction.get(name)
      : '- not supported: `bad_type`',
  ),
  ...rowsOf('Open vSwitch action', OPEN_VSWITCH_ACTIONS, (name) =>
    actionKinds.includes(name as Action['kind']) ? byAction.get(name) : refused[name],
  ),
  ...rowsOf('match field', OPENFLOW_FIELDS, (name) =>
    name in keyField
      ? (byField.get(name) ?? `openflow/fields.test.ts: ${name} is matched`)
      : '- not supported: `bad_field`',
  ),
  ...rowsOf('group type', Object.keys(groupType), () => undefined),
  ...rowsOf('meter band', Object.keys(bandRows), () => undefined),
  ...rowsOf('error', errorNames, (name) =>
    isPermission(name) ? '- nothing is forbidden' : byError.get(name),
  ),
]
