/**
 * An example of every action. A new row in action.ts, action-nicira.ts, … needs one.
 * Neighbours: action-example.ts, peers.test.ts.
 */
import { type ActionExample, one, tlv } from './action-example.ts'
import { nestedActionExamples } from './actions-nested.ts'
import { niciraActionExamples } from './actions-nicira.ts'

export const actionExamples: readonly ActionExample[] = [
  one({ kind: 'output', port: 3, max_len: 0 }, 'output:3', {
    OFPActionOutput: { port: 3, max_len: 0 },
  }),
  one({ kind: 'output', port: 0xfffffffd, max_len: 128 }, 'CONTROLLER:128', {
    OFPActionOutput: { port: 0xfffffffd, max_len: 128 },
  }),
  one({ kind: 'copy_ttl_out' }, 'OFPBAC_BAD_TYPE', {
    OFPActionCopyTtlOut: {},
  }),
  one({ kind: 'copy_ttl_in' }, 'OFPBAC_BAD_TYPE', {
    OFPActionCopyTtlIn: {},
  }),
  one({ kind: 'set_mpls_ttl', mpls_ttl: 9 }, 'set_mpls_ttl(9)', {
    OFPActionSetMplsTtl: { mpls_ttl: 9 },
  }),
  one({ kind: 'dec_mpls_ttl' }, 'dec_mpls_ttl', { OFPActionDecMplsTtl: {} }),
  one({ kind: 'push_vlan', ethertype: 0x8100 }, 'push_vlan:0x8100', {
    OFPActionPushVlan: { ethertype: 0x8100 },
  }),
  one({ kind: 'pop_vlan' }, 'pop_vlan', { OFPActionPopVlan: {} }),
  one({ kind: 'push_mpls', ethertype: 0x8847 }, 'push_mpls:0x8847', {
    OFPActionPushMpls: { ethertype: 0x8847 },
  }),
  one({ kind: 'pop_mpls', ethertype: 0x800 }, 'pop_mpls:0x0800', {
    OFPActionPopMpls: { ethertype: 0x800 },
  }),
  one({ kind: 'set_queue', queue_id: 77 }, 'set_queue:77', { OFPActionSetQueue: { queue_id: 77 } }),
  one({ kind: 'group', group_id: 12 }, 'group:12', { OFPActionGroup: { group_id: 12 } }),
  one({ kind: 'set_nw_ttl', nw_ttl: 64 }, 'mod_nw_ttl:64', { OFPActionSetNwTtl: { nw_ttl: 64 } }),
  one({ kind: 'dec_nw_ttl' }, 'dec_ttl', { OFPActionDecNwTtl: {} }),
  one(
    { kind: 'set_field', field: 'eth_dst', value: 0x020000000011 },
    'set_field:02:00:00:00:00:11->eth_dst',
    {
      OFPActionSetField: { field: tlv('eth_dst', '02:00:00:00:00:11') },
    },
  ),
  one({ kind: 'set_field', field: 'tunnel_id', value: 5001n }, 'set_field:0x1389->tun_id', {
    OFPActionSetField: { field: tlv('tunnel_id', 5001) },
  }),
  one({ kind: 'push_pbb', ethertype: 0x88e7 }, 'OFPBAC_BAD_TYPE', {
    OFPActionPushPbb: { ethertype: 0x88e7 },
  }),
  one({ kind: 'pop_pbb' }, 'OFPBAC_BAD_TYPE', { OFPActionPopPbb: {} }),

  ...niciraActionExamples,
  ...nestedActionExamples,
]
