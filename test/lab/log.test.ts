/** A request can be followed in the log: to its revision, and to each host that got what it asked for. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import type { Logger } from '../../controller/reconciler/log.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'

test('the id of a request is in the log of its commit, and of the flows and rows of every host that it came to', async () => {
  const file = new URL('../../topologies/three-kinds.yaml', import.meta.url)
  const lines: Record<string, unknown>[] = []
  const log: Logger = {
    info: (fields, event) => void lines.push({ ...fields, event }),
    warn: () => {},
  }
  const document = parseDocument(readFileSync(file, 'utf8'), 'three-kinds.yaml')
  await using lab = await openMemoryLab({ document, log, signal: AbortSignal.timeout(60_000) })
  const before = lines.length
  const answer = await fetchChecked(
    `${lab.url}/v1/tenants/acme/networks/web?wait=realized&timeout=30s`,
    {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json', 'x-request-id': 'change-4711' },
      body: JSON.stringify({ mtuBytes: 1400 }),
    },
  )
  expect(answer.status).toBe(200)
  const ours = lines.slice(before)
  expect(ours.filter(({ event }) => event === 'committed')).toMatchObject([
    { requestId: 'change-4711', revision: expect.any(Number), hosts: 3 },
  ])
  const reached = ours.filter(
    ({ requests }) => Array.isArray(requests) && requests.includes('change-4711'),
  )
  expect(new Set(reached.map(({ event, host }) => `${event} ${host}`))).toEqual(
    new Set(['applied h1', 'applied h2', 'rows written h3']),
  )
})
