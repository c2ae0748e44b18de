import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { moveField } from '../../../southbound/openflow/action.ts'
import { encodeFlow, flowKey, sameFlow } from '../../../southbound/openflow/flow.ts'
import { decodeBuckets, encodeGroup } from '../../../southbound/openflow/group.ts'
import { decodeInstructions, encodeInstructions } from '../../../southbound/openflow/instruction.ts'
import {
  canonicalMatch,
  decodeMatch,
  encodeMatch,
  missingPrerequisite,
} from '../../../southbound/openflow/match.ts'
import { decode, encode, flowMod, write } from '../../../southbound/openflow/message.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { fieldOf } from '../../../southbound/openflow/oxm.ts'
import { WireError } from '../../../southbound/wire/error.ts'
import { Writer } from '../../../southbound/wire/writer.ts'
import { runs } from '../../random.ts'
import { matches, messages } from './values.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('literal bytes', () => {
  test('a flow-mod', () => {
    const flow = encodeFlow({
      table_id: 5,
      priority: 100,
      cookie: 0x57n,
      match: { reg1: 7, eth_dst: 0x0200_0000_0011 },
      instructions: [
        { kind: 'goto_table', table_id: 6 },
        { kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg3', value: 4 }] },
      ],
    })
    expect(hex(encode({ xid: 0x1234, ...flowMod('add', flow) }))).toBe(
      '040e006800001234' +
        '00000000000000570000000000000000' +
        '05000000000000 64'.replace(' ', '') +
        'ffffffffffffffffffffffff00000000' +
        '0001001680000606020000000011 0001020400000007 0000'.replaceAll(' ', '') +
        '0004001800000000 0019001000010604 0000000400000000'.replaceAll(' ', '') +
        '0001000806000000',
    )
  })

  test('a group of type all whose first bucket sets tun_dst', () => {
    const group = encodeGroup({
      group_id: 7,
      group_type: 0,
      buckets: [
        [
          { kind: 'set_field', field: 'tun_dst', value: 0xc000020c },
          { kind: 'output', port: 10, max_len: 0 },
        ],
      ],
    })
    expect(hex(group.buckets)).toBe(
      '00300000ffffffffffffffff00000000' +
        '001900100001 4004c000020c00000000'.replace(' ', '') +
        '000000100000000a0000000000000000',
    )
    expect(decodeBuckets(group.buckets)).toHaveLength(1)
  })

  test('an operand of move has the older name by which Open vSwitch reports it', () => {
    const actions = [moveField('eth_src', 'eth_dst'), moveField('arp_sha', 'arp_tha')]
    const wire = encodeInstructions([{ kind: 'apply_actions', actions }])
    expect(hex(wire)).toBe(
      '0004003800000000' +
        'ffff001800002320000600300000000000000406 00000206'.replace(' ', '') +
        'ffff001800002320000600300000000000012206 00012406'.replace(' ', ''),
    )
    expect(decodeInstructions(wire)).toEqual([{ kind: 'apply_actions', actions }])
  })

  test('a flow update of the monitor as Open vSwitch sends it on OpenFlow 1.3', () => {
    const wire = bytes(
      '0413005800000000 ffff000000000000 4f4e4600 0000074e' +
        '0040 0000 0000 0003 0000 0000 000c 09 00 0000000000000077' +
        '0001000c 00010204 00000004 00000000' +
        '0004001800000000 0000001000000001 0000000000000000',
    )
    const message = decode(wire)
    expect(message).toMatchObject({
      type: 'multipart_reply',
      kind: 'flow_monitor',
      body: [{ event: 'added', priority: 3, table_id: 9, cookie: 0x77n }],
    })
    expect(hex(encode(message))).toBe(hex(wire))
  })
})

describe('matches', () => {
  test('are sorted so that prerequisites come first, whatever the order of the object', () => {
    const one = encodeMatch({ reg1: 7, nw_ttl: 1, eth_type: 0x800, in_port: 3 })
    const other = encodeMatch({ in_port: 3, eth_type: 0x800, nw_ttl: 1, reg1: 7 })
    expect(hex(one)).toBe(
      '80000004000000038000 0a020800 0001020400000007 00013a0101'.replaceAll(' ', ''),
    )
    expect(hex(other)).toBe(hex(one))
  })

  test('have no mask of all ones, no wildcarded field, no bits outside a mask', () => {
    expect(hex(encodeMatch({ reg4: [5, 0xffffffff], eth_src: [3, 0] }))).toBe('0001080400000005')
    expect(decodeMatch(encodeMatch({ ipv4_src: [0x0a0000ff, 0xffffff00] }))).toEqual({
      ipv4_src: [0x0a000000, 0xffffff00],
    })
  })

  test('of a peer become canonical: sorted, masks of all ones dropped', () => {
    const wire = bytes(
      '00010204 00000007' + '8000070c 020000000011 ffffffffffff' + '80000004 00000001',
    )
    expect(hex(canonicalMatch(wire))).toBe(
      hex(encodeMatch({ in_port: 1, eth_dst: 0x020000000011, reg1: 7 })),
    )
    expect(() => canonicalMatch(bytes('80000004 00000001 80000004 00000002'))).toThrow(WireError)
  })

  test('keep their meaning when decoded', () => {
    fc.assert(
      fc.property(matches, (match) => {
        const wire = encodeMatch(match)
        expect(decodeMatch(wire)).toEqual(match)
        expect(hex(canonicalMatch(wire))).toBe(hex(wire))
      }),
      runs(500),
    )
  })

  test('with a value that does not fit, or an unknown field, are a programmer’s error', () => {
    expect(() => encodeMatch({ vlan_vid: 0x2000 })).toThrow(
      'vlan_vid wants a whole number from 0 to 8191, not 8192',
    )
    expect(() => encodeMatch({ in_port: [1, 1] })).toThrow('in_port takes no mask')
    expect(() => encodeMatch({ dl_dst: 1 } as never)).toThrow('no match field is called dl_dst')
  })

  test('name the prerequisite that they lack', () => {
    expect(missingPrerequisite({ arp_tpa: 1 })).toBe('arp_tpa needs eth_type=0x806 or 0x8035')
    expect(missingPrerequisite({ arp_tpa: 1, eth_type: 0x806 })).toBeUndefined()
    expect(missingPrerequisite({ udp_src: 1, eth_type: 0x800, ip_proto: 6 })).toBe(
      'udp_src needs ip_proto=0x11',
    )
  })
})

