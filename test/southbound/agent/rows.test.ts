import { expect, test } from 'vitest'
import { openRig, ops, switchOf } from './rig.ts'

const vtep = (dst_ip: string) =>
  ops.insert('Physical_Locator', { encapsulation_type: 'vxlan_over_ipv4', dst_ip }, 'vtep')

test('one network: a VNI, our VTEP, members, MACs with all of their addresses, a flood list', () => {
  const rig = openRig()
  const red = switchOf(rig, 'red')
  const mac = { MAC: '02:00:00:00:00:0A', logical_switch: red, locator: 'vtep' }
  rig.write(
    vtep('192.0.2.12'),
    ops.insert('Ucast_Macs_Remote', { ...mac, ipaddr: '10.0.0.2' }),
    ops.insert('Ucast_Macs_Remote', { ...mac, ipaddr: 'fd00::2' }),
    ops.insert('Physical_Locator_Set', { locators: ['vtep'] }, 'all'),
    ops.insert('Mcast_Macs_Remote', {
      ...{ MAC: 'unknown-dst', logical_switch: red, locator_set: 'all' },
    }),
    ops.update('Logical_Switch', red, { other_config: { 'weft-mtu': '8950' } }),
  )
  expect(rig.read()).toMatchObject({
    local: '192.0.2.11',
    faults: [],
    desired: {
      networks: [
        {
          ...{ vni: 5001, local: '192.0.2.11', mtuBytes: 8950, flood: ['192.0.2.12'] },
          ...{ floodsUnknown: true, vlanTransparent: false },
          macs: [
            {
              ...{ mac: '02:00:00:00:00:0a', vteps: ['192.0.2.12'] },
              addresses: ['10.0.0.2', 'fd00::2'],
            },
          ],
          members: [{ interface: 'vm1', vid: 0, acl: [] }],
        },
      ],
    },
  })
})

test.each([
  ['true', true],
  ['qinq', 'qinq'],
  ['yes', false],
])('of weft-vlan-transparent=%s tagged frames pass: %s', (text, vlanTransparent) => {
  const rig = openRig()
  const config = { other_config: { 'weft-vlan-transparent': text } }
  rig.write(ops.update('Logical_Switch', switchOf(rig, 'red'), config))
  expect(rig.read().desired.networks).toMatchObject([{ vlanTransparent }])
})

test('our own VTEP among the locators is left out', () => {
  const rig = openRig()
  const row = { MAC: '02:00:00:00:00:0a', logical_switch: switchOf(rig, 'red'), locator: 'vtep' }
  rig.write(vtep('192.0.2.11'), ops.insert('Ucast_Macs_Remote', row))
  expect(rig.read()).toMatchObject({ faults: [], desired: { networks: [{ macs: [] }] } })
})

test('entries of an ACL are tried by sequence', () => {
  const rig = openRig()
  const [port] = rig.database.table('Physical_Port').keys()
  rig.write(
    ops.insert('ACL_entry', { sequence: 20, direction: 'ingress', action: 'deny' }, 'last'),
    ops.insert('ACL_entry', { sequence: 3, direction: 'ingress', action: 'permit' }, 'first'),
    ops.insert('ACL', { acl_name: 'a', acl_entries: ['last', 'first'] }, 'acl'),
    ops.update('Physical_Port', port ?? '', { acl_bindings: { 0: 'acl' } }),
  )
  const [entry] = rig.read().desired.networks[0]?.members ?? []
  expect(entry?.acl.map(({ sequence }) => sequence)).toEqual([3, 20])
})

const wrong: [
  fault: string,
  detail: string,
  columns: Parameters<typeof ops.insert<'Logical_Switch'>>[1],
][] = [
  ['tunnel_key_missing', '', {}],
  ['tunnel_key_invalid', '0', { tunnel_key: 0 }],
  ['tunnel_key_invalid', '16777216', { tunnel_key: 16777216 }],
  ['tunnel_key_taken', '5001', { tunnel_key: 5001 }],
  ['service_node_unsupported', '', { tunnel_key: 7, replication_mode: 'service_node' }],
  ['mtu_invalid', '9000 bytes', { tunnel_key: 7, other_config: { 'weft-mtu': '9000 bytes' } }],
]
test.each(wrong)(
  'a Logical_Switch that cannot be realized is a fault: %s %s',
  (code, detail, columns) => {
    const rig = openRig()
    rig.write(ops.insert('Logical_Switch', { name: 'blue', ...columns }))
    const { faults, desired } = rig.read()
    expect(faults).toMatchObject([{ code, detail }])
    expect(desired.networks.map(({ vni }) => vni)).toContain(5001)
  },
)

