"""The peer of openflow-codec: os-ken on the same messages, timed in its own process.

Reads lines "CASE COUNT" and answers each with nanoseconds of CPU time per item; "check" answers with the flow-mod in hex.
The flow-stats reply comes as the first line, in hex, and how many entries it has.
"""
import sys
import time

from os_ken.ofproto import ofproto_parser, ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

version = ofproto_protocol.ProtocolDesc(ofp.OFP_VERSION)


def encode():
    match = parser.OFPMatch(in_port=3, eth_dst='02:00:00:00:00:11', eth_type=0x800,
                            ipv4_dst=('10.0.0.0', '255.255.255.0'))
    actions = [parser.OFPActionSetField(eth_src='02:00:00:00:00:01'), parser.OFPActionOutput(4, 0)]
    instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions),
                    parser.OFPInstructionGotoTable(6)]
    message = parser.OFPFlowMod(datapath=version, cookie=0x57, table_id=5, priority=100,
                                out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY,
                                match=match, instructions=instructions)
    message.set_xid(1)
    message.serialize()
    return message.buf


def decode(data):
    number, kind, length, xid = ofproto_parser.header(data)
    return ofproto_parser.msg(version, number, kind, length, xid, data)


flow_mod = bytes(encode())
reply, entries = sys.stdin.readline().split()
reply = bytes.fromhex(reply)
entries = int(entries)
assert len(decode(reply).body) == entries
cases = {
    'flow_mod_encode': (encode, 1),
    'flow_mod_decode': (lambda: decode(flow_mod), 1),
    'flow_stats_decode': (lambda: decode(reply), entries),
}
for line in sys.stdin:
    name, count = line.split()
    if name == 'check':
        print(flow_mod.hex(), flush=True)
        continue
    run, items = cases[name]
    count = max(1, int(count) // items)
    began = time.thread_time_ns()
    for _ in range(count):
        run()
    print((time.thread_time_ns() - began) / (count * items), flush=True)
