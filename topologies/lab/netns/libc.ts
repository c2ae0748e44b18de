/**
 * The few calls of the C library that Node does not offer: changing the network namespace of this thread,
 * packet sockets, and reaching into another process's sockets. Nothing is compiled; koffi calls the library that is there (Linux, 64 bit).
 * namespace.ts, raw-socket.ts and receive-buffers.ts give these calls a shape; nobody else imports this file.
 */
import koffi from 'koffi'

const ERRNO_NAMES = new Map(
  Object.entries(koffi.os.errno).map(([name, number]) => [number as number, name]),
)

/** A call of the C library that failed. */
export class LibcError extends Error {
  readonly call: string
  /** `EMSGSIZE`, `ENODEV`, …; errno(3). */
  readonly code: string

  constructor(call: string, errno: number) {
    const code = ERRNO_NAMES.get(errno) ?? `errno ${errno}`
    super(`${call}: ${code}`)
    this.name = 'LibcError'
    this.call = call
    this.code = code
  }
}

/** The calls, checked: each throws LibcError instead of returning −1. */
export interface Libc {
  /** setns(2): moves the calling thread. */
  setns(fd: number, kind: number): void
  /** socket(2): a file descriptor. */
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array): void
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): void
  /** send(2): bytes taken. */
  send(fd: number, bytes: Uint8Array): number
  /** recvmsg(2) on a `struct msghdr`: bytes read, or −1 when nothing waits (EAGAIN) or a link is down. */
  receive(fd: number, message: Uint8Array): number
  /** SO_DOMAIN, socket(7): AF_PACKET and so on. */
  socketFamily(fd: number): number
  /** pidfd_open(2). */
  pidfdOpen(pid: number): number
  /** pidfd_getfd(2): our duplicate of another process's file descriptor. */
  pidfdGetfd(process: number, fd: number): number
  close(fd: number): void
  /** Index of an interface of the current namespace; 0 when there is none of that name. */
  interfaceIndex(name: string): number
}

/** Numbers of system calls since Linux 5.1 are the same on all architectures. */
const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_GETFD = 438
const SOL_SOCKET = 1
const SO_DOMAIN = 39

let loaded: Libc | undefined

/** Loads the library at the first use, so that importing the netns lab costs nothing elsewhere. */
export function libc(): Libc {
  loaded ??= load()
  return loaded
}

function load(): Libc {
  const library = koffi.load('libc.so.6')
  const setns = library.func('int setns(int, int)')
  const socket = library.func('int socket(int, int, int)')
  const bind = library.func('int bind(int, const void *, uint32_t)')
  const setsockopt = library.func('int setsockopt(int, int, int, const void *, uint32_t)')
  const send = library.func('long send(int, const void *, size_t, int)')
  const recvmsg = library.func('long recvmsg(int, void *, int)')
  const close = library.func('int close(int)')
  const ifNameToIndex = library.func('uint32_t if_nametoindex(const char *)')
  const getsockopt = library.func('int getsockopt(int, int, int, void *, void *)')
  const syscall = library.func('syscall', 'long', ['long', 'long', 'long', 'long'])
  const nothingWaits = new Set([koffi.os.errno.EAGAIN, koffi.os.errno.ENETDOWN])
  const check = (call: string, result: number): number => {
    if (result < 0) throw new LibcError(call, koffi.errno())
    return result
  }
  return {
    setns: (fd, kind) => void check('setns', setns(fd, kind)),
    socket: (family, type, protocol) => check('socket', socket(family, type, protocol)),
    bind: (fd, address) => void check('bind', bind(fd, address, address.length)),
    setsockopt: (fd, level, option, value) =>
      void check('setsockopt', setsockopt(fd, level, option, value, value.length)),
    send: (fd, bytes) => check('send', Number(send(fd, bytes, bytes.length, 0))),
    receive: (fd, message) => {
      const size = Number(recvmsg(fd, message, 0))
      if (size >= 0 || nothingWaits.has(koffi.errno())) return size
      throw new LibcError('recvmsg', koffi.errno())
    },
    socketFamily: (fd) => {
      const value = new Int32Array(1)
      check('getsockopt', getsockopt(fd, SOL_SOCKET, SO_DOMAIN, value, Uint32Array.of(4)))
      return value[0] ?? 0
    },
    pidfdOpen: (pid) => check('pidfd_open', Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0))),
    pidfdGetfd: (process, fd) =>
      check('pidfd_getfd', Number(syscall(SYS_PIDFD_GETFD, process, fd, 0))),
    close: (fd) => void check('close', close(fd)),
    interfaceIndex: (name) => Number(ifNameToIndex(name)),
  }
}

/** Address of a buffer's first byte, for structures that point at each other. Keep the buffer referenced. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer)
}