test('a flow has the identity of its table, priority and match alone', () => {
  const flow = { table_id: 1, priority: 2, cookie: 3n, match: { reg1: 1 }, instructions: [] }
  const a = encodeFlow(flow)
  const b = encodeFlow({ ...flow, cookie: 4n, instructions: [{ kind: 'goto_table', table_id: 4 }] })
  expect(flowKey(b)).toBe(flowKey(a))
  expect(sameFlow(a, b)).toBe(false)
  expect(sameFlow(a, encodeFlow(flow))).toBe(true)
  for (const other of [{ table_id: 2 }, { priority: 3 }, { match: { reg1: 2 } }]) {
    expect(flowKey(encodeFlow({ ...flow, ...other }))).not.toBe(flowKey(a))
  }
})

test('every field has a codec of its width', () => {
  for (const field of Object.values(fieldOf)) {
    const match = { [field.name]: field.ones }
    expect(decodeMatch(encodeMatch(match as never))).toEqual(match)
  }
})

describe('what is encoded decodes to the same value', () => {
  test.each(Object.keys(messages))('%s', (name) => {
    const values = messages[name]
    if (!values) throw new Error(name)
    fc.assert(
      fc.property(values, (message) => {
        const wire = encode(message)
        expect(wire.length).toBe((wire[2] ?? 0) * 256 + (wire[3] ?? 0))
        const back = decode(wire)
        expect(back).toEqual(message)
        expect(hex(encode(back))).toBe(hex(wire))
      }),
      runs(60),
    )
  })
})

test('a message is the same bytes however often the buffer under it grows', () => {
  for (const [name, values] of Object.entries(messages)) {
    for (const message of fc.sample(values, { seed: 3, numRuns: 50 })) {
      const writer = new Writer(1)
      write(writer, message)
      expect(hex(writer.copy()), name).toBe(hex(encode(message)))
    }
  }
})

test('messages and experimenters that no row declares are kept as bytes', () => {
  for (const wire of [
    '041e000c 00000001 01020304',
    '04040014 00000002 0000abcd 00000005 0a0b0c0d',
  ]) {
    expect(hex(encode(decode(bytes(wire))))).toBe(wire.replaceAll(' ', ''))
  }
  expect(decode(bytes('041e000c 00000001 01020304')).type).toBe('unknown')
})

test('damaged messages are refused with a WireError, never another error', () => {
  const random = lcg(20_231)
  const samples = Object.values(messages).flatMap((values) =>
    fc.sample(values, { seed: 7, numRuns: 20 }),
  )
  let refused = 0
  let accepted = 0
  for (let i = 0; i < 20_000; i++) {
    const message = samples[random() % samples.length]
    if (!message) continue
    let wire = encode(message)
    const kind = random() % 4
    if (kind === 0) wire = wire.slice(0, random() % wire.length)
    if (kind === 1) wire = Uint8Array.from({ length: 8 + (random() % 80) }, () => random() & 255)
    for (let n = random() % 4; n >= 0 && wire.length > 0; n--) {
      wire[random() % wire.length] = [0, 1, 4, 8, 0xff, random() & 255][random() % 6] ?? 0
    }
    // The header is put right half the time, so that the bodies are reached.
    if (random() % 2 === 0 && wire.length >= 8) {
      wire[0] = 4
      wire[2] = wire.length >> 8
      wire[3] = wire.length
    }
    try {
      const back = decode(wire)
      accepted++
      if (back.type === 'flow_mod') {
        decodeMatch(back.match)
        decodeInstructions(back.instructions)
      } else if (back.type === 'group_mod') decodeBuckets(back.buckets)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      refused++
    }
  }
  expect(accepted).toBeGreaterThan(2000)
  expect(refused).toBeGreaterThan(5000)
})

test.each(['features_reply', 'set_config', 'table_mod', 'role_request', 'set_async'] as const)(
  'a %s with bytes behind it is refused, not cut',
  (type) => {
    const [code, body] = messageRows[type]
    for (let over = 1; over < 8; over++) {
      const bytes = new Uint8Array(8 + (body.shape as { head: { size: number } }).head.size + over)
      bytes.set([4, code, 0, bytes.length])
      expect(() => decode(bytes), `${over} bytes`).toThrow(WireError)
      expect(() => decode(bytes.slice(0, -over).with(3, bytes.length - over))).not.toThrow()
    }
  },
)

/** A small generator with a seed, so that a failure can be run again. */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 8
  }
}
