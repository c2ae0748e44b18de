/**
 * What makes damage visible: every row of the journal carries the hash of the one before and of
 * itself, and a whole site has one digest that follows a change without reading the rest.
 *
 * No secret goes in: this finds what disks, copies and editors do to a file, not a forger who
 * computes the hashes anew.
 */
import { hash } from 'node:crypto'
import type { Author } from './entry.ts'

/** The hash before the first revision. */
export const noHash: Uint8Array = new Uint8Array(32)

export interface Linked extends Author {
  readonly revision: number
  readonly at: number
  /** JSON of Entry. */
  readonly entry: string
}

/** SHA-256 of the hash before and everything that a row of the journal says. */
export function link(before: Uint8Array, row: Linked): Uint8Array {
  const { revision, at, who, requestId = null, via = null } = row
  const head = JSON.stringify([hex(before), revision, at, who, requestId, via])
  return hash('sha256', head + row.entry, 'buffer')
}

/**
 * The exclusive or of the SHA-256 of all rows of a site. Rows have unique keys, so no two cancel
 * each other; putting a row in and taking it out are the same operation.
 */
export class SiteDigest {
  readonly #words: Int32Array

  constructor(bytes: Uint8Array = noHash) {
    this.#words = new Int32Array(Uint8Array.from(bytes).buffer)
  }

  object(collection: string, key: string, value: string): void {
    this.#toggle(JSON.stringify([collection, key]) + value)
  }

  counter(name: string, value: number): void {
    this.#toggle(JSON.stringify([name, value]))
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(new Uint8Array(this.#words.buffer))
  }

  #toggle(row: string): void {
    const digest = hash('sha256', row, 'buffer')
    for (let word = 0; word < 8; word++) this.#words[word]! ^= digest.readInt32LE(word * 4)
  }
}

export interface Sealed {
  readonly revision: number
  readonly at: number
  readonly hash: Uint8Array
  readonly digest: Uint8Array
}

/** SHA-256 of what a snapshot says about itself. */
export function seal({ revision, at, hash: chained, digest }: Sealed): Uint8Array {
  return hash('sha256', JSON.stringify([revision, at, hex(chained), hex(digest)]), 'buffer')
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
