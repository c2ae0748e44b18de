/** The text of every format of `weft attach`, whole; that hypervisors take it is proven beside this (attach*.peer.test.ts, test/netns/). */
import { describe, expect, test } from 'vitest'
import type { FormatName } from '../../bin/attach/formats.ts'
import { printAttachment } from '../../bin/attach/print.ts'
import { attachment } from './attach-facts.ts'

const print = (format: FormatName, port: string, hostId?: string): string =>
  printAttachment(format, attachment(port, hostId))

test('libvirt, host of kind ovs: an interface that carries the uuid as interfaceid', () => {
  expect(print('libvirt', 'vm1')).toBe(`<interface type='bridge'>
  <mac address='02:00:00:00:00:11'/>
  <source bridge='br-int'/>
  <virtualport type='openvswitch'>
    <parameters interfaceid='00000011-0000-4000-8000-000000000000'/>
  </virtualport>
  <model type='virtio'/>
  <mtu size='9000'/>
</interface>
`)
})

test('libvirt, host of kind vtep: a tap that has the uuid as its ifalias before the guest starts', () => {
  expect(print('libvirt', 'vm1', 'h3')).toBe(`<!--
  Before the guest starts, as root, once after each boot of h3:
    ip tuntap add dev wf00000011 mode tap
    ip link set dev wf00000011 mtu 9000 alias 00000011-0000-4000-8000-000000000000
    ip link set dev wf00000011 up
-->
<interface type='ethernet'>
  <mac address='02:00:00:00:00:11'/>
  <target dev='wf00000011' managed='no'/>
  <model type='virtio'/>
  <mtu size='9000'/>
</interface>
`)
})

test('libvirt, a trunk: every sub-port with its VLAN in a comment that XML allows, and the MTU of the largest', () => {
  expect(print('libvirt', 'trunk')).toBe(`<!--
  Inside the guest untagged is acme/trunk, whose network mgmt takes 1500 bytes, not 9000:
    ip route replace 10.3.0.0/24 dev eth0 src 10.3.0.15 mtu 1500
  Inside the guest (its NIC called eth0) VLAN 20 is acme/trunk- -web:
    ip link add link eth0 name eth0.20 address 02:00:00:00:00:17 mtu 9000 type vlan id 20
    ip link set dev eth0.20 up
  Inside the guest (its NIC called eth0) VLAN 100 is acme/trunk-db:
    ip link add link eth0 name eth0.100 address 02:00:00:00:00:16 mtu 1500 type vlan id 100
    ip link set dev eth0.100 up
    ip address add 10.2.0.16/24 dev eth0.100
-->
<interface type='bridge'>
  <mac address='02:00:00:00:00:15'/>
  <source bridge='br-int'/>
  <virtualport type='openvswitch'>
    <parameters interfaceid='00000015-0000-4000-8000-000000000000'/>
  </virtualport>
  <model type='virtio'/>
  <mtu size='9000'/>
</interface>
`)
})

test('libvirt, a declared port: the tap has the declared name and no ifalias', () => {
  expect(print('libvirt', 'declared')).toBe(`<!--
  Before the guest starts, as root, once after each boot of h3:
    ip tuntap add dev eth7 mode tap
    ip link set dev eth7 mtu 9000
    ip link set dev eth7 up
-->
<interface type='ethernet'>
  <mac address='02:00:00:00:00:18'/>
  <target dev='eth7' managed='no'/>
  <model type='virtio'/>
  <mtu size='9000'/>
</interface>
`)
})

test('xen: the vif, and what its script leaves to do', () => {
  expect(
    print('xen', 'vm1'),
  ).toBe(`vif = ['mac=02:00:00:00:00:11,bridge=br-int,script=vif-openvswitch,vifname=wf00000011,mtu=9000']
# A guest of type hvm: also type=vif, or it has an emulated NIC beside this one, which is no port.
# On the host, after each start of the domain:
#   ovs-vsctl set Interface wf00000011 external_ids:iface-id=00000011-0000-4000-8000-000000000000
#   ip link set dev wf00000011 mtu 9000
`)
})

