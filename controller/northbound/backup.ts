/**
 * `GET /v1:backup`: the store as it is, while the controller runs; everything that was answered before is in it. It has the
 * hashes of tokens, so it is for who may make them. Neighbour: store/backup.ts makes and verifies the copy.
 */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Backing } from './objects.ts'
import { problemResponses } from './openapi.ts'

const mediaType = 'application/vnd.sqlite3'

export function addBackup(app: FastifyInstance, { store }: Backing): void {
  const schema = {
    tags: ['controller'],
    operationId: 'backupSite',
    summary: 'A copy of the store, verified, as a file for `weft restore`',
    querystring: Type.Object({}, { additionalProperties: false }),
    response: {
      200: {
        description: 'a SQLite file',
        content: { [mediaType]: { schema: { type: 'string' } } },
      },
      ...problemResponses,
    },
  }
  const options = { schema, config: { needs: 'access:write' } } as const
  app.get('/v1::backup', options, async ({ method }, reply) => {
    // Who asks for the head alone needs no copy.
    if (method === 'HEAD') return reply.type(mediaType).send()
    const folder = await mkdtemp(join(tmpdir(), 'weft-backup-'))
    const file = join(folder, 'backup.db')
    reply.raw.once('close', () => void rm(folder, { recursive: true, force: true }))
    await store.backup(file)
    return reply.type(mediaType).send(createReadStream(file))
  })
}
