/**
 * The calls of the C library that Linux devices need and Node has not, through koffi: packet and
 * netlink sockets, ioctl, reads and writes at an offset of a buffer without making a view of it; and
 * those of labs, which work in other network namespaces and on other processes' sockets. Nothing is
 * compiled. Neighbours: link.ts, link-port.ts, frame-socket.ts, tap.ts, tunnel/udp-underlay.ts.
 */
import koffi from 'koffi'

const ERRNO_NAMES = new Map(
  Object.entries(koffi.os.errno).map(([name, number]) => [number as number, name]),
)

/** A call of the C library that failed. */
export class LibcError extends Error {
  readonly call: string
  /** `ENODEV`, `EPERM`, …; errno(3). */
  readonly code: string

  constructor(call: string, errno: number) {
    const code = ERRNO_NAMES.get(errno) ?? `errno ${errno}`
    super(`${call}: ${code}`)
    this.name = 'LibcError'
    this.call = call
    this.code = code
  }
}

/**
 * Calls made once in a while throw LibcError. Those made for every frame (`send`, `write`, `read`,
 * `receiveMessage`) return −1 and leave the reason in errno(). An `address` is that of a byte in
 * memory, from addressOf() or an Addresses.
 */
export interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array): void
  connect(fd: number, address: Uint8Array): void
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): void
  /** Fills `value`; the bytes filled. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number
  /** `argument` is read and written, as struct ifreq. */
  ioctl(fd: number, request: number, argument: Uint8Array): void
  open(path: string, flags: number): number
  close(fd: number): void
  /** setns(2): moves the calling thread. */
  setns(fd: number, kind: number): void
  /** pidfd_open(2). */
  pidfdOpen(pid: number): number
  /** pidfd_getfd(2): our duplicate of another process's file descriptor. */
  pidfdGetfd(process: number, fd: number): number
  /** Index of an interface of the current namespace; 0 when there is none of that name. */
  interfaceIndex(name: string): number
  send(fd: number, address: number, size: number): number
  write(fd: number, address: number, size: number): number
  read(fd: number, address: number, size: number): number
  /** recvmsg(2) on a struct msghdr. */
  receiveMessage(fd: number, message: number, flags: number): number
  errno(): number
}

/** Numbers of system calls since Linux 5.1 are the same on all architectures. */
const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_GETFD = 438

let loaded: Libc | undefined

/** Loads the library at the first use. @throws {Error} where there is no such library */
export function libc(): Libc {
  loaded ??= load()
  return loaded
}

function load(): Libc {
  const library = koffi.load('libc.so.6')
  const socket = library.func('int socket(int, int, int)')
  const bind = library.func('int bind(int, const void *, uint32_t)')
  const connect = library.func('int connect(int, const void *, uint32_t)')
  const setsockopt = library.func('int setsockopt(int, int, int, const void *, uint32_t)')
  const getsockopt = library.func('int getsockopt(int, int, int, void *, void *)')
  const ioctl = library.func('int ioctl(int, unsigned long, void *)')
  const open = library.func('int open(const char *, int)')
  const close = library.func('int close(int)')
  const setns = library.func('int setns(int, int)')
  const syscall = library.func('syscall', 'long', ['long', 'long', 'long', 'long'])
  const ifNameToIndex = library.func('uint32_t if_nametoindex(const char *)')
  // Addresses as numbers: no view and no bigint per frame (70 ns a call, with a view 130).
  const send = library.func('long send(int, uint64_t, size_t, int)')
  const write = library.func('long write(int, uint64_t, size_t)')
  const read = library.func('long read(int, uint64_t, size_t)')
  const recvmsg = library.func('long recvmsg(int, uint64_t, int)')
  const check = (call: string, result: number): number => {
    if (result < 0) throw new LibcError(call, koffi.errno())
    return result
  }
  return {
    socket: (family, type, protocol) => check('socket', socket(family, type, protocol)),
    bind: (fd, address) => void check('bind', bind(fd, address, address.length)),
    connect: (fd, address) => void check('connect', connect(fd, address, address.length)),
    setsockopt: (fd, level, option, value) =>
      void check('setsockopt', setsockopt(fd, level, option, value, value.length)),
    getsockopt: (fd, level, option, value) => {
      const size = Uint32Array.of(value.length)
      check('getsockopt', getsockopt(fd, level, option, value, size))
      return size[0] ?? 0
    },
    ioctl: (fd, request, argument) => void check('ioctl', ioctl(fd, request, argument)),
    open: (path, flags) => check('open', open(path, flags)),
    close: (fd) => void check('close', close(fd)),
    setns: (fd, kind) => void check('setns', setns(fd, kind)),
    pidfdOpen: (pid) => check('pidfd_open', Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0))),
    pidfdGetfd: (process, fd) =>
      check('pidfd_getfd', Number(syscall(SYS_PIDFD_GETFD, process, fd, 0))),
    interfaceIndex: (name) => Number(ifNameToIndex(name)),
    send: (fd, address, size) => send(fd, address, size, 0),
    write: (fd, address, size) => write(fd, address, size),
    read: (fd, address, size) => read(fd, address, size),
    receiveMessage: (fd, message, flags) => recvmsg(fd, message, flags),
    errno: () => koffi.errno(),
  }
}

/** Address of a buffer's first byte. The buffer must be kept referenced, and over 64 bytes. */
export function addressOf(bytes: Uint8Array): number {
  // What is this small may stand in the garbage collector's own heap, which it moves.
  if (bytes.buffer.byteLength <= 64) throw new RangeError('an address of a buffer that may move')
  return Number(koffi.address(bytes))
}

/** Addresses of the frames of one sender: they stand in a few buffers, one after the other. */
export interface Addresses {
  /** Address of bytes[start]; of a copy where the buffer itself may move. */
  of(bytes: Uint8Array, start: number, end: number): number
}

export function addresses(): Addresses {
  const small = new Uint8Array(128)
  let seen: ArrayBufferLike | undefined
  let base = 0
  return {
    of(bytes, start, end) {
      const { buffer } = bytes
      if (buffer.byteLength <= 64) {
        small.set(bytes.subarray(start, end))
        return addressOf(small)
      }
      if (buffer !== seen) {
        base = addressOf(new Uint8Array(buffer))
        seen = buffer
      }
      return base + bytes.byteOffset + start
    },
  }
}

/** After an error of the descriptor (its device went down), ms: then it is looked at again. */
const AGAIN_MS = 50

/** Told when a descriptor can be read, on the event loop. Does not keep the process alive. */
export function whenReadable(fd: number, run: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOpen = true
  // What the types leave out: libuv's status comes first. On an error it has stopped polling; the error
  // is read off by run(), and one that stays (a deleted device) must not keep the loop busy.
  const ready = (status: unknown) => {
    run()
    if (!isOpen || typeof status !== 'number' || status >= 0) return
    timer = setTimeout(() => handle.start({ readable: true }, ready), AGAIN_MS).unref()
  }
  const handle = koffi.node.poll(fd, { readable: true }, ready)
  handle.unref()
  return () => {
    isOpen = false
    clearTimeout(timer)
    handle.close()
  }
}
