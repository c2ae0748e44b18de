# os-ken's ofctl service as its REST interface used it: dictionaries in, dictionaries out. Prints one JSON
# object per request once a switch is there.
import json

from os_ken.app.ofctl import api, exception
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.lib import ofctl_v1_3 as ofctl
from os_ken.ofproto import ofproto_v1_3

app_manager.require_app('os_ken.app.ofctl.service', api_style=True)

FLOW = {'table_id': 3, 'priority': 7, 'cookie': 11, 'match': {'in_port': 1, 'eth_type': 2048, 'ipv4_dst': '10.0.0.0/8'},
        'actions': [{'type': 'SET_FIELD', 'field': 'eth_dst', 'value': '02:00:00:00:00:09'}, {'type': 'GROUP', 'group_id': 5}]}
GROUP = {'type': 'SELECT', 'group_id': 5, 'buckets': [{'weight': 2, 'actions': [{'type': 'OUTPUT', 'port': 1}]},
                                                      {'weight': 1, 'actions': [{'type': 'OUTPUT', 'port': 2}]}]}
METER = {'flags': ['KBPS', 'STATS'], 'meter_id': 4, 'bands': [{'type': 'DROP', 'rate': 1000, 'burst_size': 100}]}


class Service(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiters = {}

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def arrived(self, ev):
        hub.spawn(self.drive, ev.datapath)

    def drive(self, dp):
        o, p = dp.ofproto, dp.ofproto_parser
        ofctl.mod_meter_entry(dp, METER, o.OFPMC_ADD)
        ofctl.mod_group_entry(dp, GROUP, o.OFPGC_ADD)
        ofctl.mod_flow_entry(dp, FLOW, o.OFPFC_ADD)
        say('datapaths', [one.id for one in api.get_datapath(self)])
        for name in ('desc_stats', 'flow_stats', 'aggregate_flow_stats', 'group_desc', 'group_stats', 'group_features',
                     'meter_config', 'meter_stats', 'meter_features', 'port_desc', 'port_stats', 'queue_stats',
                     'table_stats', 'role'):
            say(name, getattr(ofctl, 'get_' + name)(dp, self.waiters)[str(dp.id)])
        ofctl.mod_flow_entry(dp, {'table_id': 3, 'cookie': 11, 'cookie_mask': 2**64 - 1}, o.OFPFC_DELETE)
        left = api.send_msg(self, p.OFPFlowStatsRequest(dp), p.OFPFlowStatsReply, reply_multi=True)
        say('left', [len(one.body) for one in left])
        try:
            api.send_msg(self, p.OFPGroupMod(dp, o.OFPGC_ADD, o.OFPGT_ALL, 5, []))
        except exception.OFError as refused:
            say('refused', [[one.type, one.code] for one in refused.result])

    @set_ev_cls([getattr(ofp_event, 'EventOFP' + name) for name in (
        'DescStatsReply', 'FlowStatsReply', 'AggregateStatsReply', 'GroupDescStatsReply', 'GroupStatsReply',
        'GroupFeaturesStatsReply', 'MeterConfigStatsReply', 'MeterStatsReply', 'MeterFeaturesStatsReply',
        'PortDescStatsReply', 'PortStatsReply', 'QueueStatsReply', 'TableStatsReply', 'RoleReply')], MAIN_DISPATCHER)
    def answered(self, ev):
        lock, messages = self.waiters.get(ev.msg.datapath.id, {}).get(ev.msg.xid, (None, []))
        messages.append(ev.msg)
        if lock and not getattr(ev.msg, 'flags', 0) & 1:
            del self.waiters[ev.msg.datapath.id][ev.msg.xid]
            lock.set()


def say(name, value):
    print(json.dumps({'kind': name, 'value': value}), flush=True)
