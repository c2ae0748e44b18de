/**
 * The first operator: a site that has none gets a token whose secret is in a file beside the store, readable by whoever runs
 * the controller. The file is written before the token counts, and what a crash has left is used; a secret that was let in
 * once and is no longer stays out.
 *
 * Neighbours: access.ts looks tokens up, ../tls/private-file.ts writes what others may not read.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { SiteToken } from '../model/schema.ts'
import type { Store } from '../store/store.ts'
import { replaceFiles } from '../tls/private-file.ts'
import { hashOf, isSecret, newSecret } from './secret.ts'

const ID = 'first-operator'

/** @returns whether the site had no operator until now */
export function ensureOperator(store: Store, file: string): boolean {
  for (const token of store.snapshot.list('siteToken').values())
    if (token.role === 'operator' && token.expires === undefined) return false
  const left = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  const secret = isSecret(left) && !mayHaveEnded(store, left) ? left : newSecret()
  if (secret !== left) replaceFiles([file, `${secret}\n`])
  const spec = {
    role: 'operator',
    sha256: hashOf(secret),
    description: 'made when the site had no operator',
  } as const
  store.commit([{ collection: 'siteToken', key: ID, spec }], { who: 'controller' })
  return true
}

/** Whether a secret was that of a token which is no longer there; also when history does not go back far enough to tell. */
function mayHaveEnded(store: Store, secret: string): boolean {
  if (store.oldestRevision > 0) return true
  const sha256 = hashOf(secret)
  for (const { entry } of store.journal())
    for (const [collection, , before] of entry.objects)
      if (collection === 'siteToken' && (before as SiteToken | null)?.sha256 === sha256) return true
  return false
}
