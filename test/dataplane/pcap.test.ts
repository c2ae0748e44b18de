import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openPcapPort, PcapError } from '../../dataplane/ports/pcap.ts'

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
    if (error instanceof PcapError) return error.message
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
      const at = { a: 0, b: 0 }
      const isOurs = (bytes: Uint8Array) => bytes[12] === 0x88 && bytes[13] === 0xb5
      a.onReceive((bytes) => void (at.a += Number(isOurs(bytes))))
      b.onReceive((bytes) => void (at.b += Number(isOurs(bytes))))
      // The first frames go while the links still come up.
      for (let i = 0; i < 50 && at.b === 0; i++) {
        a.transmit(frame, 0, frame.length)
        await sleep(20)
      }
      expect(at.b).toBeGreaterThan(0)
      expect(at.a).toBe(0)
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