test('hyperv: the name of the switch port is that of the interface', () => {
  expect(
    print('hyperv', 'vm1'),
  ).toBe(`# Names of yours: the VM, which is off because its MAC is set; the Hyper-V switch with the Open vSwitch extension.
$vm = 'acme.vm1'
$switch = 'OVS-Extended-Switch'
# A module of Open vSwitch, in its folder datapath-windows\\misc.
Import-Module .\\OVS.psm1
$nic = @(Get-VMNetworkAdapter -VMName $vm)[0]
Set-VMNetworkAdapter -VMNetworkAdapter $nic -StaticMacAddress 020000000011
Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Untagged
Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic
$nic | Set-VMNetworkAdapterOVSPort -OVSPortName wf00000011
Connect-VMNetworkAdapter -VMNetworkAdapter $nic -SwitchName $switch
ovs-vsctl --may-exist add-port br-int wf00000011
ovs-vsctl set Interface wf00000011 external_ids:iface-id=00000011-0000-4000-8000-000000000000
# Inside the guest, for its MTU:
#   Set-NetAdapterAdvancedProperty -Name Ethernet -RegistryKeyword '*JumboPacket' -RegistryValue 9014
#   netsh interface ipv4 set subinterface Ethernet mtu=9000 store=persistent
`)
})

test('hyperv, a network of type vlan: also the VLAN of a switch without Open vSwitch', () => {
  expect(
    print('hyperv', 'db1'),
  ).toBe(`# Names of yours: the VM, which is off because its MAC is set; the Hyper-V switch with the Open vSwitch extension.
$vm = 'acme.db1'
$switch = 'OVS-Extended-Switch'
# A module of Open vSwitch, in its folder datapath-windows\\misc.
Import-Module .\\OVS.psm1
$nic = @(Get-VMNetworkAdapter -VMName $vm)[0]
Set-VMNetworkAdapter -VMNetworkAdapter $nic -StaticMacAddress 020000000012
Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Untagged
Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic
$nic | Set-VMNetworkAdapterOVSPort -OVSPortName wf00000012
Connect-VMNetworkAdapter -VMNetworkAdapter $nic -SwitchName $switch
ovs-vsctl --may-exist add-port br-int wf00000012
ovs-vsctl set Interface wf00000012 external_ids:iface-id=00000012-0000-4000-8000-000000000000
# Inside the guest, for its MTU:
#   netsh interface ipv4 set subinterface Ethernet mtu=1500 store=persistent
# Instead, on a Hyper-V switch without Open vSwitch whose uplink is on dc1 (Weft then sees no port):
#   Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Access -VlanId 100
`)
})

test('hyperv, a trunk: the VLANs that the guest may tag with', () => {
  expect(
    print('hyperv', 'trunk'),
  ).toBe(`# Names of yours: the VM, which is off because its MAC is set; the Hyper-V switch with the Open vSwitch extension.
$vm = 'acme.trunk'
$switch = 'OVS-Extended-Switch'
# A module of Open vSwitch, in its folder datapath-windows\\misc.
Import-Module .\\OVS.psm1
$nic = @(Get-VMNetworkAdapter -VMName $vm)[0]
Set-VMNetworkAdapter -VMNetworkAdapter $nic -StaticMacAddress 020000000015
Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Trunk -AllowedVlanIdList '20,100' -NativeVlanId 0
Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic
$nic | Set-VMNetworkAdapterOVSPort -OVSPortName wf00000015
Connect-VMNetworkAdapter -VMNetworkAdapter $nic -SwitchName $switch
ovs-vsctl --may-exist add-port br-int wf00000015
ovs-vsctl set Interface wf00000015 external_ids:iface-id=00000015-0000-4000-8000-000000000000
# Inside the guest, for its MTU:
#   Set-NetAdapterAdvancedProperty -Name Ethernet -RegistryKeyword '*JumboPacket' -RegistryValue 9014
#   netsh interface ipv4 set subinterface Ethernet mtu=9000 store=persistent
# Inside the guest VLAN 20 is acme/trunk--web.
# Inside the guest VLAN 100 is acme/trunk-db.
`)
})

