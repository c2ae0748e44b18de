/** The facts of an attachment for programs; the shape is kept. */
import { type Attachment, type GuestInterface, INTEGRATION_BRIDGE } from './attachment.ts'

export function json(attachment: Attachment): string[] {
  const { uuid, hostId, hostKind, boundBy, device, deviceMtuBytes, vlans } = attachment
  const facts = {
    ...guest(attachment),
    uuid,
    host: { ...(hostId !== undefined && { id: hostId }), kind: hostKind },
    device: {
      name: device,
      mtuBytes: deviceMtuBytes,
      boundBy,
      ...(hostKind === 'ovs' && { bridge: INTEGRATION_BRIDGE }),
    },
    subports: vlans.map((vlan) => ({ vid: vlan.vid, ...guest(vlan) })),
  }
  return [JSON.stringify(facts, undefined, 2)]
}

function guest({ key, network, mac, addresses, mtuBytes }: GuestInterface) {
  const { type, vni, physicalNetwork, vid } = network
  const carried = { id: network.id, type, vni, physicalNetwork, vid }
  return { port: key, mac, addresses, mtuBytes, network: carried }
}
