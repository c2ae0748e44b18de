/** A network namespace as the workload. The lines run as they are printed, as root: `| sh -e`. */
import { type Attachment, nameOf } from './attachment.ts'
import { guestCommands } from './guest.ts'
import { vethCommands, vethNotes } from './veth.ts'

export function netns(attachment: Attachment): string[] {
  const name = nameOf(attachment.key)
  return [
    `ip netns add ${name}`,
    ...vethCommands(name, attachment),
    ...guestCommands(`ip -n ${name}`, attachment),
    ...vethNotes(`ip netns exec ${name}`, `ip netns del ${name}`, attachment),
  ]
}