test('esxi, a network of type vlan: VST in force, EST and VGT as comments', () => {
  expect(
    print('esxi', 'db1'),
  ).toBe(`# vSwitch1 stands for your standard switch with an uplink on dc1. Weft sees the VLAN, not the workload:
# port acme/db1 stays unbound, and who may send as 02:00:00:00:00:12 is up to the port group.
esxcli network vswitch standard portgroup add --portgroup-name=acme.db --vswitch-name=vSwitch1
esxcli network vswitch standard portgroup policy security set --portgroup-name=acme.db --allow-promiscuous=false --allow-mac-change=false --allow-forged-transmits=false
# VST: right when the uplink is a trunk that carries VLAN 100 and the guest sends untagged frames: nearly always
esxcli network vswitch standard portgroup set --portgroup-name=acme.db --vlan-id=100
# EST: right when the physical switch itself puts all that this uplink sends into VLAN 100 (an access port)
# esxcli network vswitch standard portgroup set --portgroup-name=acme.db --vlan-id=0
# VGT: right when the guest itself tags, 100 for this network: it sees every VLAN of the uplink, so trust it
# esxcli network vswitch standard portgroup set --portgroup-name=acme.db --vlan-id=4095
# In the VM's .vmx; checkMACAddress, because 02:00:00:00:00:12 is not VMware's (00:50:56); the guest's MTU is 1500:
#   ethernet0.networkName = "acme.db"
#   ethernet0.addressType = "static"
#   ethernet0.address = "02:00:00:00:00:12"
#   ethernet0.checkMACAddress = "false"
`)
})

test('esxi, a flat network: EST', () => {
  expect(
    print('esxi', 'mgmt1'),
  ).toBe(`# vSwitch1 stands for your standard switch with an uplink on dc1. Weft sees the VLAN, not the workload:
# port acme/mgmt1 stays unbound, and who may send as 02:00:00:00:00:13 is up to the port group.
esxcli network vswitch standard portgroup add --portgroup-name=acme.mgmt --vswitch-name=vSwitch1
esxcli network vswitch standard portgroup policy security set --portgroup-name=acme.mgmt --allow-promiscuous=false --allow-mac-change=false --allow-forged-transmits=false
# VST: not for a network without a VID
# EST: right for this network: its frames are untagged on the uplink too
esxcli network vswitch standard portgroup set --portgroup-name=acme.mgmt --vlan-id=0
# VGT: right when the guest has sub-ports: it sends and sees the tags of every VLAN of the uplink
# esxcli network vswitch standard portgroup set --portgroup-name=acme.mgmt --vlan-id=4095
# In the VM's .vmx; checkMACAddress, because 02:00:00:00:00:13 is not VMware's (00:50:56); the guest's MTU is 1500:
#   ethernet0.networkName = "acme.mgmt"
#   ethernet0.addressType = "static"
#   ethernet0.address = "02:00:00:00:00:13"
#   ethernet0.checkMACAddress = "false"
`)
})

test('esxi, a sub-port: VGT', () => {
  expect(
    print('esxi', 'trunk-db'),
  ).toBe(`# vSwitch1 stands for your standard switch with an uplink on dc1. Weft sees the VLAN, not the workload:
# port acme/trunk stays unbound, and who may send as 02:00:00:00:00:15 is up to the port group.
# The MTU of the switch has to be 9000 or more:
# esxcli network vswitch standard set --vswitch-name=vSwitch1 --mtu=9000
esxcli network vswitch standard portgroup add --portgroup-name=acme.mgmt --vswitch-name=vSwitch1
esxcli network vswitch standard portgroup policy security set --portgroup-name=acme.mgmt --allow-promiscuous=false --allow-mac-change=false --allow-forged-transmits=false
# VST: not for a network without a VID
# EST: right for this network: its frames are untagged on the uplink too
# esxcli network vswitch standard portgroup set --portgroup-name=acme.mgmt --vlan-id=0
# VGT: right when the guest has sub-ports: it sends and sees the tags of every VLAN of the uplink
esxcli network vswitch standard portgroup set --portgroup-name=acme.mgmt --vlan-id=4095
# Inside the guest untagged is acme/trunk, whose network mgmt takes 1500 bytes, not 9000:
#   ip route replace 10.3.0.0/24 dev eth0 src 10.3.0.15 mtu 1500
# Inside the guest (its NIC called eth0) VLAN 100 is acme/trunk-db:
#   ip link add link eth0 name eth0.100 address 02:00:00:00:00:16 mtu 1500 type vlan id 100
#   ip link set dev eth0.100 up
#   ip address add 10.2.0.16/24 dev eth0.100
# In the VM's .vmx; checkMACAddress, because 02:00:00:00:00:15 is not VMware's (00:50:56); the guest's MTU is 1500:
#   ethernet0.networkName = "acme.mgmt"
#   ethernet0.addressType = "static"
#   ethernet0.address = "02:00:00:00:00:15"
#   ethernet0.checkMACAddress = "false"
`)
})

