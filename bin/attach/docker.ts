/** A container with no network of Docker's, and the port as its only interface. The lines run as root: `| sh -e`. */
import { type Attachment, nameOf } from './attachment.ts'
import { guestCommands } from './guest.ts'
import { vethCommands, vethNotes } from './veth.ts'

export function docker(attachment: Attachment): string[] {
  const name = nameOf(attachment.key)
  const inside = 'nsenter --target "$pid" --net'
  return [
    `# Set IMAGE first. Every start of the container makes a new namespace: then again from 'pid=' on.`,
    `docker run --detach --network none --name ${name} "$IMAGE"`,
    `pid=$(docker inspect --format '{{.State.Pid}}' ${name})`,
    ...vethCommands('"$pid"', attachment),
    ...guestCommands(`${inside} ip`, attachment),
    ...vethNotes(inside, `docker rm --force ${name}`, attachment),
  ]
}
