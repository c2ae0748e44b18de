"""A client on Open vSwitch's own Python library: syncs, writes, waits, and prints what it sees.

usage: idl.py unix:PATH
"""
import sys

import ovs.db.idl
import ovs.poller

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
remote = sys.argv[1]


def open_idl(**tables):
    helper = ovs.db.idl.SchemaHelper(SCHEMA)
    for table, columns in tables.items():
        helper.register_columns(table, columns)
    return ovs.db.idl.Idl(remote, helper)


def wait(idl, until):
    """Runs the library until the condition holds."""
    while True:
        idl.run()
        if until():
            return
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.block()


def say(*words):
    print(*words, flush=True)


def rows(idl, table, *columns):
    found = [[getattr(row, column) for column in columns] for row in idl.tables[table].rows.values()]
    return sorted(found, key=str)


idl = open_idl(
    Open_vSwitch=["bridges", "next_cfg", "cur_cfg", "external_ids"],
    Bridge=["name", "ports", "fail_mode"],
    Port=["name", "interfaces", "tag", "trunks"],
    Interface=["name", "external_ids", "mac"],
    QoS=["type", "other_config"],
)
wait(idl, lambda: idl.has_ever_connected())
say("synced", rows(idl, "Open_vSwitch", "next_cfg"))


def transact(change, comment="idl.py"):
    txn = ovs.db.idl.Transaction(idl)
    txn.add_comment(comment)
    extra = change(txn)
    status = txn.commit_block()
    say("transaction", status, txn.get_error() if status == txn.ERROR else "")
    return txn, extra


def root():
    return next(iter(idl.tables["Open_vSwitch"].rows.values()))


def make_root(txn):
    txn.insert(idl.tables["Open_vSwitch"]).external_ids = {"system-id": "h1"}


transact(make_root)


def make_bridge(txn):
    interface = txn.insert(idl.tables["Interface"])
    interface.name = "vm1"
    interface.external_ids = {"iface-id": "abc"}
    port = txn.insert(idl.tables["Port"])
    port.name = "vm1"
    port.interfaces = [interface]
    port.trunks = [3, 1, 2]
    bridge = txn.insert(idl.tables["Bridge"])
    bridge.name = "br0"
    bridge.ports = [port]
    root().verify("bridges")
    root().bridges = [bridge]
    root().increment("next_cfg")
    return bridge


txn, bridge = transact(make_bridge)
say("inserted", txn.get_insert_uuid(bridge.uuid) in idl.tables["Bridge"].rows)
say("increment", txn.get_increment_new_value() if False else root().next_cfg)
say(rows(idl, "Bridge", "name", "fail_mode"), rows(idl, "Port", "name", "tag", "trunks"))
say([port.interfaces[0].name for port in idl.tables["Port"].rows.values()])


def partial(txn):
    interface = next(iter(idl.tables["Interface"].rows.values()))
    interface.setkey("external_ids", "k", "v")
    interface.delkey("external_ids", "iface-id")
    port = next(iter(idl.tables["Port"].rows.values()))
    port.delvalue("trunks", 2)
    port.addvalue("trunks", 9)
    port.tag = 7


transact(partial)
say(rows(idl, "Interface", "external_ids"), rows(idl, "Port", "tag", "trunks"))


def unchanged(txn):
    next(iter(idl.tables["Port"].rows.values())).tag = 7


transact(unchanged)


def refused(txn):
    next(iter(idl.tables["Port"].rows.values())).trunks = [5000]


try:
    transact(refused)
except Exception as error:  # the library checks some values itself
    say("refused", type(error).__name__)


def second_root(txn):
    txn.insert(idl.tables["Open_vSwitch"]).external_ids = {"system-id": "h1"}


transact(second_root)


def abort(txn):
    txn.insert(idl.tables["QoS"]).type = "never"
    txn.abort()


txn = ovs.db.idl.Transaction(idl)
abort(txn)
say("aborted", txn.commit_block(), rows(idl, "QoS", "type"))

# What another client does is seen, and a stale verify is tried again.
other = open_idl(Port=["name", "tag"], QoS=["type"])
wait(other, lambda: other.has_ever_connected())
txn = ovs.db.idl.Transaction(other)
next(iter(other.tables["Port"].rows.values())).tag = 8
txn.insert(other.tables["QoS"]).type = "seen"
say("other", txn.commit_block())
txn = ovs.db.idl.Transaction(idl)
port = next(iter(idl.tables["Port"].rows.values()))
port.verify("tag")
port.tag = 9
say("stale", txn.commit_block())
wait(idl, lambda: rows(idl, "QoS", "type") == [["seen"]] and rows(idl, "Port", "tag") == [[[8]]])
say("seen")

# Conditions: what does not match goes out of sight.
idl.cond_change("QoS", [["type", "==", "shown"]])
wait(idl, lambda: not idl.tables["QoS"].rows)
say("hidden")
for kind in ("shown", "hidden"):
    txn = ovs.db.idl.Transaction(other)
    txn.insert(other.tables["QoS"]).type = kind
    txn.commit_block()
wait(idl, lambda: len(idl.tables["QoS"].rows) > 0)
say("condition", rows(idl, "QoS", "type"))

# A lock: a second holder waits for the first.
idl.set_lock("mine")
wait(idl, lambda: idl.has_lock)
say("locked")
other.set_lock("mine")
wait(other, lambda: other.is_lock_contended)
say("contended", other.has_lock)
txn = ovs.db.idl.Transaction(other)
txn.insert(other.tables["QoS"]).type = "without the lock"
say("without the lock", txn.commit_block())
idl.set_lock(None)
idl.run()
wait(other, lambda: other.has_lock)
say("passed on")

# After a reconnection everything is as before.
before = rows(idl, "Bridge", "name")
seqno = idl.change_seqno
idl.force_reconnect()
wait(idl, lambda: idl.change_seqno != seqno and rows(idl, "Bridge", "name") == before)
say("reconnected", rows(idl, "QoS", "type"), rows(idl, "Port", "tag"))


def clean(txn):
    root().bridges = []


transact(clean)
say("collected", rows(idl, "Bridge", "name"), rows(idl, "Port", "name"), rows(idl, "Interface", "name"))