test('netns: a namespace, a veth, the row of its interface', () => {
  expect(print('netns', 'vm1')).toBe(`ip netns add acme.vm1
ip link add wf00000011 mtu 9000 type veth peer name eth0 address 02:00:00:00:00:11 mtu 9000 netns acme.vm1
ovs-vsctl --may-exist add-port br-int wf00000011 -- set Interface wf00000011 external_ids:iface-id=00000011-0000-4000-8000-000000000000 'external_ids:attached-mac="02:00:00:00:00:11"'
ip link set dev wf00000011 up
ip -n acme.vm1 link set dev lo up
ip -n acme.vm1 link set dev eth0 up
ip -n acme.vm1 address add 10.1.0.11/24 dev eth0
# Open vSwitch with datapath_type=netdev needs whole checksums, or TCP never connects:
# ip netns exec acme.vm1 ethtool -K eth0 tx off
# Undo: ip netns del acme.vm1 && ovs-vsctl del-port br-int wf00000011
`)
})

test('netns, a trunk: VLAN devices, and packets of its own network as small as that takes', () => {
  expect(print('netns', 'trunk')).toBe(`ip netns add acme.trunk
ip link add wf00000015 mtu 9000 type veth peer name eth0 address 02:00:00:00:00:15 mtu 9000 netns acme.trunk
ovs-vsctl --may-exist add-port br-int wf00000015 -- set Interface wf00000015 external_ids:iface-id=00000015-0000-4000-8000-000000000000 'external_ids:attached-mac="02:00:00:00:00:15"'
ip link set dev wf00000015 up
ip -n acme.trunk link set dev lo up
ip -n acme.trunk link set dev eth0 up
ip -n acme.trunk address add 10.3.0.15/24 dev eth0
ip -n acme.trunk route replace 10.3.0.0/24 dev eth0 src 10.3.0.15 mtu 1500
ip -n acme.trunk link add link eth0 name eth0.20 address 02:00:00:00:00:17 mtu 9000 type vlan id 20
ip -n acme.trunk link set dev eth0.20 up
ip -n acme.trunk link add link eth0 name eth0.100 address 02:00:00:00:00:16 mtu 1500 type vlan id 100
ip -n acme.trunk link set dev eth0.100 up
ip -n acme.trunk address add 10.2.0.16/24 dev eth0.100
# Open vSwitch with datapath_type=netdev needs whole checksums, or TCP never connects:
# ip netns exec acme.trunk ethtool -K eth0 tx off
# Undo: ip netns del acme.trunk && ovs-vsctl del-port br-int wf00000015
`)
})

test('netns, host of kind vtep: the ifalias', () => {
  expect(print('netns', 'vm1', 'h3')).toBe(`ip netns add acme.vm1
ip link add wf00000011 mtu 9000 type veth peer name eth0 address 02:00:00:00:00:11 mtu 9000 netns acme.vm1
ip link set dev wf00000011 alias 00000011-0000-4000-8000-000000000000
ip link set dev wf00000011 up
ip -n acme.vm1 link set dev lo up
ip -n acme.vm1 link set dev eth0 up
ip -n acme.vm1 address add 10.1.0.11/24 dev eth0
# Undo: ip netns del acme.vm1
`)
})

test('netns, declared with a VID: the guest tags', () => {
  expect(print('netns', 'tagged')).toBe(`ip netns add acme.tagged
ip link add eth8 mtu 9000 type veth peer name eth0 address 02:00:00:00:00:19 mtu 9000 netns acme.tagged
ip link set dev eth8 up
ip -n acme.tagged link set dev lo up
ip -n acme.tagged link set dev eth0 up
ip -n acme.tagged link add link eth0 name eth0.30 address 02:00:00:00:00:19 mtu 9000 type vlan id 30
ip -n acme.tagged link set dev eth0.30 up
ip -n acme.tagged address add 10.1.0.19/24 dev eth0.30
# Undo: ip netns del acme.tagged
`)
})

