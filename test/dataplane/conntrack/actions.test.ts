import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { encodeGroup, groupType } from '../../../southbound/openflow/group.ts'
import { decodeMatch } from '../../../southbound/openflow/match.ts'
import { flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { parseActions, parseFlow } from '../../../southbound/openflow/text.ts'
import { type Host, quiet, type Station, startHost } from '../rig.ts'
import { tcp, udp } from './packets.ts'

const out = { src: '10.0.0.1', dst: '10.0.0.2', sport: 1000, dport: 80 }
const home = { src: out.dst, dst: out.src, sport: 80, dport: 1000 }

describe('ct in a pipeline', () => {
  let h: Host
  let one: Station
  let two: Station
  let three: Station

  beforeEach(async () => {
    h = await startHost('h1')
    one = h.plug('vm1', 1)
    two = h.plug('vm2', 2)
    three = h.plug('vm3', 3)
    await quiet(3)
  })
  afterEach(() => h.host.close())

  const install = async (...texts: readonly string[]) => {
    for (const text of texts) void h.controller.send(flowMod('add', encodeFlow(parseFlow(text))))
    await h.controller.barrier()
    const errors = h.unsolicited.filter((message) => message.type === 'error')
    expect(errors).toEqual([])
  }

  test('a firewall lets answers in and nothing else', async () => {
    await install(
      'table=0,ip,actions=ct(table=1)',
      'table=1,priority=9,in_port=1,ip,ct_state=+trk+new,actions=ct(commit),output:2',
      'table=1,priority=9,in_port=1,ip,ct_state=+trk+est,actions=output:2',
      'table=1,priority=9,in_port=2,ip,ct_state=+trk+est,actions=output:1',
      'table=1,priority=1,ip,actions=drop',
    )
    two.send(udp(home))
    one.send(udp(out))
    await quiet()
    two.send(udp(home))
    two.send(udp({ ...home, sport: 81 }))
    await quiet()
    expect([one.received, two.received]).toEqual([[udp(home)], [udp(out)]])
    expect(h.host.conntrack.statistics).toMatchObject({ connections: 1, created: 1 })
    expect(h.host.drops.read()).toEqual({ flow_no_output: 2 })
  })

  test('the copy in the table knows the connection; what comes behind ct does not', async () => {
    await install(
      'table=0,ip,actions=set_field:7->reg0,ct(commit,table=1),resubmit(,2)',
      'table=1,reg0=7,ip,ct_state=+trk+new,actions=set_field:02:00:00:00:00:99->eth_dst,set_field:8->reg0,output:2',
      'table=2,reg0=7,ip,ct_state=0,actions=output:3',
    )
    const frame = udp(out)
    one.send(frame)
    await quiet()
    expect([three.received, two.received.length]).toEqual([[frame], 1])
    expect(two.received[0]!.slice(0, 6)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 0x99))
  })

  test('what is translated stays so in the frame, and is matched in the copy alone', async () => {
    await install(
      'table=0,ip,actions=ct(commit,nat(src=192.0.2.9:4000),table=1),resubmit(,2)',
      'table=1,udp,nw_src=192.0.2.9,udp_src=4000,actions=output:2',
      'table=2,udp,nw_src=10.0.0.1,udp_src=1000,actions=output:3',
    )
    one.send(udp(out))
    await quiet()
    const translated = udp({ ...out, src: '192.0.2.9', sport: 4000 })
    expect([two.received, three.received]).toEqual([[translated], [translated]])
  })

  test('an action set goes along with the copy, and is executed there and here', async () => {
    await install(
      'table=0,ip,actions=write_actions(output:3),goto_table:1',
      'table=1,ip,actions=ct(table=2),goto_table:3',
      'table=2,ip,actions=output:2',
      'table=3,ip,actions=drop',
    )
    one.send(udp(out))
    await quiet()
    expect([two.received.length, three.received.length]).toEqual([1, 2])
  })

  test('marks and labels are written bit by bit, the zone comes out of a register', async () => {
    await install(
      'table=0,ip,actions=set_field:0x50009->reg1,ct(commit,zone=NXM_NX_REG1[0..15],table=1,exec(load:0x5->NXM_NX_CT_MARK[4..7],move:NXM_NX_REG1[]->NXM_NX_CT_LABEL[64..95]))',
      'table=1,ip,actions=ct(commit,zone=9,exec(set_field:0x100/0xf00->ct_mark)),ct(zone=9,table=2)',
      'table=2,ip,actions=controller(max_len=65535)',
    )
    one.send(udp(out))
    await quiet()
    const [message] = h.unsolicited.filter((one) => one.type === 'packet_in')
    expect(decodeMatch(message!.match)).toMatchObject({
      ct_state: 0x21,
      ct_zone: 9,
      ct_mark: 0x150,
      ct_label: 0x50009n << 64n,
      ct_nw_proto: 17,
      ct_nw_src: 0x0a000001,
      ct_tp_dst: 80,
    })
  })

  test('ct_clear makes a packet untracked', async () => {
    await install(
      'table=0,ip,actions=ct(commit,table=1)',
      'table=1,ip,actions=ct_clear,resubmit(,2)',
      'table=2,ip,ct_state=-trk,actions=output:2',
    )
    one.send(udp(out))
    await quiet()
    expect(two.received).toHaveLength(1)
  })

  test('a lookup by the tuple before translation', async () => {
    await install(
      'table=0,ip,actions=ct(commit,nat(dst=10.1.1.1),table=1)',
      'table=1,ct_state=+new+trk,ip,actions=resubmit(,2,ct)',
      'table=2,udp,nw_dst=10.0.0.2,actions=output:2',
    )
    one.send(udp(out))
    await quiet()
    expect(two.received).toEqual([udp({ ...out, dst: '10.1.1.1' })])
  })

  test('buckets track for themselves', async () => {
    const buckets = [
      parseActions('ct(commit,zone=1,table=1,nat(src=192.0.2.1))'),
      parseActions('output:3'),
    ]
    const group = encodeGroup({ group_id: 1, group_type: groupType.all, buckets })
    void h.controller.send(groupMod('add', group))
    await install('table=0,ip,actions=group:1', 'table=1,ip,actions=output:2')
    one.send(udp(out))
    await quiet()
    expect(two.received).toEqual([udp({ ...out, src: '192.0.2.1' })])
    expect(three.received).toEqual([udp(out)])
  })

  test('a table that tracks into itself ends', async () => {
    await install('table=0,ip,actions=ct(table=0)')
    one.send(tcp({ ...out, flags: 'S' }))
    await quiet()
    expect(h.host.drops.read()).toEqual({ recursion_limit: 1 })
  })
})
