/** What we write as pcapng, read by tshark. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pcapngWriter } from '../../../dataplane/ports/pcapng-writer.ts'
import { needs } from '../../needs.ts'

const options = {
  application: 'weft',
  interfaces: [{ name: 'a' }, { name: 'b' }],
  now: () => 9n,
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-pcapng-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('by tshark', needs('tshark'), () => {
  test('names, times, directions and comments are what was written', async () => {
    const stream = new PassThrough()
    const writer = pcapngWriter(stream, options)
    const frame = Buffer.from('02000000001202000000001188b5000000000000', 'hex')
    const at = 1_700_000_000_123_456_789n
    writer.write({ interfaceId: 1, at, frame, direction: 'in', comment: 'h1 acme/vm1: ärriveś' })
    writer.write({ interfaceId: 0, at: at + 1n, frame, direction: 'out', comment: 'two' })
    writer.close()
    const fields = ['frame.interface_name', 'frame.time_epoch', 'frame.packet_flags_direction']
    const argv = [...fields, 'frame.comment', 'eth.dst'].flatMap((field) => ['-e', field])
    const file = join(folder, 'a.pcapng')
    writeFileSync(file, await buffer(stream))
    const said = execFileSync('tshark', ['-r', file, '-T', 'fields', ...argv], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(said.trimEnd().split('\n')).toEqual([
      'b\t1700000000.123456789\t0x00000001\th1 acme/vm1: ärriveś\t02:00:00:00:00:12',
      'a\t1700000000.123456790\t0x00000002\ttwo\t02:00:00:00:00:12',
    ])
  })
})
