/**
 * A network interface of the machine as a port, through libpcap (the optional package `cap`): slower
 * than packet-socket.ts, and there where that is not, on macOS and the BSDs. Where the package is not
 * installed, or was built for another Node, the feature is absent: openPcapPort rejects with one
 * sentence and nothing else is touched. Needs the right to capture (Linux: CAP_NET_RAW).
 *
 * What is known of `cap`: without the filter `inbound` it captures what it sent, and two ports loop;
 * it writes into the buffer for as long as the handle lives, so that has to stay referenced; one
 * callback per frame, which starves timers under load; it does not work in worker threads.
 * Neighbours: frame-port.ts.
 */
import { networkInterfaces, platform } from 'node:os'
import { parseMac } from '../../southbound/wire/address.ts'
import {
  type FrameListener,
  LARGEST_FRAME,
  listeners,
  newPortCounters,
  type OpenPort,
  PortError,
  plainBytes,
} from './frame-port.ts'
import { type Link, openLink } from './link.ts'

/** What we use of the package. */
interface CapHandle {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string
  setMinBytes?(bytes: number): void
  send(buffer: Buffer, size: number): void
  close(): void
  on(event: 'packet', listener: (size: number, truncated: boolean) => void): void
}
export interface CapModule {
  readonly Cap: new () => CapHandle
}

const KERNEL_BUFFER = 4 << 20

/** Rejects with PortError where the package is not usable. */
export async function loadCap(): Promise<CapModule> {
  try {
    const name = 'cap'
    const loaded = (await import(name)) as CapModule & { readonly default?: CapModule }
    return loaded.default ?? loaded
  } catch (cause) {
    throw new PortError('no pcap ports: the optional package cap is not usable here', { cause })
  }
}

/** Rejects with PortError. The port receives only what others sent (`inbound`), never its own. */
export async function openPcapPort(device: string): Promise<OpenPort> {
  return pcapPort(await loadCap(), device)
}

/** What the system knows of a device and libpcap does not tell; followed on Linux alone. */
function linkOf(device: string): Omit<Link, 'index' | 'setMac' | 'setUp'> {
  if (platform() === 'linux') return openLink(device)
  const mac = parseMac(networkInterfaces()[device]?.[0]?.mac ?? '00:00:00:00:00:00')
  return { mac, mtuBytes: 1500, up: true, gone: false, setMtu() {}, onChange() {}, close() {} }
}

/** As openPcapPort, at once. @throws PortError */
export function pcapPort({ Cap }: CapModule, device: string): OpenPort {
  const link = linkOf(device)
  const handle = new Cap()
  // libpcap writes here for as long as the handle lives: the closures below keep it referenced.
  const incoming = Buffer.alloc(LARGEST_FRAME)
  const frame = plainBytes(incoming)
  const outgoing = Buffer.alloc(LARGEST_FRAME)
  const receivers = listeners<FrameListener>()
  const counters = newPortCounters()
  try {
    const linkType = handle.open(device, 'inbound', KERNEL_BUFFER, incoming)
    if (linkType !== 'ETHERNET') throw new Error(`link type ${linkType}`)
  } catch (cause) {
    link.close()
    throw new PortError(`cannot open ${device}: ${(cause as Error).message}`, { cause })
  }
  handle.setMinBytes?.(0)
  const watchers = listeners<() => void>()
  link.onChange(() => {
    for (const watch of watchers.list) watch()
  })
  let isOpen = true
  handle.on('packet', (size, truncated) => {
    if (truncated) {
      counters.rxErrors++
      return
    }
    counters.rxFrames++
    counters.rxBytes += size
    for (const receive of receivers.list) receive(frame, 0, size)
  })
  return {
    name: device,
    get mac() {
      return link.mac
    },
    get mtuBytes() {
      return link.mtuBytes
    },
    counters,
    get up() {
      return isOpen && link.up
    },
    get gone() {
      return link.gone
    },
    transmit(bytes, start, end) {
      const size = end - start
      if (!isOpen || size > LARGEST_FRAME) {
        counters[isOpen ? 'txErrors' : 'txDropped']++
        return
      }
      outgoing.set(bytes.subarray(start, end), 0)
      try {
        handle.send(outgoing, size)
        counters.txFrames++
        counters.txBytes += size
      } catch {
        counters.txErrors++ // longer than the device takes, or the device is down
      }
    },
    onReceive: receivers.add,
    onState: watchers.add,
    setMtu: link.setMtu,
    close() {
      if (!isOpen) return
      isOpen = false
      receivers.clear()
      watchers.clear()
      link.close()
      handle.close()
    },
  }
}
