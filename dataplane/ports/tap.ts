/**
 * A tap device: the switch's end is a descriptor, the other end a network device of the kernel, for
 * the machine itself (an internal port, as a bridge's own) or for a virtual machine. A descriptor of
 * /dev/net/tun can be polled, so that the event loop wakes the port; fs.read would hold a thread of
 * the pool that nothing can call off. Linux; needs CAP_NET_ADMIN. The device goes with the port.
 * Neighbours: link-port.ts (the port), link.ts (MTU, state, address), libc.ts.
 */
import { LARGEST_FRAME, type OpenPort, PortError } from './frame-port.ts'
import { addressOf, libc } from './libc.ts'
import { interfaceRequest, type Link, openLink } from './link.ts'
import { linkPort } from './link-port.ts'

const O_RDWR_NONBLOCK_CLOEXEC = 0o2004002
const TUNSETIFF = 0x400454ca
const IFF_TAP = 0x0002
/** Frames as they are: no protocol in front, no virtio header, so no offloads either. */
const IFF_NO_PI = 0x1000

export interface TapOptions {
  /** At most 15 characters; one that another tap has is refused. */
  readonly name: string
  /** Address of the kernel's end; the kernel chooses when absent. */
  readonly mac?: number | undefined
  /** Of the kernel's end; default 1500. */
  readonly mtuBytes?: number | undefined
}

/** Makes the device and sets it up. Rejects with PortError: no right, the name is taken, not Linux. */
export async function openTapPort(options: TapOptions): Promise<OpenPort> {
  try {
    return tapPort(options)
  } catch (cause) {
    if (cause instanceof PortError) throw cause
    const why = (cause as Error).message
    throw new PortError(`could not open network device ${options.name} (${why})`, { cause })
  }
}

function tapPort(options: TapOptions): OpenPort {
  const { name } = options
  const request = interfaceRequest(name)
  const fd = libc().open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC)
  let link: Link | undefined
  try {
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI, 16)
    libc().ioctl(fd, TUNSETIFF, request)
    link = openLink(name)
    if (options.mac !== undefined) link.setMac(options.mac)
    if (options.mtuBytes !== undefined) link.setMtu(options.mtuBytes)
    link.setUp()
    return openedPort(name, fd, link)
  } catch (error) {
    link?.close()
    libc().close(fd)
    throw error
  }
}

function openedPort(name: string, fd: number, link: Link): OpenPort {
  const bytes = new Uint8Array(LARGEST_FRAME + 1)
  const address = addressOf(bytes)
  return linkPort({
    ...{ name, link, fd, bytes, offset: 0, largest: LARGEST_FRAME },
    read: () => libc().read(fd, address, bytes.length),
    send: (from, size) => libc().write(fd, from, size),
    close: () => libc().close(fd),
  })
}