test('docker: the namespace is found by the pid of the container', () => {
  expect(
    print('docker', 'vm1'),
  ).toBe(`# Set IMAGE first. Every start of the container makes a new namespace: then again from 'pid=' on.
docker run --detach --network none --name acme.vm1 "$IMAGE"
pid=$(docker inspect --format '{{.State.Pid}}' acme.vm1)
ip link add wf00000011 mtu 9000 type veth peer name eth0 address 02:00:00:00:00:11 mtu 9000 netns "$pid"
ovs-vsctl --may-exist add-port br-int wf00000011 -- set Interface wf00000011 external_ids:iface-id=00000011-0000-4000-8000-000000000000 'external_ids:attached-mac="02:00:00:00:00:11"'
ip link set dev wf00000011 up
nsenter --target "$pid" --net ip link set dev lo up
nsenter --target "$pid" --net ip link set dev eth0 up
nsenter --target "$pid" --net ip address add 10.1.0.11/24 dev eth0
# Open vSwitch with datapath_type=netdev needs whole checksums, or TCP never connects:
# nsenter --target "$pid" --net ethtool -K eth0 tx off
# Undo: docker rm --force acme.vm1 && ovs-vsctl del-port br-int wf00000011
`)
})

test('docker: a guest has its addresses of both families, each with the prefix of its subnet', () => {
  const lines = print('docker', 'six').split('\n')
  const nsenter = 'nsenter --target "$pid" --net ip address add'
  expect(lines.filter((line) => line.startsWith(nsenter))).toEqual([
    `${nsenter} 10.1.0.25/24 dev eth0`,
    `${nsenter} 2001:db8:1::25/64 dev eth0`,
  ])
})

test('json: the facts of a port and of its sub-port', () => {
  expect(JSON.parse(print('json', 'trunk-db'))).toEqual({
    port: 'acme/trunk',
    mac: '02:00:00:00:00:15',
    addresses: ['10.3.0.15/24'],
    mtuBytes: 1500,
    network: { id: 'mgmt', type: 'flat', physicalNetwork: 'dc1' },
    uuid: '00000015-0000-4000-8000-000000000000',
    host: { kind: 'ovs' },
    device: { name: 'wf00000015', mtuBytes: 9000, boundBy: 'iface-id', bridge: 'br-int' },
    subports: [
      {
        vid: 100,
        port: 'acme/trunk-db',
        mac: '02:00:00:00:00:16',
        addresses: ['10.2.0.16/24'],
        mtuBytes: 1500,
        network: { id: 'db', type: 'vlan', physicalNetwork: 'dc1', vid: 100 },
      },
    ],
  })
})

describe('esxi', () => {
  test('has no binding to a VNI, and says what has', () => {
    expect(() => print('esxi', 'vm1')).toThrow(
      'network acme/web of port acme/vm1 is of type vxlan, and ESXi binds nothing to a VNI (here 5001); a VLAN that extends the network can be bound: give it an extension {physicalNetwork, vid, hostId}',
    )
    expect(() => print('esxi', 'trunk')).toThrow('network acme/web of port acme/trunk--web')
  })

  test('takes the VLAN that extends a network of type vxlan', () => {
    expect(print('esxi', 'joined1')).toContain(
      '\nesxcli network vswitch standard portgroup set --portgroup-name=acme.joined --vlan-id=200\n',
    )
  })

  test('tells the guest the tag on the wire where a sub-port has another', () => {
    expect(print('esxi', 'trunk-joined')).toContain(
      '\n# ESXi translates no tags: the guest sends for acme/trunk-joined with VID 200, not 21.\n',
    )
  })

  test('raises the MTU of a switch with other port groups only by hand', () => {
    expect(print('esxi', 'big1')).toContain(
      '\n# The MTU of the switch has to be 9000 or more:\n# esxcli network vswitch standard set --vswitch-name=vSwitch1 --mtu=9000\n',
    )
  })
})
