/** `GET /v1/infra/store`: how the store is, and with `verify` whether all of it is what was written. Neighbour: store/backup.ts verifies. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { StoreError } from '../store/error.ts'
import { verifiedCopy } from '../store/examine.ts'
import { roomOf } from '../store/files.ts'
import type { Backing } from './objects.ts'
import { answering, problemResponses } from './openapi.ts'

const ReportSchema = Type.Object(
  {
    revision: Type.Integer(),
    oldest: Type.Integer({ description: 'the oldest revision that can be read' }),
    problem: Type.Optional(Type.String({ description: 'why the last write failed' })),
    bytes: Type.Optional(Type.Integer({ description: 'that it takes on its disk' })),
    freeBytes: Type.Optional(Type.Integer({ description: 'that its disk has left' })),
    verified: Type.Optional(
      Type.Object(
        {
          revision: Type.Optional(Type.Integer({ description: 'that all is verified up to' })),
          problem: Type.Optional(
            Type.String({
              description: 'the first that cannot be trusted, or why it is not known',
            }),
          ),
        },
        { description: 'with verify' },
      ),
    ),
  },
  { title: 'StoreReport' },
)
export type StoreReport = Static<typeof ReportSchema>

export function addStoreReport(app: FastifyInstance, { store }: Backing): void {
  const verify = Type.Literal('true', {
    description: "'true': a copy is made and every row held against the chain of hashes",
  })
  const schema = {
    tags: ['controller'],
    operationId: 'getStoreReport',
    summary: 'Read how the store is, and whether it is whole',
    querystring: Type.Object({ verify: Type.Optional(verify) }, { additionalProperties: false }),
    response: { 200: answering('now', ReportSchema), ...problemResponses },
  }
  const config = { needs: 'infra:read' } as const
  /** One at a time: it reads all there is. */
  let verifying: Promise<StoreReport['verified']> | undefined
  app.get('/v1/infra/store', { schema, config }, async ({ query, method }) => {
    const isAsked = (query as { verify?: 'true' }).verify !== undefined && method !== 'HEAD'
    if (isAsked)
      verifying ??= verified(() => verifiedCopy(store)).finally(() => {
        verifying = undefined
      })
    const found = isAsked ? await verifying : undefined
    const { problem, path, oldestRevision: oldest } = store
    return {
      revision: store.snapshot.revision,
      oldest,
      ...(problem && { problem: reasonOf(problem) }),
      ...roomOf(path),
      ...(found && { verified: found }),
    }
  })
}

async function verified(copy: () => Promise<number>): Promise<StoreReport['verified']> {
  try {
    return { revision: await copy() }
  } catch (error) {
    if (error instanceof StoreError) return { problem: reasonOf(error) }
    throw error
  }
}

/** Without where the file is, which is nobody's business here. */
const reasonOf = ({ type, detail }: StoreError): string =>
  [type.replaceAll('_', ' '), detail].filter((part) => part !== '').join(': ')
