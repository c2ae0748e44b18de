/**
 * esxcli for a port group of a standard switch that is on the VLAN of a network. ESXi is no host of Weft's: it has no
 * VTEP that anybody may program, and a port group knows a VLAN id, never a VNI.
 *
 * The VLAN id of a port group says who tags (Broadcom KB 311764): 1 to 4094 the virtual switch (VST), 0 the physical
 * switch (EST), 4095 the guest (VGT). The mode that fits is in force, the others are comments.
 */
import { type Attachment, nameOf, segmentOf } from './attachment.ts'
import { AttachError } from './error.ts'
import { vlanNotes } from './guest.ts'

const VSWITCH = 'vSwitch1'
const portgroup = 'esxcli network vswitch standard portgroup'

interface Mode {
  readonly name: 'VST' | 'EST' | 'VGT'
  /** Undefined: not for a network without a VID. */
  readonly vlanId: (vid: number | undefined) => number | undefined
  readonly when: (vid: number | undefined) => string
}

const modes: readonly Mode[] = [
  {
    name: 'VST',
    vlanId: (vid) => vid,
    when: (vid) =>
      `right when the uplink is a trunk that carries VLAN ${vid} and the guest sends untagged frames: nearly always`,
  },
  {
    name: 'EST',
    vlanId: () => 0,
    when: (vid) =>
      vid === undefined
        ? 'right for this network: its frames are untagged on the uplink too'
        : `right when the physical switch itself puts all that this uplink sends into VLAN ${vid} (an access port)`,
  },
  {
    name: 'VGT',
    vlanId: () => 4095,
    when: (vid) =>
      vid === undefined
        ? 'right when the guest has sub-ports: it sends and sees the tags of every VLAN of the uplink'
        : `right when the guest itself tags, ${vid} for this network: it sees every VLAN of the uplink, so trust it`,
  },
]

/** @throws AttachError for a network that is on no physical network */
export function esxi(attachment: Attachment): string[] {
  const { key, network, mac, deviceMtuBytes, vlans } = attachment
  const { physicalNetwork, vid } = onPhysicalNetwork(attachment)
  for (const vlan of vlans) {
    const other = onPhysicalNetwork(vlan).physicalNetwork
    if (other === physicalNetwork) continue
    throw new AttachError(
      `port ${key} is on ${physicalNetwork} and its sub-port ${vlan.key} on ${other}: on ESXi that takes two NICs`,
    )
  }
  const fitting = vlans.length > 0 ? 'VGT' : vid === undefined ? 'EST' : 'VST'
  const name = nameOf(`${network.tenant}/${network.id}`)
  return [
    `# ${VSWITCH} stands for your standard switch with an uplink on ${physicalNetwork}. Weft sees the VLAN, not the workload:`,
    `# port ${key} stays unbound, and who may send as ${mac} is up to the port group.`,
    ...mtuNotes(deviceMtuBytes),
    `${portgroup} add --portgroup-name=${name} --vswitch-name=${VSWITCH}`,
    `${portgroup} policy security set --portgroup-name=${name} --allow-promiscuous=false --allow-mac-change=false --allow-forged-transmits=false`,
    ...modes.flatMap((mode) => modeLines(mode, name, vid, mode.name === fitting)),
    ...vlans.flatMap(tagNotes),
    ...vlanNotes(attachment).map((line) => `# ${line}`),
    `# In the VM's .vmx; checkMACAddress, because ${mac} is not VMware's (00:50:56); the guest's MTU is ${attachment.mtuBytes}:`,
    `#   ethernet0.networkName = "${name}"`,
    '#   ethernet0.addressType = "static"',
    `#   ethernet0.address = "${mac}"`,
    '#   ethernet0.checkMACAddress = "false"',
  ]
}

/** A comment: the switch has other port groups, which a smaller MTU may cut off. */
function mtuNotes(mtuBytes: number): string[] {
  if (mtuBytes <= 1500) return []
  return [
    `# The MTU of the switch has to be ${mtuBytes} or more:`,
    `# esxcli network vswitch standard set --vswitch-name=${VSWITCH} --mtu=${mtuBytes}`,
  ]
}

function modeLines(mode: Mode, name: string, vid: number | undefined, isInForce: boolean) {
  const id = mode.vlanId(vid)
  if (id === undefined) return [`# ${mode.name}: not for a network without a VID`]
  const line = `${portgroup} set --portgroup-name=${name} --vlan-id=${id}`
  return [`# ${mode.name}: ${mode.when(vid)}`, isInForce ? line : `# ${line}`]
}

/** On hosts of Weft's a guest tags as it likes; here its tag is the tag on the wire. */
function tagNotes(vlan: Attachment['vlans'][number]): string[] {
  const vid = segmentOf(vlan.network)?.vid
  if (vid === vlan.vid) return []
  const instead = vid === undefined ? 'untagged' : `with VID ${vid}`
  return [`# ESXi translates no tags: the guest sends for ${vlan.key} ${instead}, not ${vlan.vid}.`]
}

function onPhysicalNetwork({ key, network }: Pick<Attachment, 'key' | 'network'>) {
  const segment = segmentOf(network)
  if (segment) return segment
  const { tenant, id, vni } = network
  throw new AttachError(
    `network ${tenant}/${id} of port ${key} is of type vxlan, and ESXi binds nothing to a VNI (here ${vni}); ` +
      `a VLAN that extends the network can be bound: give it an extension {physicalNetwork, vid, hostId}`,
  )
}
