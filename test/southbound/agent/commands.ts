/** Command lines for hardware_vtep, in the order in which they are run on an agent and on ovsdb-server. */
export interface Command {
  readonly line: string
  /** Run once the first has printed `after`; it is ended once it has printed `until`. */
  readonly meanwhile?: string
  readonly after?: RegExp
  readonly until?: RegExp
  /** Where the outcome is another on the agent: why. */
  readonly differs?: string
}

const vtep = (rest: string, differs?: string): Command => ({
  line: `vtep-ctl --db=DB ${rest}`,
  ...(differs !== undefined && { differs }),
})
const client = (method: string, rest: string): Command => ({
  line: `ovsdb-client ${method} DB ${rest}`,
})
const transact = (...operations: object[]) =>
  client('transact', `'${JSON.stringify(['hardware_vtep', ...operations])}'`)

/** What ovsdb-server is told first: the agent has found its switch and its port by itself. */
export const prelude = [
  'vtep-ctl --db=DB add-ps h1 -- set Physical_Switch h1 tunnel_ips=192.0.2.11',
  'vtep-ctl --db=DB add-port h1 vm1',
]

export const commands: readonly Command[] = [
  { line: 'ovsdb-client list-dbs DB' },
  client('get-schema-version', 'hardware_vtep'),
  client('get-schema-cksum', 'hardware_vtep'),
  client('list-tables', 'hardware_vtep'),
  client('list-columns', 'hardware_vtep Physical_Port'),
  vtep('show'),
  vtep('list-ps'),
  vtep('ps-exists h1'),
  vtep('ps-exists h9'),
  vtep('add-ps h1'),
  vtep('--may-exist add-ps h1'),
  vtep('add-ps h9'),
  vtep('list-ps'),
  vtep('del-ps h9'),
  vtep('list-ports h1'),
  vtep('list-ports h9'),
  vtep('add-port h1 vm1'),
  vtep('--may-exist add-port h1 vm1'),
  vtep('add-port h1 later'),
  vtep('list-ports h1'),
  vtep('del-port h1 later'),
  vtep('get Physical_Switch h1 tunnel_ips'),
  vtep('get Physical_Switch h1 other_config:weft-backend', 'only the agent says so'),
  vtep('add-ls red'),
  vtep('add-ls red'),
  vtep('--may-exist add-ls red'),
  vtep('ls-exists red'),
  vtep('list-ls'),
  vtep('set Logical_Switch red tunnel_key=5001'),
  vtep('get Logical_Switch red tunnel_key'),
  vtep('set-replication-mode red source_node'),
  vtep('get-replication-mode red'),
  vtep('bind-ls h1 vm1 0 red'),
  vtep('list-bindings h1 vm1'),
  vtep('add-ucast-remote red 02:00:00:00:00:02 192.0.2.12'),
  vtep('add-ucast-remote red 02:00:00:00:00:03 vxlan_over_ipv4 192.0.2.13'),
  vtep('add-mcast-remote red unknown-dst 192.0.2.12'),
  vtep('add-mcast-remote red unknown-dst 192.0.2.13'),
  vtep('list-remote-macs red'),
  vtep('del-ucast-remote red 02:00:00:00:00:03'),
  vtep('del-mcast-remote red unknown-dst 192.0.2.13'),
  vtep('list-remote-macs red'),
  vtep(
    '--id=@e create ACL_entry sequence=1 direction=ingress action=deny -- --id=@a create ACL acl_name=none acl_entries=@e -- set Physical_Port vm1 acl_bindings:0=@a',
  ),
  vtep('--columns=acl_name list ACL'),
  vtep('clear Physical_Port vm1 acl_bindings -- --all destroy ACL -- --all destroy ACL_entry'),
  vtep('add-lr gate'),
  vtep('del-lr gate'),
  vtep('list-local-macs red', 'the agent reports where its VTEP is'),
  vtep('del-ls red', 'its own row is one reference more'),
  vtep('add-ucast-local red 02:00:00:00:00:09 192.0.2.11'),
  vtep('clear-local-macs red'),
  vtep('set-manager ptcp:0:127.0.0.1'),
  vtep('get-manager'),
  vtep('del-manager'),
  vtep('get-manager'),
  client('dump', 'hardware_vtep Logical_Switch name tunnel_key'),
  transact({ op: 'select', table: 'Logical_Switch', where: [], columns: ['name'] }),
  transact({ op: 'insert', table: 'Logical_Switch', row: { nope: 1 } }),
  transact({ op: 'insert', table: 'Physical_Switch', row: { name: 'h1' } }),
  {
    ...client('monitor', 'hardware_vtep Logical_Switch name'),
    after: /initial/,
    meanwhile: 'vtep-ctl --db=DB add-ls blue',
    until: /insert +"?blue/,
  },
  client('lock', 'one'),
  vtep('del-ls blue'),
  vtep('unbind-ls h1 vm1 0'),
  vtep('clear-local-macs red -- clear-remote-macs red -- del-ls red'),
  vtep('list-ls'),
  vtep('del-port h1 vm1'),
  vtep('del-ps h1'),
  {
    line: 'sleep 1; vtep-ctl --db=DB list-ps',
    differs: 'its own switch is announced again',
  },
].map((command) =>
  command.line.includes('lock DB') ? { ...command, after: /locked/, until: /locked/ } : command,
)
