/**
 * What a real Open vSwitch reports of flows with every action and every field: the bytes that it was
 * sent, which is what comparing a host with its intent rests on. Here is where it does not.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Action } from '../../../southbound/openflow/action.ts'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { encodeFlow, type FlowBytes } from '../../../southbound/openflow/flow.ts'
import { decodeMatch, encodeMatch, type Match } from '../../../southbound/openflow/match.ts'
import { flowMod } from '../../../southbound/openflow/message.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'
import type { FieldName } from '../../../southbound/openflow/oxm.ts'
import { needs } from '../../needs.ts'
import { type OpenVswitch, startOpenVswitch } from './open-vswitch.ts'
import { actionExamples } from './peers/actions.ts'
import { fieldExamples, refusedByOvs } from './peers/fields.ts'

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
const TRACKED = { ct_state: [0x22, 0x22] } as const

/** What a flow must match for its action to be taken. */
const asked: Partial<Readonly<Record<Action['kind'], Match>>> = {
  set_mpls_ttl: { eth_type: 0x8847 },
  dec_mpls_ttl: { eth_type: 0x8847 },
  pop_mpls: { eth_type: 0x8847 },
  set_nw_ttl: { eth_type: 0x800 },
  dec_nw_ttl: { eth_type: 0x800 },
  dec_ttl_cnt_ids: { eth_type: 0x800 },
  fin_timeout: { eth_type: 0x800, ip_proto: 6 },
  learn: { eth_type: 0x800 },
  ct: { eth_type: 0x800, ip_proto: 6 },
  resubmit_ct: { eth_type: 0x800, ...TRACKED },
  pop_vlan: { vlan_vid: 0x1005 },
  dec_nsh_ttl: { eth_type: 0x894f },
}
/** Actions that Open vSwitch turns into others. */
const turned: Partial<Readonly<Record<Action['kind'], Action>>> = {
  set_tunnel: { kind: 'set_field', field: 'tunnel_id', value: 0x1234n },
  set_tunnel64: { kind: 'set_field', field: 'tunnel_id', value: 0x1_0000_0000n },
}
const matchOf = (action: Action): Match =>
  'actions' in action && action.actions.some((one) => 'ipv6_min' in one)
    ? { eth_type: 0x86dd }
    : (asked[action.kind] ?? {})

/** Exact matches on these are reported masked, or as other fields. */
const reportedOtherwise: Partial<Readonly<Record<FieldName, string>>> = {
  nxm_in_port: 'in_port',
  vlan_tci: 'vlan_vid, and vlan_pcp',
  nw_tos: 'ip_dscp',
  tun_flags: 'with a mask of the bits that there are',
  ct_state: 'with a mask of the bits that there are',
  tun_erspan_idx: 'tun_erspan_ver with a mask',
  tun_erspan_ver: 'with a mask',
  tun_erspan_dir: 'tun_erspan_ver with a mask',
  tun_erspan_hwid: 'with a mask',
  tun_gtpu_flags: 'with the value as the mask',
  tun_gtpu_msgtype: 'with the value as the mask',
}
const comesBackOtherwise = (name: FieldName) =>
  /^xx?reg/.test(name) || reportedOtherwise[name] !== undefined

describe('real Open vSwitch', needs('ovs'), () => {
  let ovs: OpenVswitch
  let controller: Connection
  beforeAll(async () => {
    ovs = await startOpenVswitch()
    controller = await ovs.connect()
  }, 30_000)
  afterAll(async () => {
    controller?.close()
    await ovs?.close()
  }, 30_000)

  /** The flow as it is reported, or why it was refused. */
  async function reported(flow: FlowBytes): Promise<FlowBytes | string> {
    const refusals: string[] = []
    const xid = controller.nextXid()
    const forget = controller.watch(xid, 1, {
      answer() {},
      fail: (error) => refusals.push(error.message),
    })
    await controller.send({ ...flowMod('add', flow), xid })
    const [back] = await controller.multipart({ kind: 'flow', body: allFlows() })
    forget()
    await clear()
    return back ?? refusals[0] ?? 'nothing'
  }
  const clear = async () => {
    const all = encodeFlow({ table_id: 0xff, priority: 0, cookie: 0n, match: {}, instructions: [] })
    await controller.send(flowMod('delete', all))
    await controller.barrier()
  }

  test('reports every action that it has byte for byte as it was sent', async () => {
    const group = { group_id: 12, group_type: 0, buckets: new Uint8Array(0) }
    await controller.send({ type: 'group_mod', command: 0, ...group })
    for (const { action, prints } of actionExamples) {
      const flow = (one: Action) =>
        encodeFlow({
          ...{ table_id: 0, priority: 1, cookie: 0n, match: matchOf(action) },
          instructions: [{ kind: 'apply_actions', actions: [one] }],
        })
      const back = await reported(flow(action))
      // It has no tunnel option for the field to be deleted.
      if (prints.startsWith('OFP') || action.kind === 'delete_field') {
        expect(back, action.kind).toMatch(/bad_action.bad_type|invalid_tlv_field/)
      } else {
        const wanted = flow(turned[action.kind] ?? action).instructions
        expect(typeof back === 'string' ? back : hex(back.instructions), action.kind).toBe(
          hex(wanted),
        )
      }
    }
  })

  test('reports a match on every field byte for byte as it was sent, but for some that are said here', async () => {
    const refused: string[] = []
    const different: string[] = []
    for (const { field, match, masked } of fieldExamples) {
      const { name } = field
      if (/^tun_metadata/.test(name)) continue
      const flow = encodeFlow({ table_id: 0, priority: 1, cookie: 0n, match, instructions: [] })
      const back = await reported(flow)
      if (typeof back === 'string') refused.push(name)
      else if (hex(back.match) !== hex(flow.match)) different.push(name)
      else if (!masked) expect(comesBackOtherwise(name), name).toBe(false)
    }
    expect(different.filter((name) => !comesBackOtherwise(name as FieldName))).toEqual([])
    // Those of the datapath's own are for no controller to match.
    const internal = ['dp_hash', 'recirc_id']
    expect(new Set(refused)).toEqual(new Set([...Object.keys(refusedByOvs), ...internal]))
  })

  test('reports tun_metadata as long as its table of options says', async () => {
    const option = { option_class: 0xffff, option_type: 3, option_len: 8, index: 0 }
    await controller.send({ type: 'tlv_table_mod', command: 0, maps: [option] })
    const match = { tun_metadata0: 0x15n }
    const flow = encodeFlow({ table_id: 0, priority: 1, cookie: 0n, match, instructions: [] })
    expect(hex(encodeMatch(match))).toBe('0001500400000015')
    const back = await reported(flow)
    if (typeof back === 'string') throw new Error(back)
    expect(hex(back.match)).toBe('000150080000000000000015')
    expect(decodeMatch(back.match)).toEqual(match)
  })
})