test.each([
  ['mac_invalid', { MAC: '02:00:00:00:00:0a; link del eth0' }, '192.0.2.12'],
  ['address_invalid', { MAC: '02:00:00:00:00:0a', ipaddr: '10.0.0.2 dev eth0' }, '192.0.2.12'],
  ['locator_invalid', { MAC: '02:00:00:00:00:0a' }, '192.0.2.12 port 1'],
  ['locator_invalid', { MAC: '02:00:00:00:00:0a' }, 'fd00::1'],
  ['address_invalid', { MAC: '02:00:00:00:00:0a', ipaddr: 'fd00::1%eth0' }, '192.0.2.12'],
])('texts that are no addresses go no further: %s', (code, columns, ip) => {
  const rig = openRig()
  const logical_switch = switchOf(rig, 'red')
  rig.write(
    vtep(ip),
    ops.insert('Ucast_Macs_Remote', { ...columns, logical_switch, locator: 'vtep' }),
  )
  const { faults, desired } = rig.read()
  expect(faults.map((fault) => fault.code)).toEqual([code])
  expect(JSON.stringify(desired)).not.toMatch(/[;]|dev|port 1|fd00/)
})

test.each([
  ['192.0.2.11', '0.0.0.0'],
  ['192.0.2.11', '127.0.0.1'],
  ['192.0.2.11', '224.0.0.5'],
  ['192.0.2.11', '255.255.255.255'],
  ['fd00::11', '::'],
  ['fd00::11', '::ffff:192.0.2.12'],
  ['fd00::11', 'fe80::12%eth0'],
  ['fd00::11', 'ff02::1'],
])('a VTEP at %s sends nothing to %s, where none can be', (local, ip) => {
  const rig = openRig()
  const [host] = rig.database.table('Physical_Switch').keys()
  rig.write(
    vtep(ip),
    ops.update('Physical_Switch', host ?? '', { tunnel_ips: [local] }),
    ops.insert('Ucast_Macs_Remote', {
      ...{ MAC: '02:00:00:00:00:0a', logical_switch: switchOf(rig, 'red'), locator: 'vtep' },
    }),
  )
  const { faults, desired } = rig.read()
  expect(faults).toMatchObject([{ code: 'locator_invalid', detail: ip }])
  expect(desired.networks).toMatchObject([{ vni: 5001, local, macs: [] }])
})

test('an IPv6 address is read as a kernel prints it, however it is written', () => {
  const rig = openRig()
  const [host] = rig.database.table('Physical_Switch').keys()
  rig.write(
    vtep('FD00:0::012'),
    ops.update('Physical_Switch', host ?? '', { tunnel_ips: ['fd00:0:0::11'] }),
    ops.insert('Ucast_Macs_Remote', {
      ...{ MAC: '02:00:00:00:00:0a', logical_switch: switchOf(rig, 'red'), locator: 'vtep' },
      ipaddr: '2001:DB8:0:0:0:0:0:2',
    }),
  )
  expect(rig.read().desired.networks).toMatchObject([
    { local: 'fd00::11', macs: [{ vteps: ['fd00::12'], addresses: ['2001:db8::2'] }] },
  ])
})

test('without an address of the VTEP the network stays on this host, and that is a fault', () => {
  const rig = openRig()
  const [host] = rig.database.table('Physical_Switch').keys()
  rig.write(ops.update('Physical_Switch', host ?? '', { tunnel_ips: [] }))
  const { faults, desired } = rig.read()
  expect(faults).toMatchObject([{ code: 'vtep_address_missing', subject: { kind: 'host' } }])
  expect(desired.networks).toMatchObject([{ vni: 5001, local: undefined }])
})
