/**
 * Room for bursts. Open vSwitch reads system interfaces from packet sockets with the machine's default
 * receive buffer (212,992 bytes: some 18 jumbo frames); what comes while the switch waits for a processor
 * is lost in silence, and nothing can be counted exactly. An operator raises `net.core.rmem_default`, which
 * is the whole machine's; a lab touches only what is its own: the sockets of its switches, of which
 * pidfd_getfd(2) gives it a duplicate.
 */
import { readdirSync } from 'node:fs'
import { AF_PACKET, SOL_SOCKET } from '../../../dataplane/ports/frame-socket.ts'
import { LibcError, libc } from '../../../dataplane/ports/libc.ts'
import { ROOM_FOR_BURSTS } from './raw-socket.ts'

const SO_DOMAIN = 39

/** No socket, or one that the process has closed since its descriptors were listed. */
const NOT_A_SOCKET = new Set(['ENOTSOCK', 'EBADF'])

/** Grows the buffers of all packet sockets that the process has open now; how many it found. */
export function growReceiveBuffers(pid: number): number {
  const process = libc().pidfdOpen(pid)
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).map(Number)
    return descriptors.filter((fd) => growIfPacketSocket(process, fd)).length
  } finally {
    libc().close(process)
  }
}

function growIfPacketSocket(process: number, fd: number): boolean {
  try {
    return withDuplicate(process, fd, (socket) => {
      if (familyOf(socket) !== AF_PACKET) return false
      libc().setsockopt(socket, ...ROOM_FOR_BURSTS)
      return true
    })
  } catch (error) {
    if (error instanceof LibcError && NOT_A_SOCKET.has(error.code)) return false
    throw error
  }
}

function withDuplicate(process: number, fd: number, use: (duplicate: number) => boolean): boolean {
  const duplicate = libc().pidfdGetfd(process, fd)
  try {
    return use(duplicate)
  } finally {
    libc().close(duplicate)
  }
}

/** socket(7): AF_PACKET and so on. */
function familyOf(socket: number): number {
  const value = Buffer.alloc(4)
  libc().getsockopt(socket, SOL_SOCKET, SO_DOMAIN, value)
  return value.readInt32LE()
}
