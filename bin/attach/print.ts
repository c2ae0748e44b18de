/** Text of an attachment in a format: the functions beside the rows of formats.ts. */
import type { Attachment } from './attachment.ts'
import { docker } from './docker.ts'
import { AttachError } from './error.ts'
import { esxi } from './esxi.ts'
import { type FormatName, formats } from './formats.ts'
import { hyperv } from './hyperv.ts'
import { json } from './json.ts'
import { libvirt } from './libvirt.ts'
import { netns } from './netns.ts'
import { xen } from './xen.ts'

/** Reasons that no workload changes: what the host leads to, what its kernel lacks. */
const NOT_THERE = /\b(physical_network_missing|vid_not_carried|vlan_unsupported|bridge_missing)\b/

const printers: Record<FormatName, (attachment: Attachment) => readonly string[]> = {
  ...{ libvirt, xen, hyperv, esxi, netns, docker, json },
}

/** Ends with a newline. @throws AttachError where the format is not for that kind of host or network */
export function printAttachment(format: FormatName, attachment: Attachment): string {
  const { hostKind, hostId, key } = attachment
  const kinds: readonly string[] = formats[format].hosts
  if (kinds.length > 0 && !kinds.includes(hostKind)) {
    const where = hostId === undefined ? 'every host' : `host ${hostId}`
    throw new AttachError(
      `port ${key}: ${where} is of kind ${hostKind}, and ${format} is for kind ${kinds.join(' and ')}`,
    )
  }
  if (kinds.length === 0 && attachment.isHostAsked) {
    throw new AttachError(
      `port ${key}: --host ${hostId} says nothing here: ${format} is for no host of Weft's; leave it out`,
    )
  }
  if (kinds.length > 0) checkNetworks(attachment)
  return `${printers[format](attachment).join('\n')}\n`
}

/** A network on a physical one that the host does not lead to would bind the port, and no frame would get anywhere. */
function checkNetworks({ hostId, network, vlans }: Attachment): void {
  for (const { tenant, id, status } of [network, ...vlans.map((vlan) => vlan.network)]) {
    const { state, reason = '' } = status?.hosts?.[hostId ?? ''] ?? {}
    if (state !== 'failed' || !NOT_THERE.test(reason)) continue
    throw new AttachError(`network ${tenant}/${id} cannot be on host ${hostId}: ${reason}`)
  }
}
