/** Frames that are cut short, too long or unlike any other, against every action there is. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyNames } from '../../dataplane/packet/key-layout.ts'
import { isReadOnly } from '../../dataplane/pipeline/action-row.ts'
import type { Action } from '../../southbound/openflow/action.ts'
import { encodeGroup } from '../../southbound/openflow/group.ts'
import { groupMod } from '../../southbound/openflow/message.ts'
import { fieldNames, fieldOf } from '../../southbound/openflow/oxm.ts'
import { ethernetFrame, tcpSynFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { readCases } from './cases.ts'
import { apply, type Host, output, quiet, type Station, set, startHost } from './rig.ts'

const between = { eth_src: 1, eth_dst: 2, ipv4_src: 1, ipv4_dst: 2 }

/** Every settable field with all bits set. */
const settable = keyNames.filter((name) => !isReadOnly(name) && name !== 'vlan_tci')
const sets = settable.map((name): Action => set(name, fieldOf[name].ones))
const tags: readonly Action[] = [
  { kind: 'copy_ttl_in' },
  { kind: 'copy_ttl_out' },
  { kind: 'pop_vlan' },
  { kind: 'pop_mpls', ethertype: 0x0800 },
  { kind: 'pop_pbb' },
  { kind: 'push_mpls', ethertype: 0x8847 },
  { kind: 'push_pbb', ethertype: 0x88e7 },
  { kind: 'push_vlan', ethertype: 0x88a8 },
]

describe('a packet', () => {
  let h: Host
  let one: Station
  let two: Station

  beforeEach(async () => {
    h = await startHost('h1')
    one = h.plug('vm1', 1)
    two = h.plug('vm2', 2, 65_535)
    await quiet(3)
  })
  afterEach(() => h.host.close())

  test('has a place for all of the fields of OpenFlow 1.3.5', () => {
    const standard = fieldNames.filter((name) => fieldOf[name].class === 0x8000)
    const own = standard.filter((name) => fieldOf[name].field < 40)
    expect(own).toHaveLength(40)
    for (const name of own) expect(keyNames).toContain(name)
  })

  test('of any length goes through every action without an exception', async () => {
    const frames = new Map<string, Uint8Array>()
    for (const file of ['fields', 'tags', 'parsing', 'alone']) {
      for (const { input } of readCases(file)) {
        frames.set(Buffer.from(input.bytes).toString('hex'), input.bytes)
      }
    }
    // Without a label the last bucket ends at once.
    const lists = [sets, [...tags, ...sets], [{ kind: 'dec_mpls_ttl' } as const, ...sets]]
    const buckets = lists.map((actions) => [...actions, output(2)])
    void h.controller.send(groupMod('add', encodeGroup({ group_id: 1, group_type: 0, buckets })))
    await h.flow(0, 10, {}, [apply({ kind: 'group', group_id: 1 })])
    let sent = 0
    for (const frame of frames.values()) {
      for (let size = 14; size <= frame.length; size++) {
        one.send(frame.subarray(0, size))
        sent += 3
      }
      await quiet(2)
      expect(h.host.drops.of('exception')).toBe(0)
    }
    expect(sent).toBeGreaterThan(10_000)
    const { ttl_expired = 0, port_mtu_exceeded = 0, action_invalid = 0 } = h.host.drops.read()
    expect(action_invalid).toBeGreaterThan(0)
    expect(two.received.length + ttl_expired + port_mtu_exceeded + action_invalid).toBe(sent)
  })

  test('of no bytes at all is dropped by name', async () => {
    one.send(new Uint8Array(0))
    await quiet()
    expect(h.host.drops.read()).toEqual({ frame_truncated: 1 })
  })

  test('of 65,535 bytes is set, tagged and sent whole', async () => {
    const ip = { eth_type: 0x0800, ip_proto: 17 }
    const push = { kind: 'push_vlan', ethertype: 0x8100 } as const
    await h.flow(0, 10, ip, [apply(set('udp_dst', 9), push, set('vlan_vid', 0x1007), output(2))])
    const big = { ...between, udp_src: 1, payload: new Uint8Array(65_535 - 42 - 4).fill(3) }
    one.send(udpFrame({ ...big, udp_dst: 7 }))
    await quiet()
    const untagged = udpFrame({ ...big, udp_dst: 9 })
    const { payload } = { payload: untagged.subarray(14) }
    const eth = { dst: 2, src: 1, type: 0x0800, vlan_vid: 7 }
    expect(two.received).toEqual([ethernetFrame({ ...eth, payload })])
    expect(two.received[0]).toHaveLength(65_535)
  })

  test('takes more tags than the headroom holds', async () => {
    const push = { kind: 'push_vlan', ethertype: 0x8100 } as const
    const pbb = { kind: 'push_pbb', ethertype: 0x88e7 } as const
    await h.flow(0, 10, {}, [apply(...Array(40).fill(push), ...Array(9).fill(pbb), output(2))])
    const frame = tcpSynFrame({ ...between, tcp_src: 1, tcp_dst: 2 })
    one.send(frame)
    await quiet()
    const [big] = two.received
    expect(big).toHaveLength(frame.length + 40 * 4 + 9 * 18)
    expect(big?.subarray(-40)).toEqual(frame.subarray(-40))
  })
})
