/**
 * A tee: a port whose frames are written to a capture file as they pass, as `tcpdump -i PORT -w FILE`
 * would. Neighbours: pcap-file.ts, frame-port.ts.
 */
import { type FramePort, PortError } from './frame-port.ts'
import { openPcapFile, type PcapWriter, type PcapWriterOptions } from './pcap-file.ts'

export interface CaptureOptions extends PcapWriterOptions {
  /** Which frames, from the view of the port; default both. */
  readonly direction?: 'rx' | 'tx' | 'both' | undefined
  /** Milliseconds since 1970; default the system's. */
  readonly wallClock?: (() => number) | undefined
}

export interface Capture {
  /** In the place of the port that it was made of. */
  readonly port: FramePort
  readonly writer: PcapWriter
  /** Ends the capture, not the port; resolves when all is in the file. */
  close(): Promise<void>
}

/** Rejects when the file cannot be made. */
export async function capture(
  port: FramePort,
  path: string,
  options: CaptureOptions = {},
): Promise<Capture> {
  const { direction = 'both', wallClock = () => performance.timeOrigin + performance.now() } =
    options
  const writer = await openPcapFile(path, options)
  const write = (bytes: Uint8Array, start: number, end: number) =>
    writer.write(bytes, start, end, wallClock())
  const stop = direction === 'tx' ? () => {} : port.onReceive(write)
  const end = () => {
    stop()
    return writer.close()
  }
  const own: Pick<FramePort, 'transmit' | 'close'> = {
    transmit(bytes, start, end) {
      if (direction !== 'rx') write(bytes, start, end)
      port.transmit(bytes, start, end)
    },
    close() {
      port.close?.()
      end().catch(() => {}) // writer.error says why
    },
  }
  // What the port says of itself it says at each look, so that everything but sending is its own.
  const tee = new Proxy(port, {
    get(_, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name)
      const value: unknown = Reflect.get(port, name, port)
      return typeof value === 'function' ? value.bind(port) : value
    },
  })
  return { port: tee, writer, close: end }
}

/**
 * A port with the captures that options of Open vSwitch's dummy devices ask for: `pcap=FILE` both ways,
 * `rxq_pcap` and `tx_pcap` one. Rejects with PortError, the port closed, when a file cannot be made.
 */
export async function captured(
  port: FramePort,
  options: Readonly<Record<string, string | undefined>>,
): Promise<FramePort> {
  const files = [
    [options.pcap, 'both'],
    [options.rxq_pcap, 'rx'],
    [options.tx_pcap, 'tx'],
  ] as const
  let outermost = port
  for (const [path, direction] of files) {
    if (path === undefined) continue
    try {
      outermost = (await capture(outermost, path, { direction })).port
    } catch (cause) {
      outermost.close?.()
      throw new PortError(`${port.name}: ${(cause as Error).message}`, { cause })
    }
  }
  return outermost
}
