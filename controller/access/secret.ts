/**
 * Secrets of local tokens: 256 random bits, so that a plain SHA-256 of one gives nothing away. Neighbours: access.ts
 * looks them up, bin/ makes them.
 */
import { createHash, randomBytes } from 'node:crypto'

const prefix = 'weft_'
const form = /^weft_[A-Za-z0-9_-]{43}$/

/** A new secret; to be shown once and kept by its owner alone. */
export const newSecret = (): string => prefix + randomBytes(32).toString('base64url')

/** Whether a text can be a secret of ours. */
export const isSecret = (text: string): boolean => form.test(text)

/** SHA-256 of a secret as token objects have it. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
