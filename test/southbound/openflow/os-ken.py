"""Asks os-ken, an OpenFlow library in Python, to write and read OpenFlow 1.3 messages. Driven by peers/os-ken.ts.

One JSON line in, one JSON line out. {"write": {CLASS: {NAME: VALUE, ...}}, "xid": N} gives {"hex": bytes};
{"read": bytes} gives {"value": {CLASS: {NAME: VALUE, ...}}}; {"error": sentence} when os-ken cannot.
Values are as in os-ken's own JSON form: bytes in base64, addresses as text.
"""

import json
import logging
import sys

logging.disable(logging.CRITICAL)

from os_ken.ofproto import ofproto_parser, ofproto_protocol, ofproto_v1_3_parser

datapath = ofproto_protocol.ProtocolDesc(version=4)


def write(value, xid):
    message = ofproto_parser.ofp_msg_from_jsondict(datapath, value)
    message.set_xid(xid)
    message.serialize()
    return {"hex": bytes(message.buf).hex()}


def read(data):
    header = ofproto_parser.header(data)
    if header[1] not in ofproto_v1_3_parser._MSG_PARSERS:
        return {"error": "os-ken has no parser for type %d" % header[1]}
    message = ofproto_v1_3_parser.msg_parser(datapath, *header, data)
    return {"value": message.to_jsondict()}


for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    try:
        answer = write(asked["write"], asked["xid"]) if "write" in asked else read(bytes.fromhex(asked["read"]))
        # Of some actions (load2) os-ken makes no JSON itself.
        text = json.dumps(answer, default=lambda one: {type(one).__name__: vars(one)})
    except Exception as error:
        text = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
    print(text, flush=True)
