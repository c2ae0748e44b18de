/** The way from 127.0.0.1 to the controller's unix socket. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openRelay } from '../../topologies/lab/netns/relay.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-relay-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('HTTP passes both ways, a server that is away closes connections, one that is back is found', async () => {
  const path = join(directory, 'rest.sock')
  const relay = await openRelay(path)
  const url = `http://127.0.0.1:${relay.port}`
  await expect(fetch(url)).rejects.toThrow()
  for (const life of ['first', 'second']) {
    const server = createServer((request, response) => {
      request.pipe(response.setHeader('life', life))
    }).listen(path)
    await once(server, 'listening')
    const body = 'x'.repeat(1_000_000)
    const response = await fetch(url, { method: 'POST', body })
    expect(response.headers.get('life')).toBe(life)
    expect((await response.text()).length).toBe(body.length)
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    await expect(fetch(url)).rejects.toThrow()
  }
  await relay.close()
  await relay.close()
  await expect(fetch(url)).rejects.toThrow()
})
