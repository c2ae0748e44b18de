/** The tables of error codes, against the names that Open vSwitch has for the same codes on OpenFlow 1.3. */
import { describe, expect, test } from 'vitest'
import { errorTypes, experimenterErrors } from '../../../southbound/openflow/error.ts'
import { NICIRA, ONF } from '../../../southbound/openflow/experimenter.ts'
import { encode } from '../../../southbound/openflow/message.ts'
import { needs } from '../../needs.ts'
import { ofpParse } from './peers/ofp-parse.ts'

/** How Open vSwitch begins the names of each type. */
const prefixes: Readonly<Record<string, string>> = {
  OFPHFC: 'hello_failed',
  OFPBRC: 'bad_request',
  NXBRC: 'bad_request',
  OFPBAC: 'bad_action',
  NXBAC: 'bad_action',
  OFPBIC: 'bad_instruction',
  OFPBMC: 'bad_match',
  NXBMC: 'bad_match',
  OFPFMFC: 'flow_mod_failed',
  NXFMFC: 'flow_mod_failed',
  OFPGMFC: 'group_mod_failed',
  OFPPMFC: 'port_mod_failed',
  OFPTMFC: 'table_mod_failed',
  OFPQOFC: 'queue_op_failed',
  OFPSCFC: 'switch_config_failed',
  OFPRRFC: 'role_request_failed',
  OFPMMFC: 'meter_mod_failed',
  OFPTFFC: 'table_features_failed',
  NXTFFC: 'table_features_failed',
  OFPBPC: 'bad_property',
  OFPACFC: 'async_config_failed',
  OFPBFC: 'bundle_failed',
  OFPMOFC: 'flow_monitor_failed',
  NXTTMFC: 'tlv_table_mod_failed',
  NXR: 'resume_failed',
  NXST: 'stats_failed',
}
/** Names that it has from other versions of OpenFlow, or since it calls a slave secondary. */
const otherwise: Readonly<Record<string, string>> = {
  'bad_request.bad_stat': 'bad_request.bad_multipart',
  'bad_request.bad_vendor': 'bad_request.bad_experimenter',
  'bad_request.bad_subtype': 'bad_request.bad_exp_type',
  'bad_request.is_secondary': 'bad_request.is_slave',
  'bad_action.bad_vendor': 'bad_action.bad_experimenter',
  'bad_action.bad_vendor_type': 'bad_action.bad_exp_type',
  'bad_property.bad_type 13': 'table_features_failed.bad_type',
  'bad_property.bad_len 13': 'table_features_failed.bad_len',
  'bad_property.bad_value 13': 'table_features_failed.bad_argument',
}

describe('error codes', needs('ovs'), () => {
  test('have the names that Open vSwitch knows them by, all of them and no others', async () => {
    const data = encode({ type: 'barrier_request', xid: 1 })
    const range = (n: number) => Array.from({ length: n }, (_, i) => i)
    const codes = [
      ...range(20).flatMap((error_type) => range(24).map((code) => ({ error_type, code }))),
      ...[ONF, NICIRA].flatMap((experimenter) =>
        range(experimenter === ONF ? 5000 : 100).map((code) => ({
          error_type: 0xffff,
          code,
          experimenter,
        })),
      ),
    ]
    const text = await ofpParse(codes.map((one) => encode({ type: 'error', xid: 2, data, ...one })))
    const theirs: Record<string, string> = {}
    for (const [i, { error_type, code, ...rest }] of codes.entries()) {
      const [, prefix = '', name = ''] =
        /xid=0x2\): ((?:OFP|NX)[A-Z]*)_(\w+)/.exec(text[i] ?? '') ?? []
      if (name === '') continue
      const full = `${prefixes[prefix] ?? prefix}.${name.toLowerCase()}`
      const owner = 'experimenter' in rest ? rest.experimenter : error_type
      theirs[`${owner},${code}`] = otherwise[full] ?? otherwise[`${full} ${error_type}`] ?? full
    }
    const ours = Object.entries(errorTypes).flatMap(([type, [name, all]]) =>
      all.map((code, i) => [`${type},${i}`, `${name}.${code}`]),
    )
    expect({ ...Object.fromEntries(ours), ...experimenterErrors }).toEqual(theirs)
  })
})
