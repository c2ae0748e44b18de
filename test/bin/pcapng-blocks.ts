/** Reads back what pcapng-writer.ts writes, as little of the format as tests look at. */

export interface SeenPacket {
  /** Name of its interface. */
  readonly place: string
  readonly frame: Uint8Array
  readonly comment: string | undefined
}

export function blocksOf(bytes: Buffer): {
  readonly places: string[]
  readonly packets: SeenPacket[]
} {
  const places: string[] = []
  const packets: SeenPacket[] = []
  for (let at = 0; at < bytes.length; ) {
    const [type, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
    const block = bytes.subarray(at + 8, at + length - 4)
    if (type === 1) places.push(option(block.subarray(8), 2) ?? '')
    if (type === 6) {
      const size = block.readUInt32LE(12)
      const options = block.subarray(20 + Math.ceil(size / 4) * 4)
      const place = places[block.readUInt32LE(0)] ?? ''
      packets.push({ place, frame: block.subarray(20, 20 + size), comment: option(options, 1) })
    }
    at += length
  }
  return { places, packets }
}

function option(options: Buffer, wanted: number): string | undefined {
  for (let at = 0; at + 4 <= options.length; ) {
    const [code, size] = [options.readUInt16LE(at), options.readUInt16LE(at + 2)]
    if (code === wanted) return options.toString('utf8', at + 4, at + 4 + size)
    at += 4 + Math.ceil(size / 4) * 4
  }
  return undefined
}
