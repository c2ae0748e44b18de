# A learning switch on os-ken's own base classes: floods what it does not know, installs a flow when it
# does; every flow goes through meter 1, floods through group 1. Each line it prints is one JSON object.
import json

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3


def say(kind, **fields):
    print(json.dumps({'kind': kind, **fields}), flush=True)


class Learning(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.port_of = {}

    def add_flow(self, dp, priority, match, actions, **more):
        p = dp.ofproto_parser
        through = [p.OFPInstructionMeter(1), p.OFPInstructionActions(dp.ofproto.OFPIT_APPLY_ACTIONS, actions)]
        dp.send_msg(p.OFPFlowMod(dp, priority=priority, match=match, instructions=through, **more))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, ev):
        dp = ev.msg.datapath
        p, o = dp.ofproto_parser, dp.ofproto
        band = p.OFPMeterBandDrop(rate=100000, burst_size=1000)
        dp.send_msg(p.OFPMeterMod(dp, o.OFPMC_ADD, o.OFPMF_PKTPS | o.OFPMF_STATS, 1, [band]))
        flood = p.OFPBucket(actions=[p.OFPActionOutput(o.OFPP_FLOOD)])
        dp.send_msg(p.OFPGroupMod(dp, o.OFPGC_ADD, o.OFPGT_INDIRECT, 1, [flood]))
        self.add_flow(dp, 0, p.OFPMatch(), [p.OFPActionOutput(o.OFPP_CONTROLLER, o.OFPCML_NO_BUFFER)])
        say('features', dpid=dp.id, tables=ev.msg.n_tables)
        hub.spawn(self.ask, dp)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, ev):
        dp, in_port = ev.msg.datapath, ev.msg.match['in_port']
        p = dp.ofproto_parser
        eth = packet.Packet(ev.msg.data).get_protocol(ethernet.ethernet)
        self.port_of[eth.src] = in_port
        out = self.port_of.get(eth.dst)
        actions = [p.OFPActionGroup(1) if out is None else p.OFPActionOutput(out)]
        if out is not None:
            self.add_flow(dp, 1, p.OFPMatch(in_port=in_port, eth_dst=eth.dst), actions, idle_timeout=60)
        dp.send_msg(p.OFPPacketOut(dp, dp.ofproto.OFP_NO_BUFFER, in_port, actions, ev.msg.data))
        say('packet_in', src=eth.src, dst=eth.dst, in_port=in_port)

    def ask(self, dp):
        p, o = dp.ofproto_parser, dp.ofproto
        while True:
            hub.sleep(0.5)
            dp.send_msg(p.OFPFlowStatsRequest(dp))
            dp.send_msg(p.OFPGroupStatsRequest(dp, 0, o.OFPG_ALL))
            dp.send_msg(p.OFPMeterStatsRequest(dp, 0, o.OFPM_ALL))
            dp.send_msg(p.OFPPortStatsRequest(dp, 0, o.OFPP_ANY))

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def flows(self, ev):
        say('flows', learned=[f.packet_count for f in ev.msg.body if f.priority == 1])

    @set_ev_cls([ofp_event.EventOFPGroupStatsReply, ofp_event.EventOFPMeterStatsReply], MAIN_DISPATCHER)
    def counted(self, ev):
        for one in ev.msg.body:
            say('meter' if hasattr(one, 'meter_id') else 'group', packets=getattr(one, 'packet_in_count', getattr(one, 'packet_count', None)))

    @set_ev_cls(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def ports(self, ev):
        say('ports', rx={s.port_no: s.rx_packets for s in ev.msg.body})

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def error(self, ev):
        say('error', type=ev.msg.type, code=ev.msg.code)
