import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { decode } from '../../../southbound/openflow/message.ts'

/** What comes of a hello of these bytes: `open`, or the code of the error; and what we sent after ours. */
async function greet(version: number, body: string): Promise<[string, Uint8Array, Duplex]> {
  const [a, b] = duplexPair()
  let sent = Buffer.alloc(0)
  b.on('data', (chunk: Buffer) => {
    sent = Buffer.concat([sent, chunk])
  })
  b.on('error', () => {})
  const bytes = Buffer.from(body, 'hex')
  b.write(Buffer.from([version, 0, 0, 8 + bytes.length, 0, 0, 0, 9]))
  b.write(bytes)
  const outcome = await Connection.open(a).then(
    (connection) => {
      connection.close()
      return 'open'
    },
    (error: { code?: string }) => String(error.code),
  )
  await sleep(1)
  return [outcome, new Uint8Array(sent.subarray(16)), a]
}

test.each([
  ['of a later version, without a bitmap', 5, ''],
  ['of a version that nobody has written yet', 7, ''],
  ['of the latest version that there can be', 255, ''],
  ['of a later version, with ours in its bitmap', 7, '0001000800000090'],
  ['of the first version, with ours in its bitmap', 1, '0001000800000012'],
  ['with junk behind its elements', 4, '0001000800000010010203'],
  ['with an element of length 0', 4, '0001000000000000'],
  ['with an unknown last element without padding', 4, '0009000501'],
])('a hello is taken %s', async (_name, version, body) => {
  const [outcome, sent] = await greet(version, body)
  expect(outcome).toBe('open')
  expect(sent).toHaveLength(0)
})

test.each([
  ['1.0', 1, ''],
  ['1.0, with a body, which 1.0 allows', 1, '010203'],
  ['1.3, whose bitmap has 1.0 alone', 4, '0001000800000002'],
  ['1.4, with an empty bitmap', 5, '0001000400000000'],
])('a peer of no common version is told hello_failed: %s', async (_name, version, body) => {
  const [outcome, sent] = await greet(version, body)
  expect(outcome).toBe('version')
  expect(decode(sent)).toMatchObject({ type: 'error', xid: 9, error_type: 0, code: 0 })
})

test.each([
  ['version 0', '0000000800000001'],
  ['TLS', '1603010200010001fc0303'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
])('noise instead of a hello is not waited for: %s', async (_name, noise) => {
  const [a, b] = duplexPair()
  b.on('data', () => {}).on('error', () => {})
  b.write(Buffer.from(noise, 'hex'))
  await expect(Connection.open(a)).rejects.toMatchObject({ code: 'garbage' })
})

test('a stream is not left open by a signal that has aborted already', async () => {
  const [a] = duplexPair()
  const signal = AbortSignal.abort(new Error('never mind'))
  await expect(Connection.open(a, { signal })).rejects.toThrow('never mind')
  expect(a.destroyed).toBe(true)
})
