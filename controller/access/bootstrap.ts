/**
 * The first operator: a site that has none gets a token whose secret is in a file beside the store, readable by whoever runs
 * the controller. The file is written before the token counts, and what a crash has left is used again.
 *
 * Neighbours: access.ts looks tokens up, ../tls/private-file.ts writes what others may not read.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Store } from '../store/store.ts'
import { replaceFiles } from '../tls/private-file.ts'
import { hashOf, isSecret, newSecret } from './secret.ts'

const ID = 'first-operator'

/** @returns whether the site had no operator until now */
export function ensureOperator(store: Store, file: string): boolean {
  for (const token of store.snapshot.list('siteToken').values())
    if (token.role === 'operator' && token.expires === undefined) return false
  const left = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  const secret = isSecret(left) ? left : newSecret()
  if (secret !== left) replaceFiles([file, `${secret}\n`])
  const spec = {
    role: 'operator',
    sha256: hashOf(secret),
    description: 'made when the site had no operator',
  } as const
  store.commit([{ collection: 'siteToken', key: ID, spec }], { who: 'controller' })
  return true
}
