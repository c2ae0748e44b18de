"""The peer of `ovsdb-codec`: python-openvswitch (its Idl, its ovs.db.data, its JSON parser in C) on the
same bytes. Reads the files of the reply, of the rows and of the schema; prints one line of JSON."""

import json
import sys
import time

import ovs.db.idl
import ovs.db.types
import ovs.json
import ovs.jsonrpc

RUNS = 1
reply_file, rows_file, schema_file, columns = sys.argv[1:5]
columns = columns.split(",")
reply = open(reply_file, encoding="utf-8").read()
rows = open(rows_file, encoding="utf-8").read().splitlines()


def median(samples):
    return sorted(samples)[len(samples) // 2]


def new_idl():
    helper = ovs.db.idl.SchemaHelper(location=schema_file)
    helper.register_columns("Interface", columns)
    idl = ovs.db.idl.Idl("unix:/nowhere", helper)
    idl.index_create("Interface", "name").add_column("name")
    iface_id = lambda row: row.external_ids.get("iface-id", "")
    idl.index_create("Interface", "iface").add_column("external_ids", key=iface_id)
    return idl


def monitor_ms():
    """From the text until every row is decoded and in the two indexes."""
    idl = new_idl()
    began = time.perf_counter()
    message = ovs.jsonrpc.Message.from_json(ovs.json.from_string(reply))
    idl._Idl__parse_update(message.result, ovs.db.idl.OVSDB_UPDATE)
    ms = (time.perf_counter() - began) * 1000
    table = idl.tables["Interface"]
    assert len(table.rows) == message_size(message), len(table.rows)
    assert len(list(idl.index_irange("Interface", "name", None, None))) == len(table.rows)
    idl.close()
    return ms


def message_size(message):
    return len(message.result["Interface"])


def per_row(run):
    rounds = []
    for _ in range(4):
        began = time.perf_counter_ns()
        for n in range(len(rows)):
            run(n)
        rounds.append((time.perf_counter_ns() - began) / len(rows))
    return round(median(rounds))


before = time.thread_time()
first = monitor_ms()
first_cpu = (time.thread_time() - before) * 1000
warm = median([monitor_ms() for _ in range(RUNS)])

idl = new_idl()
table = idl.tables["Interface"]
types = {name: table.columns[name].type for name in columns}
from_json = ovs.db.data.Datum.from_json


def decode(n):
    row = ovs.json.from_string(rows[n])
    return {name: from_json(types[name], value) for name, value in row.items()}


decoded = [decode(n) for n in range(len(rows))]


def encode(n):
    return ovs.json.to_string({name: datum.to_json() for name, datum in decoded[n].items()})


print(json.dumps({
    "first_ms": first,
    "first_cpu_ms": first_cpu,
    "warm_ms": warm,
    "encode_ns": per_row(encode),
    "decode_ns": per_row(decode),
}))
