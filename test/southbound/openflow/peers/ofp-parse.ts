/** What ovs-ofctl reads in messages: all of them in one process. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { encode } from '../../../../southbound/openflow/message.ts'

const MARK = 0x77654674

/** The text for each message, in order. */
export async function ofpParse(messages: readonly Uint8Array[]): Promise<readonly string[]> {
  const mark = encode({ type: 'barrier_request', xid: MARK })
  const dir = mkdtempSync(join(tmpdir(), 'weft-ofp-parse-'))
  const file = join(dir, 'messages')
  try {
    writeFileSync(
      file,
      messages
        .flatMap((message) => [message, mark])
        .reduce((all, one) => Buffer.concat([all, one]), Buffer.alloc(0)),
    )
    const { stdout } = await promisify(execFile)('ovs-ofctl', ['ofp-parse', file], {
      maxBuffer: 1 << 26,
    })
    const end = `OFPT_BARRIER_REQUEST (OF1.3) (xid=0x${MARK.toString(16)}):\n`
    return stdout.split(end).slice(0, -1)
  } finally {
    rmSync(dir, { recursive: true })
  }
}
