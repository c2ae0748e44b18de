/**
 * What can go wrong on an OpenFlow connection, as typed errors, and the table of the error types and
 * codes that a switch answers with. Sources: OpenFlow 1.3.5 §7.4.4, Open vSwitch ofp-errors.h for
 * the experimenters' codes. Neighbours: connection.ts, bundle.ts throw these; message.ts has the bytes.
 */
import { NICIRA, ONF } from './experimenter.ts'

/** type: [name, names of the codes from 0]. The first row is what a switch says of a bad hello. */
export const errorTypes: Readonly<Record<number, readonly [string, readonly string[]]>> = {
  0: ['hello_failed', ['incompatible', 'eperm']],
  1: [
    'bad_request',
    [
      'bad_version',
      'bad_type',
      'bad_multipart',
      'bad_experimenter',
      'bad_exp_type',
      'eperm',
      'bad_len',
      'buffer_empty',
      'buffer_unknown',
      'bad_table_id',
      'is_slave',
      'bad_port',
      'bad_packet',
      'multipart_buffer_overflow',
    ],
  ],
  2: [
    'bad_action',
    [
      'bad_type',
      'bad_len',
      'bad_experimenter',
      'bad_exp_type',
      'bad_out_port',
      'bad_argument',
      'eperm',
      'too_many',
      'bad_queue',
      'bad_out_group',
      'match_inconsistent',
      'unsupported_order',
      'bad_tag',
      'bad_set_type',
      'bad_set_len',
      'bad_set_argument',
    ],
  ],
  3: [
    'bad_instruction',
    [
      'unknown_inst',
      'unsup_inst',
      'bad_table_id',
      'unsup_metadata',
      'unsup_metadata_mask',
      'bad_experimenter',
      'bad_exp_type',
      'bad_len',
      'eperm',
    ],
  ],
  4: [
    'bad_match',
    [
      'bad_type',
      'bad_len',
      'bad_tag',
      'bad_dl_addr_mask',
      'bad_nw_addr_mask',
      'bad_wildcards',
      'bad_field',
      'bad_value',
      'bad_mask',
      'bad_prereq',
      'dup_field',
      'eperm',
    ],
  ],
  5: [
    'flow_mod_failed',
    [
      'unknown',
      'table_full',
      'bad_table_id',
      'overlap',
      'eperm',
      'bad_timeout',
      'bad_command',
      'bad_flags',
    ],
  ],
  6: [
    'group_mod_failed',
    [
      'group_exists',
      'invalid_group',
      'weight_unsupported',
      'out_of_groups',
      'out_of_buckets',
      'chaining_unsupported',
      'watch_unsupported',
      'loop',
      'unknown_group',
      'chained_group',
      'bad_type',
      'bad_command',
      'bad_bucket',
      'bad_watch',
      'eperm',
    ],
  ],
  7: ['port_mod_failed', ['bad_port', 'bad_hw_addr', 'bad_config', 'bad_advertise', 'eperm']],
  8: ['table_mod_failed', ['bad_table', 'bad_config', 'eperm']],
  9: ['queue_op_failed', ['bad_port', 'bad_queue', 'eperm']],
  10: ['switch_config_failed', ['bad_flags', 'bad_len', 'eperm']],
  11: ['role_request_failed', ['stale', 'unsup', 'bad_role']],
  12: [
    'meter_mod_failed',
    [
      'unknown',
      'meter_exists',
      'invalid_meter',
      'unknown_meter',
      'bad_command',
      'bad_flags',
      'bad_rate',
      'bad_burst',
      'bad_band',
      'bad_band_value',
      'out_of_meters',
      'out_of_bands',
    ],
  ],
  13: [
    'table_features_failed',
    ['bad_table', 'bad_metadata', 'bad_type', 'bad_len', 'bad_argument', 'eperm'],
  ],
}

/** error_type of an experimenter's error; its code is the experimenter's exp_type. */
export const EXPERIMENTER_ERROR = 0xffff

const BUNDLE = [
  'unknown',
  'eperm',
  'bad_id',
  'bundle_exist',
  'bundle_closed',
  'out_of_bundles',
  'bad_type',
  'bad_flags',
  'msg_bad_len',
  'msg_bad_xid',
  'msg_unsup',
  'msg_conflict',
  'msg_too_many',
  'msg_failed',
  'timeout',
  'bundle_in_progress',
].map((name, i) => [2300 + i, `bundle_failed.${name}`] as const)
const PROPERTY = [
  'too_many',
  'dup_type',
  'bad_experimenter',
  'bad_exp_type',
  'bad_exp_value',
  'eperm',
]

