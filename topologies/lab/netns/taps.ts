/**
 * Interfaces of a lab of real hosts as places to watch, both ways, with the times of the kernel: packet sockets that are opened
 * inside the namespace and read from here. Neighbours: raw-socket.ts (what arrives alone), plan.ts (names).
 */
import { LARGEST_FRAME } from '../../../dataplane/ports/frame-port.ts'
import {
  openReceiver,
  type ReceiveArea,
  receiveArea,
  receiveBuffer,
  SOL_PACKET,
  WITH_OUTGOING,
} from '../../../dataplane/ports/frame-socket.ts'
import { LibcError, libc, whenReadable } from '../../../dataplane/ports/libc.ts'
import type { Tap } from '../lab.ts'
import { inNamespace } from './namespace.ts'
import { GUEST_NIC, type HostPlan, type SitePlan, UNDERLAY_NIC } from './plan.ts'
import { indexOf, type Place } from './raw-socket.ts'

const ROOM = receiveBuffer(64 * 1024 * 1024)
/** Frames read in one turn of the event loop. */
const BATCH = 256
/** Of them, when it ends: what may wait, small ones too, and no more where others keep coming. */
const LAST_BATCHES = 1024
const PACKET_STATISTICS = 6
/** struct timespec of the last frame that was read; without any it is refused, and asking switches the times on. */
const SIOCGSTAMPNS = 0x8907
const EAGAIN = 11
const ENETDOWN = 100

/** How the interfaces of hosts are reached: of a netns lab each is in a namespace of this machine. */
export interface Reach {
  readonly underlayNic: string
  /** Of a host's own interfaces. */
  readonly namespaceOf: (host: HostPlan) => string
  readonly open: (hostId: string, place: Place) => Tap['open']
}

const here: Reach = {
  underlayNic: UNDERLAY_NIC,
  namespaceOf: ({ namespace }) => namespace,
  open: (_, place) => opener(place),
}

/** Guests, then hosts with what they have to the underlay and to physical networks. */
export function tapsOf({ hosts, uplinks, workloads }: SitePlan, reach: Reach = here): Tap[] {
  const { underlayNic, namespaceOf, open } = reach
  const guests = workloads.map(({ name, hostId, namespace }) => ({
    ...{ name: name.replace('.', ' '), hostId, guest: name },
    open: open(hostId, { namespace, device: GUEST_NIC }),
  }))
  const own = hosts.flatMap((host) => {
    const { id } = host
    const at = (device: string) => open(id, { namespace: namespaceOf(host), device })
    const outward = uplinks.filter(({ hostId }) => hostId === id)
    return [
      { name: `underlay ${id}`, hostId: id, open: at(underlayNic) },
      ...outward.map(({ device, physicalNetwork }) => ({
        ...{ name: `${physicalNetwork} ${id} ${device}`, hostId: id, physicalNetwork },
        open: at(device),
      })),
    ]
  })
  return [...guests, ...own]
}

/** Shared by all taps: a frame is read and handed on within one call. */
let area: ReceiveArea | undefined

export function opener(place: Place): Tap['open'] {
  return (seen) => {
    const fd = inNamespace(place.namespace, () =>
      openReceiver(indexOf(place), [ROOM, WITH_OUTGOING]),
    )
    const stamp = Buffer.alloc(16)
    stampOf(fd, stamp)
    const statistics = Buffer.alloc(8)
    let lost = 0
    let isOpen = true
    const count = () => {
      libc().getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics)
      lost += statistics.readUInt32LE(4) // since it was asked for last
    }
    /** @returns whether there may be more */
    const read = (): boolean => {
      area ??= receiveArea(0)
      for (let done = 0; done < BATCH && isOpen; done++) {
        const size = area.receive(fd)
        if (size < 0) {
          const errno = libc().errno()
          if (errno === EAGAIN || errno === ENETDOWN) return false
          throw new LibcError('recvmsg', errno)
        }
        const start = area.restoreTag(size)
        const frame = area.bytes.subarray(start, area.offset + Math.min(size, LARGEST_FRAME))
        seen(frame, area.isOutgoing ? 'out' : 'in', stampOf(fd, stamp))
      }
      return isOpen
    }
    const stopWaiting = whenReadable(fd, () => void read())
    return {
      get lost() {
        if (isOpen) count()
        return lost
      },
      close() {
        if (!isOpen) return
        // What has been on the wire already belongs to the capture.
        for (let batches = 0; batches < LAST_BATCHES && read(); ) batches++
        count()
        isOpen = false
        stopWaiting()
        libc().close(fd)
      },
    }
  }
}

/** Nanoseconds since 1970, of the frame that was read last; undefined when nobody has looked at the clock for it. */
function stampOf(fd: number, stamp: Buffer): bigint | undefined {
  try {
    libc().ioctl(fd, SIOCGSTAMPNS, stamp)
  } catch (error) {
    if (error instanceof LibcError) return undefined
    throw error
  }
  return stamp.readBigInt64LE(0) * 1_000_000_000n + stamp.readBigInt64LE(8)
}
