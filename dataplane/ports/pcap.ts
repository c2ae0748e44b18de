/**
 * A network interface of the machine as a port, through libpcap (the optional package `cap`).
 * Where it is not installed, or was built for another Node, the feature is absent: openPcapPort
 * rejects with one sentence and nothing else is touched. Needs CAP_NET_RAW.
 * Neighbours: memory.ts (the FramePort that this is one of).
 */
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { parseMac } from '../../southbound/wire/address.ts'
import type { FrameListener, FramePort } from './memory.ts'

/** What we use of the package. */
interface CapHandle {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string
  setMinBytes?(bytes: number): void
  send(buffer: Buffer, size: number): void
  close(): void
  on(event: 'packet', listener: (size: number, truncated: boolean) => void): void
}
interface CapModule {
  readonly Cap: new () => CapHandle
}

export interface PcapPort extends FramePort {
  close(): void
}

/** The interface cannot be opened; `cause` is what libpcap or the loader said. */
export class PcapError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PcapError'
  }
}

const LARGEST_FRAME = 65_535
const KERNEL_BUFFER = 4 << 20

async function loadCap(): Promise<CapModule> {
  try {
    const name = 'cap'
    const loaded = (await import(name)) as CapModule & { readonly default?: CapModule }
    return loaded.default ?? loaded
  } catch (cause) {
    throw new PcapError('no pcap ports: the optional package cap is not usable here', { cause })
  }
}

/** Rejects with PcapError. The port receives only what others sent (`inbound`), never its own. */
export async function openPcapPort(device: string): Promise<PcapPort> {
  const { Cap } = await loadCap()
  const mtuBytes = Number(await readFile(`/sys/class/net/${device}/mtu`, 'utf8').catch(() => 1500))
  const mac = parseMac(networkInterfaces()[device]?.[0]?.mac ?? (await macOf(device)))
  const handle = new Cap()
  // libpcap writes here for as long as the handle lives: the closures below keep it referenced.
  const incoming = Buffer.alloc(LARGEST_FRAME)
  const outgoing = Buffer.alloc(LARGEST_FRAME)
  const receivers = new Set<FrameListener>()
  try {
    const linkType = handle.open(device, 'inbound', KERNEL_BUFFER, incoming)
    if (linkType !== 'ETHERNET') throw new Error(`link type ${linkType}`)
  } catch (cause) {
    throw new PcapError(`cannot open ${device}: ${(cause as Error).message}`, { cause })
  }
  handle.setMinBytes?.(0)
  let up = true
  handle.on('packet', (size, truncated) => {
    if (truncated) return
    for (const receive of receivers) receive(incoming, 0, size)
  })
  return {
    name: device,
    mac,
    mtuBytes,
    get up() {
      return up
    },
    transmit(bytes, start, end) {
      if (!up || end - start > LARGEST_FRAME) return
      outgoing.set(bytes.subarray(start, end), 0)
      handle.send(outgoing, end - start)
    },
    onReceive(listener) {
      receivers.add(listener)
      return () => receivers.delete(listener)
    },
    onState: () => () => {},
    close() {
      if (!up) return
      up = false
      receivers.clear()
      handle.close()
    },
  }
}

/** An interface without an address is not listed by the runtime. */
async function macOf(device: string): Promise<string> {
  const path = `/sys/class/net/${device}/address`
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PcapError(`there is no interface ${device}`, { cause })
  })
  return text.trim()
}
