/**
 * Command lines of the field's tools, in the order in which they are run on both servers. `DB` is
 * the server, `DIR` a directory of the run, `WRITES` another process that changes the database.
 */
export interface Command {
  readonly line: string
  /** Run once the first lives and has printed `after`; then the first is ended if it has to be. */
  readonly meanwhile?: readonly Command[]
  /** What a command that does not end prints before, and after, `meanwhile`. */
  readonly after?: RegExp
  readonly until?: RegExp
  /** Where the outcome is another on our server: why. */
  readonly differs?: string
  /** Output in no order. */
  readonly unordered?: boolean
}

const transact = (...operations: object[]) =>
  JSON.stringify(['Open_vSwitch', ...operations]).replaceAll("'", '')
const insertQos = (type: string) => transact({ op: 'insert', table: 'QoS', row: { type } })
const vsctl = (rest: string): Command => ({ line: `ovs-vsctl --db=DB --no-wait ${rest}` })
const vtep = (rest: string): Command => ({ line: `vtep-ctl --db=DB ${rest}` })
const add = (type: string): Command => ({
  line: `ovsdb-client transact DB '${insertQos(type)}'`,
})

export const commands: readonly Command[] = [
  { line: 'ovsdb-client list-dbs DB' },
  ...['get-schema', 'get-schema-version', 'get-schema-cksum', 'list-tables'].map((name) => ({
    line: `ovsdb-client ${name} DB Open_vSwitch`,
  })),
  { line: 'ovsdb-client list-columns DB Open_vSwitch', unordered: true },
  { line: 'ovsdb-client get-schema DB hardware_vtep' },
  { line: 'ovsdb-client get-schema DB _Server' },
  { line: 'ovsdb-client list-columns DB hardware_vtep Mcast_Macs_Remote' },
  { line: 'ovsdb-client get-schema DB nope' },
  { line: 'ovsdb-client needs-conversion DB /usr/share/openvswitch/vswitch.ovsschema' },
  { line: 'ovsdb-client needs-conversion DB DIR/newer.ovsschema' },

  vsctl('init'),
  vsctl('add-br br0 -- set Bridge br0 fail_mode=secure datapath_type=netdev'),
  vsctl('add-port br0 vm1 tag=7 -- set Interface vm1 external_ids:iface-id=abc ofport_request=5'),
  vsctl('add-bond br0 bond0 e1 e2 lacp=active'),
  vsctl('add-br fake0 br0 42'),
  vsctl('--may-exist add-br br0'),
  vsctl('add-br br0'),
  vsctl('add-port br0 vm1'),
  vsctl('add-port nope vm2'),
  vsctl('list-br'),
  vsctl('list-ports br0'),
  vsctl('list-ifaces br0'),
  vsctl('port-to-br vm1'),
  vsctl('iface-to-br e2'),
  vsctl('br-to-parent fake0'),
  vsctl('br-to-vlan fake0'),
  vsctl('br-exists nope'),
  vsctl('get Interface vm1 external_ids:iface-id ofport_request'),
  vsctl('get Interface vm1 external_ids:nope'),
  vsctl('--if-exists get Interface vm1 external_ids:nope'),
  vsctl('--columns=name,tag,lacp --format=csv list Port vm1'),
  vsctl('--bare --columns=name find Interface ofport_request=5'),
  vsctl('set Port vm1 trunks=1,2,3 other_config:a=b'),
  vsctl('add Port vm1 trunks 4096'),
  vsctl('add Port vm1 trunks 4'),
  vsctl('remove Port vm1 trunks 2'),
  vsctl('clear Port vm1 tag'),
  vsctl('set Port vm1 vlan_mode=sideways'),
  vsctl('get Port vm1 trunks tag vlan_mode'),
  vsctl(
    '-- --id=@q create Queue dscp=1 -- --id=@s create QoS type=x queues:0=@q -- set Port vm1 qos=@s',
  ),
  vsctl('--columns=type,queues list QoS'),
  vsctl(
    '-- --id=@p get Port vm1 -- --id=@m create Mirror name=m0 select_src_port=@p -- set Bridge br0 mirrors=@m',
  ),
  vsctl('del-port br0 vm1'),
  vsctl('--columns=name,select_src_port list Mirror'),
  vsctl('set-manager tcp:127.0.0.1:6640 ptcp:6641'),
  vsctl('get-manager'),
  vsctl('set-controller br0 tcp:127.0.0.1:6653'),
  vsctl('get-controller br0'),
  vsctl('set-fail-mode br0 standalone'),
  vsctl('get-fail-mode br0'),
  vsctl('set-ssl /k /c /ca'),
  vsctl('get-ssl'),
  vsctl('br-set-external-id br0 k v'),
  vsctl('br-get-external-id br0'),
  vsctl('destroy Bridge br0'),
  vsctl('comment one two -- set Open_vSwitch . external_ids:system-id=h1'),
  vsctl('wait-until Open_vSwitch . external_ids:system-id=h1'),
  { ...vsctl('show'), unordered: true },
  {
    line: 'ovs-vsctl --db=DB --timeout=30 add-br br1',
    meanwhile: [vsctl('wait-until Open_vSwitch . next_cfg=1 -- set Open_vSwitch . cur_cfg=1')],
  },
  vsctl('del-br br1'),
  vsctl('emer-reset'),
  vsctl('--all destroy QoS'),

  { line: `ovsdb-client transact DB '${insertQos('t1')}'` },
  {
    line: `ovsdb-client transact DB '${transact({ op: 'insert', table: 'QoS', row: { nope: 1 } })}'`,
  },
  { line: `ovsdb-client query DB '${insertQos('never')}'` },
  {
    line: `ovsdb-client query DB '${transact({ op: 'select', table: 'QoS', where: [], columns: ['type'] })}'`,
  },
  { line: 'ovsdb-client dump DB Open_vSwitch QoS type', unordered: true },
  { line: 'ovsdb-client --format=json dump DB Open_vSwitch Bridge name fail_mode' },
  { line: 'ovsdb-client dump DB Open_vSwitch', unordered: true },
  {
    line: 'ovsdb-client monitor DB Open_vSwitch QoS type',
    after: /initial/,
    meanwhile: [add('m1')],
    until: /insert +"?m1/,
  },
  {
    line: 'ovsdb-client monitor DB Open_vSwitch ALL',
    after: /initial/,
    meanwhile: [add('m2')],
    until: /insert[\s\S]*m2/,
    unordered: true,
  },
  {
    line: `ovsdb-client monitor-cond DB Open_vSwitch '[["type","==","m1"],["type","==","c1"]]' QoS type`,
    after: /initial/,
    meanwhile: [add('c0'), add('c1')],
    until: /insert +"?c1/,
  },
  {
    line: `ovsdb-client monitor-cond-since DB Open_vSwitch '[["type","==","s1"]]' QoS type`,
    after: /last_id/,
    meanwhile: [add('s0'), add('s1')],
    until: /insert +"?s1/,
  },
  {
    line: 'ovsdb-client lock DB l1',
    after: /locked/,
    meanwhile: [],
    until: /locked/,
  },
  {
    line: 'ovsdb-client lock DB l2',
    after: /locked/,
    meanwhile: [{ line: 'ovsdb-client steal DB l2', until: /locked/ }],
    until: /stolen[\s\S]*locked/,
  },
  {
    // Of itself it says nothing, and stays.
    line: 'ovsdb-client --verbose=jsonrpc:console:dbg unlock DB l3',
    until: /received error/,
    differs: 'the same error in its own words',
  },
  { line: 'ovsdb-client wait DB Open_vSwitch added' },
  { line: 'ovsdb-client wait DB Open_vSwitch connected' },
  { line: 'ovsdb-client wait DB Open_vSwitch removed', until: /connected/ },
  { line: 'ovsdb-client backup DB Open_vSwitch > DIR/backup.db' },
  {
    line: `ovsdb-tool query DIR/backup.db '${transact({ op: 'select', table: 'Manager', where: [], columns: ['target'] })}'`,
  },
  { line: `ovsdb-client transact DB '${transact({ op: 'delete', table: 'QoS', where: [] })}'` },
  { line: 'ovsdb-client restore DB Open_vSwitch < DIR/backup.db' },
  { line: 'ovsdb-client dump DB Open_vSwitch QoS type', unordered: true },
  { line: 'ovsdb-client convert DB /usr/share/openvswitch/vswitch.ovsschema' },
  { line: 'ovsdb-client convert DB DIR/newer.ovsschema' },
  { line: 'ovsdb-client needs-conversion DB DIR/newer.ovsschema' },
  { line: 'ovsdb-client get-schema-version DB Open_vSwitch' },
  { line: 'ovsdb-client convert DB DIR/narrower.ovsschema' },
  { line: 'ovsdb-client needs-conversion DB DIR/narrower.ovsschema' },
  { line: 'ovsdb-client dump DB Open_vSwitch QoS type', unordered: true },
  {
    line: 'ovsdb-client monitor DB Open_vSwitch QoS type',
    after: /initial/,
    meanwhile: [{ line: 'ovsdb-client convert DB /usr/share/openvswitch/vswitch.ovsschema' }],
    unordered: true,
  },
  { line: 'ovsdb-client needs-conversion DB /usr/share/openvswitch/vswitch.ovsschema' },

  vtep('add-ps ps0 -- set Physical_Switch ps0 tunnel_ips=192.0.2.1'),
  vtep('add-port ps0 p1'),
  vtep('add-ls ls0 -- set Logical_Switch ls0 tunnel_key=5001'),
  vtep('bind-ls ps0 p1 100 ls0'),
  vtep('add-ucast-remote ls0 02:00:00:00:00:01 192.0.2.2'),
  vtep('add-mcast-remote ls0 unknown-dst 192.0.2.3'),
  vtep('add-mcast-remote ls0 unknown-dst 192.0.2.4'),
  vtep('list-remote-macs ls0'),
  vtep('list-bindings ps0 p1'),
  vtep('list-ps'),
  vtep('show'),
  vtep('clear-remote-macs ls0'),
  vtep('del-ls ls0'),
  vtep('del-ps ps0'),
  vtep('list-ps'),
]
