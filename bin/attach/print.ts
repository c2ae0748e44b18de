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
  return `${printers[format](attachment).join('\n')}\n`
}
