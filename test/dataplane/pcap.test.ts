import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PortError } from '../../dataplane/ports/frame-port.ts'
import { openPcapPort } from '../../dataplane/ports/pcap.ts'

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })
const left = `wp${process.pid}a`
const right = `wp${process.pid}b`

/** Why the test cannot run here; undefined when it can. */
async function obstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root'
  try {
    ip('link', 'add', left, 'type', 'veth', 'peer', 'name', right)
  } catch {
    return 'needs iproute2 and veth devices'
  }
  try {
    for (const end of [left, right]) ip('link', 'set', end, 'up')
    const port = await openPcapPort(left)
    port.close()
    return undefined
  } catch (error) {
    ip('link', 'del', left)
    if (error instanceof PortError) return error.message
    throw error
  }
}

const why = await obstacle()

test.skipIf(why !== undefined)(
  `frames cross a veth pair between two pcap ports${why ? ` (skipped: ${why})` : ''}`,
  async () => {
    const a = await openPcapPort(left)
    const b = await openPcapPort(right)
    try {
      const frame = new Uint8Array(60).fill(0x5a)
      frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5])
      const at: Record<'a' | 'b', Uint8Array[]> = { a: [], b: [] }
      const isOurs = (bytes: Uint8Array) => bytes[12] === 0x88 && bytes[13] === 0xb5
      a.onReceive((bytes, start, end) => void at.a.push(bytes.slice(start, end)))
      b.onReceive((bytes, start, end) => void at.b.push(bytes.slice(start, end)))
      // The first frames go while the links still come up.
      for (let i = 0; i < 50 && !at.b.some(isOurs); i++) {
        a.transmit(frame, 0, frame.length)
        await sleep(20)
      }
      expect(Uint8Array.from(at.b.find(isOurs) ?? [])).toEqual(frame)
      expect(at.a.filter(isOurs)).toEqual([])
    } finally {
      a.close()
      b.close()
      ip('link', 'del', left)
    }
  },
)

test('an interface that is not there is refused in one sentence', async () => {
  await expect(openPcapPort('no-such-dev')).rejects.toThrow(/no-such-dev|package cap/)
})
