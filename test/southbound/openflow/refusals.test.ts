/** Values that no message can carry are refused by name, rather than sent as others. */
import { describe, expect, test } from 'vitest'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { encodeMatch, type Match } from '../../../southbound/openflow/match.ts'
import {
  deleteFlows,
  encode,
  flowMod,
  type Outgoing,
} from '../../../southbound/openflow/message.ts'
import { formatFlow, parseFlow } from '../../../southbound/openflow/text.ts'

const flowModWith = (some: object) => () => encode({ ...deleteFlows(), ...some } as Outgoing)
const wholeTo = (most: number) => `wants a whole number from 0 to ${most}, not `
const wide = 'wants a bigint of at most 64 bits, not '

test.each<[object, string]>([
  [{ table_id: 300 }, `flow_mod: table_id ${wholeTo(255)}300`],
  [{ priority: 70_000 }, `flow_mod: priority ${wholeTo(65_535)}70000`],
  [{ idle_timeout: -1 }, `flow_mod: idle_timeout ${wholeTo(65_535)}-1`],
  [{ hard_timeout: 1.5 }, `flow_mod: hard_timeout ${wholeTo(65_535)}1.5`],
  [{ flags: Number.NaN }, `flow_mod: flags ${wholeTo(65_535)}NaN`],
  [{ out_port: '3' }, `flow_mod: out_port ${wholeTo(0xffffffff)}"3"`],
  [{ out_port: 2 ** 32 }, `flow_mod: out_port ${wholeTo(0xffffffff)}4294967296`],
  [{ buffer_id: undefined }, `flow_mod: buffer_id ${wholeTo(0xffffffff)}undefined`],
  [{ priority: 5n }, `flow_mod: priority ${wholeTo(65_535)}5n`],
  [{ cookie: 2n ** 64n }, `flow_mod: cookie ${wide}18446744073709551616n`],
  [{ cookie: -1n }, `flow_mod: cookie ${wide}-1n`],
  [{ cookie: 5 }, `flow_mod: cookie ${wide}5`],
  [{ match: undefined }, 'flow_mod: match is missing (undefined)'],
  [{ xid: 2 ** 32 }, 'flow_mod: xid wants'],
])('of a message: %o', (some, sentence) => {
  expect(flowModWith(some)).toThrow(RangeError)
  expect(flowModWith(some)).toThrow(sentence)
})

test('of a text that is too long, or not of ISO 8859-1', () => {
  const port = {
    ...{ port_no: 1, hw_addr: 1, config: 0, state: 0, curr: 0, advertised: 0, supported: 0 },
    ...{ peer: 0, curr_speed: 0, max_speed: 0 },
  }
  const named = (name: string) => () => encode({ type: 'port_status', reason: 0, ...port, name })
  expect(named('a-name-that-is-longer')).toThrow('name wants a text of at most 16 characters')
  expect(named('żółw')).toThrow('not "żółw"')
  expect(named('eth0')).not.toThrow()
})

test('of a MAC address in a message', () => {
  const mod = { port_no: 1, hw_addr: 2 ** 48, config: 0, mask: 0, advertise: 0 }
  expect(() => encode({ type: 'port_mod', ...mod })).toThrow('port_mod: hw_addr wants')
})

test.each<[object, string]>([
  [
    { eth_src: '02:00:00:00:00:01' },
    '"02:00:00:00:00:01" (parseMac() of wire/address.ts makes it)',
  ],
  [{ ipv4_src: '10.0.0.1' }, '(parseIpv4() of wire/address.ts makes it)'],
  [{ eth_type: 70_000 }, `eth_type ${wholeTo(65_535)}70000`],
  [{ in_port: 1n }, `in_port ${wholeTo(0xffffffff)}1n`],
  [{ in_port: Number.NaN }, `in_port ${wholeTo(0xffffffff)}NaN`],
  [{ metadata: 5 }, `metadata ${wide}5`],
  [{ reg1: null }, `reg1 ${wholeTo(0xffffffff)}null`],
  [{ reg1: [1, 2n] }, 'reg1 wants as its mask'],
  [{ reg1: [1.5, 2] }, `reg1 ${wholeTo(0xffffffff)}1.5`],
])('of a match: %o', (match, sentence) => {
  expect(() => encodeMatch(match as Match)).toThrow(RangeError)
  expect(() => encodeMatch(match as Match)).toThrow(sentence)
})

test.each<[object, string]>([
  [{ kind: 'outptu', port: 1 }, 'no element is called "outptu"'],
  [{ kind: 'set_field', field: 'dl_src', value: 1 }, 'no field is called dl_src'],
  [{ kind: 'load2', field: 'dl_src', value: 1, mask: 1 }, 'no field is called dl_src'],
  [{ kind: 'output', port: '3' }, 'output: port wants'],
  [{ kind: 'load', dst: { field: 'reg0', ofs: 0, n_bits: 4 }, value: 2n ** 64n }, 'load: value'],
  [{ kind: 'check_pkt_larger', pkt_len: 70_000, dst: { field: 'reg0', ofs: 0 } }, 'pkt_len'],
  [{ kind: 'dec_ttl_cnt_ids', ids: [70_000] }, 'dec_ttl_cnt_ids: an id'],
  [{ kind: 'nat', flags: 1, proto_min: 70_000 }, 'nat: proto_min'],
])('of an action: %o', (action, sentence) => {
  const instructions = [{ kind: 'apply_actions', actions: [action] }] as never
  const flow = { table_id: 0, priority: 1, cookie: 0n, match: {}, instructions }
  expect(() => encodeFlow(flow)).toThrow(RangeError)
  expect(() => encodeFlow(flow)).toThrow(sentence)
})

describe('the settings of a flow', () => {
  const text = 'idle_timeout=77, hard_timeout=88, send_flow_rem priority=5,ip actions=drop'

  test('go from its text to the flow-mod and back', () => {
    const flow = encodeFlow(parseFlow(text))
    expect(flowMod('add', flow)).toMatchObject({ idle_timeout: 77, hard_timeout: 88, flags: 1 })
    expect(flowMod('modify', flow)).toMatchObject({ idle_timeout: 77, flags: 1 })
    expect(formatFlow(flow)).toBe(text)
    expect(flowMod('add', flow, 4)).toMatchObject({ idle_timeout: 77, flags: 4 })
  })

  test('are not of a deletion', () => {
    const settings = { idle_timeout: 0, hard_timeout: 0, flags: 0 }
    expect(flowMod('delete_strict', encodeFlow(parseFlow(text)))).toMatchObject(settings)
  })
})
