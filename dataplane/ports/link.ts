/**
 * A network device of the Linux kernel as it is now: index, address, MTU, whether it runs; asked by
 * ioctl (netdevice(7)) and followed by netlink (rtnetlink(7)), in the network namespace in which it
 * was opened. Neighbours: packet-socket.ts and tap.ts move frames over such a device.
 */
import { PortError } from './frame-port.ts'
import { addressOf, LibcError, libc, whenReadable } from './libc.ts'

const AF_NETLINK = 16
const SOCK_RAW_NONBLOCK_CLOEXEC = 0o2004003
const NETLINK_ROUTE = 0
const RTMGRP_LINK = 1
const SIOCGIFFLAGS = 0x8913
const SIOCSIFFLAGS = 0x8914
const SIOCGIFMTU = 0x8921
const SIOCSIFMTU = 0x8922
const SIOCSIFHWADDR = 0x8924
const SIOCGIFHWADDR = 0x8927
const SIOCGIFINDEX = 0x8933
const IFF_UP = 1
const IFF_RUNNING = 0x40
const ARPHRD_ETHER = 1
/** IFNAMSIZ with the final zero. */
const NAME_SIZE = 16
const IFREQ_SIZE = 80

export interface Link {
  readonly index: number
  readonly mac: number
  readonly mtuBytes: number
  /** Administratively up and running. */
  readonly up: boolean
  /** It was deleted or renamed; another may have its name by now. */
  readonly gone: boolean
  /** What the kernel refuses stays as it was. */
  setMtu(bytes: number): void
  /** @throws LibcError */
  setMac(mac: number): void
  /** @throws LibcError */
  setUp(): void
  onChange(listener: () => void): void
  close(): void
}

/** struct ifreq of a device: the name, and 64 bytes for what is asked or told. */
export function interfaceRequest(name: string): Buffer {
  if (name === '' || Buffer.byteLength(name) >= NAME_SIZE || /[\s/]/.test(name)) {
    throw new PortError(`'${name}' is no name of a network device`)
  }
  const request = Buffer.alloc(IFREQ_SIZE)
  request.write(name, 0)
  return request
}

/** @throws PortError when there is no such device, or it is not of the kind of Ethernet; LibcError */
export function openLink(name: string): Link {
  const request = interfaceRequest(name)
  const index = libc().interfaceIndex(name)
  if (index === 0) throw new PortError(`could not open network device ${name} (No such device)`)
  const fd = libc().socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE)
  const news = Buffer.alloc(8192)
  const state = { mac: 0, mtuBytes: 0, up: false, gone: false }
  let listener = () => {}
  let isOpen = true

  const ask = (code: number) => {
    request.fill(0, NAME_SIZE)
    libc().ioctl(fd, code, request)
    return request
  }
  const tell = (code: number) => libc().ioctl(fd, code, request)
  const look = () => {
    if (state.gone) return
    const before = `${state.mac} ${state.mtuBytes} ${state.up}`
    try {
      state.gone = ask(SIOCGIFINDEX).readInt32LE(NAME_SIZE) !== index
      state.mtuBytes = ask(SIOCGIFMTU).readInt32LE(NAME_SIZE)
      const running = IFF_UP | IFF_RUNNING
      const flags = ask(SIOCGIFFLAGS).readUInt16LE(NAME_SIZE)
      state.up = !state.gone && (flags & running) === running
      state.mac = ask(SIOCGIFHWADDR).readUIntBE(NAME_SIZE + 2, 6)
    } catch (error) {
      if (!(error instanceof LibcError)) throw error
      state.gone = true
      state.up = false
    }
    if (state.gone || before !== `${state.mac} ${state.mtuBytes} ${state.up}`) listener()
  }

  let stop = () => {}
  try {
    const kind = ask(SIOCGIFHWADDR).readUInt16LE(NAME_SIZE)
    if (kind !== ARPHRD_ETHER && kind !== 772) throw new PortError(`${name} carries no Ethernet`)
    const groups = Buffer.alloc(12)
    groups.writeUInt16LE(AF_NETLINK, 0)
    groups.writeUInt32LE(RTMGRP_LINK, 8)
    libc().bind(fd, groups)
    look()
    // What the messages say is asked for again, so that a lost one does not matter for long.
    stop = whenReadable(fd, () => {
      while (isOpen && libc().read(fd, addressOf(news), news.length) > 0);
      if (isOpen) look()
    })
  } catch (error) {
    libc().close(fd)
    throw error
  }
  return {
    index,
    get mac() {
      return state.mac
    },
    get mtuBytes() {
      return state.mtuBytes
    },
    get up() {
      return state.up
    },
    get gone() {
      return state.gone
    },
    setMtu(bytes) {
      request.fill(0, NAME_SIZE).writeInt32LE(bytes, NAME_SIZE)
      try {
        tell(SIOCSIFMTU)
      } catch (error) {
        if (!(error instanceof LibcError)) throw error
      }
      look()
    },
    setMac(mac) {
      request.fill(0, NAME_SIZE).writeUInt16LE(ARPHRD_ETHER, NAME_SIZE)
      request.writeUIntBE(mac, NAME_SIZE + 2, 6)
      tell(SIOCSIFHWADDR)
      look()
    },
    setUp() {
      const flags = ask(SIOCGIFFLAGS).readUInt16LE(NAME_SIZE)
      request.writeUInt16LE(flags | IFF_UP, NAME_SIZE)
      tell(SIOCSIFFLAGS)
      look()
    },
    onChange(run) {
      listener = run
    },
    close() {
      if (!isOpen) return
      isOpen = false
      stop()
      libc().close(fd)
    },
  }
}
