/**
 * What a run must have met: of a million frames each field, action, instruction, kind of group and error
 * 100 times, of longer and shorter runs in proportion; and shares of what became of frames.
 * Neighbours: report.ts, coverage.ts.
 */
import { keyNames } from '../../../dataplane/packet/key-layout.ts'
import { groupType } from '../../../southbound/openflow/group.ts'
import { instructionRows } from '../../../southbound/openflow/instruction.ts'
import { madeKinds } from './actions.ts'
import type { Result } from './campaign.ts'
import { median } from './coverage.ts'

/** Kinds of actions that one of the two has not. */
export interface Absent {
  readonly ours: readonly string[]
  readonly theirs: readonly string[]
}

/** Runs from here on are held to the shares, and from there on to the counts of rows. */
const LONG = 10_000
const VERY_LONG = 200_000
const SHARE = 0.2
const PER_FRAME = 100 / 1_000_000

/** Fields that no flow is made for, and why. */
const notMatched: Readonly<Record<string, string>> = {
  actset_output: 'Open vSwitch takes it over OpenFlow 1.5 alone',
  conj_id: 'conjunctive matches are the matcher’s own property test',
  nw_tos: 'an operand: matches have ip_dscp and ip_ecn',
  vlan_tci: 'an operand: matches have vlan_vid and vlan_pcp',
  nxm_in_port: 'an operand: matches have in_port',
}
const PATTERN_NOT_MATCHED = /^ct_(nw|tp|ipv6)_/

/** Errors that mistakes.ts and the makers of flows are there to cause. */
const owedErrors: readonly string[] = [
  ...['bad_type', 'bad_len', 'bad_experimenter', 'bad_exp_type', 'bad_out_port', 'bad_argument']
    .concat('bad_out_group', 'match_inconsistent', 'bad_set_type', 'bad_set_argument')
    .map((name) => `bad_action.${name}`),
  ...['unknown_inst', 'bad_table_id', 'bad_experimenter', 'dup_inst', 'bad_len'].map(
    (name) => `bad_instruction.${name}`,
  ),
  ...[
    'bad_len',
    'bad_wildcards',
    'bad_field',
    'bad_value',
    'bad_mask',
    'bad_prereq',
    'dup_field',
  ].map((name) => `bad_match.${name}`),
  ...['bad_table_id', 'overlap', 'bad_command', 'bad_flags'].map(
    (name) => `flow_mod_failed.${name}`,
  ),
  ...['group_exists', 'invalid_group', 'loop', 'unknown_group', 'bad_type', 'bad_command']
    .concat('bad_bucket')
    .map((name) => `group_mod_failed.${name}`),
  ...['meter_exists', 'invalid_meter', 'unknown_meter', 'bad_command', 'bad_flags', 'bad_rate']
    .concat('bad_band')
    .map((name) => `meter_mod_failed.${name}`),
  'bad_request.buffer_unknown',
]

export function missedGoals(result: Result, absent: Absent): string[] {
  const { coverage: c, frames } = result
  if (frames < LONG) return []
  const wanted = Math.floor(frames * PER_FRAME)
  const rare = (title: string, names: readonly string[], counts: ReadonlyMap<string, number>) => {
    if (frames < VERY_LONG) return []
    const few = names.filter((name) => (counts.get(name) ?? 0) < wanted)
    const told = few.map((name) => `${name} ${counts.get(name) ?? 0}`).join(', ')
    return few.length === 0 ? [] : [`${title} met less than ${wanted} times: ${told}`]
  }
  const fields = keyNames.filter(
    (name) => !Object.hasOwn(notMatched, name) && !PATTERN_NOT_MATCHED.test(name),
  )
  const shares = (['delivered', 'dropped', 'punted'] as const).filter(
    (name) => result[name] < SHARE * frames,
  )
  return [
    ...shares.map((name) => `less than 20 % of the frames were ${name}`),
    ...(median(c.matched) > 1 ? [] : ['a frame meets one flow, by the median']),
    ...rare('fields', fields, c.fields),
    ...rare(
      'actions',
      madeKinds.filter((kind) => !absent.ours.includes(kind)),
      c.actions,
    ),
    ...rare('instructions', Object.keys(instructionRows), c.instructions),
    ...rare('kinds of groups', Object.keys(groupType), c.groups),
    ...rare('errors', owedErrors, c.errors),
  ]
}
