/**
 * Texts as people write them that no printer makes: older names, other forms of the same, and what is
 * nearly right. By grammar of text.ts, which breaks them too. Neighbour: text.ts.
 */

const matches = [
  ...[
    'ip,',
    ',ip\ttcp\nudp\rip6 arp',
    'tcp6,tp_src=80',
    'arp,nw_src=10.0.0.1,nw_proto=2',
    'tp_dst=80',
  ],
  ...['dl_vlan=5,dl_vlan_pcp=3', 'dl_vlan=5000', 'dl_vlan=0xffff', 'vlan_pcp=9', 'dl_vlan_pcp=7'],
  ...['vlan_tci=0', 'vlan_tci=0x1000/0x1000', 'vlan_tci=0x2000/0x2000', 'vlan_tci=0xf123'],
  ...['ip,nw_tos=5', 'ip,nw_tos=184', 'reg0=5/0', 'reg0=5/0xffffffff', 'mpls,mpls_ttl=3/1'],
  ...['ct_state=trk|est', 'ct_state=+', 'ct_state=+trk|est', 'ct_state=+trk+trk', 'ct_state=-nope'],
  ...['tcp,tcp_flags=syn|ack', 'tcp,tcp_flags=+syn-ack', 'tun_flags=oam', 'ct_state=trk+est'],
  ...['ip,nw_src=10.0.0.1/40', 'ip,nw_src=10.0.0.1/255.255.255.255', 'ipv6,ipv6_src=fe80::/10'],
  ...['tun_ipv6_dst=::ffff:10.0.0.1', 'tun_ipv6_dst=1:2:3:4:5:6:7::8', 'tun_ipv6_dst=1::2::3'],
  ...['ip,nw_frag=not_later', 'ip,nw_frag=yes', 'in_port=LOCAL', 'in_port=none', 'in_port(1)'],
  ...['reg0=*', 'in_port=*', 'in_port=65534', 'vlan_vid=0,vlan_pcp=3'],
  ...['packet_type=(1,0x800)', 'packet_type=1', 'dl_vlan=5,dl_vlan=6', 'icmp6,icmp_type=135'],
  ...['dl_type=0x800/0xff', 'vlan_vid=0xffff', 'eth_dst=1:2:3:4:5:6/ff:ff:ff:ff:ff:ff', 'nsp=5'],
  ...['NXM_OF_IN_PORT=0xfff8', 'NXM_OF_IN_PORT=65536', 'udp,tp_src=9/0xff,nw_proto=17', 'tcp=5'],
]
const actions = [
  ...[
    'controller',
    'CONTROLLER:5',
    'output:CONTROLLER',
    'output:LOCAL',
    'output=reg0[]',
    '5',
    'in_port',
  ],
  ...['controller=5', 'output(port=1)', 'output(port=1,max_len=9)', 'output:NXM_NX_XXREG0[]'],
  ...['set_vlan_vid:7', 'set_vlan_vid:4096', 'set_vlan_pcp:2', 'resubmit:in_port', 'resubmit(,)'],
  ...['set_tunnel:0x1ffffffff', 'output:65534', 'set_field:0xff/0xf->reg0'],
  ...['strip_vlan', 'mod_dl_src:02:00:00:00:00:01', 'mod_nw_src:10.0.0.1', 'mod_nw_tos:5'],
  ...['mod_nw_tos:8', 'mod_nw_ecn:2', 'mod_nw_src:10.0.0.1/24', 'set_mpls_tc:3', 'mod_vlan_vid:5'],
  ...['set_field:1/1->reg4', 'set_field:1/1->eth_type', 'set_field:1', 'load:1->NXM_NX_XXREG0[]'],
  ...[
    'load:1->NXM_NX_REG0[3..1]',
    'move:reg0[0..3]->reg1[0..4]',
    'move:reg0->reg1',
    'push:OXM_OF_VLAN_VID[]',
  ],
  ...[
    'ct(nat(src))',
    'ct(nat(src=1.2.3.4-::1))',
    'ct(nat(src=1.2.3.4,dst=1.2.3.5))',
    'ct(nat(hash))',
  ],
  ...[
    'ct(nat(dst=[::1]-[::9]:5-6))',
    'ct(nat(src=::1))',
    'ct(nat(src=1.2.3.4:80,random,persistent))',
  ],
  ...['ct(commit,zone=NXM_NX_REG0[0..15],alg=ftp)', 'ct(zone=NXM_NX_XXREG0[])', 'nat', 'clone:5'],
  ...['ct(commit,force,table=7,zone=5,exec(set_field:1->ct_mark))', 'clone(drop)', 'drop'],
  ...['resubmit(,6)', 'resubmit(1,2,ct)', 'resubmit(1,2,no)', 'resubmit(1,2,ct,4)', 'resubmit:5'],
  ...[
    'resubmit(5)',
    'resubmit=5',
    'dec_ttl',
    'dec_ttl(1,2)',
    'exit:5',
    'unknown(type=25,0)',
    'unknown(a)',
  ],
  ...['unknown(type=0x7001,01020304)', 'unknown(type=25,0102030405060708090a0b0c)', 'unknown(,)'],
  ...[
    'conjunction(1,2)',
    'conjunction(1,1/2)',
    'conjunction(1,3/2)',
    'note:',
    'note:01.02',
    'note:1',
  ],
  ...['multipath(eth_src,0,hrw,0,0,NXM_NX_REG0[])', 'multipath(eth_src,0,hrw,5,0,NXM_NX_REG0[])'],
  ...[
    'bundle(eth_src,0,hrw)',
    'bundle(eth_src,0,hrw,ofport,slaves:1,2)',
    'bundle(eth_src,0,hrw,port,members:1)',
  ],
  ...[
    'bundle(eth_src,0,hrw,ofport,x)',
    'bundle(eth_src,0,hrw,ofport,members:)',
    'decap',
    'encap(nope)',
  ],
  ...[
    'bundle_load(eth_src,0,hrw,ofport)',
    'bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:1)',
  ],
  ...['bundle(eth_src,0,hrw,ofport,1:2)', 'sample(probability=0)', 'sample(probability=1,egress)'],
  ...[
    'sample(probability=9,sampling_port=5)',
    'decap(packet_type(ns=1,type=2))',
    'encap(ethernet)',
  ],
  ...[
    'learn(table=1,eth_src=abc,limit=3)',
    'learn(reg0=1/1)',
    'learn(reg0=5)',
    'learn(NXM_NX_REG0[])',
  ],
  ...['learn(NXM_NX_REG0[0..3]=5)', 'learn(reg0[0..3]=reg1[0..4])', 'learn(load:1->reg0[0..3])'],
  ...['learn(load:reg1[0..3]->reg0[0..3])', 'learn(output:NXM_OF_IN_PORT[])', 'learn(load:5)'],
  ...[
    'learn(cookie=5,send_flow_rem,delete_learned,result_dst=reg0[3])',
    'learn(result_dst=reg0)',
    'learn',
  ],
  ...[
    'check_pkt_larger(5)',
    'check_pkt_larger(5)->reg0[0]',
    'check_pkt_larger(5)->reg0',
    'pop_vlan',
  ],
  ...['controller(max_len=9,id=5,reason=no_match)', 'controller(userdata=01,pause,meter_id=5)'],
  ...[
    'controller(userdata=01.02,max_len=5,id=7,reason=invalid_ttl)',
    'controller(max_len=65535,pause)',
  ],
  ...[
    'push_vlan:0x8100',
    'set_tunnel:5',
    'set_tunnel64:5',
    'mod_nw_ttl:5',
    'delete_field:reg0',
    'group:5',
  ],
  ...[
    'output:1 ,output:2',
    'output:reg0[0..15]',
    'output:tun_metadata0[0..31]',
    'output:nope',
    '5000000000',
  ],
  ...[
    'set_field:{5}->tun_metadata1',
    'pop:reg0',
    'set_queue:5',
    'output',
    'fin_timeout(idle_timeout=5)',
  ],
]
const flows = [
  ' cookie=0x57, duration=3.2s, table=5, n_packets=1, idle_timeout=9, send_flow_rem idle_age=3, priority=7,tcp,tp_dst=80 actions=drop',
  'send_flow_rem check_overlap reset_counts importance=5 hard_timeout=7 ip action:output:1',
  'cookie=5,nope=3 actions=drop',
  ...[
    ...[
      'clear_actions',
      'clear_actions:1',
      'write_actions=1',
      'write_actions(drop)',
      'write_actions(1,2)',
    ],
    ...[
      'write_metadata:5',
      'write_metadata:5/7',
      'goto_table:5',
      'meter:5',
      'goto_table:5,clear_actions',
    ],
    ...[
      'output:1,output:2,clear_actions',
      'goto_table:5,goto_table:6',
      'output:1,goto_table:5,output:2',
    ],
    ...[
      'unknown_instruction(type=77,01020304)',
      'unknown_instruction(type=77,01)',
      'unknown_instruction',
    ],
    ...[
      'unknown_instruction(type=77,00000000),unknown_instruction(type=78,00000000)',
      ' drop ',
      '',
    ],
    'meter:1,unknown_instruction(type=77,00000000),output:1,goto_table:5',
  ].map((one) => `ip,actions=${one}`),
]
const groups = [
  'group_id=1,type=all,bucket=actions=output:1,bucket=clone(output:2),3',
  'group_id=1,type=ff,bucket=watch_port:1,actions=1,bucket=watch_group:5,actions=drop',
  'group_id=1,type=1,bucket=bucket_id:5,weight:3,output:1 , bucket=weight:1 ,bucket=',
  'group_id=1,type=select,bucket=nope:5,actions=1',
  'group_id=1,type=nope',
  ...[
    'bucket=output:1',
    'type=all',
    'group_id=1',
    'group_id=1,type=all,nope=1',
    'group_id=1,type=300',
  ],
]
const meters = [
  'meter=3 pktps burst stats bands=\ntype=drop rate=9 burst_size=4',
  'meter=1 flags=0x13 bands=type=drop,rate=5',
  'meter=1 kbps bands=type=dscp_remark,rate=5,prec_level=2',
  'meter=1 bands=rate=5',
  'meter=1 bands=type=7,bytes=0102030405060708',
  ...[
    'meter=1 bands=type=nope',
    'meter=1',
    'kbps',
    'meter=1,nope',
    'meter=1 bands=type=drop,nope=1',
  ],
]

export const phrases: Readonly<Record<string, readonly string[]>> = {
  flow: [...flows, ...matches.map((one) => `${one} actions=drop`)],
  match: matches,
  actions,
  group: groups,
  meter: meters,
}