/** `experimenter,code`: name. ONF EXT-230 and others of its extensions; Open vSwitch's own. */
export const experimenterErrors: Readonly<Record<string, string>> = Object.fromEntries([
  ...[
    ...BUNDLE,
    ...PROPERTY.map((name, i) => [4443 + i, `bad_property.${name}`] as const),
    [2360, 'flow_mod_failed.bad_priority'] as const,
    [2370, 'async_config_failed.invalid'] as const,
    [2371, 'async_config_failed.unsupported'] as const,
    [2372, 'async_config_failed.eperm'] as const,
    [2600, 'bad_instruction.dup_inst'] as const,
    [2640, 'bad_request.multipart_request_timeout'] as const,
    [2641, 'bad_request.multipart_reply_timeout'] as const,
    [4250, 'bad_action.bad_set_mask'] as const,
  ].map(([code, name]) => [`${ONF},${code}`, name]),
  ...Object.entries({
    2: 'bad_request.nxm_invalid',
    3: 'bad_request.nxm_bad_type',
    4: 'bad_request.must_be_zero',
    5: 'bad_request.bad_reason',
    6: 'flow_monitor_failed.monitor_exists',
    7: 'flow_monitor_failed.bad_flags',
    8: 'flow_monitor_failed.unknown_monitor',
    9: 'bad_request.fm_bad_event',
    10: 'bad_request.unencodable_error',
    11: 'bad_action.must_be_zero',
    12: 'flow_mod_failed.hardware',
    13: 'flow_mod_failed.bad_table_id',
    15: 'bad_action.bad_conjunction',
    16: 'tlv_table_mod_failed.bad_command',
    17: 'tlv_table_mod_failed.bad_opt_len',
    18: 'tlv_table_mod_failed.bad_field_idx',
    19: 'tlv_table_mod_failed.table_full',
    20: 'tlv_table_mod_failed.already_mapped',
    21: 'tlv_table_mod_failed.dup_entry',
    34: 'resume_failed.not_supported',
    35: 'resume_failed.stale',
    36: 'stats_failed.not_configured',
    37: 'flow_mod_failed.invalid_tlv_field',
    38: 'tlv_table_mod_failed.invalid_tlv_del',
    39: 'bad_action.bad_header_type',
    40: 'bad_action.unknown_ed_prop',
    41: 'bad_action.bad_ed_prop',
    42: 'bad_action.ct_datapath_support',
    43: 'bad_match.ct_datapath_support',
    44: 'table_features_failed.dup_table',
  }).map(([code, name]) => [`${NICIRA},${code}`, name]),
])

/** Looks up [type, code] by name, for who answers with errors: `errorNumber('bad_match', 'bad_field')`. */
export function errorNumber(type: string, code: string): { error_type: number; code: number } {
  for (const [number, [name, codes]] of Object.entries(errorTypes)) {
    const index = name === type ? codes.indexOf(code) : -1
    if (index >= 0) return { error_type: Number(number), code: index }
  }
  throw new RangeError(`no OpenFlow error is called ${type}.${code}`)
}

/** `bad_match.bad_field`, or the numbers when no table knows them. */
export function errorName(error_type: number, code: number, experimenter?: number): string {
  if (error_type === EXPERIMENTER_ERROR) {
    const known = experimenterErrors[`${experimenter},${code}`]
    return known ?? `experimenter 0x${(experimenter ?? 0).toString(16)}.${code}`
  }
  const row = errorTypes[error_type]
  return row ? `${row[0]}.${row[1][code] ?? code}` : `${error_type}.${code}`
}

/** The peer answered with an error message. */
export class OpenflowError extends Error {
  readonly type: number
  readonly code: number
  /** Experimenter id of an experimenter's error. */
  readonly experimenter: number | undefined
  /** `bad_match.bad_field`. */
  readonly reason: string
  /** Transaction id of the message that failed. */
  readonly xid: number
  /** At least the first 64 bytes of the message that failed. */
  readonly data: Uint8Array
  /** Position of the message among those given to commitBundle or sendBatch; undefined elsewhere. */
  readonly index: number | undefined

  constructor(
    message: {
      error_type: number
      code: number
      experimenter?: number | undefined
      xid: number
      data: Uint8Array
    },
    index?: number,
    options?: ErrorOptions,
  ) {
    const reason = errorName(message.error_type, message.code, message.experimenter)
    super(`OpenFlow error ${reason}${index === undefined ? '' : ` in message ${index}`}`, options)
    this.name = 'OpenflowError'
    this.type = message.error_type
    this.code = message.code
    this.experimenter = message.experimenter
    this.reason = reason
    this.xid = message.xid
    this.data = message.data
    this.index = index
  }
}

/** The connection ended, or never came to be; `cause` says why when there is an underlying error. */
export class ConnectionError extends Error {
  readonly code: 'closed' | 'silent' | 'version' | 'overflow' | 'garbage'

  constructor(code: ConnectionError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ConnectionError'
    this.code = code
  }
}
